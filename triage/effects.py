"""Carries one effect out at its far end. Every call may be repeated: each carries a key of ours."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable

from config.clock import epoch_ms
from config.database import Database
from config.errors import LineproofError
from inventory.model import Inventory
from triage import repository
from triage.actuator.plan import ReroutePlan, reroute_plan
from triage.actuator.port import Actuator
from triage.cases import Case, Effect, EffectKind, Proposal
from triage.evidence import EvidenceRenderer
from triage.evidence_folder import EvidenceFolder
from triage.inputs import Answered
from triage.mail.port import Mail, Mailer
from triage.modems import modem_of
from triage.tickets.opening import new_ticket
from triage.tickets.port import TicketStatus, TicketSystem, TicketUpdate


class WithheldError(LineproofError):
    """There is nobody to call: the effect stays undone, and the list says why."""


class Effects:
    """The far ends behind their ports."""

    def __init__(
        self,
        database: Database,
        tickets: TicketSystem,
        renderer: EvidenceRenderer,
        actuator: Actuator,
        evidence: EvidenceFolder,
        inventory: Callable[[], Awaitable[Inventory]],
        mailer: Mailer | None,
    ) -> None:
        self._database = database
        self._tickets = tickets
        self._renderer = renderer
        self._actuator = actuator
        self._evidence = evidence
        self._inventory = inventory
        self._mailer = mailer

    async def carry_out(self, effect: Effect, case: Case) -> Answered:
        """Do it; returns the far end's answer. Raises WithheldError, and what the ports raise."""
        match effect.kind:
            case EffectKind.OPEN_TICKET:
                return answer(effect, ok=True, ticket=await self._open_ticket(effect, case))
            case EffectKind.TELL_CLIENT:
                return answer(effect, ok=True, text=await self._tell_client(effect, case))
            case EffectKind.REBOOT_MODEM:
                return answer(effect, ok=True, text=await self._reboot(effect, case))
            case EffectKind.APPLY_REROUTE | EffectKind.REVERT_REROUTE:
                return answer(effect, ok=True, text=await self._reroute(effect))
        ticket = effect.ticket or case.ticket or ""
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
        return answer(effect, ok=True, ticket=ticket)

    async def _open_ticket(self, effect: Effect, case: Case) -> str:
        """The port searches for the key before it creates."""
        parent: Case | None = None
        if case.parent is not None:
            async with self._database.reading() as connection:
                parent = await repository.case_by_id(connection, case.parent)
        return await self._tickets.create(new_ticket(effect, case, parent, await self._inventory()))

    async def _tell_client(self, effect: Effect, case: Case) -> str:
        to = recipients(await self._inventory(), case.client)
        if not to:
            raise WithheldError(f"the inventory has no contact of {case.client or 'a carrier'} with a mail address")
        if self._mailer is None:
            raise WithheldError("no way to send mail is set up; add a `mail` section to the settings")
        await self._mailer.send(mail_of(effect, case, to))
        return f"to {len(to)} contacts"

    async def _reboot(self, effect: Effect, case: Case) -> str:
        inventory = await self._inventory()
        link = inventory.links.get(effect.link or case.link or "")
        if link is None:
            raise LineproofError(f"the line of {case.id} is no longer in the inventory; reboot its modem by hand")
        return await self._actuator.reboot_modem(link, modem_of(link, inventory.devices_at(link.site)))

    async def _reroute(self, effect: Effect) -> str:
        async with self._database.reading() as connection:
            proposal = await repository.proposal_by_id(connection, effect.proposal or "")
        plan = plan_of(proposal, await self._inventory())
        call = self._actuator.apply if effect.kind is EffectKind.APPLY_REROUTE else self._actuator.revert
        return await call(plan)


def answer(effect: Effect, *, ok: bool, ticket: str | None = None, text: str = "", withheld: bool = False) -> Answered:
    return Answered(
        key=effect.key,
        kind=effect.kind,
        case=effect.case,
        ok=ok,
        ticket=ticket,
        proposal=effect.proposal,
        text=text,
        withheld=withheld,
    )


def recipients(inventory: Inventory, client: str) -> tuple[str, ...]:
    """The mail addresses of a client's contacts of the first level of escalation that has any."""
    known = inventory.clients[client].contacts if client in inventory.clients else ()
    reached = [contact for contact in known if contact.email]
    first = min((contact.escalation_level for contact in reached), default=0)
    return tuple(dict.fromkeys(contact.email or "" for contact in reached if contact.escalation_level == first))


def mail_of(effect: Effect, case: Case, to: tuple[str, ...]) -> Mail:
    """The Message-ID is the effect's key as a dot-atom (RFC 5322, 3.6.4), and the case's time beside it: two
    installations count their cases alike."""
    key = re.sub(r"[^A-Za-z0-9-]+", ".", effect.key).strip(".")
    subject = effect.title or case.title
    return Mail(
        message_id=f"{key}.{epoch_ms(case.opened_at)}@lineproof",
        to=to,
        subject=f"[LP#{case.id}] {subject}",
        text=effect.text,
    )


def plan_of(proposal: Proposal, inventory: Inventory) -> ReroutePlan:
    """What carrying out a proposal means. Raises LineproofError when its links have left the inventory."""
    troubled = inventory.links.get(proposal.from_link)
    relief = inventory.links.get(proposal.to_link)
    if troubled is None or relief is None:
        raise LineproofError(f"a link of {proposal.id} is no longer in the inventory; refuse it and look again")
    return reroute_plan(inventory.devices.get(troubled.device or ""), troubled, relief)
