"""How many calls a host may be asked: a token bucket that all callers on this machine share, in all processes.

The bucket's state is a small file, locked for the moment in which a call takes its token: command line and collector
draw on one quota. Real seconds: the host is real, whatever clock the measurements run on.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import math
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import structlog

from config.clock import Clock, SystemClock

log = structlog.get_logger()

KEPT_FOR_URGENT = 0.25
"""The share of the bucket that background polling leaves for calls that somebody waits for."""
STRETCH_MOST = 8.0
STRETCH_AGAIN_AFTER = 30.0
LONGEST_QUIET = 300.0
"""Seconds. A pause that ends later than this was set before the clock was put back, and is void."""
RELAX_AFTER = 900.0
"""Seconds without a 429 after which a stretched plan goes back by half."""
LOCK_TRIES, LOCK_PAUSE = 100, 0.01
"""The lock is held for a fraction of a millisecond; whoever holds it for a second has been stopped."""
RECORD = 256
"""Bytes. One write of always the same length: a process that dies leaves the old state or the new one, and on a full
disk there is still room for it."""


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


def limits_of(calls_per_hour: int, burst: int) -> Limits:
    return Limits(rate=calls_per_hour / 3600, capacity=float(burst))


def brought_to(bucket: Bucket, limits: Limits, now: float) -> Bucket:
    """The bucket at `now`: filled up since, and without moments that lie ahead because the clock was put back. Pure."""
    filled = max(0.0, bucket.tokens) + max(0.0, now - bucket.at) * limits.rate
    return replace(
        bucket,
        tokens=min(limits.capacity, filled),
        at=now,
        quiet_until=bucket.quiet_until if bucket.quiet_until - now <= LONGEST_QUIET else now,
        limited_at=min(bucket.limited_at, now),
    )


def taken(bucket: Bucket, limits: Limits, now: float, *, urgent: bool) -> tuple[Bucket, float]:
    """The bucket after a call that is made at `now`, and 0; or the bucket, and the seconds to wait first. Pure."""
    bucket = brought_to(bucket, limits, now)
    if bucket.quiet_until > now:
        return bucket, bucket.quiet_until - now
    needed = 1.0 if urgent else 1.0 + KEPT_FOR_URGENT * limits.capacity
    if bucket.tokens >= needed:
        return replace(bucket, tokens=bucket.tokens - 1.0), 0.0
    return bucket, (needed - bucket.tokens) / limits.rate


def after_limit(bucket: Bucket, now: float, pause: float) -> Bucket:
    """The bucket after a 429: silence for `pause` seconds, and a plan stretched to twice, once for a burst of 429s.
    Pure."""
    fresh = now - bucket.limited_at >= STRETCH_AGAIN_AFTER
    return replace(
        bucket,
        quiet_until=max(bucket.quiet_until, now + min(pause, LONGEST_QUIET)),
        stretch=min(STRETCH_MOST, 2 * stretch_at(bucket, now)) if fresh else bucket.stretch,
        limited_at=now if fresh else bucket.limited_at,
    )


def stretch_at(bucket: Bucket, now: float) -> float:
    """The factor at `now`: it halves with each quarter of an hour without a 429. Pure."""
    halvings: float = max(0.0, (now - bucket.limited_at) // RELAX_AFTER)
    return max(1.0, bucket.stretch * math.pow(0.5, halvings))


def restored(record: bytes) -> Bucket | None:
    """The bucket that a file holds; None for an empty or damaged one. Pure."""
    try:
        state = json.loads(record)
        numbers = {field.name: float(state[field.name]) for field in fields(Bucket)}
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    if not all(map(math.isfinite, numbers.values())) or not 1.0 <= numbers["stretch"] <= STRETCH_MOST:
        return None
    return Bucket(**numbers)


Change = Callable[[Bucket, float], tuple[Bucket, float]]
"""From the bucket and the moment to the bucket afterwards, and the seconds to wait."""


class Quota:
    """One host's quota: so many calls an hour, and `burst` of them at once after a pause. `penalty` is the least pause
    after a 429, in seconds; without a `file` this process alone counts.

    A file that cannot be kept stops no measuring: this process then counts alone, and `problem` says so.
    """

    def __init__(
        self,
        calls_per_hour: int,
        file: Path | None = None,
        *,
        burst: int = 60,
        penalty: float = 5.0,
        clock: Clock | None = None,
    ) -> None:
        self.limits = limits_of(calls_per_hour, burst)
        self.problem = ""
        self._file = file
        self._penalty = penalty
        self._clock = clock or SystemClock()
        self._own = Bucket(tokens=self.limits.capacity, at=self._now())

    @property
    def stretch(self) -> float:
        """The factor by which background polling is slower at present, as far as this process has seen; 1 when all is
        well."""
        return stretch_at(self._own, self._now())

    async def take(self, *, urgent: bool = False) -> float:
        """Take the token of one call and return 0; or the seconds after which to try again."""
        return await self._changed(lambda bucket, now: taken(bucket, self.limits, now, urgent=urgent))

    async def limited(self, retry_after: float = 0.0) -> None:
        """The host said 429, and perhaps for how long, in seconds."""
        pause = max(self._penalty, retry_after)
        await self._changed(lambda bucket, now: (after_limit(brought_to(bucket, self.limits, now), now, pause), 0.0))

    async def _changed(self, change: Change) -> float:
        """What `change` says of the seconds to wait; the bucket that it gives is kept, for all who share it."""
        if self._file is None:
            return self._alone(change)
        for _ in range(LOCK_TRIES):
            try:
                # In a thread, for the file's disk may be slow; never to wait there, for others need the threads too.
                self._own, wait = await asyncio.to_thread(_through_file, self._file, self._own, self._now, change)
            except BlockingIOError:
                await asyncio.sleep(LOCK_PAUSE)
            except OSError as error:
                self._tell(f"its state {self._file} cannot be kept ({error.strerror}); see to that file and its folder")
                return self._alone(change)
            else:
                self._tell("")
                return wait
        self._tell(f"another process holds {self._file} and does not let go; end it if it is stopped")
        return self._alone(change)

    def _alone(self, change: Change) -> float:
        self._own, wait = change(self._own, self._now())
        return wait

    def _tell(self, problem: str) -> None:
        said = f"the quota is counted by this process alone: {problem}" if problem else ""
        if said and said != self.problem:
            log.warning("quota_not_shared", why=said)
        self.problem = said

    def _now(self) -> float:
        return self._clock.now().timestamp()


def _through_file(path: Path, own: Bucket, now: Callable[[], float], change: Change) -> tuple[Bucket, float]:
    """Change the bucket in a file; one that is new or damaged begins with our `own`. Raises OSError, and
    BlockingIOError while another holds the file."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        record = os.pread(handle, RECORD + 1, 0)
        bucket, wait = change(restored(record) or own, now())
        os.pwrite(handle, json.dumps(asdict(bucket)).encode().ljust(RECORD - 1) + b"\n", 0)
        if len(record) > RECORD:
            os.ftruncate(handle, RECORD)
    finally:
        os.close(handle)
    return bucket, wait
