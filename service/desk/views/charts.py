"""The interactive charts of a link: what each source measured, gap by gap. Pure; the browser only draws."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import numpy as np

from collector.model import FIELDS, FloatArray, Series
from config.clock import epoch_ms
from inventory.model import Link
from reports.formatting import bit_rate
from service.desk.views.seen import SOURCE_NAMES
from triage.words import metric_words

_PANELS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Use of the line", ("rx_bps", "tx_bps")),
    ("Latency", ("rtt_ms", "latency_rx_ms", "latency_tx_ms")),
    ("Packet loss", ("loss_pct", "loss_rx_pct", "loss_tx_pct")),
    ("Jitter", ("jitter_ms", "jitter_rx_ms", "jitter_tx_ms")),
)
FIELDS_SHOWN = tuple(field for _, fields in _PANELS for field in fields)


@dataclass(frozen=True, slots=True)
class Curve:
    """`time` in epoch seconds, `seconds` each slot's length, `values` null where not measured."""

    label: str
    time: list[float]
    seconds: list[int]
    values: list[float | None]


@dataclass(frozen=True, slots=True)
class Line:
    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    unit: str
    curves: tuple[Curve, ...]
    limits: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Charts:
    """`start` and `end` in epoch seconds; times are drawn in `zone`."""

    link: str
    zone: str
    start: float
    end: float
    panels: tuple[Panel, ...]

    def document(self) -> dict[str, Any]:
        return asdict(self)


def charts(link: Link, series: Sequence[Series], zone: str, start: datetime, end: datetime) -> Charts:
    """All panels; one without curves says that nothing was measured."""
    panels = tuple(
        Panel(
            title,
            FIELDS[fields[0]],
            tuple(_curve(one, field) for one in series for field in fields if _measured(one, field)),
            _limits(link) if fields[0] == "rx_bps" else (),
        )
        for title, fields in _PANELS
    )
    return Charts(link.id, zone, epoch_ms(start) / 1000, epoch_ms(end) / 1000, panels)


def _measured(series: Series, field: str) -> bool:
    return field in series.fields and not bool(np.all(np.isnan(series.column(field))))


def _curve(series: Series, field: str) -> Curve:
    return Curve(
        f"{metric_words(field)} ({SOURCE_NAMES[series.source]})",
        [milliseconds / 1000 for milliseconds in series.time.tolist()],
        series.seconds.tolist(),
        _nullable(series.column(field)),
    )


def _nullable(values: FloatArray) -> list[float | None]:
    return [None if math.isnan(value) else float(f"{value:.6g}") for value in values.tolist()]


def _limits(link: Link) -> tuple[Line, ...]:
    """One line where both committed rates are the same; none where they are not known."""
    down, up = link.committed_down_bps, link.committed_up_bps
    if down is not None and down == up:
        return (Line(f"committed {bit_rate(down)}", down),)
    known = (("committed down", down), ("committed up", up))
    return tuple(Line(f"{name} {bit_rate(rate)}", rate) for name, rate in known if rate is not None)
