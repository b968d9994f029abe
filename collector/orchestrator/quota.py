"""How many calls a host may be asked: a token bucket that all callers on this machine share, in all processes.

The bucket's state is a small file, locked for the moment in which a call takes its token: command line and collector
draw on one quota. Real seconds: the host is real, whatever clock the measurements run on.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from threading import Lock
from typing import TextIO

from collector.orchestrator.port import OrchestratorError
from config.clock import Clock, SystemClock

BURST_SECONDS = 20.0
"""The bucket holds what the quota grants in this time."""
KEPT_FOR_URGENT = 0.25
"""The share of the bucket that background polling leaves for calls that somebody waits for."""
STRETCH_MOST = 8.0
STRETCH_AGAIN_AFTER = 30.0
LONGEST_QUIET = 300.0
"""A pause that ends later than this was set before the clock was put back, and is void."""
RELAX_AFTER = 900.0
"""Seconds without a 429 after which a stretched plan goes back by half."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """`tokens` at the moment `at`; nothing is sent before `quiet_until`. `stretch` is the factor by which the intervals
    of background polling are longer since the host limited us at `limited_at`. Moments are epoch seconds."""

    tokens: float
    at: float
    quiet_until: float = 0.0
    stretch: float = 1.0
    limited_at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`rate` tokens a second, `capacity` at most."""

    rate: float
    capacity: float


def limits_of(calls_per_hour: int) -> Limits:
    rate = calls_per_hour / 3600
    return Limits(rate=rate, capacity=max(4.0, rate * BURST_SECONDS))


def taken(bucket: Bucket, limits: Limits, now: float, *, urgent: bool) -> tuple[Bucket, float]:
    """The bucket after a call that is made at `now`, and 0; or the bucket, and the seconds to wait first. Pure."""
    filled = min(limits.capacity, bucket.tokens + max(0.0, now - bucket.at) * limits.rate)
    bucket = replace(bucket, tokens=filled, at=now)
    if 0 < bucket.quiet_until - now <= LONGEST_QUIET:
        return bucket, bucket.quiet_until - now
    needed = 1.0 if urgent else 1.0 + KEPT_FOR_URGENT * limits.capacity
    if filled >= needed:
        return replace(bucket, tokens=filled - 1.0), 0.0
    return bucket, (needed - filled) / limits.rate


def after_limit(bucket: Bucket, now: float, pause: float) -> Bucket:
    """The bucket after a 429: silence for `pause` seconds, and a plan stretched to twice, once for a burst of 429s.
    Pure."""
    fresh = now - bucket.limited_at >= STRETCH_AGAIN_AFTER
    return replace(
        bucket,
        quiet_until=max(bucket.quiet_until, now + pause),
        stretch=min(STRETCH_MOST, 2 * stretch_at(bucket, now)) if fresh else bucket.stretch,
        limited_at=now if fresh else bucket.limited_at,
    )


def stretch_at(bucket: Bucket, now: float) -> float:
    """The factor at `now`: it halves with each quarter of an hour without a 429. Pure."""
    halvings: float = max(0.0, (now - bucket.limited_at) // RELAX_AFTER)
    return max(1.0, bucket.stretch * math.pow(0.5, halvings))


class Quota:
    """One host's quota. `penalty` is the least pause after a 429, in seconds; without a `file` this process alone
    counts."""

    def __init__(
        self,
        calls_per_hour: int,
        file: Path | None = None,
        *,
        penalty: float = 5.0,
        clock: Clock | None = None,
    ) -> None:
        self.limits = limits_of(calls_per_hour)
        self._file = file
        self._penalty = penalty
        self._clock = clock or SystemClock()
        self._lock = Lock()
        self._own = Bucket(tokens=self.limits.capacity, at=self._now())

    @property
    def stretch(self) -> float:
        """The factor by which background polling is slower at present; 1 when all is well."""
        return stretch_at(self._own, self._now())

    async def admit(self, *, urgent: bool = False) -> None:
        """Return when a call may be made; its token is then taken. Raises OrchestratorError for an unusable file."""
        while (pause := await asyncio.to_thread(self._take, urgent)) > 0:  # noqa: ASYNC110 - others move it
            await asyncio.sleep(pause)

    async def limited(self, retry_after: float = 0.0) -> None:
        """The host said 429."""
        await asyncio.to_thread(self._limit, max(self._penalty, retry_after))

    def _take(self, urgent: bool) -> float:
        with self._bucket() as held:
            held.bucket, pause = taken(held.bucket, self.limits, self._now(), urgent=urgent)
        return pause

    def _limit(self, pause: float) -> None:
        with self._bucket() as held:
            held.bucket = after_limit(held.bucket, self._now(), pause)

    @contextmanager
    def _bucket(self) -> Iterator[_Held]:
        """The bucket, for this caller alone; what it is changed to is kept."""
        with self._lock:
            if self._file is None:
                held = _Held(self._own)
                yield held
            else:
                try:
                    with self._file.open("a+", encoding="utf-8") as file:
                        fcntl.flock(file, fcntl.LOCK_EX)
                        held = _Held(_read(file) or Bucket(tokens=self.limits.capacity, at=self._now()))
                        yield held
                        file.truncate(0)
                        file.write(json.dumps(asdict(held.bucket)))
                except OSError as error:
                    raise OrchestratorError(
                        f"the quota's state {self._file} cannot be kept ({error.strerror}); see to that folder",
                        retryable=True,
                    ) from error
            self._own = held.bucket

    def _now(self) -> float:
        return self._clock.now().timestamp()


@dataclass(slots=True)
class _Held:
    bucket: Bucket


def _read(file: TextIO) -> Bucket | None:
    """What the file holds; None for a new or a damaged one, which begins anew with a full bucket."""
    file.seek(0)
    try:
        state = json.loads(file.read())
        return Bucket(**{field.name: float(state[field.name]) for field in fields(Bucket)})
    except (ValueError, KeyError, TypeError):
        return None
