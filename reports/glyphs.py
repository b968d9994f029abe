"""Which characters the shipped fonts can show. PDF/A forbids missing glyphs, and a client may write in any script."""

from __future__ import annotations

import struct
from functools import cache
from pathlib import Path

FONTS = Path(__file__).parent / "fonts"
BUNDLED = frozenset([*range(0x2190, 0x2300), *range(0x2500, 0x2600)])
"""Arrows, mathematical operators, box drawing, blocks and shapes: Typst brings fonts that have these in full."""


def shown(text: str, *, drawn: bool = False) -> str:
    """The text with each character that cannot be shown written as its code point, as in "[U+4E2D]".

    In drawings (`drawn`, the text of an SVG) Typst does not fall back on its own fonts.
    """
    if text.isascii():
        return text
    covered = _shipped() if drawn else coverage()
    return "".join(letter if ord(letter) in covered else f"[U+{ord(letter):04X}]" for letter in text)


@cache
def coverage() -> frozenset[int]:
    """Code points with a glyph in at least one font under reports/fonts, those of Typst, and the line feed."""
    return _shipped() | BUNDLED


@cache
def _shipped() -> frozenset[int]:
    return frozenset({10}.union(*(code_points(font.read_bytes()) for font in sorted(FONTS.glob("*.ttf")))))


def code_points(font: bytes) -> set[int]:
    """Code points that a TrueType font maps, from its `cmap` (OpenType 1.9; subtable formats 4 and 12)."""
    count = struct.unpack_from(">H", font, 4)[0]
    tables = {font[12 + 16 * i : 16 + 16 * i]: struct.unpack_from(">I", font, 20 + 16 * i)[0] for i in range(count)}
    cmap = tables[b"cmap"]
    points: set[int] = set()
    for index in range(struct.unpack_from(">H", font, cmap + 2)[0]):
        platform, _, offset = struct.unpack_from(">HHI", font, cmap + 4 + 8 * index)
        form = struct.unpack_from(">H", font, cmap + offset)[0]
        if platform in (0, 3) and form == 4:
            points |= _segments(font, cmap + offset)
        elif platform in (0, 3) and form == 12:
            points |= _groups(font, cmap + offset)
    return points


def _segments(font: bytes, at: int) -> set[int]:
    """Format 4: segments; the last one only ends the list."""
    count = struct.unpack_from(">H", font, at + 6)[0] // 2
    ends = struct.unpack_from(f">{count}H", font, at + 14)
    starts = struct.unpack_from(f">{count}H", font, at + 16 + 2 * count)
    return {point for start, end in zip(starts, ends, strict=True) for point in range(start, end + 1)} - {0xFFFF}


def _groups(font: bytes, at: int) -> set[int]:
    """Format 12: groups of (first, last, first glyph)."""
    count = struct.unpack_from(">I", font, at + 12)[0]
    points: set[int] = set()
    for index in range(count):
        first, last, _ = struct.unpack_from(">III", font, at + 16 + 12 * index)
        points.update(range(first, last + 1))
    return points
