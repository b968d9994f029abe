"""The state strip: when each line was up, down or not known. Unknown is a state of its own, never down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from collector.availability import LinkState
from config.clock import epoch_ms
from reports.chart import (
    INK,
    MUTED,
    RED,
    RIGHT,
    WIDTH,
    Frame,
    coordinate,
    document,
    hatching,
    text_width,
    time_axis,
    words,
)

_ROW = 24
_TOP = 46
_LABELS = 150
_UP = "#9cc3ae"
_PLANNED = "#d8cfe6"

State = Literal["up", "down", "unknown", "planned"]
"""`planned` is announced maintenance, which availability leaves out."""

STATE_NAMES: dict[LinkState, State] = {
    LinkState.UP: "up",
    LinkState.DOWN: "down",
    LinkState.UNKNOWN: "unknown",
}
_WORDS: dict[State, str] = {"up": "up", "down": "down", "unknown": "not known", "planned": "announced maintenance"}


@dataclass(frozen=True, slots=True)
class StateSpan:
    start: datetime
    end: datetime
    state: State


@dataclass(frozen=True, slots=True)
class StripRow:
    label: str
    spans: Sequence[StateSpan]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateStrip:
    """One row a line over [start, end). What no span covers is not known."""

    id: str
    title: str
    description: str
    start: datetime
    end: datetime
    zone: ZoneInfo
    rows: Sequence[StripRow]


def state_strip(strip: StateStrip) -> str:
    """The strip as an SVG document of 720 units width. Raises ValueError when it ends before it starts."""
    if strip.end <= strip.start:
        raise ValueError(f"the chart {strip.id} ends before it starts")
    bottom = _TOP + _ROW * len(strip.rows)
    frame = Frame(epoch_ms(strip.start), epoch_ms(strip.end), 1.0, _TOP, bottom, _LABELS, WIDTH - RIGHT)
    hatch = f"{strip.id}-hatch"
    parts = [hatching(hatch), *_legend(strip, hatch)]
    for index, row in enumerate(strip.rows):
        top = _TOP + index * _ROW
        parts.append(words(2, top + 15, _fitting(row.label), fill=INK))
        parts.append(_block(frame, StateSpan(strip.start, strip.end, "unknown"), top, hatch))
        parts.extend(_block(frame, span, top, hatch) for span in row.spans)
    parts.extend(time_axis(frame, strip.start, strip.end, strip.zone))
    return document(strip.id, strip.title, strip.description, bottom + 36, parts)


def _block(frame: Frame, span: StateSpan, top: float, hatch: str) -> str:
    """Down is drawn at least 1.5 units wide, so that a short one is not lost in a month."""
    left, right = frame.x(epoch_ms(span.start)), frame.x(epoch_ms(span.end))
    if right <= left:
        return ""
    width = max(right - left, 1.5) if span.state == "down" else right - left
    return _rect(left, top, width, span.state, hatch)


def _rect(x: float, top: float, width: float, state: State, hatch: str) -> str:
    fill = {"up": _UP, "down": RED, "unknown": f"url(#{hatch})", "planned": _PLANNED}[state]
    inset, height = (2, 18) if state == "down" else (4, 14)
    back = ""
    if state != "unknown":
        back = f'<rect x="{coordinate(x)}" y="{top + 3}" width="{coordinate(width)}" height="16" fill="#ffffff"/>'
    return back + (
        f'<rect class="{state}" x="{coordinate(x)}" y="{coordinate(top + inset)}" width="{coordinate(width)}" '
        f'height="{height}" fill="{fill}"/>'
    )


def _legend(strip: StateStrip, hatch: str) -> Iterator[str]:
    planned = any(span.state == "planned" for row in strip.rows for span in row.spans)
    states: tuple[State, ...] = ("up", "down", "unknown", *(("planned",) if planned else ()))
    x = float(_LABELS)
    for state in states:
        yield _rect(x, 19, 22, state, hatch)
        yield words(x + 28, 34, _WORDS[state], fill=MUTED)
        x += 28 + text_width(_WORDS[state], 11.5) + 20


def _fitting(label: str) -> str:
    most = int((_LABELS - 10) / (11.5 * 0.56))
    return label if len(label) <= most else label[: most - 1] + "…"
