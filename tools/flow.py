"""Draw `a -> b -> c; a -> d` as a small SVG of boxes and arrows, so that no picture is kept as a binary."""

import base64
import itertools
import textwrap
from html import escape

CHAR, LINE, GAP_X, GAP_Y, PAD = 7.4, 18, 46, 16, 14
FILLS = ("#e8f1fa", "#fdf0dd", "#e6f5ee", "#f7e8f1", "#eeeeee")


def edges(text):
    """Parse `a -> b -> c; a -> d` into a list of pairs; a chain of one box is refused."""
    found = []
    for chain in filter(None, (part.strip() for part in text.split(";"))):
        names = [" ".join(name.split()) for name in chain.split("->")]
        if len(names) < 2 or not all(names):
            raise ValueError(f"a flow is written 'a -> b -> c; a -> d', got {chain!r}")
        found += [pair for pair in itertools.pairwise(names) if pair not in found]
    return found


def layers(pairs):
    """Give every box the length of the longest path that leads to it; a circle is refused."""
    depth = {name: 0 for pair in pairs for name in pair}
    for _ in depth:
        for a, b in pairs:
            depth[b] = max(depth[b], depth[a] + 1)
    if any(depth[b] <= depth[a] for a, b in pairs):
        raise ValueError("the arrows of a flow must not run in a circle")
    columns = [[] for _ in range(max(depth.values()) + 1)]
    for name, level in depth.items():
        columns[level].append(name)
    return columns


def _place(columns, pairs):
    """Return {name: (x, y, width, height, lines, level)} with every column centred, and the canvas size."""
    boxes = {name: textwrap.wrap(name, 18) for column in columns for name in column}
    sizes = {n: (max(map(len, t)) * CHAR + 2 * PAD, len(t) * LINE + 12) for n, t in boxes.items()}
    heights = [sum(sizes[n][1] + GAP_Y for n in column) - GAP_Y for column in columns]
    placed, x, total = {}, PAD, max(heights) + 2 * PAD
    for level, column in enumerate(columns):
        if level:  # follow the order of the boxes that point here
            above = {n: [placed[a][1] for a, b in pairs if b == n and a in placed] for n in column}
            column.sort(key=lambda n, above=above: sum(above[n]) / max(len(above[n]), 1))
        width, y = max(sizes[n][0] for n in column), (total - heights[level]) / 2
        for name in column:
            placed[name] = (x, y, width, sizes[name][1], boxes[name], level)
            y += sizes[name][1] + GAP_Y
        x += width + GAP_X
    return placed, x - GAP_X + PAD, total


def svg(text):
    """Draw the flow left to right.

    >>> svg("rows -> tree -> average").count("<rect")
    4
    """
    pairs = edges(text)
    placed, width, height = _place(layers(pairs), pairs)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" font-family="Helvetica, Arial, sans-serif" font-size="14">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#555"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="8" fill="#ffffff"/>',
    ]
    for a, b in pairs:
        (xa, ya, wa, ha, *_), (xb, yb, _, hb, *_) = placed[a], placed[b]
        x1, y1, x2, y2 = xa + wa, ya + ha / 2, xb, yb + hb / 2
        bend = (x2 - x1) / 2
        curve = f"M{x1:.0f} {y1:.0f}C{x1 + bend:.0f} {y1:.0f} {x2 - bend:.0f} {y2:.0f} {x2:.0f} {y2:.0f}"
        parts.append(f'<path d="{curve}" fill="none" stroke="#555" stroke-width="1.5" marker-end="url(#tip)"/>')
    for x, y, w, h, lines, level in placed.values():
        fill = FILLS[level % len(FILLS)]
        parts.append(
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{w:.0f}" height="{h:.0f}" rx="6" fill="{fill}" stroke="#888"/>'
        )
        for i, line in enumerate(lines):
            middle = y + 6 + LINE * (i + 0.72)
            parts.append(
                f'<text x="{x + w / 2:.0f}" y="{middle:.0f}" text-anchor="middle" fill="#222">{escape(line)}</text>'
            )
    return "".join([*parts, "</svg>"])


def badge(text):
    """Draw a small button, so that the page asks no other host for a picture."""
    width = len(text) * 7 + 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="22"><rect width="{width}" height="22" rx="4" '
        f'fill="#f9ab00"/><text x="{width / 2:.0f}" y="15" text-anchor="middle" font-size="12" '
        f'font-family="Helvetica, Arial, sans-serif" fill="#222">{escape(text)}</text></svg>'
    )


def data_uri(drawing):
    """Return the SVG as an address that a markdown image can hold."""
    return "data:image/svg+xml;base64," + base64.b64encode(drawing.encode()).decode()
