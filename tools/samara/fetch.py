# SPDX-License-Identifier: MIT
"""`samara fetch-package`: Debian packages unpacked into a directory, for the build and for tests.

The Makefile takes libfdt.a and its headers from here. A file DEST/.samara-packages names what is there, so that a second
call returns at once without asking apt.
"""
import os
import subprocess

from . import paths
from .apt import Apt
from .errors import Failure
from .progress import Progress

STAMP = ".samara-packages"


def unpack(archive, directory):
    """Unpack one .deb below `directory`."""
    done = subprocess.run([paths.find_tool("dpkg-deb", "dpkg"), "-x", archive, directory], text=True,
                          capture_output=True, check=False)
    if done.returncode:
        raise Failure(f"cannot unpack {archive}: {done.stderr.strip()}; delete the file and try again")


def fetch(names, destination, with_dependencies=False, arch="arm64"):
    """Make `destination` hold the packages `names`; with_dependencies: and all they depend on."""
    os.makedirs(destination, exist_ok=True)
    stamp = os.path.join(destination, STAMP)
    wanted = {name + ("+dependencies" if with_dependencies else "") for name in names}
    with paths.locked(stamp):
        with open(stamp, encoding="utf-8") as handle:
            present = set(handle.read().split())
        if wanted <= present:
            return
        for archive in fetch_archives(names, with_dependencies, arch):
            unpack(archive, destination)
        with open(stamp, "w", encoding="utf-8") as handle:
            handle.write("\n".join(sorted(present | wanted)) + "\n")


def fetch_archives(names, with_dependencies, arch):
    """The paths of the downloaded .deb files."""
    apt = Apt(arch)
    with Progress() as progress, paths.locked(apt.lock):
        apt.update(progress)
        if not with_dependencies:
            return apt.download_only(names, apt.archives, progress)
        packages = apt.resolve(names)
        apt.download(names, progress)
        return [apt.archive(package, version) for package, version in packages]
