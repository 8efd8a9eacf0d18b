#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""nm -n output on stdin -> assembly of the kernel's symbol table, for backtraces.

    symbols_count:   .quad  n
    symbols_offsets: .long  offset of each function from _text, ascending
    symbols_names:   .long  offset of its name in symbols_strings
    symbols_strings: the names, NUL-terminated

An empty input gives an empty table (first pass of the link).
"""
import sys

text = None
functions = []
for line in sys.stdin:
    fields = line.split()
    if len(fields) != 3:
        continue
    address, kind, name = int(fields[0], 16), fields[1], fields[2]
    if name == "_text":
        text = address
    if kind in "tT" and not name.startswith(("$", ".L")):
        functions.append((address, name))
if text is None:
    functions = []
seen = set()
rows = []
for address, name in functions:
    if address >= text and address not in seen:
        seen.add(address)
        rows.append((address - text, name))

out = ['\t.section .rodata.symbols, "a"', "\t.balign 8",
       "\t.globl symbols_count, symbols_offsets, symbols_names, symbols_strings",
       "symbols_count:", f"\t.quad {len(rows)}", "symbols_offsets:"]
out += [f"\t.long {offset}" for offset, _ in rows]
out.append("symbols_names:")
position = 0
for _, name in rows:
    out.append(f"\t.long {position}")
    position += len(name) + 1
out.append("symbols_strings:")
out += [f'\t.asciz "{name}"' for _, name in rows]
out.append("\t.byte 0")
print("\n".join(out))
