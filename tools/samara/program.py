# SPDX-License-Identifier: MIT
"""A program of the host: which files have to be in the root for it to run.

The program goes to /app/NAME. Its interpreter (PT_INTERP) goes to the path that the program names, its libraries to where
the dynamic linker will find them: one found through RUNPATH keeps that place ($ORIGIN is /app), others go to the
distribution's library directory. Libraries are looked for in this order:

    the program's RUNPATH, the program's directory, the root (--rootfs, --package),
    the compiler's libraries (/usr/aarch64-linux-gnu/lib, ports.py), Debian's package for that machine
"""
import os

from . import elf, packages, ports, rootfs
from .errors import Failure

APP = "/app"

# Names that musl's dynamic linker takes for itself (ldso/dynlink.c, "reserved").
MUSL_OWN = ("libc.", "libpthread.", "librt.", "libm.", "libdl.", "libutil.", "libxnet.")

# Where Debian keeps what a C, C++ or musl program needs; anything else has to be named by the user.
DEBIAN_PACKAGE = {"libgcc_s.so.1": "libgcc-s1", "libstdc++.so.6": "libstdc++6", "libgomp.so.1": "libgomp1",
                  "libatomic.so.1": "libatomic1", "libz.so.1": "zlib1g", "libcrypt.so.1": "libcrypt1"}


def debian_package(name, port):
    if name in port.libc6:
        return "libc6"
    return "musl" if name.startswith("ld-musl-") else DEBIAN_PACKAGE.get(name)


class Plan:
    """Files to add to the root: .files {path in the root: path on the host}, and .path of the program there."""

    def __init__(self, host_path, tree=None, port=ports.DEFAULT):
        self.port = port
        self.host_path = os.path.abspath(host_path)
        self.tree = tree
        self.files = {}
        self.done = set()
        self.path = f"{APP}/{os.path.basename(self.host_path)}"
        self.files[self.path] = self.host_path
        if elf.is_elf(self.host_path):
            self.add_elf()
        else:
            self.check_script()

    def add_elf(self):
        program = elf.Elf(self.host_path, port=self.port)
        if program.is_library:
            raise Failure(f"{self.host_path} is a shared library; give the program that uses it")
        self.is_musl = "ld-musl-" in (program.interpreter or "")
        self.has_loader = bool(program.interpreter)
        if self.has_loader:
            self.add_interpreter(program)
            self.add_libraries(program, APP)
            if not self.is_musl:
                # glibc loads it on its own, for pthread_exit and pthread_cancel.
                self.add_library("libgcc_s.so.1", program, APP, optional=True)

    def add_interpreter(self, program):
        name = os.path.basename(program.interpreter)
        if self.tree and rootfs.lookup(self.tree, program.interpreter):
            return
        found = self.find_elsewhere(name, program.interpreter)
        if not found:
            raise Failure(f"{self.host_path} needs the dynamic linker {program.interpreter}, which is neither on this machine "
                          "nor in a Debian package that is known here; give the --package or --rootfs that has it")
        self.files[program.interpreter] = found

    def add_libraries(self, item, origin):
        """What `item` needs, and what that needs in turn. `origin` is the directory of `item` in the root."""
        for name in item.needed:
            if self.is_musl and name.startswith(MUSL_OWN):
                continue
            self.add_library(name, item, origin)

    def add_library(self, name, item, origin, optional=False):
        if name in self.done:
            return
        self.done.add(name)
        found = self.find_library(name, item, origin)
        if not found:
            if optional:
                return
            raise Failure(f"{item.path} needs the library {name}, which was not found; put it beside the program, or give "
                          "the Debian package that has it with --package")
        host, place = found
        if place:
            self.files[place] = host
        self.add_libraries(elf.Elf(host), os.path.dirname(place) if place else self.port.library_directories[0])

    def find_library(self, name, item, origin):
        """(path on the host, path in the root, or None if the root has it already), or None."""
        if name.startswith("/"):
            return (name, name) if usable(name, self.port) else None
        host_directory = os.path.dirname(os.path.abspath(item.path))
        for entry in item.search:
            host = os.path.join(expand(entry, host_directory, self.port), name)
            if usable(host, self.port):
                return host, os.path.normpath(os.path.join(expand(entry, origin, self.port), name))
        default = "/lib" if self.is_musl else self.port.library_directories[0]
        beside = os.path.join(os.path.dirname(self.host_path), name)
        if usable(beside, self.port):
            return beside, f"{default}/{name}"
        for directory in self.port.library_directories if self.tree else []:
            host = rootfs.lookup(self.tree, f"{directory}/{name}")
            if host and usable(host, self.port):
                return host, None
        host = self.find_elsewhere(name)
        return (host, f"{default}/{name}") if host else None

    def find_elsewhere(self, name, wanted=None):
        """In the compiler's libraries, else in Debian's package. `wanted` is an exact path inside a package."""
        for directory in self.port.host_libraries:
            host = os.path.join(directory, name)
            if usable(host, self.port) and not name.startswith("ld-musl-"):
                return os.path.realpath(host)
        package = debian_package(name, self.port)
        if not package:
            return None
        tree = packages.files_of(package, self.port)
        for path in ([wanted] if wanted else []) + [f"{directory}/{name}" for directory in self.port.library_directories]:
            host = rootfs.lookup(tree, path)
            if host:
                return host
        return None

    def check_script(self):
        interpreter = elf.interpreter_of_script(self.host_path)
        if not interpreter:
            raise Failure(f"{self.host_path} is neither an ELF program nor a script that begins with #!")
        if not self.tree or not rootfs.lookup(self.tree, interpreter):
            raise Failure(f"{self.host_path} is a script for {interpreter}, which is not in the root; give the Debian package "
                          "that has it with --package")


def usable(path, port):
    """Is this a library or interpreter of the port? One of another architecture is passed over, as ld.so(8) does."""
    if not os.path.isfile(path) or not elf.is_elf(path):
        return False
    try:
        elf.Elf(path, port=port)
    except Failure:
        return False
    return True


def expand(entry, origin, port):
    """A RUNPATH entry with its $ORIGIN, $LIB and $PLATFORM replaced."""
    for name, value in (("ORIGIN", origin), ("LIB", "lib/" + port.multiarch), ("PLATFORM", port.platform)):
        entry = entry.replace("${" + name + "}", value).replace("$" + name, value)
    return os.path.normpath(entry)


def check_in_tree(tree, path, port=ports.DEFAULT):
    """Failure if the program `path` of the root cannot run: another architecture, or no interpreter there."""
    host = rootfs.lookup(tree, path)
    if not host or not os.path.isfile(host):
        raise Failure(f"there is no {path} in the root; check the name, or add the package that has it with --package")
    if elf.is_elf(host):
        program = elf.Elf(host, path, port)
        if program.interpreter and not rootfs.lookup(tree, program.interpreter):
            raise Failure(f"{path} needs the dynamic linker {program.interpreter}, which is not in the root; add "
                          f"--package {debian_package(os.path.basename(program.interpreter), port) or 'libc6'}")
        return
    interpreter = elf.interpreter_of_script(host)
    if not interpreter:
        raise Failure(f"{path} in the root is neither an ELF program nor a script that begins with #!")
    if not rootfs.lookup(tree, interpreter):
        raise Failure(f"{path} is a script for {interpreter}, which is not in the root; add its package with --package")
