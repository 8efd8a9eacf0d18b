# SPDX-License-Identifier: MIT
"""What the tests of tools/ share: the import path, a private cache, a maker of small ELF files."""
import os
import struct
import sys
import tempfile
import unittest

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SAMARA = os.path.join(REPO, "samara")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(REPO, "tools"))


class CacheCase(unittest.TestCase):
    """A test with a directory of its own, self.folder, that is also the cache."""

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.folder = self.temporary.name
        old = os.environ.get("SAMARA_CACHE")
        os.environ["SAMARA_CACHE"] = os.path.join(self.folder, "cache")
        self.addCleanup(lambda: os.environ.pop("SAMARA_CACHE") if old is None
                        else os.environ.__setitem__("SAMARA_CACHE", old))

    def write(self, name, content, mode=0o644):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as handle:
            handle.write(content if isinstance(content, bytes) else content.encode())
        os.chmod(path, mode)
        return path


def make_elf(interpreter=None, needed=(), runpath=None, kind=3, machine=183, entry=0x400, elf_class=2, order=1):
    """A little ELF64 file: header, program headers, PT_INTERP, PT_DYNAMIC with its strings, one PT_LOAD over it all."""
    base = 64 + 3 * 56
    interp = (interpreter.encode() + b"\0") if interpreter else b""
    strings, offsets = b"\0", []
    for name in list(needed) + ([runpath] if runpath else []):
        offsets.append(len(strings))
        strings += name.encode() + b"\0"
    strings_at = base + len(interp)
    dynamic_at = strings_at + len(strings) + (-(strings_at + len(strings)) % 8)
    tags = [(1, offset) for offset in offsets[:len(needed)]]
    tags += [(29, offsets[-1])] if runpath else []
    tags += [(5, strings_at), (10, len(strings)), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *tag) for tag in tags)
    body = interp + strings
    body += b"\0" * (dynamic_at - base - len(body)) + dynamic
    size = base + len(body)
    header = b"\x7fELF" + bytes([elf_class, order, 1]) + b"\0" * 9
    header += struct.pack("<HHIQQQIHHHHHH", kind, machine, 1, entry, 64, 0, 0, 64, 56, 3, 64, 0, 0)
    segments = [(1, 5, 0, 0, 0, size, size, 4096),
                (3 if interp else 0x6474E551, 4, base, base, base, len(interp), len(interp), 1),
                (2, 6, dynamic_at, dynamic_at, dynamic_at, len(dynamic), len(dynamic), 8)]
    return header + b"".join(struct.pack("<IIQQQQQQ", *segment) for segment in segments) + body
