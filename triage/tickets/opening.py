"""What a case's ticket is opened with. Pure."""

from __future__ import annotations

from inventory.model import Inventory
from triage.cases import Case, Effect
from triage.tickets.notes import one_line
from triage.tickets.port import NewTicket, TicketType
from triage.trouble_class import TroubleClass, trouble_class

OUTAGES = frozenset({TroubleClass.HARD_DOWN, TroubleClass.LINK_DOWN})
"""A line that is down while another carries the site is an outage of that line (topic VOO)."""


def new_ticket(effect: Effect, case: Case, parent: Case | None, inventory: Inventory) -> NewTicket:
    """The words are the effect's; what identifies the service is the inventory's, of the line that the case is about,
    and empty where there is none. `parent` is the case of the carrier's trouble that it is part of."""
    link = inventory.links.get(case.link or "")
    device = inventory.devices.get(link.device or "") if link else None
    links = [one for one in inventory.links.values() if one.site == case.site]
    found = trouble_class(case.cause, case.link, links)
    claim = case.claim
    return NewTicket(
        external_id=effect.key,
        name=effect.title,
        description=effect.text,
        severity=effect.severity,
        client=case.client,
        site=case.site,
        ticket_type=TicketType.OUTAGE if found in OUTAGES else TicketType.SERVICE_AFFECTING,
        circuit=(link.circuit_id or "") if link else "",
        service_number=(link.service_number or "") if link else "",
        serial=device.serials[0] if device and device.serials else "",
        interface=(link.interface or "") if link else "",
        reported_by=one_line(claim.reported_by) if claim else "",
        client_reference=one_line(claim.intake.client_reference) if claim else "",
        parent=(parent.ticket or "") if parent else "",
    )
