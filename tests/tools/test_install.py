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


def parents(path):
    while path != "/":
        path = os.path.dirname(path)
        if path != "/":
            yield path


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


class LeftOut(CacheCase):
    """A tree with a merged /usr, its dpkg database, and packages that are kept or not."""

    def tree(self, **packages):
        status = ""
        for name, files in packages.items():
            for path, text in files.items():
                self.write("tree" + path, text)
            folders = {folder for path in files for folder in parents(path)}
            self.write(f"tree/var/lib/dpkg/info/{name}:arm64.list", "\n".join(["/.", *sorted(folders), *files]).replace("/usr/bin", "/bin") + "\n")
            status += f"Package: {name}\nStatus: install ok installed\n\n"
        self.write("tree/var/lib/dpkg/status", status)
        os.symlink("usr/bin", self.folder + "/tree/bin")
        return self.folder + "/tree"

    def test_files(self):
        tree = self.tree(stays={"/usr/bin/a": "", "/usr/share/both/x": ""}, goes={"/usr/bin/b": "", "/usr/share/both/y": "", "/usr/share/own/z": ""})
        self.write("tree/etc/made", "by a script")
        outside = self.write("victim/b", "x")
        os.symlink(os.path.dirname(outside), tree + "/usr/share/own/away")
        install.leave_out(tree, {"stays"})
        left = sorted(os.path.join(folder, name)[len(tree):] for folder, _, names in os.walk(tree) for name in names)
        self.assertEqual(left, ["/etc/made", "/usr/bin/a", "/usr/share/both/x", "/var/lib/dpkg/info/stays:arm64.list", "/var/lib/dpkg/status"])
        self.assertEqual(os.readlink(tree + "/bin"), "usr/bin")
        with open(tree + "/var/lib/dpkg/status", encoding="ascii") as handle:
            self.assertEqual(handle.read(), "Package: stays\nStatus: install ok installed\n\n")
        self.assertTrue(os.path.exists(outside))

    def test_scripts(self):
        tree = self.tree(script={"/usr/bin/s": "#! /bin/sh -e\n"}, program={"/usr/bin/p": "\x7fELF", "/usr/share/t": "#!/bin/sh\n"}, other={"/usr/bin/o": "#!/usr/bin/env bash\n"},
                         python={"/usr/bin/y": "#!/usr/bin/python3\n"})
        for name, wanted in (("script", True), ("other", True), ("program", False), ("python", False)):
            self.assertEqual(install.has_scripts(tree, {name}), wanted, name)


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
