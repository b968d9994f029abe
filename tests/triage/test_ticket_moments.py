"""Times as ticket systems write them; one without a zone is UTC, wherever this machine stands."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from triage.tickets.moments import moment_of


@pytest.fixture(autouse=True)
def far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("9/25/2020 6:31:54 AM", datetime(2020, 9, 25, 6, 31, 54, tzinfo=UTC)),
        ("12/1/2020 12:00:00 AM", datetime(2020, 12, 1, tzinfo=UTC)),
        ("2026-11-22 10:00:00", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T10:00:00-05:00", datetime(2026, 11, 22, 15, tzinfo=UTC)),
        ("2026-11-22T10:00:00.250Z", datetime(2026, 11, 22, 10, 0, 0, 250_000, tzinfo=UTC)),
        (" 2026-11-22T10:00:00+0545 ", datetime(2026, 11, 22, 4, 15, tzinfo=UTC)),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_a_time_as_it_is_written(text: str | None, moment: datetime | None) -> None:
    assert moment_of(text) == moment
