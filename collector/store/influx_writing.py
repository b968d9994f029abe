"""Many lines into InfluxDB: in batches, a few at once, and what is refused found line by line."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from collector.store.influx_errors import RejectedLinesError
from collector.store.port import BusyError, StoreError

LINES_AT_ONCE = 5000
"""InfluxData's advice for 1.x and 2.x alike."""
IN_FLIGHT = 4
"""Batches under way at once: the rest of a large write waits, which is the back-pressure."""

Post = Callable[[Sequence[str]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that the server does not take, by its number in the write, and why."""

    line: int
    reason: str


async def write_lines(post: Post, count: int, rendered: Callable[[int, int], Sequence[str]]) -> list[Refused]:
    """Write lines 0..count, `rendered(first, last)` in batches; which the server refused for themselves, ascending.

    All others are stored when this returns. Raises StoreError when the server is away, busy or refuses us as a whole;
    any of the lines may be stored then, and writing them again is harmless.
    """
    firsts = iter(range(0, count, LINES_AT_ONCE))
    refused: list[Refused] = []
    errors: list[StoreError] = []

    async def work() -> None:
        for first in firsts:
            if errors:
                return
            lines = await asyncio.to_thread(rendered, first, min(first + LINES_AT_ONCE, count))
            try:
                refused.extend(await _accepted(post, lines, first))
            except StoreError as error:
                errors.append(error)

    await asyncio.gather(*(work() for _ in range(min(IN_FLIGHT, -(-count // LINES_AT_ONCE)))))
    if errors:
        raise max(errors, key=_gravity)
    return sorted(refused, key=lambda each: each.line)


def _gravity(error: StoreError) -> tuple[bool, float]:
    """Of several errors the one to tell: one that waiting does not heal, else the longest wait."""
    return not error.retryable, error.retry_after if isinstance(error, BusyError) else 0.0


async def _accepted(post: Post, lines: Sequence[str], first: int) -> list[Refused]:
    """Post lines; when some are refused, halve until only those stand alone. `first` numbers the first line."""
    if not lines:
        return []
    try:
        await post(lines)
    except RejectedLinesError as error:
        if len(lines) == 1 or error.dropped == len(lines):
            return [Refused(first + number, str(error)) for number in range(len(lines))]
        middle = len(lines) // 2
        found = await _accepted(post, lines[:middle], first)
        return found + await _accepted(post, lines[middle:], first + middle)
    return []
