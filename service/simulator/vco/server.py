"""The orchestrator as a real HTTP server: token or cookie login, rate limit, the vendor's ways to fail."""

from __future__ import annotations

import json
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from aiohttp import web

from config.clock import Clock
from service.simulator.vco import answers, records
from service.simulator.vco.answers import Json, World
from service.simulator.vco.rate_limit import LeakyBucket

PAGE = 2048
HICCUP_SHARE = 0.004
"""One call in 250 meets a proxy's HTML error page, as happens in the field."""
DEFAULT_SPAN = 12 * 3600
"""Without an interval the vendor takes the last twelve hours."""


class BadRequestError(Exception):
    """Parameters that the vendor refuses with code -32600; the text is its message."""


@dataclass(slots=True)
class OrchestratorServer:
    """`token` is the one API token that is accepted; `passwords` those of users who log in for a cookie."""

    world: World
    clock: Clock
    token: str
    passwords: dict[str, str] = field(default_factory=dict)
    on_request: Callable[[], None] = lambda: None
    hiccup_share: float = HICCUP_SHARE
    bucket: LeakyBucket = field(default_factory=LeakyBucket)
    sessions: set[str] = field(default_factory=set)
    chance: Random = field(default_factory=lambda: Random(7))

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/portal/rest/{area}/{method}", self._call)
        return app

    async def start(self, listening: socket.socket) -> web.AppRunner:
        """Serve on a bound socket until the returned runner is cleaned up."""
        runner = web.AppRunner(self.application(), access_log=None)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        return runner

    async def _call(self, request: web.Request) -> web.Response:
        self.on_request()
        # Real seconds: the limit protects the server, and the server is real.
        if not self.bucket.admits(time.monotonic()):
            return web.json_response({"error": {"code": 429, "message": "Too Many Requests"}}, status=429)
        self.bucket.in_flight += 1
        try:
            body = await request.read()
            return self._answer(request, body)
        finally:
            self.bucket.in_flight -= 1

    def _answer(self, request: web.Request, body: bytes) -> web.Response:
        method = f"{request.match_info['area']}/{request.match_info['method']}"
        try:
            parameters = _parameters(body)
            if method in ("login/enterpriseLogin", "login/operatorLogin"):
                return self._login(parameters)
            if not self._known(request):
                return _token_error()
            if self.chance.random() < self.hiccup_share:
                return web.Response(
                    status=502, text="<html><body><h1>502 Bad Gateway</h1></body></html>", content_type="text/html"
                )
            return web.json_response(self._result(method, parameters), dumps=_compact)
        except BadRequestError as error:
            return web.json_response({"error": {"code": -32600, "message": str(error)}}, status=400)

    def _known(self, request: web.Request) -> bool:
        header = request.headers.get("Authorization", "")
        given = header.removeprefix("Token ") if header.startswith("Token ") else ""
        return secrets.compare_digest(given, self.token) or request.cookies.get("velocloud.session") in self.sessions

    def _login(self, parameters: Json) -> web.Response:
        user, password = str(parameters.get("username")), str(parameters.get("password"))
        expected = self.passwords.get(user)
        if expected is None or not secrets.compare_digest(password, expected):
            refused = web.Response(status=302, headers={"Location": "/ui/login"})
            refused.set_cookie("velocloud.message", "Invalid username or password")
            return refused
        session = secrets.token_hex(16)
        self.sessions.add(session)
        accepted = web.Response(status=200)
        accepted.set_cookie("velocloud.session", session)
        return accepted

    def _result(self, method: str, parameters: Json) -> Any:  # noqa: ANN401 - any JSON
        now = self.clock.now().timestamp()
        enterprise = parameters.get("enterpriseId")
        with_parts = parameters.get("with") or []
        match method:
            case "monitoring/getEnterpriseEdgeLinkStatus":
                return answers.link_status(self.world, now)
            case "monitoring/getAggregateEdgeLinkMetrics":
                return answers.aggregates(self.world, *_interval(parameters, now), now)
            case "metrics/getEdgeLinkSeries":
                premises = self._edge(parameters)
                metrics = [str(name) for name in parameters.get("metrics") or []]
                return answers.series(self.world, premises, *_interval(parameters, now), metrics, now)
            case "enterprise/getEnterpriseEdges":
                links = "links" in with_parts or "recentLinks" in with_parts
                return records.enterprise_edges(self.world, enterprise, now, with_links=links)
            case "network/getNetworkEnterprises":
                return records.network_enterprises(self.world, now, with_edges="edges" in with_parts)
            case "edge/getEdgeConfigurationModules":
                return records.configuration_modules(self.world, self._edge(parameters), now)
            case "event/getEnterpriseEvents":
                return self._events(parameters, enterprise, now)
        raise BadRequestError(f"unknown method {method}")

    def _edge(self, parameters: Json) -> Any:  # noqa: ANN401 - Premises, named by the vendor's id
        premises = self.world.edge(parameters.get("edgeId", -1))
        if premises is None:
            raise BadRequestError("invalid edgeId")
        return premises

    def _events(self, parameters: Json, enterprise: int | None, now: float) -> Json:
        start, end = _interval(parameters, now)
        chosen = records.events(self.world, enterprise, start, end, now)
        filters = parameters.get("filter") or {}
        for rule in filters.get("rules") or []:
            if rule.get("field") == "event" and rule.get("op") in ("is", "in"):
                chosen = [event for event in chosen if event["event"] in (rule.get("values") or [])]
        limit = min(int(filters.get("limit") or PAGE), PAGE)
        first = int(parameters.get("nextPageLink") or 0)
        page = chosen[first : first + limit]
        meta: Json = {"limit": limit, "more": first + limit < len(chosen)}
        if meta["more"]:
            meta["nextPageLink"] = str(first + limit)
        return {"metaData": meta, "data": page}


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _parameters(body: bytes) -> Json:
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        raise BadRequestError("the body is not JSON") from None
    if not isinstance(value, dict):
        raise BadRequestError("the body is not an object")
    return value


def _interval(parameters: Json, now: float) -> tuple[float, float]:
    """The interval in epoch seconds; given as 13-digit milliseconds or RFC 3339."""
    interval = parameters.get("interval") or {}
    start, end = interval.get("start"), interval.get("end")
    return (
        _moment(start) if start is not None else now - DEFAULT_SPAN,
        _moment(end) if end is not None else now,
    )


def _moment(value: object) -> float:
    try:
        return value / 1000 if isinstance(value, int) else datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        raise BadRequestError(f"invalid time {value!r}") from None


def _token_error() -> web.Response:
    """An expired session or wrong token: HTTP 200 all the same, told by the body and `Expires: 0`."""
    error = {"error": {"code": -32000, "message": "tokenError [expired session cookie]"}}
    return web.json_response(error, headers={"Expires": "0"})
