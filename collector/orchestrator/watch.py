"""Watches one orchestrator host: states, statistics and events on clocks of their own, a past once, and closer what
somebody wants to see."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from collector.availability import STATE_HOLDS
from collector.health import SourceHealth, SourceState, slower, source_state
from collector.metrics import ORCHESTRATOR_STRETCH
from collector.model import Fact, FactKind, Source
from collector.orchestrator.past import Past
from collector.orchestrator.port import Orchestrator, StateReport
from collector.orchestrator.quota import Quota
from collector.orchestrator.steps import Steps
from collector.orchestrator.told import Told
from collector.orchestrator.windows import (
    AGAIN_AFTER,
    RETRY_SECONDS,
    Clocks,
    Progress,
    Window,
    catch_up,
    clocks,
    first_readings,
    floor_to,
    read_once,
    read_twice,
    second_readings,
    skipped_ahead,
    started,
)
from collector.pacing import share_of_slot
from collector.settings import OrchestratorSettings
from collector.sink import Sink
from collector.store.port import MeasurementStore, Selector
from config.clock import Clock, from_epoch_ms
from inventory.model import Inventory

log = structlog.get_logger()

EVENTS_AT_START = timedelta(days=1)
EVENTS_OVERLAP = timedelta(hours=1)
FASTEST_STATES = 15
"""Seconds. States are no fresher at the host: VeloCloud's monitor of heartbeats runs as often (KB 382624)."""
STATES_SHARE = 3
"""However much somebody wishes it, between two readings of states lies so many times what one takes."""
EARLY = 0.01
LOOK_EVERY = 1.0
"""Real seconds between two looks at what is wished; one device's statistics at each."""
NAMES_SHOWN = 8
LINKS_AT_ONCE = 200


@dataclass(slots=True)
class _Wish:
    """To see a device closer: its states each `every` seconds until the epoch second `until`, and its statistics next
    at the epoch second `due`."""

    every: int
    until: float
    due: float


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
        quota: Quota | None = None,
    ) -> None:
        """`quota` is the one that the orchestrator's calls are made on: as it stretches, so do the clocks here."""
        self._orchestrator = orchestrator
        self._name = orchestrator.name
        self._settings = settings
        self._clock = clock
        self._sink = sink
        self._store = store
        self._quota = quota or Quota(settings.calls_per_hour)
        self._tick = timedelta(seconds=settings.tick)
        self._late = timedelta(seconds=settings.late)
        self._devices = _devices_with_links(inventory, self._name)
        self._most = catch_up(len(self._devices))
        self._progress: Progress | None = None
        self._events_until: datetime | None = None
        self._events_told: set[tuple[datetime, str, str]] = set()
        self._steps = Steps(self._name)
        self.past = Past(orchestrator, self._devices, self._tick, sink, store, self._steps)
        self._told = Told()
        self._state_said: tuple[SourceState, str] | None = None
        self._state_at = clock.now()
        self._say_every = min(timedelta(seconds=settings.states_every), STATE_HOLDS / 2)
        self._unmapped: Sequence[str] = ()
        self._unread: Sequence[str] = ()
        self._states_at: datetime | None = None
        self._states_asked = self._states_took = 0.0
        self._stretch_told = 1.0
        self._awaited = clocks(settings, 1.0)
        self._wishes: dict[str, _Wish] = {}
        self._wished = asyncio.Event()

    async def run(self) -> None:
        """Watch until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._repeat("states", self.read_states_in_turn))
                tasks.create_task(self._repeat("statistics", self.read_statistics))
                tasks.create_task(self._repeat("events", self.read_events_and_parts))
                tasks.create_task(self._keep_saying())
                tasks.create_task(self.past.run(self._clock, self._quota))
                tasks.create_task(self._look_closer())
        finally:
            await self._orchestrator.close()

    async def _repeat(self, name: str, work: Callable[[], Awaitable[bool]]) -> None:
        """Now, then at every multiple of the interval on the clock; a failure is tried again sooner."""
        while True:
            done = await work()
            every: float = getattr(self._paced(), name)
            self._awaited = self._awaited._replace(**{name: every})
            offset = share_of_slot(self._name) * min(30.0, every / 10)
            wait = every - (self._clock.now().timestamp() - offset) % every
            # Woken a moment early it was this turn all the same, and no second one follows.
            wait += every if wait < every * EARLY else 0.0
            await self._clock.sleep(wait if done else min(wait, RETRY_SECONDS * self._quota.stretch))

    def _paced(self) -> Clocks:
        return clocks(self._settings, self._quota.stretch)

    async def read_states_in_turn(self) -> bool:
        """As `read_states`, unless somebody's wish has them read more often just now."""
        if self._wishes and self._wished_every() <= self._paced().states:
            return True
        return await self.read_states()

    async def read_states(self, *, urgent: bool = False) -> bool:
        """One reading of edge, link and HA states; what the host left out is told as unknown."""

        async def work() -> None:
            report = await self._orchestrator.states(urgent=urgent)
            self._note_unmapped(report.unmapped)
            self._unread = report.unread
            self._states_at = self._clock.now()
            await self._tell([*report.facts, *self._absent(report)], self._paced().states)

        self._states_asked = self._clock.now().timestamp()
        done = await self._steps.do("states", work)
        self._states_took = self._clock.now().timestamp() - self._states_asked
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
            progress, gap = skipped_ahead(progress, self._clock.now(), self._tick, self._late, self._most)
            if gap is not None:
                self.past.add(gap)
            self._progress = progress
            for window in first_readings(progress, self._clock.now(), self._tick, self._late):
                await self._read_window(window)
                self._progress = progress = read_once(progress, window, self._clock.now())
            for window in second_readings(progress, self._clock.now(), self._tick):
                await self._read_window(window)
                self._progress = progress = read_twice(progress, window)

        return await self._steps.do("statistics", work)

    async def _read_window(self, window: Window) -> None:
        batch = await self._orchestrator.statistics(*window)
        if len(batch):
            await self._sink.samples(batch)

    async def _start(self) -> Progress:
        """Go on after the newest recent sample; what lies before that is looked through device by device."""
        now = self._clock.now()
        recent = self._late + (self._most + 1) * self._tick
        links = [link for links in self._devices.values() for link in links]
        newest: list[datetime] = []
        for first in range(0, len(links), LINKS_AT_ONCE):
            selector = Selector(tuple(links[first : first + LINKS_AT_ONCE]), Source.ORCHESTRATOR)
            stored = await self._store.latest(selector, now, recent)
            newest += [from_epoch_ms(time) for time in stored.time.tolist()]
        progress = started(now, max(newest, default=None), self._tick, self._late, self._most)
        since = floor_to(progress.read - timedelta(days=self._settings.history_days), self._tick)
        self.past.add((since, progress.read))
        return progress

    async def read_events_and_parts(self) -> bool:
        """Events, and beside them the host's own parts: whatever becomes of those costs the events nothing."""
        done = await self.read_events()
        await self.read_own_parts()
        return done

    async def read_events(self) -> bool:
        """Events since the last reading, and again those of the hour before: an edge that was cut off tells late."""

        async def work() -> None:
            now = self._clock.now()
            since = min(self._events_until, now) - EVENTS_OVERLAP if self._events_until else now - EVENTS_AT_START
            facts = {
                (fact.time, fact.subject, fact.value): fact for fact in await self._orchestrator.events(since, now)
            }
            if news := [fact for key, fact in facts.items() if key not in self._events_told]:
                await self._sink.facts(news)
            self._events_told = set(facts)
            self._events_until = now

        return await self._steps.do("events", work)

    async def read_own_parts(self) -> bool:
        """States of the host's own gateways and controllers."""

        async def work() -> None:
            await self._tell(await self._orchestrator.own_parts(), self._paced().events)

        return await self._steps.do("gateways and controllers", work)

    def faster(self, device: str, every: int, until: float) -> None:
        """Read states each `every` seconds (15 at least) and this device's newest statistics each tick, until the epoch
        second `until` and before all background polling. Without effect for a device of another host.

        The plan's stretch does not apply: these calls are few, and somebody waits for them.
        """
        if device in self._devices:
            self._wishes[device] = _Wish(max(every, FASTEST_STATES), until, due=0.0)
            self._wished.set()

    def _wished_every(self) -> float:
        return max(min(wish.every for wish in self._wishes.values()), STATES_SHARE * self._states_took)

    async def _look_closer(self) -> None:
        while True:
            await self._wished.wait()
            await self.look_closer()
            await asyncio.sleep(LOOK_EVERY)

    async def look_closer(self) -> None:
        """What is due of what somebody wished: states, and the statistics of the one device that waits longest."""
        now = self._clock.now().timestamp()
        self._wishes = {device: wish for device, wish in self._wishes.items() if wish.until > now}
        if not self._wishes:
            self._wished.clear()
            self._steps.forget("closer look")
            return
        if not 0 <= now - self._states_asked < self._wished_every():
            await self.read_states(urgent=True)
        device, wish = min(self._wishes.items(), key=lambda item: item[1].due)
        if wish.due <= now:
            await self._read_newest(device, wish)

    async def _read_newest(self, device: str, wish: _Wish) -> None:
        """The closed ticks of the last half hour; what the host completes later replaces it, as all samples do."""
        end = floor_to(self._clock.now(), self._tick)

        async def work() -> None:
            batch = await self._orchestrator.history(device, end - AGAIN_AFTER, end, urgent=True)
            if len(batch):
                await self._sink.samples(batch)

        done = await self._steps.do("closer look", work)
        wish.due = (end + self._tick).timestamp() if done else self._clock.now().timestamp() + RETRY_SECONDS

    async def _keep_saying(self) -> None:
        while True:
            await self.say_state()
            await self._clock.sleep(self._say_every.total_seconds())

    async def say_state(self) -> bool:
        """Tell how this source is, when that changed and before it stops holding."""
        self._note_stretch()
        health = self.health()
        if health.state is SourceState.STARTING:
            return True
        now = self._clock.now()
        said = (health.state, health.detail)
        if said == self._state_said and self._state_at <= now < self._state_at + STATE_HOLDS - self._say_every:
            return True

        async def work() -> None:
            await self._sink.facts(
                [Fact(now, self._name, FactKind.SOURCE_STATE, health.state, Source.ORCHESTRATOR, now, health.detail)]
            )
            self._state_said, self._state_at = said, now

        return await self._steps.do("journal", work)

    def _note_stretch(self) -> None:
        stretch = self._quota.stretch
        ORCHESTRATOR_STRETCH.labels(self._name).set(stretch)
        if stretch > self._stretch_told:
            log.warning("orchestrator_limits_us", orchestrator=self._name, why=slower(self._paced(), stretch))
        elif stretch < self._stretch_told:
            log.info("orchestrator_limits_us_less", orchestrator=self._name, why=slower(self._paced(), stretch))
        self._stretch_told = stretch

    async def _tell(self, facts: Sequence[Fact], next_reading: float) -> None:
        """Hand over what is news, given the seconds until the next reading."""
        if news := self._told.news(facts, timedelta(seconds=next_reading)):
            await self._sink.facts(news)
            self._told.note(news, timedelta(seconds=next_reading))

    def health(self) -> SourceHealth:
        """How this source is, and why."""
        newest = self._progress.read if self._progress else None
        paced = self._paced()
        # A reading that is waited for since the plan was slower is not late because the plan has relaxed meanwhile.
        expected = Clocks(*(max(pair) for pair in zip(self._awaited, paced, strict=True)))
        state, detail = source_state(
            self._steps.errors(), self._states_at, newest, self._clock.now(), self._settings, expected
        )
        stretch = self._quota.stretch
        notes = [detail, *self._unread, slower(paced, stretch), self._quota.problem]
        return SourceHealth(name=self._name, state=state, detail="; ".join(filter(None, notes)), newest=newest)


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
