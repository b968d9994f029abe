"""Where the records database is, as settings say it: never with its password."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from service.settings import Settings


@pytest.mark.parametrize(
    "location",
    ["postgresql://lineproof@db.example/lineproof", "postgresql://lineproof@/lineproof?host=/run/postgresql", "my.db"],
)
def test_a_place_without_a_password_is_taken(location: str) -> None:
    assert Settings(records=location).records == location


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("postgresql://lineproof:geheim@db.example/lineproof", "a URL without its password, which PGPASSWORD"),
        ("postgresql://lineproof@/lineproof?host=/run&password=geheim", "without its password"),
        ("postgresql://lineproof@db.example:many/lineproof", "a URL like postgresql://"),
    ],
)
def test_a_password_is_refused_and_not_said_again(location: str, why: str) -> None:
    with pytest.raises(ValidationError, match=why) as caught:
        Settings(records=location)
    assert "geheim" not in caught.value.errors(include_input=False)[0]["msg"]
