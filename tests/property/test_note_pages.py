"""Pages of notes: whatever the text, joining them gives every line back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage.tickets.notes import has_mark, joined, mark, pages, parts, unmarked

texts = st.lists(st.text(st.characters(exclude_categories=("Cs",)), max_size=90), max_size=40).map("\n".join)
limits = st.integers(min_value=30, max_value=200)


@given(texts, limits)
def test_joining_pages_gives_the_text_back(text: str, limit: int) -> None:
    assert joined(pages(text, limit)) == text


@given(texts, limits)
def test_no_page_is_longer_than_the_limit(text: str, limit: int) -> None:
    assert max(len(page) for page in pages(text, limit)) <= limit


@given(texts, limits)
def test_a_line_that_fits_a_page_is_never_cut(text: str, limit: int) -> None:
    split = pages(text, limit)
    if len(split) > 1:
        whole = {line for page in split for line in page.split("\n")[1:]}
        assert all(line in whole for line in text.split("\n") if len(line) <= limit - len("(999/999, goes on)\n"))


def test_pages_are_numbered_and_equal_last_lines_are_both_kept() -> None:
    text = "\n".join(["the same line", "x" * 30, "the same line"])
    assert pages(text, 50) == ["(1/3)\nthe same line", f"(2/3)\n{'x' * 30}", "(3/3)\nthe same line"]


def test_a_line_longer_than_a_page_goes_on_on_the_next() -> None:
    assert pages("x" * 40, 39) == [f"(1/2, goes on)\n{'x' * 20}", f"(2/2)\n{'x' * 20}"]


def test_a_short_text_is_one_page_as_it_is() -> None:
    assert pages("all of it", 30) == ["all of it"]


def test_a_text_as_long_as_the_limit_is_one_page() -> None:
    assert pages("x" * 50, 50) == ["x" * 50]
    assert len(pages("x" * 51, 50)) == 2


def test_a_page_is_filled_to_its_room_of_the_limit_less_19() -> None:
    fitting, rest = "\n".join(["a" * 15, "b" * 15]), "c" * 31
    assert pages(f"{fitting}\n{rest}", 50) == [f"(1/2)\n{fitting}", f"(2/2)\n{rest}"]
    assert len(pages("\n".join(["a" * 15, "b" * 16, rest]), 50)) == 3


def test_a_limit_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="no room"):
        pages("x" * 20, 19)


@given(texts, st.integers(min_value=60, max_value=200))
def test_each_part_has_a_mark_of_its_own_and_stays_within_the_limit(text: str, limit: int) -> None:
    split = parts(text, "C-7:note", limit)
    assert len({mark(key) for key, _ in split}) == len(split)
    assert all(note.endswith(mark(key)) and has_mark(note) and len(note) <= limit for key, note in split)


def test_a_mark_within_a_text_is_none() -> None:
    quoted = f"they wrote: {mark('C-7:note')} - what is this?"
    assert not has_mark(quoted)
    assert unmarked(quoted) == quoted
