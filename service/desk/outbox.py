"""The outbox: what is said of it on every page, its list, and what a named person decides about a row of it."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from service.case_acts import person
from service.desk.context import ALERTS, form_of, installation, is_fragment, page
from service.desk.views.alerts import Alert, OutboxPage, alerts, outbox_lines
from service.installation import Installation
from service.times import UsageError
from triage import outbox, repository
from triage.sight import blindness

routes = web.RouteTableDef()

MOST_LISTED = 200
_WITHOUT_ALERTS = ("/static/", "/health", "/metrics")


@web.middleware
async def with_alerts(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A whole page begins with what is wrong with ourselves; parts of pages do not repeat it."""
    if request.method == "GET" and not is_fragment(request) and not request.path.startswith(_WITHOUT_ALERTS):
        request[ALERTS] = await _alerts(installation(request))
    return await handler(request)


@routes.get("/alerts")
async def show_alerts(request: web.Request) -> web.Response:
    request[ALERTS] = await _alerts(installation(request))
    return page(request, "_alerts.html", None)


@routes.get("/outbox")
async def show(request: web.Request) -> web.Response:
    async with installation(request).database.reading() as connection:
        rows = await repository.outbox(connection, statuses=outbox.UNDONE, limit=MOST_LISTED)
        depths = await outbox.depths(connection)
    more = sum(count for count, _ in depths.values()) - len(rows)
    view = OutboxPage(outbox_lines(rows), max(0, more), depths[repository.OutboxStatus.DEAD][0])
    return page(request, "outbox.html", view)


@routes.post("/outbox/act")
async def act(request: web.Request) -> web.Response:
    opened, form = installation(request), await form_of(request)
    does, by = form.text("does"), person(form.text("who"))
    if does not in ("retry", "give_up"):
        raise UsageError(f"{does!r} cannot be done to what is in the outbox; choose one of the buttons")
    decide = outbox.retry if does == "retry" else outbox.give_up
    async with opened.database.writing() as connection:
        await decide(connection, form.text("key"), by, opened.clock.now())
    raise web.HTTPSeeOther("/outbox")


async def _alerts(opened: Installation) -> tuple[Alert, ...]:
    async with opened.database.reading() as connection:
        waiting = await repository.outbox(connection, statuses=outbox.WAITING, limit=MOST_LISTED)
        return alerts(await blindness(connection), waiting, await outbox.depths(connection))
