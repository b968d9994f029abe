"""Watches one orchestrator host: states and statistics on clocks of their own, events, and a past once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import structlog

from collector.availability import STATE_HOLDS
from collector.health import SourceHealth, SourceState
from collector.model import Fact, FactKind, Source
from collector.orchestrator.port import Orchestrator, StateReport
from collector.orchestrator.windows import (
    CATCH_UP,
    Progress,
    Window,
    first_readings,
    floor_to,
    missing_span,
    second_readings,
    skipped_ahead,
    started,
)
from collector.pacing import share_of_slot
from collector.settings import OrchestratorSettings
from collector.sink import Sink
from collector.store.port import MeasurementStore, Selector
from config.clock import Clock, from_epoch_ms
from config.errors import LineproofError
from inventory.model import Inventory

log = structlog.get_logger()

EVENTS_AT_START = timedelta(days=1)
EVENTS_OVERLAP = timedelta(hours=1)
HISTORY_PAUSE = 0.25
"""Real seconds between two history calls: filling the past must not use up the host's patience for the present."""
RETRY_SECONDS = 15.0
NAMES_SHOWN = 8
LINKS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why a step fails at present, and whether that stands or may have been a hiccup."""

    reason: str
    standing: bool


class OrchestratorWatch:
    """Reads one orchestrator until cancelled. An error is logged when it changes, told as a SOURCE_STATE fact, and
    ends nothing; states that do not change are repeated before they stop holding (`STATE_HOLDS`)."""

    def __init__(
        self,
        orchestrator: Orchestrator,
        settings: OrchestratorSettings,
        inventory: Inventory,
        clock: Clock,
        sink: Sink,
        store: MeasurementStore,
    ) -> None:
        self._orchestrator = orchestrator
        self._name = orchestrator.name
        self._settings = settings
        self._clock = clock
        self._sink = sink
        self._store = store
        self._tick = timedelta(seconds=settings.tick)
        self._late = timedelta(seconds=settings.late)
        self._devices = _devices_with_links(inventory, self._name)
        self._progress: Progress | None = None
        self._gaps: deque[tuple[str, Window]] = deque()
        self._events_until: datetime | None = None
        self._events_told: set[tuple[datetime, str, str]] = set()
        self._failures: dict[str, _Failure] = {}
        self._said: dict[tuple[str, FactKind], tuple[str, datetime]] = {}
        self._unmapped: Sequence[str] = ()
        self._states_at: datetime | None = None

    async def run(self) -> None:
        """Watch until cancelled."""
        every = self._settings.states_every
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._repeat(every, self.read_states))
                tasks.create_task(self._repeat(self._settings.statistics_every, self.read_statistics))
                tasks.create_task(self._repeat(self._settings.tick, self.read_events))
                tasks.create_task(self._repeat(min(every, STATE_HOLDS.total_seconds() / 2), self.say_state))
                tasks.create_task(self._fill_gaps())
        finally:
            await self._orchestrator.close()

    async def _repeat(self, every: float, work: Callable[[], Awaitable[bool]]) -> None:
        """Now, then at every multiple of `every` on the clock; a failure is tried again sooner."""
        offset = share_of_slot(self._name) * min(30.0, every / 10)
        while True:
            done = await work()
            wait = every - (self._clock.now().timestamp() - offset) % every
            await self._clock.sleep(wait if done else min(wait, RETRY_SECONDS))

    async def _step(self, name: str, work: Callable[[], Awaitable[None]]) -> bool:
        """Do a piece of work; False when it failed for a reason that we foresee."""
        try:
            await work()
        except LineproofError as error:
            before = self._failures.get(name)
            if before is None or before.reason != str(error):
                log.warning("orchestrator_failing", orchestrator=self._name, step=name, error=str(error))
            # One proxy's hiccup is not blindness: what may be tried again counts from the second failure in a row.
            self._failures[name] = _Failure(str(error), standing=before is not None or not error.retryable)
            return False
        if self._failures.pop(name, None) is not None:
            log.info("orchestrator_recovered", orchestrator=self._name, step=name)
        return True

    async def read_states(self) -> bool:
        """One reading of edge, link and HA states; what the host left out is told as unknown."""

        async def work() -> None:
            report = await self._orchestrator.states()
            self._note_unmapped(report.unmapped)
            self._states_at = self._clock.now()
            await self._tell([*report.facts, *self._absent(report)])

        done = await self._step("states", work)
        await self.say_state()
        return done

    def _absent(self, report: StateReport) -> list[Fact]:
        """Absent is not healthy, and not down either."""
        now = self._clock.now()
        return [
            Fact(
                now,
                subject,
                FactKind.EDGE_STATE if subject in self._devices else FactKind.LINK_STATE,
                "unknown",
                Source.ORCHESTRATOR,
                now,
                f"{self._name} did not mention it",
            )
            for subject in report.absent
        ]

    def _note_unmapped(self, unmapped: Sequence[str]) -> None:
        if list(unmapped) != list(self._unmapped):
            shown = list(unmapped[:NAMES_SHOWN])
            log.warning("orchestrator_knows_more", orchestrator=self._name, count=len(unmapped), some=shown)
        self._unmapped = unmapped

    async def read_statistics(self) -> bool:
        """Every window that is due, a second time where that is due too."""

        async def work() -> None:
            progress = self._progress or await self._start()
            progress, gap = skipped_ahead(progress, self._clock.now(), self._tick, self._late)
            if gap is not None:
                self._gaps.extend((device, gap) for device in self._devices)
            self._progress = progress
            for window in first_readings(progress, self._clock.now(), self._tick, self._late):
                await self._read_window(window)
                self._progress = progress = Progress(read=window[1], reread=progress.reread)
            for window in second_readings(progress, self._clock.now(), self._tick):
                await self._read_window(window)
                self._progress = progress = Progress(read=progress.read, reread=window[1])

        return await self._step("statistics", work)

    async def _read_window(self, window: Window) -> None:
        batch = await self._orchestrator.statistics(*window)
        if len(batch):
            await self._sink.samples(batch)

    async def _start(self) -> Progress:
        """Go on after the newest recent sample; what lies before that is looked through device by device."""
        now = self._clock.now()
        recent = self._late + (CATCH_UP + 1) * self._tick
        links = [link for links in self._devices.values() for link in links]
        newest: list[datetime] = []
        for first in range(0, len(links), LINKS_AT_ONCE):
            selector = Selector(tuple(links[first : first + LINKS_AT_ONCE]), Source.ORCHESTRATOR)
            stored = await self._store.latest(selector, now, recent)
            newest += [from_epoch_ms(time) for time in stored.time.tolist()]
        progress = started(now, max(newest, default=None), self._tick, self._late)
        past = (floor_to(progress.read - timedelta(days=self._settings.history_days), self._tick), progress.read)
        self._gaps.extend((device, past) for device in self._devices)
        return progress

    async def _missing(self, device: str, window: Window) -> Window | None:
        """What the store lacks of a device's statistics: ticks in which none of its links has a sample."""
        stored = await self._store.window(self._devices[device], ["rx_bps"], *window)
        times = [one.time for one in stored if one.source is Source.ORCHESTRATOR]
        return missing_span(np.concatenate([np.empty(0, np.int64), *times]), window, self._tick)

    async def _fill_gaps(self) -> None:
        """Fill the past device by device, slowly. What fails for good is left out and said."""
        while True:
            if self._gaps and await self.fill_one_gap():
                await asyncio.sleep(HISTORY_PAUSE)
            else:
                await self._clock.sleep(RETRY_SECONDS)

    def history_missing(self) -> int:
        """Devices whose past is yet to be looked through."""
        return len(self._gaps)

    async def fill_one_gap(self) -> bool:
        """Look through the next device's past and fill what it lacks; False when there was an error."""
        device, window = self._gaps.popleft()

        async def work() -> None:
            try:
                missing = await self._missing(device, window)
                batch = await self._orchestrator.history(device, *missing) if missing else None
                if batch:
                    await self._sink.samples(batch)
            except LineproofError as error:
                if error.retryable:
                    self._gaps.append((device, window))
                raise

        return await self._step("history", work)

    async def read_events(self) -> bool:
        """Events since the last reading, and again those of the hour before: an edge that was cut off tells late."""

        async def work() -> None:
            now = self._clock.now()
            since = self._events_until - EVENTS_OVERLAP if self._events_until else now - EVENTS_AT_START
            facts = {
                (fact.time, fact.subject, fact.value): fact for fact in await self._orchestrator.events(since, now)
            }
            if news := [fact for key, fact in facts.items() if key not in self._events_told]:
                await self._sink.facts(news)
            self._events_told = set(facts)
            self._events_until = now

        return await self._step("events", work)

    async def say_state(self) -> bool:
        """Tell how this source is, when that changed and before it stops holding."""
        health = self.health()
        if health.state is SourceState.STARTING:
            return True
        now = self._clock.now()
        fact = Fact(now, self._name, FactKind.SOURCE_STATE, health.state, Source.ORCHESTRATOR, now, health.detail)

        async def work() -> None:
            await self._tell([fact])

        return await self._step("journal", work)

    async def _tell(self, facts: Iterable[Fact]) -> None:
        """Hand over the facts that changed, and those that would stop holding before the next reading."""
        next_reading = timedelta(seconds=self._settings.states_every)
        news = []
        for fact in facts:
            value, time = self._said.get((fact.subject, fact.kind), ("", fact.time))
            if value != fact.value or fact.time + next_reading - time >= STATE_HOLDS:
                news.append(fact)
        if news:
            await self._sink.facts(news)
            self._said.update({(fact.subject, fact.kind): (fact.value, fact.time) for fact in news})

    def health(self) -> SourceHealth:
        """How this source is, and why."""
        newest = self._progress.read if self._progress else None
        errors = {step: failure.reason for step, failure in self._failures.items() if failure.standing}
        state, detail = source_state(errors, self._states_at, newest, self._clock.now(), self._settings)
        return SourceHealth(name=self._name, state=state, detail=detail, newest=newest)


def source_state(
    errors: Mapping[str, str],
    states_at: datetime | None,
    statistics_until: datetime | None,
    now: datetime,
    settings: OrchestratorSettings,
) -> tuple[SourceState, str]:
    """Whether a host may be believed at `now`. Pure. `errors` holds what fails at present, by step.

    Without states or statistics we are blind, so an error there is `failing`; `stale` is what should have come by
    now and has not, though nothing failed. Events and history alone are missed, but nothing is judged wrongly.
    """
    said = "; ".join(f"{step}: {errors[step]}" for step in sorted(errors))
    if "states" in errors or "statistics" in errors:
        return SourceState.FAILING, said
    if states_at is None or statistics_until is None:
        return SourceState.STARTING, said
    if now - states_at > timedelta(seconds=3 * settings.states_every + settings.timeout):
        return SourceState.STALE, f"no states since {states_at:%Y-%m-%d %H:%M:%S}Z"
    due = timedelta(seconds=settings.late + settings.statistics_every + 2 * settings.tick)
    if now - statistics_until > due:
        return SourceState.STALE, f"no statistics after {statistics_until:%Y-%m-%d %H:%M}Z"
    return SourceState.OK, said


def _devices_with_links(inventory: Inventory, orchestrator: str) -> dict[str, list[str]]:
    """The host's devices, each with its watched links."""
    devices: dict[str, list[str]] = {
        device.id: []
        for device in inventory.devices.values()
        if device.orchestrator and device.orchestrator.name == orchestrator
    }
    for link in inventory.watched_links():
        if link.is_wan and link.device in devices:
            devices[link.device].append(link.id)
    return devices
