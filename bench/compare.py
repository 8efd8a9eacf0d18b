#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The benchmarks of bench/run.py on two kernel images of Samara, or twice on one: does a change, or chance, matter?

  bench/compare.py KERNEL-A KERNEL-B [NAME...]       NAME as for bench/run.py; default: all rows for one CPU

Instructions per operation (-icount) on both images, and by how much B differs from A. `make bench-tracing` compares the
release with one built without tracepoints; `make bench-repeat` compares the release with itself.
"""
import os
import statistics
import sys

sys.dont_write_bytecode = True
BENCH = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, BENCH)

import run  # noqa: E402  (the path above must be set first)
from plot import number  # noqa: E402


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    kernels, names = sys.argv[1:3], sys.argv[3:]
    runs = [one for one in run.plan(names) if names or one.cpus == 1]
    print("| operation | A | B | B / A - 1 |\n|---|--:|--:|--:|", flush=True)
    differences = {}
    for one in runs:
        sides = [run.on_samara(one, kernel) for kernel in kernels]
        for name in run.rows_of(one.program):
            values = [side[name]["value"] if name in side else None for side in sides]
            if None in values or values[0] <= 0:
                continue
            differences[name] = values[1] / values[0] - 1
            print(f"| {name} | {number(values[0])} | {number(values[1])} | {differences[name] * 100:+.2f} % |", flush=True)
    if not differences:
        sys.exit("no row was measured on both")
    worst = max(differences, key=lambda name: abs(differences[name]))
    print(f"\n{len(differences)} rows: median {statistics.median(differences.values()) * 100:+.2f} %, "
          f"within 1 %: {sum(abs(value) <= 0.01 for value in differences.values())}, "
          f"greatest {differences[worst] * 100:+.2f} % ({worst})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
