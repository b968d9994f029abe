"""Switches a simulated VCO's troubles while it runs: a small HTTP server beside it, for tests and for people."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from service.simulator.faults import FaultKind, Hit
from service.simulator.vco.server import VcoServer
from service.simulator.vco.troubles import Trouble

_TROUBLE = TypeAdapter(Trouble)


class HitDocument(BaseModel):
    """A fault of a line, or of an edge's management, from `after` seconds on for `seconds`; strength and period as in
    `service.simulator.faults.Hit`. `line` counts the edge's lines from 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: FaultKind
    edge: int
    line: int = 1
    after: float = 0.0
    seconds: float
    strength: float = 0.0
    period: float = 200.0
    down_seconds: float = 80.0


class VcoControl:
    """`/troubles` (GET, POST, DELETE), `/troubles/N` (DELETE), `/hits` (POST), `/sessions` (DELETE), `/calls` (GET)."""

    def __init__(self, server: VcoServer) -> None:
        self._server = server

    async def start(self, listening: socket.socket) -> web.AppRunner:
        """Serve on a bound socket until the returned runner is cleaned up."""
        app = web.Application(middlewares=[_told])
        app.router.add_get("/troubles", self._list)
        app.router.add_post("/troubles", self._begin)
        app.router.add_delete("/troubles", self._end_all)
        app.router.add_delete("/troubles/{number:[0-9]+}", self._end)
        app.router.add_post("/hits", self._hit)
        app.router.add_delete("/sessions", self._end_sessions)
        app.router.add_get("/calls", self._calls)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        return runner

    async def _list(self, _request: web.Request) -> web.Response:
        going_on = self._server.troubles.now_on.items()
        return web.json_response(
            [{"number": number, **_TROUBLE.dump_python(each, mode="json")} for number, (each, _) in going_on]
        )

    async def _begin(self, request: web.Request) -> web.Response:
        trouble = _TROUBLE.validate_json(await request.read())
        return web.json_response({"number": self._server.troubles.begin(trouble, self._server.now())}, status=201)

    async def _end(self, request: web.Request) -> web.Response:
        known = self._server.troubles.end(int(request.match_info["number"]))
        return web.Response(status=204 if known else 404)

    async def _end_all(self, _request: web.Request) -> web.Response:
        self._server.troubles.end_all()
        return web.Response(status=204)

    async def _hit(self, request: web.Request) -> web.Response:
        given = HitDocument.model_validate_json(await request.read())
        premises = self._server.world.edge(given.edge)
        if premises is None or not 0 < given.line <= len(premises.lines):
            return web.json_response({"error": "no such edge or line"}, status=404)
        start = self._server.now() + given.after
        hit = Hit(
            kind=given.kind,
            site=premises.site.id,
            link=premises.lines[given.line - 1].link,
            start=start,
            end=start + given.seconds,
            strength=given.strength,
            period=given.period,
            down_seconds=given.down_seconds,
        )
        self._server.world = self._server.world.with_hits([hit])
        return web.json_response({"link": hit.link}, status=201)

    async def _end_sessions(self, _request: web.Request) -> web.Response:
        self._server.door.end_all()
        return web.Response(status=204)

    async def _calls(self, _request: web.Request) -> web.Response:
        return web.json_response(dict(self._server.calls))


@web.middleware
async def _told(request: web.Request, handler: Callable[[web.Request], Awaitable[Any]]) -> Any:  # noqa: ANN401
    """What is wrong with a body, as 400 with its reasons."""
    try:
        return await handler(request)
    except ValidationError as error:
        return web.json_response({"error": error.errors(include_url=False, include_context=False)}, status=400)
