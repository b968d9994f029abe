"""Deciding about a re-route proposal. Proposals are shown on their case's page."""

from __future__ import annotations

from aiohttp import web

from service.desk.acting import enqueue_act
from service.desk.context import form_of, identity_of, installation
from triage import repository
from triage.inputs import PersonAct

routes = web.RouteTableDef()

ACTS = (PersonAct.APPROVE, PersonAct.REFUSE, PersonAct.APPLY, PersonAct.REVERT)


@routes.get("/proposals/{id}")
async def show(request: web.Request) -> web.Response:
    async with installation(request).database.reading() as connection:
        proposal = await repository.proposal_by_id(connection, identity_of(request, "P"))
    raise web.HTTPSeeOther(f"/cases/{proposal.case}#{proposal.id}")


@routes.post("/proposals/{id}/act")
async def act(request: web.Request) -> web.Response:
    opened, ident = installation(request), identity_of(request, "P")
    async with opened.database.reading() as connection:
        proposal = await repository.proposal_by_id(connection, ident)
    seq = await enqueue_act(opened, await form_of(request), ident, ACTS)
    raise web.HTTPSeeOther(f"/inputs/{seq}?case={proposal.case}")
