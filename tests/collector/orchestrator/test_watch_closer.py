"""What somebody wished to see closer, against a scripted host over real HTTP."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from watched import (
    HOUR,
    METRICS,
    SERIES,
    START,
    STATUS,
    StoreSink,
    figures,
)

from collector.health import SourceState
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.adapter import VeloCloud
from collector.orchestrator.watch import OrchestratorWatch
from collector.settings import OrchestratorSettings
from collector.store.embedded import EmbeddedStore
from config.clock import ManualClock
from inventory.model import Inventory

pytestmark = pytest.mark.rim


async def test_a_wish_reads_states_and_that_devices_statistics_before_all_background_polling(
    host: Any, watch: OrchestratorWatch, store: EmbeddedStore, clock: ManualClock, fleet: list[Any]
) -> None:
    def half_an_hour(_request: object, body: dict[str, Any]) -> web.Response:
        start, end = body["interval"]["start"], body["interval"]["end"]
        series = [{"metric": "bytesRx", "startTime": start, "tickInterval": 300_000, "data": [3_750_000] * 6}]
        assert end - start == 30 * 60_000
        return web.json_response([{"edgeId": 703, "linkId": 5103, "series": series, "link": fleet[2]}])

    host.replies = {STATUS: [fleet], SERIES: [half_an_hour]}
    watch.faster("edge-118", 20, (START + timedelta(minutes=11)).timestamp())
    looked = []
    for second in range(12 * 60):
        clock.move_to(START + timedelta(seconds=second))
        before = len(host.called(SERIES))
        await watch.look_closer()
        looked += [second] * (len(host.called(SERIES)) - before)
    # At 14:03:00, then each 20 s until 14:13:40; statistics at once, and as soon as a tick has closed.
    assert len(host.called(STATUS)) == 33
    assert looked == [0, 120, 420]
    ends = [call.body["interval"]["end"] for call in host.called(SERIES)]
    assert ends == [HOUR + minutes * 60_000 for minutes in (0, 5, 10)]
    assert {call.body["edgeId"] for call in host.called(SERIES)} == {703}
    (cable,) = await store.window(["store-118-cable"], ["rx_bps"], START - timedelta(hours=1), clock.now())
    # 13:30 to 14:05, each once however often it was read.
    assert cable.time.tolist() == [HOUR + minutes * 60_000 for minutes in range(-30, 10, 5)]
    # Eleven minutes later nobody wishes anything.
    assert not watch._wished.is_set()


@pytest.mark.parametrize(("asked", "seconds"), [(5, 15), (15, 15), (40, 40)])
async def test_states_are_read_no_faster_than_the_host_knows_them(
    host: Any, watch: OrchestratorWatch, clock: ManualClock, fleet: list[Any], asked: int, seconds: int
) -> None:
    host.replies = {STATUS: [fleet], SERIES: [[]]}
    watch.faster("edge-118", asked, (START + timedelta(hours=1)).timestamp())
    for second in range(121):
        clock.move_to(START + timedelta(seconds=second))
        await watch.look_closer()
    assert len(host.called(STATUS)) == 120 // seconds + 1


async def test_a_host_that_takes_long_to_tell_its_states_is_asked_no_more_often_than_a_third_of_the_time(
    host: Any, watch: OrchestratorWatch, clock: ManualClock, fleet: list[Any]
) -> None:
    def slow(*_: object) -> web.Response:
        clock.move_to(clock.now() + timedelta(seconds=10))
        return web.json_response(fleet)

    host.replies = {STATUS: [slow], SERIES: [[]]}
    watch.faster("edge-118", 15, (START + timedelta(hours=1)).timestamp())
    asked = []
    while clock.now() < START + timedelta(seconds=100):
        before = len(host.called(STATUS))
        at = (clock.now() - START).total_seconds()
        await watch.look_closer()
        if len(host.called(STATUS)) > before:
            asked.append(at)
        clock.move_to(clock.now() + timedelta(seconds=1))
    assert asked == [0, 30, 60, 90]


async def test_the_fastest_wish_counts_and_ends_by_itself(
    host: Any, watch: OrchestratorWatch, clock: ManualClock, fleet: list[Any]
) -> None:
    host.replies = {STATUS: [fleet], SERIES: [[]]}
    watch.faster("edge-118", 60, (START + timedelta(seconds=240)).timestamp())
    watch.faster("edge-117", 20, (START + timedelta(seconds=61)).timestamp())
    for second in range(241):
        clock.move_to(START + timedelta(seconds=second))
        await watch.look_closer()
    # At 0, 20, 40 and 60 s by the one, then at 120 and 180 s by the other; at 240 s it has ended.
    assert len(host.called(STATUS)) == 6
    assert {call.body["edgeId"] for call in host.called(SERIES)} == {702, 703}


async def test_while_a_wish_reads_states_the_ordinary_turn_is_left_out(
    host: Any, watch: OrchestratorWatch, clock: ManualClock, fleet: list[Any]
) -> None:
    host.replies = {STATUS: [fleet], SERIES: [[]]}
    watch.faster("edge-118", 60, (START + timedelta(minutes=5)).timestamp())
    assert await watch.read_states_in_turn()
    assert not host.called(STATUS)
    watch.faster("edge-118", 61, (START + timedelta(minutes=5)).timestamp())
    assert await watch.read_states_in_turn()
    assert len(host.called(STATUS)) == 1


async def test_a_wish_for_a_device_of_another_host_changes_nothing(host: Any, watch: OrchestratorWatch) -> None:
    for device in ("edge-elsewhere", "router-118", "nobody"):
        watch.faster(device, 15, (START + timedelta(hours=1)).timestamp())
    assert not watch._wished.is_set()
    await watch.look_closer()
    assert not host.calls


async def test_a_closer_look_that_fails_is_tried_again_after_a_while_and_holds_up_no_other(
    host: Any, watch: OrchestratorWatch, clock: ManualClock, fleet: list[Any]
) -> None:
    def only_703(_request: object, body: dict[str, Any]) -> web.Response:
        return web.json_response([]) if body["edgeId"] == 703 else web.Response(status=500)

    host.replies = {STATUS: [fleet], SERIES: [only_703], METRICS: [[figures(fleet[0])]]}
    await watch.read_statistics()
    until = (START + timedelta(minutes=1)).timestamp()
    for device in ("edge-117", "edge-118"):
        watch.faster(device, 30, until)
    for second in range(60):
        clock.move_to(START + timedelta(seconds=second))
        await watch.look_closer()
    asked = [call.body["edgeId"] for call in host.called(SERIES)]
    assert asked == [702, 703, 702, 702, 702]
    assert watch.health().state is SourceState.OK
    assert watch.health().detail.startswith("closer look: ")
    clock.move_to(START + timedelta(seconds=60))
    await watch.look_closer()
    assert watch.health().detail == ""


async def test_a_wish_is_heeded_while_background_is_out_of_tokens(
    host: Any, settings: OrchestratorSettings, inventory: Inventory, store: EmbeddedStore, fleet: list[Any]
) -> None:
    host.replies = {STATUS: [fleet], SERIES: [[]]}
    # Four tokens, of which background leaves one; the next comes after a minute.
    scarce = Quota(60, burst=4)
    for _ in range(3):
        await scarce.take()
    clock = ManualClock(START)
    vco = VeloCloud("vco1", settings, inventory, clock, scarce)
    watch = OrchestratorWatch(vco, settings, inventory, clock, StoreSink(store), store, scarce)
    ordinary = asyncio.create_task(watch.read_states())
    await asyncio.sleep(0.05)
    assert not host.called(STATUS)
    watch.faster("edge-118", 15, (START + timedelta(minutes=1)).timestamp())
    watch._states_asked = 0.0
    urgent = asyncio.create_task(watch.look_closer())
    for _ in range(100):
        await asyncio.sleep(0.01)
        if host.called(STATUS):
            break
    assert len(host.called(STATUS)) == 1
    for task in (ordinary, urgent):
        task.cancel()
    await asyncio.gather(ordinary, urgent, return_exceptions=True)
    await vco.close()
