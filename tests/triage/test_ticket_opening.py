"""A case's ticket is opened with what identifies the service, and with nothing that is not known."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from inventory.model import Device, DeviceRole, Inventory, Link
from triage.cases import Case, CaseStatus, Effect, EffectKind, Origin
from triage.model import Cause, Claim, Intake, Scope, Severity
from triage.tickets.opening import new_ticket
from triage.tickets.port import TicketType

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
ROUTER = Device(id="rtr", site="store-1", role=DeviceRole.ROUTER, serials=("SN-1", "SN-2"))
FIBRE = Link(id="fibre", site="store-1", device="rtr", interface="ge0", circuit_id="CKT-1", service_number="SVC-1")
INVENTORY = Inventory(devices={"rtr": ROUTER}, links={"fibre": FIBRE})
CASE = Case(
    id="C-7", client="acme", site="store-1", status=CaseStatus.OPEN, origins=(Origin.MACHINE,), title="down",
    cause=Cause.LINK_DOWN, scope=Scope.LINK, severity=Severity.MAJOR, link="fibre", onset=NOON, opened_at=NOON,
    updated_at=NOON,
)  # fmt: skip
EFFECT = Effect(key="C-7:ticket", kind=EffectKind.OPEN_TICKET, case="C-7", title="down", text="since noon")


def test_a_ticket_names_circuit_service_device_and_interface():
    ticket = new_ticket(EFFECT, CASE, None, INVENTORY)
    assert (ticket.circuit, ticket.service_number, ticket.serial, ticket.interface) == ("CKT-1", "SVC-1", "SN-1", "ge0")
    assert (ticket.external_id, ticket.client, ticket.site, ticket.name) == ("C-7:ticket", "acme", "store-1", "down")


def test_what_is_not_known_stays_empty():
    ticket = new_ticket(EFFECT, replace(CASE, link=None), None, INVENTORY)
    assert (ticket.circuit, ticket.service_number, ticket.serial, ticket.interface) == ("", "", "", "")
    assert (ticket.reported_by, ticket.client_reference, ticket.parent) == ("", "", "")


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (Cause.SITE_DOWN, TicketType.OUTAGE),
        (Cause.LINK_DOWN, TicketType.OUTAGE),
        (Cause.LOSS, TicketType.SERVICE_AFFECTING),
        (Cause.INSTABILITY, TicketType.SERVICE_AFFECTING),
    ],
)
def test_outages_and_degradations_are_kept_apart(cause: Cause, kind: TicketType):
    assert new_ticket(EFFECT, replace(CASE, cause=cause), None, INVENTORY).ticket_type is kind


def test_a_clients_reference_and_who_reported_travel_with_it():
    claim = Claim(
        site="store-1", client="acme", reported_at=NOON, reported_by="Ada", intake=Intake(client_reference="PO-9")
    )
    ticket = new_ticket(EFFECT, replace(CASE, claim=claim), None, INVENTORY)
    assert (ticket.reported_by, ticket.client_reference) == ("Ada", "PO-9")


def test_who_reported_cannot_write_lines_of_their_own():
    """Some systems tell these in lines of a text, `Reported by: NAME`."""
    claim = Claim(
        site="store-1", client="acme", reported_at=NOON, reported_by="Ada\r\nSeverity: \u202eronim",
        intake=Intake(client_reference="PO-9\nOwner: Bo"),
    )  # fmt: skip
    ticket = new_ticket(EFFECT, replace(CASE, claim=claim), None, INVENTORY)
    assert (ticket.reported_by, ticket.client_reference) == ("Ada Severity: ronim", "PO-9 Owner: Bo")


def test_a_sites_ticket_names_its_carriers():
    parent = replace(CASE, id="C-6", client="", site="carrier:Example@chicago", ticket="T-3")
    assert new_ticket(EFFECT, CASE, parent, INVENTORY).parent == "T-3"
    assert new_ticket(EFFECT, CASE, replace(parent, ticket=None), INVENTORY).parent == ""
