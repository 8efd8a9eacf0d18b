# SPDX-License-Identifier: MIT
import contextlib
import io
import os
import subprocess
import unittest

from support import SAMARA, CacheCase, make_elf
from samara import cli, ports, qemu, run
from samara.errors import Failure


class Options(unittest.TestCase):
    def test_program_ends_the_options(self):
        options = cli.parse_run(["--package", "gawk", "--cpus", "4", "gawk", "--version", "--", "-x"])
        self.assertEqual((options.package, options.cpus), (["gawk"], 4))
        self.assertEqual((options.program, options.arguments), ("gawk", ["--version", "--", "-x"]))

    def test_double_dash(self):
        options = cli.parse_run(["--icount", "--", "--odd", "--cpus", "4", ""])
        self.assertEqual((options.program, options.arguments, options.cpus), ("--odd", ["--cpus", "4", ""], 1))

    def test_value_with_equals_sign(self):
        options = cli.parse_run(["--env=A=b c", "--env", "B=--x", "--append=a b", "p"])
        self.assertEqual((options.env, options.append, options.program), (["A=b c", "B=--x"], "a b", "p"))

    def test_every_option_of_the_issue(self):
        options = cli.parse_run("--package a --package b --rootfs r --memory 8M --cpus 2 --env K=V --cwd /t --volume h:/g "
                                "--append x=y --icount --gdb --dry-run --timeout 2.5 --machine virt --cpu max "
                                "--arch arm64 --quiet --boot-report p".split())
        self.assertEqual(options.package, ["a", "b"])
        self.assertEqual(options.timeout, 2.5)
        self.assertTrue(options.icount and options.gdb and options.dry_run and options.quiet and options.boot_report)

    def test_mistakes_end_with_125(self):
        for words in (["--cpus", "0", "p"], ["--cpus", "x", "p"], ["--timeout", "0", "p"], ["--unknown", "p"], [],
                      ["--package"], ["--pack", "x", "p"], ["--"]):
            with self.subTest(words), contextlib.redirect_stderr(io.StringIO()) as shown:
                with self.assertRaises(SystemExit) as ended:
                    cli.parse_run(words)
                self.assertEqual(ended.exception.code, 125)
                self.assertEqual(len(shown.getvalue().splitlines()), 1)

    def test_volume(self):
        self.assertEqual(run.parse_volume("/:/data/"), ("/", "/data"))
        self.assertEqual(run.parse_volume("/:/data:ro"), ("/", "/data"))
        for text in ("x", "/:data", ":/data", "/nonexistent:/data", "/:/"):
            with self.subTest(text), self.assertRaises(Failure):
                run.parse_volume(text)


class KernelLine(unittest.TestCase):
    def line(self, *words):
        options = cli.parse_run([*words, "--console", "uart", "--", "p", "a b"])
        return run.kernel_command_line(options, "/app/p")

    def test_options(self):
        line = self.line("--append", "aslr=off  threads", "--quiet", "--cwd", "/a b", "--env", "K=V W")
        self.assertTrue(line.startswith("aslr=off threads exit=semihosting "))
        for word in (" console=pl011 ", " quiet ", " cwd=/a%20b ", " env=K=V%20W "):
            self.assertIn(word, line)
        self.assertTrue(line.endswith(" -- /app/p a%20b"))

    def test_environment(self):
        os.environ["SAMARA_TEST"] = "x"
        self.addCleanup(os.environ.pop, "SAMARA_TEST")
        self.assertIn(" env=SAMARA_TEST=x ", self.line("--env", "SAMARA_TEST"))
        for text in ("SAMARA_NOT_SET", "=x"):
            with self.assertRaises(Failure):
                self.line("--env", text)

    def test_append_has_no_program(self):
        with self.assertRaises(Failure):
            self.line("--append", "a -- b")


class Qemu(unittest.TestCase):
    def machine(self, **values):
        return qemu.Machine(**{"kernel": "K", "initrd": "I", "append": "A", **values})

    def command(self, **values):
        machine = self.machine(**values)
        names = ("uart",) + (qemu.STREAMS if machine.console == "ports" else ())
        return qemu.command(machine, qemu.inherited({name: 10 + i for i, name in enumerate(names)}))

    @unittest.skipUnless(qemu.paths.shutil.which("qemu-system-aarch64"), "no QEMU here")
    def test_command(self):
        text = " ".join(self.command(console="ports", cpus=4, icount=True, gdb=True))
        for part in ("-M virt ", "-smp 4 ", "-m 256M ", "-kernel K -initrd I -append A ", "-icount shift=0,sleep=off",
                     "thread=single", "socket,id=stdin,fd=11", "virtio-serial-device", "nr=2,chardev=stdout,name=samara.stdout",
                     "-serial chardev:uart", "-S -gdb tcp:127.0.0.1:1234", "-semihosting-config enable=on,target=native"):
            self.assertIn(part, text)
        self.assertNotIn("virtio", " ".join(self.command(console="uart")))

    @unittest.skipUnless(qemu.paths.shutil.which("qemu-system-x86_64"), "no QEMU here")
    def test_command_x86_64(self):
        text = " ".join(self.command(port=ports.X86_64, machine="microvm", cpu="max", cpus=2))
        for part in ("qemu-system-x86_64 -M microvm,acpi=off,", "-smp 2 ", "-device isa-debugcon,iobase=0xe9,chardev=status ",
                     "-device isa-debug-exit,iobase=0xf4,iosize=1", "virtio-serial-device"):
            self.assertIn(part, text)
        self.assertNotIn("semihosting", text)
        self.assertEqual(qemu.machine_type(self.machine(port=ports.X86_64, machine="q35")), "q35")
        with self.assertRaisesRegex(Failure, "give --memory 105M"):
            qemu.memory_for(self.machine(port=ports.X86_64, initrd_size=100 << 20, memory=64 << 20))

    def test_memory(self):
        for text, size in (("8M", 8 << 20), ("16G", 16 << 30), ("512", 512 << 20), ("65536K", 64 << 20), ("1gib", 1 << 30)):
            self.assertEqual(qemu.parse_memory(text), size)
        for text in ("", "x", "-1M", "1.5G", "1M", "0"):
            with self.assertRaises(Failure):
                qemu.parse_memory(text)

    def test_memory_for_image(self):
        size = 100 << 20
        self.assertEqual(qemu.memory_for(self.machine(initrd_size=size)), 320 << 20)
        self.assertEqual(qemu.memory_for(self.machine(initrd_size=4096)), 256 << 20)
        self.assertEqual(qemu.memory_for(self.machine(initrd_size=4096, memory=8 << 20)), 8 << 20)
        with self.assertRaisesRegex(Failure, "give --memory 204M"):
            qemu.memory_for(self.machine(initrd_size=size, memory=64 << 20))

    def test_machine_type(self):
        for text, cpus, wanted in (("virt", 1, "virt"), ("gic-version=3", 1, "virt,gic-version=3"),
                                   ("virt", 9, "virt,gic-version=3"), ("virt,gic-version=max", 64, "virt,gic-version=max"),
                                   ("sbsa-ref", 9, "sbsa-ref")):
            self.assertEqual(qemu.machine_type(self.machine(machine=text, cpus=cpus)), wanted)


class Command(CacheCase):
    def samara(self, *words, cwd=None):
        return subprocess.run([SAMARA, *words], capture_output=True, text=True, timeout=60, check=False,
                              stdin=subprocess.DEVNULL, cwd=cwd)

    def test_help(self):
        for words in ([], ["--help"], ["run", "--help"], ["image", "-h"]):
            done = self.samara(*words)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("usage:", done.stdout)

    def test_failures_are_one_sentence(self):
        text = self.write("text", b"text")
        for words in (["nonsense"], ["run", "/nonexistent"], ["run", text], ["run", "--arch", "m68k", text],
                      ["run", "--rootfs", text, "p"], ["run", "--package", "../x", "p"], ["image"], ["run", "/"]):
            done = self.samara(*words)
            self.assertEqual((done.returncode, done.stdout), (125, ""), words)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    @unittest.skipUnless(qemu.paths.shutil.which("mkfs.erofs"), "no mkfs.erofs here")
    @unittest.skipUnless(qemu.paths.shutil.which("qemu-system-aarch64"), "no QEMU here")
    def test_dry_run_from_any_directory(self):
        self.write("bin/hello", make_elf(kind=2), 0o755)
        done = self.samara("run", "--dry-run", "--kernel", SAMARA, "./hello", "x y", cwd=os.path.join(self.folder, "bin"))
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.returncode, 0)
        self.assertIn("-- /app/hello x%20y'", done.stdout)


if __name__ == "__main__":
    unittest.main()
