# SPDX-License-Identifier: MIT
"""A bar plot as SVG, by hand: how many times fewer instructions Samara needs than Linux, one bar a row."""
import math
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, ROW, TOP, BOTTOM = 900, 300, 150, 22, 64, 34
BETTER, WORSE, GRID, TEXT, QUIET = "#2f7d4f", "#b5442e", "#dcdcdc", "#222222", "#6b6b6b"


def number(value):
    """1234567 as 1,234,567; small ones with a decimal."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def bars(rows, title, subtitle):
    """The SVG text. rows: (name, samara value, linux value), both > 0. The axis is logarithmic (each line doubles)."""
    ratios = [linux / samara for _, samara, linux in rows]
    low = min(0, math.floor(math.log2(min(ratios, default=1))))
    high = max(1, math.ceil(math.log2(max(ratios, default=2))))
    height = TOP + ROW * len(rows) + BOTTOM
    plot = WIDTH - LEFT - RIGHT

    def x_of(ratio):
        return LEFT + plot * (math.log2(ratio) - low) / (high - low)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
           f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
           f'<text x="16" y="24" font-size="16" font-weight="bold" fill="{TEXT}">{escape(title)}</text>',
           f'<text x="16" y="43" fill="{QUIET}">{escape(subtitle)}</text>']
    step = max(1, round((high - low) / 8))
    for power in range(low, high + 1, step):
        x = x_of(2 ** power)
        label = f"{2 ** power}x" if power >= 0 else f"1/{2 ** -power}"
        out.append(f'<line x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - BOTTOM + 4}" stroke="{GRID}"/>')
        out.append(f'<text x="{x:.1f}" y="{height - BOTTOM + 20}" text-anchor="middle" fill="{QUIET}">{label}</text>')
    zero = x_of(1)
    for index, ((name, samara, linux), ratio) in enumerate(zip(rows, ratios)):
        y = TOP + ROW * index
        x = x_of(ratio)
        left, width = min(zero, x), max(abs(x - zero), 1)
        out.append(f'<text x="{LEFT - 10}" y="{y + 14}" text-anchor="end" fill="{TEXT}">{escape(name)}</text>')
        out.append(f'<rect x="{left:.1f}" y="{y + 3}" width="{width:.1f}" height="{ROW - 7}" '
                   f'fill="{BETTER if ratio >= 1 else WORSE}"/>')
        out.append(f'<text x="{max(x, zero) + 6:.1f}" y="{y + 14}" fill="{TEXT}">{ratio:.1f}x '
                   f'<tspan fill="{QUIET}">{number(samara)} / {number(linux)}</tspan></text>')
    out.append(f'<line x1="{zero:.1f}" y1="{TOP - 6}" x2="{zero:.1f}" y2="{height - BOTTOM + 4}" stroke="{TEXT}"/>')
    out.append("</svg>")
    return "\n".join(out) + "\n"
