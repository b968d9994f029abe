"""How a site's lines behave at any moment, faults included. Pure: the same question has the same answer.

Times are epoch seconds. rx is download. A site's demand goes over its first line that is up; queues grow as a line
fills; what remains on the other lines is tunnel keep-alive. Many quiet sites can be asked as one whose numbers are
columns (`stacked`); each answer then has a row for each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from service.simulator.faults import FaultKind, Hit
from service.simulator.noise import FloatArray, Number, Seed, normal, uniform

MINUTE = 60
DAY_HOURS = 24
SERVED_SHARE = 0.97
"""A saturated line carries this much of its rate."""
KEEP_ALIVE_BPS = 24_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Habit:
    """Congestion that comes back at the same local hours every day."""

    from_hour: float
    to_hour: float
    latency_ms: float
    loss_pct: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """A line on an ordinary day. `latency_ms` is one way; `noisy` the share of minutes with stray losses."""

    link: str
    seed: Seed
    down_bps: Number
    up_bps: Number
    latency_ms: Number
    jitter_ms: Number
    noisy: Number
    cold: bool = False
    """A backup whose tunnels are only brought up when it is needed: no traffic, no statistics."""
    habit: Habit | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """A site's traffic: share of the first line's rate in the busy hours, by the local clock."""

    seed: Seed
    zone: ZoneInfo
    share_down: Number
    share_up: Number
    weekend: Number


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """What one line carries over n moments; zero rates where it is down."""

    up: NDArray[np.bool_]
    rx_bps: FloatArray
    tx_bps: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Condition:
    """One line over n moments. Latency is one way; where the line is down only `up` and the zero rates count."""

    up: NDArray[np.bool_]
    rx_bps: FloatArray
    tx_bps: FloatArray
    latency_rx_ms: FloatArray
    latency_tx_ms: FloatArray
    jitter_ms: FloatArray
    loss_rx_pct: FloatArray
    loss_tx_pct: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Surroundings:
    """All that a site's behaviour depends on."""

    demand: Demand
    lines: Sequence[Character]
    hits: Sequence[Hit] = field(default=())


def likeness(around: Surroundings) -> tuple[str, tuple[bool, ...]] | None:
    """Sites of the same likeness can be stacked; None where a fault or a habit makes a site unlike any other."""
    if around.hits or any(line.habit for line in around.lines):
        return None
    return around.demand.zone.key, tuple(line.cold for line in around.lines)


def stacked(sites: Sequence[Surroundings]) -> Surroundings:
    """Sites of one likeness as one: each number is a column, shape (k, 1), with a row for each site."""
    demands = [each.demand for each in sites]
    demand = Demand(
        seed=np.array([[each.seed] for each in demands], dtype=np.uint64),
        zone=demands[0].zone,
        share_down=_column([each.share_down for each in demands]),
        share_up=_column([each.share_up for each in demands]),
        weekend=_column([each.weekend for each in demands]),
    )
    places = enumerate(zip(*(each.lines for each in sites), strict=True), start=1)
    return Surroundings(demand, [_stacked_lines(f"line {place}", lines) for place, lines in places])


def _stacked_lines(name: str, lines: Sequence[Character]) -> Character:
    return Character(
        link=name,
        seed=np.array([[line.seed] for line in lines], dtype=np.uint64),
        down_bps=_column([line.down_bps for line in lines]),
        up_bps=_column([line.up_bps for line in lines]),
        latency_ms=_column([line.latency_ms for line in lines]),
        jitter_ms=_column([line.jitter_ms for line in lines]),
        noisy=_column([line.noisy for line in lines]),
        cold=lines[0].cold,
    )


def _column(numbers: Sequence[Number]) -> FloatArray:
    return np.array(numbers, dtype=np.float64)[:, None]


def local_hours(times: FloatArray, zone: ZoneInfo) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Hour of the local day (0 to 24) and whether it is a weekend, for each moment."""
    # One offset for the whole array is enough: an array spans minutes, or history in which no clock is changed.
    offset = datetime.fromtimestamp(float(times[-1]), UTC).astimezone(zone).utcoffset()
    local = times + (offset.total_seconds() if offset else 0.0)
    weekday = (local // 86_400 + 3) % 7  # 1970-01-01 was a Thursday
    return (local % 86_400) / 3600, weekday >= 5


def busy(hour: FloatArray) -> FloatArray:
    """The shape of a business day: 0.08 at night, near 1 from nine to six, smooth shoulders."""
    opening = 1 / (1 + np.exp(-(hour - 8.0) / 0.6))
    closing = 1 / (1 + np.exp((hour - 18.5) / 0.8))
    return np.asarray(0.08 + 0.92 * opening * closing)


def offered(demand: Demand, first: Character, times: FloatArray) -> tuple[FloatArray, FloatArray]:
    """What the site would send and fetch, bit/s down and up, before any line limits it."""
    hour, weekend = local_hours(times, demand.zone)
    minute = _minutes(times)
    shape = busy(hour) * np.where(weekend, demand.weekend, 1.0)
    down = first.down_bps * demand.share_down * shape * np.exp(0.16 * normal(demand.seed, 1, minute))
    up = first.up_bps * demand.share_up * shape * np.exp(0.16 * normal(demand.seed, 3, minute))
    return down, up


def is_up(line: str, hits: Sequence[Hit], times: FloatArray) -> NDArray[np.bool_]:
    """Whether the line is up: down for good inside a line fault, now and then inside a flapping one."""
    up = np.ones(len(times), dtype=bool)
    for hit in hits:
        if hit.link != line or hit.kind not in (FaultKind.LINE_DOWN, FaultKind.FLAPPING):
            continue
        within = (times >= hit.start) & (times < hit.end)
        if hit.kind is FaultKind.FLAPPING:
            within &= (times - hit.start) % hit.period < hit.down_seconds
        up &= ~within
    return up


def traffic(around: Surroundings, times: FloatArray) -> Mapping[str, Traffic]:
    """What every line of a site carries at each of the ascending `times`."""
    first = around.lines[0]
    wanted_down, wanted_up = offered(around.demand, first, times)
    wanted_down = np.maximum(wanted_down, _surge(around, times) * first.down_bps)
    carried = np.zeros(len(times), dtype=bool)
    result = {}
    for line in around.lines:
        up = is_up(line.link, around.hits, times)
        carries = up & ~carried
        carried |= up
        idle = 0.0 if line.cold else KEEP_ALIVE_BPS
        # Transfers slow down where packets are lost: TCP takes it for congestion.
        slowed = np.clip(1 - _injected(line, around.hits, FaultKind.LOSS, times) / 30, 0.4, 1)
        down = np.where(carries, wanted_down * slowed, idle) * up
        upward = np.where(carries, wanted_up, idle) * up
        result[line.link] = Traffic(
            up, np.minimum(down, line.down_bps * SERVED_SHARE), np.minimum(upward, line.up_bps * SERVED_SHARE)
        )
    return result


def conditions(around: Surroundings, times: FloatArray) -> Mapping[str, Condition]:
    """The condition of every line of a site at each of the ascending `times`."""
    carried = traffic(around, times)
    return {line.link: _condition(line, around, times, carried[line.link]) for line in around.lines}


def _surge(around: Surroundings, times: FloatArray) -> FloatArray:
    """How much of the first line's download rate a saturating demand asks for; 0 where there is none."""
    factor = np.zeros(len(times))
    for hit in around.hits:
        if hit.kind is FaultKind.SATURATION and hit.link == around.lines[0].link:
            factor = np.where((times >= hit.start) & (times < hit.end), hit.strength, factor)
    return factor


def _injected(line: Character, hits: Sequence[Hit], kind: FaultKind, times: FloatArray) -> FloatArray:
    """Loss (%) or latency (ms) that faults of this kind add to a line, swinging a little from minute to minute."""
    added = np.zeros(len(times))
    for hit in hits:
        if hit.link == line.link and hit.kind is kind and hit.start <= times[-1] and hit.end > times[0]:
            swing = 0.8 + 0.4 * uniform(line.seed, 24, _minutes(times))
            added = added + ((times >= hit.start) & (times < hit.end)) * swing * hit.strength
    return added


def queue_ms(utilisation: FloatArray) -> FloatArray:
    """Waiting in the queue of a line this full: none below 80 %, 130 ms when it is saturated."""
    return np.asarray(130 * np.clip((utilisation - 0.80) / (SERVED_SHARE - 0.80), 0, 1) ** 2)


def _condition(line: Character, around: Surroundings, times: FloatArray, carried: Traffic) -> Condition:
    minute = _minutes(times)
    loss, extra_ms = _added(line, around, times, minute)
    full_rx, full_tx = carried.rx_bps / line.down_bps, carried.tx_bps / line.up_bps
    wobble = line.jitter_ms * np.abs(normal(line.seed, 10, minute))
    return Condition(
        up=carried.up,
        rx_bps=carried.rx_bps,
        tx_bps=carried.tx_bps,
        latency_rx_ms=line.latency_ms + wobble + queue_ms(full_rx) + extra_ms,
        latency_tx_ms=line.latency_ms * 0.92 + wobble * 0.7 + queue_ms(full_tx) + extra_ms * 0.3,
        jitter_ms=line.jitter_ms * (0.6 + 0.8 * uniform(line.seed, 12, minute)) + queue_ms(full_rx) / 12 + loss / 4,
        loss_rx_pct=loss + 2.0 * np.clip((full_rx - 0.94) / 0.03, 0, 1),
        loss_tx_pct=loss * 0.15,
    )


def _added(
    line: Character, around: Surroundings, times: FloatArray, minute: NDArray[np.int64]
) -> tuple[FloatArray, FloatArray]:
    """Loss (%) and latency (ms) of a line beyond its quiet self: stray losses, habits, faults."""
    stray = uniform(line.seed, 20, minute) < line.noisy
    loss = np.where(stray, 0.2 + 1.0 * uniform(line.seed, 21, minute), 0.0)
    loss = loss + _injected(line, around.hits, FaultKind.LOSS, times)
    latency = _injected(line, around.hits, FaultKind.LATENCY, times)
    if line.habit is not None:
        hour, _ = local_hours(times, around.demand.zone)
        congested = (hour >= line.habit.from_hour) & (hour < line.habit.to_hour)
        loss = loss + congested * line.habit.loss_pct * (0.7 + 0.6 * uniform(line.seed, 22, minute))
        latency = latency + congested * line.habit.latency_ms * (0.8 + 0.4 * uniform(line.seed, 23, minute))
    return loss, latency


def _minutes(times: FloatArray) -> NDArray[np.int64]:
    return (times // MINUTE).astype(np.int64)
