"""The simulated orchestrator knows states and statistics as VCO hosts do, with their lateness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from service.simulator.faults import FaultKind
from service.simulator.fleet import draw_fleet
from service.simulator.vco import metrics
from service.simulator.vco.big_fleet import draw_big_fleet, draw_troubled_sites
from service.simulator.vco.events import events, filtered
from service.simulator.vco.metrics import edge_figures, fleet_figures, stacks_of
from service.simulator.vco.quality import GREEN, RED, VIDEO, VOICE, YELLOW, state_of
from service.simulator.vco.sheets import Sheets
from service.simulator.vco.states import status_rows
from service.simulator.vco.statistics import METRICS, TICK, Window, late_seed, readable_at
from service.simulator.vco.world import World, last_contact

NOON = 1_773_230_400.0
Worlds = Callable[..., World]


def status(of: World, place: Any, now: float) -> Mapping[str, Any]:
    """The row of the site's first link."""
    return status_rows(of, place.site, now)[0]


def aggregates(of: World, start: float, end: float, now: float) -> dict[str, Mapping[str, float]]:
    """All links' aggregates by our link id; those without a readable tick are left out."""
    window = Window(start, end, now)
    return {link: row for each in of.edges() for link, row in edge_figures(of, each, window, METRICS).items()}


def test_a_dead_link_becomes_unstable_and_then_disconnected(world: Worlds, place: Any) -> None:
    dead = world(FaultKind.LINE_DOWN)
    assert status(dead, place, NOON - 1)["linkState"] == "STABLE"
    assert status(dead, place, NOON + 80)["linkState"] == "UNSTABLE"
    assert status(dead, place, NOON + 130)["linkState"] == "DISCONNECTED"
    assert status(dead, place, NOON + 130)["edgeState"] == "CONNECTED"


def test_an_edge_without_contact_is_offline_and_all_its_links_disconnected(world: Worlds, place: Any) -> None:
    rows = status_rows(world(FaultKind.MANAGEMENT_LOST), place.site, NOON + 200)
    assert {row["edgeState"] for row in rows} == {"OFFLINE"}
    assert {row["linkState"] for row in rows} == {"DISCONNECTED"}
    heard = {row["edgeLastContact"] for row in rows}
    assert len(heard) == 1
    assert "2026-03-11T11:59:30" < heard.pop() <= "2026-03-11T12:00:00.000Z"


def test_two_missed_heartbeats_are_offline_and_95_seconds_of_silence_disconnected(world: Worlds, place: Any) -> None:
    lost = world(FaultKind.MANAGEMENT_LOST)
    heard = last_contact(lost, place.site, NOON + 300)

    def shown(silence: float) -> tuple[str, str]:
        row = status(lost, place, heard + silence)
        return row["edgeState"], row["linkState"]

    assert [shown(60), shown(61)] == [("CONNECTED", "STABLE"), ("OFFLINE", "STABLE")]
    assert [shown(95), shown(96)] == [("OFFLINE", "UNSTABLE"), ("OFFLINE", "DISCONNECTED")]


def test_an_event_is_in_the_interval_that_begins_with_it_and_not_in_the_one_that_ends_there(world: Worlds) -> None:
    cut = world(FaultKind.LINE_DOWN)
    # A link event travels with the heartbeat after it: eight seconds.
    assert [each["event"] for each in events(cut, [41, 42, 43], NOON + 8, NOON + 9, NOON + 60)] == ["LINK_DEAD"]
    assert events(cut, [41, 42, 43], NOON, NOON + 8, NOON + 60) == []


@pytest.mark.parametrize(
    ("traffic", "metric", "good", "fair"),
    [(VOICE, "latencyMsRx", 25, 65), (VOICE, "lossPctTx", 0.3, 1.0), (VIDEO, "jitterMsRx", 5, 10)],
)
def test_quality_is_scored_by_the_vendors_limits(traffic: str, metric: str, good: float, fair: float) -> None:
    scored = [state_of(traffic, metric, value) for value in (good, good + 0.01, fair, fair + 0.01)]
    assert scored == [GREEN, YELLOW, YELLOW, RED]


def test_a_spare_line_stands_by_and_that_is_its_mode(world: Worlds) -> None:
    site = next(each for each in draw_fleet(1).premises if any(line.cold for line in each.lines))
    first, second = (row for row in status_rows(world(), site, NOON) if row["linkState"] != "DISCONNECTED")
    names = ("linkMode", "linkBackupState", "linkState")
    assert [first[name] for name in names] == ["ACTIVE", "UNCONFIGURED", "STABLE"]
    assert [second[name] for name in names] == ["BACKUP", "STANDBY", "STANDBY"]


@pytest.mark.parametrize(
    ("op", "value", "chosen"),
    [
        ("is", "LINK_DEAD", ["LINK_DEAD"]),
        ("isNot", "LINK_DEAD", ["EDGE_UP"]),
        ("notIn", "EDGE_UP", ["LINK_DEAD"]),
        ("contains", "DEA", ["LINK_DEAD"]),
        ("notContains", "DEA", ["EDGE_UP"]),
        ("startsWith", "EDGE", ["EDGE_UP"]),
        ("endsWith", "UP", ["EDGE_UP"]),
    ],
)
def test_events_are_filtered_as_the_operator_says(op: str, value: str, chosen: list[str]) -> None:
    found = filtered([{"event": "LINK_DEAD"}, {"event": "EDGE_UP"}], [{"field": "event", "op": op, "values": [value]}])
    assert [each["event"] for each in found] == chosen


def test_a_retired_line_is_still_listed_as_disconnected(world: Worlds) -> None:
    site = next(each for each in draw_fleet(1).premises if any(link.id.endswith("wan3") for link in each.links))
    assert [row["linkState"] for row in status_rows(world(), site, NOON)][-1] == "DISCONNECTED"


def test_statistics_come_after_their_interval_and_within_ten_minutes_of_its_start() -> None:
    ticks = np.arange(0, 500, dtype=np.int64) * TICK + int(NOON)
    delay = readable_at(late_seed("edge"), ticks) - ticks
    assert delay.min() > TICK
    assert delay.max() <= 600
    assert (delay > 500).any()


def test_a_link_without_a_readable_interval_is_not_listed(world: Worlds) -> None:
    assert aggregates(world(), NOON, NOON + TICK, NOON + TICK) == {}
    assert len(aggregates(world(), NOON, NOON + TICK, NOON + 600)) > 40


def test_a_link_that_was_dead_all_through_has_zeros(world: Worlds, place: Any) -> None:
    rows = aggregates(world(FaultKind.LINE_DOWN), NOON + TICK, NOON + 2 * TICK, NOON + 1200)
    row = rows[place.site.links[0].id]
    assert row["bytesRx"] == row["bestLatencyMsRx"] == row["bestLossPctRx"] == 0


def test_an_edge_without_contact_sends_no_statistics(world: Worlds, place: Any) -> None:
    rows = aggregates(world(FaultKind.MANAGEMENT_LOST), NOON + TICK, NOON + 2 * TICK, NOON + 1200)
    assert place.site.links[0].id not in rows
    assert place.other.links[0].id in rows


def test_the_series_and_the_aggregate_of_an_interval_agree(world: Worlds, place: Any) -> None:
    lossy = world(FaultKind.LOSS, strength=15.0)
    asked = Window(NOON, NOON + 1800, NOON + 3600)
    series = metrics.series(lossy, place.site, asked, ["bestLossPctRx", "bytesRx"])
    tick = {each["metric"]: each["data"][2] for each in series[0]["series"]}
    row = aggregates(lossy, NOON + 600, NOON + 900, NOON + 3600)[place.site.links[0].id]
    assert tick["bytesRx"] == row["bytesRx"]
    assert tick["bestLossPctRx"] == row["bestLossPctRx"] == pytest.approx(15, abs=3)


def test_the_classes_of_traffic_add_up_to_all_of_it(world: Worlds, place: Any) -> None:
    row = aggregates(world(), NOON, NOON + TICK, NOON + 600)[place.site.links[0].id]
    assert row["p1BytesRx"] + row["p2BytesRx"] + row["p3BytesRx"] + row["controlBytesRx"] == row["bytesRx"] > 0
    assert row["totalBytes"] == row["bytesRx"] + row["bytesTx"]


def test_a_series_shorter_than_a_quarter_of_an_hour_is_empty(world: Worlds, place: Any) -> None:
    assert metrics.series(world(), place.site, Window(NOON, NOON + 899, NOON + 3600), ["bytesRx"]) == []
    assert len(metrics.series(world(), place.site, Window(NOON, NOON + 900, NOON + 3600), ["bytesRx"])) == 2


def test_a_series_holds_1024_ticks_at_most(world: Worlds, place: Any) -> None:
    week = Window(NOON - 7 * 86_400, NOON, NOON + 3600)
    (main, *_) = metrics.series(world(), place.site, week, ["bytesRx"])
    assert len(main["series"][0]["data"]) == 1024
    assert main["series"][0]["startTime"] == (NOON - 7 * 86_400) * 1000


def test_sites_computed_together_have_the_numbers_that_each_has_alone() -> None:
    fleet = draw_big_fleet(5, 60, 150, "vco")
    troubled = World.of(fleet, draw_troubled_sites(5, fleet, NOON, 0.2))
    window = Window(NOON, NOON + 3600, NOON + 3500)
    together = fleet_figures(troubled, stacks_of(troubled.register), window, METRICS)
    alone = {
        link: row for each in fleet.premises for link, row in edge_figures(troubled, each, window, METRICS).items()
    }
    assert len(alone) > 140
    assert {link: [column[together.rows[link]] for column in together.columns] for link in alone} == {
        link: list(row.values()) for link, row in alone.items()
    }
    absent = [together.columns[0][place] for link, place in together.rows.items() if link not in alone]
    assert np.isnan(absent).all()


def test_json_that_was_kept_is_what_rendering_anew_gives() -> None:
    fleet = draw_big_fleet(6, 60, 150, "vco")
    troubled = World.of(fleet, draw_troubled_sites(6, fleet, NOON, 0.3))
    kept = Sheets(troubled.register)
    for later in range(0, 86_400, 12_345):
        now, parts = NOON + later, frozenset({"links", "site"})
        window = Window(now - 900, now - 600, now)
        anew = Sheets(troubled.register)
        assert kept.link_status(troubled, None, now) == anew.link_status(troubled, None, now)
        assert kept.edges(troubled, None, parts, now) == anew.edges(troubled, None, parts, now)
        assert kept.aggregates(troubled, None, window, METRICS) == anew.aggregates(troubled, None, window, METRICS)
