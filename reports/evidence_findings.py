"""How a finding is shown: its figures, its samples, and the figure computed again from the pack. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from collector.model import FIELDS, FloatArray
from config.clock import epoch_ms
from reports.evidence_charts import finding_figure
from reports.formatting import ABSENT, duration, local_span, local_time, quantity
from reports.model import Block, Cell, Column, Row, Rows, Section, Table, Text, Tone
from reports.pack import PackDocument, PackFinding, PackSeries
from reports.words import CAUSE_WORDS, metric_words, source_words
from triage.model import Direction

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
    title = f"{CAUSE_WORDS[finding.cause].capitalize()} on {finding.link}"
    blocks: list[Block] = [Text(finding_sentence(document, finding))]
    blocks.append(finding_figure(document, finding, f"finding-{number}"))
    blocks.append(Rows(_figures(document, finding)))
    table = samples_table(document, finding)
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
        f"{when[:1].upper()}{when[1:]}: the {finding.statistic} of the "
        f"{metric_words(finding.metric)} was {quantity(finding.value, finding.unit)}, the threshold is "
        f"{quantity(finding.threshold, finding.unit)}{ordinary}."
    )


def statistic_of(name: str, values: FloatArray) -> float | None:
    """A finding's statistic over its measured samples; None where none was measured or the name is not known."""
    measured = values[~np.isnan(values)]
    if not len(measured):
        return None
    known: Mapping[str, Callable[[FloatArray], float]] = {
        "median": np.median,
        "mean": np.mean,
        "max": np.max,
        "min": np.min,
        "sum": np.sum,
        "last": lambda samples: samples[-1],
    }
    return float(known[name](measured)) if name in known else None


def recomputed(document: PackDocument, finding: PackFinding) -> float | None:
    """The finding's value once more, from the pack's samples in [onset, end)."""
    for series in document.series_of(finding.link, finding.source):
        return statistic_of(finding.statistic, series.column(finding.metric)[_inside(series, finding)])
    return None


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
    more = f" {omitted} more degraded samples are in the pack." if omitted else ""
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
        cells.append(Cell(quantity(value, FIELDS.get(name, "")), tone))
    return tuple(cells)


def _figures(document: PackDocument, finding: PackFinding) -> tuple[Row, ...]:
    unit = finding.unit
    until = finding.end or document.made_at
    again = recomputed(document, finding)
    return (
        Row("Measured by", source_words(finding.source)),
        Row("Degraded", local_span(finding.onset, finding.end, document.site.zone)),
        Row("Lasted", duration((until - finding.onset).total_seconds()) + ("" if finding.end else " so far")),
        Row("Direction", DIRECTION_WORDS[finding.direction]),
        Row(f"Value ({finding.statistic} of the {metric_words(finding.metric)})", quantity(finding.value, unit)),
        Row("Threshold", quantity(finding.threshold, unit)),
        Row("Ordinary at this hour", ABSENT if finding.baseline is None else quantity(finding.baseline, unit)),
        Row("Degraded samples", str(finding.bad_samples)),
        Row("Rule", finding.rule),
        _again(finding, again),
        *((Row("Habitual", "yes: as bad as always at this hour"),) if finding.habitual else ()),
    )


def _again(finding: PackFinding, again: float | None) -> Row:
    label = "Computed again from the pack"
    if again is None or finding.value is None:
        return Row(label, "not possible: the pack holds no sample of that time", Tone.WARNING)
    if math.isclose(again, finding.value, rel_tol=1e-6, abs_tol=1e-9):
        return Row(label, f"{quantity(again, finding.unit)} – agrees", Tone.GOOD)
    return Row(label, f"{quantity(again, finding.unit)} – does not agree with the value above", Tone.BAD)


def _inside(series: PackSeries, finding: PackFinding) -> NDArray[np.bool_]:
    until = epoch_ms(finding.end) if finding.end else np.iinfo(np.int64).max
    times = series.times
    return (times >= epoch_ms(finding.onset)) & (times < until)


def _beyond(finding: PackFinding, value: float) -> bool:
    """On the bad side of the threshold: the side on which the finding's own value lies."""
    if finding.threshold is None or finding.value is None:
        return False
    return value >= finding.threshold if finding.value >= finding.threshold else value <= finding.threshold
