"""Statements about full lines: 90 % of what was committed, else of what was measured; what nobody knows is unknown."""

from __future__ import annotations

import pytest

from collector.model import Source
from triage.judge import judge
from triage.model import Cause, Direction, Measured, VerdictKind

SLOW = {"rtt_ms": [90.0] * 12}


@pytest.fixture
def verdict(claim, picture, series, link, policy, now):
    """On a claim of an hour ago: rates and capacities of that hour, on a line that was slow then unless told."""

    def look(committed=(100e6, 100e6), last=SLOW, source=Source.PROBE, **rates):
        fields = {"rtt_ms": 20.0, **{name: 1e6 for name in rates if "capacity" not in name}}
        seen = series(
            fields=fields, last={**last, **{name: [value] * 12 for name, value in rates.items()}}, source=source
        )
        line = link(committed_down_bps=committed[0], committed_up_bps=committed[1])
        return judge(claim(60), picture(Measured(line, [seen])), policy, now)

    return look


@pytest.mark.parametrize(
    ("rate", "cause"), [(89.9e6, Cause.LATENCY), (90e6, Cause.SATURATION), (91e6, Cause.SATURATION)]
)
def test_of_the_committed_rate(verdict, rate, cause):
    assert verdict(rx_bps=rate).cause is cause


@pytest.mark.parametrize(("rate", "cause"), [(44.9e6, Cause.LATENCY), (45e6, Cause.SATURATION)])
@pytest.mark.parametrize("committed", [None, 0.0])
def test_of_the_measured_capacity_where_nothing_was_committed(verdict, rate, cause, committed):
    full = verdict((committed, None), rx_bps=rate, rx_capacity_bps=50e6)
    assert full.cause is cause
    assert cause is Cause.LATENCY or full.findings[0].rule == (
        "median download rate at or over 90 % of the capacity that was measured"
    )


@pytest.mark.parametrize("capacity", [0.0, float("nan")])
def test_a_capacity_of_zero_is_unknown_and_neither_full_nor_well(verdict, capacity):
    # bpsOfBestPath is a speed test of when the edge started: zero where there was none.
    slow = verdict((None, None), rx_bps=95e6, rx_capacity_bps=capacity)
    assert slow.cause is Cause.LATENCY
    ordinary = verdict((None, None), last={}, rx_bps=95e6, rx_capacity_bps=capacity)
    assert ordinary.verdict is VerdictKind.NOT_SUBSTANTIATED
    assert ordinary.reason.endswith(
        "; whether its own traffic fills the line (download) is not known, as its capacity is not"
    )


def test_where_the_capacity_is_known_nothing_is_said_of_it(verdict):
    assert "capacity" not in verdict(last={}, rx_bps=50e6).reason
    assert "(upload)" in verdict((100e6, None), last={}, rx_bps=50e6, tx_bps=1e6).reason


@pytest.mark.parametrize("unknown", [None, 0.0])
def test_each_direction_is_judged_by_itself(verdict, unknown):
    upload = verdict((unknown, 20e6), rx_bps=95e6, tx_bps=18e6, rx_capacity_bps=0.0)
    assert (upload.cause, upload.direction) == (Cause.SATURATION, Direction.UPLOAD)
    download = verdict((100e6, unknown), rx_bps=95e6, tx_bps=18e6)
    assert (download.cause, download.direction) == (Cause.SATURATION, Direction.DOWNLOAD)
    assert verdict((unknown, 20e6), rx_bps=95e6, tx_bps=17e6).cause is Cause.LATENCY


@pytest.mark.parametrize(
    ("measured", "said"),
    [
        # 95 Mbit/s are 90 % of up to 105.6.
        (105e6, "committed rate"),
        (106e6, "committed rate; of the 106 Mbit/s that were measured it would not be"),
        (0.0, "committed rate"),
    ],
)
def test_which_capacity_was_used_is_said_and_whether_the_other_tells_otherwise(verdict, measured, said):
    full = verdict(rx_bps=95e6, rx_capacity_bps=measured)
    assert full.cause is Cause.SATURATION
    assert full.findings[0].rule == f"median download rate at or over 90 % of the {said}"


def test_a_line_that_is_full_only_by_what_was_measured_is_not_called_full(verdict):
    # 40 of the committed 100 Mbit/s; by a speed test of 42 it would be full.
    slow = verdict(rx_bps=40e6, rx_capacity_bps=42e6)
    assert slow.cause is Cause.LATENCY
    assert slow.runner_up is not None
    assert slow.runner_up.why_not == (
        "the line was filled to 40 % at most; it is full from 90 %; "
        "of the 42 Mbit/s that were measured when its edge started it was full"
    )
