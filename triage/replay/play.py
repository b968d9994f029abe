"""Plays a scenario file: real transactions, outbox and performer; clock and far ends are scripted."""

from __future__ import annotations

import tempfile
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from collector.journal import Journal
from collector.model import Cadence, SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from collector.store.hot_follower import HotFollower
from config.clock import ManualClock
from config.database import Database
from inventory.model import Inventory, MaintenanceWindow
from triage import inbox, repository
from triage.actuator.port import ActuatorError
from triage.cases import Decision
from triage.engine import Engine
from triage.evidence_folder import EvidenceFolder
from triage.inputs import CarrierTold, ClaimReported, PersonActed
from triage.judging import Judging
from triage.performer import Performer
from triage.policy import Policy, merged
from triage.replay.bodies import Entry, Newest, Person, ScenarioFile, TicketChange
from triage.replay.farends import PackOnly, Script, ScriptedActuator, ScriptedTickets
from triage.replay.inline import without_threads
from triage.replay.measuring import arrivals, before
from triage.replay.orchestrators import Orchestrators
from triage.replay.repair import acted_of, claim_of, told_of
from triage.replay.saying import Polls, event_fact, state_facts
from triage.replay.telling import Telling
from triage.repository import OutboxStatus
from triage.sweeping import Sweep
from triage.ticket_watch import TicketWatch
from triage.tickets.port import TicketError
from triage.troubles import read_from

MINUTE = timedelta(minutes=1)


async def play(scenario: ScenarioFile, inventory: Inventory, policy: Policy) -> AsyncIterator[Mapping[str, Any]]:
    """Lines in the order in which things happened."""
    with tempfile.TemporaryDirectory(prefix="lineproof-replay-") as folder, without_threads():
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
        self._journal = Journal(folder / "journal.sqlite", throwaway=True)
        self._store = EmbeddedStore(self._journal, folder / "parts", 36_500)
        self._evidence = EvidenceFolder(folder / "evidence")
        self._cadences: dict[Source, Cadence] = {}
        self._until = scenario.moment(scenario.until)
        self._telling = Telling(self._clock)
        self._due: list[datetime] = []
        self._standing: set[str] = set()
        self._blind = False
        self._happened = self._effects = self._decided_something = False
        self._coming: deque[tuple[datetime, int, Entry | SampleBatch]] = deque()
        self._orchestrators = Orchestrators(inventory, self._clock, self._store)
        self._tickets = ScriptedTickets(self._database, self._clock)
        self._tickets.script = Script(TicketError, self._telling.called)
        self._actuator = ScriptedActuator(Script(ActuatorError, self._telling.called))
        self._begin_process()

    async def _restart(self) -> None:
        await self._orchestrators.close()
        self._begin_process()

    def _begin_process(self) -> None:
        """All that a process keeps in memory, anew."""
        self._polls = Polls()
        self._sweep = Sweep(self._journal, HotFollower(self._journal, all_of_it=True))
        self._engine = Engine(
            self._database, self._judging, self._evidence, self._clock, observer=self._decided, sweep=self._sweep
        )
        self._watch = TicketWatch(self._database, self._clock, self._tickets)
        self._performer = Performer(
            self._database, self._clock, self._tickets, PackOnly(), self._actuator, self._evidence, self._known
        )

    async def _judging(self) -> Judging:
        troubles = read_from(self._database)
        return Judging(self._store, self._inventory, self._cadences, self._policy, troubles=troubles)

    async def _known(self) -> Inventory:
        return self._inventory

    async def begin(self) -> None:
        await self._database.create_all()
        for samples in self._scenario.history:
            if (batch := before(samples, self._scenario.start)) is not None:
                await self._measured(batch)

    async def end(self) -> None:
        await self._orchestrators.close()
        await self._store.close()
        await self._database.close()

    async def play(self) -> AsyncIterator[Mapping[str, Any]]:
        self._coming.extend(sorted(self._entries(), key=lambda item: item[:2]))
        moment = self._clock.now()
        while moment <= self._until:
            self._clock.move_to(moment)
            while self._coming and self._coming[0][0] <= moment:
                _, self._telling.entry, entry = self._coming.popleft()
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
            moment = self._next_moment()
        yield await self._summary()

    def _entries(self) -> Iterator[tuple[datetime, int, Entry | SampleBatch]]:
        """What happens when; rows of samples that are measured later than they are written down arrive one by one."""
        for place, entry in enumerate(self._scenario.timeline):
            at = self._scenario.moment(entry.at)
            if entry.samples is None:
                yield at, place, entry
                continue
            for moment, batch in arrivals(entry.samples, at, self._scenario.start):
                yield moment, place, batch

    async def _tick(self, moment: datetime) -> None:
        """The minute's sweep; where it would find nothing and no case stands, nothing is recorded of it either."""
        if moment.second or moment.microsecond:
            return
        if not self._standing:
            swept = await self._sweep.look(await self._judging(), moment)
            if not swept.sites and not swept.blind and not self._blind:
                return
            self._blind = bool(swept.blind)
        await self._engine.tick()
        self._happened = True

    def _next_moment(self) -> datetime:
        """The next entry, whole minute, due timer or outbox retry, whichever comes first; always later than now."""
        now = self._clock.now()
        minute = now.replace(second=0, microsecond=0) + MINUTE
        moments = [*self._due, *([self._coming[0][0]] if self._coming else [])]
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

    async def _happen(self, entry: Entry | SampleBatch) -> None:
        now, start = self._clock.now(), self._scenario.start
        if isinstance(entry, SampleBatch):
            await self._measured(entry)
        elif entry.facts is not None:
            await self._store.write_facts(state_facts(entry.facts, self._inventory, now, start))
        elif entry.event is not None:
            await self._store.write_facts([event_fact(entry.event, now, start)])
        elif entry.poll is not None:
            await self._store.write_facts(list(self._polls.facts(entry.poll, now)))
        elif entry.answer is not None:
            await self._read_orchestrator(entry)
        elif entry.maintenance is not None:
            body = entry.maintenance
            window = MaintenanceWindow(
                id=body.id or f"window-{self._telling.entry}", sites=body.sites, links=body.links,
                start=self._scenario.moment(body.start), end=self._scenario.moment(body.end),
                recurrence=body.recurrence, timezone=body.timezone, status=body.status,
            )  # fmt: skip
            others = (one for one in self._inventory.maintenance if one.id != window.id)
            self._inventory = replace(self._inventory, maintenance=(*others, window))
        elif entry.policy is not None:
            self._policy = merged(self._policy, entry.policy, f"timeline[{self._telling.entry}].policy")
        else:
            await self._act(entry, now)

    async def _measured(self, batch: SampleBatch) -> None:
        # One cadence a source, as in an installation; it promises each slot before the next one ends.
        every = int(batch.seconds[0])
        self._cadences[batch.source] = Cadence(every=every, late=every)
        await self._store.write(batch)

    async def _read_orchestrator(self, entry: Entry) -> None:
        """This answer and those that follow it from the same host at the same moment are one reading."""
        answers = [entry.answer] if entry.answer is not None else []
        while self._coming and isinstance(following := self._coming[0][2], Entry) and following.answer is not None:
            same = following.answer.orchestrator == answers[0].orchestrator
            if self._coming[0][0] > self._clock.now() or not same:
                break
            answers.append(following.answer)
            self._coming.popleft()
        window = next((one.window for one in answers if one.window is not None), None)
        read, cadence = await self._orchestrators.read(
            answers, self._scenario.moment(window) if window is not None else None
        )
        if read.rows:
            self._cadences[Source.ORCHESTRATOR] = cadence
        self._telling.read(answers[0].orchestrator, read)

    async def _act(self, entry: Entry, now: datetime) -> None:
        if entry.claim is not None:
            claim = claim_of(entry.claim, now, self._scenario.moment)
            await self._put(ClaimReported(claim=claim, open_ticket=True))
        elif entry.person is not None:
            await self._decide(entry.person)
        elif entry.carrier is not None:
            case = entry.carrier.case or await self._newest_case(entry.carrier.site or "")
            await self._put(told_of(entry.carrier, case, self._scenario.moment))
        elif entry.ticket_system is not None:
            if entry.ticket_system.change is not None:
                await self._change(entry.ticket_system.change)
            self._tickets.script.write(entry.ticket_system.next)
        elif entry.actuator is not None:
            self._actuator.script.write(entry.actuator.next)
        else:
            await self._restart()

    async def _change(self, change: TicketChange) -> None:
        """A human changes a ticket. It is looked at before too, so that only what they changed is theirs."""
        await self._watch.look()
        ticket = await self._tickets.changed(change, f"entry:{self._telling.entry}")
        self._telling.changed(change, ticket)
        for seq in await self._watch.look():
            self._telling.caused(seq)
        self._happened = True

    async def _decide(self, person: Person) -> None:
        target = await self._target(person)
        await self._put(acted_of(person, target, self._scenario.moment))

    async def _put(self, happened: ClaimReported | PersonActed | CarrierTold) -> None:
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

    async def _newest_case(self, site: str) -> str:
        async with self._database.reading() as connection:
            cases = await repository.cases(connection, site=site, limit=1)
        return cases[0].id if cases else "C-0"

    async def _summary(self) -> Mapping[str, Any]:
        async with self._database.reading() as connection:
            standing = await repository.cases(connection, only_open=True, limit=10_000)
        tickets = await self._tickets.list()
        return self._telling.summary([case.id for case in reversed(standing)], [one.id for one in reversed(tickets)])
