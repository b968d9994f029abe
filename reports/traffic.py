"""The utilisation chart: download and upload, each against its own committed rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from numpy import int32
from numpy.typing import NDArray

from collector.model import FloatArray, TimeArray
from reports.chart import Limit, Span, TimeChart, Trace, time_chart
from reports.formatting import bit_rate, local_span
from reports.model import Figure
from triage.words import source_words


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """Rates of one line in bit/s, as columns of equal length; NaN is not measured."""

    time: TimeArray
    seconds: NDArray[int32]
    rx_bps: FloatArray
    tx_bps: FloatArray


def utilisation_figure(
    traffic: Traffic,
    *,
    ident: str,
    link: str,
    committed: tuple[float | None, float | None],
    source: str,
    period: tuple[datetime, datetime],
    zone: ZoneInfo,
    spans: Sequence[Span] = (),
    resolution: str = "as measured",
) -> Figure:
    """In percent of the committed rates (download, upload), or in bit/s where one of them is not known."""
    down, up = committed
    relative = bool(down) and bool(up)
    labels = [f"download, of {bit_rate(down)}", f"upload, of {bit_rate(up)}"] if relative else ["download", "upload"]
    rates = [traffic.rx_bps, traffic.tx_bps]
    if down and up:
        rates = [100 * traffic.rx_bps / down, 100 * traffic.tx_bps / up]
    rates_in_words = (
        f"Committed: {bit_rate(down)} download, {bit_rate(up)} upload."
        if relative
        else "The committed rates are not known."
    )
    caption = f"Measured by the {source_words(source)}, {resolution}. {rates_in_words} Hatched: not measured."
    name = "Utilisation" if relative else "Download and upload rate"
    description = f"{name} of {link}, {local_span(*period, zone)}. {caption}"
    chart = TimeChart(
        id=ident,
        title=f"Use of the line – {link}",
        description=description,
        unit="%" if relative else "bit/s",
        start=period[0],
        end=period[1],
        zone=zone,
        traces=(
            Trace(labels[0], traffic.time, traffic.seconds, rates[0]),
            Trace(labels[1], traffic.time, traffic.seconds, rates[1], "second"),
        ),
        spans=spans,
        limits=(Limit(100.0, "committed rate"),) if relative else (),
        height=210,
    )
    return Figure(ident, time_chart(chart), description, caption)
