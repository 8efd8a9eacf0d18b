# SPDX-License-Identifier: MIT
"""Profiles: samples of a trace, with names, as folded stacks and as a flame graph (SVG)."""
import bisect
import os
import subprocess
from collections import Counter
from xml.sax.saxutils import escape

from . import paths, trace as traces

KERNEL_BASE = 0xFFFF000000000000


class Symbols:
    """Function names of one ELF file, by file address."""

    def __init__(self, path):
        self.starts, self.rows = [], []
        rows = set()
        for option in ("--defined-only", "-D"):
            done = subprocess.run([nm(), "-n", "-S", "-C", option, path], capture_output=True, text=True, check=False)
            for line in done.stdout.splitlines():
                words = line.split(None, 3)
                if len(words) == 4 and words[2] in "tTwWiuV" and not words[3].startswith("$"):
                    rows.add((int(words[0], 16), int(words[1], 16), words[3].split("@")[0]))
                elif len(line.split(None, 2)) == 3 and words[1] in "tT" and not words[2].startswith("$"):
                    rows.add((int(words[0], 16), 0, words[2].split("@")[0]))  # assembly without a size
        for row in sorted(rows, key=lambda row: (row[0], -row[1])):
            if not self.starts or row[0] != self.starts[-1]:
                self.starts.append(row[0])
                self.rows.append(row)

    def find(self, address):
        """None between functions: a stripped file names only what it exports."""
        index = bisect.bisect_right(self.starts, address) - 1
        if index < 0:
            return None
        start, size, name = self.rows[index]
        return name if not size or address < start + size else None


def nm():
    return paths.find_tool("aarch64-linux-gnu-nm", "binutils-aarch64-linux-gnu")


def load_segments(path):
    """[(file offset, size, virtual address)] of PT_LOAD, to turn offsets into addresses of the file's symbols."""
    import struct
    with open(path, "rb") as file:
        header = file.read(64)
        if header[:4] != b"\x7fELF":
            return []
        offset, = struct.unpack_from("<Q", header, 32)
        size, count = struct.unpack_from("<HH", header, 54)
        file.seek(offset)
        table = file.read(size * count)
    rows = []
    for index in range(count):
        kind, _, file_offset, address, _, file_size, _, _ = struct.unpack_from("<IIQQQQQQ", table, index * size)
        if kind == 1:
            rows.append((file_offset, file_size, address))
    return rows


class Program:
    """Names for addresses of the application, from /proc/self/maps at the end and the files of the root."""

    def __init__(self, maps, find_file):
        self.areas, self.files, self.find_file = [], {}, find_file
        for line in maps.splitlines():
            words = line.split(None, 5)
            if len(words) >= 5:
                start, end = (int(text, 16) for text in words[0].split("-"))
                self.areas.append((start, end, int(words[2], 16), words[5] if len(words) == 6 else ""))

    def load(self, path):
        if path not in self.files:
            host = self.find_file(path)
            self.files[path] = (Symbols(host), load_segments(host)) if host else (None, [])
        return self.files[path]

    def name(self, address):
        for start, end, offset, path in self.areas:
            if start <= address < end:
                if not path.startswith("/"):
                    return path or "[anonymous]"
                symbols, segments = self.load(path)
                short = os.path.basename(path)
                file_offset = address - start + offset
                for segment_offset, size, virtual in segments:
                    if segment_offset <= file_offset < segment_offset + size:
                        found = symbols.find(file_offset - segment_offset + virtual)
                        if found:
                            return f"{found} ({short})"
                return f"({short})"
        return hex(address)


def stacks(trace):
    """Yields (thread id, [pc, ...]) for each sample, innermost first."""
    for rows in trace.records.values():
        index = 0
        while index < len(rows):
            row = rows[index]
            index += 1
            if row.event != traces.SAMPLE:
                continue
            pcs, left = [row.a], row.b
            while left > 0 and index < len(rows) and rows[index].event == traces.SAMPLE_MORE:
                pcs += [rows[index].a, rows[index].b][:left]
                left -= 2
                index += 1
            yield row.thread, pcs


def fold(trace, kernel_elf, find_file):
    """Counter of "thread;outermost;...;innermost"."""
    kernel = Symbols(kernel_elf) if kernel_elf and os.path.exists(kernel_elf) else None
    program = Program(trace.maps, find_file)
    counts, cache = Counter(), {}

    def name(address, is_return):
        address -= 4 if is_return else 0
        if address not in cache:
            if address >= KERNEL_BASE:
                cache[address] = ((kernel.find(address) if kernel else None) or hex(address)) + "_[k]"
            else:
                cache[address] = program.name(address)
        return cache[address]

    for thread, pcs in stacks(trace):
        frames = [name(pc, position > 0) for position, pc in enumerate(pcs)]
        counts[";".join([traces.thread_name(trace, thread)] + [frame.replace(";", ":") for frame in reversed(frames)])] += 1
    return counts


# -- flame graph ------------------------------------------------------------------------------------------------------

WIDTH, ROW, FONT, TOP = 1200, 17, 11, 40


def color(name):
    """Kernel frames cool, the program's warm; the same name has the same color."""
    value = sum(ord(letter) * (index + 1) for index, letter in enumerate(name)) % 60
    return f"rgb({70 + value},{120 + value},{200 + value // 2})" if name.endswith("_[k]") else f"rgb({205 + value // 2},{110 + value * 2},{40 + value})"


def tree_of(counts):
    root = {"name": "all", "value": 0, "children": {}}
    for stack, count in counts.items():
        node = root
        node["value"] += count
        for frame in stack.split(";"):
            node = node["children"].setdefault(frame, {"name": frame, "value": 0, "children": {}})
            node["value"] += count
    return root


def depth_of(node):
    return 1 + max((depth_of(child) for child in node["children"].values()), default=0)


def flame(counts, title):
    """SVG text. Width is samples; each row a call level, callers below."""
    root = tree_of(counts)
    total = max(root["value"], 1)
    height = TOP + depth_of(root) * ROW + 12
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="{FONT}">',
           f'<rect width="{WIDTH}" height="{height}" fill="#fcfcf8"/>',
           f'<text x="{WIDTH / 2}" y="22" text-anchor="middle" font-size="16">{escape(title)} ({root["value"]} samples)</text>']

    def draw(node, left, level):
        width = node["value"] / total * (WIDTH - 20)
        if width < 0.4:
            return
        y = height - 10 - (level + 1) * ROW
        share = node["value"] / total
        out.append(f'<g><title>{escape(node["name"])}: {node["value"]} samples, {share:.1%}</title>'
                   f'<rect x="{left:.1f}" y="{y}" width="{max(width - 0.5, 0.3):.1f}" height="{ROW - 1}" rx="1" fill="{color(node["name"])}"/>')
        letters = int(width / (FONT * 0.58))
        if letters >= 3:
            name = node["name"].removesuffix("_[k]")
            text = name if len(name) <= letters else name[:letters - 1] + "…"
            out.append(f'<text x="{left + 3:.1f}" y="{y + ROW - 5}">{escape(text)}</text>')
        out.append("</g>")
        position = left
        for child in sorted(node["children"].values(), key=lambda item: item["name"]):
            draw(child, position, level + 1)
            position += child["value"] / total * (WIDTH - 20)

    draw(root, 10, 0)
    out.append("</svg>")
    return "\n".join(out)


def write(trace, out, kernel_elf, find_file, title):
    """FILE.svg gets the flame graph, FILE.folded the stacks. Returns the number of samples."""
    counts = fold(trace, kernel_elf, find_file)
    base = out[:-4] if out.endswith(".svg") else out
    with open(base + ".folded", "w", encoding="utf-8") as file:
        for stack, count in sorted(counts.items()):
            file.write(f"{stack} {count}\n")
    with open(base + ".svg", "w", encoding="utf-8") as file:
        file.write(flame(counts, title))
    return sum(counts.values())
