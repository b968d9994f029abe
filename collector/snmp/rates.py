"""What two readings of interface rows say about a slot, over all rows at once. Pure; arrays in, arrays out.

What cannot be known is NaN, never a guess and never zero. Sources: RFC 2863 (IF-MIB: counter sizes, which interfaces
have 64-bit counters, ifCounterDiscontinuityTime, ifOperStatus, ifHighSpeed), RFC 2578 section 7.1.6 (a Counter has no
defined first value; only differences mean anything).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collector.measures import bit_rate
from collector.model import FloatArray
from collector.snmp.continuity import AgentClocks, Continuity, continuity, seconds_between
from collector.snmp.interfaces import READ_COLUMNS, Column

AGENT_CACHE_SECONDS = 5.0
"""Agents answer from tables they refresh every few seconds (net-snmp: 3), so a difference may cover that much more."""
FASTEST_PORT_BPS = 400e9
"""No access line ends at a port faster than 400GBASE (IEEE 802.3bs); the bound where an agent names no speed."""
SMALLEST_PACKET_BITS = 160
"""An IPv4 header alone (RFC 791); bounds how many packets a line can carry in a second."""
UNKNOWN_SPEED = 2**32 - 1
"""ifSpeed at its maximum says "see ifHighSpeed" (RFC 2863); some agents put the same into ifHighSpeed."""
HIGH_SPEED_ROUNDING_BPS = 500_000
"""ifHighSpeed is rounded to whole Mbit/s (RFC 2863); an ifSpeed that close is the same speed, said exactly."""
SHORTEST_IN_SLOTS = 0.25
"""Agents refresh their counters every few seconds; readings closer together give a rate of nothing or of double."""
LONGEST_IN_SLOTS = 2.5
"""One missed poll is bridged by the average over both slots; a longer gap says nothing about its last slot."""

MEASURED_FIELDS = (
    "rx_bps",
    "tx_bps",
    "rx_capacity_bps",
    "tx_capacity_bps",
    "oper_up",
    "flaps",
    "errors_rx",
    "errors_tx",
    "discards_rx",
    "discards_tx",
)
COLUMN_AT: Mapping[Column, int] = {column: at for at, column in enumerate(READ_COLUMNS)}
"""Where each column stands in a row of `Readings`."""

ValueArray = NDArray[np.uint64]
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Readings:
    """n interface rows, each at one moment.

    `moment` float64[n] is our monotonic clock in seconds; `values` uint64[n, K] and `there` bool[n, K] (whether the
    agent answered it) have the K = len(READ_COLUMNS) columns in that order. Values that are not there may be anything.
    """

    moment: FloatArray
    clocks: AgentClocks
    values: ValueArray
    there: BoolArray


_COUNTERS = (
    Column.IF_IN_OCTETS,
    Column.IF_OUT_OCTETS,
    Column.IF_HC_IN_OCTETS,
    Column.IF_HC_OUT_OCTETS,
    Column.IF_IN_ERRORS,
    Column.IF_OUT_ERRORS,
    Column.IF_IN_DISCARDS,
    Column.IF_OUT_DISCARDS,
)
"""In and out by turns: the eight rows of every block below."""
_OCTETS, _HC_OCTETS, _PACKETS = slice(0, 2), slice(2, 4), slice(4, 8)
_COUNTERS_AT = np.array([COLUMN_AT[column] for column in _COUNTERS])
_BITS = np.array([[64] if column.startswith("ifHC") else [32] for column in _COUNTERS])
_LARGEST = np.array([2 ** int(bits) - 1 for bits in _BITS[:, 0]], dtype=np.uint64)[:, None]
_MODULUS = 2.0**_BITS

_OPER_UP = np.array([np.nan, 1, 0, 0, np.nan, np.nan, 0, 0])
"""By ifOperStatus. Testing, notPresent and lowerLayerDown carry nothing; unknown says nothing, and dormant waits for
something to happen and is no fault (RFC 2863, section 3.1.15). 0 stands for absent."""


def measure(
    before: Readings,
    now: Readings,
    *,
    known: BoolArray,
    wan: BoolArray,
    every: FloatArray,
    committed_bps: FloatArray,
) -> dict[str, FloatArray]:
    """What two readings say about the slot of the later one: `MEASURED_FIELDS`, each float64[n], NaN "not known".

    Rates and capacities are in bit/s; errors, discards and flaps are counts; oper_up is 0 or 1. Row i of both is the
    same interface; where not `known`, there was no earlier reading, and only state and capacity are told. The rest
    needs an agent that ran on, or one without any clock, and readings 0.25 to 2.5 slots of `every` seconds apart.

    What comes in is download on a port that looks at the carrier (`wan`), upload on one that looks at the site.
    `committed_bps` (NaN: none) raises the bound of a plausible rate where a router is configured with a smaller
    ifSpeed than the line has. A rate may exceed the bound by the share of AGENT_CACHE_SECONDS in the interval.
    """
    elapsed = now.moment - before.moment
    told = continuity(before.clocks, now.clocks, elapsed)
    ran_on = told == Continuity.CONTINUOUS
    usable = known & (elapsed > 0) & (ran_on | (told == Continuity.UNKNOWN))
    usable &= (elapsed >= SHORTEST_IN_SLOTS * every) & (elapsed <= LONGEST_IN_SLOTS * every)
    seconds = np.where(usable, seconds_between(before.clocks, now.clocks, elapsed), np.nan)
    speed = _speed_bps(now)
    bound = np.maximum(np.maximum(speed, _speed_bps(before)), np.fmax(committed_bps, 0))
    flaps = np.where(usable, _flaps(before, now), np.nan)
    both = (before.there & now.there).T[_COUNTERS_AT]
    counted = _counted(before, now, both, _most(bound, seconds), wraps=ran_on & ~(flaps > 0))
    counted[:, ~usable | _started_again(before, now)] = np.nan
    octets = np.where(both[_HC_OCTETS], counted[_HC_OCTETS], counted[_OCTETS])
    counted[_HC_OCTETS] = bit_rate(octets, seconds)
    sides = counted[_HC_OCTETS.start :].reshape(3, 2, -1)
    inward, outward = sides[:, 0], sides[:, 1]
    rx_bps, errors_rx, discards_rx = np.where(wan, inward, outward)
    tx_bps, errors_tx, discards_tx = np.where(wan, outward, inward)
    columns = (rx_bps, tx_bps, speed, speed, _oper_up(now), flaps, errors_rx, errors_tx, discards_rx, discards_tx)
    return dict(zip(MEASURED_FIELDS, columns, strict=True))


def _counted(before: Readings, now: Readings, both: BoolArray, most: FloatArray, *, wraps: BoolArray) -> FloatArray:
    """How far each counter went, float64[8, n]; NaN where it was reset or that cannot be told.

    Differences are exact, modulo what the counter holds. A fall is the counter's wrap only in rows of `wraps`: where
    the agent ran on, and the interface did not go down, for interfaces that are made anew (PPP, cellular) count from
    zero. Whatever is more than `most` is a reset. Where errors and discards have no such bound, a rise still stands:
    2^32 of them in an interval are more than any equipment can have.
    """
    old, new = before.values.T[_COUNTERS_AT], now.values.T[_COUNTERS_AT]
    rose = new >= old
    amount = ((new - old) & _LARGEST).astype(np.float64)
    fits = (amount <= most) & (rose | wraps)
    fits[_PACKETS] |= rose[_PACKETS] & np.isnan(most[_PACKETS])
    fits &= both & ((old | new) <= _LARGEST)
    return np.where(fits, amount, np.nan)


def _most(bound: FloatArray, seconds: FloatArray) -> FloatArray:
    """The most that each counter can have counted in `seconds`, float64[8, n], by the `bound` in bit/s (NaN: none).

    NaN where a counter can run through its whole range, as one of 32 bits without a bound can: it may then have
    wrapped more than once (RFC 2863, section 3.1.6).
    """
    covered = seconds + AGENT_CACHE_SECONDS
    most = np.empty((len(_COUNTERS), len(bound)))
    most[_OCTETS] = bound * covered / 8
    most[_HC_OCTETS] = np.where(np.isnan(bound), FASTEST_PORT_BPS, bound) * covered / 8
    most[_PACKETS] = bound * covered / SMALLEST_PACKET_BITS
    most[most >= _MODULUS] = np.nan
    return most


def _started_again(before: Readings, now: Readings) -> BoolArray:
    """Where the agent says that the counters of the interface did (ifCounterDiscontinuityTime, RFC 2863)."""
    return _moved(before, now, Column.IF_COUNTER_DISCONTINUITY_TIME)


def _flaps(before: Readings, now: Readings) -> FloatArray:
    """The fewest state changes that explain both readings: ifLastChange moved between two equal states is two."""
    at = COLUMN_AT[Column.IF_OPER_STATUS]
    fewest = np.where(_moved(before, now, Column.IF_OPER_STATUS), 1, 2 * _moved(before, now, Column.IF_LAST_CHANGE))
    return np.where(before.there[:, at] & now.there[:, at], fewest, np.nan)


def _moved(before: Readings, now: Readings, column: Column) -> BoolArray:
    """Where both answered, and differently."""
    at = COLUMN_AT[column]
    moved: BoolArray = before.there[:, at] & now.there[:, at] & (before.values[:, at] != now.values[:, at])
    return moved


def _speed_bps(readings: Readings) -> FloatArray:
    """ifHighSpeed in bit/s; ifSpeed where that is 0, absent or the maximum, or agrees with it but for the rounding;
    NaN when neither says anything."""
    high = _speed(readings, Column.IF_HIGH_SPEED) * 1e6
    low = _speed(readings, Column.IF_SPEED)
    speed = np.where((high == 0) | (np.abs(low - high) <= HIGH_SPEED_ROUNDING_BPS), low, high)
    return np.where(speed > 0, speed, np.nan)


def _speed(readings: Readings, column: Column) -> FloatArray:
    """The column's value, 0 where it says nothing."""
    at = COLUMN_AT[column]
    value = readings.values[:, at]
    return np.where(readings.there[:, at] & (value < UNKNOWN_SPEED), value, 0.0)


def _oper_up(readings: Readings) -> FloatArray:
    """1 up, 0 down, NaN where ifOperStatus does not say."""
    at = COLUMN_AT[Column.IF_OPER_STATUS]
    status = readings.values[:, at]
    return _OPER_UP[np.where(readings.there[:, at] & (status < len(_OPER_UP)), status, 0).astype(np.intp)]
