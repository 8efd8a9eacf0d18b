#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Instructions from reset to a program, on Samara and on Debian's Linux kernel, one CPU, QEMU with -icount.

The programs read the counter, which starts at reset and advances by one nanosecond an instruction: at the very first
instruction of a static program without libc, and at main of a static and of a dynamic glibc program. Then redis-server's message that it
is ready, counted by the plugin of bench/host/count.c. Then Samara's own report of its phases. What Linux needs includes decompressing and running its initramfs up to the program.
"""
import argparse
import os
import subprocess
import sys

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.realpath(__file__))
REPO = os.path.dirname(BENCH)
sys.path[:0] = [os.path.join(REPO, "tests"), BENCH]

import machines  # noqa: E402  (the path above must be set first)
import servers  # noqa: E402
from harness import linux  # noqa: E402

MACHINES = {"arm64": ["--machine", "gic-version=3", "--cpu", "neoverse-n1"], "x86_64": []}
ROWS = [("first", "first instruction, static"), ("main", "main, static glibc"), ("main-pie", "main, dynamic glibc")]


def path_of(program, arch):
    return os.path.join(REPO, "build", "bench", arch, "boot", program)


def samara(program, arch, *options):
    command = [os.path.join(REPO, "samara"), "run", "--arch", arch, "--icount", *MACHINES[arch],
               "--memory", "512M", "--timeout", "60", *options, "--", path_of(program, arch)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          check=False)


def number_of(text):
    """The number on the line that the program printed, or None."""
    for line in text.splitlines():
        words = line.split()
        if len(words) == 2 and words[0] in ("first_instruction", "main"):
            return int(words[1])
    return None


def ready(server, system):
    """Executed instructions, and those in the kernel, when the server said that it is ready, without a network (the plugin counts: what the
    emulator does between the message and the reading is idle)."""
    try:
        with machines.start(system, server.root(), server.command_for(1, True), 1, is_counted=True, has_net=False) as machine:
            total = machine.wait_for(server.ready)[1]
            return total, sum(high for _, high in machine.counter.per_cpu())
    except RuntimeError as error:
        print(f"bench-boot: {server.name} on {system}: {error}", file=sys.stderr)
        return None, None


def row_of(label, ours, theirs):
    cells = [f"{value:,}" if value else "-" for value in (ours, theirs)]
    return f"| {label} | {cells[0]} | {cells[1]} | {f'{theirs / ours:,.0f}' if ours and theirs else '-'} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", choices=MACHINES, default="arm64")
    arch = parser.parse_args().arch
    if subprocess.run(["make", "-s", "-C", REPO, "-f", "bench/bench.mk", "bench-programs", "ARCH=" + arch], check=False).returncode:
        sys.exit("the benchmarks do not build")
    print("| from reset to | Samara | Linux | Linux / Samara |")
    print("|---------------|-------:|------:|---------------:|")
    for program, label in ROWS:
        ours = number_of(samara(program, arch, "--quiet").stdout)
        result = linux.run([linux.Job(program, path_of(program, arch))], cpus=1, memory="512M", icount=True, guest=linux.GUESTS[arch])
        theirs = number_of(result.get(program, (b"", 1))[0].decode(errors="replace"))
        print(row_of(label, ours, theirs), flush=True)
    if arch == "arm64":
        redis = next(server for server in servers.SERVERS if server.name == "redis")
        pairs = [ready(redis, system) for system in ("samara", "linux")]
        for index, label in enumerate(("redis-server is ready", "of these, in the kernel")):
            print(row_of(label, *(pair[index] for pair in pairs)), flush=True)
    done = samara("first", arch, "--boot-report")
    report = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("boot:")]
    print("\n" + "\n".join(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
