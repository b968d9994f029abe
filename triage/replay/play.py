"""Plays a scenario file: real transactions, outbox and performer; clock and far ends are scripted."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from collector.journal import Journal
from collector.model import Cadence, Fact, FactKind, SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from collector.store.hot_follower import HotFollower
from config.clock import ManualClock, epoch_ms
from config.database import Database
from inventory.model import Inventory, MaintenanceWindow
from triage import inbox, repository
from triage.actuator.port import ActuatorError
from triage.cases import ClaimReported, Decision, PersonActed
from triage.engine import Engine
from triage.evidence_folder import EvidenceFolder
from triage.judging import Judging
from triage.model import Claim
from triage.performer import Performer
from triage.policy import Policy, merged
from triage.replay.farends import PackOnly, Script, ScriptedActuator, ScriptedTickets
from triage.replay.files import Entry, Facts, Newest, Person, Samples, ScenarioFile, State, number
from triage.replay.telling import Telling
from triage.repository import OutboxStatus
from triage.sweeping import Sweep
from triage.tickets.port import TicketError

MINUTE = timedelta(minutes=1)


async def play(scenario: ScenarioFile, inventory: Inventory, policy: Policy) -> AsyncIterator[Mapping[str, Any]]:
    """Lines in the order in which things happened."""
    with tempfile.TemporaryDirectory(prefix="lineproof-replay-") as folder:
        player = Player(scenario, inventory, policy, Path(folder))
        try:
            await player.begin()
            async for line in player.play():
                yield line
        finally:
            await player.end()


class Player:
    """Moves the clock from entry to minute to timer, and tells what the engine did at each."""

    def __init__(self, scenario: ScenarioFile, inventory: Inventory, policy: Policy, folder: Path) -> None:
        self._scenario = scenario
        self._inventory = inventory
        self._policy = policy
        self._clock = ManualClock(scenario.moment("+00:00:00"))
        self._database = Database(folder / "records.db", throwaway=True)
        self._journal = Journal(folder / "journal.sqlite")
        self._store = EmbeddedStore(self._journal, folder / "parts", 36_500)
        self._evidence = EvidenceFolder(folder / "evidence")
        self._cadences: dict[Source, Cadence] = {}
        self._until = scenario.moment(scenario.until)
        self._telling = Telling(self._clock)
        self._due: list[datetime] = []
        self._standing: set[str] = set()
        self._happened = self._effects = self._decided_something = False
        self._tickets = ScriptedTickets(self._database, self._clock)
        self._tickets.script = Script(TicketError, self._telling.called)
        self._actuator = ScriptedActuator(Script(ActuatorError, self._telling.called))
        self._restart()

    def _restart(self) -> None:
        self._sweep = Sweep(self._journal, HotFollower(self._journal, all_of_it=True))
        self._engine = Engine(
            self._database, self._judging, self._evidence, self._clock, observer=self._decided, sweep=self._sweep
        )
        self._performer = Performer(
            self._database, self._clock, self._tickets, PackOnly(), self._actuator, self._evidence, self._known
        )

    async def _judging(self) -> Judging:
        return Judging(self._store, self._inventory, self._cadences, self._policy)

    async def _known(self) -> Inventory:
        return self._inventory

    async def begin(self) -> None:
        await self._database.create_all()
        for samples in self._scenario.history:
            await self._measure(samples)

    async def end(self) -> None:
        await self._store.close()
        await self._database.close()

    async def play(self) -> AsyncIterator[Mapping[str, Any]]:
        entries = sorted(
            ((self._scenario.moment(entry.at), place, entry) for place, entry in enumerate(self._scenario.timeline)),
            key=lambda item: item[:2],
        )
        moment = self._clock.now()
        while moment <= self._until:
            self._clock.move_to(moment)
            while entries and entries[0][0] <= moment:
                _, self._telling.entry, entry = entries.pop(0)
                await self._happen(entry)
                await self._settle()
                self._telling.entry = None
            if self._due and self._due[0] <= moment:
                await self._engine.fire_timers()
                self._happened = True
            await self._tick(moment)
            await self._settle()
            for line in self._telling.taken():
                yield line
            moment = self._next_moment(entries[0][0] if entries else None)
        yield await self._summary()

    async def _tick(self, moment: datetime) -> None:
        """The minute's sweep; where it would find nothing and no case stands, nothing is recorded of it either."""
        if moment.second or moment.microsecond:
            return
        if not self._standing:
            swept = await self._sweep.look(await self._judging(), moment)
            if not swept.sites and not swept.blind:
                return
        await self._engine.tick()
        self._happened = True

    def _next_moment(self, upcoming: datetime | None) -> datetime:
        """The next entry, whole minute, due timer or outbox retry, whichever comes first; always later than now."""
        now = self._clock.now()
        minute = now.replace(second=0, microsecond=0) + MINUTE
        moments = [*self._due, *([upcoming] if upcoming is not None else [])]
        return min([minute, *(moment for moment in moments if moment > now)])

    async def _settle(self) -> None:
        """Decide and perform until nothing is left to do now; where nothing has happened, nothing is asked."""
        due = bool(self._due) and self._due[0] <= self._clock.now()
        if not self._happened and not due:
            return
        stale = due
        while True:
            await self._engine.work_off()
            stale |= self._decided_something
            self._decided_something = False
            if not self._effects and not due:
                break
            self._effects = due = False
            if not await self._performer.perform_due():
                break
        self._happened = False
        if stale:
            self._due = await self._moments()

    async def _moments(self) -> list[datetime]:
        """When timers and effects that wait are due, soonest first."""
        async with self._database.reading() as connection:
            timers = await repository.due_timers(connection, self._until)
            effects = await repository.outbox(connection, statuses=(OutboxStatus.PENDING,), due=self._until)
        return sorted([*(due for _, due in timers), *(row.next_at for row in effects)])

    def _decided(self, row: inbox.Row, site: str, decision: Decision) -> None:
        self._telling.decided(row, site, decision)
        case = decision.case
        if case is not None:
            (self._standing.add if case.status.is_open else self._standing.discard)(case.id)
        self._effects |= bool(decision.effects)
        self._decided_something |= bool(case or decision.effects or decision.timers or decision.cancelled)

    async def _happen(self, entry: Entry) -> None:
        now = self._clock.now()
        if entry.samples is not None:
            await self._measure(entry.samples)
        elif entry.facts is not None:
            await self._store.write_facts(_state_facts(entry.facts, self._inventory, now))
        elif entry.event is not None:
            event = entry.event
            fact = Fact(event.time or now, event.link or event.device, FactKind.EVENT, event.kind, event.source, now)
            await self._store.write_facts([replace(fact, detail=event.id)])
        elif entry.poll is not None:
            poll = entry.poll
            facts = [Fact(now, poll.device, FactKind.POLL_OUTCOME, poll.outcome, poll.source, now)]
            if poll.uptime_s is not None:
                facts.append(Fact(now, poll.device, FactKind.REBOOT, f"{poll.uptime_s:g}", poll.source, now))
            await self._store.write_facts(facts)
        elif entry.maintenance is not None:
            window = MaintenanceWindow(id=f"window-{self._telling.entry}", **entry.maintenance.model_dump())
            self._inventory = replace(self._inventory, maintenance=(*self._inventory.maintenance, window))
        elif entry.policy is not None:
            self._policy = merged(self._policy, entry.policy, f"timeline[{self._telling.entry}].policy")
        else:
            await self._act(entry, now)

    async def _act(self, entry: Entry, now: datetime) -> None:
        if entry.claim is not None:
            body = entry.claim
            claim = Claim(
                site=body.site, client=body.client, symptom=body.symptom, reported_at=now, reported_by=body.by,
                since=self._scenario.moment(body.since) if body.since else None, words=body.words,
            )  # fmt: skip
            await self._put(ClaimReported(claim=claim, open_ticket=True))
        elif entry.person is not None:
            target = await self._target(entry.person)
            await self._put(PersonActed(who=entry.person.who, does=entry.person.does, target=target))
        elif entry.ticket_system is not None:
            self._tickets.script.write(entry.ticket_system)
        elif entry.actuator is not None:
            self._actuator.script.write(entry.actuator)
        else:
            self._restart()

    async def _put(self, happened: ClaimReported | PersonActed) -> None:
        key = f"entry:{self._telling.entry}"
        self._happened = True
        self._telling.caused(await inbox.enqueue(self._database, key, happened, self._clock.now()))

    async def _target(self, person: Person) -> str:
        if not isinstance(person.target, Newest):
            return person.target
        site = person.target.site
        async with self._database.reading() as connection:
            cases = await repository.cases(connection, site=site, limit=1)
            proposals = await repository.proposals_of(connection, cases[0].id) if cases else []
        found = cases if person.target.kind == "case" else proposals
        return found[0].id if found else f"{person.target.kind[0].upper()}-0"

    async def _measure(self, samples: Samples) -> None:
        count = len(next(iter(samples.fields.values()))) * samples.repeat
        begin = epoch_ms(self._scenario.moment(samples.from_))
        time = begin + np.arange(count, dtype=np.int64) * samples.every * 1000
        columns = {name: values * samples.repeat for name, values in samples.fields.items()}
        there = [any(column[row] != "gap" for column in columns.values()) for row in range(count)]
        keep = np.flatnonzero(there)
        self._cadences[samples.source] = Cadence(every=samples.every, late=samples.every)
        await self._store.write(
            SampleBatch(
                source=samples.source,
                links=[samples.link] * len(keep),
                time=time[keep],
                seconds=np.full(len(keep), samples.every, dtype=np.int32),
                received_at=np.minimum(time[keep] + samples.every * 1000, epoch_ms(self._clock.now())),
                fields={name: np.array([number(column[row]) for row in keep]) for name, column in columns.items()},
            )
        )

    async def _summary(self) -> Mapping[str, Any]:
        async with self._database.reading() as connection:
            standing = await repository.cases(connection, only_open=True, limit=10_000)
        tickets = await self._tickets.list()
        return self._telling.summary([case.id for case in reversed(standing)], [one.id for one in reversed(tickets)])


def _state_facts(facts: Facts, inventory: Inventory, now: datetime) -> list[Fact]:
    """Told states as facts; where the answer was complete, what it left out is `unknown`: absent is not healthy."""
    told: list[Fact] = []
    kinds = (
        (facts.devices, FactKind.EDGE_STATE, inventory.devices),
        (facts.links, FactKind.LINK_STATE, inventory.links),
    )
    for states, kind, known in kinds:
        absent = {name: State(state="unknown") for name in known if name not in states} if facts.complete else {}
        for name, state in {**states, **(absent if states else {})}.items():
            if state.state is not None:
                told.append(Fact(state.last_seen or now, name, kind, state.state, facts.source, now, state.mode or ""))
            if state.ha is not None:
                told.append(Fact(now, name, FactKind.HA_STATE, state.ha, facts.source, now))
    return told
