"""Tickets of the built-in system, their notes and their files."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote
from zoneinfo import ZoneInfo

from aiohttp import web

from inventory.model import Inventory
from service.desk.context import identity_of, installation, page
from service.desk.views.words import TICKET_STATUS, Badge
from triage.tickets.port import Ticket

routes = web.RouteTableDef()

SHOWN_IN_PLACE = frozenset({"text/html"})
FILE_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""For a file that is shown: no script, no origin, nothing from outside. Its own style sheet stands inside it."""


@dataclass(frozen=True, slots=True)
class TicketView:
    ticket: Ticket
    badge: Badge
    zone: ZoneInfo
    site_name: str
    case: str | None


@dataclass(frozen=True, slots=True)
class TicketList:
    lines: tuple[TicketView, ...]


@routes.get("/tickets")
async def tickets(request: web.Request) -> web.Response:
    opened = installation(request)
    inventory = await opened.inventory()
    found = await opened.tickets.list()
    return page(request, "tickets.html", TicketList(tuple(_view(ticket, inventory) for ticket in found)))


@routes.get("/tickets/{id}")
async def ticket(request: web.Request) -> web.Response:
    opened = installation(request)
    found = await opened.tickets.show(identity_of(request, "T"))
    return page(request, "ticket.html", _view(found, await opened.inventory()))


@routes.get("/tickets/{id}/files/{name}")
async def file(request: web.Request) -> web.Response:
    found = await installation(request).tickets.attachment(identity_of(request, "T"), request.match_info["name"])
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


def _view(ticket: Ticket, inventory: Inventory) -> TicketView:
    site = inventory.sites.get(ticket.site)
    case, _, _ = ticket.external_id.partition(":")
    return TicketView(
        ticket,
        TICKET_STATUS[ticket.status.value],
        site.zone if site else ZoneInfo("UTC"),
        (site.name or site.id) if site else ticket.site,
        case if case.startswith("C-") else None,
    )
