"""How a finding is shown: its figures, its samples, and the figure computed again from the pack. Pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from collector.model import FIELDS
from config.clock import epoch_ms
from reports.evidence_charts import finding_figure
from reports.formatting import aligned, duration, local_span, local_time, opening, quantity
from reports.model import Block, Cell, Column, Row, Rows, Section, Table, Text, Tone
from reports.pack import PackDocument, PackFinding, PackSeries
from triage.model import Direction
from triage.recompute import FACTS, STATISTICS, recompute, recompute_from_facts
from triage.words import CAUSE_WORDS, metric_words, source_words

CONTEXT = 4
MOST_BAD = 14
BESIDE = (
    "loss_pct",
    "loss_rx_pct",
    "loss_tx_pct",
    "rtt_ms",
    "latency_rx_ms",
    "jitter_ms",
    "rx_bps",
    "tx_bps",
    "oper_up",
)


DIRECTION_WORDS = {
    Direction.DOWNLOAD: "download (towards the site)",
    Direction.UPLOAD: "upload (from the site)",
    Direction.BOTH: "both",
    Direction.UNKNOWN: "not told apart: measured there and back",
}


def finding_section(document: PackDocument, finding: PackFinding, number: int) -> Section:
    """One degradation: sentence, chart, figures, samples."""
    way = f", {finding.direction}" if finding.direction in (Direction.DOWNLOAD, Direction.UPLOAD) else ""
    title = f"{opening(CAUSE_WORDS[finding.cause])} on {finding.link}{way}"
    blocks: list[Block] = [Text(finding_sentence(document, finding))]
    if not finding.counts_facts:
        blocks.append(finding_figure(document, finding, f"finding-{number}"))
    blocks.append(Rows(_figures(document, finding)))
    table = facts_table(document, finding) if finding.counts_facts else samples_table(document, finding)
    if table is not None:
        blocks.append(table)
    return Section(title, tuple(blocks), level=2)


def finding_sentence(document: PackDocument, finding: PackFinding) -> str:
    """What was measured, in one sentence."""
    ordinary = (
        "" if finding.baseline is None else f"; ordinary at this hour is {quantity(finding.baseline, finding.unit)}"
    )
    when = local_span(finding.onset, finding.end, document.site.zone)
    return (
        f"{opening(when)}: the {finding.statistic} of the "
        f"{metric_words(finding.metric)} was {quantity(finding.value, finding.unit)}, the threshold is "
        f"{quantity(finding.threshold, finding.unit)}{ordinary}."
    )


def recomputed(document: PackDocument, finding: PackFinding) -> float:
    """The finding's value once more, from the pack's samples or facts; NaN when it holds none of that time."""
    if finding.counts_facts:
        subjects = [finding.link, *(device.id for device in document.devices)]
        facts = [fact.fact() for fact in document.facts]
        return recompute_from_facts(finding.finding(), facts, subjects) or math.nan
    if finding.statistic not in STATISTICS:
        return math.nan
    return next(
        (recompute(finding.finding(), one.series()) for one in document.series_of(finding.link, finding.source)),
        math.nan,
    )


def facts_table(document: PackDocument, finding: PackFinding) -> Table | None:
    """What the source stated during the finding; None when the pack holds nothing of it."""
    zone, kind = document.site.zone, finding.metric.removeprefix(FACTS)
    stated_facts = [
        fact
        for fact in document.facts
        if fact.kind.value == kind
        and fact.source is finding.source
        and fact.time >= finding.onset
        and (finding.end is None or fact.time <= finding.end)
    ]
    if not stated_facts:
        return None
    omitted = len(stated_facts) - MOST_BAD
    more = f" Not shown here: {omitted}; they are in the pack." if omitted > 0 else ""
    return Table(
        f"What was stated; source: {source_words(finding.source)}.{more}",
        (Column("time", weight=1.5), Column("of"), Column("state"), Column("in its own words", weight=2.5)),
        tuple(
            (
                Cell(local_time(fact.time, zone)),
                Cell(fact.subject),
                Cell(fact.value),
                Cell(fact.detail),
            )
            for fact in stated_facts[:MOST_BAD]
        ),
    )


def samples_table(document: PackDocument, finding: PackFinding) -> Table | None:
    """The degraded samples (the first ones, where there are many) with some before and after; None without any."""
    for series in document.series_of(finding.link, finding.source):
        inside = np.flatnonzero(_inside(series, finding))
        if len(inside):
            return _table(document.site.zone, finding, series, inside)
    return None


def _table(zone: ZoneInfo, finding: PackFinding, series: PackSeries, inside: NDArray[np.intp]) -> Table:
    first, stop = int(inside[0]), int(inside[-1]) + 1
    shown_stop = min(stop, first + MOST_BAD)
    after = range(stop, min(stop + CONTEXT, len(series.time)))
    rows = [*range(max(0, first - CONTEXT), shown_stop), *after]
    beside = [name for name in BESIDE if name != finding.metric and np.any(~np.isnan(series.column(name)[rows]))]
    names = [finding.metric, *beside[:5]]
    columns = [Column("slot starts", weight=1.9), Column("", weight=0.9)]
    columns += [Column(metric_words(name), "right", 1.1) for name in names]
    omitted = stop - shown_stop
    more = f" Degraded samples not shown here: {omitted}; they are in the pack." if omitted else ""
    return Table(
        f"Samples of {finding.link}, {source_words(series.source)}, {int(series.lengths[0])} s each, "
        f"with some before and after.{more}",
        tuple(columns),
        tuple(_sample_row(zone, finding, series, row, names) for row in rows),
    )


def _sample_row(
    zone: ZoneInfo, finding: PackFinding, series: PackSeries, row: int, names: list[str]
) -> tuple[Cell, ...]:
    moment = datetime.fromtimestamp(series.time[row] / 1000, UTC)
    degraded = bool(_inside(series, finding)[row])
    part = "degraded" if degraded else "before" if moment < finding.onset else "after"
    cells = [Cell(local_time(moment, zone)), Cell(part, Tone.BAD if degraded else Tone.UNKNOWN)]
    for name in names:
        value = float(series.column(name)[row])
        bad = degraded and name == finding.metric and _beyond(finding, value)
        tone = Tone.UNKNOWN if math.isnan(value) else Tone.BAD if bad else Tone.PLAIN
        cells.append(Cell(aligned(value, FIELDS.get(name, "")), tone))
    return tuple(cells)


def _figures(document: PackDocument, finding: PackFinding) -> tuple[Row, ...]:
    until = finding.end or document.made_at
    compared = f"{finding.statistic} of the {metric_words(finding.metric)}: {quantity(finding.value, finding.unit)}"
    return (
        Row("Lasted", duration((until - finding.onset).total_seconds()) + ("" if finding.end else " so far")),
        Row("Direction", DIRECTION_WORDS[finding.direction]),
        Row("Rule", finding.rule),
        Row("Compared", f"{compared}, threshold {quantity(finding.threshold, finding.unit)}"),
        _again(finding, recomputed(document, finding)),
        Row("Degraded samples", str(finding.bad_samples)),
        *((Row("Habitual", "yes: as bad as always at this hour"),) if finding.habitual else ()),
    )


def _again(finding: PackFinding, again: float) -> Row:
    label = "Computed again from the pack"
    if math.isnan(again):
        return Row(label, "not possible: the pack holds nothing of that time", Tone.WARNING)
    if math.isclose(again, finding.value, rel_tol=1e-6, abs_tol=1e-6):
        return Row(label, f"{quantity(again, finding.unit)} – agrees", Tone.GOOD)
    return Row(label, f"{quantity(again, finding.unit)} – does not agree with the value above", Tone.BAD)


def _inside(series: PackSeries, finding: PackFinding) -> NDArray[np.bool_]:
    until = epoch_ms(finding.end) if finding.end else np.iinfo(np.int64).max
    times = series.times
    return (times >= epoch_ms(finding.onset)) & (times < until)


def _beyond(finding: PackFinding, value: float) -> bool:
    """On the bad side of the threshold: the side on which the finding's own value lies."""
    return value >= finding.threshold if finding.value >= finding.threshold else value <= finding.threshold
