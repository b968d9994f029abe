"""The first page."""

from __future__ import annotations

import asyncio

from aiohttp import web

from service.desk.context import installation, is_fragment, page
from service.desk.health import read_running
from service.desk.overview import read_overview
from service.desk.views.home import home_view
from triage.mail.aside import mails_waiting

routes = web.RouteTableDef()


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    overview, running = await asyncio.gather(read_overview(request.app), read_running(request.app))
    view = home_view(
        overview.lines(),
        overview.cases,
        overview.seen.inventory,
        overview.sources(),
        installation(request).clock.now(),
        (*running.reasons(), *mails_waiting(installation(request).settings.data)),
    )
    return page(request, "_home.html" if is_fragment(request) else "home.html", view)
