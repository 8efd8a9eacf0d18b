# SPDX-License-Identifier: MIT
"""The sandbox for packages' scripts, and what is said when a script fails."""
import os
import subprocess
import unittest
from unittest import mock

from support import CacheCase

from samara import apt, install, ports, sandbox
from samara.errors import Failure

SIMULATED = """\
Inst libc6 (2.36-9 Debian:12 [arm64])
Inst old [1.0-1] (1.0-2 Debian:12 [all]) []
Remv sysv (3)
Conf libc6 (2.36-9 Debian:12 [arm64])
"""
FAILED = """\
Selecting previously unselected package bad.
Setting up bad (1.0) ...
cannot find the thing
dpkg: error processing package bad (--configure):
 installed bad package post-installation script subprocess returned error exit status 7
Errors were encountered while processing:
 bad
""".splitlines()


class Steps(CacheCase):
    def test_order_of_apt(self):
        private = apt.Apt("arm64", self.folder + "/state")
        private.run = lambda *words: SIMULATED
        self.assertEqual(private.steps(["x"]), [("Inst", "libc6", "2.36-9"), ("Inst", "old", "1.0-2"), ("Remv", "sysv", ""), ("Conf", "libc6", "")])
        self.assertEqual(private.resolve(["x"]), [("libc6", "2.36-9"), ("old", "1.0-2")])

    def test_failed_script(self):
        self.assertEqual(install.explain(FAILED, "/log"), "bad cannot be installed: installed bad package post-installation script subprocess returned "
                                                          'error exit status 7 ("cannot find the thing"); all that was said is in /log')
        self.assertIn("no message", install.explain([], "/log"))


class Reasons(CacheCase):
    def test_who_cannot(self):
        with mock.patch("os.geteuid", return_value=1000):
            self.assertEqual(sandbox.way(ports.DEFAULT), (None, "that takes root"))
        with mock.patch("os.geteuid", return_value=0), mock.patch.object(sandbox, "run", return_value="no"), \
                mock.patch.object(sandbox, "emulator", return_value=None), mock.patch("platform.machine", return_value="riscv64"):
            self.assertIn("apt-get install qemu-user-static", sandbox.way(ports.DEFAULT)[1])


@unittest.skipUnless(os.geteuid() == 0, "namespaces take root here")
class Sandbox(CacheCase):
    def test_failure_comes_back(self):
        def work():
            raise Failure("the sentence")
        if sandbox.run(lambda: None, ports.DEFAULT, sandbox.PLAIN) is not None:
            self.skipTest("no namespaces in this container")
        self.assertEqual(sandbox.run(work, ports.DEFAULT, sandbox.PLAIN), "the sentence")

    def test_both_machines(self):
        before = sorted(os.listdir("/proc/sys/fs/binfmt_misc")) if os.path.isdir("/proc/sys/fs/binfmt_misc") else []
        for port in ports.PORTS:
            how, why = sandbox.way(port)
            if not how:
                self.assertTrue(why)
                continue
            probe = self.write("probe", sandbox.smallest_program(port), 0o755)
            os.makedirs(self.folder + "/tree", exist_ok=True)
            self.assertIsNone(sandbox.run(lambda program=probe: subprocess.run([program], check=True), port, how, self.folder + "/tree"))
            self.assertEqual(os.listdir(self.folder + "/tree/dev"), [])
        if os.path.isdir("/proc/sys/fs/binfmt_misc"):
            self.assertEqual(sorted(os.listdir("/proc/sys/fs/binfmt_misc")), before)

    def test_alone(self):
        def work():
            if os.getpid() != 1 or [name for name in os.listdir("/proc") if name.isdigit()] != ["1"]:
                raise Failure("other processes are seen")
            with open("/proc/net/dev", encoding="ascii") as handle:
                if len(handle.read().splitlines()) > 3:
                    raise Failure("this machine's network is seen")
        if sandbox.run(lambda: None, ports.DEFAULT, sandbox.PLAIN) is not None:
            self.skipTest("no namespaces in this container")
        self.assertIsNone(sandbox.run(work, ports.DEFAULT, sandbox.PLAIN))


if __name__ == "__main__":
    unittest.main()
