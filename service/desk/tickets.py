"""Tickets of our cases, in whichever system they are, their notes and their files."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote
from zoneinfo import ZoneInfo

from aiohttp import web

from inventory.model import Inventory
from service.desk.context import installation, page
from service.desk.views.words import TICKET_STATUS, Badge
from service.tickets import HandsOutFiles, KnownTicket, known_tickets, saved_file, seen_ticket
from triage.tickets.port import Ticket

routes = web.RouteTableDef()

SHOWN_IN_PLACE = frozenset({"text/html"})
FILE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""For a file that is shown: no script, no origin, nothing from outside. Its own style sheet stands inside it."""


@dataclass(frozen=True, slots=True)
class TicketLine:
    known: KnownTicket
    badge: Badge | None
    zone: ZoneInfo
    site_name: str


@dataclass(frozen=True, slots=True)
class TicketList:
    lines: tuple[TicketLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketPage:
    """`ticket` is None while its system is away, as `problem` says; `known` for one that is none of our cases'."""

    id: str
    ticket: Ticket | None
    known: KnownTicket | None
    problem: str
    badge: Badge | None
    zone: ZoneInfo
    site: str
    site_name: str
    files_here: bool


@routes.get("/tickets")
async def tickets(request: web.Request) -> web.Response:
    opened = installation(request)
    inventory = await opened.inventory()
    async with opened.database.reading() as connection:
        found = await known_tickets(connection, opened.tickets.name)
    return page(request, "tickets.html", TicketList(tuple(_line(ticket, inventory) for ticket in found)))


@routes.get("/tickets/{id}")
async def ticket(request: web.Request) -> web.Response:
    opened = installation(request)
    seen = await seen_ticket(opened, request.match_info["id"])
    site = seen.known.site if seen.known else seen.ticket.site if seen.ticket else ""
    zone, site_name = _site(site, await opened.inventory())
    status = seen.ticket.status.value if seen.ticket else seen.known.status if seen.known else ""
    view = TicketPage(
        id=request.match_info["id"],
        ticket=seen.ticket,
        known=seen.known,
        problem=seen.problem,
        badge=TICKET_STATUS.get(status),
        zone=zone,
        site=site,
        site_name=site_name,
        files_here=isinstance(opened.tickets, HandsOutFiles),
    )
    return page(request, "ticket.html", view)


@routes.get("/tickets/{id}/files/{name}")
async def file(request: web.Request) -> web.Response:
    found = await saved_file(installation(request), request.match_info["id"], request.match_info["name"])
    disposition = "inline" if found.media_type in SHOWN_IN_PLACE else "attachment"
    return web.Response(
        body=found.content,
        content_type=found.media_type,
        charset="utf-8" if found.media_type.startswith("text/") else None,
        headers={
            "Content-Disposition": f"{disposition}; filename*=UTF-8''{quote(found.name, safe='')}",
            "Content-Security-Policy": FILE_POLICY,
            "Cache-Control": "no-store",
        },
    )


def _line(ticket: KnownTicket, inventory: Inventory) -> TicketLine:
    zone, site_name = _site(ticket.site, inventory)
    return TicketLine(ticket, TICKET_STATUS.get(ticket.status), zone, site_name)


def _site(ident: str, inventory: Inventory) -> tuple[ZoneInfo, str]:
    site = inventory.sites.get(ident)
    return (site.zone, site.name or site.id) if site else (ZoneInfo("UTC"), ident)
