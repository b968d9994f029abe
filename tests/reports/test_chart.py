"""What a chart draws: steps, gaps as gaps, the degraded span, the limit; never a value that was not measured."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from config.clock import epoch_ms
from reports.chart import Baseline, Limit, Span, TimeChart, Trace, time_chart
from reports.strip import StateSpan, StateStrip, StripRow, state_strip

START = datetime(2026, 3, 3, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
SVG = "{http://www.w3.org/2000/svg}"


def trace(values: list[float], minutes: list[int] | None = None) -> Trace:
    minutes = minutes or list(range(len(values)))
    time = np.asarray([epoch_ms(START) + minute * 60_000 for minute in minutes], dtype=np.int64)
    return Trace("probe", time, np.full(len(time), 60, dtype=np.int32), np.asarray(values, dtype=np.float64))


def chart(*traces: Trace, **parts: object) -> TimeChart:
    settings: dict[str, object] = {
        "id": "loss", "title": "Packet loss", "description": "What it shows.", "unit": "%", "start": START,
        "end": START + HOUR, "zone": ZoneInfo("UTC"), "traces": traces,
    }  # fmt: skip
    return TimeChart(**{**settings, **parts})  # type: ignore[arg-type]


def path_of(svg: str) -> str:
    found = re.search(r'class="trace" d="([^"]+)"', svg)
    return found.group(1) if found else ""


def test_a_gap_begins_a_new_stroke() -> None:
    nan = float("nan")
    assert path_of(time_chart(chart(trace([1, 1, 1, 1])))).count("M") == 1
    assert path_of(time_chart(chart(trace([1, 1, nan, 1])))).count("M") == 2
    assert path_of(time_chart(chart(trace([1, 1, 1], minutes=[0, 1, 3])))).count("M") == 2


def test_a_gap_is_hatched() -> None:
    whole = time_chart(chart(trace([1.0] * 60)))
    broken = time_chart(chart(trace([1.0] * 50, minutes=[*range(20), *range(30, 60)])))
    assert whole.count('class="gap"') == 0
    assert broken.count('class="gap"') == 1


def test_a_chart_without_samples_says_so_and_draws_nothing() -> None:
    for empty in (trace([]), trace([float("nan")] * 5)):
        svg = time_chart(chart(empty))
        assert path_of(svg) == ""
        assert ">not measured</text>" in svg
        assert "nan" not in svg.lower()


def test_a_sample_holds_for_its_slot() -> None:
    """640 units of plot for 60 minutes: the first minute reaches from 66 to 76.7; 10 of 20 % is half way up."""
    path = path_of(time_chart(chart(trace([10.0]), limits=(Limit(18.0, "limit"),))))
    assert path == "M66 122H76.7"


def test_the_degraded_span_the_baseline_and_the_limit_are_there_with_their_words() -> None:
    line = trace([1.0] * 60)
    svg = time_chart(
        chart(
            line,
            spans=(Span(START + HOUR / 2, None, "degraded"),),
            limits=(Limit(8.0, "threshold 8 %"),),
            baseline=Baseline(line.time, 60, line.values * 0.1, line.values * 0.3),
        )
    )
    span = re.search(r'class="span" x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', svg)
    assert span is not None
    assert (float(span.group(1)), float(span.group(2))) == (386.0, 320.0)
    assert 'class="ordinary"' in svg
    for words in ("degraded", "threshold 8 %", "ordinary at this hour"):
        assert f">{words}</text>" in svg


def test_the_same_word_of_neighbouring_spans_stands_once_where_there_is_no_room_for_two() -> None:
    def minutes(*spans: tuple[int, int]) -> list[Span]:
        return [Span(START + timedelta(minutes=a), START + timedelta(minutes=b), "degraded") for a, b in spans]

    def words_of(spans: list[Span]) -> int:
        return time_chart(chart(trace([1.0] * 60), spans=spans)).count(">degraded</text>")

    assert words_of(minutes((10, 12), (14, 16))) == 1
    assert words_of(minutes((10, 12), (40, 42))) == 2
    assert words_of(minutes((10, 12), (14, 15), (15, 17), (40, 42))) == 2
    assert words_of(minutes((0, 1), (58, 60))) == 2


def test_a_chart_is_the_same_each_time_and_reads_without_being_seen() -> None:
    first, second = (time_chart(chart(trace([1, 2, 3]))) for _ in range(2))
    assert first == second
    root = ElementTree.fromstring(first)
    assert root.get("role") == "img"
    assert [root.findtext(f"{SVG}{name}") for name in ("title", "desc")] == ["Packet loss", "What it shows."]


def test_hostile_words_stay_words() -> None:
    hostile = '<script>alert(1)</script>" onload="x\x00\x1b'
    svg = time_chart(chart(trace([1.0]), title=hostile, limits=(Limit(1.0, hostile),)))
    root = ElementTree.fromstring(svg)
    assert not root.findall(f".//{SVG}script")
    assert root.findtext(f"{SVG}title") == '<script>alert(1)</script>" onload="x��'


def test_no_style_attribute_and_nothing_from_outside() -> None:
    svg = time_chart(chart(trace([1.0])))
    assert "style=" not in svg
    assert "href" not in svg


def test_a_chart_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="ends before it starts"):
        time_chart(chart(trace([1.0]), end=START))


def test_unknown_is_a_state_of_its_own_and_what_no_span_covers_is_unknown() -> None:
    svg = state_strip(
        StateStrip(
            id="states",
            title="State",
            description="",
            start=START,
            end=START + HOUR,
            zone=ZoneInfo("UTC"),
            rows=[
                StripRow(
                    "wan1",
                    (
                        StateSpan(START, START + HOUR / 4, "up"),
                        StateSpan(START + HOUR / 4, START + HOUR / 2, "down"),
                    ),
                )
            ],
        )
    )
    ElementTree.fromstring(svg)
    bars = re.findall(r'class="(\w+)" x="([\d.]+)" y="\d+" width="([\d.]+)"[^>]*', svg)
    legend, row = bars[:3], bars[3:]
    assert [state for state, *_ in legend] == ["up", "down", "unknown"]
    assert row == [("unknown", "150", "556"), ("up", "150", "139"), ("down", "289", "139")]
