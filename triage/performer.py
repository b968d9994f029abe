"""The performer: commits `trying`, calls the far end, commits `done` with the answer as an inbox row.

After a crash a `trying` row is done again: tickets are searched by their key before they are created, notes carry
keys, files count once by name and digest. So a repeat changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

import structlog

from config.clock import Clock
from config.database import Database
from config.errors import LineproofError
from inventory.model import Inventory
from triage import inbox, repository
from triage.actuator.plan import ReroutePlan, reroute_plan
from triage.actuator.port import Actuator
from triage.cases import Effect, EffectKind, Proposal
from triage.evidence import EvidenceRenderer
from triage.evidence_folder import EvidenceFolder
from triage.inputs import Answered
from triage.metrics import EFFECTS
from triage.repository import OutboxRow, OutboxStatus
from triage.tickets.port import NewTicket, TicketError, TicketStatus, TicketSystem, TicketUpdate

log = structlog.get_logger()

MOST_ATTEMPTS = 10
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(minutes=10)


def wait_before(attempt: int) -> timedelta:
    """How long to wait after the given failed attempt (from 1): doubling, bounded. The same every time."""
    return min(LONGEST_WAIT, FIRST_WAIT * float(2 ** min(attempt - 1, 20)))


class Performer:
    """Does what the outbox says, in its order, each effect once."""

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
        withhold: frozenset[EffectKind] = frozenset(),
    ) -> None:
        self._database = database
        self._clock = clock
        self._tickets = tickets
        self._renderer = renderer
        self._actuator = actuator
        self._evidence = evidence
        self._inventory = inventory
        self._withhold = withhold

    async def perform_due(self) -> int:
        """Do everything that is due now; returns how many effects were tried."""
        async with self._database.reading() as connection:
            rows = await repository.outbox(
                connection, statuses=(OutboxStatus.PENDING, OutboxStatus.TRYING), due=self._clock.now()
            )
        for row in rows:
            await self._perform(row)
        return len(rows)

    async def _perform(self, row: OutboxRow) -> None:
        effect = row.effect
        if effect.kind in self._withhold:
            text = f"withheld: {effect.kind} is switched off by `tickets: dry_run` in the settings"
            await self._finish(row, OutboxStatus.WITHHELD, self._answer(effect, ok=True, text=text))
            return
        if row.status is OutboxStatus.TRYING and row.attempts >= MOST_ATTEMPTS:
            why = f"this process has ended during each of {row.attempts} attempts; see its log, then do it by hand"
            await self._failed(row, LineproofError(why))
            return
        trying = replace(row, status=OutboxStatus.TRYING, attempts=row.attempts + 1)
        async with self._database.writing() as connection:
            await repository.mark_outbox(connection, trying)
        try:
            answer = await self._call(effect)
        except LineproofError as error:
            await self._failed(trying, error)
        except Exception as error:  # a defect in one effect must not stop all others: shown, tried again, given up
            log.error("effect_broke", key=effect.key, exc_info=error)
            await self._failed(trying, LineproofError(f"{type(error).__name__}: {error}; see the log", retryable=True))
        else:
            await self._finish(trying, OutboxStatus.DONE, answer)

    async def _call(self, effect: Effect) -> Answered:
        if effect.kind in (EffectKind.APPLY_REROUTE, EffectKind.REVERT_REROUTE):
            return await self._reroute(effect)
        if effect.kind is EffectKind.OPEN_TICKET:
            return await self._open_ticket(effect)
        ticket = effect.ticket or await self._ticket_of(effect)
        match effect.kind:
            case EffectKind.ATTACH_EVIDENCE:
                pack = await asyncio.to_thread(self._evidence.get, effect.evidence_sha256 or "")
                for file in await self._renderer.render(pack, effect.case):
                    await self._tickets.attach(ticket, file)
            case EffectKind.NOTE_TICKET:
                await self._tickets.add_note(ticket, effect.key, effect.text)
            case EffectKind.RESOLVE_TICKET:
                await self._tickets.update(
                    ticket, effect.key, TicketUpdate(status=TicketStatus.RESOLVED, text=effect.text)
                )
            case EffectKind.UPDATE_TICKET:
                update = TicketUpdate(
                    status=effect.status,
                    severity=effect.severity,
                    queue=effect.queue,
                    owner=effect.owner,
                    text=effect.text,
                )
                await self._tickets.update(ticket, effect.key, update)
        return self._answer(effect, ok=True, ticket=ticket)

    async def _open_ticket(self, effect: Effect) -> Answered:
        ticket = await self._tickets.find(effect.key)
        if ticket is None:
            async with self._database.reading() as connection:
                case = await repository.case_by_id(connection, effect.case)
            ticket = await self._tickets.create(
                NewTicket(
                    external_id=effect.key,
                    name=effect.title,
                    description=effect.text,
                    severity=effect.severity,
                    client=case.client,
                    site=case.site,
                )
            )
        return self._answer(effect, ok=True, ticket=ticket)

    async def _ticket_of(self, effect: Effect) -> str:
        async with self._database.reading() as connection:
            case = await repository.case_by_id(connection, effect.case)
        if case.ticket is None:
            raise TicketError(f"the ticket of {effect.case} is not open yet; it is tried again", retryable=True)
        return case.ticket

    async def _reroute(self, effect: Effect) -> Answered:
        async with self._database.reading() as connection:
            proposal = await repository.proposal_by_id(connection, effect.proposal or "")
        plan = plan_of(proposal, await self._inventory())
        apply = self._actuator.apply if effect.kind is EffectKind.APPLY_REROUTE else self._actuator.revert
        return self._answer(effect, ok=True, text=await apply(plan))

    def _answer(self, effect: Effect, *, ok: bool, ticket: str | None = None, text: str = "") -> Answered:
        return Answered(
            key=effect.key,
            kind=effect.kind,
            case=effect.case,
            ok=ok,
            ticket=ticket,
            proposal=effect.proposal,
            text=text,
        )

    async def _finish(self, row: OutboxRow, status: OutboxStatus, answer: Answered) -> None:
        now = self._clock.now()
        async with self._database.writing() as connection:
            await repository.mark_outbox(connection, replace(row, status=status, done_at=now, last_error=""))
            await inbox.put(connection, f"answer:{row.effect.key}:{row.number}", answer, now)
        EFFECTS.labels(row.effect.kind.value, status.value).inc()
        log.info("performed", effect=row.effect.kind.value, key=row.effect.key, status=status.value)

    async def _failed(self, row: OutboxRow, error: LineproofError) -> None:
        """Try again later where that can help; else give up, loudly, and tell the case."""
        EFFECTS.labels(row.effect.kind.value, "failed").inc()
        log.warning("effect_failed", key=row.effect.key, attempt=row.attempts, error=str(error))
        if error.retryable and row.attempts < MOST_ATTEMPTS:
            due = self._clock.now() + wait_before(row.attempts)
            async with self._database.writing() as connection:
                again = replace(row, status=OutboxStatus.PENDING, next_at=due, last_error=str(error))
                await repository.mark_outbox(connection, again)
            return
        answer = self._answer(row.effect, ok=False, text=str(error))
        now = self._clock.now()
        async with self._database.writing() as connection:
            await repository.mark_outbox(connection, replace(row, status=OutboxStatus.DEAD, last_error=str(error)))
            await inbox.put(connection, f"answer:{row.effect.key}:{row.number}", answer, now)


def plan_of(proposal: Proposal, inventory: Inventory) -> ReroutePlan:
    """What carrying out a proposal means. Raises LineproofError when its links have left the inventory."""
    troubled = inventory.links.get(proposal.from_link)
    relief = inventory.links.get(proposal.to_link)
    if troubled is None or relief is None:
        raise LineproofError(f"a link of {proposal.id} is no longer in the inventory; refuse it and look again")
    return reroute_plan(inventory.devices.get(troubled.device or ""), troubled, relief)
