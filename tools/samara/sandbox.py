# SPDX-License-Identifier: MIT
"""A place where the programs of a tree can run as they would on a Debian of their own: its root, its own processes, no network.

Made of Linux' namespaces, so that nothing of this machine is seen or changed, and everything that was started is gone at the
end. It takes root. Programs of another architecture run under qemu-user: if this machine does not start them already
(binfmt_misc), the sandbox registers qemu-user for itself alone, in a user namespace whose numbers are the machine's
(Linux 6.7 and later; before that the machine's own registration is needed, which the package qemu-user-static makes).
"""
import contextlib
import ctypes
import os
import platform
import shutil
import struct
import subprocess
import tempfile
import traceback

from .errors import Failure

# sched.h, mount(2). Python has os.unshare from 3.12 on only.
NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000
USERS = 65536  # numbers of users and groups that Debian's packages use
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
DEVICE_LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2"}

PLAIN, EMULATED = "plain", "emulated"  # what way() finds

# exit(0) as machine code, by the ELF machine number.
EXIT_CODE = {183: struct.pack("<III", 0xD2800000, 0xD2800BA8, 0xD4000001), 62: bytes.fromhex("b83c00000031ff0f05")}


def way(port):
    """(how programs of `port` can run here: PLAIN, EMULATED or None; if None, why not and what to do)."""
    if os.geteuid() != 0:
        return None, "that takes root"
    with tempfile.TemporaryDirectory(prefix="samara-") as folder:
        probe = os.path.join(folder, "probe")
        with open(probe, "wb") as handle:
            handle.write(smallest_program(port))
        os.chmod(probe, 0o755)
        if run(lambda: subprocess.run([probe], check=True), port, PLAIN) is None:
            return PLAIN, ""
        if platform.machine() != port.platform and not emulator(port):
            return None, f"that takes qemu-{port.platform}-static; run `apt-get install qemu-user-static` as root"
        if run(lambda: subprocess.run([probe], check=True), port, EMULATED) is None:
            return EMULATED, ""
    return None, (f"this machine starts no {port.shown} programs (binfmt_misc); reinstall qemu-user-static, or allow this "
                  "container namespaces of its own")


def emulator(port):
    return shutil.which(f"qemu-{port.platform}-static")


def smallest_program(port):
    """An ELF program that only calls exit(0)."""
    code = EXIT_CODE[port.elf_machine]
    size = 64 + 56 + len(code)
    header = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, port.elf_machine, 1, 0x400078, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    return header + struct.pack("<IIQQQQQQ", 1, 5, 0, 0x400000, 0x400000, size, size, 4096) + code


def run(work, port, how, tree=None):
    """Call work() as the first process of a sandbox, with what programs of `tree` expect mounted there. The text of its Failure, else None."""
    ready, mapped, said = os.pipe(), os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            inside(work, port, how, tree, ready[1], mapped[0], said[1])
        os._exit(1)
    for descriptor in (ready[1], mapped[0], said[1]):
        os.close(descriptor)
    try:
        if os.read(ready[0], 1) and how == EMULATED:
            for name in ("uid_map", "gid_map"):
                with open(f"/proc/{child}/{name}", "w", encoding="ascii") as handle:
                    handle.write(f"0 0 {USERS}\n")
        os.write(mapped[1], b"x")
    except OSError:
        pass  # the child says what is wrong, or ends
    os.close(mapped[1])
    with open(said[0], encoding="utf-8", errors="replace") as handle:
        text = handle.read()
    os.close(ready[0])
    if os.waitpid(child, 0)[1] == 0:
        return None
    return text or "the sandbox for the packages' scripts could not be made (namespaces)"


def inside(work, port, how, tree, ready, mapped, said):
    """The child: take new namespaces, become the first process of them, work, leave with 0 or a text in `said`."""
    libc = ctypes.CDLL(None, use_errno=True)
    flags = NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET | (NEWUSER if how == EMULATED else 0)
    if libc.unshare(flags):
        os._exit(1)
    os.write(ready, b"x")
    if not os.read(mapped, 1):
        os._exit(1)
    if how == EMULATED:
        os.setgid(0)
        os.setuid(0)
    first = os.fork()
    if first:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(first, 0)[1]) & 127)
    status = 1
    try:
        with open(os.devnull, encoding="ascii") as nothing:
            os.dup2(nothing.fileno(), 0)
        mount("--make-rprivate", "/")
        mount("-t", "proc", "proc", "/proc")
        if tree:
            furnish(tree)
        if how == EMULATED:
            register(port)
        work()
        status = 0
    except Failure as failure:
        os.write(said, str(failure).encode())
    except (OSError, subprocess.CalledProcessError) as error:
        os.write(said, f"the sandbox for the packages' scripts could not be made: {error}".encode())
    except Exception:
        os.write(said, traceback.format_exc().encode())
    finally:
        os._exit(status)


def mount(*words):
    subprocess.run(["mount", *words], check=True, capture_output=True)


def furnish(tree):
    """/proc, /dev, /sys of the tree, as long as the sandbox lasts."""
    for name in ("proc", "dev", "sys"):
        os.makedirs(os.path.join(tree, name), exist_ok=True)
    subprocess.run(["hostname", "samara"], check=False, capture_output=True)
    mount("-t", "proc", "proc", os.path.join(tree, "proc"))
    with contextlib.suppress(subprocess.CalledProcessError):
        mount("-t", "sysfs", "-o", "ro", "sysfs", os.path.join(tree, "sys"))
    dev = os.path.join(tree, "dev")
    mount("-t", "tmpfs", "-o", "mode=755", "dev", dev)
    for name in DEVICES:
        with open(os.path.join(dev, name), "w", encoding="ascii"):
            pass
        mount("--bind", "/dev/" + name, os.path.join(dev, name))
    for name, target in DEVICE_LINKS.items():
        os.symlink(target, os.path.join(dev, name))
    os.makedirs(os.path.join(dev, "pts"))
    os.makedirs(os.path.join(dev, "shm"))
    os.chmod(os.path.join(dev, "shm"), 0o1777)


def register(port):
    """Start programs of `port` under qemu-user, in this sandbox only."""
    # Docs: admin-guide/binfmt-misc. Byte 7 of an ELF header is the system, byte 16 the type: a program (2) or library (3).
    magic = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HH", 2, port.elf_machine)
    mask = b"\xff" * 7 + b"\0" + b"\xff" * 8 + b"\xfe\xff\xff\xff"
    escaped = ["".join(f"\\x{byte:02x}" for byte in text) for text in (magic, mask)]
    folder = "/proc/sys/fs/binfmt_misc"
    mount("-t", "binfmt_misc", "binfmt_misc", folder)
    # F: the kernel opens the emulator now, so that it need not be in the tree.
    with open(folder + "/register", "w", encoding="ascii") as handle:
        handle.write(f":samara-{port.platform}:M::{escaped[0]}:{escaped[1]}:{emulator(port)}:F")
