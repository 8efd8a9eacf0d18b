# SPDX-License-Identifier: MIT
"""Debian packages as a directory tree.

A tree is kept below roots/ in the cache under a name made from the exact versions of all packages in it. Which versions
belong to a list of names is remembered too (until the package lists are fetched anew), so that a second run asks nobody.
"""
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import tarfile

from . import paths, ports, rootfs
from .apt import Apt
from .errors import Failure
from .progress import Progress, megabytes

NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9]+)?([=/][A-Za-z0-9.+:~-]+)?")


def digest(value):
    """A short stable key of anything that json can write."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:24]


def code_digest():
    """A key of the code that fills a tree: another version of it makes another tree."""
    content = b""
    for module in ("packages.py", "rootfs.py", "postinst.py"):
        with open(os.path.join(os.path.dirname(__file__), module), "rb") as handle:
            content += handle.read()
    return hashlib.sha256(content).hexdigest()


def check_names(names):
    for name in names:
        if not NAME.fullmatch(name):
            raise Failure(f"'{name}' cannot be the name of a Debian package; names look like python3-minimal")


def resolve(apt, names, progress):
    """[(package, version)] in the order of unpacking. From memory if the package lists have not changed since."""
    memory = os.path.join(paths.cache_dir("roots"), f"resolved-{digest([apt.arch, sorted(names)])}.json")
    try:
        stamp = os.stat(apt.stamp).st_mtime_ns
        with open(memory, encoding="utf-8") as handle:
            remembered = json.load(handle)
        if remembered["stamp"] == stamp:
            return [tuple(package) for package in remembered["packages"]]
    except (OSError, ValueError, KeyError):
        pass
    with paths.locked(apt.lock):
        apt.update(progress)
        progress.show("resolving " + " ".join(names))
        packages = apt.resolve(names)
        stamp = os.stat(apt.stamp).st_mtime_ns
    if not packages:
        raise Failure(f"apt-get found nothing to unpack for {' '.join(names)}; run `samara update` and try again")
    paths.write_file(memory, json.dumps({"stamp": stamp, "packages": packages}))
    return packages


def tree_of(names, port=ports.DEFAULT):
    """The directory that holds `names` with everything they depend on; made if it is not there yet."""
    check_names(names)
    names = sorted(set(names))
    apt = Apt(port.debian)
    with Progress() as progress:
        packages = resolve(apt, names, progress)
        roots = paths.cache_dir("roots")
        key = digest([packages, port.debian, code_digest()])
        tree = os.path.join(roots, key)
        if os.path.isdir(tree):
            return tree
        with paths.locked_entry(roots, key):
            if not os.path.isdir(tree):
                with paths.locked(apt.lock):
                    apt.configure()
                    apt.download(names, progress)
                archives = [apt.archive(package, version) for package, version in packages]
                make_tree(archives, tree, progress, port)
                paths.sweep(roots)
    return tree


def make_tree(archives, tree, progress, port=ports.DEFAULT):
    """Unpack into a temporary directory beside `tree`, which then gets the name in one step."""
    need = 4 * sum(os.stat(archive).st_size for archive in archives)
    room = os.statvfs(os.path.dirname(tree))
    if need + 64_000_000 > room.f_bavail * room.f_frsize:
        raise Failure(f"unpacking needs about {megabytes(need)} MB in {os.path.dirname(tree)}; make room, or set "
                      "SAMARA_CACHE to another directory")
    temporary = f"{tree}.{os.getpid()}.tmp"
    try:
        rootfs.skeleton(temporary, port)
        scripts = []
        for index, archive in enumerate(archives):
            package = os.path.basename(archive).split("_")[0]
            progress.count("unpack", index, len(archives), " " + package)
            unpack(archive, temporary)
            scripts.append((package, postinst(archive)))
        progress.show("configuring the root")
        rootfs.finish(temporary, scripts, port)
        os.chmod(temporary, 0o755)
        os.rename(temporary, tree)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def unpack(archive, directory):
    """Unpack one .deb. Not `dpkg-deb -x`: it replaces the links of the merged /usr (lib -> usr/lib) by directories."""
    with subprocess.Popen([paths.find_tool("dpkg-deb", "dpkg"), "--fsys-tarfile", archive],
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as source:
        done = subprocess.run([paths.find_tool("tar", "tar"), "-x", "-p", "-C", directory, "--keep-directory-symlink",
                               "--no-same-owner", "--warning=no-timestamp", "--exclude=./usr/share/doc/*",
                               "--exclude=./usr/share/man/*", "--exclude=./usr/share/locale/*"],
                              stdin=source.stdout, capture_output=True, text=True, check=False)
    if done.returncode or source.returncode:
        raise Failure(f"cannot unpack {archive} ({done.stderr.strip() or 'damaged archive'}); delete it and try again")


def postinst(archive):
    """The text of the package's postinst script, "" when it has none."""
    done = subprocess.run([paths.find_tool("dpkg-deb", "dpkg"), "--ctrl-tarfile", archive], capture_output=True, check=False)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as control:
        for member in control:
            if os.path.basename(member.name) == "postinst" and member.isfile():
                return control.extractfile(member).read().decode("utf-8", "replace")
    return ""
