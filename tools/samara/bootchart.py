# SPDX-License-Identifier: MIT
"""The boot by phase as a picture: from the lines of the kernel's boot report ("boot: PHASE  N ns") to SVG."""
import re
from xml.sax.saxutils import escape

WIDTH, ROW, LEFT, TOP = 900, 26, 130, 50


def parse(lines):
    """[(phase, nanoseconds)] without the total."""
    rows = []
    for line in lines:
        match = re.match(r"boot: (\S+)\s+(\d+) ns", line)
        if match and match.group(1) != "total":
            rows.append((match.group(1), int(match.group(2))))
    return rows


def svg(rows, unit):
    total = max(sum(cost for _, cost in rows), 1)
    scale = (WIDTH - LEFT - 150) / total
    height = TOP + len(rows) * ROW + 40
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="13">',
           f'<rect width="{WIDTH}" height="{height}" fill="#fcfcf8"/>',
           f'<text x="20" y="28" font-size="17">Boot: {total:,} {escape(unit)} from the first instruction to the program\'s loading</text>']
    done = 0
    for index, (phase, cost) in enumerate(rows):
        y = TOP + index * ROW
        out.append(f'<text x="{LEFT - 10}" y="{y + 17}" text-anchor="end">{escape(phase)}</text>')
        out.append(f'<rect x="{LEFT + done * scale:.1f}" y="{y + 4}" width="{max(cost * scale, 1):.1f}" height="{ROW - 8}" rx="2" fill="#4a7fb5"/>')
        out.append(f'<text x="{LEFT + (done + cost) * scale + 6:.1f}" y="{y + 17}" fill="#444">{cost:,} ({cost / total:.0%})</text>')
        done += cost
    out.append("</svg>")
    return "\n".join(out)
