"""A VCO host that says exactly what a test scripts, over real HTTP, and a watch that reads it into a real store."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from collector.journal import Journal
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.adapter import VeloCloud
from collector.orchestrator.watch import OrchestratorWatch
from collector.settings import OrchestratorSettings
from collector.store.embedded import EmbeddedStore
from config.clock import ManualClock
from inventory.model import (
    Client,
    Device,
    DeviceRole,
    Inventory,
    Link,
    LinkRole,
    OrchestratorIdentity,
    Site,
)

sys.path.append(str(Path(__file__).parent))

from watched import START, StoreSink


@dataclass
class Call:
    method: str
    body: dict[str, Any]
    headers: dict[str, str]
    at: float


@dataclass
class ScriptedHost:
    """`replies[method]` is a list used up from the front; its last element answers for ever."""

    url: str = ""
    replies: dict[str, list[Any]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    delay: float = 0.0

    def called(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        body = await request.json()
        self.calls.append(Call(method, body, dict(request.headers), asyncio.get_running_loop().time()))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(self.delay)
        finally:
            self.at_once -= 1
        script = self.replies.get(method)
        if script is None:
            return web.Response(status=404, text="no such method")
        reply = script.pop(0) if len(script) > 1 else script[0]
        if callable(reply):
            reply = reply(request, body)
        if inspect.isawaitable(reply):
            reply = await reply
        return reply if isinstance(reply, web.StreamResponse) else web.json_response(reply)


@pytest.fixture
async def host() -> AsyncIterator[ScriptedHost]:
    scripted = ScriptedHost()
    app = web.Application()
    app.router.add_post("/portal/rest/{method:.+}", scripted.handle)
    server = TestServer(app)
    await server.start_server()
    scripted.url = str(server.make_url(""))
    yield scripted
    await server.close()


@pytest.fixture
def settings(host: ScriptedHost) -> OrchestratorSettings:
    return OrchestratorSettings.model_validate({"url": host.url, "token": "t0k3n", "timeout": 5})


@pytest.fixture
def inventory() -> Inventory:
    """An edge (702 of enterprise 41) with two lines, another (703) with one line known by its port alone, and what
    other hosts or nobody's orchestrator manages."""
    return Inventory.of(
        clients=[Client(id="acme", name="Acme Dental")],
        sites=[Site(id="store-117", client="acme"), Site(id="store-118", client="acme")],
        devices=[
            Device(
                id="edge-117",
                site="store-117",
                role=DeviceRole.SDWAN_EDGE,
                orchestrator=OrchestratorIdentity(name="vco1", enterprise_id="41", edge_id="702"),
            ),
            Device(
                id="edge-118",
                site="store-118",
                role=DeviceRole.SDWAN_EDGE,
                orchestrator=OrchestratorIdentity(name="vco1", enterprise_id="41", edge_id="703"),
            ),
            Device(id="router-118", site="store-118", role=DeviceRole.ROUTER),
            Device(
                id="edge-elsewhere",
                site="store-118",
                role=DeviceRole.SDWAN_EDGE,
                orchestrator=OrchestratorIdentity(name="vco2", enterprise_id="41", edge_id="702"),
            ),
        ],
        links=[
            Link(
                id="store-117-dia",
                site="store-117",
                device="edge-117",
                interface="GE1",
                orchestrator_link="00000001-1111-4aaa-8aaa-0123456789ab",
            ),
            Link(
                id="store-117-lte",
                site="store-117",
                device="edge-117",
                interface="USB1",
                orchestrator_link="00000001-2222-4aaa-8aaa-0123456789ab",
                role=LinkRole.SECONDARY,
            ),
            Link(id="store-118-cable", site="store-118", device="edge-118", interface="GE2"),
            Link(id="store-118-dsl", site="store-118", device="router-118", interface="Dialer0"),
            Link(id="store-118-unknown", site="store-118"),
            Link(id="store-118-lan", site="store-118", device="edge-118", interface="GE5", role=LinkRole.LAN),
        ],
    )


@pytest.fixture
def status_row() -> Callable[..., dict[str, Any]]:
    """One row of getEnterpriseEdgeLinkStatus with changes."""

    def row(**changes: Any) -> dict[str, Any]:
        return {
            "enterpriseName": "Acme Dental|90001|",
            "enterpriseId": 41,
            "edgeId": 702,
            "edgeName": "ACME-0117",
            "edgeState": "CONNECTED",
            "edgeLastContact": "2026-03-03T14:02:31.000Z",
            "edgeHASerialNumber": None,
            "displayName": "DIA-Example-100M",
            "interface": "GE1",
            "internalId": "00000001-1111-4aaa-8aaa-0123456789ab",
            "linkId": 5101,
            "linkState": "STABLE",
            "linkLastActive": "2026-03-03T14:00:12.000Z",
            "linkVpnState": "STABLE",
            "linkMode": "ACTIVE",
            "linkBackupState": "UNCONFIGURED",
        } | changes

    return row


@pytest.fixture
def fleet(status_row: Callable[..., dict[str, Any]]) -> list[dict[str, Any]]:
    """The whole inventory, all well; the LTE line is a backup in standby."""
    return [
        status_row(),
        status_row(
            internalId="00000001-2222-4aaa-8aaa-0123456789ab",
            linkId=5102,
            interface="USB1",
            linkState="STANDBY",
            linkMode="BACKUP",
        ),
        status_row(
            edgeId=703,
            edgeName="ACME-0118",
            internalId="00000001-3333-4aaa-8aaa-0123456789ab",
            linkId=5103,
            interface="GE2",
        ),
    ]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    embedded = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path, 95)
    yield embedded
    await embedded.close()


@pytest.fixture
def quota() -> Quota:
    return Quota(1_000_000, penalty=0.01)


@pytest.fixture
async def watch(
    settings: OrchestratorSettings, inventory: Inventory, clock: ManualClock, store: EmbeddedStore, quota: Quota
) -> AsyncIterator[OrchestratorWatch]:
    """Of the scripted host."""
    vco = VeloCloud("vco1", settings, inventory, clock, quota)
    yield OrchestratorWatch(vco, settings, inventory, clock, StoreSink(store), store, quota)
    await vco.close()
