# SPDX-License-Identifier: MIT
"""EROFS images of a root, cached by content.

An image is made from layers (whole trees, later ones on top), single files, and copies of host directories. Its name in the
cache is a digest of what it is made from: tree keys and file hashes, not times of use. Images are made beside their final
name and renamed, so several runs at once do no harm.

How the image is made: uncompressed, each file's data block aligned (the kernel maps it in place, so no inline tails), no
extended attributes, files keep their times. Files of packages that were installed belong to whom dpkg says, all others to root.
"""
import contextlib
import hashlib
import os
import shutil
import struct
import subprocess
import time

from . import paths, rootfs
from .errors import Failure
from .packages import digest
from .progress import Progress, megabytes

MKFS_OPTIONS = ["--quiet", "-x-1", "-E", "noinline_data", "-U", "00000000-0000-0000-0000-000000000000"]
FORMAT = 2  # raise it when the layout below or MKFS_OPTIONS change: old images are then no longer used
EROFS_MAGIC = 0xE0F5E1E2
HASH_WHOLE = 64_000_000  # bytes; larger files are known by size, time and inode
CACHE_LIMIT = 6_000_000_000  # bytes of images that are kept; the ones not used for longest go first
CACHE_KEEP_SECONDS = 3600  # images used since then always stay


def file_key(path):
    """What identifies a file's content."""
    status = os.stat(path)
    if status.st_size > HASH_WHOLE:
        return [status.st_size, status.st_mtime_ns, status.st_ino]
    with open(path, "rb") as handle:
        return hashlib.sha256(handle.read()).hexdigest()


def tree_key(tree):
    """What identifies a directory of the user's: names, modes, sizes, times and inodes of all that is in it."""
    state = hashlib.sha256()
    pending = [tree]
    while pending:
        folder = pending.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise Failure(f"cannot read {folder}: {error.strerror}") from error
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            link = os.readlink(entry.path) if entry.is_symlink() else ""
            state.update(repr((entry.path, status.st_mode, status.st_size, status.st_mtime_ns, status.st_ino,
                               link)).encode("utf-8", "surrogateescape"))
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
    return state.hexdigest()


class Image:
    """What an image shall contain. layers: [(tree, key)], files: {path: host path}, volumes: [(host dir, path)].
    has_owners: the first layer's files keep their owners; so does what the user (root, then) adds."""

    def __init__(self, layers, files=None, volumes=None, has_owners=False):
        self.owners = [] if has_owners else ["--all-root"]
        self.layers = layers
        self.files = files or {}
        self.volumes = volumes or []

    def key(self):
        files = {path: [file_key(host), os.stat(host).st_mtime_ns] for path, host in self.files.items()}
        volumes = [[path, tree_key(host)] for host, path in self.volumes]
        return digest([FORMAT, MKFS_OPTIONS, self.owners, [key for _, key in self.layers], files, volumes])

    def build(self):
        """The path of the image; made if it is not in the cache."""
        folder = paths.cache_dir("images")
        key = self.key()
        path = os.path.join(folder, key + ".erofs")
        if not use(path):
            with paths.locked_entry(folder, key):
                if not use(path):
                    self.make(folder, path)
        return path

    def make(self, folder, path):
        mkfs = paths.find_tool("mkfs.erofs", "erofs-utils")
        stage = f"{path}.{os.getpid()}.tmp"
        output = f"{path}.{os.getpid()}.new.tmp"
        with Progress() as progress:
            try:
                tree = self.stage(stage, progress)
                progress.show("making the image")
                check_room(tree, folder)
                done = subprocess.run([mkfs, *MKFS_OPTIONS, *self.owners, output, tree], text=True, capture_output=True, check=False,
                                      stdin=subprocess.DEVNULL)
                if done.returncode:
                    message = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
                    raise Failure(f"mkfs.erofs failed: {message[0]}")
                os.rename(output, path)
            finally:
                shutil.rmtree(stage, ignore_errors=True)
                if os.path.exists(output):
                    os.unlink(output)
        prune(folder)
        paths.sweep(folder)

    def stage(self, stage, progress):
        """The directory for mkfs.erofs: a single layer as it is, else everything together in `stage`."""
        if len(self.layers) == 1 and not self.files and not self.volumes:
            return self.layers[0][0]
        progress.show("collecting files")
        if not self.layers:
            rootfs.skeleton(stage)
            rootfs.default_files(stage)
        for tree, _ in self.layers:
            rootfs.clone(tree, stage)
        for path, host in self.files.items():
            target = place(stage, path)
            rootfs.copy_file(os.path.realpath(host), target)
            if path.startswith("/app/") and not os.access(target, os.X_OK):
                make_executable(target)
        for host, path in self.volumes:
            rootfs.clone(host, place(stage, path))
        return stage


def place(stage, path):
    """The host path for `path` in a staged root; its directory exists, an older file there does not."""
    parent = os.path.dirname(path)
    folder = rootfs.lookup(stage, parent) if parent != "/" else stage
    if not folder:
        # Make it step by step, so that links of the merged /usr on the way are followed inside the stage.
        folder = os.path.join(place(stage, parent))
        os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, os.path.basename(path))
    if os.path.lexists(target) and not os.path.isdir(target):
        os.unlink(target)
    return target


def make_executable(path):
    """Set the x bits on a copy: the file may be shared with the host by a hard link."""
    shutil.copy2(path, path + ".x")
    os.chmod(path + ".x", os.stat(path).st_mode | 0o111)
    os.replace(path + ".x", path)


def use(path):
    """Mark an image as used now; False when it does not exist."""
    try:
        os.utime(path)
        return True
    except FileNotFoundError:
        return False


def check_room(tree, folder):
    """Failure when the image will not fit on the disk."""
    need = 0
    for parent, _, names in os.walk(tree):
        need += 4096 + sum((os.lstat(os.path.join(parent, name)).st_size + 8191) & ~4095 for name in names)
    room = os.statvfs(folder)
    if need + 32_000_000 > room.f_bavail * room.f_frsize:
        raise Failure(f"the image needs {megabytes(need)} MB in {folder}; make room, or set SAMARA_CACHE to another directory")


def prune(folder):
    """Delete the images that were not used for longest while all together exceed CACHE_LIMIT."""
    images = []
    for entry in list(os.scandir(folder)):
        if entry.name.endswith(".erofs"):
            try:
                status = entry.stat()
            except FileNotFoundError:
                continue  # another run deleted it
            images.append((status.st_mtime, status.st_size, entry.path))
    total = sum(size for _, size, _ in images)
    for used, size, path in sorted(images):
        if total <= CACHE_LIMIT or used > time.time() - CACHE_KEEP_SECONDS:
            break
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        total -= size


# -- images of the user's ---------------------------------------------------------------------------------------------

def check_foreign(path):
    """Failure unless `path` is an EROFS image that can be used as it is."""
    try:
        with open(path, "rb") as handle:
            start = handle.read(4096)
    except OSError as error:
        raise Failure(f"cannot read {path}: {error.strerror}") from error
    if len(start) >= 1024 + 128 and struct.unpack_from("<I", start, 1024)[0] == EROFS_MAGIC:
        return
    kind = "no EROFS image"
    if start[:4] == b"hsqs":
        kind = "a squashfs image"
    elif len(start) >= 1082 and start[1080:1082] == b"\x53\xef":
        kind = "an ext2/3/4 image"
    elif start[257:262] == b"ustar" or start[:2] == b"\x1f\x8b":
        kind = "an archive"
    raise Failure(f"{path} is {kind}; --rootfs takes a directory or an image made by mkfs.erofs (unpack it into a "
                  "directory and give that)")


def extract(path):
    """The content of an EROFS image as a directory, for adding files to it or looking into it."""
    status = os.stat(path)
    key = digest([os.path.abspath(path), status.st_size, status.st_mtime_ns, status.st_ino])
    roots = paths.cache_dir("roots")
    tree = os.path.join(roots, key)
    with paths.locked_entry(roots, key):
        if not os.path.isdir(tree):
            temporary = f"{tree}.{os.getpid()}.tmp"
            done = subprocess.run([paths.find_tool("fsck.erofs", "erofs-utils"), f"--extract={temporary}", path],
                                  text=True, capture_output=True, check=False)
            if done.returncode:
                shutil.rmtree(temporary, ignore_errors=True)
                message = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
                raise Failure(f"{path} cannot be read: {message[0]}; make it again with mkfs.erofs")
            os.rename(temporary, tree)
    return tree, key
