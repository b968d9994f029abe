"""Each line's current figures, with the age and the source of every one. Absent is "not measured", never zero. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.model import Cadence, Fact, FactKind, Series, Source
from config.clock import from_epoch_ms
from inventory.model import Link
from reports.formatting import ABSENT, bit_rate, duration, quantity
from reports.model import Tone
from service.desk.views.seen import SOURCE_NAMES, is_fresh
from service.desk.views.words import Badge
from triage.policy import SourceOrder

Row = Mapping[Source, Series]
"""The newest sample of one link from each source, as a Series of one row."""

_LINK_STATES: Mapping[str, Tone] = {
    "stable": Tone.GOOD,
    "standby": Tone.PLAIN,
    "quiet": Tone.PLAIN,
    "initial": Tone.PLAIN,
    "unstable": Tone.WARNING,
    "disconnected": Tone.BAD,
}


@dataclass(frozen=True, slots=True)
class Figure:
    """`text` is final; `note` names source and age; `share` is the part of the committed rate, 0 to 1 and above."""

    text: str
    note: str = ""
    tone: Tone = Tone.PLAIN
    share: float | None = None

    @property
    def bar(self) -> int:
        """The share as whole percent of a bar's length."""
        return min(100, round(100 * (self.share or 0.0)))


NOT_MEASURED = Figure(ABSENT, tone=Tone.UNKNOWN)


@dataclass(frozen=True, slots=True)
class StateNote:
    """What one source says about the line's state, and when it said so."""

    badge: Badge
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkFigures:
    link: Link
    states: tuple[StateNote, ...]
    download: Figure
    upload: Figure
    latency: Figure
    jitter: Figure
    loss: Figure


def link_figures(
    link: Link,
    row: Row,
    facts: Sequence[Fact],
    order: SourceOrder,
    cadences: Mapping[Source, Cadence],
    now: datetime,
) -> LinkFigures:
    """The figures of one link; `facts` are those about it, ascending in time."""
    readings = _Readings(row, cadences, now)
    return LinkFigures(
        link=link,
        states=tuple(_states(readings, facts, now)),
        download=readings.rate("rx_bps", link.committed_down_bps, order.traffic),
        upload=readings.rate("tx_bps", link.committed_up_bps, order.traffic),
        latency=readings.quality("rtt_ms", "latency_rx_ms", "latency_tx_ms", "ms", order.quality),
        jitter=readings.quality("jitter_ms", "jitter_rx_ms", "jitter_tx_ms", "ms", order.quality),
        loss=readings.quality("loss_pct", "loss_rx_pct", "loss_tx_pct", "%", order.quality),
    )


@dataclass(frozen=True, slots=True)
class _Readings:
    row: Row
    cadences: Mapping[Source, Cadence]
    now: datetime

    def value(self, source: Source, field: str) -> float:
        series = self.row.get(source)
        return float(series.column(field)[-1]) if series is not None and len(series) else math.nan

    def end(self, source: Source) -> datetime:
        series = self.row[source]
        return from_epoch_ms(int(series.time[-1]) + int(series.seconds[-1]) * 1000)

    def fresh(self, source: Source) -> bool:
        return source in self.cadences and is_fresh(self.end(source), self.cadences[source], self.now)

    def note(self, source: Source) -> str:
        age = duration(max(0.0, (self.now - self.end(source)).total_seconds()))
        return f"{SOURCE_NAMES[source]}, {age} ago" + ("" if self.fresh(source) else ", stale")

    def speaking(self, fields: Sequence[str], order: Sequence[Source]) -> Source | None:
        """The source that speaks for these fields: the first in order with a fresh value, else the newest value."""
        measuring = [source for source in order if any(not math.isnan(self.value(source, field)) for field in fields)]
        fresh = next((source for source in measuring if self.fresh(source)), None)
        return fresh or max(measuring, key=self.end, default=None)

    def rate(self, field: str, committed: float | None, order: Sequence[Source]) -> Figure:
        source = self.speaking((field,), order)
        if source is None:
            return NOT_MEASURED
        value = self.value(source, field)
        share = value / committed if committed else None
        tone = self._tone(source, Tone.WARNING if share is not None and share >= 0.9 else Tone.PLAIN)
        of = f" of {bit_rate(committed)}" if committed else ", committed rate not known"
        return Figure(bit_rate(value) + of, self.note(source), tone, share)

    def quality(self, both: str, down: str, up: str, unit: str, order: Sequence[Source]) -> Figure:
        """A two-way value, or the one-way values of download and upload where a source measures each."""
        source = self.speaking((both, down, up), order)
        if source is None:
            return NOT_MEASURED
        tone = self._tone(source, Tone.PLAIN)
        value = self.value(source, both)
        if not math.isnan(value):
            return Figure(quantity(value, unit), self.note(source), tone)
        ways = [
            f"{sign} {quantity(self.value(source, field), unit)}"
            for sign, field in (("↓", down), ("↑", up))
            if not math.isnan(self.value(source, field))
        ]
        return Figure("  ".join(ways), f"one way; {self.note(source)}", tone)

    def _tone(self, source: Source, tone: Tone) -> Tone:
        return tone if self.fresh(source) else Tone.UNKNOWN


def _states(readings: _Readings, facts: Sequence[Fact], now: datetime) -> list[StateNote]:
    """What SNMP says of the port and the orchestrator of the line. A port that is up proves nothing beyond the modem
    (RFC 2863: ifOperStatus is the state of the interface)."""
    notes = []
    oper = readings.value(Source.SNMP, "oper_up")
    if not math.isnan(oper):
        badge = Badge("port up", Tone.GOOD) if oper >= 1 else Badge("port down", Tone.BAD)
        if 0 < oper < 1:
            badge = Badge("port up and down", Tone.WARNING)
        if not readings.fresh(Source.SNMP):
            badge = Badge(f"{badge.text}, long ago", Tone.UNKNOWN)
        notes.append(StateNote(badge, readings.note(Source.SNMP)))
    said = [fact for fact in facts if fact.kind is FactKind.LINK_STATE]
    if said:
        fact = said[-1]
        age = duration(max(0.0, (now - fact.time).total_seconds()))
        badge = Badge(fact.value, _LINK_STATES.get(fact.value, Tone.UNKNOWN))
        notes.append(StateNote(badge, f"{SOURCE_NAMES[fact.source]}, {age} ago"))
    return notes
