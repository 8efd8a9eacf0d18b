# SPDX-License-Identifier: MIT
"""What the network tests share: building guest programs, starting machines, and saying how it went."""
import os
import queue
import shlex
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests"))
WORK = os.path.join(ROOT, "build", "net-test")


def compile_guest(name, arch="arm64"):
    """The program of a guest made of tests/net/NAME.c."""
    os.makedirs(WORK, exist_ok=True)
    source, output = os.path.join(HERE, name + ".c"), os.path.join(WORK, name + ("" if arch == "arm64" else "-" + arch))
    compiler = {"arm64": "aarch64-linux-gnu-gcc", "x86_64": "x86_64-linux-gnu-gcc"}[arch]
    if not os.path.exists(output) or os.path.getmtime(output) < os.path.getmtime(source):
        subprocess.run([compiler, "-static", "-O2", "-Wall", "-Wextra", "-Werror", "-o", output, source], check=True)
    return output


def compile_host(name):
    """The program of this machine made of tests/net/NAME.c."""
    os.makedirs(WORK, exist_ok=True)
    source, output = os.path.join(HERE, name + ".c"), os.path.join(WORK, name + "-host")
    if not os.path.exists(output) or os.path.getmtime(output) < os.path.getmtime(source):
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", output, source], check=True)
    return output


def compile_probe():
    """A directory with probe.so, for --volume and LD_PRELOAD."""
    folder = os.path.join(WORK, "probe")
    os.makedirs(folder, exist_ok=True)
    output, source = os.path.join(folder, "probe.so"), os.path.join(HERE, "probe.c")
    if not os.path.exists(output) or os.path.getmtime(output) < os.path.getmtime(source):
        subprocess.run(["aarch64-linux-gnu-gcc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", output, source, "-lpthread"],
                       check=True)
    return folder


def fetch_packages(*roots):
    """Make the roots of these packages (a name, or a list of names) now, with a network; inside the namespace they come from the cache."""
    for names in roots:
        words = [word for name in ([names] if isinstance(names, str) else names) for word in ("--package", name)]
        subprocess.run([os.path.join(ROOT, "samara"), "root", *words], stdout=subprocess.DEVNULL, check=True)


class Guest:
    """A machine whose output lines can be waited for. Its end is this object's business."""

    def __init__(self, options, program=None, arguments=()):
        command = [os.path.join(ROOT, "samara"), "run", "--quiet", *options, *([program] if program else []), *arguments]
        if os.environ.get("SAMARA_NET_GDB"):  # a port: the machine can be looked into while it runs
            text = subprocess.run([*command[:2], "--dry-run", *command[2:]], stdout=subprocess.PIPE, text=True, check=True).stdout
            command = shlex.split(text.replace("\\\n", " ")) + ["-gdb", "tcp:127.0.0.1:" + os.environ["SAMARA_NET_GDB"]]
        self.start(command)

    def start(self, command):
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.lines, self.said = queue.Queue(), []
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.child.stdout:
            text = line.decode(errors="replace").rstrip()
            self.said = self.said[-200:] + [text]
            self.lines.put(text)
        self.lines.put(None)

    def line(self, seconds=30):
        """The next line it prints."""
        try:
            text = self.lines.get(timeout=seconds)
        except queue.Empty:
            raise AssertionError(f"nothing printed within {seconds} s; before: {self.said[-8:]}") from None
        if text is None:
            raise AssertionError(f"the machine ended with {self.child.wait(5)}: {self.said[-8:]}")
        return text

    def wait_for(self, start, seconds=30):
        end = time.monotonic() + seconds
        while not (text := self.line(end - time.monotonic())).startswith(start):
            pass
        return text

    def status(self, seconds=30):
        status = self.child.wait(seconds)
        self.thread.join(5)
        return status

    def stop(self):
        if self.child.poll() is None:
            self.child.terminate()
            try:
                self.child.wait(5)
            except subprocess.TimeoutExpired:
                self.child.kill()
                self.child.wait()


class LinuxGuest(Guest):
    """Debian's Linux kernel on the same machine, with one static program and eth0."""

    def __init__(self, net, addresses, program, cpus=2):  # pylint: disable=super-init-not-called
        from harness import cpio, linux  # pylint: disable=import-outside-toplevel,import-error
        archive = cpio.Archive()
        archive.add("dev/console", 0o20600, rdev=(5, 1))
        archive.add_file("init", compile_guest("linux-guest"))
        archive.add_file("program", program)
        for index, module in enumerate(linux.modules(["virtio_mmio", "virtio_net"])):
            archive.add_file(f"modules/{index}", module)
        initrd = os.path.join(WORK, f"linux-{os.getpid()}-{id(self)}.cpio")
        with open(initrd, "wb") as handle:
            handle.write(archive.content())
        guest = linux.ARM64
        self.start([guest.qemu, *guest.machine, "-cpu", guest.cpu, "-smp", str(cpus), "-m", "512M", "-nodefaults", "-display", "none", "-no-reboot",
                    "-serial", "stdio", "-global", "virtio-mmio.force-legacy=false", "-kernel", linux.kernel()[0], "-initrd", initrd,
                    "-append", guest.arguments + " -- " + " ".join(addresses),
                    "-netdev", net + ",id=net0", "-device", "virtio-net-device,netdev=net0"])
        self.initrd = initrd

    def stop(self):
        super().stop()
        os.unlink(self.initrd)


TRIES = 6


def run_tests(tests, wanted, pace=None):
    """tests: {name: function}. Prints a line for each; the number that failed, as exit status. With `pace`, a test that fails while the host did
    not keep pace has said nothing, and is tried again."""
    failed = 0
    for name in wanted or tests:
        start = time.monotonic()
        for attempt in range(TRIES):
            if pace:
                pace.mark()
            try:
                said = tests[name]()
                print(f"ok {name} ({time.monotonic() - start:.1f} s){': ' + said if said else ''}", flush=True)
                break
            except Exception as error:  # pylint: disable=broad-exception-caught  # a script that did not get what it looks into
                if pace and not pace.kept() and attempt + 1 < TRIES:
                    print(f"again {name}, the host was late by {pace.lost():.2f} s: {error!r}", flush=True)
                    continue
                failed += 1
                print(f"FAIL {name}: {error if isinstance(error, AssertionError) else repr(error)}", flush=True)
                break
    sys.stdout.flush()
    return 1 if failed else 0
