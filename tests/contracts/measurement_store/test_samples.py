"""What a store makes of the samples that are written to it: each once, the newest measurement standing."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from store_cases import HOUR, MORNING, NAN, ODD, Case, minutes, samples

from collector.model import Source
from config.clock import epoch_ms

pytestmark = pytest.mark.rim


async def test_a_written_sample_is_found_with_all_that_was_said_of_it(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 20.5, "rx_bps": 1e9})]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms", "rx_bps"], MORNING, MORNING + HOUR)
    assert (series.link, series.source) == ("wan1", Source.SNMP)
    assert series.time.tolist() == [epoch_ms(MORNING)]
    assert series.seconds.tolist() == [60]
    assert series.received_at.tolist() == [epoch_ms(MORNING) + 5000]
    assert series.column("rtt_ms").tolist() == [20.5]
    assert series.column("rx_bps").tolist() == [1e9]


async def test_writing_the_same_rows_again_changes_nothing(case: Case) -> None:
    batch = samples([("wan1", 0, {"rtt_ms": 20}), ("wan1", 1, {"rtt_ms": 21})])
    await case.write(batch, batch, batch)
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert minutes(series) == [0, 1]
    assert series.column("rtt_ms").tolist() == [20, 21]


async def test_a_later_row_replaces_only_what_it_measured(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 20, "loss_pct": 0})], received=5))
    await case.write(samples([("wan1", 0, {"rtt_ms": NAN, "loss_pct": 4, "jitter_ms": 2})], received=65))
    (series,) = await case.store.window(["wan1"], ["rtt_ms", "loss_pct", "jitter_ms"], MORNING, MORNING + HOUR)
    assert [series.column(name).tolist() for name in ("rtt_ms", "loss_pct", "jitter_ms")] == [[20], [4], [2]]
    assert series.received_at.tolist() == [epoch_ms(MORNING) + 65_000]


async def test_a_row_that_was_received_earlier_only_fills_what_the_later_one_lacks(case: Case) -> None:
    """Written last, but received first: a queue that was emptied in the wrong order."""
    await case.write(samples([("wan1", 0, {"rtt_ms": 30})], received=65))
    await case.write(samples([("wan1", 0, {"rtt_ms": 20, "loss_pct": 4})], received=5))
    (series,) = await case.store.window(["wan1"], ["rtt_ms", "loss_pct"], MORNING, MORNING + HOUR)
    assert [series.column(name).tolist() for name in ("rtt_ms", "loss_pct")] == [[30], [4]]
    assert series.received_at.tolist() == [epoch_ms(MORNING) + 65_000]


async def test_of_rows_received_at_the_same_moment_the_one_written_last_stands(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 20})]), samples([("wan1", 0, {"rtt_ms": 21})]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert series.column("rtt_ms").tolist() == [21]


async def test_three_rows_of_one_slot_give_each_field_its_newest_measurement(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 1, "loss_pct": 1, "jitter_ms": 1})], received=10))
    await case.write(samples([("wan1", 0, {"rtt_ms": 3})], received=30))
    await case.write(samples([("wan1", 0, {"rtt_ms": 2, "loss_pct": 2})], received=20))
    (series,) = await case.store.window(["wan1"], ["rtt_ms", "loss_pct", "jitter_ms"], MORNING, MORNING + HOUR)
    assert [series.column(name).tolist() for name in ("rtt_ms", "loss_pct", "jitter_ms")] == [[3], [2], [1]]
    assert series.received_at.tolist() == [epoch_ms(MORNING) + 30_000]


async def test_the_length_of_a_slot_is_what_the_row_received_last_says(case: Case) -> None:
    first, second = samples([("wan1", 0, {"rtt_ms": 1})], received=5), samples([("wan1", 0, {})], received=400)
    await case.write(first, dataclasses.replace(second, seconds=np.array([300], np.int32)))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert (series.seconds.tolist(), series.column("rtt_ms").tolist()) == ([300], [1])


async def test_rows_that_come_late_stand_in_the_order_of_their_time(case: Case) -> None:
    await case.write(samples([("wan1", 5, {"rtt_ms": 25})]), samples([("wan1", 2, {"rtt_ms": 22})], received=900))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert minutes(series) == [2, 5]


async def test_two_rows_of_one_slot_in_one_batch_are_one_row(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 20}), ("wan1", 0, {"loss_pct": 1})]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms", "loss_pct"], MORNING, MORNING + HOUR)
    assert series.column("rtt_ms").tolist() == [20]
    assert series.column("loss_pct").tolist() == [1]


async def test_a_gap_stays_a_gap(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 20}), ("wan1", 3, {"rtt_ms": 23})]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert minutes(series) == [0, 3]


async def test_what_was_not_measured_is_never_zero(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": NAN, "loss_pct": 100}), ("wan1", 1, {"rtt_ms": NAN})]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms", "loss_pct"], MORNING, MORNING + HOUR)
    assert np.isnan(series.column("rtt_ms")).all()
    np.testing.assert_array_equal(series.column("loss_pct"), [100, NAN])
    assert minutes(series) == [0, 1]


async def test_an_infinite_reading_is_not_measured(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": math.inf, "loss_pct": 1})]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms", "loss_pct"], MORNING, MORNING + HOUR)
    np.testing.assert_array_equal(series.column("rtt_ms"), [NAN])


async def test_an_infinite_reading_does_not_replace_a_measured_one(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 20})], received=5))
    await case.write(samples([("wan1", 0, {"rtt_ms": -math.inf})], received=65))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert series.column("rtt_ms").tolist() == [20]


async def test_a_row_without_any_measurement_is_a_row(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": NAN})]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert minutes(series) == [0]
    assert np.isnan(series.column("rtt_ms")).all()


@pytest.mark.parametrize("value", [0.1 + 0.2, 1e-300, 123_456_789_012.0, 1 / 3, -0.5, 5e-324, 1.7976931348623157e308])
async def test_a_value_comes_back_to_the_last_bit(case: Case, value: float) -> None:
    await case.write(samples([("wan1", 0, {"rssi_dbm": value})]))
    (series,) = await case.store.window(["wan1"], ["rssi_dbm"], MORNING, MORNING + HOUR)
    assert series.column("rssi_dbm").tolist() == [value]


async def test_samples_of_the_same_millisecond_apart_are_two(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 1}), ("wan1", 1 / 60_000, {"rtt_ms": 2})]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert series.time.tolist() == [epoch_ms(MORNING), epoch_ms(MORNING) + 1]


async def test_an_empty_batch_changes_nothing(case: Case) -> None:
    await case.write(samples([]), samples([("wan1", 0, {"rtt_ms": 1})]), samples([]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert minutes(series) == [0]


async def test_sources_never_blend(case: Case) -> None:
    await case.write(
        samples([("wan1", 0, {"rx_bps": 5})], Source.ORCHESTRATOR), samples([("wan1", 0, {"rx_bps": 7})], Source.SNMP)
    )
    found = await case.store.window(["wan1"], ["rx_bps"], MORNING, MORNING + HOUR)
    assert {series.source: series.column("rx_bps").tolist() for series in found} == {
        Source.SNMP: [7],
        Source.ORCHESTRATOR: [5],
    }


async def test_two_thousand_links_are_each_themselves(case: Case) -> None:
    links = [f"wan{n:04d}" for n in range(2000)]
    await case.write(samples([(link, n % 7, {"rtt_ms": n}) for n, link in enumerate(links)]))
    found = await case.store.window(links[::-1], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert [series.link for series in found] == links[::-1]
    assert [series.column("rtt_ms").tolist() for series in found] == [[n] for n in reversed(range(2000))]
    assert [minutes(series) for series in found] == [[n % 7] for n in reversed(range(2000))]


async def test_odd_link_names_are_themselves(case: Case) -> None:
    await case.write(samples([(link, 0, {"rtt_ms": n}) for n, link in enumerate(ODD)]))
    found = await case.store.window(ODD, ["rtt_ms"], MORNING, MORNING + HOUR)
    assert [(series.link, series.column("rtt_ms").tolist()) for series in found] == [
        (link, [n]) for n, link in enumerate(ODD)
    ]
