"""What is stale and why, as the health endpoint says it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collector.health import CollectorHealth, SourceHealth, SourceState, polled_health

START = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)


def health(*, newest: float | None, now: float, outcomes: dict[str, str] | None = None) -> SourceHealth:
    """Of a source polled each minute since 14:00; times in minutes."""
    return polled_health(
        "snmp",
        every=60,
        newest=None if newest is None else START + timedelta(minutes=newest),
        outcomes=outcomes or {},
        started=START,
        now=START + timedelta(minutes=now),
    )


@pytest.mark.parametrize(
    ("newest", "now", "state"),
    [
        (None, 3, SourceState.STARTING),
        (None, 3.1, SourceState.STALE),
        (10, 13, SourceState.OK),
        (10, 13.1, SourceState.STALE),
        (-60, 1, SourceState.OK),
    ],
)
def test_a_source_is_stale_when_three_slots_are_missing(newest: float | None, now: float, state: SourceState) -> None:
    assert health(newest=newest, now=now).state is state


def test_staleness_says_since_when() -> None:
    assert health(newest=10, now=20).detail == "no sample since 2026-03-03T14:10:00Z"
    assert health(newest=None, now=20).detail == "no sample yet"


def test_a_silent_device_is_named_and_is_not_our_blindness() -> None:
    one = health(newest=10, now=11, outcomes={"a": "ok", "b": "timeout", "c": "auth"})
    assert one.state is SourceState.OK
    assert one.detail == "2 of 3 devices without a good poll: b (timeout), c (auth)"
    assert one.well


def test_when_every_device_is_silent_we_are_likelier_the_blind_ones() -> None:
    all_silent = health(newest=10, now=11, outcomes={"a": "timeout", "b": "timeout"})
    assert all_silent.state is SourceState.FAILING
    assert not all_silent.well


def test_many_silent_devices_are_counted_and_some_are_named() -> None:
    outcomes = {f"d{number:02}": "timeout" for number in range(20)} | {"good": "ok"}
    eight = dict(list(outcomes.items())[:8]) | {"good": "ok"}
    assert health(newest=10, now=11, outcomes=eight).detail.endswith("d07 (timeout)")
    detail = health(newest=10, now=11, outcomes=outcomes).detail
    assert detail.startswith("20 of 21 devices without a good poll: d00 (timeout)")
    assert detail.endswith("d07 (timeout), ...")


def test_the_document_says_ok_and_why_not() -> None:
    source = health(newest=10, now=20)
    sick = CollectorHealth(
        sources=(source,),
        journal_lag_seconds=0.12345,
        journal_detail="12.0 of 4096 MB",
        forwarder_detail="influx: 0 journal entries wait",
        store_detail="3 parts",
        problems=("snmp: no sample", "x"),
    )
    document = sick.document()
    assert (document["ok"], document["why"]) == (False, "snmp: no sample; x")
    assert document["sources"] == [
        {
            "name": "snmp",
            "state": "stale",
            "detail": "no sample since 2026-03-03T14:10:00Z",
            "newest": "2026-03-03T14:10:00Z",
        }
    ]
    assert document["journal_lag_seconds"] == 0.123
    assert (document["journal"], document["forwarder"]) == ("12.0 of 4096 MB", "influx: 0 journal entries wait")
