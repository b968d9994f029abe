"""Whether a far end answers, and how often it may be called: what decides when a waiting effect is tried. No I/O.

A far end that is away makes nobody give up: one effect at a time asks whether it is back, everything else waits in its
order. An error uses up an attempt only where it says something of the effect itself.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from config.clock import Clock
from config.errors import Blame, LineproofError
from triage.cases import EffectKind

FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=10)
LONGEST_QUIET = timedelta(minutes=1)
"""Between two questions to a far end that is away: how late its return is seen, at most."""
JITTER = 0.25
"""The share of a wait that is drawn from the effect's key: what fails together is not tried again together."""
MINUTE = timedelta(minutes=1)


class FarEnd(StrEnum):
    TICKETS = "tickets"
    MAIL = "mail"
    ACTUATOR = "actuator"


def far_end(kind: EffectKind) -> FarEnd:
    """Who is called for an effect. Effects of one case keep their order at each far end."""
    if kind is EffectKind.TELL_CLIENT:
        return FarEnd.MAIL
    if kind in (EffectKind.REBOOT_MODEM, EffectKind.APPLY_REROUTE, EffectKind.REVERT_REROUTE):
        return FarEnd.ACTUATOR
    return FarEnd.TICKETS


KINDS: Mapping[FarEnd, tuple[EffectKind, ...]] = {
    end: tuple(kind for kind in EffectKind if far_end(kind) is end) for end in FarEnd
}
ON_A_TICKET = tuple(kind for kind in KINDS[FarEnd.TICKETS] if kind is not EffectKind.OPEN_TICKET)


def wait_before(attempt: int, key: str) -> timedelta:
    """How long to wait after the given failed attempt (from 1): doubling, bounded, and shorter by up to a quarter that
    the key decides, so that it is the same every time."""
    wait = min(LONGEST_WAIT, FIRST_WAIT * float(2 ** min(attempt - 1, 20)))
    return wait * (1 - JITTER * _share(f"{key}:{attempt}"))


def _share(text: str) -> float:
    """A number in [0, 1) that the text decides."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32


class Reach:
    """What the last calls tell of one far end. Lost with the process: a new one asks anew."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._answers = 0
        self._silences = 0
        self._quiet_until: datetime | None = None
        self._met: dict[str, int] = {}

    @property
    def away(self) -> bool:
        """Whether the last call had no answer, or was asked to wait."""
        return self._quiet_until is not None

    @property
    def quiet_until(self) -> datetime | None:
        """When an away far end is asked again."""
        return self._quiet_until

    def room(self, now: datetime, running: int) -> int:
        """How many effects may be begun now, while `running` are under way."""
        if self._quiet_until is None:
            return self._at_once - running
        return 1 if now >= self._quiet_until and not running else 0

    def answered(self, key: str) -> None:
        self._answers += 1
        self._silences = 0
        self._quiet_until = None
        self._met.pop(key, None)

    def refused(self, key: str, error: LineproofError, now: datetime) -> bool:
        """Take in a failed call; returns whether it counts as an attempt of the effect.

        What the far end itself refuses counts. Where it could not be reached or failed by itself (`blame`), or asked
        us to wait, it counts only when the far end has answered others since this effect last failed.
        """
        wait = timedelta(seconds=getattr(error, "retry_after", 0.0))
        ours = error.blame is Blame.OURS and not wait
        if not error.retryable or ours:
            return True
        answers, self._met[key] = self._met.get(key), self._answers
        if not wait and answers is not None and answers < self._answers:
            return True
        self._silences += 1
        doubled = FIRST_WAIT * float(2 ** min(self._silences - 1, 10))
        self._quiet_until = now + max(wait, min(LONGEST_QUIET, doubled))
        return False


class Pace:
    """At most so many calls in any minute. `take` before each call; it waits for its turn."""

    def __init__(self, clock: Clock, per_minute: int) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._made: deque[datetime] = deque(maxlen=per_minute)
        self._turn = asyncio.Lock()

    @property
    def free(self) -> int:
        """How many calls may be made at this moment."""
        since = self._clock.now() - MINUTE
        return self._per_minute - sum(moment > since for moment in self._made)

    def remember(self, moments: list[datetime]) -> None:
        """Calls of the process before this one."""
        self._made.extend(sorted(moments))

    async def take(self) -> None:
        async with self._turn:
            if len(self._made) == self._per_minute:
                wait = (self._made[0] + MINUTE - self._clock.now()).total_seconds()
                if wait > 0:
                    await self._clock.sleep(wait)
            self._made.append(self._clock.now())
