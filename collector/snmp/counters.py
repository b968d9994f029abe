"""What two readings of a counter say. Pure. What cannot be known is NaN, never a guess and never zero.

Sources: RFC 2863 (counter sizes, ifCounterDiscontinuityTime), RFC 3418 (sysUpTime: 32 bits of 1/100 s, wraps after
497 days), RFC 2578 section 7.1.6 (a Counter has no defined first value; only differences mean anything).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

AGENT_CACHE_SECONDS = 5.0
"""Agents answer from tables they refresh every few seconds (net-snmp: 3), so a difference may cover that much more."""

UPTIME_MODULUS = 2**32


class Change(StrEnum):
    """What happened to a counter between two readings."""

    ADVANCED = "advanced"
    WRAPPED = "wrapped"
    RESET = "reset"
    """It started again, or jumped farther than the line can carry."""
    AMBIGUOUS = "ambiguous"
    """It may have wrapped more than once, or fell and nobody knows how fast it can run."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`amount` is NaN unless the counter advanced or wrapped once."""

    change: Change
    amount: float


class Continuity(StrEnum):
    """Whether the agent ran on between two readings."""

    CONTINUOUS = "continuous"
    REBOOTED = "rebooted"
    UNKNOWN = "unknown"
    """The agent names no sysUpTime, or one that stands still."""


def continuity(before: int | None, now: int | None, elapsed: float) -> Continuity:
    """Compare two sysUpTime values (1/100 s) taken `elapsed` seconds of our clock apart (RFC 3418).

    A value that fell is sysUpTime's own wrap only when it ran through 2^32 in just the time that passed; otherwise
    the agent started again. It also did when it has been up for less than the time since the last reading. A value
    that stands still to the hundredth is an agent that does not keep it.
    """
    if before is None or now is None or before == now:
        return Continuity.UNKNOWN
    tolerance = max(10.0, elapsed / 2)
    if now < before:
        ran = (now - before) % UPTIME_MODULUS / 100
        return Continuity.CONTINUOUS if abs(ran - elapsed) <= tolerance else Continuity.REBOOTED
    return Continuity.REBOOTED if now / 100 < elapsed - tolerance else Continuity.CONTINUOUS


def interval(before: int | None, now: int | None, elapsed: float) -> float:
    """Seconds between two readings: by the agent's clock where that is credible, else by ours.

    sysUpTime is read in the same datagram as the counters, so network delay, retries and our own lag do not blur it.
    An agent whose clock runs at less than half or more than double ours is not believed.
    """
    if before is None or now is None or elapsed <= 0:
        return elapsed
    ran = (now - before) % UPTIME_MODULUS / 100
    return ran if elapsed / 2 <= ran <= elapsed * 2 else elapsed


def difference(before: int, now: int, *, bits: int, seconds: float, ceiling: float | None) -> Difference:
    """How far a counter of 32 or 64 `bits` went in `seconds`; `ceiling` is the most it can count in one second.

    Without a ceiling a rise is taken as it stands and a fall is ambiguous. With one, a counter that can run through
    its whole range in the interval is ambiguous (RFC 2863, section 3.1.6), a fall is a wrap where that was possible,
    and whatever is more than the interface can carry is a reset.
    """
    modulus = 1 << bits
    if seconds <= 0 or not (0 <= before < modulus and 0 <= now < modulus):
        return Difference(Change.AMBIGUOUS, math.nan)
    if ceiling is None:
        rose = now >= before
        return Difference(Change.ADVANCED, now - before) if rose else Difference(Change.AMBIGUOUS, math.nan)
    most = ceiling * (seconds + AGENT_CACHE_SECONDS)
    if most >= modulus:
        return Difference(Change.AMBIGUOUS, math.nan)
    amount = (now - before) % modulus
    if amount > most:
        return Difference(Change.RESET, math.nan)
    return Difference(Change.ADVANCED if now >= before else Change.WRAPPED, amount)
