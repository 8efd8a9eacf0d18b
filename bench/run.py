#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Benchmarks on Samara and on Debian's Linux kernel in the same QEMU, side by side.

  bench/run.py [--arch arm64|x86_64] [--fresh] [--only samara|linux] [--save] [NAME...]       NAME: a program (bench/NAME.c) or one row

QEMU runs with -icount shift=0: a nanosecond in the guest is an instruction, so the figures are instructions per
operation and repeat on any machine. What Linux needs is kept in build/bench/linux.json, by the hash of the program and
the version of the kernel; --fresh measures it again. Results: a table on standard output, build/bench/results.json,
build/bench/results.svg (results-x86_64). --save keeps them in docs/benchmarks.json, and writes what is kept there of all
machines into docs/benchmarks.md, the plot into docs/benchmarks.svg (benchmarks-x86_64.svg).
"""
import argparse
import datetime
import hashlib
import json
import os
import subprocess
import sys

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.realpath(__file__))
REPO = os.path.dirname(BENCH)
sys.path[:0] = [os.path.join(REPO, "tests"), BENCH]

import plot  # noqa: E402  (the path above must be set first)
from harness import linux  # noqa: E402

OUT = os.path.join(REPO, "build", "bench")
LINUX_CACHE = os.path.join(OUT, "linux.json")
MEMORY = "1G"
SECONDS = 300
# On Linux the cost of making a thread differs by up to 9 % from one run of a program to the next.
TURNS = {"threads": 15}
# QEMU's CPU, what the runs of Samara are told besides, QEMU's machines for the page.
MACHINES = {"arm64": ("neoverse-n1", ["--machine", "gic-version=3"], "-M virt,gic-version=3"),
            # Without ERMS both copy and clear words: QEMU counts each round of a string instruction.
            "x86_64": ("max,la57=off,erms=off,fsrm=off", [], "-M microvm (Linux: q35)")}
ARCH, PROGRAMS, CPU = "arm64", os.path.join(OUT, "arm64"), "neoverse-n1"
ORDER = ["syscalls", "switches", "locks", "threads", "memory", "files", "sockets"]  # in the table; others follow


def select(arch):
    """The machine that everything below is for."""
    global ARCH, PROGRAMS, CPU, LINUX_CACHE  # pylint: disable=global-statement
    ARCH, PROGRAMS, CPU = arch, os.path.join(OUT, arch), MACHINES[arch][0]
    LINUX_CACHE = os.path.join(OUT, f"linux{suffix()}.json")


def suffix():
    return "" if ARCH == "arm64" else "-" + ARCH


PAGE = """\
# What an operation costs, beside Linux

Guest instructions per operation, made by `make bench` and `make bench ARCH=x86_64`: the same static programs (bench/*.c)
on Samara and on Debian's Linux, in the same QEMU with `-m {memory} -accel tcg,thread=single -icount shift=0,sleep=off`, so that one
nanosecond of the guest's clock is one instruction. Median of five; an empty loop is subtracted; spread is (highest - lowest)
/ median of the five, the greatest of a row. Threads on Linux: the mean of 15 runs of the program, and the spread between them (what it
costs depends on what the run found in memory). Two runs of all on Samara give the same figures (`make bench-repeat`); on Linux they agree
within 0.5 %, threads within 2 %.

{machines}

Linux is at its best: `mitigations=off randomize_kstack_offset=off init_on_alloc=0 audit=0`, no page-table isolation, seeds given; on
x86-64 with the TSC as its clock. Instructions are not time: caches, TLBs and the cost of an exception on real hardware are not
in them. A row of one machine is not to be compared with the same row of the other, where an instruction is not the same amount of
work, only with Linux on that machine. On x86-64 each round of a string instruction counts (8 bytes: the CPU is told to have no
ERMS, with which Linux would copy by single bytes, eight times as many). With two CPUs and `-icount` QEMU does not get Linux
amd64 past the start of the second one: no figures there.

{table}

![ratios on arm64](benchmarks.svg)
{pictures}

- A ping-pong is a round trip between two threads (two switches); `_samecpu` on one CPU, `_2cpu` on two, which QEMU runs in turn on
  one host thread, so that idle time counts too.
- Where the instructions of a switch go: [profile.md](profile.md); `bench/profile.py ROW` shows it for any row.
- `sched_yield_2thr_pair` is two yields. `nanosleep_1us` includes the time slept (on Linux the timer slack of 50 us).
- `mutex_contended_samecpu_yield_in_cs`: two threads, each takes the lock, yields, and releases it; one operation of either. How
  often one really waits is the scheduler's choice, so this row varies.
- `pagefault_thp_64MiB_per_2M` and `pagefault_default_64MiB_per_4k_page` zero 2 MiB at a time; zeroing is most of it.
"""


class Run:
    """One program on one number of CPUs."""

    def __init__(self, program, cpus, rows):
        self.program, self.cpus, self.rows = program, cpus, rows
        self.arguments = rows or (["2cpu"] if cpus == 2 else [])
        self.path = os.path.join(PROGRAMS, program)
        self.key = f"{program} {cpus} {' '.join(self.arguments)}".strip()

    def identity(self, version):
        """What the result on Linux depends on."""
        with open(self.path, "rb") as handle:
            digest = hashlib.sha256(handle.read()).hexdigest()[:16]
        return f"{digest} linux-{version} {CPU} {MEMORY} {self.key}"


def rows_of(program):
    """The rows that a program has, read from its source."""
    with open(os.path.join(BENCH, program + ".c"), encoding="utf-8") as handle:
        lines = handle.read().splitlines()
    names = []
    for line in lines:
        line = line.strip()
        if line.startswith(("{ .name = \"", "{ { .name = \"", "{ \"")):
            names.append(line.split('"')[1])
    return names


def plan(names):
    """The runs for the programs and rows asked for, all when none is named."""
    programs = sorted((name[:-2] for name in os.listdir(BENCH) if name.endswith(".c")),
                      key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
    runs = []
    known = set()
    for program in programs:
        rows = rows_of(program)
        known |= {program, *rows}
        whole = not names or program in names
        wanted = [row for row in rows if row in names]
        for cpus in (1, 2):
            part = [row for row in rows if row.endswith("_2cpu") == (cpus == 2)]
            if whole and part:
                runs.append(Run(program, cpus, []))
            elif set(wanted) & set(part):
                runs.append(Run(program, cpus, [row for row in wanted if row in part]))
    for name in names:
        if name not in known:
            sys.exit(f"bench: there is no program or row called {name}; rows: {', '.join(sorted(known))}")
    return runs


def parse(text):
    """{row: {value, unit, n, spread}} from a program's output."""
    rows = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 5:
            rows[words[0]] = {"value": float(words[1]), "unit": words[2], "n": int(words[3]), "spread": words[4]}
    return rows


def mean(turns):
    """{row: the mean of the turns}; spread: between the turns, if there are several."""
    rows = {}
    for name in turns[0]:
        found = sorted((turn[name] for turn in turns if name in turn), key=lambda row: row["value"])
        rows[name] = dict(found[0])
        if len(found) > 1 and found[0]["value"]:
            rows[name]["value"] = round(sum(row["value"] for row in found) / len(found), 1)
            rows[name]["spread"] = f"{(found[-1]['value'] - found[0]['value']) / rows[name]['value'] * 100:.1f}%"
    return rows


def load(path):
    try:
        with open(path, encoding="utf-8") as handle:
            return json.load(handle)
    except (OSError, ValueError):
        return {}


def on_linux(runs, is_fresh):
    """{run.key: rows}; one boot for each number of CPUs that has something to measure."""
    _, version = linux.kernel(linux.GUESTS[ARCH])
    cache = load(LINUX_CACHE)
    # quirk: QEMU 7.2: with -icount and two CPUs Linux amd64 stops where it starts the second one.
    for cpus in (1, 2) if ARCH == "arm64" else (1,):
        todo = [run for run in runs if run.cpus == cpus and (is_fresh or run.identity(version) not in cache)]
        if not todo:
            continue
        print(f"measuring {len(todo)} programs on Linux {version} with {cpus} CPU{'s' * (cpus > 1)} ...",
              file=sys.stderr, flush=True)
        jobs = [linux.Job(f"{run.key} #{turn}", run.path, run.arguments, seconds=SECONDS)
                for run in todo for turn in range(TURNS.get(run.program, 1))]
        results = linux.run(jobs, cpus=cpus, memory=MEMORY, icount=True, cpu=CPU,
                            guest=linux.GUESTS[ARCH], log=os.path.join(OUT, f"linux{suffix()}-{cpus}.log"))
        for run in todo:
            turns = [results.get(f"{run.key} #{turn}", (b"", 1)) for turn in range(TURNS.get(run.program, 1))]
            good = [parse(output.decode(errors="replace")) for output, status in turns if status == 0]
            if good:
                cache[run.identity(version)] = mean(good)
            else:
                print(f"{run.key} failed on Linux with status {turns[0][1]}", file=sys.stderr)
        os.makedirs(OUT, exist_ok=True)
        with open(LINUX_CACHE, "w", encoding="utf-8") as handle:
            json.dump(cache, handle, indent=1, sort_keys=True)
    return {run.key: cache.get(run.identity(version), {}) for run in runs}, version


def on_samara(run, kernel=None):
    """The rows of one run, on another kernel image if one is given; what the program printed before it failed counts."""
    command = [os.path.join(REPO, "samara"), "run", "--arch", ARCH, "--quiet", "--icount", *MACHINES[ARCH][1], "--cpu", CPU,
               "--cpus", str(run.cpus), "--memory", MEMORY, "--timeout", str(SECONDS)]
    command += (["--kernel", kernel] if kernel else []) + ["--", run.path] + run.arguments
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
                          check=False)
    if done.returncode:
        print(f"{run.key} on Samara: status {done.returncode}\n{done.stderr.strip()[-2000:]}", file=sys.stderr)
    return parse(done.stdout)


def table(rows, version):
    """The results as a table in Markdown."""
    head = ["operation", "Samara", f"Linux {version}", "Linux / Samara", "spread"]
    lines = []
    for name, samara, opponent in rows:
        ratio = f"{opponent['value'] / samara['value']:.1f}" if samara and opponent and samara["value"] > 0 else "-"
        spread = ", ".join(side["spread"] if side else "-" for side in (samara, opponent))
        lines.append([name, plot.number(samara["value"]) if samara else "-",
                      plot.number(opponent["value"]) if opponent else "-", ratio, spread])
    return aligned(head, lines)


def aligned(head, lines):
    """A table in Markdown that is readable as it is: the first column to the left, numbers to the right."""
    widths = [max(len(line[column]) for line in [head] + lines) for column in range(len(head))]

    def text(cells):
        return "| " + " | ".join(cell.ljust(width) if column == 0 else cell.rjust(width)
                                 for column, (cell, width) in enumerate(zip(cells, widths))) + " |"

    rule = "|" + "|".join("-" * (width + 1) + ("-" if column == 0 else ":")
                          for column, width in enumerate(widths)) + "|"
    return "\n".join([text(head), rule] + [text(line) for line in lines])


def both_machines(kept):
    """The table of all machines: for each what Samara needs, what Linux needs, and how many times more that is."""
    archs = [arch for arch in MACHINES if arch in kept]
    names = [name for arch in archs for name in kept[arch]["rows"]]
    names = sorted(set(names), key=names.index)
    head = ["operation"] + [text for arch in archs for text in (f"Samara {arch}", "Linux", "ratio", "spread")]
    lines = []
    for name in names:
        cells = [name]
        for arch in archs:
            row = kept[arch]["rows"].get(name) or {}
            ours, theirs = row.get("samara"), row.get("linux")
            spreads = [float(side["spread"].rstrip("%")) for side in (ours, theirs) if side]
            cells += [plot.number(side["value"]) if side else "-" for side in (ours, theirs)]
            cells.append(f"{theirs['value'] / ours['value']:.1f}" if ours and theirs and ours["value"] > 0 else "-")
            cells.append(f"{max(spreads):.1f}%" if spreads else "-")
        lines.append(cells)
    return aligned(head, lines)


def save(rows, picture, version, when):
    """docs/benchmarks.json, docs/benchmarks.md and the plot of this machine."""
    commit = subprocess.run(["git", "-C", REPO, "describe", "--always", "--dirty"], capture_output=True, text=True,
                            check=False).stdout.strip()
    docs = os.path.join(REPO, "docs")
    kept = load(os.path.join(docs, "benchmarks.json"))
    kept[ARCH] = {"date": when, "commit": commit or "unknown", "linux": version, "cpu": CPU,
                  "rows": {name: {"samara": ours, "linux": theirs} for name, ours, theirs in rows}}
    with open(os.path.join(docs, "benchmarks.json"), "w", encoding="utf-8") as handle:
        json.dump(kept, handle, indent=1)
        handle.write("\n")
    with open(os.path.join(docs, f"benchmarks{suffix()}.svg"), "w", encoding="utf-8") as handle:
        handle.write(picture)
    write_page(kept)


def write_page(kept):
    """docs/benchmarks.md from what docs/benchmarks.json has."""
    machines = "\n".join(f"- {arch}: `{MACHINES[arch][2]} -cpu {kept[arch]['cpu']}`, Linux {kept[arch]['linux']}, measured "
                         f"{kept[arch]['date']}, commit {kept[arch]['commit']}" for arch in MACHINES if arch in kept)
    pictures = "\n".join(f"![ratios on {arch}](benchmarks-{arch}.svg)" for arch in kept if arch != "arm64")
    with open(os.path.join(REPO, "docs", "benchmarks.md"), "w", encoding="utf-8") as handle:
        handle.write(PAGE.format(machines=machines, table=both_machines(kept), pictures=pictures, memory=MEMORY))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", choices=MACHINES, default="arm64")
    parser.add_argument("--fresh", action="store_true", help="measure Linux again")
    parser.add_argument("--only", choices=("samara", "linux"))
    parser.add_argument("--save", action="store_true", help="write docs/benchmarks.md and docs/benchmarks.svg too")
    parser.add_argument("name", nargs="*")
    args = parser.parse_args()
    select(args.arch)
    runs = plan(args.name)
    built = subprocess.run(["make", "-s", "-C", REPO, "-f", "bench/bench.mk", "bench-programs", "ARCH=" + ARCH], check=False)
    if built.returncode:
        sys.exit("the benchmarks do not build")

    opponent, version = ({}, "") if args.only == "samara" else on_linux(runs, args.fresh)
    rows = []
    for run in runs:
        ours = {} if args.only == "linux" else on_samara(run)
        theirs = opponent.get(run.key, {})
        rows += [(name, ours.get(name), theirs.get(name)) for name in rows_of(run.program)
                 if name in ours or name in theirs]
    text = table(rows, version)
    print(text)

    when = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    os.makedirs(OUT, exist_ok=True)
    with open(os.path.join(OUT, f"results{suffix()}.json"), "w", encoding="utf-8") as handle:
        json.dump({"date": when, "linux": version, "cpu": CPU, "unit": "instructions per operation",
                   "rows": [{"name": name, "samara": ours, "linux": theirs} for name, ours, theirs in rows]},
                  handle, indent=1)
    both = [(name, ours["value"], theirs["value"]) for name, ours, theirs in rows
            if ours and theirs and ours["value"] > 0 and theirs["value"] > 0]
    picture = plot.bars(both, "Instructions per operation: how many times fewer than Linux",
                        f"Samara / Linux {version}, {ARCH}, QEMU {CPU} -icount shift=0, {when}")
    with open(os.path.join(OUT, f"results{suffix()}.svg"), "w", encoding="utf-8") as handle:
        handle.write(picture)
    if args.save:
        save(rows, picture, version, when)
    print(f"\nIn instructions per operation (QEMU -icount, {CPU}, {MEMORY}), {when}. "
          f"Also in build/bench/results{suffix()}.json and .svg.")
    return 0 if not rows or args.only == "linux" or any(ours for _, ours, _ in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
