"""The performer: commits `trying`, calls the far end, commits `done` with the answer as an inbox row.

After a crash a `trying` row is done again: tickets are searched by their key before they are created, notes carry
keys, files count once by name and digest. So a repeat changes nothing. That a process has ended is no refusal of the
far end's: such a row is never given up, but tried alone and ever more rarely, loudly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from config.clock import Clock, epoch_ms
from config.database import Database
from config.errors import LineproofError
from inventory.model import Inventory
from triage import inbox, outbox, repository
from triage.actuator.port import Actuator
from triage.audit import Entry, append
from triage.audit_entries import Outcome, of_attempt, of_outcome
from triage.cases import Case, Effect, EffectKind
from triage.effects import Effects, WithheldError, answer
from triage.evidence import EvidenceRenderer
from triage.evidence_folder import EvidenceFolder
from triage.inputs import Answered
from triage.mail.port import Mailer
from triage.metrics import AWAY, EFFECTS, OUTBOX, OUTBOX_AGE
from triage.reach import MINUTE, ON_A_TICKET, FarEnd, Pace, Reach, far_end, wait_before
from triage.repository import OutboxRow, OutboxStatus
from triage.ticket_records import holder_of
from triage.tickets.port import TicketSystem

log = structlog.get_logger()

MOST_ATTEMPTS = 10
"""That a far end may refuse before an effect is given up."""
CALLS = 4
"""What an effect may have called at a ticket system before a restart: search, create, read back, and one to spare."""
MEASURED_EVERY = timedelta(seconds=10)
"""Between two looks at the outbox's depth for the metrics."""


class Performer:
    """Does what the outbox says: each effect once, those of one case in their order, different cases side by side."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        tickets: TicketSystem,
        renderer: EvidenceRenderer,
        actuator: Actuator,
        evidence: EvidenceFolder,
        inventory: Callable[[], Awaitable[Inventory]],
        *,
        mailer: Mailer | None = None,
        withhold: frozenset[EffectKind] = frozenset(),
        pace: Pace | None = None,
        at_once: int = 1,
        may_act: Callable[[], bool] = lambda: True,
    ) -> None:
        """`mailer` None: mails are withheld. `pace` is that of the calls to the ticket system, which counts them itself
        (`triage.tickets.paced`). `at_once`: how many effects each far end is asked for at the same time. `may_act` is
        asked before each effect: whether this process is still the one that acts."""
        self._database = database
        self._clock = clock
        self._effects = Effects(database, tickets, renderer, actuator, evidence, inventory, mailer)
        self._tickets = tickets.name
        self._withhold = withhold
        self._pace = pace
        self._may_act = may_act
        self._reach = {end: Reach(at_once) for end in FarEnd}
        self._running: dict[asyncio.Task[None], OutboxRow] = {}
        self._asked: dict[FarEnd, int] = {}
        self._broken: BaseException | None = None
        self._measured_at: datetime | None = None
        self._remembered = pace is None

    async def perform_due(self) -> int:
        """Do everything that is due now, and wait for it; returns how many effects were tried."""
        tried = 0
        while (begun := await self.begin_due()) or self._running:
            tried += begun
            await self._settle()
        return tried

    async def begin_due(self) -> int:
        """Begin what is due now and may be, beside what is under way; returns how many effects that is."""
        self._raise_broken()
        await self._remember()
        await self._measure()
        return sum([await self._begin_at(end) for end in FarEnd])

    async def idle(self, seconds: float) -> None:
        """Wait until something under way is done, or real seconds have passed."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(seconds)

    async def stop(self) -> None:
        """Leave what is under way where it is: its rows are `trying`, and are done again."""
        for task in list(self._running):
            task.cancel()
        for task in list(self._running):
            with suppress(asyncio.CancelledError):
                await task

    async def _begin_at(self, end: FarEnd) -> int:
        reach = self._reach[end]
        running = [row.number for row in self._running.values() if far_end(row.effect.kind) is end]
        room = reach.room(self._clock.now(), len(running))
        if end is FarEnd.TICKETS and self._pace is not None:
            room = min(room, self._pace.free)
        alone = any(_suspect(row) for row in self._running.values() if far_end(row.effect.kind) is end)
        if room <= 0 or alone or not self._may_act():
            return 0
        due = await self._next(end, room, running)
        left = [row for row, _ in due if row.status is OutboxStatus.TRYING]
        for row in left:
            await self._left_behind(row)
        due = [one for one in due if one[0].status is OutboxStatus.PENDING]
        if suspects := [one for one in due if _suspect(one[0])]:
            due = suspects[:1] if not running else []
        begun = len(left)
        for row, case in due:
            why = await self._why_withheld(row, case)
            if why:
                told = answer(row.effect, ok=True, text=why, withheld=True)
                await self._finish(row, OutboxStatus.WITHHELD, told, why)
            else:
                task = asyncio.create_task(self._perform(row, case))
                self._running[task] = row
                task.add_done_callback(self._forget)
            begun += 1
        return begun

    async def _next(self, end: FarEnd, room: int, running: list[int]) -> list[tuple[OutboxRow, Case]]:
        now, asks = self._clock.now(), self._reach[end].away
        async with self._database.reading() as connection:
            # Whether an away far end is back is asked by each in turn: one may be what breaks it each time.
            after = self._asked.get(end, 0) if asks else 0
            rows = await outbox.next_rows(connection, end, now, limit=room, without=running, after=after)
            if after and not rows:
                rows = await outbox.next_rows(connection, end, now, limit=room, without=running)
            if rows and asks:
                self._asked[end] = rows[0].number
            return [(row, await repository.case_by_id(connection, row.effect.case)) for row in rows]

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._running[task]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = error

    async def _settle(self) -> None:
        while self._running:
            await asyncio.wait(self._running)
        self._raise_broken()

    def _raise_broken(self) -> None:
        """What failed beside the far end - the records database - is the caller's to wait out."""
        error, self._broken = self._broken, None
        if error is not None:
            raise error

    async def _why_withheld(self, row: OutboxRow, case: Case) -> str:
        effect = row.effect
        if effect.kind in self._withhold:
            return f"{effect.kind} is switched off by `tickets: dry_run` in the settings"
        if effect.kind not in ON_A_TICKET:
            return ""
        ticket = effect.ticket or case.ticket
        if ticket is not None:
            return await self._why_another_has_it(effect, ticket)
        async with self._database.reading() as connection:
            opens = await outbox.opening(connection, case.id)
        return "its case has no ticket" if opens is None else f"its ticket was withheld: {opens.last_error}"

    async def _why_another_has_it(self, effect: Effect, ticket: str) -> str:
        """A system may give a newer trouble the ticket of an older one, whose end is not the ticket's then."""
        ends = effect.kind is EffectKind.RESOLVE_TICKET or (effect.status is not None and effect.status.ended)
        if not ends:
            return ""
        async with self._database.reading() as connection:
            holder = await holder_of(connection, self._tickets, ticket)
        return "" if holder in (None, effect.case) else f"ticket {ticket} stands for {holder} now"

    async def _perform(self, row: OutboxRow, case: Case) -> None:
        effect, now = row.effect, self._clock.now()
        trying = replace(row, status=OutboxStatus.TRYING, attempts=row.attempts + 1)
        async with self._database.writing() as connection:
            if not await outbox.begin(connection, row, now):
                return
            await append(connection, [of_attempt(effect, trying.attempts, now)])
        try:
            said = await self._effects.carry_out(effect, case)
        except WithheldError as error:
            told = answer(effect, ok=True, text=str(error), withheld=True)
            await self._finish(trying, OutboxStatus.WITHHELD, told, str(error))
        except LineproofError as error:
            await self._failed(trying, error)
        except Exception as error:  # a defect in one effect must not stop all others: shown, tried again, given up
            log.error("effect_broke", key=effect.key, exc_info=error)
            await self._failed(trying, LineproofError(f"{type(error).__name__}: {error}; see the log", retryable=True))
        else:
            self._reach[far_end(effect.kind)].answered(effect.key)
            await self._finish(trying, OutboxStatus.DONE, said)

    async def _left_behind(self, row: OutboxRow) -> None:
        """A process was ended while it tried this: once is a restart, and it is tried at once; more often it may be
        what ends them."""
        now, times = self._clock.now(), row.interrupted + 1
        again = replace(row, status=OutboxStatus.PENDING, interrupted=times)
        if times > 1:
            wait = wait_before(times - 1, row.effect.key)
            why = f"{times} times our process has ended while it was tried; it is tried alone now, see the log"
            again = replace(again, next_at=now + wait, last_error=why)
        said = again.last_error if times > 1 else "the process was ended while it was tried"
        async with self._database.writing() as connection:
            if not await outbox.left_behind(connection, again):
                return
            await append(connection, [of_outcome(row.effect, Outcome.FAILED, row.attempts, now, text=said)])
        EFFECTS.labels(row.effect.kind.value, "interrupted").inc()
        tell = log.error if times > 1 else log.warning
        tell("effect_interrupted", key=row.effect.key, times=times, next_at=again.next_at.isoformat())

    async def _finish(self, row: OutboxRow, status: OutboxStatus, said: Answered, why: str = "") -> None:
        now = self._clock.now()
        outcome = Outcome.WITHHELD if status is OutboxStatus.WITHHELD else Outcome.DONE
        done = replace(row, status=status, done_at=now, last_error=why)
        told = of_outcome(row.effect, outcome, row.attempts, now, ticket=said.ticket, text=said.text)
        which = "" if status is OutboxStatus.DONE else f":{status}"
        await self._write(done, f"answer:{row.effect.key}:{row.number}{which}", said, told)
        EFFECTS.labels(row.effect.kind.value, status.value).inc()
        log.info("performed", effect=row.effect.kind.value, key=row.effect.key, status=status.value)

    async def _failed(self, row: OutboxRow, error: LineproofError) -> None:
        """Try again later where that can help; else give up, loudly, and tell the case."""
        effect, now = row.effect, self._clock.now()
        reach = self._reach[far_end(effect.kind)]
        was_away = reach.away
        counts = reach.refused(effect.key, error, now)
        if reach.away and not was_away:
            log.error("far_end_away", far_end=far_end(effect.kind).value, why=str(error))
        if not was_away or counts:
            log.warning("effect_failed", key=effect.key, attempt=row.attempts, error=str(error))
        refusals = row.attempts - row.interrupted
        if counts and not (error.retryable and refusals < MOST_ATTEMPTS):
            await self._give_up(row, error)
            return
        EFFECTS.labels(effect.kind.value, "failed").inc()
        due = now + wait_before(refusals, effect.key) if counts else reach.quiet_until or now
        attempts = row.attempts if counts else row.attempts - 1
        again = replace(row, status=OutboxStatus.PENDING, attempts=attempts, next_at=due, last_error=str(error))
        await self._write(again, "", None, of_outcome(effect, Outcome.FAILED, row.attempts, now, text=str(error)))

    async def _give_up(self, row: OutboxRow, error: LineproofError) -> None:
        now = self._clock.now()
        EFFECTS.labels(row.effect.kind.value, "dead").inc()
        log.error("effect_given_up", key=row.effect.key, attempts=row.attempts, error=str(error))
        dead = replace(row, status=OutboxStatus.DEAD, last_error=str(error))
        said = answer(row.effect, ok=False, text=str(error))
        told = of_outcome(row.effect, Outcome.DEAD, row.attempts, now, text=str(error))
        await self._write(dead, f"answer:{row.effect.key}:{row.number}:dead:{epoch_ms(now)}", said, told)

    async def _write(self, row: OutboxRow, key: str, said: Answered | None, told: Entry) -> None:
        """What came of a row, unless somebody else has said so already."""
        async with self._database.writing() as connection:
            if not await outbox.end(connection, row):
                return
            if said is not None:
                await inbox.put(connection, key, said, self._clock.now())
            await append(connection, [told])

    async def _remember(self) -> None:
        """Once: the calls of the process before this one count in their minute too."""
        if self._remembered or self._pace is None:
            return
        async with self._database.reading() as connection:
            tried = await outbox.tried_since(connection, self._clock.now() - MINUTE)
        self._pace.remember([at for kind, at in tried if far_end(kind) is FarEnd.TICKETS for _ in range(CALLS)])
        self._remembered = True

    async def _measure(self) -> None:
        now = self._clock.now()
        if self._measured_at is not None and now - self._measured_at < MEASURED_EVERY:
            return
        self._measured_at = now
        async with self._database.reading() as connection:
            depths = await outbox.depths(connection)
        for status, (count, oldest) in depths.items():
            OUTBOX.labels(status.value).set(count)
            OUTBOX_AGE.labels(status.value).set((now - oldest).total_seconds() if oldest is not None else 0)
        for end, reach in self._reach.items():
            AWAY.labels(end.value).set(reach.away)

    def waits_for(self) -> dict[FarEnd, datetime]:
        """The far ends that are away, and when each is asked again."""
        return {end: reach.quiet_until for end, reach in self._reach.items() if reach.quiet_until is not None}


def _suspect(row: OutboxRow) -> bool:
    """Whether processes have ended while it was tried, more than once: it is tried alone, so that no other is
    interrupted with it."""
    return row.interrupted > 1
