#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Work conservation: no CPU is idle while threads wait for one. From a trace of every switch and wake-up.

  tests/trace-idle.py [--cpus N] [--strict] [--option WORD]... [PROGRAM [ARGUMENT...]]

Default: 32 threads that compute, and 32 pairs of threads that pass a byte to each other through sockets and compute
in between, on 8 CPUs. Printed for each: the longest time that a CPU was idle while an application thread waited for a
CPU, how much of the CPUs' time such idleness took in all, how often it was longer than a millisecond, and how evenly
the threads spread. Looked at is the middle of the trace, when all threads are there.

A CPU that the host has paused looks idle too, so on a busy host single times mean little: the test fails if more than
20 % of the time is lost that way, if a CPU has less than half of its share of the work, or, with --strict (a host with
more cores than the guest has CPUs, or one CPU after the other by --icount), if a CPU was idle for 1 ms. When the host
did not keep pace (harness/pace.py) that says nothing: it is tried again, three times, and then left out.
"""
import argparse
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
TESTS = os.path.dirname(os.path.realpath(__file__))
REPO = os.path.dirname(TESTS)
ARCH = os.environ.get("ARCH", "arm64")
sys.path[:0] = [os.path.join(REPO, "tools"), TESTS]

from harness.pace import Pace  # noqa: E402  (the path above must be set first)
from samara import trace  # noqa: E402

LIMIT_NS = 1_000_000
PROGRAM = os.path.join("build", "guest", ARCH, "stress", "work-conservation")
DEFAULTS = [[PROGRAM, "32", "0.6", "100"], [PROGRAM, "32", "0.6", "100", "sockets"]]


def is_application(thread):
    return thread != 0 and not thread & trace.KERNEL_THREAD


class Watch:
    """Who runs, who waits, and how long each CPU has been idle beside threads that wait."""

    def __init__(self, cpus, begin, end):
        self.begin, self.end = begin, end
        self.running = [None] * cpus
        self.since = [None] * cpus
        self.entered = [begin] * cpus
        self.waiting = set()
        self.spells = []  # (length, when, CPU, a thread that waited)
        self.busy = [0] * cpus

    def clip(self, first, last):
        return max(0, min(last, self.end) - max(first, self.begin))

    def switch(self, time, cpu, row):
        left, entered = row.a & ~trace.BLOCKED, row.b
        if is_application(left):
            self.busy[cpu] += self.clip(self.entered[cpu], time)
            if row.a & trace.BLOCKED:
                self.waiting.discard(left)
            else:
                self.waiting.add(left)
        self.waiting.discard(entered)
        self.running[cpu], self.entered[cpu] = entered, time

    def look(self, time):
        for cpu, thread in enumerate(self.running):
            is_lazy = thread is not None and thread & ~trace.KERNEL_THREAD == 0 and self.waiting
            if is_lazy and self.since[cpu] is None:
                self.since[cpu] = time
            elif not is_lazy and self.since[cpu] is not None:
                length = self.clip(self.since[cpu], time)
                if length:
                    self.spells.append((length, self.since[cpu], cpu))
                self.since[cpu] = None


def watch(parsed):
    events = sorted((row.time, index, cpu, row) for cpu, rows in parsed.records.items() for index, row in enumerate(rows)
                    if row.event in (trace.SWITCH, trace.WAKE))
    # Rings that have overwritten their begin start later.
    first = max(rows[0].time for rows in parsed.records.values() if rows)
    last = events[-1][0]
    span = last - first
    state = Watch(parsed.cpus, first + span * 2 // 5, last - span // 5)
    for time, _, cpu, row in events:
        if row.event == trace.SWITCH:
            state.switch(time, cpu, row)
        elif is_application(row.a) and row.a not in state.running:
            state.waiting.add(row.a)
        state.look(time)
    return state


def record(words, args, directory):
    environment = dict(os.environ, SAMARA_KEEP_TRACE=os.path.join(directory, "raw"))
    command = [os.path.join(REPO, "samara"), "run", "--quiet", "--timeout", "300", "--cpus", str(args.cpus), "--memory", "512M",
               "--append", "trace-buffer=4", "--trace", os.path.join(directory, "trace.json") + ":switch,wake"]
    done = subprocess.run(command + args.option + ["--"] + words, stdin=subprocess.DEVNULL, capture_output=True, env=environment,
                          cwd=REPO, check=False)
    if done.returncode:
        sys.exit(f"the program ended with {done.returncode}: " + (done.stdout + done.stderr).decode(errors="replace")[-500:])
    with open(os.path.join(directory, "raw"), "rb") as file:
        return trace.parse(file.read())


def judge(words, args):
    with tempfile.TemporaryDirectory(prefix="samara-trace-idle-") as directory:
        state = watch(record(words, args, directory))
    length = state.end - state.begin
    spells = sorted(state.spells, reverse=True)
    lost = sum(spell[0] for spell in spells) / length / args.cpus
    nr_long = sum(1 for spell in spells if spell[0] > LIMIT_NS)
    share = min(state.busy) / (sum(state.busy) / args.cpus)
    print(f"{' '.join(os.path.basename(word) for word in words)}: {length / 1e6:.0f} ms, idle while threads waited: {lost * 100:.2f} %, "
          f"longest {spells[0][0] / 1000 if spells else 0:.0f} us, {nr_long} of {len(spells)} longer than 1 ms; "
          f"least busy CPU {share * 100:.0f} % of the mean")
    for spell in spells[:3] if nr_long else []:
        print(f"  {spell[0] / 1000:.0f} us on CPU {spell[2]} at {spell[1]}")
    return lost <= 0.2 and share >= 0.5 and not (args.strict and nr_long)


def judge_at_pace(words, args):
    """Was it right, as far as can be said?"""
    pace = Pace()
    for _ in range(3):
        pace.mark()
        if judge(words, args):
            return True
        if pace.kept():
            return False
        print(f"  the host was late by {pace.lost():.2f} s: that says nothing")
    print("skipped: the host was too busy to judge times")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cpus", type=int, default=8)
    parser.add_argument("--strict", action="store_true", help="fail if a CPU was idle for more than 1 ms")
    parser.add_argument("--option", action="append", default=[], help="passed on to samara run (repeatable)")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="PROGRAM")
    args = parser.parse_args()
    subprocess.run(["make", "-s", "-C", REPO, "-f", "tests/guest.mk", PROGRAM], check=True)
    results = [judge_at_pace(words, args) for words in ([args.words] if args.words else DEFAULTS)]
    print("trace-idle: ok" if all(results) else "trace-idle: FAILED")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
