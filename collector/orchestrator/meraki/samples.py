"""From Dashboard rows to samples of our links: one a tick, with everything that was measured in it. Pure.

Loss and latency come as points of a minute, volumes as sums over the window asked for. A sample is known by its link,
source and start, so rows of a minute and rows of a window would destroy each other where they begin together; and a
volume spread over minutes would be an invention. So each tick has one row, and the minutes are averaged into it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from collector.measures import bit_rate
from collector.model import FloatArray, SampleBatch, Source
from collector.orchestrator.directory import Directory
from collector.orchestrator.meraki.rows import LossSeries, UsageRow, UsageSlot
from collector.orchestrator.meraki.units import Units
from config.clock import epoch_ms

MINUTE = 60_000
FIELD_OF = {"loss": "loss_pct", "latency": "rtt_ms", "jitter": "jitter_ms"}
"""Two-way figures, from the appliance to a target and back."""

Slot = tuple[str, int]
"""A link, and the start of a tick in epoch milliseconds."""
Volumes = Mapping[Slot, tuple[float, float]]
"""Bytes received and sent over a whole tick."""


@dataclass(frozen=True, slots=True)
class Minutes:
    """n measured minutes of links, unique in (link, minute); `link` is a place in `links`, `minute` counts from 1970.
    `figures` has three columns, as FIELD_OF."""

    links: Sequence[str]
    link: NDArray[np.int64]
    minute: NDArray[np.int64]
    figures: FloatArray


def link_of(
    known: Directory, units: Units, organization: str, serial: str | None, network: str | None, uplink: str
) -> str | None:
    """Our watched link behind the uplink of an appliance, or of the only appliance or pair of a network."""
    edge = units.edge_of(serial, network)
    if edge is None or known.device_of(edge, organization) is None:
        return None
    link = known.link_of(edge, uplink, uplink)
    return link if link in known.watched_links else None


def best_minutes(series: Iterable[tuple[str, LossSeries]], start: datetime, end: datetime) -> Minutes:
    """The minutes of links in [start, end): of each figure the least that any target, and any unit of a pair, gave.

    What a probe meets is the line and everything behind it, so a line loses and delays at most as much as the best of
    its targets shows: a fault of one target, or of one unit's port, is not the line's.
    """
    pairs = [(link, one) for link, one in series if len(one.time)]
    links = sorted({link for link, _ in pairs})
    place = {link: number for number, link in enumerate(links)}
    if not pairs:
        return Minutes([], np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 3)))
    link = np.concatenate([np.full(len(one.time), place[name], dtype=np.int64) for name, one in pairs])
    time = np.concatenate([one.time for _, one in pairs])
    figures = np.concatenate([np.stack([one.loss, one.latency, one.jitter], axis=1) for _, one in pairs])
    inside = (time >= epoch_ms(start)) & (time < epoch_ms(end))
    link, minute, figures = link[inside], time[inside] // MINUTE, figures[inside]
    order = np.lexsort((minute, link))
    link, minute, figures = link[order], minute[order], figures[order]
    first = np.flatnonzero(np.diff(link, prepend=-1) | np.diff(minute, prepend=-1))
    best = np.fmin.reduceat(figures, first, axis=0) if len(first) else figures
    return Minutes(links, link[first], minute[first], best)


def ticks_of(minutes: Minutes, tick: int) -> dict[Slot, FloatArray]:
    """The mean of each figure over each tick of `tick` seconds; NaN where no more than half of its minutes gave one,
    because such a mean would not speak for the tick."""
    if not len(minutes.link):
        return {}
    per = tick // 60
    slot = minutes.minute // per
    first = np.flatnonzero(np.diff(minutes.link, prepend=-1) | np.diff(slot, prepend=-1))
    there = ~np.isnan(minutes.figures)
    count = np.add.reduceat(there.astype(np.int64), first, axis=0)
    total = np.add.reduceat(np.where(there, minutes.figures, 0.0), first, axis=0)
    means = np.where(2 * count > per, total / np.maximum(count, 1), np.nan)
    starts = slot[first] * per * MINUTE
    names = [minutes.links[number] for number in minutes.link[first].tolist()]
    return {(name, start): mean for name, start, mean in zip(names, starts.tolist(), means, strict=True)}


def window_volumes(rows: Iterable[tuple[str, UsageRow]], start: datetime) -> dict[Slot, tuple[float, float]]:
    """Bytes of one window by link. A pair's units are told together, or each by itself: then they are added, because
    both sent over the same line; a uplink that is told twice counts once."""
    by_unit = {(link, row.serial or ""): row for link, row in rows}
    volumes: dict[Slot, tuple[float, float]] = {}
    for (link, _), row in by_unit.items():
        received, sent = volumes.get((link, epoch_ms(start)), (0.0, 0.0))
        volumes[link, epoch_ms(start)] = (received + row.received, sent + row.sent)
    return volumes


def history_volumes(
    slots: Iterable[tuple[str, UsageSlot]], start: datetime, end: datetime, tick: int
) -> dict[Slot, tuple[float, float]]:
    """Bytes of whole ticks in [start, end) by link; a tick that is told in parts needs all of them."""
    seconds: dict[Slot, float] = {}
    volumes: dict[Slot, tuple[float, float]] = {}
    once = {(link, slot.start): slot for link, slot in slots if start <= slot.start < end}
    for (link, _), slot in once.items():
        key = (link, epoch_ms(slot.start) // (tick * 1000) * tick * 1000)
        received, sent = volumes.get(key, (0.0, 0.0))
        volumes[key] = (received + slot.received, sent + slot.sent)
        seconds[key] = seconds.get(key, 0.0) + (slot.end - slot.start).total_seconds()
    return {key: volume for key, volume in volumes.items() if seconds[key] == tick}


def batch(figures: Mapping[Slot, FloatArray], volumes: Volumes, tick: int, now: datetime) -> SampleBatch:
    """One sample for each link and tick in which anything was measured. `sent` is upload, so `tx`.

    No byte at all in both directions is a measurement only where an answer to a probe shows that the line was there;
    otherwise the dashboard merely had nothing from it.
    """
    slots = sorted(figures.keys() | volumes.keys())
    nothing, silence = np.full(3, np.nan), (np.nan, np.nan)
    means = np.array([figures.get(slot, nothing) for slot in slots], dtype=np.float64).reshape(len(slots), 3)
    octets = np.array([volumes.get(slot, silence) for slot in slots], dtype=np.float64).reshape(len(slots), 2)
    seconds = np.full(len(slots), tick, dtype=np.int32)
    unproven = (octets == 0).all(axis=1) & ~(means[:, 0] < 100)
    octets = np.where(unproven[:, None], np.nan, octets)
    fields = {field: means[:, column] for column, field in enumerate(FIELD_OF.values())}
    fields |= {"rx_bps": bit_rate(octets[:, 0], seconds), "tx_bps": bit_rate(octets[:, 1], seconds)}
    there: NDArray[np.bool_] = np.any([~np.isnan(column) for column in fields.values()], axis=0)
    return SampleBatch(
        source=Source.ORCHESTRATOR,
        links=[link for (link, _), keep in zip(slots, there.tolist(), strict=True) if keep],
        time=np.array([time for _, time in slots], dtype=np.int64)[there],
        seconds=seconds[there],
        received_at=np.full(int(there.sum()), epoch_ms(now), dtype=np.int64),
        fields={name: column[there] for name, column in fields.items()},
    )
