"""How an orchestrator's source is, and how its watch slows down when the host limits it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from watched import (
    METRICS,
    SERIES,
    START,
    STATUS,
    facts_in,
    figures,
    stretched,
)

from collector.health import SourceState, source_state
from collector.model import FactKind
from collector.orchestrator.quota import Quota
from collector.orchestrator.watch import OrchestratorWatch
from collector.orchestrator.windows import clocks
from collector.settings import OrchestratorSettings
from collector.store.embedded import EmbeddedStore
from config.clock import ManualClock

pytestmark = pytest.mark.rim


@pytest.mark.parametrize(
    ("states_age", "statistics_age", "state"),
    [
        (0, 600, "ok"),
        (240, 600, "ok"),
        (241, 600, "stale"),
        (0, 1800, "ok"),
        (0, 1801, "stale"),
    ],
)
def test_what_no_longer_moves_is_stale(
    settings: OrchestratorSettings, states_age: int, statistics_age: int, state: str
) -> None:
    patient = settings.model_copy(update={"timeout": 60.0})
    ages = (START - timedelta(seconds=age) for age in (states_age, statistics_age))
    assert source_state({}, *ages, START, patient, clocks(patient, 1.0))[0] == state


async def test_a_429_makes_the_plan_slower_and_that_is_said_everywhere_but_is_no_failure(
    host: Any, watch: OrchestratorWatch, store: EmbeddedStore, quota: Quota, fleet: list[Any]
) -> None:
    host.replies = {STATUS: [lambda *_: web.Response(status=429), fleet], METRICS: [[figures(fleet[0])]]}
    await watch.read_statistics()
    with capture_logs() as logs:
        assert await watch.read_states()
        assert await watch.read_states()
    assert quota.stretch == 2.0
    health = watch.health()
    assert health.state is SourceState.OK
    assert health.detail == (
        "slower because the host limits our calls: states each 120 s, statistics each 1200 s, events each 600 s"
    )
    (told,) = await facts_in(store, FactKind.SOURCE_STATE)
    assert (told.value, told.detail) == ("ok", health.detail)
    assert REGISTRY.get_sample_value("lineproof_orchestrator_stretch", {"orchestrator": "vco1"}) == 2.0
    assert [(each["event"], each["why"]) for each in logs] == [("orchestrator_limits_us", health.detail)]


async def test_when_the_host_is_content_again_that_is_told_too(
    host: Any, watch: OrchestratorWatch, store: EmbeddedStore, clock: ManualClock, quota: Quota, fleet: list[Any]
) -> None:
    host.replies = {STATUS: [fleet], METRICS: [[figures(fleet[0])]]}
    await watch.read_statistics()
    stretched(quota, 2.0)
    await watch.read_states()
    quota._own = replace(quota._own, stretch=1.0)
    clock.move_to(START + timedelta(seconds=1))
    with capture_logs() as logs:
        await watch.read_states()
    assert [fact.detail != "" for fact in await facts_in(store, FactKind.SOURCE_STATE)] == [True, False]
    assert [each["event"] for each in logs] == ["orchestrator_limits_us_less"]
    assert REGISTRY.get_sample_value("lineproof_orchestrator_stretch", {"orchestrator": "vco1"}) == 1.0


async def readings_of_an_hour(watch: OrchestratorWatch, clock: ManualClock, name: str, done: bool = True) -> int:
    """How often one clock of a watch rings in an hour."""
    count = 0

    async def work() -> bool:
        nonlocal count
        count += 1
        return done

    ringing = asyncio.create_task(watch._repeat(name, work))
    end = clock.now() + timedelta(hours=1)
    while clock.now() < end:  # noqa: ASYNC110 - the clock moves as it is slept on
        await asyncio.sleep(0)
    ringing.cancel()
    await asyncio.gather(ringing, return_exceptions=True)
    return count


@pytest.mark.parametrize(
    ("stretch", "name", "times"),
    [
        (1, "states", 60),
        (2, "states", 30),
        (8, "states", 15),
        (1, "statistics", 6),
        (2, "statistics", 3),
        (8, "statistics", 2),
        (1, "events", 12),
        (4, "events", 3),
    ],
)
async def test_the_watch_really_reads_less_often_while_the_plan_is_stretched(
    watch: OrchestratorWatch, clock: ManualClock, quota: Quota, stretch: float, name: str, times: int
) -> None:
    stretched(quota, stretch)
    assert abs(await readings_of_an_hour(watch, clock, name) - times) <= 1


@pytest.mark.parametrize(("stretch", "times"), [(1, 240), (4, 60)])
async def test_what_fails_is_tried_again_soon_but_not_as_soon_at_a_host_that_limits_us(
    watch: OrchestratorWatch, clock: ManualClock, quota: Quota, stretch: float, times: int
) -> None:
    stretched(quota, stretch)
    tries = await readings_of_an_hour(watch, clock, "statistics", done=False)
    assert abs(tries - times) <= 7


@pytest.mark.parametrize(
    ("calls_per_hour", "pause", "stretch", "seconds"),
    [(1_000_000, 0.05, 8.0, 0.4), (36_000, 0.0, 1.0, 0.1), (36_000, 0.0, 4.0, 0.4)],
)
async def test_the_past_leaves_the_quota_to_the_present_and_more_of_it_at_a_host_that_limits_us(
    host: Any, watch: OrchestratorWatch, clock: ManualClock, monkeypatch: pytest.MonkeyPatch,
    calls_per_hour: int, pause: float, stretch: float, seconds: float,
) -> None:  # fmt: skip
    monkeypatch.setattr("collector.orchestrator.past.PAUSE", pause)
    quota = Quota(calls_per_hour)
    stretched(quota, stretch)
    host.replies[SERIES] = [[]]
    watch.past.add((START - timedelta(hours=1), START))
    running = asyncio.create_task(watch.past.run(clock, quota))
    for _ in range(300):
        await asyncio.sleep(0.01)
        if len(host.called(SERIES)) >= 2:
            break
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    first, second = (call.at for call in host.called(SERIES))
    assert second - first >= seconds


async def test_a_past_that_is_there_is_looked_through_without_waiting_for_the_quota(
    watch: OrchestratorWatch, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.orchestrator.past.PAUSE", 0.0)
    watch.past.add((START, START))
    running = asyncio.create_task(watch.past.run(clock, Quota(60)))
    await asyncio.sleep(0.3)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert watch.past.left() == 0


def test_a_stretched_plan_is_not_stale_for_being_slow(settings: OrchestratorSettings) -> None:
    patient = settings.model_copy(update={"timeout": 60.0})

    def state(states_age: int, statistics_age: int) -> SourceState:
        ages = (START - timedelta(seconds=age) for age in (states_age, statistics_age))
        return source_state({}, *ages, START, patient, clocks(patient, 2.0))[0]

    # Three readings of states that come each 120 s, and a minute's time-out; statistics each 1200 s that are 600 s
    # late, and two ticks.
    assert state(420, 2400) is SourceState.OK
    assert state(421, 2400) is SourceState.STALE
    assert state(420, 2401) is SourceState.STALE


async def test_what_is_waited_for_since_the_plan_was_slower_is_not_stale_when_it_relaxes(
    host: Any, watch: OrchestratorWatch, clock: ManualClock, quota: Quota, fleet: list[Any]
) -> None:
    host.replies = {STATUS: [fleet], METRICS: [[figures(fleet[0])]]}
    await watch.read_statistics()
    stretched(quota, 4.0)
    waiting = asyncio.create_task(watch._repeat("statistics", lambda: asyncio.sleep(0, True)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    quota._own = replace(quota._own, stretch=1.0)
    # Read up to 13:50 at 14:03; the next reading is due half an hour later, when 14:20 is the newest.
    clock.move_to(START.replace(minute=35))
    await watch.read_states()
    assert watch.health().state is SourceState.OK
