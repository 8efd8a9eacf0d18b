# SPDX-License-Identifier: MIT
"""Where things are: the repository, the kernel image, and what is cached.

Everything that this command writes lies under cache_dir(): $SAMARA_CACHE, else build/ in the repository, else (when
that cannot be written) ~/.cache/samara. Deleting it costs time only.
"""
import contextlib
import fcntl
import os
import shutil
import time

from .errors import Failure, missing_tool

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def cache_dir(*parts):
    """A directory of the cache, created when it does not exist yet."""
    base = os.environ.get("SAMARA_CACHE") or os.path.join(REPO, "build")
    if not os.environ.get("SAMARA_CACHE"):
        writable = base if os.path.isdir(base) else REPO
        if not os.access(writable, os.W_OK):
            base = os.path.join(os.path.expanduser("~"), ".cache", "samara")
    path = os.path.join(os.path.abspath(base), *parts)
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise Failure(f"cannot create {path} ({error.strerror}); set SAMARA_CACHE to a directory "
                      "that can be written") from error
    return path


def find_tool(tool, package):
    """The path of a host program; Failure naming its Debian package when there is none."""
    path = shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise missing_tool(tool, package)
    return path


@contextlib.contextmanager
def plain_umask():
    """What is made for a root can be read by every user in it, whatever this user's own files are like (umask 077)."""
    old = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(old)


@contextlib.contextmanager
def locked(path):
    """Hold an exclusive lock on the file `path` (created). Waits for other runs of this command."""
    with open(path, "a", encoding="ascii") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def locked_entry(folder, key):
    """A lock for making the entry `key` of a cache folder. Few files serve all keys: locks cannot be deleted safely."""
    return locked(os.path.join(folder, f"lock-{key[0]}"))


def sweep(folder):
    """Delete what killed runs left in a cache folder: entries ending in .tmp that are older than a day."""
    for entry in list(os.scandir(folder)):
        with contextlib.suppress(OSError):
            if entry.name.endswith(".tmp") and entry.stat(follow_symlinks=False).st_mtime < time.time() - 86400:
                shutil.rmtree(entry.path) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)


def write_file(path, content):
    """Replace the file `path` in one step, so that nobody sees half of it."""
    temporary = f"{path}.{os.getpid()}.tmp"
    mode = "wb" if isinstance(content, bytes) else "w"
    with open(temporary, mode) as handle:
        handle.write(content)
    os.replace(temporary, path)
