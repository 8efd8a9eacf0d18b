# SPDX-License-Identifier: MIT
"""Debian's Linux kernel in QEMU, as the oracle of the tests and the opponent of the benchmarks.

The kernel comes from the package that linux-image-arm64 (-amd64) depends on. One boot runs many programs: an initramfs made on
the spot holds them, linux-init.c and a list of commands; output and exit status come back framed over the console.
"""
import glob
import os
import re
import stat
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass

from . import cpio

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
BUILD = os.path.join(REPO, "build")
INIT_SOURCE = os.path.join(REPO, "tests", "harness", "linux-init.c")

# The opponent at its best (linux-baseline.md, "Traps"): no page-table isolation, no mitigations, nothing random or
# zeroed beyond need. The same kernel serves as oracle.
BEST = "quiet loglevel=1 panic=-1 rdinit=/init mitigations=off randomize_kstack_offset=off init_on_alloc=0 audit=0 "


@dataclass(frozen=True)
class Guest:
    """A machine for Linux. machine: QEMU's words; libraries: where the compiler's dynamic programs get theirs; folder:
    the kernel's, below build/."""
    debian: str
    platform: str
    qemu: str
    machine: tuple
    cpu: str
    arguments: str
    libraries: tuple
    folder: str

    @property
    def compiler(self):
        return self.platform + "-linux-gnu-gcc"

    def library(self, name):
        for directory in self.libraries:
            if os.path.exists(os.path.join(directory, name)):
                return os.path.join(directory, name)
        raise RuntimeError(f"{name} is not in {', '.join(self.libraries)}")


ARM64 = Guest("arm64", "aarch64", "qemu-system-aarch64", ("-M", "virt,gic-version=3"), "neoverse-n1",
              BEST + "console=ttyAMA0 kpti=off", ("/usr/aarch64-linux-gnu/lib",), "linux")
# Four levels of tables, as on Samara. The TSC as the clock: it costs least to read, and needs no other one to watch it here.
X86_64 = Guest("amd64", "x86_64", "qemu-system-x86_64", ("-M", "q35"), "max,la57=off",
               BEST + "console=ttyS0 nopti tsc=reliable clocksource=tsc no_timer_check random.trust_cpu=on",
               ("/usr/x86_64-linux-gnu/lib", "/lib/x86_64-linux-gnu"), "linux-amd64")
GUESTS = {"arm64": ARM64, "x86_64": X86_64}
QEMU, ARGUMENTS = ARM64.qemu, ARM64.arguments


def kernel(guest=ARM64):
    """(path of vmlinuz, version); fetched when it is not there yet."""
    directory = os.path.join(BUILD, guest.folder)
    found = sorted(glob.glob(os.path.join(directory, "boot", "vmlinuz-*")))
    if not found:
        unpack(directory, "./boot/vmlinuz*", guest)
        found = sorted(glob.glob(os.path.join(directory, "boot", "vmlinuz-*")))
    if not found:
        raise RuntimeError(f"the package linux-image-{guest.debian} brought no kernel")
    return found[-1], os.path.basename(found[-1]).removeprefix("vmlinuz-")


def unpack(directory, pattern, guest=ARM64):
    """The files of the kernel's package that match `pattern`."""
    sys.path.insert(0, os.path.join(REPO, "tools"))
    from samara.apt import Apt  # pylint: disable=import-outside-toplevel,import-error
    from samara.fetch import fetch_archives  # pylint: disable=import-outside-toplevel,import-error
    from samara.paths import locked  # pylint: disable=import-outside-toplevel,import-error
    from samara.progress import Progress  # pylint: disable=import-outside-toplevel,import-error
    os.makedirs(directory, exist_ok=True)
    apt = Apt(guest.debian)
    with Progress() as progress, locked(apt.lock):
        apt.update(progress)
        names = [name for name, _ in apt.resolve(["linux-image-" + guest.debian])
                 if re.fullmatch(rf"linux-image-\d.*-{guest.debian}", name)]
    for archive in fetch_archives(names, False, guest.debian):
        subprocess.run(f"dpkg-deb --fsys-tarfile '{archive}' | tar -x -C '{directory}' --wildcards '{pattern}'",
                       shell=True, check=True)


def modules(names):
    """Paths of kernel modules and of those they depend on, in the order of loading; fetched when they are not there."""
    directory = os.path.join(BUILD, "linux")
    _, version = kernel()
    tree = os.path.join(directory, "lib", "modules", version)
    if not os.path.isdir(tree):
        # Not all 400 MB: what virtual machines may need.
        for part in ("crypto/*", "drivers/block/*", "drivers/net/*.ko", "drivers/virtio/*", "fs/*", "lib/*", "net/core/*"):
            unpack(directory, "./lib/modules/*/kernel/" + part)
    files = {}
    for folder, _, entries in os.walk(tree):
        files.update({entry[:-3].replace("-", "_"): os.path.join(folder, entry) for entry in entries
                      if entry.endswith(".ko")})
    order = []

    def add(name):
        if name not in files:
            return  # it is built in
        with open(files[name], "rb") as handle:
            depends = re.search(rb"\0depends=([^\0]*)\0", handle.read())
        for other in depends.group(1).decode().split(",") if depends else []:
            if other:
                add(other.replace("-", "_"))
        if files[name] not in order:
            order.append(files[name])

    for name in names:
        add(name)
    return order


def init_program(guest=ARM64):
    """The first process, compiled when its source changed."""
    output = os.path.join(BUILD, "guest", "linux-init-" + guest.debian)
    if not os.path.exists(output) or os.path.getmtime(output) < os.path.getmtime(INIT_SOURCE):
        os.makedirs(os.path.dirname(output), exist_ok=True)
        subprocess.run([guest.compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-o", output,
                        INIT_SOURCE], check=True)
    return output


def encode(word):
    """A word as docs/command-line.md encodes it."""
    if word == "":
        return "%"
    return "".join(chr(byte) if 33 <= byte <= 126 and byte != 37 else f"%{byte:02X}" for byte in os.fsencode(word))


def interpreter_of(path):
    """The PT_INTERP of an ELF64 file, or None."""
    with open(path, "rb") as handle:
        data = handle.read(4096)
    offset, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    for index in range(count):
        kind, _, start, _, _, length = struct.unpack_from("<IIQQQQ", data, offset + index * size)
        if kind == 3:
            return data[start:start + length].rstrip(b"\0").decode()
    return None


class Job:
    """One program run: `program` is a host path; environment and arguments are as the guest sees them. With `tree`, a
    host directory that is put into the root with its links and modes, `program` is a path in it."""

    def __init__(self, name, program, arguments=(), environment=(), seconds=60, merge=False, files=(), tree=None):
        self.name, self.program, self.arguments = name, program, list(arguments)
        self.environment, self.seconds, self.merge = list(environment), seconds, merge
        self.files, self.tree = list(files), tree
        self.guest_path = "/" + os.path.basename(program)


def initramfs(jobs, guest=ARM64):
    """The bytes of an archive with init, the programs, the libraries they need, and the command list."""
    archive = cpio.Archive()
    archive.add("dev/console", stat.S_IFCHR | 0o600, rdev=(5, 1))
    archive.add("bin", stat.S_IFDIR | 0o755)
    archive.add("etc", stat.S_IFDIR | 0o755)
    archive.add_file("init", init_program(guest))
    commands = []
    for index, job in enumerate(jobs):
        path = job.program if job.tree else f"/t/{index}" + job.guest_path
        if job.tree:
            archive.add_tree(job.tree)
        else:
            archive.add_file(path, job.program)
        for guest, host in job.files:
            archive.add_file(guest, host, 0o644)
        interpreter = None if job.tree else interpreter_of(job.program)
        if interpreter and "musl" in interpreter:
            package = "musl" if guest is ARM64 else "musl-" + guest.platform
            archive.add_file(interpreter, os.path.join(BUILD, "packages", package, "lib", guest.platform + "-linux-musl",
                                                       "libc.so"))
        elif interpreter:
            archive.add_file(interpreter, guest.library(os.path.basename(interpreter)))
            for library in ("libc.so.6", "libm.so.6", "libgcc_s.so.1"):
                archive.add_file(f"lib/{guest.platform}-linux-gnu/{library}", guest.library(library), 0o644)
        words = [str(index), str(job.seconds), "merge" if job.merge else "-"]
        words += [encode(word) for word in job.environment] + ["--"] + [encode(word) for word in [path] + job.arguments]
        commands.append(" ".join(words))
    archive.add("commands", stat.S_IFREG | 0o644, ("\n".join(commands) + "\n").encode())
    return archive.content()


def seeded_device_tree(directory, machine):
    """The device tree of a machine with fixed seeds. Without a seed Linux' random generator starts late, and a seed
    from the host would make each run different (linux-baseline.md, trap 2)."""
    path = os.path.join(directory, "virt.dtb")
    machine = [word + ",dumpdtb=" + path if word.startswith("virt") else word for word in machine]
    subprocess.run([ARM64.qemu] + machine, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    source = subprocess.run(["dtc", "-I", "dtb", "-O", "dts", "-q", path], check=True, capture_output=True,
                            text=True).stdout
    source = re.sub(r"rng-seed = <[^>]*>", "rng-seed = <" + " ".join(f"0x{n * 0x01234567 & 0xffffffff:08x}"
                                                                   for n in range(1, 9)) + ">", source)
    source = re.sub(r"kaslr-seed = <[^>]*>", "kaslr-seed = <0x00000000 0x00000000>", source)
    subprocess.run(["dtc", "-I", "dts", "-O", "dtb", "-q", "-o", path], check=True, input=source, text=True)
    return path


def parse_frames(data):
    """{id: (output bytes, status)} from what the console gave."""
    results = {}
    outputs = {}
    position = 0
    frame = re.compile(rb"\n@@(\w+) (out|end) (\d+)\n")
    while match := frame.search(data, position):
        position = match.end()
        key, kind, value = match.group(1).decode(), match.group(2), int(match.group(3))
        if kind == b"out":
            outputs[key] = data[position:position + value]
            position += value
        elif key != "all":
            results[key] = (outputs.get(key, b""), value)
    return results


def run(jobs, cpus=4, memory="2G", icount=False, cpu=None, seconds=None, log=None, guest=ARM64):
    """Run `jobs` in one boot of Linux. {job.name: (output bytes, status)}; a job that never ended is missing."""
    if not jobs:
        return {}
    image, _ = kernel(guest)
    with tempfile.TemporaryDirectory(prefix="samara-linux-") as directory:
        initrd = os.path.join(directory, "initrd")
        with open(initrd, "wb") as handle:
            handle.write(initramfs(jobs, guest))
        machine = [*guest.machine, "-cpu", cpu or guest.cpu, "-smp", str(cpus), "-m", memory]
        # -dtb replaces QEMU's tree, to which -append and -initrd are then added by QEMU.
        tree = ["-dtb", seeded_device_tree(directory, machine)] if guest is ARM64 else []
        command = [guest.qemu] + machine + tree + ["-nographic", "-nodefaults", "-serial", "stdio", "-no-reboot", "-kernel",
                                                   image, "-initrd", initrd, "-append", guest.arguments]
        if icount:
            command += ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"]
        if seconds is None:
            seconds = 60 + sum(job.seconds for job in jobs)
        try:
            done = subprocess.run(["timeout", "-k", "5", str(seconds)] + command, stdin=subprocess.DEVNULL,
                                  capture_output=True, check=False)
        except OSError as error:
            raise RuntimeError(f"cannot start {guest.qemu}: {error}") from error
        if log:
            with open(log, "wb") as handle:
                handle.write(done.stdout + b"\n--- stderr ---\n" + done.stderr)
        frames = parse_frames(done.stdout)
        if not frames:
            tail = (done.stdout + done.stderr)[-2000:].decode(errors="replace")
            raise RuntimeError(f"Linux gave no result (QEMU ended with {done.returncode}):\n{tail}")
    return {job.name: frames[str(index)] for index, job in enumerate(jobs) if str(index) in frames}
