"""Cases: the list, and one with its verdict, its proposals and what was decided."""

from __future__ import annotations

import asyncio
from datetime import UTC, tzinfo

from aiohttp import web

from config.errors import LineproofError, NotFoundError
from inventory.model import Inventory
from service.desk.acting import enqueue_case_act, enqueue_opening
from service.desk.context import form_of, identity_of, installation, is_fragment, page, site_of
from service.desk.views.alerts import outbox_lines
from service.desk.views.case_list import CaseFilter, case_list
from service.desk.views.case_page import CasePage, proposal_views, stopped_seconds
from service.desk.views.home import case_lines
from service.desk.views.repair import repair_view
from service.desk.views.verdicts import Verdict, verdict_view
from service.installation import Installation
from service.storytelling import in_words, story_document
from service.submitting import new_key
from service.tickets import known_tickets
from triage import audit, repository
from triage.acts import FITS
from triage.cases import Case
from triage.inputs import PersonAct
from triage.outbox import rows_of as outbox_of
from triage.tickets.builtin import BuiltinTickets
from triage.tickets.port import Ticket

routes = web.RouteTableDef()


MOST_READ = 10_000


@routes.get("/cases")
async def cases(request: web.Request) -> web.Response:
    opened, query = installation(request), request.query
    wanted = CaseFilter(
        query.get("q", ""),
        query.get("status", ""),
        query.get("severity", ""),
        query.get("owner", ""),
        query.get("all") == "1",
    )
    async with opened.database.reading() as connection:
        found = await repository.cases(connection, only_open=not wanted.all, limit=MOST_READ)
    view = case_list(case_lines(found, await opened.inventory()), wanted, cut=len(found) == MOST_READ)
    return page(request, "_case_rows.html" if is_fragment(request) else "cases.html", view)


@routes.get("/cases/{id}")
async def case(request: web.Request) -> web.Response:
    view = await _read_case(installation(request), identity_of(request, "C"))
    return page(request, "_case_state.html" if is_fragment(request) else "case.html", view)


@routes.post("/cases/{id}/act")
async def act(request: web.Request) -> web.Response:
    opened, ident = installation(request), identity_of(request, "C")
    async with opened.database.reading() as connection:
        about = await repository.case_by_id(connection, ident)
    seq = await enqueue_case_act(opened, await form_of(request), about)
    raise web.HTTPSeeOther(f"/inputs/{seq}?case={ident}")


@routes.post("/sites/{site}/cases")
async def open_case(request: web.Request) -> web.Response:
    """Raises UsageError and LineproofError, which are told on a page of their own."""
    found = await site_of(request)
    seq = await enqueue_opening(installation(request), await form_of(request), found.id)
    raise web.HTTPSeeOther(f"/inputs/{seq}?site={found.id}")


async def _read_case(opened: Installation, ident: str) -> CasePage:
    """Raises NotFoundError."""
    now = opened.clock.now()
    inventory = await opened.inventory()
    async with opened.database.reading() as connection:
        found = await repository.case_by_id(connection, ident)
        parent = await repository.case_by_id(connection, found.parent) if found.parent else None
        children = await repository.cases(connection, parent=ident) if found.is_parent else []
        proposals = await repository.proposals_of(connection, ident)
        rows = await outbox_of(connection, ident)
        known = await known_tickets(connection, opened.tickets.name, ticket=found.ticket) if found.ticket else ()
        told = await audit.story(connection, ident)
    verdict, problem = await _verdict(opened, found)
    return CasePage(
        line=case_lines([found], inventory)[0],
        verdict=verdict,
        problem=problem,
        story=tuple(in_words([story_document(one) for one in told], _zone(inventory, found))),
        stopped=stopped_seconds(found, now),
        system=known[0].system if known else "",
        proposals=proposal_views(proposals, inventory, new_key("person")),
        ticket=await _ticket(opened, found),
        outbox=outbox_lines(rows),
        acts=tuple(act for act in PersonAct if found.status in FITS.get(act, ())),
        key=new_key("person"),
        parent=parent,
        children=case_lines(children, inventory),
        repair=repair_view(found, inventory, now, new_key("carrier")),
    )


def _zone(inventory: Inventory, case: Case) -> tzinfo:
    site = inventory.sites.get(case.site)
    return site.zone if site is not None else UTC


async def _verdict(opened: Installation, case: Case) -> tuple[Verdict | None, str]:
    if case.evidence_sha256 is None:
        return None, "this case has no evidence pack"
    try:
        pack = await asyncio.to_thread(opened.evidence.get, case.evidence_sha256)
        return await asyncio.to_thread(verdict_view, pack, case.id, with_claim=True), ""
    except LineproofError as error:
        return None, str(error)


async def _ticket(opened: Installation, case: Case) -> Ticket | None:
    """Of the built-in system. Another one is asked on the ticket's own page only: this page refreshes itself."""
    if case.ticket is None or not isinstance(opened.tickets, BuiltinTickets):
        return None
    try:
        return await opened.tickets.show(case.ticket)
    except NotFoundError:
        return None
