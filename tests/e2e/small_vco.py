"""A VCO host with the edges that a test gives it, on loopback, beside commands that run as processes."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

TOKEN = "a-token-nobody-may-read"


def moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000Z"


def link(internal_id: str, interface: str, isp: str = "Meridian Fiber", **changes: Any) -> dict[str, Any]:
    """A line as enterprise/getEnterpriseEdges lists it; `down` and `up` are its contracted rates in Mbit/s, as text."""
    return {
        "id": 5000 + len(internal_id),
        "internalId": internal_id,
        "interface": interface,
        "displayName": f"{isp} {interface}",
        "isp": isp,
        "linkMode": "ACTIVE",
        "state": "STABLE",
        "lastActive": moment(datetime.now(UTC)),
        "serviceGroups": ["PUBLIC_WIRED"],
        "down": "100",
        "up": "20",
    } | changes


def edge(number: int, *links: dict[str, Any], name: str = "", **changes: Any) -> dict[str, Any]:
    return {
        "id": number,
        "enterpriseId": 41,
        "name": name or f"EDGE-{number}",
        "modelNumber": "edge520",
        "serialNumber": f"VC{number}",
        "haSerialNumber": None,
        "activationState": "ACTIVATED",
        "edgeState": "CONNECTED",
        "lastContact": moment(datetime.now(UTC)),
        "site": {"streetAddress": f"{number} Pier Street", "city": "Boston", "timezone": "America/New_York"},
        "links": list(links),
    } | changes


@dataclass
class SmallVco:
    """`faults[method]` is an HTTP status that the method answers with instead."""

    edges: list[dict[str, Any]] = field(default_factory=list)
    faults: dict[str, int] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    name: str = "Acme Stores|90001|"
    url: str = ""

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def called(self, method: str) -> int:
        return self.calls.count(method)

    def _run(self, ready: threading.Event) -> None:
        self._loop = asyncio.new_event_loop()
        runner = self._loop.run_until_complete(self._listen())
        ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    async def _listen(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/portal/rest/{method:.+}", self._answer)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    async def _answer(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        self.calls.append(method)
        if request.headers.get("Authorization") != f"Token {TOKEN}":
            return web.Response(status=302, headers={"Location": "/login"})
        if method in self.faults:
            return web.json_response({"error": {"code": -32603, "message": "trouble"}}, status=self.faults[method])
        return web.json_response(self._value(method, await request.json()))

    def _value(self, method: str, body: dict[str, Any]) -> Any:
        asked = next((each for each in self.edges if each["id"] in (body.get("edgeId"), body.get("id"))), None)
        match method:
            case "network/getNetworkEnterprises":
                return [{"id": 41, "name": self.name}]
            case "enterprise/getEnterpriseEdges":
                return self.edges
            case "edge/getEdge":
                return asked
            case "edge/getEdgeConfigurationModules":
                lines = [
                    {
                        "internalId": each["internalId"],
                        "name": each["displayName"],
                        "interfaces": [each["interface"]],
                        "isp": each["isp"],
                        "type": "WIRED",
                        "downstreamMbps": each["down"],
                        "upstreamMbps": each["up"],
                    }
                    for each in (asked or {}).get("links") or ()
                ]
                return {"WAN": {"data": {"links": lines, "networks": []}}}
            case "metrics/getEdgeLinkSeries":
                return [self._series(each, body["interval"]["start"]) for each in (asked or {})["links"]]
            case "metrics/getEdgeStatusMetrics":
                return {"cpuPct": {"min": 1, "max": 9, "average": 5.5}}
            case _:
                return {}

    @staticmethod
    def _series(each: dict[str, Any], start: Any) -> dict[str, Any]:
        """One tick: 7.5 MB towards the site and 0.75 MB from it in five minutes."""
        first = start if isinstance(start, int) else round(datetime.fromisoformat(start).timestamp() * 1000)
        values = {"bytesRx": 7_500_000, "bytesTx": 750_000, "bestLatencyMsRx": 31.5, "bestLatencyMsTx": 12.0}
        return {
            "linkId": each["id"],
            "link": each,
            "series": [
                {"metric": name, "startTime": first, "tickInterval": 300_000, "data": [value]}
                for name, value in values.items()
            ],
        }
