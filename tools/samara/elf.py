# SPDX-License-Identifier: MIT
"""Reads what is needed of an ELF64 file: architecture, interpreter, needed libraries.

Field offsets are those of the "ELF-64 Object File Format" (version 1.5 draft 2, figures 2, 6 and 9) and of the System V
gABI, chapters 4 and 5. The kernel checks much more before it runs a file; this reader has to give a good sentence for the
usual mistakes before a machine is started.
"""
import os
import struct

from . import ports
from .errors import Failure

ARCHITECTURES = {3: "32-bit x86", 8: "MIPS", 20: "PowerPC", 21: "64-bit PowerPC", 22: "s390x", 40: "32-bit ARM",
                 62: "x86-64", 183: "arm64", 243: "RISC-V", 258: "LoongArch"}
ET_REL, ET_EXEC, ET_DYN, ET_CORE = 1, 2, 3, 4
PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NULL, DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_SONAME, DT_RPATH, DT_RUNPATH = 0, 1, 5, 10, 14, 15, 29
PHDR = struct.Struct("<IIQQQQQQ")  # type flags offset vaddr paddr filesz memsz align
MAX_PHNUM = 512


class Elf:
    """Fields: path, port, type, entry, segments [(type, offset, vaddr, filesz)], interpreter, needed, search, soname."""

    def __init__(self, path, shown=None, port=None):
        """Of this port only, when one is given."""
        self.path = path
        self.wanted = port
        self.shown = shown or path
        try:
            with open(path, "rb") as self.file:
                self.size = os.fstat(self.file.fileno()).st_size
                self.read_header()
                self.read_segments()
                self.read_dynamic()
        except OSError as error:
            raise Failure(f"cannot read {self.shown}: {error.strerror}") from error
        finally:
            self.file = None

    def read_at(self, offset, length, what):
        """Bytes of the file; Failure when it ends before."""
        if offset + length > self.size:
            raise Failure(f"{self.shown} is truncated: its {what} ends at byte {offset + length} and the file at byte "
                          f"{self.size}; copy or build it again")
        self.file.seek(offset)
        return self.file.read(length)

    def read_header(self):
        magic = self.file.read(4)
        if magic != b"\x7fELF":
            raise Failure(f"{self.shown} is not an ELF program")
        header = self.read_at(0, 64, "ELF header")
        self.type, machine = struct.unpack_from("<HH", header, 16)
        self.port = ports.by_elf_machine(machine) if header[4] == 2 and header[5] == 1 else None
        if not self.port or self.wanted not in (None, self.port):
            self.refuse(header)
        if self.type == ET_REL:
            raise Failure(f"{self.shown} is an object file; link it into a program first")
        if self.type not in (ET_EXEC, ET_DYN):
            raise Failure(f"{self.shown} is {'a core dump' if self.type == ET_CORE else 'an ELF file'}, not a program")
        self.entry, self.phoff = struct.unpack_from("<QQ", header, 24)
        self.phentsize, self.phnum = struct.unpack_from("<HH", header, 54)

    def refuse(self, header):
        machine = struct.unpack_from((">" if header[5] == 2 else "<") + "H", header, 18)[0]
        name = ARCHITECTURES.get(machine, f"machine type {machine}")
        port = self.wanted or ports.DEFAULT
        if ports.by_elf_machine(machine) and not self.port:
            name = f"big-endian {name}" if header[5] == 2 else f"{name} with 32-bit addresses"
        runs = f"this machine is {port.shown}" if self.wanted else "Samara runs " + " and ".join(p.shown for p in ports.PORTS) + " programs"
        raise Failure(f"{self.shown} is a program for {name}, and {runs}; build it with {port.compiler}, or take Debian's "
                      f"{port.debian} build with --package NAME" + (f" --arch {port.name}" if port != ports.DEFAULT else ""))

    def read_segments(self):
        if self.phentsize != PHDR.size or not 0 < self.phnum <= MAX_PHNUM:
            raise Failure(f"{self.shown} has a damaged program header table; build it again")
        table = self.read_at(self.phoff, self.phnum * PHDR.size, "program header table")
        self.segments = []
        for index in range(self.phnum):
            kind, _, offset, vaddr, _, filesz, _, _ = PHDR.unpack_from(table, index * PHDR.size)
            if kind in (PT_LOAD, PT_DYNAMIC, PT_INTERP) and offset + filesz > self.size:
                self.read_at(offset, filesz, f"segment {index}")
            self.segments.append((kind, offset, vaddr, filesz))
        if not any(segment[0] == PT_LOAD for segment in self.segments):
            raise Failure(f"{self.shown} has nothing to load; it may be a file of debug symbols only")
        interpreters = [(offset, filesz) for kind, offset, _, filesz in self.segments if kind == PT_INTERP]
        self.interpreter = None
        if interpreters:
            name = self.read_at(interpreters[0][0], min(interpreters[0][1], 4096), "interpreter's name")
            self.interpreter = os.fsdecode(name.split(b"\0")[0])

    def read_dynamic(self):
        self.needed, self.search, self.soname = [], [], None
        for kind, offset, _, filesz in self.segments:
            if kind == PT_DYNAMIC:
                data = self.read_at(offset, filesz, "dynamic section")
                self.parse_dynamic(list(struct.iter_unpack("<QQ", data[:len(data) & ~15])))
                break

    def parse_dynamic(self, entries):
        tags = {}
        for tag, value in entries:
            if tag == DT_NULL:
                break
            tags.setdefault(tag, []).append(value)
        if DT_STRTAB not in tags or DT_STRSZ not in tags:
            return
        start = self.file_offset(tags[DT_STRTAB][0])
        if start is None:
            return
        strings = self.read_at(start, tags[DT_STRSZ][0], "dynamic string table")

        def text(index):
            return os.fsdecode(strings[index:].split(b"\0")[0])

        self.needed = [text(index) for index in tags.get(DT_NEEDED, [])]
        self.soname = text(tags[DT_SONAME][0]) if DT_SONAME in tags else None
        # DT_RPATH counts only where there is no DT_RUNPATH (ld.so(8)).
        for index in tags.get(DT_RUNPATH) or tags.get(DT_RPATH, []):
            self.search += [part for part in text(index).split(":") if part]

    def file_offset(self, vaddr):
        """Where the byte at address `vaddr` lies in the file, or None."""
        for kind, offset, start, filesz in self.segments:
            if kind == PT_LOAD and start <= vaddr < start + filesz:
                return vaddr - start + offset
        return None

    @property
    def is_library(self):
        """A shared library has neither an interpreter nor an entry point. (A static-PIE has an entry point.)"""
        return self.type == ET_DYN and not self.interpreter and self.entry == 0


def is_elf(path):
    try:
        with open(path, "rb") as handle:
            return handle.read(4) == b"\x7fELF"
    except OSError:
        return False


def interpreter_of_script(path):
    """The interpreter's path of a #! script, or None."""
    with open(path, "rb") as handle:
        line = handle.read(256).split(b"\n")[0]
    if not line.startswith(b"#!") or not line[2:].split():
        return None
    return os.fsdecode(line[2:].split()[0])
