"""The repair on a case's page: the intake, what the carrier will still ask, and the carrier's own tickets. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from inventory.model import Inventory, Link, Site
from service.desk.views.reporting import Report
from triage.carrier_leg import is_overdue, overdue_words
from triage.cases import CarrierTicket, Case
from triage.intake import QUESTION_WORDS, call_back, missing
from triage.ticket_wording import intake_rows


@dataclass(frozen=True, slots=True)
class CarrierLine:
    """`overdue` says which promise is broken; empty while none is."""

    ticket: CarrierTicket
    overdue: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairView:
    intake: tuple[tuple[str, str], ...]
    warning: str
    """About who reported."""
    questions: tuple[str, ...]
    tickets: tuple[CarrierLine, ...]
    lines: tuple[Link, ...]
    blank: Report | None
    """What a form for the client's answers begins with; None where there is no one client to ask."""
    place: str
    """Whose clock the form's times are of."""
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OverdueCarrier:
    """A carrier's broken promise, in the list of all."""

    case: Case
    site: Site | None
    ticket: CarrierTicket
    words: str


def repair_view(case: Case, inventory: Inventory, now: datetime, key: str) -> RepairView:
    """Of a parent, or where the site has left the inventory, the carriers' tickets alone."""
    site, client = inventory.sites.get(case.site), inventory.clients.get(case.client)
    intake: tuple[tuple[str, str], ...] = ()
    questions: tuple[str, ...] = ()
    if site is not None and client is not None:
        intake = tuple(intake_rows(case.claim, site, client, case.intake).items())
        asked = missing(case.claim, site, client, inventory.links.get(case.link or ""), case.intake)
        questions = tuple(QUESTION_WORDS[question] for question in asked)
    return RepairView(
        intake=intake,
        warning=call_back(case.claim, site, client) if site is not None and client is not None else "",
        questions=questions,
        tickets=tuple(CarrierLine(one, _overdue(one, now, _zone(site))) for one in case.carrier_tickets),
        lines=tuple(link for link in inventory.links_at(case.site) if link.is_wan),
        blank=Report() if site is not None and client is not None else None,
        place=site.timezone if site is not None else "UTC",
        key=key,
    )


def overdue_carriers(cases: tuple[Case, ...], inventory: Inventory, now: datetime) -> tuple[OverdueCarrier, ...]:
    """Of the open cases, the promises that carriers have broken; the longest overdue first."""
    found = []
    for case in cases:
        site = inventory.sites.get(case.site)
        found += [
            (_since(one), OverdueCarrier(case=case, site=site, ticket=one, words=_overdue(one, now, _zone(site))))
            for one in case.carrier_tickets
            if is_overdue(one, now)
        ]
    return tuple(one for _, one in sorted(found, key=lambda pair: pair[0]))


def _since(ticket: CarrierTicket) -> datetime:
    return min(moment for moment in (ticket.next_update_at, ticket.etr) if moment is not None)


def _overdue(ticket: CarrierTicket, now: datetime, zone: tzinfo) -> str:
    return overdue_words(ticket, now, zone) if is_overdue(ticket, now) else ""


def _zone(site: Site | None) -> tzinfo:
    return site.zone if site is not None else UTC
