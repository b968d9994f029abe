"""Log-in, limits and every wrong answer of a VCO, over real HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.adapter import VeloCloud
from collector.settings import OrchestratorSettings
from config.clock import ManualClock
from config.errors import Blame
from inventory.model import Inventory

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)
STATUS = "monitoring/getEnterpriseEdgeLinkStatus"
OPERATOR, ENTERPRISE = "login/operatorLogin", "login/enterpriseLogin"
PENALTY = 0.2


def expired(*_: object) -> Any:
    error = {"error": {"code": -32000, "message": "tokenError [expired session cookie]"}}
    return web.json_response(error, headers={"Expires": "0"})


def welcome(cookie: str, status: int = 302) -> Any:
    def reply(*_: object) -> Any:
        response = web.Response(status=status, headers={"Location": "/"} if status == 302 else {})
        response.set_cookie("velocloud.session", cookie)
        return response

    return reply


def refusal(*_: object) -> Any:
    response = web.Response(status=302, headers={"Location": "/login"})
    response.set_cookie("velocloud.message", "Invalid%20credentials")
    return response


def only_for(cookie: str, answer: Any) -> Any:
    def reply(request: Any, _body: Any) -> Any:
        return web.json_response(answer) if request.cookies.get("velocloud.session") == cookie else expired()

    return reply


@pytest.fixture
async def vco(settings: OrchestratorSettings, inventory: Inventory) -> AsyncIterator[VeloCloud]:
    adapter = VeloCloud("vco1", settings, inventory, ManualClock(NOW), Quota(1_000_000, penalty=PENALTY))
    yield adapter
    await adapter.close()


@pytest.fixture
async def by_password(host: Any, inventory: Inventory) -> AsyncIterator[VeloCloud]:
    settings = OrchestratorSettings.model_validate({"url": host.url, "username": "robot", "password": "s3cret"})
    adapter = VeloCloud("vco1", settings, inventory, ManualClock(NOW), Quota(1_000_000, penalty=PENALTY))
    yield adapter
    await adapter.close()


async def test_a_token_is_sent_as_the_vendor_wants_it(host: Any, vco: VeloCloud, fleet: list[Any]) -> None:
    host.replies[STATUS] = [fleet]
    await vco.states()
    assert host.calls[0].headers["Authorization"] == "Token t0k3n"
    assert len(host.calls) == 1


@pytest.mark.parametrize("status", [200, 302])
async def test_an_operator_logs_in_once_and_the_cookie_serves_all_calls(
    host: Any, by_password: VeloCloud, fleet: list[Any], status: int
) -> None:
    host.replies = {OPERATOR: [welcome("c1", status)], STATUS: [only_for("c1", fleet)]}
    await by_password.states()
    await by_password.states()
    assert [call.method for call in host.calls] == [OPERATOR, STATUS, STATUS]
    assert host.calls[0].body == {"username": "robot", "password": "s3cret"}


async def test_a_customer_or_partner_is_logged_in_where_operators_are_refused(
    host: Any, by_password: VeloCloud, fleet: list[Any]
) -> None:
    host.replies = {OPERATOR: [refusal], ENTERPRISE: [welcome("c1"), welcome("c2")], STATUS: [only_for("c1", fleet)]}
    await by_password.states()
    host.replies[STATUS] = [only_for("c2", fleet)]
    await by_password.states()
    assert [call.method for call in host.calls] == [OPERATOR, ENTERPRISE, STATUS, STATUS, ENTERPRISE, STATUS]


async def test_many_calls_share_one_new_log_in_and_each_is_repeated(
    host: Any, by_password: VeloCloud, fleet: list[Any]
) -> None:
    host.delay = 0.02
    host.replies = {OPERATOR: [welcome("c1"), welcome("c2")], STATUS: [only_for("c1", fleet)]}
    await by_password.states()
    host.replies[STATUS] = [only_for("c2", fleet)]
    reports = await asyncio.gather(*(by_password.states() for _ in range(12)))
    assert all(len(report.facts) == 5 for report in reports)
    assert len(host.called(OPERATOR)) == 2


async def test_a_session_that_expires_at_once_again_is_an_error_and_no_endless_loop(
    host: Any, by_password: VeloCloud
) -> None:
    host.replies = {OPERATOR: [welcome("c1")], STATUS: [expired]}
    with pytest.raises(OrchestratorError, match="expired"):
        await by_password.states()
    assert len(host.called(STATUS)) == 2


async def test_a_refused_log_in_is_said_and_not_hammered(host: Any, by_password: VeloCloud) -> None:
    host.replies = {OPERATOR: [refusal], ENTERPRISE: [refusal]}
    for _ in range(5):
        with pytest.raises(OrchestratorError, match=r"refused the log-in of 'robot' \(Invalid credentials\)") as caught:
            await by_password.states()
        assert not caught.value.retryable
        assert caught.value.blame is Blame.OURS
        assert "s3cret" not in str(caught.value)
    assert len(host.calls) == 2


async def test_a_redirect_to_the_log_in_page_means_log_in_again(
    host: Any, by_password: VeloCloud, fleet: list[Any]
) -> None:
    to_login = lambda *_: web.Response(status=302, headers={"Location": "/login"})  # noqa: E731
    host.replies = {OPERATOR: [welcome("c1")], STATUS: [to_login, fleet]}
    assert len((await by_password.states()).facts) == 5
    assert len(host.called(OPERATOR)) == 2


async def test_an_expired_token_says_that_it_must_be_made_anew(host: Any, vco: VeloCloud) -> None:
    host.replies[STATUS] = [expired]
    with pytest.raises(OrchestratorError, match="token must be made anew") as caught:
        await vco.states()
    assert not caught.value.retryable
    assert "t0k3n" not in str(caught.value)


def too_many(*_: object) -> Any:
    return web.Response(status=429, text="Too Many Requests")


async def test_after_429_nothing_is_sent_for_the_penalty_and_the_call_is_repeated(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    host.replies[STATUS] = [too_many, fleet]
    assert len((await vco.states()).facts) == 5
    first, second = host.called(STATUS)
    assert second.at - first.at >= PENALTY


async def test_one_callers_429_holds_back_all_callers(host: Any, vco: VeloCloud, fleet: list[Any]) -> None:
    host.replies[STATUS] = [too_many, fleet]
    first = asyncio.create_task(vco.states())
    await asyncio.sleep(PENALTY / 2)
    await vco.states()
    await first
    assert all(call.at - host.calls[0].at >= PENALTY for call in host.calls[1:])


async def test_endless_429_ends_in_an_error_that_blames_the_vendors_limit(
    host: Any, settings: OrchestratorSettings, inventory: Inventory
) -> None:
    vco = VeloCloud("vco1", settings, inventory, ManualClock(NOW), Quota(1_000_000, penalty=0.01))
    host.replies[STATUS] = [too_many]
    with pytest.raises(OrchestratorError, match="429") as caught:
        await vco.states()
    await vco.close()
    assert caught.value.retryable
    assert caught.value.blame is Blame.VENDOR
    assert len(host.calls) == 4


async def test_no_more_calls_are_in_flight_than_set_and_one_place_is_kept_for_those_who_wait(
    host: Any, inventory: Inventory, fleet: list[Any]
) -> None:
    settings = OrchestratorSettings.model_validate({"url": host.url, "token": "t0k3n", "in_flight": 3})
    vco = VeloCloud("vco1", settings, inventory, ManualClock(NOW), Quota(1_000_000))
    host.delay = 0.02
    host.replies[STATUS] = [fleet]
    await asyncio.gather(*(vco.states() for _ in range(12)))
    assert host.most_at_once == 2
    await asyncio.gather(*(vco.states(urgent=number % 2 == 0) for number in range(12)))
    await vco.close()
    assert host.most_at_once == 3


def says(status: int, body: Any) -> Any:
    """A scripted answer: JSON of an object, or text and bytes as they are."""

    def reply(*_: object) -> web.Response:
        if isinstance(body, dict):
            return web.json_response(body, status=status)
        return web.Response(status=status, body=body, headers={"Location": "https://vco2.example/"})

    return reply


BOOM = {"error": {"code": -32603, "message": "boom"}}
INVALID = {"error": {"code": -32600, "message": "invalid enterpriseId"}}
half = says(200, b'[{"edgeId": 70')


@pytest.mark.parametrize(
    ("reply", "words", "retryable", "blame"),
    [
        (says(500, BOOM), "500, 'boom'", True, "vendor"),
        (says(500, b""), "500, a fault of its own", True, "vendor"),
        (says(502, "<html>Bad gateway</html>"), "502, a fault of its own", True, "vendor"),
        (says(500, b"[]"), "500, a fault of its own", True, "vendor"),
        (says(200, {"data": []}), "not a list", True, "vendor"),
        (says(200, b'"text"'), "not a list", True, "vendor"),
        (says(200, b" [{}, nul"), "no JSON", True, "vendor"),
        (says(200, " <!DOCTYPE html><html>"), "HTML page", True, "vendor"),
        (says(200, b""), "empty body", True, "vendor"),
        (half, "14 bytes that are no JSON", True, "vendor"),
        (says(200, b"\xff\xfe"), "no JSON", True, "vendor"),
        (says(200, b"[" * 100_000), "no JSON", True, "vendor"),
        (says(200, {"unexpected": 1}), "not a list", True, "vendor"),
        (says(200, INVALID), "invalid enterpriseId", False, "ours"),
        (says(400, INVALID), "invalid enterpriseId", False, "ours"),
        (says(403, b""), "rights", False, "ours"),
        (says(404, b""), "check `url`", False, "ours"),
        (says(401, b""), "not logged in", False, "ours"),
        (says(308, b""), "https://vco2.example/", False, "ours"),
        (says(418, b""), "418", False, "vendor"),
    ],
)
async def test_every_wrong_answer_is_one_sentence_naming_host_and_method(
    host: Any, vco: VeloCloud, reply: Any, words: str, retryable: bool, blame: str
) -> None:
    host.replies[STATUS] = [reply]
    with pytest.raises(OrchestratorError) as caught:
        await vco.states()
    text = str(caught.value)
    assert words in text
    assert STATUS in text
    assert host.url.removeprefix("http://").rstrip("/") in text
    assert "\n" not in text
    assert (caught.value.retryable, caught.value.blame.value) == (retryable, blame)


async def test_an_answer_that_breaks_off_is_half_an_answer(host: Any, vco: VeloCloud) -> None:
    async def broken(request: Any, _body: Any) -> Any:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"[{")
        request.transport.close()
        return response

    host.replies[STATUS] = [broken]
    with pytest.raises(OrchestratorError, match="half an answer") as caught:
        await vco.states()
    assert caught.value.retryable


async def test_a_host_that_does_not_answer_in_time_is_said(host: Any, inventory: Inventory) -> None:
    settings = OrchestratorSettings.model_validate({"url": host.url, "token": "t0k3n", "timeout": 0.1})
    vco = VeloCloud("vco1", settings, inventory, ManualClock(NOW), Quota(1_000_000))
    host.delay = 1.0
    host.replies[STATUS] = [[]]
    with pytest.raises(OrchestratorError, match="no answer in time") as caught:
        await vco.states()
    await vco.close()
    assert caught.value.retryable
    assert caught.value.blame is Blame.LINK


async def test_a_host_that_is_not_there_is_said(inventory: Inventory, unused_tcp_port: int) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    vco = VeloCloud(
        "vco1",
        OrchestratorSettings.model_validate({"url": url, "token": "t0k3n"}),
        inventory,
        ManualClock(NOW),
        Quota(1_000_000),
    )
    with pytest.raises(OrchestratorError, match=f"127.0.0.1:{unused_tcp_port} cannot be reached"):
        await vco.states()
    await vco.close()
