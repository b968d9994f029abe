"""The gateways of a VCO as states of the host's own parts, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from collector.model import FactKind
from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.adapter import VeloCloud
from collector.settings import OrchestratorSettings
from config.clock import ManualClock
from inventory.model import Inventory

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)
GATEWAYS = "network/getNetworkGateways"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
async def vco(settings: OrchestratorSettings, inventory: Inventory, clock: ManualClock) -> AsyncIterator[VeloCloud]:
    adapter = VeloCloud("vco1", settings, inventory, clock, Quota(1_000_000, penalty=0.05))
    yield adapter
    await adapter.close()


def gateway(**changes: Any) -> Any:
    return {
        "id": 3,
        "name": "vcg-ex-1",
        "gatewayState": "CONNECTED",
        "serviceState": "IN_SERVICE",
        "connectedEdges": 412,
        "connectedEdgeList": [{"vceid": "b1c6"}],
        "utilizationDetail": {"load": 1.2, "overall": 40, "cpu": 22, "memory": 61},
        "lastContact": "2026-03-03T14:02:31.000Z",
    } | changes


@pytest.mark.parametrize(
    ("changes", "state", "detail"),
    [
        ({}, "ok", "CONNECTED; last contact 2026-03-03T14:02:31Z; 412 edges"),
        ({"gatewayState": "DEGRADED"}, "degraded", "DEGRADED; last contact"),
        ({"gatewayState": "QUIESCED"}, "degraded", "QUIESCED; last contact"),
        ({"gatewayState": "OFFLINE"}, "down", "OFFLINE; last contact 2026-03-03T14:02:31Z"),
        ({"gatewayState": "OUT_OF_SERVICE"}, "down", "OUT_OF_SERVICE; last contact"),
        ({"gatewayState": "DISABLED"}, "unknown", "DISABLED; last contact"),
        ({"gatewayState": "NEVER_ACTIVATED"}, "unknown", "NEVER_ACTIVATED; last contact"),
        ({"gatewayState": "A_NEW_WORD"}, "unknown", "A_NEW_WORD; last contact"),
        ({"gatewayState": None}, "unknown", "no state; last contact"),
        ({"gatewayState": 4}, "unknown", "no state; last contact"),
        ({"serviceState": "OUT_OF_SERVICE"}, "degraded", "CONNECTED; OUT_OF_SERVICE; last contact"),
        ({"serviceState": "QUIESCED"}, "degraded", "CONNECTED; QUIESCED; last contact"),
        ({"gatewayState": "OFFLINE", "serviceState": "PENDING_SERVICE"}, "down", "OFFLINE; PENDING_SERVICE; last"),
        ({"serviceState": None}, "ok", "CONNECTED; last contact"),
        ({"lastContact": "0000-00-00 00:00:00", "connectedEdges": None}, "ok", "contact unknown; edges not told"),
    ],
)
async def test_a_gateways_state_is_ours_and_the_vendors_word_stands_in_the_detail(
    host: Any, vco: VeloCloud, changes: Any, state: str, detail: str
) -> None:
    host.replies[GATEWAYS] = [[gateway(**changes)]]
    (fact,) = await vco.own_parts()
    assert (fact.subject, fact.kind, fact.value, fact.time) == ("vco1/vcg-ex-1", FactKind.PART_STATE, state, NOW)
    assert detail in fact.detail


async def test_gateways_without_a_name_or_with_the_same_are_told_apart_by_their_ids(host: Any, vco: VeloCloud) -> None:
    named = [gateway(), gateway(id=4), gateway(id=5, name=None), gateway(id="6", name="vcg-ex-2"), gateway(id=None), 7]
    host.replies[GATEWAYS] = [named]
    subjects = [fact.subject for fact in await vco.own_parts()]
    assert subjects == ["vco1/vcg-ex-1 3", "vco1/vcg-ex-1 4", "vco1/gateway 5", "vco1/vcg-ex-2"]


@pytest.mark.parametrize(("status", "code"), [(400, -32603), (403, -32603), (200, -32603), (400, -32600)])
async def test_an_account_without_the_right_sees_no_gateways_and_asks_once_a_day(
    host: Any, vco: VeloCloud, clock: ManualClock, status: int, code: int
) -> None:
    words = "user does not have privilege [READ:GATEWAY] required to access [network/getNetworkGateways]"
    no = {"error": {"code": code, "message": words}}
    host.replies[GATEWAYS] = [lambda *_: web.json_response(no, status=status)]
    with capture_logs() as logs:
        for _ in range(3):
            assert not await vco.own_parts()
    assert len(host.calls) == 1
    assert [entry["log_level"] for entry in logs if entry["event"] == "orchestrator_refuses"] == ["info"]
    clock.move_to(NOW + timedelta(days=1))
    host.replies[GATEWAYS] = [[gateway()]]
    assert len(await vco.own_parts()) == 1


async def test_a_host_in_trouble_is_an_error_and_asked_again(host: Any, vco: VeloCloud) -> None:
    host.replies[GATEWAYS] = [lambda *_: web.Response(status=503), [gateway()]]
    with pytest.raises(OrchestratorError, match="503"):
        await vco.own_parts()
    assert len(await vco.own_parts()) == 1


async def test_an_expired_token_is_an_error_and_no_missing_right(host: Any, vco: VeloCloud) -> None:
    expired = {"error": {"code": -32000, "message": "tokenError [expired session cookie]"}}
    host.replies[GATEWAYS] = [lambda *_: web.json_response(expired, headers={"Expires": "0"})]
    with pytest.raises(OrchestratorError, match="made anew"):
        await vco.own_parts()


async def test_a_host_without_gateways_has_none_and_what_is_no_list_is_a_fault(host: Any, vco: VeloCloud) -> None:
    host.replies[GATEWAYS] = [[], {"gateways": []}]
    assert not await vco.own_parts()
    with pytest.raises(OrchestratorError, match="not a list"):
        await vco.own_parts()
