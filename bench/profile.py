#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Where the instructions of one operation go: every executed instruction of a benchmark's row, by function.

  bench/profile.py [--lines | --trace] ROW [ROW...]

QEMU logs each instruction (-singlestep -d exec); the log is read as it is written and QEMU is ended when the window is
over. The window is one call of the row's function with CALL_OPS operations, late enough that all is warm. --lines: by
source line; --trace: one operation in order, function by function.
"""
import argparse
import bisect
import collections
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.realpath(__file__))
REPO = os.path.dirname(BENCH)
sys.path[:0] = [os.path.join(REPO, "tests"), BENCH]

import run  # noqa: E402

KERNEL = os.path.join(REPO, "build", "arm64", "kernel.elf")
CALL = 8		# the call of the row's function that is looked at: 1, 1, 2, 4, ... operations
CALL_OPS = 64
PC = re.compile(rb"\[[0-9a-f]+/([0-9a-f]+)/")


def symbols(path):
    """Sorted [(address, size, name)] of a file's functions."""
    out = subprocess.run(["aarch64-linux-gnu-nm", "-n", "-S", "--defined-only", path], capture_output=True, text=True,
                         check=True).stdout
    found = []
    for line in out.splitlines():
        words = line.split()
        if len(words) == 4 and words[2] in "tTwWiI":
            found.append((int(words[0], 16), int(words[1], 16), words[3]))
        elif len(words) == 3 and words[1] in "tT":
            found.append((int(words[0], 16), 0, words[2]))
    return found


class Names:
    def __init__(self, program):
        self.table = sorted(symbols(KERNEL) + symbols(program))
        self.starts = [entry[0] for entry in self.table]
        self.by_name = {}
        for address, _, name in self.table:
            self.by_name.setdefault(name, address)

    def find(self, pc):
        i = bisect.bisect_right(self.starts, pc) - 1
        if i >= 0:
            address, size, name = self.table[i]
            if pc < address + max(size, 4) or (size == 0 and pc < address + 4096):
                return name
        return "(veneers)"


def run_function(program, row):
    """The name of the function that a row runs, from the source."""
    with open(os.path.join(BENCH, program + ".c"), encoding="utf-8") as handle:
        text = handle.read()
    found = re.search(r'\.name = "' + re.escape(row) + r'",\s*\.run = (\w+)', text) or \
        re.search(r'"' + re.escape(row) + r'",\s*(\w+)', text) or \
        re.search(r'\brow\.run = (\w+)', text) or \
        re.search(r'\.run = (\w+)', text)		# one for all rows
    return found.group(1)


def record(program, row, names):
    """Program counters of the window, in order."""
    path = os.path.join(run.PROGRAMS, program)
    dry = subprocess.run([os.path.join(REPO, "samara"), "run", "--quiet", "--icount", "--machine", "gic-version=3", "--cpu",
                          run.CPU, "--cpus", "2" if row.endswith("_2cpu") else "1", "--memory", run.MEMORY, "--dry-run",
                          "--", path, row], capture_output=True, text=True, check=True).stdout
    start = names.by_name[run_function(program, row)]
    caller = ("run_row", "measure", "run_rows", "run_rows.constprop.0", "main")
    found, calls, inside = [], 0, False
    with tempfile.TemporaryDirectory() as scratch:
        fifo = os.path.join(scratch, "log")
        os.mkfifo(fifo)
        command = shlex.split(dry.replace("\\\n", " ")) + ["-singlestep", "-d", "exec,nochain", "-D", fifo]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as qemu:
            with open(fifo, "rb", buffering=1 << 20) as log:
                for line in log:
                    match = PC.search(line)
                    if not match:
                        continue
                    pc = int(match.group(1), 16)
                    if pc == start:
                        calls += 1
                        inside = calls == CALL
                        if calls > CALL:
                            break
                    elif inside and not pc >> 48 and names.find(pc) in caller:
                        break
                    if inside:
                        found.append(pc)
            qemu.send_signal(signal.SIGKILL)
    return found


def source_lines(pcs, program):
    """{pc: "file:line (inlined function)"}"""
    out = {}
    for path, part in ((KERNEL, [pc for pc in pcs if pc >> 48]), (program, [pc for pc in pcs if not pc >> 48])):
        done = subprocess.run(["aarch64-linux-gnu-addr2line", "-f", "-e", path] + [hex(pc) for pc in part],
                              capture_output=True, text=True, check=True).stdout.splitlines()
        for i, pc in enumerate(part):
            place = done[2 * i + 1].split(" ")[0].replace(REPO + "/", "")
            out[pc] = f"{place} {done[2 * i]}"
    return out


def show_trace(pcs, names):
    """The second operation of the window, function by function."""
    each = len(pcs) // CALL_OPS
    name, count = None, 0
    for pc in pcs[each * 4:each * 5]:
        now = names.find(pc)
        if now != name:
            if name:
                print(f"{count:6}  {name}")
            name, count = now, 0
        count += 1
    print(f"{count:6}  {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", action="store_true")
    parser.add_argument("--trace", action="store_true")
    parser.add_argument("row", nargs="+")
    args = parser.parse_args()
    for row in args.row:
        program = next(name[:-2] for name in sorted(os.listdir(BENCH)) if name.endswith(".c") and row in run.rows_of(name[:-2]))
        names = Names(os.path.join(run.PROGRAMS, program))
        pcs = record(program, row, names)
        print(f"{row}: {len(pcs) / CALL_OPS:.1f} instructions per operation")
        if args.trace:
            show_trace(pcs, names)
            continue
        counts = collections.Counter(pcs)
        groups, entries = collections.Counter(), collections.Counter()
        where = source_lines(list(counts), os.path.join(run.PROGRAMS, program)) if args.lines else {}
        for pc, n in counts.items():
            name = names.find(pc)
            groups[(name + "  " + where[pc]) if args.lines else name] += n
            if names.by_name.get(name) == pc:
                entries[name] += n
        for name, n in groups.most_common(400 if args.lines else 60):
            print(f"{n / CALL_OPS:8.1f}  {entries[name] / CALL_OPS:5.1f} x  {name}")


if __name__ == "__main__":
    main()
