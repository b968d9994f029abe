"""Text in any script reaches the PDF: shown where a shipped font has it, named by its code point where none has."""

from __future__ import annotations

import pytest

from reports.glyphs import FONTS, code_points, coverage, shown


@pytest.mark.parametrize(
    "text", ["plain", "Größe – “quoted” ≥ 5 …", "Łódź", "Αθήνα", "Киев", "مرحبا", "שלום", "−5\u202f%"]
)
def test_scripts_that_the_shipped_fonts_have_stay_as_they_are(text: str) -> None:
    assert shown(text) == text


def test_a_character_without_a_glyph_is_named() -> None:
    assert shown("店 1 🙂") == "[U+5E97] 1 [U+1F642]"


def test_every_shipped_font_can_be_read_and_none_claims_what_it_has_not() -> None:
    for font in sorted(FONTS.glob("*.ttf")):
        points = code_points(font.read_bytes())
        assert ord(" ") in points
        assert 0xFFFF not in points
    assert ord("中") not in coverage()


def test_the_fonts_come_with_their_licence_and_stay_small() -> None:
    assert "SIL OPEN FONT LICENSE" in (FONTS / "OFL.txt").read_text()
    assert sum(font.stat().st_size for font in FONTS.glob("*.ttf")) < 1_500_000
