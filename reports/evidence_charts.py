"""The charts of an evidence report, from the pack alone. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np

from collector.availability import link_states
from collector.model import FIELDS, Cadence, Source
from reports.chart import Baseline, Limit, Span, TimeChart, Trace, time_chart
from reports.formatting import duration, local_span, opening, quantity
from reports.model import Figure
from reports.pack import PackDocument, PackFinding, PackLink, PackSeries, window_of
from reports.strip import STATE_NAMES, StateSpan, StateStrip, StripRow, state_strip
from reports.traffic import Traffic, utilisation_figure
from triage.words import metric_words, source_words

BEFORE = timedelta(minutes=90)
AFTER = timedelta(minutes=30)
QUALITY_METRICS = ("loss_pct", "loss_rx_pct", "rtt_ms", "latency_rx_ms", "jitter_ms", "jitter_rx_ms")


def focus(document: PackDocument) -> tuple[datetime, datetime]:
    """The time that charts show: the trouble, or the claimed time, with as much before it and a little after."""
    verdict, claim = document.verdict, document.claim
    moments = [finding.onset for finding in verdict.findings] + [verdict.onset, claim and claim.since]
    ends = [finding.end for finding in verdict.findings] + [verdict.end, claim and claim.reported_at]
    still = any(finding.end is None for finding in verdict.findings)
    first = min((moment for moment in moments if moment), default=document.made_at - BEFORE)
    last = document.made_at if still else max((moment for moment in ends if moment), default=document.made_at)
    last = max(last, first)
    measured_from, measured_to = window_of(document)
    before = max(BEFORE, last - first)
    start = max(first - before, measured_from) if measured_from < first else first - before
    end = min(last + max(AFTER, (last - first) / 4), max(measured_to, document.made_at))
    return _floored(start), max(end, last, start + timedelta(minutes=30))


def finding_figure(document: PackDocument, finding: PackFinding, ident: str) -> Figure:
    """The metric of a finding against the line's own baseline and the threshold, the degraded time shaded."""
    start, end = focus(document)
    zone = document.site.zone
    name = metric_words(finding.metric)
    traces = tuple(_trace(one, finding.metric) for one in document.series_of(finding.link, finding.source))
    description = (
        f"{opening(name)} of {finding.link}, measured by the {source_words(finding.source)}, "
        f"{local_span(start, end, zone)}. Shaded: {local_span(finding.onset, finding.end, zone)}, with a "
        f"{finding.statistic} of {quantity(finding.value, finding.unit)}; the threshold is "
        f"{quantity(finding.threshold, finding.unit)}. Gaps were not measured."
    )
    chart = TimeChart(
        id=ident,
        title=f"{opening(name)} – {finding.link}",
        description=description,
        unit=finding.unit,
        start=start,
        end=end,
        zone=zone,
        traces=traces,
        baseline=_baseline(document, finding.link, finding.source, finding.metric),
        spans=(Span(finding.onset, finding.end, "degraded"),),
        limits=_threshold(finding),
    )
    return Figure(ident, time_chart(chart), description, _source_note(document, finding.source))


def quality_figure(document: PackDocument, link: PackLink, series: PackSeries, metric: str, ident: str) -> Figure:
    """A metric in which nothing was found, against its baseline: what there was to see at the time in question."""
    start, end = focus(document)
    zone, claim = document.site.zone, document.claim
    name = metric_words(metric)
    description = (
        f"{opening(name)} of {link.id}, measured by the {source_words(series.source)}, "
        f"{local_span(start, end, zone)}, against what is ordinary for this line. Gaps were not measured."
    )
    spans = ((claim.since, claim.reported_at, "reported time"),) if claim and claim.since else ()
    chart = TimeChart(
        id=ident,
        title=f"{opening(name)} – {link.id}",
        description=description,
        unit=_unit(metric),
        start=start,
        end=end,
        zone=zone,
        traces=(_trace(series, metric),),
        baseline=_baseline(document, link.id, series.source, metric),
        spans=tuple(Span(first, last, label, grave=False) for first, last, label in spans),
        height=190,
    )
    return Figure(ident, time_chart(chart), description, _source_note(document, series.source))


def traffic_figure(document: PackDocument, link: PackLink, series: PackSeries, ident: str) -> Figure:
    """How full the line was, each direction against its own committed rate."""
    start, end = focus(document)
    spans = _merged([(f.onset, f.end or end) for f in document.verdict.findings if f.link == link.id])
    return utilisation_figure(
        Traffic(series.times, series.lengths, series.column("rx_bps"), series.column("tx_bps")),
        ident=ident,
        link=link.id,
        committed=(link.committed_down_bps, link.committed_up_bps),
        source=series.source,
        period=(start, end),
        zone=document.site.zone,
        spans=tuple(Span(first, last, "degraded") for first, last in spans),
    )


def _merged(spans: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """What overlaps is one time: two sources that saw the same trouble shade it once."""
    merged: list[tuple[datetime, datetime]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def states_figure(document: PackDocument, ident: str) -> Figure:
    """Up, down and not known of every line of the site."""
    start, end = focus(document)
    every = min((cadence.every for cadence in document.cadences.values()), default=60)
    rows = []
    for link in document.links:
        slots = link_states(
            [one.series() for one in document.series_of(link.id)],
            [fact.fact() for fact in document.facts if fact.subject == link.id],
            start,
            end,
            Cadence(every=every, late=every),
        )
        rows.append(StripRow(link.id, tuple(StateSpan(a, b, STATE_NAMES[state]) for a, b, state in slots.spans())))
    caption = "Hatched: not known – not measured, or the sources disagree. That is not the same as down."
    description = f"State of each line, {local_span(start, end, document.site.zone)}. {caption}"
    strip = StateStrip(
        id=ident,
        title="State of every line",
        description=description,
        start=start,
        end=end,
        zone=document.site.zone,
        rows=rows,
    )
    return Figure(ident, state_strip(strip), description, caption)


def _source_note(document: PackDocument, source: Source) -> str:
    cadence = document.cadences.get(source)
    every = f" in slots of {duration(cadence.every)}" if cadence else ""
    return f"Measured by the {source_words(source)}{every}. Hatched: not measured."


def _threshold(finding: PackFinding) -> tuple[Limit, ...]:
    return (Limit(finding.threshold, f"threshold {quantity(finding.threshold, finding.unit)}"),)


def _trace(series: PackSeries, metric: str) -> Trace:
    words = f"measured by {source_words(series.source)}"
    return Trace(words, series.times, series.lengths, series.column(metric))


def _baseline(document: PackDocument, link: str, source: Source, metric: str) -> Baseline | None:
    for one in document.baselines:
        if (one.link, one.source, one.metric) == (link, source, metric) and one.time:
            steps = np.diff(one.times)
            every = int(steps.min()) // 1000 if len(steps) else 60
            return Baseline(one.times, every, one.centres, one.uppers)
    return None


def _unit(metric: str) -> str:
    return FIELDS.get(metric, "")


def _floored(moment: datetime) -> datetime:
    return moment - timedelta(minutes=moment.minute % 5, seconds=moment.second, microseconds=moment.microsecond)
