"""What becomes of a dashboard's minutes and volumes: samples of our links, one a tick."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from collector.model import SampleBatch
from collector.orchestrator.meraki.calls import pieces
from collector.orchestrator.meraki.rows import LossSeries, UsageRow, UsageSlot
from collector.orchestrator.meraki.samples import batch, best_minutes, history_volumes, ticks_of, window_volumes
from config.clock import epoch_ms

START = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
END = START + timedelta(minutes=5)
NOW = START + timedelta(minutes=10)
NAN = math.nan


def series(
    loss: list[float],
    latency: list[float] | float = 20.0,
    *,
    target: str = "8.8.8.8",
    serial: str = "Q1",
    jitter: float = NAN,
    second: int = 31,
    first: datetime = START,
) -> LossSeries:
    """One value a minute from `first` on, at a second of the minute that the dashboard chooses."""
    n = len(loss)
    return LossSeries(
        serial=serial,
        uplink="wan1",
        target=target,
        time=np.array([epoch_ms(first + timedelta(minutes=i, seconds=second)) for i in range(n)], dtype=np.int64),
        loss=np.array(loss, dtype=np.float64),
        latency=np.array(latency if isinstance(latency, list) else [latency] * n, dtype=np.float64),
        jitter=np.full(n, jitter),
    )


def used(sent: float, received: float, serial: str | None = "Q1") -> UsageRow:
    return UsageRow(serial=serial, network="N_1", interface="wan1", sent=sent, received=received)


def samples(*measured: LossSeries, usage: list[UsageRow] | None = None, tick: int = 300) -> SampleBatch:
    figures = ticks_of(best_minutes([("dia", one) for one in measured], START, END), tick)
    volumes = window_volumes([("dia", row) for row in usage or []], START)
    return batch(figures, volumes, tick, NOW)


def only(found: SampleBatch) -> dict[str, float]:
    assert len(found) == 1
    return {name: float(column[0]) for name, column in found.fields.items() if not math.isnan(column[0])}


def test_a_tick_is_the_mean_of_its_minutes():
    found = samples(series([0, 0, 10, 0, 5], [20, 20, 40, 20, 25], jitter=2.0))
    assert only(found) == {"loss_pct": 3.0, "rtt_ms": 25.0, "jitter_ms": 2.0}
    assert found.time.tolist() == [epoch_ms(START)]
    assert found.seconds.tolist() == [300]
    assert found.received_at.tolist() == [epoch_ms(NOW)]


def test_two_way_figures_are_never_written_as_one_way():
    assert not {"latency_rx_ms", "latency_tx_ms", "loss_rx_pct", "loss_tx_pct"} & samples(series([0] * 5)).fields.keys()


def test_a_fault_of_one_target_is_not_the_lines():
    far = series([100] * 5, NAN, target="192.0.2.1")
    near = series([0.5] * 5, 18.0)
    assert only(samples(far, near)) == {"loss_pct": 0.5, "rtt_ms": 18.0}


def test_each_figure_is_the_least_of_all_targets_minute_by_minute():
    one = series([1, 0, 0, 0, 0], [10, 10, 10, 10, 10])
    other = series([0, 1, 0, 0, 0], [80, 80, 80, 80, 80], target="1.1.1.1")
    assert only(samples(one, other)) == {"loss_pct": 0.0, "rtt_ms": 10.0}


def test_a_line_that_loses_everything_to_every_target_is_all_loss():
    assert only(samples(series([100] * 5, NAN), series([100] * 5, NAN, target="1.1.1.1"))) == {"loss_pct": 100.0}


@pytest.mark.parametrize(("minutes", "speaks"), [(5, True), (3, True), (2, False), (1, False)])
def test_a_mean_of_no_more_than_half_of_the_minutes_does_not_speak_for_the_tick(minutes: int, speaks: bool):
    assert len(samples(series([0] * minutes))) == int(speaks)


def test_half_of_the_minutes_is_not_more_than_half():
    found = samples(series([0, 0, 0]), tick=120)
    assert found.time.tolist() == [epoch_ms(START)]


def test_each_figure_needs_minutes_of_its_own():
    assert only(samples(series([0, 50, 100, 100, 100], [20, 30, NAN, NAN, NAN]))) == {"loss_pct": 70.0}


def test_a_minute_that_is_told_twice_counts_once():
    again = series([4] * 3, second=59)
    assert only(samples(series([2] * 3, second=1), again)) == {"loss_pct": 2.0, "rtt_ms": 20.0}


def test_points_outside_of_the_window_are_left_out():
    early = series([100] * 5, first=START - timedelta(minutes=5))
    late = series([100] * 5, first=END, second=0)
    assert only(samples(early, series([0] * 5), late)) == {"loss_pct": 0.0, "rtt_ms": 20.0}


def test_a_tick_of_a_minute_keeps_the_minutes():
    found = samples(series([0, 1, 2, 3, 4]), tick=60)
    assert found.fields["loss_pct"].tolist() == [0, 1, 2, 3, 4]
    assert np.diff(found.time).tolist() == [60_000] * 4
    assert set(found.seconds.tolist()) == {60}


def test_sent_is_upload_and_received_is_download():
    # 3,750,000 bytes in 300 s are 100 kbit/s, ten times as many are 1 Mbit/s.
    found = only(samples(series([0] * 5), usage=[used(sent=3_750_000, received=37_500_000)]))
    assert (found["tx_bps"], found["rx_bps"]) == (100_000.0, 1_000_000.0)


def test_volumes_of_both_units_of_a_pair_are_added():
    found = only(samples(series([0] * 5), usage=[used(37_500, 75_000), used(37_500, 0, "Q9")]))
    assert (found["tx_bps"], found["rx_bps"]) == (2_000.0, 2_000.0)


def test_an_uplink_that_is_told_twice_counts_once():
    assert only(samples(series([0] * 5), usage=[used(37_500, 75_000)] * 2))["rx_bps"] == 2_000.0


def test_a_sum_with_an_unknown_part_is_unknown():
    found = only(samples(series([0] * 5), usage=[used(37_500, NAN), used(37_500, 75_000, "Q9")]))
    assert found["tx_bps"] == 2_000.0
    assert "rx_bps" not in found


@pytest.mark.parametrize(
    ("loss", "written"),
    [([0] * 5, True), ([99.0] * 5, True), ([100.0] * 5, False), ([NAN] * 5, False)],
)
def test_no_byte_is_a_measurement_only_where_an_answer_shows_the_line(loss: list[float], written: bool):
    found = samples(series(loss), usage=[used(0, 0)])
    assert [name in only(found) for name in ("rx_bps", "tx_bps")] == [written] * 2


def test_no_byte_from_a_silent_appliance_is_no_sample_at_all():
    assert len(samples(usage=[used(0, 0)])) == 0


def test_bytes_in_one_direction_are_believed_without_a_probe():
    assert only(samples(usage=[used(0, 75_000)])) == {"rx_bps": 2_000.0, "tx_bps": 0.0}


def test_nothing_measured_is_an_empty_batch():
    assert len(samples()) == 0
    assert len(samples(series([NAN] * 5, NAN))) == 0


def slot(minute: int, length: int, sent: float = 37_500, received: float = 75_000) -> UsageSlot:
    start = START + timedelta(minutes=minute)
    end = start + timedelta(minutes=length)
    return UsageSlot(start=start, end=end, interface="wan1", sent=sent, received=received)


def past(*slots: UsageSlot, tick: int = 300) -> dict[Any, Any]:
    return history_volumes([("dia", one) for one in slots], START, START + timedelta(minutes=10), tick)


def test_history_gives_each_tick_its_own_volume():
    found = past(slot(0, 5), slot(5, 5, sent=1, received=2), slot(10, 5), slot(-5, 5))
    assert found == {
        ("dia", epoch_ms(START)): (75_000, 37_500),
        ("dia", epoch_ms(START) + 300_000): (2, 1),
    }


def test_a_tick_in_parts_needs_all_of_them_each_once():
    minutes = [slot(minute, 1) for minute in range(5)]
    assert past(*minutes, minutes[0]) == {("dia", epoch_ms(START)): (375_000, 187_500)}
    assert past(*minutes[:4]) == {}


@pytest.mark.parametrize(("minutes", "lengths"), [(5, [5]), (10, [5, 5]), (7, [5, 2]), (1, [1]), (15, [5, 5, 5])])
def test_no_window_is_longer_than_the_dashboard_answers(minutes: int, lengths: list[int]):
    found = pieces(START, START + timedelta(minutes=minutes))
    assert [(end - start) // timedelta(minutes=1) for start, end in found] == lengths
    assert found[0][0] == START
    assert found[-1][1] == START + timedelta(minutes=minutes)
