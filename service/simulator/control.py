"""The simulator's own small HTTP server: the telephone, the counters, and the truth once the story is over."""

from __future__ import annotations

import socket
from collections.abc import Callable

from aiohttp import web

from config.clock import Clock
from service.simulator.faults import Plan
from service.simulator.truth import Exchanged, revealed, told


class Control:
    """`GET /calls?after=N` gives the calls made so far from the N-th on; `/counters`; `/truth` (409 before the end)."""

    def __init__(self, plan: Plan, clock: Clock, exchanged: Callable[[], Exchanged]) -> None:
        self._plan, self._clock, self._exchanged = plan, clock, exchanged

    async def start(self, listening: socket.socket) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/calls", self._calls)
        app.router.add_get("/counters", self._counters)
        app.router.add_get("/truth", self._truth)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        return runner

    async def _calls(self, request: web.Request) -> web.Response:
        after = int(request.query.get("after", "0"))
        now = self._clock.now().timestamp()
        made = [call for call in self._plan.calls if call.at <= now]
        return web.json_response([told(call).model_dump(mode="json") for call in made[after:]])

    async def _counters(self, _request: web.Request) -> web.Response:
        return web.json_response(self._exchanged().model_dump(mode="json"))

    async def _truth(self, _request: web.Request) -> web.Response:
        if self._clock.now().timestamp() < self._plan.over:
            return web.json_response({"error": "the story is not over"}, status=409)
        return web.json_response(revealed(self._plan).model_dump(mode="json"))
