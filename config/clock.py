"""The clock that every process is given. Nothing else in the product asks the system for the time."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class Clock(Protocol):
    """`now` is aware UTC; `monotonic` and `sleep` count seconds of the same clock."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ScaledClock:
    """A clock that runs `factor` times as fast, the same in every process that is given the same three numbers.

    At the system time `origin` (epoch seconds) it shows `start`. The accelerated demonstration runs on it.
    """

    def __init__(self, start: datetime, origin: float, factor: float) -> None:
        self.start = start
        self.origin = origin
        self.factor = factor

    def now(self) -> datetime:
        return self.start + timedelta(seconds=(time.time() - self.origin) * self.factor)

    def monotonic(self) -> float:
        return time.monotonic() * self.factor

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.factor)


class ManualClock:
    """A clock that stands still until it is moved; replay and tests run on it."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._start = start

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return (self._now - self._start).total_seconds()

    def move_to(self, moment: datetime) -> None:
        """Set the time; moving backwards raises ValueError."""
        if moment < self._now:
            raise ValueError(f"a clock does not run backwards: {self._now} -> {moment}")
        self._now = moment

    async def sleep(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        await asyncio.sleep(0)


def epoch_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970-01-01T00:00:00Z of an aware datetime, cut as `rfc3339` cuts them."""
    return (moment - EPOCH) // MILLISECOND


def from_epoch_ms(milliseconds: int) -> datetime:
    """The aware UTC datetime of milliseconds since 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def rfc3339(moment: datetime) -> str:
    """RFC 3339 in UTC with a Z, to the second, to the millisecond where there are any."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")
