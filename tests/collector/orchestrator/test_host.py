"""One host over real HTTP: slots, priority, pauses, addresses, certificates and answers that are none."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from multidict import CIMultiDict, CIMultiDictProxy

from collector.http import Answer
from collector.orchestrator import host as host_module
from collector.orchestrator.host import Host, Request
from collector.orchestrator.login import KeyLogin, SharedLogin
from collector.orchestrator.port import OrchestratorError, RateLimitedError, SessionExpiredError
from collector.orchestrator.quota import Quota
from collector.settings import OrchestratorSettings
from config.errors import Blame, ConfigurationError

pytestmark = pytest.mark.rim

KEY = KeyLogin({"Authorization": "Token t0k3n"})


def read(answer: Answer) -> bytes:
    if answer.status == 401:
        raise SessionExpiredError("expired")
    if answer.status == 429 or answer.body == b'"slower"':
        raise RateLimitedError("limited", retryable=True)
    return answer.body


def asking(method: str, **body: object) -> Request:
    return Request(verb="POST", path=method, method=method, json=body)


Open = Callable[..., Host]


@pytest.fixture
async def opened(host: Any, settings: OrchestratorSettings) -> AsyncIterator[Open]:
    """The scripted host with changed settings, closed at the end."""
    hosts = []

    def open_with(quota: Quota | None = None, **changes: object) -> Host:
        quota = quota or Quota(1_000_000, penalty=0.05)
        one = Host("vco1", settings.model_copy(update=changes), f"{host.url}/portal/rest", quota)
        hosts.append(one)
        return one

    yield open_with
    for one in hosts:
        await one.close()


def answer(**headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(429, CIMultiDictProxy(CIMultiDict(named)), b"")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"Retry_After": "7"}, 7.0),
        ({"retry_after": " 7 "}, 7.0),
        ({"Retry_After": "86400"}, 300.0),
        ({"Retry_After": "9" * 400}, 300.0),
        ({"Retry_After": "-7"}, 0.0),
        ({"Retry_After": "٧"}, 0.0),
        ({"Retry_After": "soon"}, 0.0),
        # The example of RFC 9110, 10.2.3, at a host whose clock stood 90 s before.
        ({"Retry_After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:58:29 GMT"}, 90.0),
        ({"Retry_After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Sat, 01 Jan 2000 00:00:29 GMT"}, 0.0),
        ({"Retry_After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Thu, 30 Dec 1999 00:00:29 GMT"}, 300.0),
        ({"Retry_After": "Fri, 31 Dec 1999 23:59:59 GMT"}, 0.0),
        ({"Retry_After": "Fri, 31 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:58:29"}, 0.0),
        ({"Retry_After": "Fri, 99 Dec 1999 23:59:59 GMT", "Date": "Fri, 31 Dec 1999 23:58:29 GMT"}, 0.0),
    ],
)
def test_a_retry_after_is_a_number_of_seconds_or_a_date_of_the_hosts_own_clock(
    headers: dict[str, str], seconds: float
) -> None:
    assert answer(**headers).retry_after() == seconds


async def test_no_more_calls_are_in_flight_than_allowed_and_background_leaves_one_of_them(
    host: Any, opened: Open
) -> None:
    host.replies["any"], host.delay = [{}], 0.05
    one = opened(in_flight=4)
    await asyncio.gather(*(one.call(asking("any"), read, KEY) for _ in range(12)))
    assert host.most_at_once == 3
    await asyncio.gather(*(one.call(asking("any"), read, KEY, urgent=True) for _ in range(12)))
    assert host.most_at_once == 4


async def test_an_urgent_call_goes_at_once_while_background_waits_in_line(host: Any, opened: Open) -> None:
    host.replies["slow"] = host.replies["quick"] = [{}]
    host.delay = 0.1
    one = opened(in_flight=2)
    behind = [asyncio.create_task(one.call(asking("slow"), read, KEY)) for _ in range(5)]
    await asyncio.sleep(0.03)
    await one.call(asking("quick"), read, KEY, urgent=True)
    assert [call.method for call in host.calls][:2] == ["slow", "quick"]
    await asyncio.gather(*behind)


async def test_with_one_slot_an_urgent_call_is_the_next(host: Any, opened: Open) -> None:
    host.replies["slow"] = host.replies["quick"] = [{}]
    host.delay = 0.05
    one = opened(in_flight=1)
    behind = [asyncio.create_task(one.call(asking("slow"), read, KEY)) for _ in range(4)]
    await asyncio.sleep(0.03)
    await one.call(asking("quick"), read, KEY, urgent=True)
    await asyncio.gather(*behind)
    assert [call.method for call in host.calls] == ["slow", "quick", "slow", "slow", "slow"]
    assert host.most_at_once == 1


async def test_background_that_waits_for_a_token_holds_no_slot(host: Any, opened: Open) -> None:
    host.replies["any"] = [{}]
    quota = Quota(60, burst=4)
    one = opened(quota, in_flight=1)
    # The bucket holds four, of which background leaves one; the next token comes after a minute.
    for _ in range(3):
        await one.call(asking("any"), read, KEY)
    waiting = asyncio.create_task(one.call(asking("any"), read, KEY))
    await asyncio.sleep(0.05)
    await asyncio.wait_for(one.call(asking("any"), read, KEY, urgent=True), 1.0)
    assert not waiting.done()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert len(host.calls) == 4


async def test_a_request_that_does_not_say_that_somebody_waits_is_background(host: Any, opened: Open) -> None:
    host.replies["any"], host.delay = [{}], 0.05
    one = opened(in_flight=2)
    await asyncio.gather(*(one.send(asking("any"), {}) for _ in range(3)))
    assert host.most_at_once == 1


async def test_who_gives_up_while_waiting_or_calling_frees_the_slot(host: Any, opened: Open) -> None:
    host.replies["any"], host.delay = [{}], 0.2
    one = opened(in_flight=1)
    tasks = [asyncio.create_task(one.call(asking("any"), read, KEY)) for _ in range(3)]
    await asyncio.sleep(0.05)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    host.delay = 0.0
    assert await asyncio.wait_for(one.call(asking("any"), read, KEY), 1.0) == b"{}"


async def test_after_a_429_nothing_is_sent_before_the_pause_has_passed_then_the_call_is_repeated(
    host: Any, opened: Open
) -> None:
    host.replies["any"] = [lambda *_: web.Response(status=429), {}]
    one = opened(Quota(1_000_000, penalty=0.2))
    both = [asyncio.create_task(one.call(asking("any"), read, KEY))]
    await asyncio.sleep(0.1)
    both.append(asyncio.create_task(one.call(asking("any"), read, KEY, urgent=True)))
    assert await asyncio.gather(*both) == [b"{}", b"{}"]
    first, *later = (call.at for call in host.calls)
    assert len(later) == 2
    assert min(later) - first >= 0.2


async def test_a_limit_that_is_told_without_429_is_heeded_alike(host: Any, opened: Open) -> None:
    host.replies["any"] = ["slower", {}]
    quota = Quota(1_000_000, penalty=0.2)
    one = opened(quota)
    await one.call(asking("any"), read, KEY)
    assert host.calls[1].at - host.calls[0].at >= 0.2
    assert quota.stretch == 2.0


async def test_a_host_that_limits_every_repeat_is_an_error_after_three(host: Any, opened: Open) -> None:
    host.replies["any"] = [lambda *_: web.Response(status=429)]
    one = opened(Quota(1_000_000, penalty=0.01))
    with pytest.raises(RateLimitedError):
        await one.call(asking("any"), read, KEY)
    assert len(host.calls) == 4


async def test_an_expired_session_is_renewed_and_the_call_repeated_once(host: Any, opened: Open) -> None:
    logins = 0

    async def log_in() -> Mapping[str, str]:
        nonlocal logins
        logins += 1
        return {"Cookie": f"session={logins}"}

    host.replies["any"] = [lambda *_: web.Response(status=401), {}]
    one = opened()
    assert await one.call(asking("any"), read, SharedLogin(log_in)) == b"{}"
    assert [call.headers["Cookie"] for call in host.calls] == ["session=1", "session=2"]
    host.replies["any"] = [lambda *_: web.Response(status=401)]
    with pytest.raises(SessionExpiredError):
        await one.call(asking("any"), read, SharedLogin(log_in))
    assert (logins, len(host.calls)) == (4, 4)


async def test_a_host_that_echoes_our_secret_does_not_bring_it_into_an_error(host: Any, opened: Open) -> None:
    host.replies["any"] = [lambda request, _: web.Response(status=403, text=request.headers["Authorization"])]

    def quoting(answer: Answer) -> bytes:
        raise OrchestratorError(f"403, {answer.body.decode()!r}", retryable=True, blame=Blame.VENDOR)

    with pytest.raises(OrchestratorError, match=r"403, 'Token \*\*\*'") as caught:
        await opened().call(asking("any"), quoting, KEY)
    assert (caught.value.retryable, caught.value.blame) == (True, Blame.VENDOR)
    assert caught.value.__cause__ is None


async def test_an_expired_token_is_an_error_at_once(host: Any, opened: Open) -> None:
    host.replies["any"] = [lambda *_: web.Response(status=401)]
    one = opened()
    with pytest.raises(SessionExpiredError):
        await one.call(asking("any"), read, KEY)
    assert len(host.calls) == 1


@pytest.mark.parametrize(
    "elsewhere", ["http://192.0.2.1/portal/rest/any", "https://{same}/any", "http://[bad", "http://user@192.0.2.1/"]
)
async def test_the_next_page_at_another_address_is_not_followed(host: Any, opened: Open, elsewhere: str) -> None:
    one = opened()
    path = elsewhere.replace("{same}", host.url.removeprefix("http://").rstrip("/"))
    with pytest.raises(OrchestratorError, match="nothing is sent there") as caught:
        await one.call(Request(verb="GET", path=path, method="pages"), read, KEY)
    assert caught.value.blame is Blame.VENDOR
    assert "t0k3n" not in str(caught.value)


async def test_a_whole_url_at_the_host_is_followed_with_its_query(host: Any, opened: Open) -> None:
    asked = []
    host.replies["any"] = [lambda request, _: asked.append(dict(request.query)) or web.json_response({})]
    one = opened()
    page = Request(verb="POST", path=f"{host.url}/portal/rest/any?startingAfter=a%2Fb%2Bc%26d", method="pages", json={})
    await one.call(page, read, KEY)
    assert asked == [{"startingAfter": "a/b+c&d"}]


async def test_what_is_no_answer_is_told_with_what_to_do(
    host: Any, opened: Open, settings: OrchestratorSettings, unused_tcp_port: int
) -> None:
    async def half(request: web.Request, _: object) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"[1, ")
        assert request.transport is not None
        request.transport.close()
        return response

    host.replies = {"half": [half], "slow": [{}]}
    one = opened(timeout=0.3)
    with pytest.raises(OrchestratorError, match="sent half an answer; asking again later: half") as caught:
        await one.call(asking("half"), read, KEY)
    assert caught.value.retryable
    host.delay = 0.5
    with pytest.raises(OrchestratorError, match="gave no answer in time; asking again later: slow"):
        await one.call(asking("slow"), read, KEY)
    nobody = Host("vco1", settings, f"http://127.0.0.1:{unused_tcp_port}/", Quota(1_000_000))
    with pytest.raises(OrchestratorError, match="cannot be reached") as caught:
        await nobody.call(asking("any"), read, KEY)
    assert (caught.value.retryable, caught.value.blame) == (True, Blame.LINK)
    await nobody.close()


async def test_an_answer_without_end_is_left_unread(host: Any, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "LARGEST_ANSWER", 100_000)
    host.replies["any"] = [lambda *_: web.Response(body=b"x" * 100_000), lambda *_: web.Response(body=b"x" * 100_001)]
    one = opened()
    assert len(await one.call(asking("any"), read, KEY)) == 100_000
    with pytest.raises(OrchestratorError, match="left unread"):
        await one.call(asking("any"), read, KEY)


async def test_a_certificate_that_nobody_we_trust_signed_gets_no_token(
    settings: OrchestratorSettings, tmp_path: Path
) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    process = await asyncio.create_subprocess_exec(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost", stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await process.wait() == 0
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    seen = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.json_response({})

    app = web.Application()
    app.router.add_post("/any", handle)
    server = TestServer(app, host="localhost")
    await server.start_server(ssl=context)
    base = f"https://localhost:{server.port}/"
    stranger = Host("vco1", settings, base, Quota(1_000_000))
    with pytest.raises(OrchestratorError, match="set `ca_file` to your own CA") as caught:
        await stranger.call(asking("any"), read, KEY)
    assert not caught.value.retryable
    assert seen == []
    trusting = Host("vco1", settings.model_copy(update={"ca_file": certificate}), base, Quota(1_000_000))
    assert await trusting.call(asking("any"), read, KEY) == b"{}"
    await stranger.close()
    await trusting.close()
    await server.close()


def test_a_ca_file_without_certificates_is_a_fault_of_the_settings(
    settings: OrchestratorSettings, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").write_text("", encoding="utf-8")
    for name in ("empty.pem", "absent.pem"):
        with pytest.raises(ConfigurationError, match="holds no certificates"):
            Host("vco1", settings.model_copy(update={"ca_file": tmp_path / name}), "https://x/", Quota(60, burst=4))
