#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do the headers of all ports (arch-*/arch/*.h) offer the same names? Part of make lint.

What portable code may use are the names with the prefixes below. Each port has them all, in the header of the same name. What belongs to
one port says so: "Of this port alone" in the comment at the head of a file (then for all of it), or in the comment of a paragraph.
"""
import glob
import os
import re
import sys

CONTRACT = re.compile(r"(arch_|ARCH_|frame_|FRAME_NR_|pt_|PT_|mmio_|dma_|abi_|ABI_|TLB_|kernel_main$|vdso_data$|VA_BITS$|USER_TOP$|\w+_BASE$)")
ALONE = "of this port alone"
DEFINITIONS = (
    re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)", re.M),
    re.compile(r"^(?:struct|enum)\s+(\w+)\s*\{", re.M),
    re.compile(r"^extern\b[^;(]*?\b(\w+)(?:\[\w*\])?;", re.M),
    re.compile(r"^(?!#|return|else)[A-Za-z_][\w \t\*()]*?[ \t\*](\w+)\([^;{]*?(?:;|\n\{)", re.M | re.S),
)


def names(path):
    """The contract's names in a header; None if it is of one port alone."""
    with open(path, encoding="utf-8") as handle:
        text = handle.read()
    head = text[:text.find("*/")]
    if ALONE in head.lower():
        return None
    found = set()
    for paragraph in re.split(r"\n[ \t]*\n(?=/\*|#|static|extern|struct|[a-z_])", text[len(head):]):
        if ALONE in paragraph.lower():
            continue
        for pattern in DEFINITIONS:
            found.update(name for name in pattern.findall(paragraph) if CONTRACT.match(name))
    return found


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.realpath(__file__)), ".."))
    ports = sorted(os.path.dirname(path) for path in glob.glob("arch-*/arch"))
    headers = {port: {os.path.basename(path): names(path) for path in sorted(glob.glob(f"{port}/arch/*.h"))} for port in ports}
    bad = []
    for name in sorted({header for port in ports for header in headers[port]}):
        having = {port: headers[port][name] for port in ports if headers[port].get(name) is not None}
        if not having:
            continue
        for port in ports:
            if port not in having:
                bad.append(f"{port}/arch/{name} is missing (or says that it is of this port alone); {', '.join(having)} has it")
        everything = set().union(*having.values())
        for port, own in having.items():
            bad += [f"{port}/arch/{name} lacks {missing}" for missing in sorted(everything - own)]
    for line in bad:
        print(line)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
