"""What a carrier told of its own ticket, and what the client answered for it, noted on the case's page."""

from __future__ import annotations

from aiohttp import web

from service.carrier_told import AHEAD, PAST, TEXTS, named, read_told
from service.claims import checked_intake
from service.desk.claims import key_of
from service.desk.context import form_of, identity_of, installation
from service.desk.views.reporting import ANSWERS, INTAKE_TEXTS, Report, intake_of
from triage import inbox, repository
from triage.inputs import IntakeTold

routes = web.RouteTableDef()


@routes.post("/cases/{id}/carrier")
async def told(request: web.Request) -> web.Response:
    """Raises UsageError, which is told on a page of its own, and NotFoundError."""
    opened, ident = installation(request), identity_of(request, "C")
    form = await form_of(request)
    async with opened.database.reading() as connection:
        case = await repository.case_by_id(connection, ident)
    site = (await opened.inventory()).sites.get(case.site)
    now = opened.clock.now()
    typed = {name: form.text(name) for name in (*TEXTS, *PAST, *AHEAD)}
    happened = read_told(case, site, now, form.text("who"), **typed)
    seq = await inbox.enqueue(opened.database, key_of(form, "carrier"), happened, now)
    raise web.HTTPSeeOther(f"/inputs/{seq}?case={ident}")


@routes.post("/cases/{id}/intake")
async def answered(request: web.Request) -> web.Response:
    """Raises UsageError and NotFoundError."""
    opened, ident = installation(request), identity_of(request, "C")
    form = await form_of(request)
    async with opened.database.reading() as connection:
        await repository.case_by_id(connection, ident)
    report = Report(**{name: form.text(name) for name in (*INTAKE_TEXTS, *ANSWERS)})
    happened = IntakeTold(case=ident, who=named(form.text("who")), intake=checked_intake(intake_of(report)))
    seq = await inbox.enqueue(opened.database, key_of(form, "carrier"), happened, opened.clock.now())
    raise web.HTTPSeeOther(f"/inputs/{seq}?case={ident}")
