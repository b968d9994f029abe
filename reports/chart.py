"""Our own charts as SVG: deterministic, without script, style attributes or outside resources; readable in grey.

A sample is drawn as what it is, a value that holds for its slot. Where nothing was measured nothing is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray, TimeArray
from config.clock import epoch_ms
from reports.axis import time_ticks, value_ticks
from reports.formatting import ABSENT, plain, quantity, zone_name

WIDTH = 720
LEFT = 66
RIGHT = 14
FONT = "Noto Sans, Segoe UI, Helvetica, Arial, sans-serif"

INK = "#1d2733"
MUTED = "#5a6673"
GRID = "#e4e8ed"
BLUE = "#174f8f"
ORANGE = "#c06a10"
BAND = "#cfdff0"
CENTRE = "#6f93ba"
RED = "#b3261e"
LABEL_GAP = 6.0
SHADE = "#fae3de"
PALE = "#eef0f2"


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """What one line measured: `values[i]` holds over [time[i], time[i] + seconds[i]); NaN and absent rows are gaps."""

    label: str
    time: TimeArray
    seconds: NDArray[np.int32]
    values: FloatArray
    look: Literal["first", "second"] = "first"


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """What is ordinary for this line at this hour: a centre and the upper edge of the ordinary."""

    time: TimeArray
    seconds: int
    centre: FloatArray
    upper: FloatArray
    label: str = "ordinary at this hour"


@dataclass(frozen=True, slots=True)
class Span:
    """A part of the time to be shaded; `end` None is "to the end of the chart". One that is not `grave` is grey."""

    start: datetime
    end: datetime | None
    label: str
    grave: bool = True


@dataclass(frozen=True, slots=True)
class Limit:
    value: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimeChart:
    """Values of one unit over [start, end); `id` is unique within the page that embeds the chart."""

    id: str
    title: str
    description: str
    unit: str
    start: datetime
    end: datetime
    zone: ZoneInfo
    traces: Sequence[Trace]
    baseline: Baseline | None = None
    spans: Sequence[Span] = ()
    limits: Sequence[Limit] = ()
    height: int = 230


@dataclass(frozen=True, slots=True)
class Frame:
    """Where time and value lie on the page."""

    start: int
    end: int
    top_value: float
    top: float
    bottom: float
    left: float = LEFT
    right: float = WIDTH - RIGHT

    def x(self, milliseconds: float) -> float:
        share = (milliseconds - self.start) / (self.end - self.start)
        return self.left + min(max(share, 0.0), 1.0) * (self.right - self.left)

    def y(self, value: float) -> float:
        return self.bottom - min(max(value / self.top_value, 0.0), 1.0) * (self.bottom - self.top)

    def across(self, milliseconds: TimeArray) -> list[str]:
        """Many `x` at once, as they are written."""
        shares = np.clip((milliseconds - self.start) / (self.end - self.start), 0.0, 1.0)
        return [f"{x:g}" for x in (self.left + shares * (self.right - self.left)).round(1).tolist()]

    def down(self, values: FloatArray) -> list[str]:
        """Many `y` at once, as they are written; "nan" where nothing was measured."""
        shares = np.clip(values / self.top_value, 0.0, 1.0)
        return [f"{y:g}" for y in (self.bottom - shares * (self.bottom - self.top)).round(1).tolist()]


def time_chart(chart: TimeChart) -> str:
    """The chart as an SVG document of 720 units width. Raises ValueError when it ends before it starts."""
    if chart.end <= chart.start:
        raise ValueError(f"the chart {chart.id} ends before it starts")
    ticks = value_ticks(_highest(chart))
    frame = Frame(epoch_ms(chart.start), epoch_ms(chart.end), ticks[-1], 52.0, chart.height - 38.0)
    parts = [
        *(_shade(frame, span) for span in chart.spans),
        *_unmeasured(frame, chart),
        *_value_axis(frame, ticks, chart.unit),
        *(_baseline(frame, chart.baseline) if chart.baseline else ()),
        *time_axis(frame, chart.start, chart.end, chart.zone),
        *(_trace(frame, trace) for trace in chart.traces),
        *_limits(frame, chart.limits),
        *_span_labels(frame, chart.spans),
        *_legend(chart),
    ]
    if not any(_measured_within(frame, trace) for trace in chart.traces):
        across, down = (frame.left + frame.right) / 2, (frame.top + frame.bottom) / 2
        parts.append(words(across, down, ABSENT, anchor="middle", fill=MUTED, size=13))
    return document(chart.id, chart.title, chart.description, chart.height, parts)


def document(ident: str, title: str, description: str, height: float, parts: Sequence[str]) -> str:
    """An SVG with a name and a description for those who do not see it."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
        f'aria-labelledby="{ident}-title {ident}-desc" font-family="{FONT}" font-size="11.5" fill="{INK}">'
    )
    names = f'<title id="{ident}-title">{_safe(title)}</title><desc id="{ident}-desc">{_safe(description)}</desc>'
    return head + names + words(2, 15, title, size=13.5, bold=True) + "".join(parts) + "</svg>"


def words(
    x: float, y: float, text: str, *, anchor: str = "start", fill: str = INK, size: float = 11.5, bold: bool = False
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return (
        f'<text x="{coordinate(x)}" y="{coordinate(y)}" text-anchor="{anchor}" fill="{fill}" font-size="{size:g}"'
        f"{weight}>{_safe(text)}</text>"
    )


def coordinate(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def runs(time: TimeArray, seconds: NDArray[np.int32], values: FloatArray) -> Iterator[slice]:
    """Stretches of measured, adjoining slots. A NaN, an absent row or an overlap ends a stretch."""
    measured = ~np.isnan(values)
    adjoining = np.zeros(len(time), dtype=bool)
    if len(time) > 1:
        adjoining[1:] = measured[1:] & measured[:-1] & (time[1:] == time[:-1] + seconds[:-1].astype(np.int64) * 1000)
    first = np.flatnonzero(measured & ~adjoining)
    for index, begin in enumerate(first):
        stop = first[index + 1] if index + 1 < len(first) else len(time)
        yield slice(int(begin), int(begin + np.argmin(np.append(measured[begin:stop], False))))


def time_axis(frame: Frame, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[str]:
    """Local time with the zone's abbreviation; both where the clocks change."""
    yield _line(frame.left, frame.bottom, frame.right, frame.bottom, MUTED, 1)
    for tick in time_ticks(start, end, zone):
        x = frame.x(epoch_ms(tick.at))
        yield _line(x, frame.bottom, x, frame.bottom + 4, MUTED, 1)
        yield words(x, frame.bottom + 16, tick.label, anchor="middle", fill=MUTED)
        if tick.day:
            yield words(x - 8, frame.bottom + 30, tick.day, fill=INK)
    zones = dict.fromkeys(zone_name(moment.astimezone(zone)) for moment in (start, end))
    yield words(2, frame.bottom + 30, "/".join(zones), fill=MUTED)


def _highest(chart: TimeChart) -> float:
    """The highest value that must be seen, with a little air above it."""
    start, end = epoch_ms(chart.start), epoch_ms(chart.end)
    tops = [limit.value for limit in chart.limits]
    for trace in chart.traces:
        seen = trace.values[(trace.time + trace.seconds.astype(np.int64) * 1000 > start) & (trace.time < end)]
        tops.extend([float(np.nanmax(seen))] if not np.all(np.isnan(seen)) else [])
    if chart.baseline is not None:
        upper = chart.baseline.upper[(chart.baseline.time >= start) & (chart.baseline.time < end)]
        tops.extend([float(np.nanmax(upper))] if not np.all(np.isnan(upper)) else [])
    return max((top for top in tops if np.isfinite(top)), default=0.0) * 1.06


def _measured_within(frame: Frame, trace: Trace) -> bool:
    inside = (trace.time + trace.seconds.astype(np.int64) * 1000 > frame.start) & (trace.time < frame.end)
    return bool(np.any(inside & ~np.isnan(trace.values)))


def _value_axis(frame: Frame, ticks: Sequence[float], unit: str) -> Iterator[str]:
    for tick in ticks:
        y = frame.y(tick)
        if tick:
            yield _line(frame.left, y, frame.right, y, GRID, 1)
        yield words(frame.left - 7, y + 4, quantity(tick, unit) if tick else "0", anchor="end", fill=MUTED)


def _trace(frame: Frame, trace: Trace) -> str:
    colour, dash = (BLUE, "") if trace.look == "first" else (ORANGE, ' stroke-dasharray="5 2"')
    path = _steps(frame, trace.time, trace.seconds, trace.values)
    if not path:
        return ""
    return f'<path class="trace" d="{path}" fill="none" stroke="{colour}" stroke-width="1.7"{dash}/>'


def _steps(frame: Frame, time: TimeArray, seconds: NDArray[np.int32], values: FloatArray) -> str:
    """One sub-path a run: level over each slot, upright between two."""
    ends = time + seconds.astype(np.int64) * 1000
    seen = (ends > frame.start) & (time < frame.end)
    time, seconds, values = time[seen], seconds[seen], values[seen]
    lefts, rights = frame.across(time), frame.across(ends[seen])
    heights = frame.down(values)
    path: list[str] = []
    for run in runs(time, seconds, values):
        path.append(f"M{lefts[run.start]} {heights[run.start]}H{rights[run.start]}")
        path.extend(f"V{heights[index]}H{rights[index]}" for index in range(run.start + 1, run.stop))
    return "".join(path)


def _baseline(frame: Frame, baseline: Baseline) -> Iterator[str]:
    """The band from centre to upper, the centre dashed."""
    seconds = np.full(len(baseline.time), baseline.seconds, dtype=np.int32)
    ends = baseline.time + baseline.seconds * 1000
    seen = (ends > frame.start) & (baseline.time < frame.end)
    time, ends, centre, upper = baseline.time[seen], ends[seen], baseline.centre[seen], baseline.upper[seen]
    for run in runs(time, seconds[seen], centre + upper):
        there = [(x, upper[i]) for i in range(run.start, run.stop) for x in (time[i], ends[i])]
        back = [(x, centre[i]) for i in reversed(range(run.start, run.stop)) for x in (ends[i], time[i])]
        points = " ".join(f"{coordinate(frame.x(x))},{coordinate(frame.y(y))}" for x, y in there + back)
        yield f'<polygon class="ordinary" points="{points}" fill="{BAND}" fill-opacity="0.8"/>'
    path = _steps(frame, time, seconds[seen], centre)
    if path:
        yield f'<path d="{path}" fill="none" stroke="{CENTRE}" stroke-width="1.2" stroke-dasharray="2 2"/>'


def hatching(ident: str) -> str:
    """The pattern of what is not known; `ident` is unique within the page."""
    return (
        f'<defs><pattern id="{ident}" width="6" height="6" patternUnits="userSpaceOnUse" '
        f'patternTransform="rotate(45)"><rect width="6" height="6" fill="{PALE}"/>'
        f'<rect width="1.4" height="6" fill="{MUTED}" fill-opacity="0.5"/></pattern></defs>'
    )


def _unmeasured(frame: Frame, chart: TimeChart) -> Iterator[str]:
    """Hatches the time in which no trace has a value."""
    stretches = sorted(
        (int(trace.time[run.start]), int(trace.time[run.stop - 1]) + int(trace.seconds[run.stop - 1]) * 1000)
        for trace in chart.traces
        for run in runs(trace.time, trace.seconds, trace.values)
    )
    yield hatching(f"{chart.id}-hatch")
    covered = frame.start
    for begin, end in [*stretches, (frame.end, frame.end)]:
        left, right = frame.x(covered), frame.x(begin)
        if begin > covered and right - left > 0.4:
            yield (
                f'<rect class="gap" x="{coordinate(left)}" y="{coordinate(frame.top)}" '
                f'width="{coordinate(right - left)}" height="{coordinate(frame.bottom - frame.top)}" '
                f'fill="url(#{chart.id}-hatch)"/>'
            )
        covered = max(covered, end)


def _shade(frame: Frame, span: Span) -> str:
    left, right = _edges(frame, span)
    light, dark = (SHADE, RED) if span.grave else (PALE, MUTED)
    return (
        f'<rect class="span" x="{coordinate(left)}" y="{coordinate(frame.top)}" width="{coordinate(right - left)}" '
        f'height="{coordinate(frame.bottom - frame.top)}" fill="{light}"/>'
        f'<rect x="{coordinate(left)}" y="{coordinate(frame.top)}" width="{coordinate(right - left)}" height="3.5" '
        f'fill="{dark}"/>'
    )


def _span_labels(frame: Frame, spans: Sequence[Span]) -> Iterator[str]:
    """Above each span, within the frame however close to an edge the span lies. One that has no room beside the same
    word of another span is left out: that one says it for both."""
    taken: list[tuple[str, float, float]] = []
    for span in spans:
        left, right = _edges(frame, span)
        half = text_width(span.label, 11.5) / 2
        middle = min(max((left + right) / 2, frame.left + half), frame.right - half)
        first, last = middle - half - LABEL_GAP, middle + half + LABEL_GAP
        if any(span.label == label and first < end and last > start for label, start, end in taken):
            continue
        taken.append((span.label, middle - half, middle + half))
        fill = RED if span.grave else MUTED
        yield words(middle, frame.top - 5, span.label, anchor="middle", fill=fill, bold=True)


def _edges(frame: Frame, span: Span) -> tuple[float, float]:
    left = frame.x(epoch_ms(span.start))
    right = frame.x(epoch_ms(span.end)) if span.end else frame.right
    return left, max(right, left + 1.5)


def _limits(frame: Frame, limits: Sequence[Limit]) -> Iterator[str]:
    for limit in limits:
        y = frame.y(limit.value)
        yield _line(frame.left, y, frame.right, y, RED, 1.3, "9 3 2 3")
        label = words(frame.left + 6, y - 4, limit.label, fill=RED)
        yield label.replace("<text ", '<text paint-order="stroke" stroke="#ffffff" stroke-width="3" ', 1)


def _legend(chart: TimeChart) -> Iterator[str]:
    """What each look means, from the left, in one line under the title."""
    looks: list[tuple[str, Callable[[float], str]]] = [(trace.label, _sample_of(trace)) for trace in chart.traces]
    if chart.baseline is not None:
        looks.append((chart.baseline.label, _band_sample))
    looks.append((ABSENT, lambda x: _hatch_sample(x, chart.id)))
    x = float(LEFT)
    for label, sample in looks:
        yield sample(x)
        yield words(x + 28, 33, label, fill=MUTED)
        x += 28 + text_width(label, 11.5) + 20


def _sample_of(trace: Trace) -> Callable[[float], str]:
    colour, dash = (BLUE, "") if trace.look == "first" else (ORANGE, "5 2")
    return lambda x: _line(x, 29, x + 22, 29, colour, 2, dash)


def _band_sample(x: float) -> str:
    band = f'<rect x="{coordinate(x)}" y="24" width="22" height="10" fill="{BAND}"/>'
    return band + _line(x, 34, x + 22, 34, CENTRE, 1.2, "2 2")


def _hatch_sample(x: float, ident: str) -> str:
    return f'<rect x="{coordinate(x)}" y="24" width="22" height="10" fill="url(#{ident}-hatch)"/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return (
        f'<line x1="{coordinate(x1)}" y1="{coordinate(y1)}" x2="{coordinate(x2)}" y2="{coordinate(y2)}" '
        f'stroke="{colour}" stroke-width="{width:g}"{dashes}/>'
    )


def text_width(text: str, size: float) -> float:
    """About how wide a text is: Noto Sans takes 0.56 em a letter on average."""
    return len(text) * size * 0.56


def _safe(text: str) -> str:
    return escape(plain(text))
