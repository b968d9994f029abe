"""What a link's charts are drawn from."""

from __future__ import annotations

from datetime import timedelta

from aiohttp import web

from config.errors import NotFoundError
from service.desk.context import installation
from service.desk.views.charts import FIELDS_SHOWN, charts

routes = web.RouteTableDef()

SHOWN = timedelta(hours=24)


@routes.get("/api/links/{link}/charts")
async def link_charts(request: web.Request) -> web.Response:
    opened = installation(request)
    inventory = await opened.inventory()
    link = inventory.links.get(request.match_info["link"])
    if link is None:
        raise NotFoundError(f"there is no link {request.match_info['link']!r} in the inventory")
    end = opened.clock.now()
    start = end - SHOWN
    series = await opened.store.window((link.id,), FIELDS_SHOWN, start, end)
    view = charts(link, series, inventory.sites[link.site].timezone, start, end)
    return web.json_response(view.document(), headers={"Cache-Control": "no-store"})
