# SPDX-License-Identifier: MIT
import unittest

from support import CacheCase, make_elf
from samara import elf, ports
from samara.errors import Failure


class Reading(CacheCase):
    def read(self, content):
        return elf.Elf(self.write("program", content))

    def test_dynamic_program(self):
        item = self.read(make_elf("/lib/ld-linux-aarch64.so.1", ["libc.so.6", "libm.so.6"], "$ORIGIN/../lib:/opt"))
        self.assertEqual(item.interpreter, "/lib/ld-linux-aarch64.so.1")
        self.assertEqual(item.needed, ["libc.so.6", "libm.so.6"])
        self.assertEqual(item.search, ["$ORIGIN/../lib", "/opt"])
        self.assertFalse(item.is_library)

    def test_port(self):
        self.assertIs(self.read(make_elf()).port, ports.ARM64)
        self.assertIs(self.read(make_elf(machine=62)).port, ports.X86_64)
        for wanted, machine, message in ((ports.ARM64, 62, "program for x86-64, and this machine is arm64"),
                                         (ports.X86_64, 183, "program for arm64, .* is x86-64; .*amd64 build .*--arch x86_64")):
            with self.assertRaisesRegex(Failure, message):
                elf.Elf(self.write("program", make_elf(machine=machine)), port=wanted)

    def test_static_program(self):
        item = self.read(make_elf(kind=2))
        self.assertIsNone(item.interpreter)
        self.assertEqual(item.needed, [])

    def test_library(self):
        self.assertTrue(self.read(make_elf(entry=0)).is_library)

    def test_sentences(self):
        good = make_elf("/lib/ld.so", ["libc.so.6"])
        cases = (
            (b"", "not an ELF"), (b"\x7fELF\2\1", "truncated"), (good[:80], "truncated"), (good[:-8], "truncated"),
            (make_elf(machine=243), "RISC-V.*arm64 and x86-64 programs"), (make_elf(machine=40, elf_class=1), "32-bit ARM"),
            (make_elf(elf_class=1), "32-bit addresses"), (make_elf(kind=1), "object file"),
            (make_elf(kind=4), "core dump"), (good[:56] + b"\0\0" + good[58:], "damaged"),
            (good[:54] + b"\1\0" + good[56:], "damaged"),
        )
        for content, message in cases:
            with self.subTest(message), self.assertRaisesRegex(Failure, message):
                self.read(content)

    def test_big_endian(self):
        content = bytearray(make_elf(order=2))
        content[18:20] = b"\0\xb7"
        with self.assertRaisesRegex(Failure, "big-endian"):
            self.read(bytes(content))

    def test_any_damaged_byte_is_survived(self):
        good = make_elf("/lib/ld.so", ["libc.so.6"], "/opt")
        for position in range(len(good)):
            for value in (0x00, 0x7F, 0xFF):
                damaged = good[:position] + bytes([value]) + good[position + 1:]
                try:
                    self.read(damaged)
                except Failure:
                    pass

    def test_scripts(self):
        for content, interpreter in ((b"#!/bin/sh\n", "/bin/sh"), (b"#! /usr/bin/env python3\n", "/usr/bin/env"),
                                     (b"#!\n", None), (b"echo", None)):
            self.assertEqual(elf.interpreter_of_script(self.write("script", content)), interpreter)


if __name__ == "__main__":
    unittest.main()
