"""The tables of a proof of performance. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from collector.availability import StateSlots
from collector.model import FIELDS
from inventory.model import Client, Site
from reports.formatting import ABSENT, aligned, availability, bit_rate, duration, local_span, percent, stated
from reports.model import Block, Cell, Column, Table, Text, Tone
from reports.month import LinkMonth, Outage, Quality, any_up
from reports.words import ACCESS_WORDS
from triage.words import metric_words, source_words

MOST_OUTAGES = 20


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SiteMonth:
    site: Site
    links: tuple[LinkMonth, ...]

    @property
    def states(self) -> StateSlots | None:
        return any_up([link.states for link in self.links if link.states is not None])

    @property
    def excluded(self) -> NDArray[np.bool_] | None:
        """The slots in which announced work was on every line: one line's work is no excuse for the others."""
        slots = [link.excluded_slots for link in self.links if link.excluded_slots is not None]
        return np.logical_and.reduce(slots) if slots else None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PerformanceData:
    """A client's month [start, end) in the client's zone; `until` is where measuring had got to when it was read."""

    client: Client
    month: str
    start: datetime
    end: datetime
    until: datetime
    made_at: datetime
    sites: tuple[SiteMonth, ...]

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.client.timezone)

    @property
    def links(self) -> tuple[LinkMonth, ...]:
        return tuple(link for site in self.sites for link in site.links)


def overview(data: PerformanceData) -> Table:
    columns = (
        Column("line", weight=2.6),
        Column("available", "right", 1.2),
        Column("measured", "right", 1.1),
        Column("delay p50", "right"),
        Column("delay p95", "right"),
        Column("jitter p95", "right"),
        Column("loss", "right", 0.9),
        Column("down p95", "right"),
        Column("up p95", "right"),
        Column("outages", "right", 0.9),
    )
    return Table(
        "Delay, jitter and loss in available time; utilisation (down, up) in percent of the committed rate.",
        columns,
        tuple(_overview_row(link) for link in data.links),
    )


def _overview_row(month: LinkMonth) -> tuple[Cell, ...]:
    link = month.link
    if month.states is None:
        return (Cell(link.id), Cell("not monitored", Tone.UNKNOWN), *(Cell("–", Tone.UNKNOWN) for _ in range(8)))
    down, up = _utilisation(month)
    outages = [outage for outage in month.outages if outage.measured and not outage.planned]
    known = month.availability.percent is not None
    return (
        Cell(link.id),
        _known(availability(month.availability.percent)),
        Cell(percent(month.availability.coverage_percent)),
        _known(_value(month.latency, "p50")),
        _known(_value(month.latency, "p95")),
        _known(_value(month.jitter, "p95")),
        _known(_value(month.loss, "mean")),
        _known(down),
        _known(up),
        _known(str(len(outages)) if known else ABSENT),
    )


def details(month: SiteMonth) -> Table:
    return Table(
        "What was measured, and by what.",
        (
            Column("line", weight=2.0),
            Column("carrier, access", weight=1.7),
            Column("circuit", weight=1.4),
            Column("committed down / up", weight=1.9),
            Column("delay, jitter and loss by", weight=1.9),
            Column("utilisation by", weight=1.7),
        ),
        tuple(_detail(link) for link in month.links),
    )


def _detail(month: LinkMonth) -> tuple[Cell, ...]:
    link = month.link
    access = ACCESS_WORDS.get(str(link.access), "") if link.access else ""
    carrier = ", ".join(part for part in (link.carrier or "", access) if part)
    kind = f"{source_words(month.latency.source)}: {metric_words(month.latency.field)}" if month.latency else ABSENT
    return (
        Cell(link.id),
        Cell(stated(carrier)),
        Cell(stated(link.circuit_id or link.service_number)),
        Cell(f"{_committed(link.committed_down_bps)} / {_committed(link.committed_up_bps)}"),
        _known("not monitored" if month.states is None else kind),
        _known(source_words(month.utilisation.source) if month.utilisation else ABSENT),
    )


def outages_found(data: PerformanceData, month: SiteMonth) -> Iterator[Block]:
    outages = sorted((outage for link in month.links for outage in link.outages), key=lambda one: one.start)
    if not outages:
        measured = any(link.availability.percent is not None for link in month.links)
        yield Text("No outage was measured." if measured else "Whether there were outages is not known.")
        return
    longest = sorted(outages, key=lambda one: lasted(one, data.until), reverse=True)[:MOST_OUTAGES]
    shown = [outage for outage in outages if outage in longest]
    rest = len(outages) - len(shown)
    more = f" The {len(shown)} longest of {len(outages)} are shown." if rest else ""
    yield Table(
        f"Outages.{more}",
        (
            Column("line", weight=2.0),
            Column("when", weight=3.4),
            Column("lasted", "right", 1.1),
            Column("case", weight=0.9),
            Column("tickets", weight=1.3),
            Column("remark", weight=1.8),
        ),
        tuple(_outage(data, outage) for outage in shown),
    )


def _outage(data: PerformanceData, outage: Outage) -> tuple[Cell, ...]:
    within = "announced maintenance" if outage.planned else f"{duration(outage.excluded_seconds)} of it announced work"
    remark = within if outage.excluded_seconds else "" if outage.measured else "known from its case alone"
    return (
        Cell(outage.link),
        Cell(local_span(outage.start, outage.end, data.zone)),
        Cell(duration(lasted(outage, data.until)) + ("" if outage.end else " so far")),
        Cell(outage.case or "none"),
        Cell(", ".join(outage.tickets) if outage.tickets else "none"),
        Cell(remark),
    )


def maintenance(data: PerformanceData, month: SiteMonth) -> Iterator[Block]:
    """What is left out as announced, and how much of each line's time that is."""
    left_out = {one.window.id: one for link in month.links for one in link.excluded}
    for one in sorted(left_out.values(), key=lambda one: one.times[0]):
        reason = f": {one.window.reason}" if one.window.reason else ""
        more = f" and {counted(len(one.times) - 1, 'more time')}" if len(one.times) > 1 else ""
        yield Text(f"Announced maintenance {local_span(*one.times[0], data.zone)}{more}{reason}, left out.", "note")
    lines = [f"{link.link.id} {duration(link.excluded_seconds)}" for link in month.links if link.excluded_seconds]
    if lines:
        yield Text(f"Left out of availability as announced maintenance: {', '.join(lines)}.", "note")


def _value(quality: Quality | None, statistic: str) -> str:
    if quality is None:
        return ABSENT
    return aligned({"p50": quality.p50, "p95": quality.p95, "mean": quality.mean}[statistic], FIELDS[quality.field])


def _utilisation(month: LinkMonth) -> tuple[str, str]:
    """In percent of the committed rate; the rate itself where that is not known."""
    if month.utilisation is None:
        return ABSENT, ABSENT
    pairs = (
        (month.utilisation.rx_p95_bps, month.link.committed_down_bps),
        (month.utilisation.tx_p95_bps, month.link.committed_up_bps),
    )
    down, up = (percent(100 * rate / committed) if committed else bit_rate(rate) for rate, committed in pairs)
    return down, up


def _known(text: str) -> Cell:
    return Cell(text, Tone.UNKNOWN if text in (ABSENT, "not monitored") else Tone.PLAIN)


def _committed(bps: float | None) -> str:
    return stated(None) if bps is None else bit_rate(bps)


def lasted(outage: Outage, until: datetime) -> float:
    return ((outage.end or until) - outage.start).total_seconds()


def counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
