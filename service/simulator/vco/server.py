"""A VCO as a real HTTP server: Portal API v1 (REST-like and JSON-RPC), API v2, log-ins, limits, and its troubles."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable, Set
from dataclasses import dataclass, field
from random import Random
from urllib.parse import quote

from aiohttp import web

from config.clock import Clock
from service.simulator.vco import version2
from service.simulator.vco.accounts import Account, Door, Role
from service.simulator.vco.methods import answer
from service.simulator.vco.oddities import Json
from service.simulator.vco.rate_limit import PENALTY, LeakyBucket
from service.simulator.vco.replies import HTML_PAGE, Reply, error_reply, json_reply, not_authorized, send
from service.simulator.vco.requests import BadRequestError, Request
from service.simulator.vco.sheets import Sheets, encoded
from service.simulator.vco.troubles import Trouble, TroubleKind, Troubles
from service.simulator.vco.world import World

SESSION, MESSAGE = "velocloud.session", "velocloud.message"
LOGIN_ROLES = {
    "operatorLogin": frozenset({Role.OPERATOR}),
    "enterpriseLogin": frozenset({Role.PARTNER, Role.CUSTOMER}),
}
HICCUP = Trouble(kind=TroubleKind.HTML, share=0.004)
"""One call in 250 meets a proxy's HTML error page, as happens in the field."""


@dataclass(slots=True)
class VcoServer:
    """`limited` switches the limit of calls per user; `calls` counts by method, and by `log_in`, `limited`."""

    world: World
    clock: Clock
    door: Door
    troubles: Troubles = field(default_factory=lambda: Troubles(Random(7)))
    limited: bool = True
    on_request: Callable[[], None] = lambda: None
    calls: Counter[str] = field(default_factory=Counter)
    _buckets: dict[str, LeakyBucket] = field(default_factory=dict)
    _sheets: Sheets | None = None

    def application(self) -> web.Application:
        app = web.Application(client_max_size=1 << 20)
        for path in ("/portal/rest/login/{kind}", "/login/{kind}"):
            app.router.add_post(path, self._log_in)
        for path in ("/portal/rest/logout", "/logout"):
            app.router.add_post(path, self._log_out)
        app.router.add_post("/portal/rest/{area}/{method}", self._rest)
        for path in ("/portal", "/portal/"):
            app.router.add_post(path, self._json_rpc)
        app.router.add_get(version2.BASE + "{path:.*}", self._version2)
        app.router.add_get("/sdwan/{path:.*}", _moved)
        for path in ("/", "/ui/login"):
            app.router.add_get(path, _page)
        return app

    async def start(self, listening: socket.socket, tls: ssl.SSLContext | None = None) -> web.AppRunner:
        """Serve on a bound socket until the returned runner is cleaned up."""
        runner = web.AppRunner(self.application(), access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await web.SockSite(runner, listening, ssl_context=tls).start()
        return runner

    def now(self) -> float:
        return self.clock.now().timestamp()

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        self.on_request()
        kind = request.match_info["kind"]
        if kind not in LOGIN_ROLES:
            return await send(request, error_reply(400, -32600, f"unknown method login/{kind}"))
        self.calls["log_in"] += 1
        met = self.troubles.of_call(f"login/{kind}")
        if (refusal := self._limit("", met)) is not None:
            return await send(request, refusal)
        try:
            given = _parameters(await request.read())
        except BadRequestError as error:
            return await send(request, error_reply(400, -32600, str(error)))
        cookie = self.door.log_in(str(given.get("username")), str(given.get("password")), LOGIN_ROLES[kind], self.now())
        if cookie is None:
            refused = web.Response(status=302, headers={"Location": "/ui/login"})
            refused.set_cookie(MESSAGE, quote("Invalid username or password"))
            return refused
        # The vendor documents 200 and 302 for the same success; the portal's own page is left with a redirect.
        rest = request.path.startswith("/portal/")
        accepted = web.Response(status=200) if rest else web.Response(status=302, headers={"Location": "/"})
        accepted.set_cookie(SESSION, cookie, httponly=True, secure=request.secure)
        return accepted

    async def _log_out(self, request: web.Request) -> web.StreamResponse:
        self.on_request()
        self.door.log_out(request.cookies.get(SESSION, ""))
        left = web.Response(status=302, headers={"Location": "/ui/login"})
        left.del_cookie(SESSION)
        return left

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        method = f"{request.match_info['area']}/{request.match_info['method']}"
        body = await request.read()
        return await self._served(request, method, lambda account: self._portal(method, _parameters(body), account))

    async def _json_rpc(self, request: web.Request) -> web.StreamResponse:
        try:
            envelope = _parameters(await request.read())
            method, number = envelope.get("method"), envelope.get("id")
            if envelope.get("jsonrpc") != "2.0" or not isinstance(method, str):
                raise BadRequestError("not a JSON-RPC 2.0 request")
            parameters = envelope.get("params") or {}
            if not isinstance(parameters, dict):
                raise BadRequestError("params is not an object")
        except BadRequestError as error:
            return await send(request, error_reply(400, -32600, str(error)))
        method = method.strip("/")
        return await self._served(
            request, method, lambda account: self._portal(method, parameters, account), envelope_id=encoded(number)
        )

    async def _version2(self, request: web.Request) -> web.StreamResponse:
        path, query = request.match_info["path"], dict(request.query)

        def make(account: Account) -> Reply:
            return version2.reply(path, query, account, self.troubles.applied(self.world), self.now())

        return await self._served(request, f"v2/{version2.template_of(path)}", make, version=2)

    async def _served(
        self,
        request: web.Request,
        method: str,
        make: Callable[[Account], Reply],
        *,
        version: int = 1,
        envelope_id: bytes | None = None,
    ) -> web.StreamResponse:
        """A call from the door to the last byte: who calls, the limit, what goes wrong, the answer."""
        self.on_request()
        self.calls[method] += 1
        met = self.troubles.of_call(method)
        kinds = {trouble.kind for trouble in met}
        account = self._caller(request)
        if TroubleKind.EXPIRED_SESSION in kinds:
            self.door.log_out(request.cookies.get(SESSION, ""))
            account = None
        if account is None:
            return await send(request, not_authorized(version), envelope_id)
        if (refusal := self._limit(account.name, met)) is not None:
            return await send(request, refusal, envelope_id)
        bucket = self._bucket(account.name)
        bucket.in_flight += 1
        try:
            reply = _troubled(kinds) or _made(make, account)
            for trouble in met:
                if trouble.kind is TroubleKind.SLOW:
                    await asyncio.sleep(trouble.seconds)
            return await send(request, reply, envelope_id, half=TroubleKind.HALF_ANSWER in kinds)
        finally:
            bucket.in_flight -= 1

    def _portal(self, method: str, parameters: Json, account: Account) -> Reply:
        if self._sheets is None:
            self._sheets = Sheets(self.world.register)
        asked = Request(method, parameters, account, self.troubles.applied(self.world), self.now())
        return json_reply(answer(asked, self._sheets))

    def _caller(self, request: web.Request) -> Account | None:
        header = request.headers.get("Authorization", "")
        if header.startswith("Token "):
            return self.door.by_token(header.removeprefix("Token "))
        return self.door.by_cookie(request.cookies.get(SESSION, ""), self.now())

    def _bucket(self, name: str) -> LeakyBucket:
        return self._buckets.setdefault(name, LeakyBucket())

    def _limit(self, name: str, met: list[Trouble]) -> Reply | None:
        """429 where a user's calls are too many; None where the call may go on."""
        # Real seconds: the limit protects the server, and the server is real.
        real, bucket = time.monotonic(), self._bucket(name)
        if any(trouble.kind is TroubleKind.RATE_LIMITED for trouble in met):
            bucket.limited_until = real + PENALTY
        if real < bucket.limited_until or (self.limited and not bucket.admits(real)):
            self.calls["limited"] += 1
            return error_reply(429, 429, "Too Many Requests")
        return None


def _made(make: Callable[[Account], Reply], account: Account) -> Reply:
    try:
        return make(account)
    except BadRequestError as error:
        return error_reply(400, -32600, str(error))


def _troubled(kinds: Set[object]) -> Reply | None:
    """What is sent in place of the answer."""
    if TroubleKind.HTML in kinds:
        return HTML_PAGE
    if TroubleKind.SERVER_ERROR in kinds:
        return error_reply(500, -32603, "Internal error")
    return json_reply([]) if TroubleKind.EMPTY in kinds else None


def _parameters(body: bytes) -> Json:
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        raise BadRequestError("the body is not JSON") from None
    if not isinstance(value, dict):
        raise BadRequestError("the body is not an object")
    return value


async def _moved(request: web.Request) -> web.Response:
    """The path of releases before 5.0."""
    query = f"?{request.query_string}" if request.query_string else ""
    return web.Response(status=308, headers={"Location": f"{version2.BASE}{request.match_info['path']}{query}"})


async def _page(_request: web.Request) -> web.Response:
    return web.Response(text="<html><body>Orchestrator</body></html>", content_type="text/html")
