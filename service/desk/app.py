"""The desk as an aiohttp application."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from config.errors import LineproofError, NotFoundError
from service.desk import (
    carrier,
    cases,
    claims,
    guard,
    health,
    home,
    inputs,
    links,
    outbox,
    proposals,
    search,
    sites,
    tickets,
)
from service.desk.context import INSTALLATION, NEIGHBOURS, STATIC, page, set_up_templates
from service.desk.newest import NEWEST, NewestSamples
from service.desk.views.problem import Problem, sentence_of
from service.installation import Installation
from service.times import UsageError

log = structlog.get_logger()

LARGEST_FORM = 64 * 1024
NEIGHBOUR_TIMEOUT = aiohttp.ClientTimeout(total=1.0)


def create_app(installation: Installation) -> web.Application:
    """The desk of an opened installation; whoever runs it binds it to loopback."""
    app = web.Application(
        middlewares=[health.count, problems, guard.guard, outbox.with_alerts], client_max_size=LARGEST_FORM
    )
    app[INSTALLATION] = installation
    app[NEWEST] = NewestSamples(installation)
    app.cleanup_ctx.append(_neighbours)
    app.on_response_prepare.append(guard.add_headers)
    set_up_templates(app)
    for module in (home, search, sites, links, claims, inputs, cases, carrier, proposals, tickets, outbox, health):
        app.add_routes(module.routes)
    app.router.add_static("/static/", STATIC)
    return app


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what went wrong into a page with one clear sentence."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return page(request, "problem.html", Problem(error.status, error.text or error.reason), status=error.status)
    except NotFoundError as error:
        return page(request, "problem.html", Problem(404, str(error)), status=404)
    except UsageError as error:
        return page(request, "problem.html", Problem(422, str(error)), status=422)
    except LineproofError as error:
        log.warning("page_failed", path=request.path, error=sentence_of(error))
        return page(request, "problem.html", Problem(503, sentence_of(error)), status=503)


async def _neighbours(app: web.Application) -> AsyncIterator[None]:
    async with aiohttp.ClientSession(timeout=NEIGHBOUR_TIMEOUT) as session:
        app[NEIGHBOURS] = session
        yield
