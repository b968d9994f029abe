"""Polls become columns once a second. Every expected figure is worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from collector.model import Source
from collector.snmp.harvest import NO_CLOCKS, Clocks, Harvest, Settled
from collector.snmp.interfaces import Column
from inventory.model import Link, LinkRole

COLUMNS = (Column.IF_OPER_STATUS, Column.IF_IN_ERRORS, Column.IF_HC_IN_OCTETS, Column.IF_HC_OUT_OCTETS)
SLOT = 1_772_530_200_000
UP, DOWN = 1, 2
DAY = 86_400.0


def link(name: str, **changes: Any) -> Link:
    return Link(**{"id": name, "site": "s", "device": "rtr", "interface": name} | changes)


@dataclass
class Fields:
    """Harvest rows and their fields."""

    settled: Settled

    def of(self, name: str) -> dict[str, float]:
        batch = self.settled.batch
        at = list(batch.links).index(name)
        return {field: float(column[at]) for field, column in batch.fields.items()}


def uptime_at(moment: float) -> Clocks:
    """An agent that has been up for a day at our moment 0."""
    return round((DAY + moment) * 100), -1, -1, -1


def poll(
    harvest: Harvest,
    moment: float,
    rows: Mapping[int, Sequence[int]],
    columns: Sequence[Column] = COLUMNS,
    clocks: Clocks | None = None,
    every: int = 60,
) -> None:
    """One device's poll: the values of each of its rows."""
    for row, values in rows.items():
        assert harvest.put(harvest.cells(row, columns), list(values))
    harvest.polled(
        np.array(list(rows), dtype=np.intp), moment, clocks or uptime_at(moment), SLOT + int(moment) * 1000, every
    )


def settled(harvest: Harvest) -> Fields:
    found = harvest.settle(SLOT + 999)
    assert found is not None
    return Fields(found)


def harvest_of(*links: Link, columns: Sequence[Column] = COLUMNS) -> Harvest:
    harvest = Harvest(links)
    for row in range(len(links)):
        harvest.expect(row, columns)
    return harvest


def test_two_readings_give_rates_and_counts() -> None:
    harvest = harvest_of(link("wan"))
    poll(harvest, 0, {0: (UP, 3, 1_000, 50)})
    settled(harvest)
    poll(harvest, 60, {0: (DOWN, 10, 75_001_000, 7_500_050)})
    fields = settled(harvest).of("wan")
    assert (fields["rx_bps"], fields["tx_bps"]) == (10e6, 1e6)  # 75,000,000 and 7,500,000 octets in 60 s
    assert (fields["errors_rx"], fields["oper_up"]) == (7, 0)
    assert math.isnan(fields["errors_tx"])


def test_what_comes_into_a_port_towards_the_site_is_upload() -> None:
    harvest = harvest_of(link("lan", role=LinkRole.LAN), link("lte", role=LinkRole.SECONDARY))
    poll(harvest, 0, {0: (UP, 0, 0, 0), 1: (UP, 0, 0, 0)})
    settled(harvest)
    poll(harvest, 60, {0: (UP, 4, 7_500_000, 75_000_000), 1: (UP, 4, 75_000_000, 7_500_000)})
    found = settled(harvest)
    for name in ("lan", "lte"):
        assert (found.of(name)["rx_bps"], found.of(name)["tx_bps"]) == (10e6, 1e6)
    assert (found.of("lan")["errors_tx"], found.of("lte")["errors_rx"]) == (4, 4)


def test_the_first_reading_tells_the_state_and_no_rate() -> None:
    harvest = harvest_of(link("wan"))
    poll(harvest, 0, {0: (UP, 3, 1_000, 50)})
    fields = settled(harvest).of("wan")
    assert fields["oper_up"] == 1
    assert math.isnan(fields["rx_bps"])
    assert math.isnan(fields["errors_rx"])


def test_a_sample_has_its_link_its_slot_and_when_it_came() -> None:
    harvest = harvest_of(link("one"), link("two"), link("three"))
    poll(harvest, 0, {2: (UP, 0, 0, 0)}, every=30)
    poll(harvest, 7, {0: (UP, 0, 0, 0)})
    found = settled(harvest).settled
    assert found.rows.tolist() == [2, 0]
    batch = found.batch
    assert (batch.source, list(batch.links)) == (Source.SNMP, ["three", "one"])
    assert batch.time.tolist() == [SLOT, SLOT + 7_000]
    assert batch.seconds.tolist() == [30, 60]
    assert batch.received_at.tolist() == [SLOT + 999] * 2


def test_every_device_has_its_own_interval() -> None:
    harvest = harvest_of(link("a"), link("b"), link("c"))
    poll(harvest, 0, {0: (UP, 0, 0, 0), 1: (UP, 0, 0, 0)})
    poll(harvest, 5, {2: (UP, 0, 0, 0)})
    settled(harvest)
    poll(harvest, 65, {2: (UP, 0, 7_500_000, 0)})
    poll(harvest, 40, {0: (UP, 0, 7_500_000, 0), 1: (UP, 0, 15_000_000, 0)})
    found = settled(harvest)
    assert [found.of(name)["rx_bps"] for name in "abc"] == [1.5e6, 3e6, 1e6]  # in 40, 40 and 60 s


def test_a_device_that_is_polled_again_at_once_is_settled_in_between() -> None:
    harvest = harvest_of(link("wan"), link("other"))
    before = harvest.round
    poll(harvest, 0, {0: (UP, 0, 0, 0)})
    assert harvest.round == before
    settled(harvest)
    assert harvest.round == before + 1
    poll(harvest, 30, {0: (UP, 0, 3_750_000, 0)})
    assert settled(harvest).of("wan")["rx_bps"] == 1e6
    poll(harvest, 60, {0: (UP, 0, 7_500_000, 0)})
    assert settled(harvest).of("wan")["rx_bps"] == 1e6
    assert harvest.round == before + 3


def test_a_round_in_which_nobody_was_polled_is_none() -> None:
    harvest = harvest_of(link("wan"))
    assert harvest.settle(SLOT) is None
    assert harvest.round == 0


def test_a_device_without_links_has_no_samples_and_delays_nobody_elses() -> None:
    harvest = harvest_of(link("wan"))
    poll(harvest, 0, {})
    assert harvest.settle(SLOT) is None
    assert harvest.round == 1
    poll(harvest, 0, {})
    poll(harvest, 1, {0: (UP, 0, 0, 0)})
    assert settled(harvest).of("wan")["oper_up"] == 1


def test_a_link_of_which_nothing_is_known_has_no_sample() -> None:
    harvest = harvest_of(link("counted"), link("up"), columns=COLUMNS[2:])
    harvest.expect(1, COLUMNS)
    poll(harvest, 0, {0: (5, 5)}, COLUMNS[2:])
    poll(harvest, 0, {1: (UP, 0, 5, 5)})
    found = settled(harvest).settled
    assert (list(found.batch.links), found.rows.tolist()) == (["up"], [1])
    poll(harvest, 60, {0: (7_500_005, 5)}, COLUMNS[2:])
    assert settled(harvest).of("counted")["rx_bps"] == 1e6


def test_gauges_reach_their_links_and_nobody_elses() -> None:
    harvest = harvest_of(link("a"), link("b"), link("c"), link("d"))
    poll(harvest, 0, {3: (UP, 0, 0, 0)})
    harvest.put_gauge(2, "rsrp_dbm", -97.0)
    harvest.put_gauge(2, "sinr_db", 4.5)
    poll(harvest, 0, {2: (UP, 0, 0, 0), 1: (UP, 0, 0, 0)})
    harvest.put_gauge(0, "rsrp_dbm", -80.0)
    poll(harvest, 0, {0: (UP, 0, 0, 0)})
    found = settled(harvest)
    assert [found.of(name)["rsrp_dbm"] for name in "ac"] == [-80.0, -97.0]
    assert found.of("c")["sinr_db"] == 4.5
    assert all(math.isnan(found.of(name)["rsrp_dbm"]) for name in "bd")
    assert math.isnan(found.of("a")["sinr_db"])


def test_a_gauge_counts_for_its_own_poll_alone() -> None:
    harvest = harvest_of(link("a"))
    harvest.put_gauge(0, "rsrp_dbm", -97.0)
    poll(harvest, 0, {0: (UP, 0, 0, 0)})
    settled(harvest)
    poll(harvest, 60, {0: (UP, 0, 0, 0)})
    assert "rsrp_dbm" not in settled(harvest).of("a")


def test_a_link_with_a_gauge_alone_has_a_sample() -> None:
    harvest = harvest_of(link("lte"), columns=())
    harvest.put_gauge(0, "rsrp_dbm", -97.0)
    poll(harvest, 0, {0: ()}, ())
    assert settled(harvest).of("lte")["rsrp_dbm"] == -97.0


@pytest.mark.parametrize("wrong", [-1, 2**64, b"text"])
@pytest.mark.parametrize("at", [0, 3])
def test_of_a_datagram_with_what_is_no_count_nothing_is_kept(wrong: int | bytes, at: int) -> None:
    harvest = harvest_of(link("a"), link("b"))
    cells = harvest.cells(0, COLUMNS)
    numbers: list[Any] = [UP, 2, 3, 4]
    numbers[at] = wrong
    assert not harvest.put(cells, numbers)
    poll(harvest, 0, {1: (DOWN, 0, 0, 0)})
    assert settled(harvest).of("b")["oper_up"] == 0
    assert set(harvest.values(0).values()) == {0}


def test_a_counter_may_be_as_large_as_64_bits_are() -> None:
    harvest = harvest_of(link("wan"))
    poll(harvest, 0, {0: (UP, 0, 2**64 - 1_000, 0)})
    settled(harvest)
    assert harvest.values(0)[Column.IF_HC_IN_OCTETS] == 2**64 - 1_000
    poll(harvest, 60, {0: (UP, 0, 7_499_000, 0)})
    assert settled(harvest).of("wan")["rx_bps"] == 1e6  # over the wrap


def test_only_what_is_expected_of_a_row_is_its_reading() -> None:
    harvest = harvest_of(link("a"), link("b"))
    harvest.expect(0, COLUMNS[:2])
    poll(harvest, 0, {0: (UP, 7)}, COLUMNS[:2])
    settled(harvest)
    assert harvest.values(0) == {Column.IF_OPER_STATUS: UP, Column.IF_IN_ERRORS: 7}


def test_a_column_that_was_gained_or_lost_is_compared_with_nothing() -> None:
    harvest = harvest_of(link("wan"), columns=COLUMNS[:3])
    poll(harvest, 0, {0: (UP, 5, 1_000)}, COLUMNS[:3])
    settled(harvest)
    gained = (*COLUMNS[:1], *COLUMNS[2:])
    harvest.expect(0, gained)
    poll(harvest, 60, {0: (UP, 7_501_000, 7_500_000)}, gained)
    fields = settled(harvest).of("wan")
    assert fields["rx_bps"] == 1e6
    assert math.isnan(fields["tx_bps"])
    assert math.isnan(fields["errors_rx"])
    poll(harvest, 120, {0: (UP, 7_501_000, 15_000_000)}, gained)
    assert settled(harvest).of("wan")["tx_bps"] == 1e6


@pytest.mark.parametrize("rates", [{"committed_down_bps": 20e6, "committed_up_bps": 2e6}, {"committed_up_bps": 20e6}])
def test_a_line_may_be_faster_than_its_router_says(rates: dict[str, float]) -> None:
    """The router is configured with 1 Mbit/s; 10 Mbit/s are believed where the contract is of more."""
    columns = (Column.IF_HC_IN_OCTETS, Column.IF_HIGH_SPEED)
    harvest = harvest_of(link("contract", **rates), link("none"), columns=columns)
    poll(harvest, 0, {0: (0, 1), 1: (0, 1)}, columns)
    settled(harvest)
    poll(harvest, 60, {0: (75_000_000, 1), 1: (75_000_000, 1)}, columns)
    found = settled(harvest)
    assert found.of("contract")["rx_bps"] == 10e6
    assert math.isnan(found.of("none")["rx_bps"])


@pytest.mark.parametrize(("boots", "rate"), [(8, math.nan), (7, 1e6)])
def test_what_the_engines_clock_showed_before_tells_a_start_from_a_wrap(boots: int, rate: float) -> None:
    """sysUpTime wraps just then, 30 s before it would be 2^32; another boot of the engine says that it did not."""
    harvest = harvest_of(link("wan"), link("other"))
    poll(harvest, 0, {0: (UP, 0, 0, 0)}, clocks=(2**32 - 3_000, -1, -1, -1))
    poll(harvest, 0, {1: (UP, 0, 0, 0)})
    settled(harvest)
    harvest.recall(np.array([0]), (1, 7, 42_949_643, -1))
    now = (3_000, boots, 30 if boots == 8 else 42_949_703, -1)
    poll(harvest, 60, {0: (UP, 0, 7_500_000, 0)}, clocks=now)
    poll(harvest, 60, {1: (UP, 0, 7_500_000, 0)})
    found = settled(harvest)
    assert found.of("wan")["rx_bps"] == pytest.approx(rate, nan_ok=True)
    assert found.of("other")["rx_bps"] == 1e6


def test_an_agent_without_any_clock_is_measured_by_ours() -> None:
    harvest = harvest_of(link("wan"))
    poll(harvest, 0, {0: (UP, 0, 0, 0)}, clocks=NO_CLOCKS)
    settled(harvest)
    poll(harvest, 60, {0: (UP, 0, 7_500_000, 0)}, clocks=NO_CLOCKS)
    assert settled(harvest).of("wan")["rx_bps"] == 1e6
