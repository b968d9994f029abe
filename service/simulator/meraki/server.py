"""A dashboard as a real HTTP server: Dashboard API v1 with keys, the limit of calls per organization, pages by Link
headers, redirects to a shard, and its troubles."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from collections import Counter
from collections.abc import Callable, Set
from dataclasses import dataclass, field

from aiohttp import web

from config.clock import Clock
from service.simulator.meraki.answers import OPERATIONS, PAGED, Answer
from service.simulator.meraki.asked import Asked, Json, RefusedError, World
from service.simulator.meraki.troubles import TroubleKind, Troubles

API = "/api/v1"
SHARD = "/shard" + API
VENDORS_HOST, VENDORS_SHARD = "api.meraki.com", "n149.meraki.com"
CALLS_A_SECOND = 10.0
BURST = 20.0
"""A burst of 10 more in the first second."""
USUAL_PAGE = 1000


@dataclass(slots=True)
class Bucket:
    tokens: float = BURST
    at: float = 0.0

    def admits(self, now: float) -> bool:
        """Whether a call at `now` (seconds) is let through; if it is, it counts."""
        self.tokens = min(BURST, self.tokens + (now - self.at) * CALLS_A_SECOND)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass(slots=True)
class DashboardServer:
    """`keys` may call everything. `limited` switches the limit of calls; `calls` counts by operation and `limited`."""

    world: World
    clock: Clock
    keys: set[str]
    troubles: Troubles = field(default_factory=Troubles)
    limited: bool = True
    calls: Counter[str] = field(default_factory=Counter)
    _buckets: dict[str, Bucket] = field(default_factory=dict)
    _routes: list[tuple[re.Pattern[str], str, Answer]] = field(default_factory=list)

    def application(self) -> web.Application:
        self._routes = [
            (re.compile(re.escape(path).replace(r"\{id\}", "([^/]+)") + r"\Z"), path, answer)
            for path, answer in OPERATIONS.items()
        ]
        app = web.Application()
        app.router.add_get(API + "/{path:.*}", self._serve)
        app.router.add_get(SHARD + "/{path:.*}", self._serve)
        return app

    async def start(self, listening: socket.socket) -> web.AppRunner:
        """Serve on a bound socket until the returned runner is cleaned up."""
        runner = web.AppRunner(self.application(), access_log=None)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        return runner

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        met = {trouble.kind: trouble for trouble in self.troubles.of_call(path)}
        if (slow := met.get(TroubleKind.SLOW)) is not None:
            await asyncio.sleep(slow.seconds)
        if TroubleKind.REVOKED_KEY in met or _key(request) not in self.keys:
            return _errors(401, "Invalid API key")
        operation, id_, answer = self._found(path)
        self.calls[operation] += 1
        limited = met.get(TroubleKind.RATE_LIMITED)
        if limited is not None or (self.limited and not self._bucket(id_).admits(time.monotonic())):
            self.calls["limited"] += 1
            wait = max(1, round(limited.seconds)) if limited is not None else 1
            return _errors(429, "API rate limit exceeded for organization", {"Retry-After": str(wait)})
        if (refusal := _refusal(met.keys())) is not None:
            return refusal
        if TroubleKind.MOVED in met and (where := _shard(request)) is not None:
            return web.Response(status=308, headers={"Location": where})
        if answer is None:
            return _errors(404, "Not found")
        try:
            asked = Asked(self.world, id_, list(request.query.items()), self.clock.now().timestamp())
            value = answer(asked)
            headers: dict[str, str] = {}
            if operation in PAGED and isinstance(value, list):
                value, headers = _page(request, operation, value, circle=TroubleKind.CIRCLE in met)
        except RefusedError as error:
            return _errors(error.status, str(error))
        body = b"[]" if TroubleKind.EMPTY in met else json.dumps(value).encode()
        if TroubleKind.HALF_ANSWER in met:
            return await _half(request, body)
        return web.Response(body=body, content_type="application/json", headers=headers)

    def _found(self, path: str) -> tuple[str, str, Answer | None]:
        for pattern, operation, answer in self._routes:
            if (match := pattern.match(path)) is not None:
                return operation, match.group(1) if match.groups() else "", answer
        return "unknown", "", None

    def _bucket(self, id_: str) -> Bucket:
        """The organization's, whatever of it is called."""
        for organization in self.world.organizations:
            known = {organization.id, *(network.id for network in organization.networks)}
            if id_ in known or any(id_ in network.serials for network in organization.networks):
                return self._buckets.setdefault(organization.id, Bucket())
        return self._buckets.setdefault("", Bucket())


def _key(request: web.Request) -> str:
    header = request.headers.get("Authorization", "")
    return (
        header.removeprefix("Bearer ")
        if header.startswith("Bearer ")
        else request.headers.get("X-Cisco-Meraki-API-Key", "")
    )


def _refusal(kinds: Set[TroubleKind]) -> web.Response | None:
    """What is sent in place of the answer."""
    made: dict[TroubleKind, Callable[[], web.Response]] = {
        TroubleKind.NGINX_LIMITED: lambda: web.Response(status=429, text="<html>429 Too Many Requests</html>"),
        TroubleKind.NO_API: lambda: _errors(404, "API access is not enabled for this organization"),
        TroubleKind.FORBIDDEN: lambda: _errors(403, "Forbidden"),
        TroubleKind.SERVER_ERROR: lambda: web.Response(status=500),
        TroubleKind.HTML: lambda: web.Response(
            status=502, text="<html><body>502 Bad Gateway</body></html>", content_type="text/html"
        ),
    }
    return next((make() for kind, make in made.items() if kind in kinds), None)


def _errors(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"errors": [text]}, status=status, headers=headers)


def _shard(request: web.Request) -> str | None:
    """Where an organization's calls are sent on to: another host, as the vendor does, for callers who take us for
    `api.meraki.com`; for all others a folder of ours. None for a call that is there already."""
    url = request.url
    if url.host == VENDORS_HOST:
        return str(url.with_host(VENDORS_SHARD))
    if url.host == VENDORS_SHARD or request.path.startswith(SHARD):
        return None
    return str(url.with_path(SHARD + request.path.removeprefix(API), keep_query=True))


def _page(
    request: web.Request, operation: str, entries: list[Json], *, circle: bool
) -> tuple[list[Json], dict[str, str]]:
    """The entries after `startingAfter`, and the Link header to those that follow."""
    least, most = PAGED[operation]
    text = request.query.get("perPage", str(min(USUAL_PAGE, most)))
    if not text.isdigit() or not least <= int(text) <= most:
        raise RefusedError(400, f"'perPage' must be between {least} and {most}")
    size = int(text)
    after = request.query.get("startingAfter")
    names = [_token(entry) for entry in entries]
    first = names.index(after) + 1 if after in names else 0
    shown = entries[first : first + size]
    base = str(request.url.without_query_params("startingAfter", "endingBefore"))
    links = [f"<{base}>; rel=first"]
    if circle or first + size < len(entries):
        token = after if circle and after else _token(shown[-1]) if shown else "0"
        links.append(f"<{request.url.update_query(startingAfter=token)}>; rel=next")
    return shown, {"Link": ", ".join(links)}


def _token(entry: Json) -> str:
    return str(entry.get("serial") or entry.get("id") or entry.get("ts"))


async def _half(request: web.Request, body: bytes) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(len(body)), "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
