"""Rows of the table: what was measured, what was asked for, and whether it is met."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

_WIDTH = 88


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What was asked for: of the value or of the ratio, at most or at least."""

    figure: float
    unit: str
    least: bool = False

    def __str__(self) -> str:
        return f"{'>=' if self.least else '<='} {self.figure:g} {self.unit}"

    def met_by(self, figure: float) -> bool:
        return figure >= self.figure if self.least else figure <= self.figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """`ratio` says how many times better than the peer: of times and sizes peer / ours, of rates ours / peer."""

    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None
    limit: Limit | None = None

    @property
    def met(self) -> bool | None:
        if self.limit is None:
            return None
        figure = self.ratio if self.limit.unit == "x" else self.value
        return figure is not None and self.limit.met_by(figure)

    def line(self) -> str:
        """For a person."""
        text = f"{self.name:<{_WIDTH}} {self.value:>10g} {self.unit:<10}"
        theirs = f"{self.peer}: {self.peer_value:g}" if self.peer else ""
        text += f" {theirs:<22} {f'{self.ratio:g}x' if self.peer else '':>8}"
        if self.limit:
            text += f"  asked {self.limit!s:<12} {'met' if self.met else 'NOT MET'}"
        return text.rstrip()

    def document(self) -> dict[str, Any]:
        limit = str(self.limit) if self.limit else None
        return asdict(self) | {"limit": limit, "met": self.met}


def at_least(figure: float, unit: str) -> Limit:
    return Limit(figure=figure, unit=unit, least=True)


def at_most(figure: float, unit: str) -> Limit:
    return Limit(figure=figure, unit=unit)


def times_at_least(figure: float) -> Limit:
    return at_least(figure, "x")


def alone(name: str, value: float, unit: str, limit: Limit | None = None) -> Row:
    return Row(name=name, value=_short(value), unit=unit, limit=limit)


def beside(
    name: str, value: float, unit: str, peers: dict[str, float], limits: dict[str, Limit] | None = None
) -> Iterator[Row]:
    """One row for each peer; for rates (a unit with /s) more is better. A limit under "" is of our own value."""
    limits = limits or {}
    if "" in limits or not peers:
        yield alone(name, value, unit, limits.get(""))
    for peer, theirs in peers.items():
        ratio = value / theirs if unit.endswith("/s") else theirs / value
        yield Row(
            name=name, value=_short(value), unit=unit, peer=peer, peer_value=_short(theirs), ratio=round(ratio, 2),
            limit=limits.get(peer),
        )  # fmt: skip


def _short(value: float) -> float:
    return round(value, 2 if value >= 1 else 4)


Question = Callable[[], Awaitable[object]]


async def in_turn(passes: int, questions: dict[str, Question]) -> dict[str, float]:
    """The median time of each question in milliseconds, asked in turn, after one pass to warm up all of them."""
    times: dict[str, list[float]] = {name: [] for name in questions}
    for turn in range(passes + 1):
        for name, question in questions.items():
            began = time.perf_counter()
            await question()
            if turn:
                times[name].append((time.perf_counter() - began) * 1000)
    return {name: statistics.median(each) for name, each in times.items()}


def blocking(question: Callable[[], object]) -> Question:
    """A peer's blocking question where a coroutine is asked."""

    async def ask() -> object:
        return question()

    return ask
