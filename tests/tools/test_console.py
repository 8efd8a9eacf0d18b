# SPDX-License-Identifier: MIT
"""The streams, with a kernel of ten instructions that echoes the UART and leaves with status 42 at a line feed."""
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import termios
import time
import unittest

from support import SAMARA, CacheCase
from samara import console

# 0: mov x9, #0x09000000 (PL011 of virt)   4: ldr w2, [x9, #0x18] (UARTFR)   8: tbnz w2, #4, 4 (RXFE)
# c: ldr w3, [x9]   10: str w3, [x9] (UARTDR)   14: cmp w3, #10   18: b.ne 4
# 1c: adr x1, 28   20: mov w0, #0x20 (SYS_EXIT_EXTENDED)   24: hlt #0xf000   28: ADP_Stopped_ApplicationExit, status
ECHO = struct.pack("<10I2Q", 0xD2A12009, 0xB9401922, 0x3727FFE2, 0xB9400123, 0xB9000123, 0x7100287F, 0x54FFFF61,
                   0x10000061, 0x52800400, 0xD45E0000, 0x20026, 42)


class Parts(unittest.TestCase):
    def test_escape(self):
        escape = console.Escape()
        self.assertEqual(escape.feed(b"ab\x01"), (b"ab", False))
        self.assertEqual(escape.feed(b"\x01c\x01a\x01q"), (b"\x01c\x01\x01q", False))
        self.assertEqual(escape.feed(b"d\x01xe"), (b"d", True))

    def test_hint_after_interrupts_in_a_row(self):
        escape = console.Escape()
        hints = []
        for now in (0, 10, 20, 20.1, 20.2, 20.3):
            escape.feed(b"\x03", now)
            hints.append(escape.wants_hint())
        self.assertEqual(hints, [False] * 4 + [True, False])

    def test_message_lines(self):
        self.assertEqual(console.message_lines(b"a\r\nb\n", True), b"a\r\nb\r\n")
        self.assertEqual(console.message_lines(b"a\r\nb\n", False), b"a\nb\n")


@unittest.skipUnless(shutil.which("qemu-system-aarch64") and shutil.which("mkfs.erofs"), "no QEMU or mkfs.erofs here")
class Machine(CacheCase):
    def setUp(self):
        super().setUp()
        kernel = self.write("kernel", ECHO)
        self.write("root/bin/program", "#!/bin/program\n", 0o755)
        self.words = [SAMARA, "run", "--console", "uart", "--kernel", kernel, "--rootfs",
                      os.path.join(self.folder, "root")]

    def start(self, *options, **arguments):
        return subprocess.Popen([*self.words, *options, "--", "program"], **arguments)

    def test_bytes_and_status(self):
        data = bytes(byte for byte in range(256) if byte != 10) * 4 + b"\n"
        with self.start(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            output, errors = child.communicate(data, timeout=30)
        self.assertEqual((child.returncode, output, errors), (42, data, b""))

    def test_timeout(self):
        with self.start("--timeout", "0.5", stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
            errors = child.communicate(timeout=30)[1]
        self.assertEqual(child.returncode, 124)
        # This kernel has no symbols: of the report there are the host's times only.
        self.assertRegex(errors, rb"^samara: stopped after 0\.5 seconds \(--timeout\)\n(samara: QEMU ran for .* for one\n)?"
                                 rb"samara: what the machine was doing is not known: .*kernel\.elf.*\n$")

    def test_qemu_fails(self):
        with self.start("--cpu", "nonsense", stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
            errors = child.communicate(timeout=30)[1]
        self.assertEqual(child.returncode, 125)
        self.assertIn(b"nonsense", errors)

    def test_signals(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.start(stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
                child.stdin.write(b"x")
                child.stdin.flush()
                self.assertEqual(child.stdout.read(1), b"x")
                child.send_signal(number)
                self.assertEqual(child.wait(timeout=10), 128 + number)

    def test_closed_output(self):
        with self.start(stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            child.stdout.close()
            child.stdin.write(b"x")
            child.stdin.flush()
            self.assertEqual(child.wait(timeout=10), 141)

    def test_terminal(self):
        master, slave = pty.openpty()
        before = termios.tcgetattr(slave)
        child = self.start(stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                           env={**os.environ, "TERM": "dumb"},  # no line of progress
                           preexec_fn=lambda: os.close(os.open(os.ttyname(slave), os.O_RDWR)))
        self.addCleanup(child.kill)
        while termios.tcgetattr(slave)[3] & termios.ICANON and child.poll() is None:
            time.sleep(0.02)
        os.write(master, b"a\x03b")
        self.assertEqual(self.read(master, b"b"), b"a\x03b")  # raw: no echo by the host, ^C is a byte
        os.write(master, b"\x01x")
        self.assertEqual(child.wait(timeout=10), 137)
        self.assertEqual(termios.tcgetattr(slave), before)
        os.close(master)
        os.close(slave)

    def read(self, descriptor, last):
        data, limit = b"", time.monotonic() + 20
        while not data.endswith(last) and time.monotonic() < limit:
            if select.select([descriptor], [], [], 0.5)[0]:
                data += os.read(descriptor, 1000)
        return data


if __name__ == "__main__":
    unittest.main()
