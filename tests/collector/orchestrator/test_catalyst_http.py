"""Log-in, log-out, pages and every wrong answer of a manager, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from collector.orchestrator.catalyst.adapter import Catalyst
from collector.orchestrator.login import LoginRefusedError
from collector.orchestrator.port import OrchestratorError, RateLimitedError, SessionExpiredError
from collector.orchestrator.quota import Quota
from collector.settings import OrchestratorSettings
from config.clock import ManualClock
from config.errors import Blame
from inventory.model import Inventory
from service.simulator.catalyst.fabric import fabric
from service.simulator.catalyst.server import LOG_IN_PAGE, ManagerServer

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)
DEVICES, WAN, BFD = "device", "data/device/state/ControlWanInterface", "data/device/state/BFDSessions"
PASSWORD = "s3cr3t-of-the-manager"


class Host:
    def __init__(self, simulated: ManagerServer, server: TestServer) -> None:
        self.simulated, self.server, self.url = simulated, server, str(server.make_url(""))
        self.faults, self.calls = simulated.faults, simulated.calls

    def settings(self, **changes: Any) -> OrchestratorSettings:
        given = {"kind": "catalyst", "url": self.url, "username": "lineproof", "password": PASSWORD, "timeout": 5}
        return OrchestratorSettings.model_validate(given | changes)

    def opened(self, inventory: Inventory | None = None, **changes: Any) -> Catalyst:
        known = self.simulated.fabric.inventory("manager1") if inventory is None else inventory
        quota = Quota(1_000_000, penalty=0.05)
        return Catalyst("manager1", self.settings(**changes), known, ManualClock(NOW), quota)


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    simulated = ManagerServer(fabric=fabric(4), clock=ManualClock(NOW), passwords={"lineproof": PASSWORD})
    server = TestServer(simulated.application())
    await server.start_server()
    yield Host(simulated, server)
    await server.close()


@pytest.fixture
async def catalyst(host: Host) -> AsyncIterator[Catalyst]:
    adapter = host.opened()
    yield adapter
    await adapter.close()


async def scripted(handle: Any) -> tuple[TestServer, OrchestratorSettings]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    server = TestServer(app)
    await server.start_server()
    settings = {"kind": "catalyst", "url": str(server.make_url("")), "username": "u", "password": "p", "timeout": 5}
    return server, OrchestratorSettings.model_validate(settings)


async def test_many_calls_at_once_share_one_log_in(host: Host, catalyst: Catalyst):
    await asyncio.gather(*(catalyst.states() for _ in range(5)))
    assert host.calls["j_security_check"] == 1
    assert host.calls["client/token"] == 1
    assert host.simulated.most_sessions == 1


async def test_no_more_than_two_requests_are_made_at_a_time_whatever_the_settings_say(host: Host):
    adapter = host.opened(in_flight=8)
    host.faults.slow = 0.02
    await asyncio.gather(*(adapter.states(urgent=bool(number % 2)) for number in range(8)))
    await adapter.close()
    assert host.simulated.most_at_once == 2


@pytest.mark.parametrize("told", [200, 302, 403])
async def test_a_lost_session_costs_one_log_in_and_no_answer(host: Host, catalyst: Catalyst, told: int):
    await catalyst.states()
    host.faults.expired_as = told
    host.simulated.expire_sessions()
    reports = await asyncio.gather(*(catalyst.states() for _ in range(4)))
    assert all(report.facts for report in reports)
    assert host.calls["j_security_check"] == 2
    assert host.simulated.most_sessions == 1


async def test_a_session_that_never_lasts_is_an_error_after_one_repeat(host: Host):
    async def handle(request: web.Request) -> web.Response:
        if request.path == "/j_security_check":
            answer = web.Response()
            answer.set_cookie("JSESSIONID", "A1")
            return answer
        if request.path.endswith("/token"):
            return web.Response(text="T")
        return web.Response(text=LOG_IN_PAGE, content_type="text/html")

    server, settings = await scripted(handle)
    adapter = Catalyst("m", settings, host.simulated.fabric.inventory("m"), ManualClock(NOW), Quota(1_000_000))
    with pytest.raises(SessionExpiredError, match="log-in page"):
        await adapter.states()
    await adapter.close()
    await server.close()


async def test_a_wrong_password_is_a_refusal_that_is_not_tried_again_at_once(host: Host):
    adapter = host.opened(password="wrong-and-secret")
    for _ in range(3):
        with pytest.raises(LoginRefusedError, match="check username and password") as caught:
            await adapter.states()
        assert "wrong-and-secret" not in str(caught.value)
    assert host.calls["j_security_check"] == 1
    await adapter.close()


async def test_closing_leaves_no_session_behind(host: Host):
    adapter = host.opened()
    await adapter.states()
    assert len(host.simulated.sessions) == 1
    await adapter.close()
    assert not host.simulated.sessions
    assert host.calls["logout"] == 1


async def test_closing_without_a_session_calls_nobody(host: Host):
    await host.opened().close()
    assert not host.calls


async def test_a_new_log_in_ends_the_old_session_first(host: Host, catalyst: Catalyst):
    """A 403 for the token alone leaves the session standing at the host; sessions are limited in number."""
    await catalyst.states()
    for session in host.simulated.sessions:
        host.simulated.sessions[session] = "another token"
    await catalyst.states()
    assert host.calls["j_security_check"] == 2
    assert len(host.simulated.sessions) == 1


async def test_a_manager_that_takes_log_outs_by_post_alone_gets_a_post(host: Host):
    seen: list[str] = []

    async def handle(request: web.Request) -> web.Response:
        if request.path == "/logout":
            seen.append(request.method)
            return web.Response(status=405 if request.method == "GET" else 200)
        answer = web.Response(text="T" if request.path.endswith("/token") else "")
        answer.set_cookie("JSESSIONID", "A1")
        return answer

    server, settings = await scripted(handle)
    adapter = Catalyst("m", settings, host.simulated.fabric.inventory("m"), ManualClock(NOW), Quota(1_000_000))
    with pytest.raises(OrchestratorError):
        await adapter.states()
    await adapter.close()
    assert seen == ["GET", "POST"]
    await server.close()


async def test_a_log_out_that_fails_is_told_and_closes_all_the_same(host: Host):
    adapter = host.opened()
    await adapter.states()
    await host.server.close()
    with capture_logs() as logs:
        await adapter.close()
    assert [entry["event"] for entry in logs] == ["session_left_behind"]


async def test_an_old_manager_without_tokens_is_understood(host: Host):
    headers: list[str | None] = []

    async def handle(request: web.Request) -> web.Response:
        if request.path == "/j_security_check":
            answer = web.Response()
            answer.set_cookie("JSESSIONID", "A1")
            return answer
        if request.path.endswith("/token"):
            return web.Response(status=404)
        headers.append(request.headers.get("X-XSRF-TOKEN"))
        return web.json_response({"data": []})

    server, settings = await scripted(handle)
    adapter = Catalyst("m", settings, Inventory.of(), ManualClock(NOW), Quota(1_000_000))
    assert not (await adapter.states()).facts
    await adapter.close()
    assert set(headers) == {None}
    await server.close()


@pytest.mark.parametrize("kind", ["limited", "busy"])
async def test_a_host_that_is_too_busy_is_asked_again_after_the_pause_it_asks_for(
    host: Host, catalyst: Catalyst, kind: str
):
    await catalyst.states()
    setattr(host.faults, kind, 1)
    before = asyncio.get_running_loop().time()
    assert (await catalyst.states()).facts
    assert asyncio.get_running_loop().time() - before >= 1.0


async def test_a_host_that_stays_limited_is_an_error_that_may_be_tried_again(host: Host, catalyst: Catalyst):
    await catalyst.states()
    host.faults.limited, host.faults.retry_after = 99, None
    with pytest.raises(RateLimitedError, match="429") as caught:
        await catalyst.states()
    assert caught.value.retryable
    assert caught.value.blame is Blame.VENDOR


async def test_a_503_without_a_time_is_a_fault_of_the_host(host: Host, catalyst: Catalyst):
    await catalyst.states()
    host.faults.busy, host.faults.retry_after = 1, None
    with pytest.raises(OrchestratorError, match="503") as caught:
        await catalyst.states()
    assert caught.value.retryable


@pytest.mark.parametrize("resource", [DEVICES, WAN, BFD])
async def test_half_an_answer_is_an_error_and_no_half_fleet(host: Host, catalyst: Catalyst, resource: str):
    host.faults.half.add(resource)
    with pytest.raises(OrchestratorError, match="half an answer") as caught:
        await catalyst.states()
    assert caught.value.retryable


@pytest.mark.parametrize("resource", [DEVICES, WAN, BFD])
async def test_an_empty_list_for_a_known_fleet_is_a_fault_of_the_host(host: Host, catalyst: Catalyst, resource: str):
    host.faults.empty.add(resource)
    with pytest.raises(OrchestratorError, match="nothing is concluded") as caught:
        await catalyst.states()
    assert caught.value.blame is Blame.VENDOR


async def test_a_proxys_page_is_an_error_that_may_be_tried_again(host: Host, catalyst: Catalyst):
    await catalyst.states()
    host.faults.html = 1
    with pytest.raises(OrchestratorError, match="502") as caught:
        await catalyst.states()
    assert caught.value.retryable


async def test_the_vendors_own_words_are_passed_on(host: Host, catalyst: Catalyst):
    await catalyst.states()
    host.faults.broken = 1
    with pytest.raises(OrchestratorError, match="Failed to retrieve data"):
        await catalyst.states()


async def test_a_missing_right_is_told_and_no_lost_session(host: Host, catalyst: Catalyst):
    host.faults.forbidden.add(BFD)
    with pytest.raises(OrchestratorError, match="check its user group") as caught:
        await catalyst.states()
    assert not caught.value.retryable
    assert host.calls["j_security_check"] == 1


@pytest.mark.parametrize("page", [1, 3, 7, 10_000])
async def test_every_page_is_read(host: Host, catalyst: Catalyst, page: int):
    whole = await catalyst.states()
    host.simulated.page = page
    assert (await catalyst.states()).facts == whole.facts


@pytest.mark.parametrize("resource", ["states", "statistics"])
async def test_pages_in_a_circle_are_an_error_and_no_endless_loop(host: Host, catalyst: Catalyst, resource: str):
    await catalyst.states()
    host.simulated.page, host.simulated.collects_every, host.faults.circle = 3, 600.0, True
    hour = datetime(2026, 3, 3, 13, tzinfo=UTC)
    reading = catalyst.states() if resource == "states" else catalyst.statistics(hour, hour + timedelta(minutes=10))
    with pytest.raises(OrchestratorError, match="in a circle"):
        await reading
    assert sum(host.calls.values()) < 20


async def test_a_host_that_promises_more_and_gives_nothing_is_not_believed(host: Host):
    async def handle(request: web.Request) -> web.Response:
        if request.path == "/j_security_check":
            answer = web.Response()
            answer.set_cookie("JSESSIONID", "A1")
            return answer
        if request.path.endswith("/token"):
            return web.Response(text="T")
        return web.json_response({"data": [], "pageInfo": {"hasMoreData": True, "scrollId": "same"}})

    server, settings = await scripted(handle)
    adapter = Catalyst("m", settings, Inventory.of(), ManualClock(NOW), Quota(1_000_000))
    with pytest.raises(OrchestratorError, match="in a circle"):
        await adapter.states()
    await adapter.close()
    await server.close()


@pytest.mark.parametrize("body", ["[]", '{"data": {}}', '{"rows": []}', "7", '"text"', "null"])
async def test_json_of_another_shape_is_an_error(host: Host, body: str):
    async def handle(request: web.Request) -> web.Response:
        if request.path == "/j_security_check":
            answer = web.Response()
            answer.set_cookie("JSESSIONID", "A1")
            return answer
        return web.Response(text="T" if request.path.endswith("/token") else body)

    server, settings = await scripted(handle)
    adapter = Catalyst("m", settings, Inventory.of(), ManualClock(NOW), Quota(1_000_000))
    with pytest.raises(OrchestratorError, match="list `data`"):
        await adapter.states()
    await adapter.close()
    await server.close()


async def test_a_slow_host_is_waited_for_no_longer_than_said(host: Host):
    adapter = host.opened(timeout=0.2)
    host.faults.slow = 0.6
    with pytest.raises(OrchestratorError, match="no answer in time") as caught:
        await adapter.states()
    assert caught.value.retryable
    host.faults.slow = 0.0
    await adapter.close()


async def test_neither_password_nor_token_nor_session_stands_in_logs_or_errors(host: Host, catalyst: Catalyst):
    with capture_logs() as logs:
        await catalyst.states()
        secrets = [PASSWORD, *host.simulated.sessions, *host.simulated.sessions.values()]
        host.faults.broken = 1
        with pytest.raises(OrchestratorError) as caught:
            await catalyst.states()
    for secret in secrets:
        assert secret not in str(logs)
        assert secret not in repr(caught.value)
        assert secret not in repr(catalyst.__dict__)
