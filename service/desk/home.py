"""The first page."""

from __future__ import annotations

from aiohttp import web

from service.desk.context import is_fragment, page
from service.desk.overview import read_overview
from service.desk.views.home import home_view

routes = web.RouteTableDef()


@routes.get("/")
async def home(request: web.Request) -> web.Response:
    overview = await read_overview(request.app)
    view = home_view(overview.lines(), overview.cases, overview.seen.inventory, overview.sources())
    return page(request, "_home.html" if is_fragment(request) else "home.html", view)
