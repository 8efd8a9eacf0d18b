#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""virtio devices under QEMU: disks, console streams, network; modern and legacy transport, 1 and 4 CPUs.

tests/virtio/run.py [NAME...]	needs `make` and an arm64 cross compiler; about half a minute.
"""
import hashlib
import os
import shlex
import socket
import subprocess
import sys
import threading

sys.dont_write_bytecode = True
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from harness.ports import reserve  # noqa: E402  (the path above must be set first)

WORK = os.path.join(ROOT, "build", "virtio-test")
GUEST = os.path.join(WORK, "device-guest")
SECONDS = 180  # for what takes two or three, on a host that is busy
LEGACY = ["-global", "virtio-mmio.force-legacy=true"]


def command(args, options=(), extra=()):
    """QEMU's command line as samara would run it, and more."""
    text = subprocess.run([os.path.join(ROOT, "samara"), "run", "--quiet", "--dry-run", *options, GUEST, *args],
                          capture_output=True, text=True, check=True).stdout
    return shlex.split(text.replace("\\\n", " ")) + list(extra)


def run(args, options=(), extra=(), data=b""):
    # Through pipes: QEMU opens /dev/stdout by name, which would cut a file short.
    done = subprocess.run(command(args, options, extra), input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS, check=False)
    assert done.returncode == 0, f"status {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}"
    return done.stdout


def disks(extra, verb, cpus):
    first, second = os.path.join(WORK, "first.img"), os.path.join(WORK, "second.img")
    data = os.urandom(8 << 20)
    for path, content in ((first, data), (second, bytes(len(data)))):
        with open(path, "wb") as f:
            f.write(content)
    drives = []
    for name, path in (("d0", second), ("d1", first)):  # the last device has the lowest slot: vda
        drives += ["-drive", f"file={path},if=none,id={name},format=raw", "-device", f"virtio-blk-device,drive={name},num-queues={cpus}"]
    run([verb, "/dev/vda", "/dev/vdb"], ["--cpus", str(cpus)], [*drives, "-device", "virtio-rng-device", *extra])
    with open(second, "rb") as f:
        assert f.read() == data, "the copy differs"


def stream(extra):
    data = os.urandom(20 << 20)
    out = run(["cat"], ["--console", "ports"], extra, data)
    assert hashlib.sha256(out).digest() == hashlib.sha256(data).digest(), f"{len(out)} bytes came back"


def connection(port, size):
    data, got = os.urandom(size), bytearray()
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as s:
        def receive():
            while True:
                part = s.recv(65536)
                if not part:
                    return
                got.extend(part)
        t = threading.Thread(target=receive)
        t.start()
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        t.join(SECONDS)
    assert bytes(got) == data, f"{len(got)} of {size} bytes came back"


def echo(options, extra=(), sizes=(1, 1448, 100000, 20 << 20)):
    port = reserve()
    cmd = command(["echo", "7777", str(len(sizes))], ["--publish", f"{port}:7777", *options], extra)
    guest = subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        assert guest.stdout.readline() == b"ready\n"
        for size in sizes:
            connection(port, size)
        assert guest.wait(SECONDS) == 0
    finally:
        guest.kill()
        guest.wait()


WALK = """
import hashlib, os
state, count = hashlib.sha256(), 0
for folder, names, files in os.walk("/usr"):
    names.sort()
    for name in sorted(files):
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            with open(path, "rb") as handle:
                state.update(handle.read())
            count += 1
print(count, state.hexdigest())
"""


def root_disk(cpus):
    """Every file of a root reads the same from the disk as from memory."""
    answers = []
    for option in ([], ["--root-disk", "--cpus", str(cpus)]):
        done = subprocess.run([os.path.join(ROOT, "samara"), "run", "--quiet", "--package", "python3-minimal", *option, "--", "python3", "-c", WALK],
                              capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == 0, f"status {done.returncode}: {done.stderr[-300:]}"
        answers.append(done.stdout)
    assert answers[0] == answers[1] and int(answers[0].split()[0]) > 100, answers


TESTS = {
    "disk": lambda: disks([], "copy", 1),
    "disk-odd": lambda: disks([], "copy-odd", 1),
    "disk-4-cpus": lambda: disks([], "copy", 4),
    "disk-legacy": lambda: disks(LEGACY, "copy", 1),
    "root-disk": lambda: root_disk(1),
    "root-disk-4-cpus": lambda: root_disk(4),
    "stream": lambda: stream([]),
    "stream-legacy": lambda: stream(LEGACY),
    "net": lambda: echo([]),
    "net-legacy": lambda: echo([], LEGACY),
    # An edge that got lost when the interrupt moved to another CPU stopped one in two of these.
    "net-4-cpus": lambda: echo(["--cpus", "4"], sizes=(20 << 20,) * 6),
    "net-4-cpus-gic3": lambda: echo(["--cpus", "4", "--machine", "gic-version=3"], sizes=(20 << 20,) * 3),
}


def main():
    os.makedirs(WORK, exist_ok=True)
    subprocess.run(["aarch64-linux-gnu-gcc", "-static", "-O2", "-Wall", "-Wextra", "-Werror", "-o", GUEST,
                    os.path.join(ROOT, "tests", "virtio", "device-guest.c")], check=True)
    failed = 0
    for name in sys.argv[1:] or TESTS:
        try:
            TESTS[name]()
            print(f"ok {name}", flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError) as e:
            failed += 1
            print(f"FAIL {name}: {e}", flush=True)
    return failed != 0


sys.exit(main())
