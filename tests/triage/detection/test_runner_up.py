"""Statements about the second-best cause: each pair that occurs, in a person's words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collector.model import Fact, FactKind, Source
from inventory.model import LinkRole
from triage.judge import judge
from triage.model import Cause, Measured


@pytest.fixture
def told(claim, picture, link, policy, now):
    """The cause, the runner-up and why it lost, on a claim of an hour ago."""

    def look(*serieses, asked=True, facts=(), device_facts=(), others=(), **changes):
        own = Measured(link(**changes), list(serieses), list(facts))
        verdict = judge(claim(60) if asked else None, picture(own, *others, device_facts=device_facts), policy, now)
        second = verdict.runner_up
        return verdict.cause, second.cause if second else None, second.why_not if second else ""

    return look


@pytest.fixture
def said(now):
    def make(kind, value, *minutes, subject="wan1", source=Source.ORCHESTRATOR):
        times = [now - timedelta(minutes=minute) for minute in minutes]
        return [Fact(at, subject, kind, value, source, at) for at in times]

    return make


@pytest.mark.parametrize(
    ("last", "cause"),
    [
        ({"loss_pct": [10.0] * 12}, Cause.LOSS),
        ({"rtt_ms": [80.0] * 12}, Cause.LATENCY),
        ({"jitter_ms": [30.0] * 12}, Cause.JITTER),
    ],
)
def test_a_slow_or_lossy_line_was_not_full(told, series, last, cause):
    # 10 of its 100 Mbit/s, and 89 at most.
    busy = series(last={**last, "rx_bps": [10e6] * 11 + [89e6]})
    assert told(busy) == (cause, Cause.SATURATION, "the line was filled to 89 % at most; it is full from 90 %")


def test_a_line_that_was_full_for_a_moment_was_not_slow_because_of_it(told, series):
    busy = series(last={"rtt_ms": [80.0] * 12, "rx_bps": [10e6] * 5 + [90e6] + [10e6] * 6})
    assert told(busy) == (
        Cause.LATENCY, Cause.SATURATION, "the line was full (90 %), but not for long enough or not because of it",
    )  # fmt: skip


@pytest.mark.parametrize("committed", [None, 0.0])
def test_a_full_line_cannot_be_ruled_out_where_nobody_knows_its_capacity(told, series, committed):
    slow = series(last={"rtt_ms": [80.0] * 12})
    assert told(slow, committed_down_bps=committed) == (
        Cause.LATENCY, Cause.SATURATION, "the line's capacity (download) is not known: a full line cannot be ruled out",
    )  # fmt: skip


def test_nor_where_nobody_measured_its_traffic(told, series):
    slow = series(fields={"rtt_ms": 20.0}, last={"rtt_ms": [80.0] * 12})
    assert told(slow)[2] == "nobody measured the traffic: a full line cannot be ruled out"


def test_one_direction_known_and_the_other_not(told, series):
    slow = series(fields={"rtt_ms": 20.0, "rx_bps": 10e6, "tx_bps": 5e6}, last={"rtt_ms": [80.0] * 12})
    assert told(slow, committed_up_bps=None)[2] == (
        "the line was filled to 10 % at most; it is full from 90 %; the line's capacity (upload) is not known"
    )


@pytest.mark.parametrize(
    ("worse", "second", "words"),
    [
        ({"rtt_ms": [90.0] * 12}, Cause.LATENCY, "round-trip time of 90.0 ms typically"),
        ({"loss_pct": [10.0] * 12}, Cause.LOSS, "packet loss of 10.0 % on average"),
        ({"jitter_ms": [30.0] * 12}, Cause.JITTER, "jitter of 30.0 ms typically"),
    ],
)
def test_what_a_full_line_does_follows_from_its_being_full(told, series, worse, second, words):
    full = series(last={**worse, "rx_bps": [95e6] * 12})
    assert told(full) == (
        Cause.SATURATION, second, f"{words} on wan1 is there while the line is full, and follows from that",
    )  # fmt: skip


def test_loss_within_a_flapping_line_follows_from_it(told, series):
    flapping = series(last={"flaps": [2.0] * 12, "loss_pct": [0.0, 30.0, 30.0, 0.0] * 3})
    cause, second, why = told(flapping)
    assert (cause, second) == (Cause.INSTABILITY, Cause.LOSS)
    assert "lossy line loses evenly" in why or "while the line goes up and down" in why


def test_a_line_that_its_orchestrator_calls_disconnected_while_data_pass(told, series, said):
    down = said(FactKind.LINK_STATE, "disconnected", 30, 20, 10)
    assert told(series(), asked=False, facts=down) == (
        Cause.MANAGEMENT_LOST, Cause.LINK_DOWN,
        "data passed all the while: line reported disconnected for at least 120 s, while active probe still saw data "
        "pass",
    )  # fmt: skip


def test_a_line_that_is_down_is_not_only_out_of_contact(told, series):
    dark = series(last={"loss_pct": [100.0] * 6, "rx_bps": [0.0] * 6})
    assert told(dark) == (
        Cause.LINK_DOWN, Cause.MANAGEMENT_LOST,
        "where only contact is lost somebody else still sees data pass, and nobody did",
    )  # fmt: skip


def test_a_device_that_started_again_within_an_outage_may_be_its_cause(told, series, said):
    dark = series(last={"loss_pct": [100.0] * 6 + [0.0] * 3})
    started = said(FactKind.REBOOT, "60", 17, subject="cpe-1", source=Source.SNMP)
    cause, second, why = told(dark, device_facts=started)
    assert (cause, second) == (Cause.LINK_DOWN, Cause.DEVICE)
    assert why == (
        "SNMP counters of the device: its uptime (sysUpTime) started again on wan1, within the outage: power or the "
        "device itself may have failed instead of the lines; have somebody on site look at both"
    )


@pytest.fixture
def second_line(series, link):
    def make(**last):
        backup = series("wan2", fields={"rx_bps": 1e5, "loss_pct": 0.0}, last=last)
        return Measured(link("wan2", LinkRole.SECONDARY, carrier="B", committed_down_bps=20e6), [backup])

    return make


def test_traffic_that_turned_up_on_the_lesser_line_is_failover_and_both_are_named(
    claim, picture, series, link, policy, now, second_line
):
    moved = Measured(link(), [series(fields={"rx_bps": 10e6, "loss_pct": 0.0}, last={"rx_bps": [1e5] * 12})])
    verdict = judge(claim(60), picture(moved, second_line(rx_bps=[10e6] * 12)), policy, now)
    assert (verdict.cause, verdict.link) == (Cause.FAILOVER, "wan1")
    assert verdict.findings[0].rule.endswith("; it turned up on wan2")
    assert verdict.reason.endswith("; it turned up on wan2")
    assert verdict.runner_up is not None
    assert (verdict.runner_up.cause, verdict.runner_up.why_not) == (
        Cause.LAN, "nothing is missing behind the lines: the traffic turned up on another one",
    )  # fmt: skip


def test_traffic_that_turned_up_nowhere_is_behind_the_lines(told, series, second_line):
    gone = series(fields={"rx_bps": 10e6, "loss_pct": 0.0}, last={"rx_bps": [1e5] * 12})
    assert told(gone, others=[second_line()]) == (
        Cause.LAN, Cause.FAILOVER, "none of the site's other lines carries what is missing on this one",
    )  # fmt: skip
    assert told(gone) == (Cause.LAN, None, "")


def test_a_first_line_that_is_down_is_named_and_not_the_failover(
    claim, picture, series, link, policy, now, second_line
):
    down = Measured(link(), [series(last={"loss_pct": [100.0] * 12, "rx_bps": [0.0] * 12})])
    verdict = judge(claim(60), picture(down, second_line(rx_bps=[10e6] * 12)), policy, now)
    assert (verdict.cause, verdict.link) == (Cause.LINK_DOWN, "wan1")


def test_the_lesser_line_that_a_failover_fills_is_not_the_trouble(claim, picture, series, link, policy, now):
    moved = Measured(link(), [series(fields={"rx_bps": 30e6, "loss_pct": 0.0}, last={"rx_bps": [1e5] * 12})])
    full = series("wan2", fields={"rx_bps": 1e5, "rtt_ms": 30.0}, last={"rx_bps": [19e6] * 12, "rtt_ms": [300.0] * 12})
    backup = Measured(link("wan2", LinkRole.SECONDARY, carrier="B", committed_down_bps=20e6), [full])
    verdict = judge(claim(60), picture(moved, backup), policy, now)
    assert (verdict.cause, verdict.link) == (Cause.FAILOVER, "wan1")
    assert verdict.runner_up is not None
    assert verdict.runner_up.cause is Cause.SATURATION
    assert verdict.runner_up.why_not.endswith(
        "follows from running on the slower line on wan1, whose traffic moves there"
    )
