#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How much of the kernel belongs to one machine: lines by folder, as a table.

  tools/arch-table.py [--write]      --write: put it in docs/architecture.md, between its markers

Lines are those of .c, .S and .h files in git that are not empty, comments included; tests, tools and benchmarks do not count.
Fails if a port has more than LIMIT per cent of all.
"""
import os
import subprocess
import sys

LIMIT = 15
PORTABLE = ("libc", "mmu", "sched", "fs", "net", "linux", "virtio", "virtio-mmio")
PORTS = {"arm64": ("arch-arm64", "gic"), "x86-64": ("arch-x86", "apic")}
BOARDS = "boards"
DOCUMENT = "docs/architecture.md"
BEGIN, END = "<!-- make arch-table: begin -->\n", "<!-- make arch-table: end -->\n"


def lines_of(path):
    with open(path, encoding="utf-8") as handle:
        return sum(1 for line in handle if line.strip())


def count():
    """{first folder: lines}"""
    names = subprocess.run(["git", "ls-files", "-z", "*.c", "*.S", "*.h"], capture_output=True, check=True).stdout.decode().split("\0")
    result = {}
    for name in names:
        if "/" in name and os.path.exists(name):
            folder = name.split("/")[0]
            result[folder] = result.get(folder, 0) + lines_of(name)
    return result


def table(lines):
    """(text, is within the limit)"""
    rows = [(name + "/", lines.get(name, 0)) for name in PORTABLE] + [("boards/", lines.get(BOARDS, 0))]
    ports = {port: sum(lines.get(folder, 0) for folder in folders) for port, folders in PORTS.items()}
    total = sum(number for _, number in rows) + sum(ports.values())
    rows += [(f"{' and '.join(folder + '/' for folder in PORTS[port])} ({port})", number) for port, number in ports.items()]
    text = "| folder | lines | of all |\n| --- | ---: | ---: |\n"
    for name, number in rows + [("all", total)]:
        text += f"| {name} | {number} | {100 * number / total:.1f} % |\n"
    return text, all(number * 100 <= LIMIT * total for number in ports.values())


def write(text):
    with open(DOCUMENT, encoding="utf-8") as handle:
        document = handle.read()
    before, _, rest = document.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        sys.exit(f"{DOCUMENT} lacks the markers")
    with open(DOCUMENT, "w", encoding="utf-8") as handle:
        handle.write(before + BEGIN + text + END + after)


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
    text, is_within = table(count())
    if sys.argv[1:] == ["--write"]:
        write(text)
    else:
        print(text, end="")
    if not is_within:
        sys.exit(f"a port has more than {LIMIT} % of the kernel's lines")


if __name__ == "__main__":
    main()
