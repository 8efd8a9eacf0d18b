# SPDX-License-Identifier: MIT
import os
import unittest
from unittest import mock

from support import CacheCase, make_elf
from samara import cli, ports, program, run
from samara.errors import Failure

LOADER = "/lib/ld-linux-aarch64.so.1"


class Planning(CacheCase):
    def setUp(self):
        super().setUp()
        self.cross = os.path.join(self.folder, "cross")
        patch = mock.patch.object(ports.Port, "host_libraries", [self.cross])
        patch.start()
        self.addCleanup(patch.stop)
        self.write("cross/ld-linux-aarch64.so.1", make_elf())
        self.write("cross/libc.so.6", make_elf(needed=["ld-linux-aarch64.so.1"]))
        self.write("cross/libgcc_s.so.1", make_elf())

    def plan(self, name, content, tree=None, port=ports.ARM64):
        return program.Plan(self.write(name, content, 0o755), tree, port)

    def test_static(self):
        plan = self.plan("bin/hello", make_elf(kind=2))
        self.assertEqual((plan.path, list(plan.files)), ("/app/hello", ["/app/hello"]))

    def test_dynamic_with_cross_libraries(self):
        plan = self.plan("bin/hello", make_elf(LOADER, ["libc.so.6"]))
        self.assertEqual(sorted(plan.files), ["/app/hello", "/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1",
                                              "/lib/aarch64-linux-gnu/libc.so.6",
                                              "/lib/aarch64-linux-gnu/libgcc_s.so.1", LOADER])

    def test_x86_64(self):
        for name in ("ld-linux-x86-64.so.2", "libc.so.6", "libgcc_s.so.1"):
            self.write("cross/" + name, make_elf(machine=62))
        plan = self.plan("bin/hello", make_elf("/lib64/ld-linux-x86-64.so.2", ["libc.so.6"], machine=62), port=ports.X86_64)
        self.assertEqual(sorted(plan.files), ["/app/hello", "/lib/x86_64-linux-gnu/libc.so.6",
                                              "/lib/x86_64-linux-gnu/libgcc_s.so.1", "/lib64/ld-linux-x86-64.so.2"])

    def test_runpath_keeps_its_place_and_wins(self):
        self.write("lib/libf.so", make_elf(needed=["libg.so"]))
        self.write("bin/libf.so", make_elf())
        self.write("bin/libg.so", make_elf())
        plan = self.plan("bin/hello", make_elf(LOADER, ["libf.so"], "$ORIGIN/../lib"))
        self.assertEqual(plan.files["/lib/libf.so"], os.path.join(self.folder, "lib/libf.so"))
        self.assertEqual(plan.files["/lib/aarch64-linux-gnu/libg.so"], os.path.join(self.folder, "bin/libg.so"))

    def test_library_of_the_root_is_not_copied(self):
        self.write("root" + LOADER, make_elf())
        self.write("root/usr/lib/aarch64-linux-gnu/libc.so.6", make_elf())
        plan = self.plan("bin/hello", make_elf(LOADER, ["libc.so.6"]), os.path.join(self.folder, "root"))
        self.assertNotIn(LOADER, plan.files)
        self.assertFalse([path for path in plan.files if "libc.so.6" in path])

    def test_library_of_another_architecture_is_passed_over(self):
        self.write("bin/libc.so.6", make_elf(machine=62))
        plan = self.plan("bin/hello", make_elf(LOADER, ["libc.so.6"]))
        self.assertEqual(plan.files["/lib/aarch64-linux-gnu/libc.so.6"], os.path.join(self.cross, "libc.so.6"))

    def test_sentences(self):
        for content, message in ((make_elf(LOADER, ["libnone.so.1"]), "needs the library libnone.so.1"),
                                 (make_elf("/lib/ld-none.so"), "needs the dynamic linker /lib/ld-none.so"),
                                 (make_elf(entry=0), "shared library"), (b"#!/bin/sh\n", "script for /bin/sh"),
                                 (b"text", "neither an ELF")):
            with self.subTest(message), self.assertRaisesRegex(Failure, message):
                self.plan("bin/hello", content)


class Choosing(CacheCase):
    """Which PROGRAM is meant: run.choose_program."""

    def setUp(self):
        super().setUp()
        self.root = run.Root([], None)
        self.root.tree = os.path.join(self.folder, "root")
        self.write("root/usr/bin/tool", make_elf(kind=2), 0o755)
        os.symlink("usr/bin", os.path.join(self.root.tree, "bin"))
        self.host = self.write("here/tool", make_elf(kind=2), 0o755)
        old = os.getcwd()
        os.chdir(os.path.join(self.folder, "here"))
        self.addCleanup(os.chdir, old)

    def test_bare_name_is_the_roots(self):
        self.assertEqual(run.choose_program("tool", self.root), ("/usr/bin/tool", {}))

    def test_name_with_slash_is_the_hosts(self):
        self.assertEqual(run.choose_program("./tool", self.root)[0], "/app/tool")

    def test_absolute_path_of_the_root(self):
        self.assertEqual(run.choose_program("/bin/tool", self.root), ("/bin/tool", {}))

    def test_bare_name_of_the_host(self):
        self.write("here/other", make_elf(kind=2), 0o755)
        self.assertEqual(run.choose_program("other", self.root)[0], "/app/other")

    def test_nowhere(self):
        with self.assertRaisesRegex(Failure, "there is no nothing in /usr/local/sbin"):
            run.choose_program("nothing", self.root)
        with self.assertRaisesRegex(Failure, "add --package nothing"):
            run.choose_program("nothing", run.Root([], None))
        with self.assertRaisesRegex(Failure, "is a directory"):
            run.choose_program(self.folder, self.root)

    def test_host_program(self):
        name = self.write("bin/tool", make_elf(kind=2), 0o755)
        self.write("root" + name, make_elf(kind=2), 0o755)
        self.assertEqual(run.choose_program(name, self.root), (name, {}))
        self.assertEqual(run.choose_program(name, self.root, is_host=True)[0], "/app/tool")

    def test_the_programs_machine(self):
        self.write("root/usr/bin/intel", make_elf(kind=2, machine=62), 0o755)
        here = self.write("here/intel", make_elf(kind=2, machine=62), 0o755)
        for words, port in ((["./intel"], ports.X86_64), (["intel"], ports.X86_64), (["./tool"], ports.ARM64),
                            (["--package", "x", "intel"], ports.ARM64), (["--package", "x", here], ports.ARM64),
                            (["--package", "x", "--host-program", here], ports.X86_64), (["--package", "x", "./intel"], ports.X86_64),
                            (["--rootfs", self.root.tree, "intel"], ports.X86_64), (["--arch", "arm64", "./intel"], ports.ARM64),
                            (["--rootfs", self.root.tree, "/usr/bin/intel"], ports.X86_64), (["--arch", "amd64", "x"], ports.X86_64)):
            with self.subTest(words):
                self.assertIs(run.port_of(cli.parse_run(words)), port)
        with self.assertRaisesRegex(Failure, "--arch m68k is not known"):
            run.port_of(cli.parse_run(["--arch", "m68k", "x"]))

    def test_foreign_program_in_root(self):
        self.write("root/usr/bin/alien", make_elf(machine=62), 0o755)
        with self.assertRaisesRegex(Failure, "alien is a program for x86-64"):
            run.choose_program("alien", self.root)
        self.write("root/usr/bin/lost", make_elf(LOADER), 0o755)
        with self.assertRaisesRegex(Failure, "add --package libc6"):
            run.choose_program("lost", self.root)


if __name__ == "__main__":
    unittest.main()
