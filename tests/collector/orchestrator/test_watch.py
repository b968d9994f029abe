"""The orchestrator's watch against a scripted host over real HTTP, into a real journal and store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs
from watched import (
    AGGREGATE_EVENTS,
    EVENTS,
    GATEWAYS,
    HOUR,
    METRICS,
    SERIES,
    START,
    STATUS,
    StoreSink,
    facts_in,
    failing,
    figures,
)

from collector.health import SourceState
from collector.model import FactKind
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.adapter import VeloCloud
from collector.orchestrator.watch import OrchestratorWatch
from collector.settings import OrchestratorSettings
from collector.store.embedded import EmbeddedStore
from config.clock import ManualClock
from inventory.model import Device, DeviceRole, Inventory, Link, OrchestratorIdentity, Site

pytestmark = pytest.mark.rim


EDGE_AND_LINK_STATES = (FactKind.EDGE_STATE, FactKind.LINK_STATE)


def windows_asked(host: Any) -> list[tuple[int, int]]:
    """Minutes from START's hour of each statistics window, in the order asked."""
    asked = [call.body["interval"] for call in host.called(METRICS)]
    return [((each["start"] - HOUR) // 60000, (each["end"] - HOUR) // 60000) for each in asked]


async def test_states_are_written_when_they_change_and_before_they_stop_holding(
    host: Any, watch: OrchestratorWatch, store: EmbeddedStore, clock: ManualClock, fleet: list[Any]
) -> None:
    host.replies[STATUS] = [fleet]
    for minute in range(9):
        clock.move_to(START + timedelta(minutes=minute))
        await watch.read_states()
    told = await facts_in(store, *EDGE_AND_LINK_STATES)
    for subject in ("edge-117", "edge-118", "store-117-dia", "store-117-lte", "store-118-cable"):
        minutes = [(fact.time - START) // timedelta(minutes=1) for fact in told if fact.subject == subject]
        # The first repeat comes when it is this subject's turn, each further one before five minutes are over.
        assert minutes[0] == 0
        assert 1 <= minutes[1] <= 4
        assert minutes[2:] == list(range(minutes[1] + 4, 9, 4))
    fleet[0]["linkState"] = "DISCONNECTED"
    clock.move_to(START + timedelta(minutes=9))
    await watch.read_states()
    newest = [fact for fact in await facts_in(store, *EDGE_AND_LINK_STATES) if fact.time == clock.now()]
    assert [(fact.subject, fact.value) for fact in newest] == [("store-117-dia", "disconnected")]


async def test_what_the_host_leaves_out_is_told_as_unknown(
    host: Any, watch: OrchestratorWatch, store: EmbeddedStore, clock: ManualClock, fleet: list[Any]
) -> None:
    host.replies[STATUS] = [fleet, fleet[:2]]
    await watch.read_states()
    clock.move_to(START + timedelta(minutes=1))
    await watch.read_states()
    newest = [fact for fact in await facts_in(store, *EDGE_AND_LINK_STATES) if fact.time == clock.now()]
    assert {(fact.subject, fact.kind, fact.value) for fact in newest} == {
        ("edge-118", FactKind.EDGE_STATE, "unknown"),
        ("store-118-cable", FactKind.LINK_STATE, "unknown"),
    }


async def test_each_window_is_asked_for_when_due_and_once_again_after_half_an_hour(
    host: Any, watch: OrchestratorWatch, clock: ManualClock, fleet: list[Any]
) -> None:
    host.replies[METRICS] = [[figures(fleet[0])]]
    await watch.read_statistics()
    host.calls.clear()
    for minutes in range(10, 61, 10):
        clock.move_to(START + timedelta(minutes=minutes))
        await watch.read_statistics()
    # At 14:03 the windows up to 13:50 were read; at 14:13 those that ended by 14:03, and again those by 13:43.
    asked = windows_asked(host)
    first = [(start, start + 5) for start in range(-10, 50, 5)]
    assert sorted(set(asked)) == sorted({*first, *((start, start + 5) for start in range(-30, 30, 5))})
    assert all(asked.count(window) == 2 for window in first if window[1] <= 30)
    assert all(asked.count(window) == 1 for window in first if window[1] > 33)


async def test_late_statistics_complete_a_window_at_its_second_reading(
    host: Any, watch: OrchestratorWatch, store: EmbeddedStore, clock: ManualClock, fleet: list[Any]
) -> None:
    host.replies[METRICS] = [[figures(fleet[0])]]
    await watch.read_statistics()
    clock.move_to(START + timedelta(minutes=10))
    await watch.read_statistics()
    host.replies[METRICS] = [[figures(fleet[0]), figures(fleet[2])]]
    clock.move_to(START + timedelta(minutes=40))
    await watch.read_statistics()
    window = datetime(2026, 3, 3, 13, 55, tzinfo=UTC)
    series = await store.window(["store-117-dia", "store-118-cable"], ["rx_bps"], window, window + timedelta(minutes=5))
    assert {(one.link, len(one), one.column("rx_bps")[0]) for one in series} == {
        ("store-117-dia", 1, 100_000.0),
        ("store-118-cable", 1, 100_000.0),
    }


async def test_a_failed_window_is_asked_for_again_and_none_is_skipped(
    host: Any, watch: OrchestratorWatch, clock: ManualClock, fleet: list[Any]
) -> None:
    good = [figures(fleet[0])]
    host.replies[METRICS] = [good]
    await watch.read_statistics()
    host.calls.clear()
    clock.move_to(START + timedelta(minutes=7))
    host.replies[METRICS] = [failing, good]
    assert not await watch.read_statistics()
    assert await watch.read_statistics()
    assert windows_asked(host)[:2] == [(-10, -5), (-10, -5)]


async def test_the_past_is_read_device_by_device_at_first_contact_and_not_again_after_a_restart(
    host: Any,
    watch: OrchestratorWatch,
    store: EmbeddedStore,
    clock: ManualClock,
    settings: OrchestratorSettings,
    inventory: Inventory,
    fleet: list[Any],
) -> None:
    def three_days(_request: object, body: dict[str, Any]) -> web.Response:
        start, end = body["interval"]["start"], body["interval"]["end"]
        row = fleet[0] if body["edgeId"] == 702 else fleet[2]
        data = [1_000_000] * ((end - start) // 300_000)
        series = [{"metric": name, "startTime": start, "tickInterval": 300_000, "data": data} for name in ("bytesRx",)]
        return web.json_response([{"edgeId": body["edgeId"], "linkId": row["linkId"], "series": series, "link": row}])

    host.replies = {METRICS: [[figures(fleet[0]), figures(fleet[2])]], SERIES: [three_days]}
    await watch.read_statistics()
    while watch.past.left():
        assert await watch.past.fill_one()
    (dia,) = await store.window(["store-117-dia"], ["rx_bps"], START - timedelta(days=4), START)
    assert len(dia) == 3 * 288
    assert len(host.called(SERIES)) == 2

    clock.move_to(START + timedelta(minutes=20))
    vco = VeloCloud("vco1", settings, inventory, clock, Quota(1_000_000))
    restarted = OrchestratorWatch(vco, settings, inventory, clock, StoreSink(store), store)
    host.calls.clear()
    await restarted.read_statistics()
    while restarted.past.left():
        assert await restarted.past.fill_one()
    assert not host.called(SERIES)
    assert (-10, -5) in windows_asked(host)

    clock.move_to(START + timedelta(hours=5))
    later = OrchestratorWatch(vco, settings, inventory, clock, StoreSink(store), store)
    host.calls.clear()
    await later.read_statistics()
    while later.past.left():
        assert await later.past.fill_one()
    await vco.close()
    # Stored is up to 14:10; at 19:03 all that ended by 18:53 is due, and its last hour is caught up by other calls.
    asked = {(call.body["edgeId"], *call.body["interval"].values()) for call in host.called(SERIES)}
    assert asked == {(edge, HOUR + 10 * 60_000, HOUR + 290 * 60_000) for edge in (702, 703)}


async def test_a_past_that_was_half_read_when_the_collector_died_is_read_on(
    host: Any, watch: OrchestratorWatch, store: EmbeddedStore, clock: ManualClock, fleet: list[Any]
) -> None:
    host.replies = {METRICS: [[figures(fleet[0]), figures(fleet[2])]], SERIES: [[]]}
    await watch.read_statistics()
    clock.move_to(START + timedelta(minutes=20))
    await watch.read_statistics()
    assert watch.past.left() == 2
    assert await watch.past.fill_one()
    (call,) = host.called(SERIES)
    assert call.body["interval"]["start"] == HOUR - 10 * 60_000 - 3 * 86_400_000


async def test_history_that_fails_for_now_is_tried_again_and_what_fails_for_good_is_not(
    host: Any, watch: OrchestratorWatch, fleet: list[Any]
) -> None:
    invalid = web.json_response({"error": {"code": -32600, "message": "invalid edgeId"}}, status=400)
    host.replies = {METRICS: [[figures(fleet[0])]], SERIES: [failing, lambda *_: invalid, []]}
    await watch.read_statistics()
    assert [await watch.past.fill_one() for _ in range(3)] == [False, False, True]
    assert not watch.past.left()


async def test_events_are_told_once_though_they_are_asked_for_with_overlap(
    host: Any, watch: OrchestratorWatch, store: EmbeddedStore, clock: ManualClock, fleet: list[Any]
) -> None:
    event = {
        "eventTime": "2026-03-03T14:02:07.000Z", "event": "LINK_DEAD", "message": "Link GE1 is now DEAD",
        "edgeName": "ACME-0117",
    }  # fmt: skip
    host.replies = {STATUS: [fleet], EVENTS: [{"metaData": {"more": False}, "data": [event]}]}
    await watch.read_events()
    before = store.journal.position()
    clock.move_to(START + timedelta(minutes=5))
    await watch.read_events()
    assert store.journal.position() == before
    (fact,) = await facts_in(store, FactKind.EVENT)
    assert (fact.subject, fact.value) == ("store-117-dia", "LINK_DEAD")
    first, second = (call.body["interval"] for call in host.called(EVENTS))
    assert second["start"] <= first["end"]


async def test_a_hiccup_is_no_blindness_but_a_second_failure_is_and_recovery_is_told(
    host: Any, watch: OrchestratorWatch, store: EmbeddedStore, clock: ManualClock, fleet: list[Any]
) -> None:
    host.replies = {STATUS: [fleet, failing, fleet, failing, failing, fleet], METRICS: [[figures(fleet[0])]]}
    await watch.read_statistics()
    states = []
    for minute in range(6):
        clock.move_to(START + timedelta(minutes=minute))
        await watch.read_states()
        states.append(watch.health().state.value)
    assert states == ["ok", "ok", "ok", "ok", "failing", "ok"]
    told = [(fact.subject, fact.value) for fact in await facts_in(store, FactKind.SOURCE_STATE)]
    assert told == [("vco1", "ok"), ("vco1", "failing"), ("vco1", "ok")]


async def test_a_refused_token_is_failing_at_once_and_says_why(host: Any, watch: OrchestratorWatch) -> None:
    host.replies[STATUS] = [lambda *_: web.Response(status=401)]
    assert not await watch.read_states()
    health = watch.health()
    assert health.state is SourceState.FAILING
    assert "check token or password" in health.detail


async def test_states_go_on_while_statistics_hang_and_cancelling_ends_everything(
    host: Any, settings: OrchestratorSettings, inventory: Inventory, store: EmbeddedStore, fleet: list[Any]
) -> None:
    from config.clock import SystemClock

    async def hanging(*_: object) -> web.Response:
        await asyncio.sleep(3)
        return web.json_response([])

    host.replies = {STATUS: [fleet], METRICS: [hanging], EVENTS: [{"metaData": {"more": False}, "data": []}]}
    quick = settings.model_copy(update={"states_every": 1, "statistics_every": 60, "tick": 60})
    vco = VeloCloud("vco1", quick, inventory, SystemClock(), Quota(1_000_000))
    watch = OrchestratorWatch(vco, quick, inventory, SystemClock(), StoreSink(store), store)
    running = asyncio.create_task(watch.run())
    await asyncio.sleep(2.5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert len(host.called(STATUS)) >= 3
    assert len(host.called(METRICS)) == 1


async def test_gateways_and_controllers_are_told_beside_the_events(
    host: Any, watch: OrchestratorWatch, store: EmbeddedStore, fleet: list[Any]
) -> None:
    gateway = {"id": 3, "name": "vcg-ex-1", "gatewayState": "CONNECTED", "serviceState": "IN_SERVICE"}
    host.replies = {STATUS: [fleet], EVENTS: [{"metaData": {"more": False}, "data": []}], GATEWAYS: [[gateway]]}
    assert await watch.read_events_and_parts()
    parts = await store.facts(
        ("vco1/vcg-ex-1",), START - timedelta(days=1), START + timedelta(days=1), (FactKind.PART_STATE,)
    )
    assert [part.value for part in parts] == ["ok"]


async def test_gateways_that_cannot_be_read_are_told_once_and_cost_nothing_else(
    host: Any, watch: OrchestratorWatch, clock: ManualClock, fleet: list[Any]
) -> None:
    host.replies = {
        STATUS: [fleet],
        METRICS: [[figures(fleet[0])]],
        EVENTS: [{"metaData": {"more": False}, "data": []}],
        GATEWAYS: [failing],
    }
    await watch.read_states()
    await watch.read_statistics()
    with capture_logs() as logs:
        for minutes in (0, 5, 10):
            clock.move_to(START + timedelta(minutes=minutes))
            assert await watch.read_events_and_parts()
    assert len(host.called(EVENTS)) == len(host.called(GATEWAYS)) == 3
    assert [each["event"] for each in logs if each["log_level"] == "warning"] == ["orchestrator_failing"]
    await watch.read_states()
    health = watch.health()
    assert health.state is SourceState.OK
    assert health.detail.startswith("gateways and controllers: ")


async def test_a_device_without_a_line_has_no_past_to_be_asked_for(watch: OrchestratorWatch) -> None:
    watch._devices["edge-118"].clear()
    watch.past.add((START - timedelta(hours=1), START))
    assert watch.past.left() == 1


async def test_gaps_of_a_host_that_comes_and_goes_do_not_pile_up(host: Any, watch: OrchestratorWatch) -> None:
    host.replies[SERIES] = [[]]
    for hours in range(9, 0, -3):
        watch.past.add((START - timedelta(hours=hours), START - timedelta(hours=hours - 1)))
    assert watch.past.left() == 2
    assert await watch.past.fill_one()
    (call,) = host.called(SERIES)
    # From 05:00 to 12:00, the ticks in which all of them lie.
    assert list(call.body["interval"].values()) == [HOUR - 9 * 3_600_000, HOUR - 2 * 3_600_000]


@pytest.fixture
async def big(
    settings: OrchestratorSettings, clock: ManualClock, store: EmbeddedStore, quota: Quota
) -> AsyncIterator[OrchestratorWatch]:
    """A watch of 60 edges of three customers, each with a line."""
    names = [str(number) for number in range(60)]
    inventory = Inventory.of(
        sites=[Site(id=f"site-{name}", client="acme") for name in names],
        devices=[
            Device(
                id=f"edge-{name}",
                site=f"site-{name}",
                role=DeviceRole.SDWAN_EDGE,
                orchestrator=OrchestratorIdentity(name="vco1", enterprise_id=str(int(name) % 3 + 1), edge_id=name),
            )
            for name in names
        ],
        links=[Link(id=f"line-{name}", site=f"site-{name}", device=f"edge-{name}", interface="GE1") for name in names],
    )
    vco = VeloCloud("vco1", settings, inventory, clock, quota)
    yield OrchestratorWatch(vco, settings, inventory, clock, StoreSink(store), store, quota)
    await vco.close()


async def test_in_the_steady_state_no_call_is_for_one_edge_and_no_minute_has_more_than_twelve(
    host: Any, big: OrchestratorWatch, clock: ManualClock, status_row: Any
) -> None:
    rows = [
        status_row(edgeId=number, enterpriseId=number % 3 + 1, edgeName=f"E{number}", linkId=number)
        for number in range(60)
    ]
    nothing = {"metaData": {"more": False}, "data": []}
    host.replies = {STATUS: [rows], METRICS: [[figures(row) for row in rows]], AGGREGATE_EVENTS: [nothing]}
    host.replies[GATEWAYS] = [[]]
    busiest = 0
    for minute in range(61):
        clock.move_to(START + timedelta(minutes=minute))
        before = len(host.calls)
        await big.read_states()
        if minute % 10 == 0:
            await big.read_statistics()
        if minute % 5 == 0:
            await big.read_events_and_parts()
        busiest = max(busiest, len(host.calls) - before)
    assert busiest <= 12
    assert (len(host.called(STATUS)), len(host.called(METRICS))) == (61, 26)
    assert not host.called(SERIES)

    # A host that was away for four hours is caught up by aggregate calls too: fewer than one for each edge.
    assert big.past.left() == 60
    big.past._gaps.clear()
    clock.move_to(START + timedelta(hours=5))
    assert await big.read_statistics()
    assert big.past.left() == 0
