# SPDX-License-Identifier: MIT
"""Samara and Linux machines that run one server from the same root image, on a tap, for bench/servers.py.

The root holds the server with its libraries and configuration and nothing else. Samara gets it as its initial RAM disk;
Linux gets it as a virtio disk and mounts it with its erofs module, after an initramfs with modules and linux-server.c.
"""
import atexit
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

BENCH = os.path.dirname(os.path.realpath(__file__))
REPO = os.path.dirname(BENCH)
sys.path[:0] = [os.path.join(REPO, "tests"), os.path.join(REPO, "tools")]

from harness import cpio, linux  # noqa: E402  (the path above must be set first)
from samara import cmdline, elf, image, ports, qemu, rootfs  # noqa: E402
from samara.packages import tree_of  # noqa: E402

import count  # noqa: E402

HOST_ADDRESS, GUEST_ADDRESS, NETMASK = "10.77.0.1", "10.77.0.2", "255.255.255.0"
GUEST_MAC = "52:54:00:77:00:02"
TAP = "tap0"
NIC = "".join("," + word for word in os.environ.get("SAMARA_BENCH_NIC", "").split(",") if word)  # properties, guest_tso4=off for instance
PROBE_PORT = 9
MEMORY = "512M"
PORT = ports.ARM64
KERNEL = ports.kernel(PORT, REPO)  # freeze() makes it a copy
CPU = "neoverse-n1"
MACHINE = "virt,gic-version=3"
OUT = os.path.join(REPO, "build", "bench")
PLUGIN = os.path.join(OUT, "host", "libcount.so")
PROBE = os.path.join(OUT, "arm64", "host", "probe.so")
LINUX_INIT = os.path.join(OUT, "arm64", "host", "linux-server")
MODULES = ["virtio_mmio", "virtio_net", "virtio_blk", "crc32c_generic", "erofs"]
ENVIRONMENT = ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"]


def commit():
    """What is measured, as git describes it."""
    done = subprocess.run(["git", "-C", REPO, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def freeze():
    """Measure the kernel as it is now, whatever is built meanwhile."""
    global KERNEL  # pylint: disable=global-statement
    os.makedirs(OUT, exist_ok=True)
    KERNEL = shutil.copy(KERNEL, os.path.join(OUT, f"kernel-{os.getpid()}.img"))
    atexit.register(os.unlink, KERNEL)


def closure(tree, program):
    """{path in the root: path on the host} of a program of a package tree with its interpreter and libraries."""
    files, pending = {}, [program]
    while pending:
        path = pending.pop()
        host = rootfs.lookup(tree, path)
        if not host:
            raise RuntimeError(f"{path} is not in {tree}")
        files[path] = host
        item = elf.Elf(host)
        wanted = [item.interpreter] if item.interpreter else []
        for name in item.needed:
            found = [f"{folder}/{name}" for folder in PORT.library_directories if rootfs.lookup(tree, f"{folder}/{name}")]
            if not found:
                raise RuntimeError(f"{path} needs {name}, which is not in {tree}")
            wanted.append(found[0])
        pending += [path for path in wanted if path not in files]
    return files


def root_image(package, program, files):
    """An EROFS image with a Debian program and `files` ({path: host path})."""
    everything = closure(tree_of([package], PORT)[0], program)
    everything.update(files)
    everything["/bench/probe.so"] = PROBE
    return image.Image([], everything).build()


class Machine:
    """A machine in QEMU that is started now. lines() is what the server has printed."""

    def __init__(self, system, words, directory, counter):
        self.system, self.directory, self.counter = system, directory, counter
        self.output = os.path.join(directory, "output")
        self.errors = os.path.join(directory, "qemu")
        self.began = time.monotonic()
        with open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(words + (counter.words if counter else []), stdin=subprocess.DEVNULL,
                                            stdout=errors, stderr=errors, preexec_fn=die_with_parent)
        atexit.register(self.stop)
        if counter:
            counter.open()

    def text(self):
        """What server and kernel printed."""
        parts = []
        for name in ("uart", "stderr", "output"):
            path = os.path.join(self.directory, name)
            if os.path.exists(path):
                with open(path, "rb") as handle:
                    parts.append(handle.read().decode(errors="replace"))
        return "".join(parts)

    def check(self):
        if self.process.poll() is not None:
            with open(self.errors, "rb") as handle:
                said = handle.read().decode(errors="replace")
            raise RuntimeError(f"the {self.system} machine has ended ({self.process.returncode}):\n"
                               f"{(said + self.text())[-1500:]}")

    def wait_for(self, line, seconds=60):
        """(seconds since QEMU began, instructions) when `line` was printed."""
        while line not in self.text():
            self.check()
            if time.monotonic() - self.began > seconds:
                raise RuntimeError(f"{self.system} printed no {line!r} in {seconds} s:\n{self.text()[-1500:]}")
            time.sleep(0.001)
        return time.monotonic() - self.began, self.counter.total() if self.counter else None

    def wait_for_port(self, port, seconds=60):
        while True:
            self.check()
            try:
                socket.create_connection((GUEST_ADDRESS, port), timeout=1).close()
                return
            except OSError as error:
                if time.monotonic() - self.began > seconds:
                    raise RuntimeError(f"{self.system} does not accept connections after {seconds} s ({error}):\n"
                                       f"{self.text()[-1500:]}") from error
            time.sleep(0.1)

    def meminfo(self):
        """{name: bytes} of the guest's /proc/meminfo, from the probe."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.settimeout(0.5)
        for _ in range(20):
            self.check()
            try:
                sock.sendto(b"?", (GUEST_ADDRESS, PROBE_PORT))
                text = sock.recv(65536).decode()
            except OSError:
                time.sleep(0.1)
                continue
            fields = [line.split() for line in text.splitlines()[:-1]]
            return {words[0].rstrip(":"): int(words[1]) * 1024 for words in fields if len(words) > 1}
        raise RuntimeError(f"{self.system}: nothing answers for the memory")

    def stop(self):
        atexit.unregister(self.stop)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.counter:
            self.counter.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def die_with_parent():
    import ctypes  # only in the child
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def start(system, root, command, cpus, is_counted=False, environment=(), has_net=True, is_profiled=False):
    """A machine of `system` ("samara", "linux") with the server started, not waited for. Profiled: counted, too."""
    directory = tempfile.mkdtemp(prefix="samara-bench-")
    profile = os.path.join(directory, "profile") if is_profiled else None
    counter = count.Counter(PLUGIN, os.path.join(directory, "counts"), profile) if is_counted or is_profiled else None
    words = {"samara": samara, "linux": on_linux}[system](directory, root, command, cpus, list(environment), has_net)
    return Machine(system, words, directory, counter)


def samara(directory, root, command, cpus, environment, has_net):
    texts = {name: f"file,id={{id}},path={directory}/{file}"
             for name, file in (("uart", "uart"), ("stdout", "output"), ("stderr", "stderr"))}
    texts["stdin"] = "null,id={id}"
    options = ["exit=" + PORT.exit] + ([f"ip={GUEST_ADDRESS}::{HOST_ADDRESS}:{NETMASK}::eth0:off"] if has_net else [])
    options += ["env=" + text for text in environment]
    machine = qemu.Machine(
        port=PORT, kernel=KERNEL, initrd=root, initrd_size=os.path.getsize(root), machine=MACHINE, cpu=CPU, cpus=cpus,
        append=cmdline.encode(options, command[0], command[1:]), memory=qemu.parse_memory(MEMORY), net=f"tap={TAP}" if has_net else "none")
    words = qemu.command(machine, qemu.Chardevs(texts))
    return [word + f",mac={GUEST_MAC}{NIC}" if word.startswith("virtio-net") else word for word in words]


def on_linux(directory, root, command, cpus, environment, has_net):
    kernel, _ = linux.kernel()
    machine = ["-M", MACHINE, "-cpu", CPU, "-smp", str(cpus), "-m", MEMORY]
    tree = linux.seeded_device_tree(directory, machine)
    initrd = os.path.join(directory, "initrd")
    archive = cpio.Archive()
    archive.add("dev", 0o40755)
    archive.add("dev/console", 0o20600, rdev=(5, 1))
    archive.add_file("init", LINUX_INIT)
    modules = linux.modules(MODULES)
    for module in modules:
        archive.add_file("modules/" + os.path.basename(module), module)
    lines = [[GUEST_ADDRESS, NETMASK] if has_net else [], ["/modules/" + os.path.basename(module) for module in modules],
             ENVIRONMENT + environment, command]
    archive.add("command", 0o100644,
                "".join(" ".join(linux.encode(word) for word in line) + "\n" for line in lines).encode())
    with open(initrd, "wb") as handle:
        handle.write(archive.content())
    words = [linux.QEMU, *machine, "-dtb", tree, "-nodefaults", "-display", "none", "-no-reboot",
            "-global", "virtio-mmio.force-legacy=false", "-kernel", kernel, "-initrd", initrd,
            "-append", linux.ARGUMENTS, "-chardev", f"file,id=uart,path={directory}/output", "-serial", "chardev:uart",
            "-drive", f"file={root},format=raw,if=none,readonly=on,id=root", "-device", "virtio-blk-device,drive=root"]
    if has_net:
        words += ["-netdev", f"tap,id=net0,ifname={TAP},script=no,downscript=no",
                  "-device", f"virtio-net-device,netdev=net0,mac={GUEST_MAC}{NIC}"]
    return words
