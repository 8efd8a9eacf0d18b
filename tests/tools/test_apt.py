# SPDX-License-Identifier: MIT
import unittest

from support import CacheCase
from samara import apt, packages
from samara.errors import Failure

DEB822 = """\
Types: deb deb-src
# a comment between
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://vendor.example/apt
Suites: stable
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: bookworm
Components: main
"""
ONE_LINE = """\
# deb http://old.example/debian bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://two.example/debian bookworm main non-free # note
deb-src http://two.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main
deb https://vendor.example/linux/debian bookworm stable
"""


class Sources(CacheCase):
    def test_both_formats(self):
        self.write("etc/sources.list", ONE_LINE)
        self.write("etc/sources.list.d/debian.sources", DEB822)
        self.write("etc/sources.list.d/ignored.save", "deb http://no.example/debian bookworm main")
        lines = apt.debian_sources(apt.host_sources(self.folder + "/etc"))
        key = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] "
        self.assertEqual(lines, [
            "deb [signed-by=/k.gpg] http://two.example/debian bookworm main",
            "deb http://security.example/debian-security bookworm-security main",
            f"deb {key}http://mirror.example/debian bookworm main",
            f"deb {key}http://mirror.example/debian bookworm-updates main"])

    def test_configuration_is_private(self):
        private = apt.Apt("arm64", self.folder + "/state")
        text = private.configuration(['Acquire::http::Proxy "http://proxy:1";'])
        self.assertIn('Acquire::http::Proxy "http://proxy:1";', text)
        for line in text.splitlines():
            if line.startswith("Dir::") and "/dev/null" not in line:
                self.assertIn(self.folder, line)


class Messages(unittest.TestCase):
    def test_explain(self):
        for output, message in (("E: Unable to locate package nix\n", "no arm64 package called nix"),
                                ("E: Package 'foo' has no installation candidate\n", "package called foo"),
                                ("Err:1 http://m/ x\n  404  Not Found [IP]\n", "run `samara update`"),
                                ("W: a\nE: Could not resolve 'm'\n", "apt-get failed: ")):
            self.assertIn(message, apt.explain(output, "arm64"))

    def test_names(self):
        packages.check_names(["python3-minimal", "g++", "libc6:arm64", "x11=1.2-3+b1", "perl/bookworm"])
        for name in ("", "-y", "../x", "a b", "UPPER", "x"):
            with self.subTest(name), self.assertRaises(Failure):
                packages.check_names([name])


if __name__ == "__main__":
    unittest.main()
