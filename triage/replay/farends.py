"""Far ends whose answers a scenario writes: the built-in tickets and the dry run behind scripted failures."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from triage.actuator.dryrun import DryRun
from triage.actuator.plan import ReroutePlan
from triage.actuator.port import ActuatorError
from triage.evidence import EvidenceFile, EvidencePack
from triage.replay.bodies import Outcome, Reply, TicketChange
from triage.tickets.builtin import BuiltinTickets
from triage.tickets.port import NewTicket, TicketError, TicketStatus, TicketUpdate

Result = TypeVar("Result")
Told = Callable[[str, str, str], None]
"""Takes (what was called, its key, the outcome)."""


class Script:
    """What the next calls meet; afterwards everything works. Every attempt is told."""

    def __init__(self, error: type[TicketError | ActuatorError], told: Told) -> None:
        self._next: deque[Outcome] = deque()
        self._error = error
        self._told = told

    def write(self, outcomes: Sequence[Outcome]) -> None:
        self._next.extend(outcomes)

    async def call(self, what: str, key: str, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do `work` as the script says. `timeout_after` does it and lets nobody know."""
        outcome = self._next.popleft() if self._next else "ok"
        if outcome == "timeout_after":
            await work()
        if outcome == "ok" or (isinstance(outcome, Reply) and outcome.status < 300):
            result = await work()
            self._told(what, key, "ok")
            return result
        said = outcome if isinstance(outcome, str) else f"http_{outcome.status}"
        self._told(what, key, said)
        refused = isinstance(outcome, Reply) and outcome.status < 500 and outcome.status != 429
        raise self._error(f"{what} was answered by {said}", retryable=not refused)


class ScriptedTickets(BuiltinTickets):
    """The built-in ticket system, reached through a script."""

    script: Script

    async def create(self, new: NewTicket) -> str:
        return await self.script.call("create", new.external_id, lambda: super(ScriptedTickets, self).create(new))

    async def add_note(self, ticket: str, key: str, text: str) -> None:
        await self.script.call("note", key, lambda: super(ScriptedTickets, self).add_note(ticket, key, text))

    async def attach(self, ticket: str, file: EvidenceFile) -> None:
        await self.script.call("attach", file.name, lambda: super(ScriptedTickets, self).attach(ticket, file))

    async def update(self, ticket: str, key: str, update: TicketUpdate) -> None:
        what = "resolve" if update.status is TicketStatus.RESOLVED else "update"
        await self.script.call(what, key, lambda: super(ScriptedTickets, self).update(ticket, key, update))

    async def changed(self, change: TicketChange, key: str) -> str | None:
        """Change a ticket as a human would who works in the ticket system itself; None when there is no such ticket."""
        known = [ticket.id for ticket in await self.list()]
        ticket = change.ticket or next(iter(known), None)
        if ticket is None or ticket not in known:
            return None
        update = TicketUpdate(
            status=change.status, severity=change.severity, queue=change.queue, owner=change.owner,
            text=change.note or "",
        )  # fmt: skip
        await self.update_by(change.by, ticket, key, update)
        return ticket


class ScriptedActuator(DryRun):
    """The dry run, reached through a script."""

    def __init__(self, script: Script) -> None:
        self.script = script

    async def apply(self, plan: ReroutePlan) -> str:
        return await self.script.call("apply", plan.device, lambda: super(ScriptedActuator, self).apply(plan))

    async def revert(self, plan: ReroutePlan) -> str:
        return await self.script.call("revert", plan.device, lambda: super(ScriptedActuator, self).revert(plan))


class PackOnly:
    """Attaches the pack itself; a replay renders no pages."""

    async def render(self, pack: EvidencePack, case: str) -> tuple[EvidenceFile, ...]:
        return (EvidenceFile(f"evidence-{case}.json", "application/json", pack.content),)
