"""Flame graphs: each frame a box as wide as the samples that have it, on top of the one that called it."""

from html import escape
from zlib import crc32

WIDTH, ROW, FONT, MARGIN = 1600, 17, 11, 10
# A box narrower than this is left out, and a letter is about this wide.
NARROW, LETTER = 0.4, FONT * 0.62


class Node:
    def __init__(self):
        self.samples = 0
        self.children = {}

    def add(self, frames, samples):
        node = self
        node.samples += samples
        for frame in frames:
            node = node.children.setdefault(frame, Node())
            node.samples += samples

    def depth(self):
        return 1 + max((child.depth() for child in self.children.values()), default=0)


def svg(title, stacks, hue_of):
    """`stacks` are pairs of frames, the outermost first, and samples; `hue_of` gives a frame's colour in degrees, or nothing."""
    root = Node()
    for frames, samples in stacks:
        root.add(frames, samples)
    height = (root.depth() + 2) * ROW + 2 * MARGIN
    scale = (WIDTH - 2 * MARGIN) / max(root.samples, 1)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="monospace" font-size="{FONT}">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{MARGIN}" y="{MARGIN + FONT}" font-size="{FONT + 3}">{escape(title)}</text>',
    ]

    def draw(node, name, x, level):
        width = node.samples * scale
        if width < NARROW:
            return
        y = height - MARGIN - (level + 1) * ROW
        share = 100 * node.samples / root.samples
        hue = hue_of(name)
        # What belongs to no layer is grey; neighbours differ a little.
        colour = f"hsl({hue},70%,{64 + crc32(name.encode()) % 12}%)" if hue is not None else f"hsl(0,0%,{80 + crc32(name.encode()) % 10}%)"
        shown = name if len(name) * LETTER < width else name[: max(0, int(width / LETTER) - 1)]
        lines.append(
            f'<g><title>{escape(name)}: {node.samples} samples, {share:.2f} %</title>'
            f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" fill="{colour}"/>'
            f'<text x="{x + 2:.1f}" y="{y + FONT + 1}">{escape(shown)}</text></g>'
        )
        for child, below in sorted(node.children.items()):
            draw(below, child, x, level + 1)
            x += below.samples * scale

    draw(root, "all", MARGIN, 0)
    return "\n".join([*lines, "</svg>", ""])
