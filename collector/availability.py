"""When a link was up, down or not known: the one rule behind every availability figure. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from collector.measures import Availability
from collector.model import Cadence, Fact, FactKind, FloatArray, Series, TimeArray
from config.clock import epoch_ms, from_epoch_ms

CARRYING_BPS = 1_000.0
"""Received traffic below this may be the modem talking to itself; from here on the line carries."""
STATE_HOLDS = timedelta(minutes=5)
"""How long a reported link state speaks for the line when no newer one follows."""

StateArray = NDArray[np.int8]
_UNMEASURED: FloatArray = np.array(np.nan)
"""Stands for a column that nobody measured, of any length."""


class LinkState(IntEnum):
    UNKNOWN = 0
    UP = 1
    DOWN = 2


@dataclass(frozen=True, slots=True, eq=False)
class StateSlots:
    """`states[i]` is the LinkState over [start + i every, start + (i + 1) every); `start` in epoch milliseconds."""

    start: int
    every: int
    states: StateArray

    @property
    def times(self) -> TimeArray:
        return self.start + np.arange(len(self.states), dtype=np.int64) * self.every * 1000

    def spans(self) -> Iterator[tuple[datetime, datetime, LinkState]]:
        """Stretches of one state, ascending, without gaps."""
        edges = [0, *(np.flatnonzero(np.diff(self.states)) + 1).tolist(), len(self.states)]
        for first, last in pairwise(edges):
            if last > first:
                yield self._moment(first), self._moment(last), LinkState(int(self.states[first]))

    def availability(self, excluded: NDArray[np.bool_] | None = None) -> Availability:
        """Seconds up, down and expected; `excluded` slots (announced maintenance) count in none of them."""
        counted = self.states if excluded is None else self.states[~excluded]
        up, down = (int(np.count_nonzero(counted == state)) * self.every for state in (LinkState.UP, LinkState.DOWN))
        return Availability(up=float(up), down=float(down), expected=float(len(counted) * self.every))

    def _moment(self, index: int) -> datetime:
        return from_epoch_ms(self.start + index * self.every * 1000)


def sample_states(fields: Mapping[str, FloatArray], n: int) -> StateArray:
    """What each of n samples of one source says of its line, as LinkState; `fields` are columns of n values.

    Down: a port that is down, and no packet through. Up: something came through, and the port is not down. The rule
    over all sources of a link, and what its words mean, is `link_states`.
    """
    down, up, port_down = _said_by_samples(lambda name: fields.get(name, _UNMEASURED))
    states = np.full(n, LinkState.UNKNOWN, dtype=np.int8)
    np.copyto(states, np.int8(LinkState.UP), where=up & ~down)
    np.copyto(states, np.int8(LinkState.DOWN), where=(down & ~up) | port_down)
    return states


SETTLING = ("oper_up", "loss_pct")
SPEAKING = (*SETTLING, "rx_bps", "loss_rx_pct", "loss_tx_pct")
"""All fields that `sample_states` looks at; the first two are mostly enough (`settled`)."""


def settled(fields: Mapping[str, FloatArray], n: int) -> NDArray[np.bool_]:
    """Which samples the fields `SETTLING` alone speak for, whatever else was measured of them: a port that is down
    settles it, and an answer to a probe is never contradicted. For these `sample_states` needs no other field."""
    port_down: NDArray[np.bool_] = fields.get("oper_up", _UNMEASURED) == 0
    return np.broadcast_to(port_down | (fields.get("loss_pct", _UNMEASURED) < 100), n)


def _said_by_samples(
    read: Callable[[str], FloatArray],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Down by loss, up, and down by the port itself, of whatever `read` gives the columns of."""
    loss = read("loss_pct")
    up = (loss < 100) | (read("rx_bps") >= CARRYING_BPS)
    up = up | (read("loss_rx_pct") < 100) & (read("loss_tx_pct") < 100)
    return loss >= 100, up, read("oper_up") == 0


def link_states(
    series: Sequence[Series], facts: Sequence[Fact], start: datetime, end: datetime, cadence: Cadence
) -> StateSlots:
    """One link's state in each slot of `cadence.every` seconds of [start, end), slots aligned to 1970.

    The rule, at the middle of each slot, over all sources of the link:
    - *down* is said by a port that is down (`oper_up` 0), by a probe that lost every packet (`loss_pct` 100), and
      by an orchestrator that calls the link disconnected;
    - *up* is said by a probe that got an answer, by an orchestrator that measured its tunnel (loss below 100 % in
      both directions) or calls the link stable or unstable, and by received traffic of at least `CARRYING_BPS`;
    - a port that is down settles it; otherwise *up* alone is up, *down* alone is down, and both at once is unknown,
      because one of them must be wrong; an average over more than a slot does not contradict what says down within;
    - nothing said is unknown. A failed poll writes no row, so it is unknown, never down; `oper_up` 1 alone proves
      nothing beyond the modem (RFC 2863 section 3.1.13) and says nothing here.

    `series` are the link's from every source, `facts` those about the link (others are ignored).
    """
    step = cadence.every * 1000
    first, last = epoch_ms(start) // step, -(-epoch_ms(end) // step)
    middles = np.arange(first, last, dtype=np.int64) * step + step // 2
    port_down = np.zeros(len(middles), dtype=bool)
    up, down, mostly_up = port_down.copy(), port_down.copy(), port_down.copy()
    for one in series:
        lost, alive, off = _said_by_samples(_reader(one, middles))
        port_down |= off
        down |= lost
        if np.all(one.seconds <= cadence.every):
            up |= alive
        else:
            mostly_up |= alive
    said_up, said_down = _said(facts, middles)
    up, down = up | said_up, down | said_down
    states = np.full(len(middles), LinkState.UNKNOWN, dtype=np.int8)
    states[(up | mostly_up) & ~down] = LinkState.UP
    states[(down & ~up) | port_down] = LinkState.DOWN
    return StateSlots(int(first * step), cadence.every, states)


def _reader(series: Series, moments: TimeArray) -> Callable[[str], FloatArray]:
    """Reads a field at moments: the value of the row that covers the moment, NaN where none does."""
    if not len(series):
        return lambda _: np.full(len(moments), np.nan)
    rows = np.searchsorted(series.time, moments, side="right") - 1
    held = np.maximum(rows, 0)
    covered = (rows >= 0) & (moments < series.time[held] + series.seconds[held].astype(np.int64) * 1000)
    return lambda name: np.where(covered, series.column(name)[held], np.nan)


def _said(facts: Sequence[Fact], moments: TimeArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Moments at which the newest link state that still holds says up, and says down."""
    states = sorted((fact for fact in facts if fact.kind is FactKind.LINK_STATE), key=lambda fact: fact.time)
    if not states:
        return np.zeros(len(moments), dtype=bool), np.zeros(len(moments), dtype=bool)
    times = np.asarray([epoch_ms(fact.time) for fact in states], dtype=np.int64)
    rows = np.searchsorted(times, moments, side="right") - 1
    held = np.maximum(rows, 0)
    holds = (rows >= 0) & (moments - times[held] < STATE_HOLDS.total_seconds() * 1000)
    says_up = np.asarray([fact.value in ("stable", "unstable") for fact in states])
    says_down = np.asarray([fact.value == "disconnected" for fact in states])
    return holds & says_up[held], holds & says_down[held]
