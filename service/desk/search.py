"""Search: one exact hit leads there, several are listed."""

from __future__ import annotations

from aiohttp import web

from service.desk.context import installation, is_fragment, page
from service.desk.views import search as views

routes = web.RouteTableDef()


@routes.get("/search")
async def search(request: web.Request) -> web.Response:
    found = views.search(await installation(request).inventory(), request.query.get("q", "")[:200])
    if is_fragment(request):
        return page(request, "_hits.html", found)
    if found.sure:
        raise web.HTTPSeeOther(found.hits[0].url)
    return page(request, "search.html", found, status=200 if found.hits else 404)
