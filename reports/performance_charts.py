"""The charts of a proof of performance. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from collector.model import FIELDS
from inventory.model import Link
from reports.chart import TimeChart, Trace, time_chart
from reports.formatting import local_span, opening, quantity
from reports.model import Figure
from reports.month import HOUR, LinkMonth, Quality, Utilisation
from reports.strip import STATE_NAMES, StateSpan, StateStrip, StripRow, state_strip
from reports.traffic import utilisation_figure
from triage.words import metric_words, source_words


def states_figure(links: Sequence[LinkMonth], period: tuple[datetime, datetime], zone: ZoneInfo, ident: str) -> Figure:
    """Up, down, not known and announced maintenance of each line over the month."""
    caption = "Hatched: not known – not measured, or the sources disagree. That is not the same as down."
    strip = StateStrip(
        id=ident,
        title="State of every line",
        description=f"State of each line, {local_span(*period, zone)}. {caption}",
        start=period[0],
        end=period[1],
        zone=zone,
        rows=[StripRow(month.link.id, tuple(_spans(month))) for month in links],
    )
    return Figure(ident, state_strip(strip), strip.description, caption)


def latency_figure(
    link: Link, latency: Quality, period: tuple[datetime, datetime], zone: ZoneInfo, ident: str
) -> Figure:
    """Hourly means of the delay in available time."""
    unit = FIELDS[latency.field]
    caption = (
        f"Hourly means of the {metric_words(latency.field)}, measured by the {source_words(latency.source)} in "
        f"available time. Median {quantity(latency.p50, unit)}, 95th percentile {quantity(latency.p95, unit)}."
    )
    name = opening(metric_words(latency.field))
    chart = TimeChart(
        id=ident,
        title=f"{name} – {link.id}",
        description=f"{name} of {link.id}, {local_span(*period, zone)}. {caption}",
        unit=unit,
        start=period[0],
        end=period[1],
        zone=zone,
        traces=(
            Trace(
                "hourly mean",
                latency.hourly.time,
                np.full(len(latency.hourly.time), HOUR, dtype=np.int32),
                latency.hourly.values,
            ),
        ),
        height=180,
    )
    return Figure(ident, time_chart(chart), chart.description, caption)


def use_figure(
    link: Link, utilisation: Utilisation, period: tuple[datetime, datetime], zone: ZoneInfo, ident: str
) -> Figure:
    return utilisation_figure(
        utilisation.hourly,
        ident=ident,
        link=link.id,
        committed=(link.committed_down_bps, link.committed_up_bps),
        source=utilisation.source,
        period=period,
        zone=zone,
        resolution="hourly means",
    )


def _spans(month: LinkMonth) -> Iterator[StateSpan]:
    if month.states is not None:
        for start, end, state in month.states.spans():
            yield StateSpan(start, end, STATE_NAMES[state])
    for excluded in month.excluded:
        for start, end in excluded.times:
            yield StateSpan(start, end, "planned")
