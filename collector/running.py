"""The collector of one installation: its watches, the journal's group commit, and the store's upkeep."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from prometheus_client import Counter

from collector.control import ControlWatch
from collector.garbage import set_apart
from collector.health import CollectorHealth, SourceHealth, polled_health
from collector.journal import Journal
from collector.journal_limit import CHECK_EVERY, JournalLimit
from collector.journal_sink import Admission, JournalSink
from collector.metering import Meter
from collector.metrics import (
    DATAGRAMS,
    DEAD_DEVICES,
    FORWARDER_AGE,
    FORWARDER_ASIDE,
    FORWARDER_DEPTH,
    JOURNAL_OLDEST,
    JOURNAL_WAITING,
    POLLS,
    STORE_BACKLOG,
    TURNS,
    WATCH_RESTARTS,
)
from collector.model import Source
from collector.orchestrator.opening import opened_orchestrator, quota_of
from collector.orchestrator.watch import OrchestratorWatch
from collector.plan import planned_intervals
from collector.probe import ProbeWatch, probed_links
from collector.settings import CollectorSettings, OrchestratorSettings
from collector.snmp.polled import polled_devices
from collector.snmp.poller import SnmpPoller
from collector.snmp.report import PollOutcome
from collector.snmp.watch import SnmpWatch
from collector.snmp.wishes import PollWish
from collector.store.forwarder import Forwarder, Forwarding
from collector.store.manifest import CURSOR as PARTS
from collector.store.port import MeasurementStore
from config.clock import Clock, SystemClock
from config.errors import LineproofError
from inventory.model import Inventory

if TYPE_CHECKING:
    from collector.snmp.traps import TrapReceiver

log = structlog.get_logger()

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0
STEADY_AFTER = 600.0
MAINTAIN_EVERY = 300.0
COUNT_EVERY = 5.0
WISHES_EVERY = 5.0
SLOTS_TO_KNOW_ALL = 3
LONGEST_LAG = 5.0
PATIENCE = 5.0
"""Real seconds: what fails here is this process and this disk, whatever clock the measurements run on."""


Wishes = Callable[[datetime], Awaitable[Sequence[PollWish]]]


class Collector:
    """Measures until stopped. `run` once; `stop` ends it after what was measured is in the journal.

    Every watch runs under a supervisor: an unexpected error in one ends no other.
    """

    def __init__(
        self,
        settings: CollectorSettings,
        inventory: Inventory,
        journal: Journal,
        store: MeasurementStore,
        clock: Clock,
        wishes: Wishes | None = None,
    ) -> None:
        """`wishes` tells which devices somebody wants polled faster."""
        self._settings = settings
        self._wishes = wishes
        self._clock = clock
        self._store = store
        self._journal = journal
        raw_days = settings.store.raw_days_of(len(inventory.links))
        self._sink = JournalSink(journal, Admission(inventory.links, raw_days, clock))
        self._limit = JournalLimit(journal, settings.store.journal_megabytes * 1_000_000, SystemClock())
        self._poller = SnmpPoller(
            timeout=settings.snmp.timeout,
            retries=settings.snmp.retries,
            packets_per_second=settings.snmp.packets_per_second,
        )
        planned = planned_intervals(inventory, settings)
        folder = journal.path.parent
        self._meter = Meter(planned.budgets, planned.lines, folder, clock)
        self._snmp = SnmpWatch(
            inventory, settings.snmp, clock, self._sink, self._poller, planned=planned, meter=self._meter
        )
        self._traps = _receiver(settings, inventory, self._snmp, clock, folder)
        self._probe = ProbeWatch(
            inventory, settings.probe, clock, self._sink, every=planned.probe_every, meter=self._meter
        )
        self._control = ControlWatch(settings.control_probes, settings.probe, clock, self._sink)
        self._orchestrators = [
            _orchestrator(name, each, inventory, clock, self._sink, store, folder)
            for name, each in settings.orchestrators.items()
        ]
        self._forwarder = _forwarder(settings, journal, store, clock)
        self._forwarding: Forwarding | None = None
        self._aside = self._forwarder.set_aside() if self._forwarder else 0
        self._expected = {
            Source.SNMP: len(polled_devices(inventory)),
            Source.PROBE: len(probed_links(inventory)) if settings.probe.enabled else 0,
        }
        self._counted = dict.fromkeys(PollOutcome, 0)
        self._tallied: dict[tuple[Counter, str], int] = {}
        self._broken: dict[str, tuple[float, str]] = {}
        self._upkeep_error = self._journal_error = ""
        self._started = clock.now()
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Measure until `stop`, or until cancelled. Raises StoreError when another process collects here."""
        self._journal.claim()
        self._started = self._clock.now()
        keepers = [self._supervised("journal", self._sink.run), self._supervised("upkeep", self._maintain)]
        keepers += [self._supervised("metrics", self._count), self._supervised("metering", self._meter.run)]
        keepers += [self._supervised("memory", self._set_apart), self._supervised("journal limit", self._keep_limit)]
        if self._wishes is not None:
            keepers.append(self._supervised("wishes", self._heed_wishes))
        if self._forwarder is not None:
            keepers.append(self._supervised("forwarder", self._forwarder.run))
        watches = [self._supervised("snmp", self._snmp.run), self._supervised("probe", self._probe.run)]
        if self._settings.control_probes:
            watches.append(self._supervised("control probes", self._control.run))
        if self._traps is not None:
            watches.append(self._supervised("traps", self._traps.run))
        watches += [
            self._supervised(f"orchestrator {name}", watch.run)
            for name, watch in zip(self._settings.orchestrators, self._orchestrators, strict=True)
        ]
        keeping, watching = _started(keepers), _started(watches)
        log.info("collector_started", devices=self._expected[Source.SNMP], probed_links=self._expected[Source.PROBE])
        try:
            await self._stopping.wait()
        finally:
            # Watches first: they hand over what they still hold, and the journal must be there to take it.
            await _ended(watching)
            await _ended(keeping)
            await self._sink.commit()
            self._poller.close()
            log.info("collector_stopped")

    async def stop(self) -> None:
        """Ask `run` to end; what was measured is in the journal when `run` returns."""
        self._stopping.set()

    async def _supervised(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do `work` for ever, again after a pause that doubles while it keeps ending.

        The one place with a blind except: whatever a defect in one watch raises must not stop the others. It is
        logged with its traceback, counted, and shown by `health` until it has not happened for ten minutes.
        """
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            began = loop.time()
            try:
                await work()
                self._broken[name] = (loop.time(), f"{name} ended by itself")
                log.error("watch_ended", watch=name)
            except Exception as error:
                # What we raise ourselves says what to do; a defect's text says nothing to whoever reads the health.
                why = str(error) if isinstance(error, LineproofError) else type(error).__name__
                self._broken[name] = (loop.time(), f"{name} broke off ({why})")
                log.error("watch_failed", watch=name, exc_info=error)
            WATCH_RESTARTS.labels(name).inc()
            pause = FIRST_PAUSE if loop.time() - began > STEADY_AFTER else pause
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _maintain(self) -> None:
        while True:
            await asyncio.sleep(MAINTAIN_EVERY)
            try:
                await self._store.maintain(self._clock.now())
                STORE_BACKLOG.set((await self._store.health()).backlog)
                self._upkeep_error = ""
            except LineproofError as error:
                if str(error) != self._upkeep_error:
                    log.warning("store_upkeep_failed", error=str(error))
                self._upkeep_error = str(error)

    async def _keep_limit(self) -> None:
        """Keep the journal within its limit, and look at what waits in it."""
        while True:
            try:
                await asyncio.to_thread(self._limit.check)
                if self._forwarder is not None:
                    await self._look_at(self._forwarder)
                self._journal_error = ""
            except LineproofError as error:
                if str(error) != self._journal_error:
                    log.warning("journal_not_checked", error=str(error))
                self._journal_error = str(error)
            await asyncio.sleep(CHECK_EVERY)

    async def _look_at(self, forwarder: Forwarder) -> None:
        state = self._forwarding = await asyncio.to_thread(forwarder.state)
        FORWARDER_DEPTH.labels(state.name).set(state.depth)
        FORWARDER_AGE.labels(state.name).set(state.age.total_seconds())
        aside = await asyncio.to_thread(forwarder.set_aside)
        FORWARDER_ASIDE.labels(state.name).inc(aside - self._aside)
        self._aside = aside

    async def _set_apart(self) -> None:
        """Once every device was found and read, their state is there to stay."""
        await asyncio.sleep(SLOTS_TO_KNOW_ALL * self._settings.snmp.every)
        set_apart()
        await asyncio.Event().wait()

    async def _heed_wishes(self) -> None:
        """Poll faster what somebody wants to see closer; a wish that cannot be read is told once."""
        assert self._wishes is not None  # noqa: S101 - else this does not run
        heeded: set[PollWish] = set()
        error = ""
        while True:
            try:
                wished = set(await self._wishes(self._clock.now()))
            except LineproofError as problem:
                if str(problem) != error:
                    log.warning("wishes_not_read", error=str(problem))
                error = str(problem)
            else:
                for each in wished - heeded:
                    self._look_closer(each)
                heeded, error = wished, ""
            await asyncio.sleep(WISHES_EVERY)

    def _look_closer(self, wish: PollWish) -> None:
        """Every source that knows the device: one without SNMP may have an orchestrator."""
        until = wish.until.timestamp()
        self._snmp.faster(wish.device, wish.every, until)
        for watch in self._orchestrators:
            watch.faster(wish.device, wish.every, until)

    async def _count(self) -> None:
        """Carry the watches' own counts over to Prometheus."""
        while True:
            for outcome, count in self._snmp.polls.items():
                POLLS.labels(outcome).inc(count - self._counted[outcome])
                self._counted[outcome] = count
            self._count_up(DATAGRAMS, self._snmp.tallies())
            turns = self._snmp.schedule.counts
            self._count_up(TURNS, {"late": turns.late, "skipped": turns.skipped, "overlapped": turns.overlapped})
            DEAD_DEVICES.set(self._snmp.dead)
            JOURNAL_WAITING.set(self._sink.waiting_rows())
            JOURNAL_OLDEST.set(self._sink.lag_seconds())
            await asyncio.sleep(COUNT_EVERY)

    def _count_up(self, counter: Counter, tallies: Mapping[str, int]) -> None:
        for kind, count in tallies.items():
            counter.labels(kind).inc(count - self._tallied.get((counter, kind), 0))
            self._tallied[counter, kind] = count

    async def health(self) -> CollectorHealth:
        """What is stale and why, source by source."""
        sources = [watch.health() for watch in self._orchestrators]
        sources += self._polled()
        problems = [f"{each.name}: {each.detail}" for each in sources if not each.well]
        now = asyncio.get_running_loop().time()
        problems += [what for when, what in self._broken.values() if now - when < STEADY_AFTER]
        if self._sink.error:
            problems.append(f"journal: {self._sink.error}")
        elif self._sink.lag_seconds() > LONGEST_LAG:
            problems.append(f"journal: rows have waited for {self._sink.lag_seconds():.0f} s to be written")
        elif self._journal_error:
            problems.append(f"journal: {self._journal_error}")
        problems += [*self._sink.refused(), *self._limit.problems()]
        problems += self._forwarding.problems if self._forwarding else ()
        problems += [f"budget: {each}" for each in self._meter.problems()]
        if self._upkeep_error:
            problems.append(f"store: {self._upkeep_error}")
        try:
            store = (await self._store.health()).detail
        except LineproofError as error:
            store = str(error)
            problems.append(f"store: {error}")
        return CollectorHealth(
            sources=tuple(sources),
            journal_lag_seconds=self._sink.lag_seconds(),
            store_detail=store,
            journal_detail=self._limit.detail(),
            forwarder_detail=self._forwarding.detail if self._forwarding else "",
            problems=tuple(problems),
        )

    def _polled(self) -> list[SourceHealth]:
        every = {Source.SNMP: self._settings.snmp.every, Source.PROBE: self._settings.probe.every}
        return [
            polled_health(
                source.value,
                every=every[source],
                newest=self._sink.newest(source),
                outcomes=self._sink.outcomes() if source is Source.SNMP else {},
                started=self._started,
                now=self._clock.now(),
            )
            for source, count in self._expected.items()
            if count
        ]


def _forwarder(
    settings: CollectorSettings, journal: Journal, store: MeasurementStore, clock: Clock
) -> Forwarder | None:
    """Who carries the journal over into InfluxDB; the embedded store reads the journal itself."""
    if settings.store.kind == "embedded":
        _forget_others(journal, PARTS)
        return None
    from collector.store.influx import CURSOR

    forwarder = Forwarder(journal, store, clock, CURSOR)
    _forget_others(journal, CURSOR)
    return forwarder


def _forget_others(journal: Journal, reader: str) -> None:
    """Where another store was before, nobody will advance its cursor; what it lacks is still there for this one."""
    for other in journal.cursors().keys() - {reader}:
        log.warning("reader_forgotten", reader=other, in_favour_of=reader)
        journal.forget(other)


def _orchestrator(
    name: str,
    settings: OrchestratorSettings,
    inventory: Inventory,
    clock: Clock,
    sink: JournalSink,
    store: MeasurementStore,
    folder: Path,
) -> OrchestratorWatch:
    """A host's watch; it slows down as the quota does that its calls are made on."""
    quota = quota_of(settings, folder)
    adapter = opened_orchestrator(name, settings, inventory, clock, quota)
    return OrchestratorWatch(adapter, settings, inventory, clock, sink, store, quota)


def _receiver(
    settings: CollectorSettings, inventory: Inventory, watch: SnmpWatch, clock: Clock, folder: Path
) -> TrapReceiver | None:
    """Who listens for traps; pysnmp is heavy, and imported only where it is needed."""
    if not settings.traps.enabled:
        return None
    from collector.snmp.traps import TrapReceiver

    credentials = {name: each.credential() for name, each in settings.snmp.credentials.items()}
    return TrapReceiver(
        settings.traps,
        inventory,
        watch.gatherer,
        clock,
        credentials,
        folder,
        on_event=watch.look_closer,
        link_at=watch.link_at,
    )


def _started(work: Sequence[Coroutine[None, None, None]]) -> list[asyncio.Task[None]]:
    return [asyncio.create_task(each) for each in work]


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel, and wait for what they still do; one that waits for a journal that is broken is left behind."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=PATIENCE)
