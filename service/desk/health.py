"""/health says what is stale and why; /metrics counts it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import Counter, Gauge, Histogram

from config.clock import rfc3339
from config.errors import LineproofError
from service.desk.context import INSTALLATION, NEIGHBOURS
from service.desk.overview import Overview, read_overview
from service.desk.views.freshness import SourceFreshness
from service.desk.views.problem import sentence_of
from service.installation import Installation
from service.settings import HOST
from service.status import metrics
from triage import repository
from triage.carrier_leg import is_overdue
from triage.repository import OutboxStatus
from triage.sight import blindness

routes = web.RouteTableDef()

REQUESTS = Counter("lineproof_desk_requests_total", "Requests to the desk", ["method", "route", "status"])
SECONDS = Histogram("lineproof_desk_request_seconds", "Time to answer a request to the desk", ["route"])
JUDGING = Histogram("lineproof_desk_judging_seconds", "Time of a judgement asked for at the desk, with its charts")
LINKS = Gauge("lineproof_source_links", "Links that a source should measure, by freshness", ["source", "state"])
OPEN_CASES = Gauge("lineproof_open_cases", "Cases that stand open, by status", ["status"])
OVERDUE_CARRIERS = Gauge("lineproof_overdue_carrier_tickets", "Carriers' tickets whose update or repair is overdue")
BLIND = Gauge("lineproof_blind", "1 while we see nothing ourselves and decide nothing of the sites")
OUTBOX = Gauge("lineproof_outbox_rows", "Effects that are not done, by status", ["status"])

_UNDONE = (OutboxStatus.PENDING, OutboxStatus.TRYING, OutboxStatus.DEAD)
MOST_COUNTED = 10_000


@web.middleware
async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Outermost: counts each answer by its route, not by its path, so that the number of series stays small."""
    began = time.perf_counter()
    status = 500
    try:
        response = await handler(request)
        status = response.status
    except web.HTTPException as answer:
        status = answer.status
        raise
    finally:
        resource = request.match_info.route.resource
        route = resource.canonical if resource is not None else "unknown"
        REQUESTS.labels(request.method, route, status).inc()
        SECONDS.labels(route).observe(time.perf_counter() - began)
    return response


@dataclass(frozen=True, slots=True)
class Running:
    """What the other processes, the store and the outbox say of themselves, as /health shows it."""

    collector: Mapping[str, Any]
    engine: Mapping[str, Any]
    store: Mapping[str, Any]
    outbox: Mapping[str, Any]

    def reasons(self) -> list[str]:
        """One sentence for each that is not well."""
        told = (("collector", self.collector), ("engine", self.engine))
        reasons = [f"{name}: {state['why']}" for name, state in told if not state["ok"]]
        if not self.store["ok"]:
            reasons.append(f"store: {self.store['detail']}")
        if self.outbox["dead"]:
            reasons.append(f"outbox: {self.outbox['dead']} given up; `lineproof ticket outbox` lists them")
        return reasons


async def read_running(app: web.Application) -> Running:
    opened = app[INSTALLATION]
    listen = opened.settings.listen
    collector, engine = await asyncio.gather(_ask(app, listen.collector), _ask(app, listen.engine))
    return Running(collector, engine, await _store(opened), await _outbox(opened))


@routes.get("/health")
async def health(request: web.Request) -> web.Response:
    running = await read_running(request.app)
    sources, blind = await _sources(request.app)
    reasons = [
        *running.reasons(),
        *([f"desk: {blind}"] if blind else []),
        *(f"{one.name}: {sentence}" for one in sources for sentence in one.why),
    ]
    document = {
        "ok": not reasons,
        "status": "degraded" if reasons else "ok",
        "why": reasons,
        "now": rfc3339(request.app[INSTALLATION].clock.now()),
        "sources": [_source(one) for one in sources],
        "store": running.store,
        "outbox": running.outbox,
        "processes": {
            "collector": running.collector,
            "engine": running.engine,
            "desk": {"ok": not blind, "why": blind},
        },
    }
    return web.json_response(document, status=503 if reasons else 200, headers={"Cache-Control": "no-store"})


@routes.get("/metrics")
async def show_metrics(request: web.Request) -> web.Response:
    overview = await read_overview(request.app)
    for one in overview.sources():
        LINKS.labels(one.source.value, "fresh").set(one.fresh)
        LINKS.labels(one.source.value, "stale").set(one.expected - one.fresh)
    _count_cases(overview)
    now = request.app[INSTALLATION].clock.now()
    OVERDUE_CARRIERS.set(sum(is_overdue(one, now) for case in overview.cases for one in case.carrier_tickets))
    async with request.app[INSTALLATION].database.reading() as connection:
        BLIND.set(await blindness(connection) is not None)
    outbox = await _outbox(request.app[INSTALLATION])
    for status in _UNDONE:
        OUTBOX.labels(status.value).set(outbox[status.value])
    return await metrics(request)


def _count_cases(overview: Overview) -> None:
    OPEN_CASES.clear()
    for case in overview.cases:
        OPEN_CASES.labels(case.status.value).inc()


async def _ask(app: web.Application, port: int) -> dict[str, Any]:
    """What another process says of itself; that it does not answer is an answer too."""
    address = f"{HOST}:{port}/health"
    foreign = {"ok": False, "why": f"{address} is not one of our processes; see `listen` in the settings"}
    try:
        async with app[NEIGHBOURS].get(f"http://{address}") as response:
            told = await response.json()
    except (aiohttp.ContentTypeError, ValueError):
        return foreign
    except (aiohttp.ClientError, TimeoutError):
        return {"ok": False, "why": f"no answer from {address}; is the process running?"}
    if not isinstance(told, Mapping) or not isinstance(told.get("ok"), bool):
        return foreign
    return {"why": "", **told}


async def _sources(app: web.Application) -> tuple[tuple[SourceFreshness, ...], str]:
    """How fresh every source is, or why that cannot be told."""
    try:
        return (await read_overview(app)).sources(), ""
    except LineproofError as error:
        return (), sentence_of(error)


def _source(one: SourceFreshness) -> dict[str, Any]:
    return {
        "source": one.source.value,
        "ok": one.ok,
        "links": one.expected,
        "fresh": one.fresh,
        "newest": rfc3339(one.newest) if one.newest else None,
        "promise": one.promise,
        "why": list(one.why),
    }


async def _store(opened: Installation) -> dict[str, Any]:
    try:
        state = await opened.store.health()
    except LineproofError as error:
        return {"ok": False, "backlog": None, "newest": None, "detail": str(error)}
    newest = rfc3339(state.newest) if state.newest else None
    return {"ok": state.ok, "backlog": state.backlog, "newest": newest, "detail": state.detail}


async def _outbox(opened: Installation) -> dict[str, Any]:
    async with opened.database.reading() as connection:
        rows = await repository.outbox(connection, statuses=_UNDONE, limit=MOST_COUNTED)
    depth = {status.value: sum(row.status is status for row in rows) for status in _UNDONE}
    dead = [
        f"{row.effect.kind} of {row.effect.case}: {row.last_error}" for row in rows if row.status is OutboxStatus.DEAD
    ]
    return {**depth, "given_up": dead[:10]}
