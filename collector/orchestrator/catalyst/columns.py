"""A page of a bulk answer as columns, read with suspicion: what is wrong is None or NaN and counted, the rest of its
row stays. Pure.

A page has up to ten thousand rows, so nothing is made for each row but its entries in the columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray, TimeArray
from collector.orchestrator.record import HIGHEST, LONGEST_TEXT, finite

EARLIEST, LATEST = 946_684_800_000, 4_102_444_800_000
"""Milliseconds of 2000 and 2100: a time outside is none."""
NOTHING = frozenset({"", "-", "--", "None", "null", "N/A", "NA"})
"""What the manager writes where it has no text."""


def decoded(body: bytes, keys: tuple[str, ...]) -> object:
    """A page's JSON of which only `data` and `pageInfo` are wanted, and of its rows only `keys`: the others cost
    nothing. Raises msgspec.ValidationError for a page of another shape, msgspec.DecodeError for what is no JSON."""
    page = _decoder(keys).decode(body)
    return {"data": page.data, "pageInfo": page.pageInfo}


@lru_cache(maxsize=32)
def _decoder(keys: tuple[str, ...]) -> msgspec.json.Decoder[Any]:
    named = [(_attribute(key), Any, msgspec.field(default=None, name=key)) for key in keys]
    row = msgspec.defstruct("Row", named, gc=False)
    page = msgspec.defstruct("Page", [("data", list[row]), ("pageInfo", Any, None)])  # type: ignore[valid-type]
    return msgspec.json.Decoder(page)


def _attribute(key: str) -> str:
    return key.replace("-", "_")


class Columns:
    """The objects of a list by key; what is no object is left out and counted in `damaged`."""

    def __init__(self, items: Sequence[object]) -> None:
        """`items` are those of `decoded`, which hold the keys that it was given, or any."""
        self._typed = [item for item in items if isinstance(item, msgspec.Struct)]
        self._rows = [item for item in items if isinstance(item, dict)]
        self.damaged = len(items) - len(self)

    def __len__(self) -> int:
        return len(self._typed) + len(self._rows)

    def _values(self, key: str) -> list[object]:
        return [*map(attrgetter(_attribute(key)), self._typed), *(row.get(key) for row in self._rows)]

    def text(self, key: str) -> list[str | None]:
        """Texts; whole numbers are taken as the text that others of the manager's releases write."""
        values = self._values(key)
        return [self._text(value) for value in values]

    def _text(self, value: object) -> str | None:
        if isinstance(value, str):
            plain = value.isascii() and len(value) <= LONGEST_TEXT and value not in NOTHING
            return value if plain else _sound(value)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= HIGHEST:
            return str(value)
        self.damaged += value is not None
        return None

    def number(self, key: str, *, low: float = 0.0, high: float = HIGHEST) -> FloatArray:
        values = self._values(key)
        numbers, empty = _numbers(values)
        # A comparison with NaN is false, so what is no number falls out here too.
        usable = (numbers >= low) & (numbers <= high)
        self.damaged += int((~usable & ~empty).sum())
        return np.where(usable, numbers, np.nan)

    def time(self, key: str) -> TimeArray:
        """Epoch milliseconds; 0 for what is none."""
        moments = self.number(key, low=EARLIEST, high=LATEST)
        return np.where(np.isnan(moments), 0.0, moments).astype(np.int64)

    def yes(self, key: str) -> list[bool | None]:
        """Truth values, also as text (`true`, `yes`, `1`); None where nothing is said."""
        found: list[bool | None] = []
        for value in self._values(key):
            word = str(value).lower() if isinstance(value, str | bool | int) else ""
            if word in ("true", "yes", "1"):
                found.append(True)
            elif word in ("false", "no", "0"):
                found.append(False)
            else:
                self.damaged += not (value is None or (isinstance(value, str) and value in NOTHING))
                found.append(None)
        return found


def _numbers(values: Sequence[object]) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Numbers, NaN where there is none, and where nothing stands at all."""
    if set(map(type, values)) <= {int, float}:
        try:
            return np.array(values, dtype=np.float64), np.zeros(len(values), dtype=bool)
        except OverflowError:
            pass
    empty = [value is None or (isinstance(value, str) and value in NOTHING) for value in values]
    return np.array([finite(value) for value in values], dtype=np.float64), np.array(empty, dtype=bool)


def _sound(text: str) -> str | None:
    """JSON may carry half a surrogate pair, which no file or database takes."""
    text = text[:LONGEST_TEXT]
    return None if text in NOTHING else text.encode("utf-8", "replace").decode("utf-8")
