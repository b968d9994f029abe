"""The manager as a real HTTP server: log-in and token, sessions that end, limits, pages, and its ways to fail."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from aiohttp import web

from config.clock import Clock
from service.simulator.catalyst import records, statistics
from service.simulator.catalyst.fabric import Fabric
from service.simulator.catalyst.records import Json

LOG_IN_PAGE = "<html>\n<head><title>Cisco Catalyst SD-WAN</title></head><body>Log in</body></html>"
MOST_SESSIONS = 250
BULK_ROWS = 10_000


@dataclass(slots=True, kw_only=True)
class Faults:
    """What goes wrong at the host. Counts are of calls that are still to be answered so.

    `empty` and `half` name resources; `missing` system IPs that no answer mentions; `expired_as` is how a lost
    session is told: 200, 302 or 403, always with the log-in page.
    """

    limited: int = 0
    busy: int = 0
    retry_after: int | None = 1
    broken: int = 0
    html: int = 0
    slow: float = 0.0
    half: set[str] = field(default_factory=set)
    empty: set[str] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    circle: bool = False
    expired_as: int = 200


@dataclass(slots=True, kw_only=True)
class ManagerServer:
    """`page` caps the rows of a bulk answer; `collects_every` is the round, in seconds, in which statistics come in."""

    fabric: Fabric
    clock: Clock
    passwords: dict[str, str] = field(default_factory=lambda: {"lineproof": "simulated"})
    faults: Faults = field(default_factory=Faults)
    page: int = BULK_ROWS
    collects_every: float = 1800.0
    sessions: dict[str, str] = field(default_factory=dict)
    scrolls: dict[str, tuple[list[Json], int]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    most_sessions: int = 0
    at_once: int = 0
    most_at_once: int = 0

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/j_security_check", self._log_in)
        app.router.add_route("*", "/logout", self._log_out)
        app.router.add_get("/dataservice/{resource:.+}", self._resource)
        return app

    async def start(self, listening: socket.socket) -> web.AppRunner:
        """Serve on a bound socket until the returned runner is cleaned up."""
        runner = web.AppRunner(self.application(), access_log=None)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        return runner

    def expire_sessions(self) -> None:
        self.sessions.clear()

    async def _log_in(self, request: web.Request) -> web.Response:
        self.calls["j_security_check"] += 1
        form = await request.post()
        expected = self.passwords.get(str(form.get("j_username")))
        if expected is None or not secrets.compare_digest(str(form.get("j_password")).encode(), expected.encode()):
            return web.Response(text=LOG_IN_PAGE, content_type="text/html")
        if len(self.sessions) >= MOST_SESSIONS:
            self.sessions.pop(next(iter(self.sessions)))
        session = secrets.token_hex(16).upper()
        self.sessions[session] = secrets.token_hex(32).upper()
        self.most_sessions = max(self.most_sessions, len(self.sessions))
        answer = web.Response()
        answer.set_cookie("JSESSIONID", session, path="/", httponly=True)
        return answer

    async def _log_out(self, request: web.Request) -> web.Response:
        self.calls["logout"] += 1
        self.sessions.pop(request.cookies.get("JSESSIONID", ""), None)
        return web.Response(text=LOG_IN_PAGE, content_type="text/html")

    async def _resource(self, request: web.Request) -> web.Response:
        resource = request.match_info["resource"]
        self.calls[resource] += 1
        token = self.sessions.get(request.cookies.get("JSESSIONID", ""))
        if token is None:
            return self._expired()
        if request.headers.get("X-XSRF-TOKEN", token) != token:
            details = "SessionTokenFilter: Token provided via HTTP Header does not match the token of the server."
            return _error(403, "Forbidden", details)
        if resource == "client/token":
            return web.Response(text=token)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(self.faults.slow)
        self.at_once -= 1
        return self._fault(resource) or self._answer(resource, request)

    def _expired(self) -> web.Response:
        headers = {"Location": "/welcome.html"} if self.faults.expired_as == 302 else {}
        return web.Response(status=self.faults.expired_as, text=LOG_IN_PAGE, content_type="text/html", headers=headers)

    def _fault(self, resource: str) -> web.Response | None:
        faults = self.faults
        headers = {} if faults.retry_after is None else {"Retry-After": str(faults.retry_after)}
        if faults.limited:
            faults.limited -= 1
            return web.Response(status=429, text="Too Many Requests", headers=headers)
        if faults.busy:
            faults.busy -= 1
            return web.Response(status=503, text="Service Unavailable", headers=headers)
        if faults.broken:
            faults.broken -= 1
            return _error(500, "Internal Server Error", "Failed to retrieve data")
        if faults.html:
            faults.html -= 1
            return web.Response(status=502, text="<html><h1>502 Bad Gateway</h1></html>", content_type="text/html")
        if resource in faults.forbidden:
            return _error(403, "Access denied", "User does not have permission to access this resource")
        return None

    def _answer(self, resource: str, request: web.Request) -> web.Response:
        now = self.clock.now().timestamp()
        query = dict(request.query)
        if resource in ("client/server", "client/about"):
            return _json({"data": _server_info()})
        try:
            body = self._bulk(resource, query, now) or self._plain(resource, query, now)
        except (ValueError, KeyError, TypeError) as error:
            return _error(400, "Invalid Query Param", type(error).__name__)
        if body is None:
            return _error(404, "Not Found", resource)
        answer = _json(body)
        if resource in self.faults.half and isinstance(answer.body, bytes):
            return web.Response(body=answer.body[: len(answer.body) // 2], content_type="application/json")
        return answer

    def _plain(self, resource: str, query: dict[str, str], now: float) -> Json | None:
        rows: list[Json]
        if resource in ("device", "device/system/info"):
            rows = records.devices(self.fabric, now)
        elif resource == "system/device/vedges":
            rows = records.edge_inventory(self.fabric)
        else:
            found = self._of_one(resource, query.get("deviceId", ""), now)
            if found is None:
                return None
            rows = found
        return {"header": {"generatedOn": records.milliseconds(now)}, "data": self._shown(resource, rows)}

    def _of_one(self, resource: str, address: str, now: float) -> list[Json] | None:
        """The real-time resources, which ask one device."""
        edge = self.fabric.edge(address)
        if edge is None or not self.fabric.reachable(address, now):
            return None
        match resource:
            case "device/bfd/sessions":
                return records.bfd_sessions(self.fabric, now, address)
            case "device/control/waninterface":
                return records.wan_interfaces(self.fabric, now, address)
            case "device/system/status":
                return records.system_status(edge, self.fabric, now)
            case "device/control/localproperties":
                return records.local_properties(edge)
            case "device/app-route/statistics":
                moment = max(statistics.readings(self.fabric, edge, now - statistics.POLL, now + 1))
                taken = statistics.app_route(self.fabric, moment, moment + 1, now + 1e6, 1.0)
                return [_now_row(row) for row in taken if row["local_system_ip"] == address]
        return None

    def _bulk(self, resource: str, query: dict[str, str], now: float) -> Json | None:
        """The resources with pages: of states by `startId`, of statistics by `scrollId`."""
        states = {
            "data/device/state/ControlWanInterface": records.wan_interfaces,
            "data/device/state/BFDSessions": records.bfd_sessions,
            "data/device/state/CEdgeInterface": records.interfaces,
        }
        if resource == "data/device/state/Interface":
            return self._state_page(resource, [], query)
        if resource in states:
            return self._state_page(resource, self._shown(resource, states[resource](self.fabric, now)), query)
        if "scrollId" in query:
            rows, first = self.scrolls[query["scrollId"]]
            return self._scroll_page(rows, first, query["scrollId"])
        if resource in ("statistics/approute/page", "statistics/interface/page"):
            start, end, address = _rules(query["query"])
            take = statistics.app_route if "approute" in resource else statistics.interface_statistics
            found = take(self.fabric, start, end + 1, now, self.collects_every)
            return self._scrolled(resource, [row for row in found if row["vdevice_name"] == address])
        kinds = {
            "data/device/statistics/approutestatsstatistics": statistics.app_route,
            "data/device/statistics/interfacestatistics": statistics.interface_statistics,
        }
        if resource in kinds:
            start, end = _period(query)
            return self._scrolled(resource, kinds[resource](self.fabric, start, end + 1, now, self.collects_every))
        if resource == "data/device/statistics/deviceevents":
            start, end = _period(query)
            return self._scrolled(resource, statistics.events(self.fabric, start, end + 1, now))
        return None

    def _state_page(self, resource: str, rows: Sequence[Json], query: dict[str, str]) -> Json:
        count = min(int(query.get("count", "1000")), self.page)
        first = 0 if self.faults.circle else int(query.get("startId", "0"))
        last = first + count
        more = last < len(rows)
        info: Json = {"startId": str(first), "endId": str(last), "moreEntries": more, "count": len(rows[first:last])}
        return {"header": {"resource": resource}, "data": list(rows[first:last]), "pageInfo": info}

    def _scrolled(self, resource: str, rows: list[Json]) -> Json:
        return self._scroll_page(self._shown(resource, rows), 0, secrets.token_urlsafe(40))

    def _scroll_page(self, rows: list[Json], first: int, scroll: str) -> Json:
        """A page of a search that is kept under its id, which stays the same from page to page."""
        last = first + self.page
        more = last < len(rows)
        if more:
            self.scrolls[scroll] = (rows, 0 if self.faults.circle else last)
        else:
            self.scrolls.pop(scroll, None)
        info: Json = {"count": len(rows[first:last]), "hasMoreData": more, "scrollId": scroll}
        return {"data": rows[first:last], "pageInfo": info}

    def _shown(self, resource: str, rows: Sequence[Json]) -> list[Json]:
        if resource in self.faults.empty:
            return []
        keys = ("system-ip", "vdevice-name", "vdevice_name", "local_system_ip")
        own = (next((row[key] for key in keys[1:] if key in row), row.get("system-ip")) for row in rows)
        return [row for row, address in zip(rows, own, strict=True) if address not in self.faults.missing]


def _now_row(row: Json) -> Json:
    return {
        "vdevice-name": row["local_system_ip"],
        "local-color": row["local_color"],
        "remote-system-ip": row["remote_system_ip"],
        "remote-color": row["remote_color"],
        "index": 0,
        "mean-loss": row["loss_percentage"],
        "mean-latency": row["latency"],
        "mean-jitter": row["jitter"],
        "total-packets": row["total"],
    }


def _server_info() -> Json:
    return {
        "server": "simulated-manager",
        "tenancyMode": "SingleTenant",
        "userMode": "tenant",
        "viewMode": "tenant",
        "platformVersion": "20.12.4",
        "version": "20.12.4",
        "applicationVersion": "20.12.4",
        "vpns": [],
        "capabilities": [],
        "roles": ["netadmin"],
    }


def _period(query: dict[str, str]) -> tuple[float, float]:
    if query.get("timeZone", "UTC") != "UTC":
        raise ValueError("timeZone")
    return _moment(query["startDate"]), _moment(query["endDate"])


def _rules(text: str) -> tuple[float, float, str]:
    """The period and the device of a query."""
    rules = {rule["field"]: rule for rule in json.loads(text)["query"]["rules"]}
    if rules["entry_time"]["operator"] != "between" or rules["vdevice_name"]["operator"] != "in":
        raise ValueError("operator")
    start, end = (_moment(value.removesuffix(" UTC")) for value in rules["entry_time"]["value"])
    return start, end, str(rules["vdevice_name"]["value"][0])


def _moment(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()


def _json(value: Json) -> web.Response:
    return web.Response(body=json.dumps(value, separators=(",", ":")).encode(), content_type="application/json")


def _error(status: int, message: str, details: str) -> web.Response:
    body = {"error": {"message": message, "details": details, "code": f"SIM{status}"}}
    return web.Response(status=status, body=json.dumps(body).encode(), content_type="application/json")
