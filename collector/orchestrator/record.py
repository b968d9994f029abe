"""Answers read with suspicion: what is wrong becomes None or NaN and is counted, the rest of the row is kept. Pure.

Vendors' descriptions are wrong in places: numbers come as text, dates as `0000-00-00 00:00:00`, whole keys are missing
on older hosts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, TypeVar

from config.clock import from_epoch_ms

Row = TypeVar("Row")

LONGEST_TEXT = 500
HIGHEST = 1e18


@dataclass(frozen=True, slots=True)
class Rows(Generic[Row]):
    """The usable rows of an answer, and how many fields or rows of it were unusable."""

    rows: Sequence[Row]
    damaged: int

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


class Record:
    """One JSON object. Every getter answers None (or NaN) for what is absent, null or of the wrong kind.

    What is there but of the wrong kind is counted in `damaged`.
    """

    __slots__ = ("_values", "damaged")

    def __init__(self, value: object) -> None:
        self._values: Mapping[object, object] = value if isinstance(value, dict) else {}
        self.damaged = 0 if isinstance(value, dict) else 1

    def text(self, key: str, *, longest: int = LONGEST_TEXT) -> str | None:
        value = self._values.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self.damaged += 1
            return None
        # JSON may carry half a surrogate pair, which no file or database takes.
        return value[:longest].encode("utf-8", "replace").decode("utf-8")

    def number(self, key: str, *, low: float = 0.0, high: float = HIGHEST) -> float:
        value = self._values.get(key)
        if value is None:
            return math.nan
        number = finite(value)
        if low <= number <= high:
            return number
        self.damaged += 1
        return math.nan

    def whole(self, key: str, *, low: float = 0.0, high: float = HIGHEST) -> int | None:
        number = self.number(key, low=low, high=high)
        if math.isnan(number):
            return None
        if number.is_integer():
            return int(number)
        self.damaged += 1
        return None

    def identifier(self, key: str) -> str | None:
        """An id, which comes as a whole number or as text."""
        value = self._values.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            whole = self.whole(key)
            return None if whole is None else str(whole)
        return self.text(key)

    def moment(self, key: str) -> datetime | None:
        value = self._values.get(key)
        if value is None or value == "":
            return None
        moment = _moment(value)
        self.damaged += moment is None
        return moment

    def record(self, key: str) -> Record:
        """A nested object; an absent one is an empty record and no damage."""
        value = self._values.get(key)
        return Record({} if value is None else value)

    def items(self, key: str) -> Sequence[object]:
        value = self._values.get(key)
        if value is None:
            return ()
        if isinstance(value, list):
            return value
        self.damaged += 1
        return ()


def finite(value: object) -> float:
    """A JSON number, or a number written as text; NaN for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def _moment(value: object) -> datetime | None:
    """RFC 3339 or 13-digit epoch milliseconds; the vendor's times are UTC. None for anything else."""
    milliseconds = finite(value)
    try:
        if not math.isnan(milliseconds):
            return from_epoch_ms(round(milliseconds))
        moment = datetime.fromisoformat(str(value))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def read_rows(items: Sequence[object], read: Callable[[Record], tuple[Row | None, int]]) -> Rows[Row]:
    """`read` each object; a row without which nothing can be said is left out and counted."""
    rows: list[Row] = []
    damaged = 0
    for item in items:
        record = Record(item)
        row, below = read(record) if isinstance(item, dict) else (None, 0)
        damaged += record.damaged + below
        if row is not None:
            rows.append(row)
    return Rows(rows, damaged)
