"""A notice in the BCOP's form, written by hand, and what makes other notices of it."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFIRMED = (Path(__file__).parent / "notices/confirmed.eml").read_bytes()


def changed(*pairs: tuple[str, str], mail: bytes = CONFIRMED) -> bytes:
    """The confirmed notice with each of these texts, which must stand in it, replaced."""
    for old, new in pairs:
        assert old.encode() in mail, old
        mail = mail.replace(old.encode(), new.encode())
    return mail


@pytest.fixture
def confirmed() -> bytes:
    return CONFIRMED
