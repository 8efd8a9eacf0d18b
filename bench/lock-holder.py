#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lock-holder preemption: one contended mutex on 2 and on 8 virtual CPUs, QEMU held to 2 host CPUs.

  bench/lock-holder.py [--host-cpus 0,1] [--seconds S] [--only samara|linux]

With more virtual than host CPUs the host pauses some of them, also while they hold the lock. A kernel (or lock) that
spins wastes the others' time then. Wall time under multi-threaded TCG, so the figures are this host's and noisy; the
ratio of the 8-CPU to the 2-CPU throughput is what counts. Linux runs the same program beside it.
"""
import argparse
import os
import subprocess
import sys

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.realpath(__file__))
REPO = os.path.dirname(BENCH)
sys.path[:0] = [os.path.join(REPO, "tests"), BENCH]

from harness import linux  # noqa: E402  (the path above must be set first)

PROGRAM = os.path.join(REPO, "build", "bench", "arm64", "wall", "contention")


def rate(text):
    """(operations a second, spread) of the program's line, or None."""
    for line in text.splitlines():
        words = line.split()
        if len(words) == 5 and words[0].startswith("contention_"):
            return float(words[1]), words[4]
    return None


def on_samara(cpus, arguments):
    done = subprocess.run([os.path.join(REPO, "samara"), "run", "--quiet", "--machine", "gic-version=3", "--cpu",
                           "neoverse-n1", "--cpus", str(cpus), "--memory", "512M", "--timeout", "120", "--", PROGRAM]
                          + arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          check=False)
    if done.returncode:
        print(f"Samara, {cpus} CPUs: status {done.returncode}\n{done.stderr.strip()[-1000:]}", file=sys.stderr)
    return rate(done.stdout)


def on_linux(cpus, arguments):
    results = linux.run([linux.Job("contention", PROGRAM, arguments, seconds=120)], cpus=cpus, memory="512M")
    return rate(results.get("contention", (b"", 1))[0].decode(errors="replace"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host-cpus", default="0,1", help="host CPUs that QEMU may use (default 0,1)")
    parser.add_argument("--seconds", default="1", help="seconds a measurement (default 1, five of them)")
    parser.add_argument("--only", choices=("samara", "linux"))
    args = parser.parse_args()
    if subprocess.run(["make", "-s", "-C", REPO, "-f", "bench/bench.mk", "bench-programs"], check=False).returncode:
        sys.exit("the benchmarks do not build")
    os.sched_setaffinity(0, {int(cpu) for cpu in args.host_cpus.split(",")})  # inherited by QEMU

    print("| system | 2 virtual CPUs (ops/s) | 8 virtual CPUs (ops/s) | 8 to 2 |")
    print("|--------|-----------------------:|-----------------------:|-------:|")
    for name, run in (("Samara", on_samara), ("Linux", on_linux)):
        if args.only not in (None, name.lower()):
            continue
        two, eight = run(2, [args.seconds, "5"]), run(8, [args.seconds, "5"])
        cells = [f"{side[0]:,.0f} (spread {side[1]})" if side else "-" for side in (two, eight)]
        ratio = f"{eight[0] / two[0]:.2f}" if two and eight else "-"
        print(f"| {name} | {cells[0]} | {cells[1]} | {ratio} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
