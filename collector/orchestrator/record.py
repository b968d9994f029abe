"""Answers read with suspicion: what is wrong becomes None or NaN and is counted, the rest of the row is kept. Pure.

Vendors' descriptions are wrong in places: numbers come as text, dates as `0000-00-00 00:00:00`, whole keys are missing
on older hosts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Generic, TypeVar

import msgspec

from config.clock import from_epoch_ms

Row = TypeVar("Row")
Read = tuple[Row | None, int]
"""A row, None where nothing can be said without what is wrong with it, and how many of its fields were unusable."""

LONGEST_TEXT = 500
HIGHEST = 1e18

Text = Annotated[str, msgspec.Meta(max_length=LONGEST_TEXT)]
Identifier = Annotated[int, msgspec.Meta(ge=0, le=10**18)] | Text
Moment = Text | int
Number = Annotated[float, msgspec.Meta(ge=0.0, le=HIGHEST)] | Text
"""What the fields of a vendor's row may hold without anything being wrong: for msgspec, which reads the sound rows."""

_PIECES = msgspec.json.Decoder(list[msgspec.Raw])


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

    def flag(self, key: str) -> bool:
        """A truth value, also as 0 or 1; False for what is absent, null or of the wrong kind."""
        value = self._values.get(key)
        if value in (True, False, None):
            return bool(value)
        self.damaged += 1
        return False

    def identifier(self, key: str) -> str | None:
        """An id, which comes as a whole number or as text."""
        value = self._values.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= HIGHEST:
            return str(value)
        if isinstance(value, float) and math.isfinite(value):
            whole = self.whole(key)
            return None if whole is None else str(whole)
        return self.text(key)

    def moment(self, key: str) -> datetime | None:
        moment, damaged = moment_of(self._values.get(key))
        self.damaged += damaged
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


def moment_of(value: object) -> tuple[datetime | None, bool]:
    """RFC 3339 or 13-digit epoch milliseconds (the vendors' times are UTC), None for anything else; and whether
    something else was there."""
    if value is None or value == "":
        return None, False
    try:
        if isinstance(value, str) and value[4:5] == "-":
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC), False
        return from_epoch_ms(round(finite(value))), False
    except (ValueError, OverflowError, OSError):
        return None, True


def identity_of(value: int | str | None) -> str | None:
    """A sound `Identifier` as text."""
    return None if value is None or value == "" else str(value)


def read_rows(items: Sequence[object], read: Callable[[Record], Read[Row]]) -> Rows[Row]:
    """`read` each object; a row without which nothing can be said is left out and counted."""
    rows: list[Row] = []
    damaged = 0
    for item in items:
        row, wrong = _suspiciously(item, read)
        damaged += wrong
        if row is not None:
            rows.append(row)
    return Rows(rows, damaged)


def _suspiciously(item: object, read: Callable[[Record], Read[Row]]) -> Read[Row]:
    record = Record(item)
    row, below = read(record) if isinstance(item, dict) else (None, 0)
    return row, record.damaged + below


def read_body(body: bytes, quick: Callable[[msgspec.Raw], Read[Row]], read: Callable[[Record], Read[Row]]) -> Rows[Row]:
    """The objects of a JSON list: each by `quick`, which raises ValueError for one that is not as it should be, and
    that one by `read`. So one damaged row costs the others nothing, and a body of tens of megabytes is never a tree.

    Raises ValueError for what is no JSON list.
    """
    try:
        pieces = _PIECES.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return _read_tree(body, read)
    rows: list[Row] = []
    damaged = 0
    for piece in pieces:
        try:
            row, wrong = quick(piece)
        except (ValueError, RecursionError):
            row, wrong = _read_piece(piece, read)
        damaged += wrong
        if row is not None:
            rows.append(row)
    return Rows(rows, damaged)


def _read_tree(body: bytes, read: Callable[[Record], Read[Row]]) -> Rows[Row]:
    """JSON that is not of the strict kind (NaN, half a surrogate pair), or none."""
    try:
        items = json.loads(body.decode("utf-8", "replace"))
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(items, list):
        raise ValueError("JSON that is no list")
    return read_rows(items, read)


def _read_piece(piece: msgspec.Raw, read: Callable[[Record], Read[Row]]) -> Read[Row]:
    try:
        item = json.loads(bytes(piece).decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None, 1
    return _suspiciously(item, read)
