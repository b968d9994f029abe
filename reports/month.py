"""What a link did in a month: availability, quality in available time, utilisation, outages. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from collector.availability import LinkState, StateSlots, link_states
from collector.measures import Availability, percentile
from collector.model import Cadence, Fact, FloatArray, Series, Source, TimeArray
from config.clock import epoch_ms
from inventory.maintenance import Span, announced, occurrences, periods, touches
from inventory.model import Link, MaintenanceWindow
from reports.traffic import Traffic

QUALITY_ORDER: Final = (Source.PROBE, Source.ORCHESTRATOR, Source.IMPORT)
TRAFFIC_ORDER: Final = (Source.SNMP, Source.ORCHESTRATOR, Source.PROBE, Source.IMPORT)
"""Which source speaks first for a measure; another is asked only where the first has nothing. They never blend."""
LATENCY_FIELDS: Final = ("rtt_ms", "latency_rx_ms", "latency_tx_ms")
JITTER_FIELDS: Final = ("jitter_ms", "jitter_rx_ms", "jitter_tx_ms")
LOSS_FIELDS: Final = ("loss_pct", "loss_rx_pct", "loss_tx_pct")
HOUR = 3600
FIVE_MINUTES = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A line down over [start, end); `end` None while it lasts. `case` and `tickets` name what was opened for it.

    One that is `measured` follows from samples and facts; the others are known from their case alone.
    """

    link: str
    start: datetime
    end: datetime | None
    case: str | None = None
    tickets: tuple[str, ...] = ()
    measured: bool = False
    excluded_seconds: float = 0.0
    """So much of it lies within announced maintenance."""
    planned: bool = False
    """All of it does."""


@dataclass(frozen=True, slots=True, eq=False)
class Hourly:
    """Hourly means; hours without a sample are absent."""

    time: TimeArray
    values: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quality:
    """One measure over the month's available time, from one source. `count` samples were measured."""

    field: str
    source: Source
    p50: float
    p95: float
    mean: float
    count: int
    hourly: Hourly


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Utilisation:
    """95th percentiles of 5-minute means in bit/s (NaN where not measured), and the hourly course."""

    source: Source
    rx_p95_bps: float
    tx_p95_bps: float
    hourly: Traffic


@dataclass(frozen=True, slots=True)
class Excluded:
    """Announced maintenance that is left out, and each time of it that meets the month."""

    window: MaintenanceWindow
    times: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LinkMonth:
    """`states` is None for a link that is not watched; `availability` leaves announced maintenance out."""

    link: Link
    states: StateSlots | None
    availability: Availability
    excluded: tuple[Excluded, ...] = ()
    excluded_slots: NDArray[np.bool_] | None = None
    excluded_seconds: float = 0.0
    latency: Quality | None = None
    jitter: Quality | None = None
    loss: Quality | None = None
    utilisation: Utilisation | None = None
    outages: tuple[Outage, ...] = ()


def link_month(
    link: Link,
    series: Sequence[Series],
    facts: Sequence[Fact],
    cases: Sequence[Outage],
    maintenance: Sequence[MaintenanceWindow],
    period: tuple[datetime, datetime],
    cadence: Cadence,
) -> LinkMonth:
    """Everything the report says of one watched link over [period). `series` and `facts` are this link's alone."""
    states = link_states(series, facts, *period, cadence)
    windows = [window for window in maintenance if announced(window) and touches(window, link)]
    left_out = [Excluded(window, tuple(occurrences(window, *period))) for window in windows]
    excluded = _covered(states, windows, period)
    available = (states.states != LinkState.DOWN) & ~excluded
    return LinkMonth(
        link=link,
        states=states,
        availability=states.availability(excluded),
        excluded=tuple(one for one in left_out if one.times),
        excluded_slots=excluded,
        excluded_seconds=float(np.count_nonzero(excluded) * states.every),
        latency=_quality(series, LATENCY_FIELDS, states, available),
        jitter=_quality(series, JITTER_FIELDS, states, available),
        loss=_quality(series, LOSS_FIELDS, states, available),
        utilisation=_utilisation(series),
        outages=outages_of(link.id, states, excluded, cases, period[1]),
    )


def unwatched(link: Link) -> LinkMonth:
    """A link without monitoring obligation: nothing is known of it, and nothing is claimed."""
    return LinkMonth(link=link, states=None, availability=Availability(up=0, down=0, expected=0))


def outages_of(
    link: str, states: StateSlots, excluded: NDArray[np.bool_], cases: Sequence[Outage], end: datetime
) -> tuple[Outage, ...]:
    """Measured down spans with the cases and tickets they overlap, and cases that no down span matches; by start."""
    own = [case for case in cases if case.link == link]
    measured: list[Outage] = []
    matched: set[int] = set()
    for first, last, state in states.spans():
        if state is not LinkState.DOWN:
            continue
        hits = [i for i, case in enumerate(own) if case.start < last and (case.end is None or case.end > first)]
        matched.update(hits)
        slots = (states.times >= epoch_ms(first)) & (states.times < epoch_ms(last))
        measured.append(
            Outage(
                link=link,
                start=first,
                end=None if last >= end else last,
                case=next((own[i].case for i in hits if own[i].case), None),
                tickets=tuple(dict.fromkeys(ticket for i in hits for ticket in own[i].tickets)),
                measured=True,
                excluded_seconds=float(np.count_nonzero(excluded[slots]) * states.every),
                planned=bool(np.all(excluded[slots])),
            )
        )
    known = [replace(case, measured=False) for i, case in enumerate(own) if i not in matched]
    return tuple(sorted([*measured, *known], key=lambda outage: outage.start))


def any_up(states: Sequence[StateSlots]) -> StateSlots | None:
    """A site's own state: up while any line is, down while all are, else unknown. None without a watched line.

    All have the same slots. Raises ValueError otherwise.
    """
    if not states:
        return None
    first = states[0]
    if any((one.start, one.every, len(one.states)) != (first.start, first.every, len(first.states)) for one in states):
        raise ValueError("the lines of a site are looked at in the same slots")
    all_states = np.vstack([one.states for one in states])
    combined = np.full(len(first.states), LinkState.UNKNOWN, dtype=np.int8)
    combined[np.all(all_states == LinkState.DOWN, axis=0)] = LinkState.DOWN
    combined[np.any(all_states == LinkState.UP, axis=0)] = LinkState.UP
    return StateSlots(first.start, first.every, combined)


def bucket_means(time: TimeArray, values: FloatArray, seconds: int) -> Hourly:
    """Means of the measured values in buckets of `seconds` aligned to 1970; empty buckets are absent."""
    measured = ~np.isnan(values)
    buckets, inverse = np.unique(time[measured] // (seconds * 1000), return_inverse=True)
    if not len(buckets):
        return Hourly(np.empty(0, dtype=np.int64), np.empty(0))
    sums = np.bincount(inverse, weights=values[measured])
    return Hourly(buckets * seconds * 1000, sums / np.bincount(inverse))


def _covered(
    states: StateSlots, windows: Sequence[MaintenanceWindow], period: tuple[datetime, datetime]
) -> NDArray[np.bool_]:
    covered = np.zeros(len(states.states), dtype=bool)
    for begins, ends in periods(windows, *period):
        covered |= (states.times >= begins) & (states.times < ends)
    return covered


def _quality(
    series: Sequence[Series], fields: Sequence[str], states: StateSlots, available: NDArray[np.bool_]
) -> Quality | None:
    """The first source, and of it the first field, that measured anything in available time (MEF 10.4)."""
    for source in QUALITY_ORDER:
        for one in series:
            if one.source is not source:
                continue
            slots = (one.time - states.start) // (states.every * 1000)
            inside = (slots >= 0) & (slots < len(available))
            inside[inside] = available[slots[inside]]
            for field in fields:
                values = one.column(field)[inside]
                if np.all(np.isnan(values)):
                    continue
                return Quality(
                    field=field,
                    source=source,
                    p50=percentile(values, 50),
                    p95=percentile(values, 95),
                    mean=float(np.nanmean(values)),
                    count=int(np.count_nonzero(~np.isnan(values))),
                    hourly=bucket_means(one.time[inside], values, HOUR),
                )
    return None


def _utilisation(series: Sequence[Series]) -> Utilisation | None:
    for source in TRAFFIC_ORDER:
        for one in series:
            rx, tx = one.column("rx_bps"), one.column("tx_bps")
            if one.source is not source or (np.all(np.isnan(rx)) and np.all(np.isnan(tx))):
                continue
            return Utilisation(
                source=source,
                rx_p95_bps=percentile(bucket_means(one.time, rx, FIVE_MINUTES).values, 95),
                tx_p95_bps=percentile(bucket_means(one.time, tx, FIVE_MINUTES).values, 95),
                hourly=_together(bucket_means(one.time, rx, HOUR), bucket_means(one.time, tx, HOUR)),
            )
    return None


def _together(rx: Hourly, tx: Hourly) -> Traffic:
    """Both directions on one time column; NaN where only the other one was measured."""
    time = np.union1d(rx.time, tx.time).astype(np.int64)
    columns = []
    for one in (rx, tx):
        column = np.full(len(time), np.nan)
        column[np.searchsorted(time, one.time)] = one.values
        columns.append(column)
    return Traffic(time, np.full(len(time), HOUR, dtype=np.int32), columns[0], columns[1])
