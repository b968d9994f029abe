"""Calls to a dashboard over real HTTP: pages, redirects, limits, and answers that are none."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from collector.orchestrator.meraki.session import MerakiSession, following_page, led_to
from collector.orchestrator.port import OrchestratorError, RateLimitedError, SessionExpiredError
from collector.orchestrator.quota import Quota
from collector.settings import OrchestratorSettings

KEY = "0123456789abcdef0123456789abcdef01234567"
METHOD = "organizations/{organization}/things"
IDS = {"organization": "5000"}

Reply = Callable[[web.Request], web.StreamResponse]


@dataclass
class Dashboard:
    """Answers each call with the next of `replies`; the last one answers for ever."""

    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    calls: list[web.Request] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(request)
        return (self.replies.pop(0) if len(self.replies) > 1 else self.replies[0])(request)


@pytest.fixture
async def dashboard() -> AsyncIterator[Dashboard]:
    scripted = Dashboard()
    app = web.Application()
    app.router.add_get("/{path:.*}", scripted.handle)
    async with TestServer(app) as server:
        scripted.url = str(server.make_url("")).rstrip("/")
        yield scripted


@pytest.fixture
async def session(dashboard: Dashboard) -> AsyncIterator[MerakiSession]:
    settings = OrchestratorSettings.model_validate(
        {"kind": "meraki", "url": f"{dashboard.url}/api/v1/", "token": KEY, "timeout": 5}
    )
    opened = MerakiSession("meraki1", settings, Quota(360_000, penalty=0.01))
    yield opened
    await opened.close()


def answer(value: Any, status: int = 200, **headers: str) -> Reply:
    return lambda _: web.json_response(value, status=status, headers=headers)


def text(body: str | bytes, status: int = 200, **headers: str) -> Reply:
    raw = body.encode() if isinstance(body, str) else body
    return lambda _: web.Response(body=raw, status=status, headers=headers)


@pytest.mark.rim
@pytest.mark.parametrize("ending", ["", "/", "/api/v1", "/api/v1/"])
async def test_the_url_may_be_written_with_or_without_the_api(dashboard: Dashboard, ending: str):
    dashboard.replies = [answer([])]
    given = {"kind": "meraki", "url": dashboard.url + ending, "token": KEY}
    session = MerakiSession("meraki1", OrchestratorSettings.model_validate(given), Quota(360_000))
    await session.list(METHOD, {"organization": "a/b"}, [("t0", "2026-03-03T14:00:00Z"), ("serials[]", "Q2")])
    await session.close()
    (call,) = dashboard.calls
    assert call.raw_path.startswith("/api/v1/organizations/a%2Fb/things?")
    assert dict(call.query) == {"t0": "2026-03-03T14:00:00Z", "serials[]": "Q2", "perPage": "1000"}
    assert call.headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.rim
async def test_every_page_is_read(dashboard: Dashboard, session: MerakiSession):
    def first(request: web.Request) -> web.Response:
        link = f'<{request.url}>; rel=first, <{request.url.update_query(startingAfter="Q 1/+=")}>; rel="next"'
        return web.json_response([1, 2], headers={"Link": link})

    def second(_: web.Request) -> web.Response:
        return web.json_response([3], headers={"Link": "</api/v1/relative?startingAfter=3>; rel=next"})

    dashboard.replies = [first, second, answer([4])]
    assert await session.list(METHOD, IDS) == [1, 2, 3, 4]
    assert [call.query.get("startingAfter") for call in dashboard.calls] == [None, "Q 1/+=", "3"]


@pytest.mark.rim
async def test_pages_in_a_circle_end(dashboard: Dashboard, session: MerakiSession):
    def page(token: str) -> Reply:
        return lambda _: web.json_response([1], headers={"Link": f"</api/v1/x?startingAfter={token}>; rel=next"})

    dashboard.replies = [page("a"), page("b"), page("a")]
    with pytest.raises(OrchestratorError, match="in a circle") as raised:
        await session.list(METHOD, IDS)
    assert raised.value.retryable
    assert len(dashboard.calls) == 3


@pytest.mark.rim
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_the_shard_is_followed_and_remembered(
    dashboard: Dashboard, session: MerakiSession, status: int
):
    def moved(request: web.Request) -> web.Response:
        if request.path.startswith("/shard"):
            return web.json_response([request.query["t0"]])
        return web.Response(status=status, headers={"Location": f"{dashboard.url}/shard{request.path_qs}"})

    dashboard.replies = [moved]
    for _ in range(2):
        assert await session.list(METHOD, IDS, [("t0", "now")]) == ["now"]
    assert await session.list(METHOD, {"organization": "6000"}, [("t0", "then")]) == ["then"]
    # Each organization has a shard of its own.
    assert [call.path.startswith("/shard") for call in dashboard.calls] == [False, True, True, False, True]
    assert {call.headers["Authorization"] for call in dashboard.calls} == {f"Bearer {KEY}"}


@pytest.mark.rim
async def test_a_redirect_without_end_is_an_error(dashboard: Dashboard, session: MerakiSession):
    dashboard.replies = [lambda request: web.Response(status=302, headers={"Location": str(request.url)})]
    with pytest.raises(OrchestratorError, match="again and again"):
        await session.get(METHOD, IDS)


@pytest.mark.rim
@pytest.mark.parametrize("where", ["Location", "Link"])
async def test_the_key_goes_to_nobody_else(dashboard: Dashboard, session: MerakiSession, where: str):
    strangers: list[web.Request] = []

    async def note(request: web.Request) -> web.Response:
        strangers.append(request)
        return web.json_response([])

    app = web.Application()
    app.router.add_get("/{path:.*}", note)
    async with TestServer(app) as other:
        elsewhere = str(other.make_url("/api/v1/organizations"))
        reply = {
            "Location": text("", 308, Location=elsewhere),
            "Link": answer([1], Link=f"<{elsewhere}>; rel=next"),
        }
        dashboard.replies = [reply[where]]
        with pytest.raises(OrchestratorError, match="the key is not sent there"):
            await session.list(METHOD, IDS)
    assert strangers == []


@pytest.mark.rim
async def test_a_redirect_to_nowhere_is_an_error(dashboard: Dashboard, session: MerakiSession):
    dashboard.replies = [text("", 302)]
    with pytest.raises(OrchestratorError):
        await session.get(METHOD, IDS)


BASE = "https://api.meraki.com/api/v1/organizations"


@pytest.mark.parametrize(
    ("reference", "leads_to"),
    [
        ("https://n149.meraki.com/api/v1/organizations", "https://n149.meraki.com/api/v1/organizations"),
        ("https://n149.meraki.com:443/api/v1/x", "https://n149.meraki.com:443/api/v1/x"),
        ("https://n1.meraki.cn/api/v1/x", "https://n1.meraki.cn/api/v1/x"),
        ("https://api.gov-meraki.com/api/v1/x", "https://api.gov-meraki.com/api/v1/x"),
        ("/api/v1/organizations?startingAfter=7", "https://api.meraki.com/api/v1/organizations?startingAfter=7"),
        ("http://n149.meraki.com/api/v1/x", None),
        ("https://n149.meraki.com:8443/api/v1/x", None),
        ("https://key@n149.meraki.com/api/v1/x", None),
        ("https://api.meraki.com.attacker.example/api/v1/x", None),
        ("https://attacker-meraki.com/api/v1/x", None),
        ("//attacker.example/api/v1/x", None),
        ("https://[broken/", None),
        ("https://n149.meraki.com:port/", None),
        ("ftp://api.meraki.com/x", None),
    ],
)
def test_only_the_vendors_own_hosts_are_followed(reference: str, leads_to: str | None):
    assert led_to(BASE, reference) == leads_to


@pytest.mark.parametrize(
    ("headers", "following"),
    [
        (["<https://x/a?b=1>; rel=next"], "https://x/a?b=1"),
        (['<https://x/a>; rel="next"'], "https://x/a"),
        (['<https://x/a>; rel="prev next"'], "https://x/a"),
        (["<https://x/a>; rel=first, <https://x/b,c>; rel=next, <https://x/d>; rel=last"], "https://x/b,c"),
        (['<https://x/a>; title="one, two"; rel=first, <https://x/b>; Rel=NEXT'], "https://x/b"),
        (["<https://x/a>; rel=first", "<https://x/b>; rel=next"], "https://x/b"),
        (["<https://x/a>; rel=prev"], None),
        (["<https://x/a>; rel=nextish"], None),
        (["<https://x/a>"], None),
        (["rubbish"], None),
        ([], None),
    ],
)
def test_the_next_page_is_the_link_with_that_relation(headers: list[str], following: str | None):
    assert following_page(headers) == following


@pytest.mark.rim
async def test_a_limited_call_waits_and_is_repeated(dashboard: Dashboard, session: MerakiSession):
    limited = answer({"errors": ["API rate limit exceeded for organization"]}, 429, **{"Retry-After": "0"})
    dashboard.replies = [limited, text("<html>429</html>", 429), answer([1])]
    assert await session.list(METHOD, IDS) == [1]
    assert len(dashboard.calls) == 3


@pytest.mark.rim
async def test_a_limit_without_end_is_an_error_that_may_be_tried_again(dashboard: Dashboard, session: MerakiSession):
    dashboard.replies = [text("", 429)]
    with pytest.raises(RateLimitedError) as raised:
        await session.list(METHOD, IDS)
    assert raised.value.retryable
    assert len(dashboard.calls) == 4


@pytest.mark.rim
@pytest.mark.parametrize(
    ("status", "body", "said", "retryable"),
    [
        (403, '{"errors": ["Forbidden"]}', "403 .Forbidden.: this key may not call it", False),
        (404, "", "not known to this key", False),
        (404, '{"errors": ["API access is not enabled"]}', "API access is not enabled", False),
        (400, '{"errors": ["Invalid serial"]}', "Invalid serial", False),
        (418, "", "418", False),
        (500, "", "a fault of its own", True),
        (502, "<html>Bad gateway</html>", "a fault of its own", True),
        (200, "<html>Log in</html>", "HTML page", True),
        (200, "  ", "empty body", True),
        (200, '[{"serial": "Q2AA-AAA', "half an answer", True),
        (200, "[" * 100_000, "half an answer", True),
        (200, '{"serial": 1}', "not a list", True),
        (200, '{"errors": ["Something"]}', "Something", False),
        (204, "", "not a list", True),
    ],
)
async def test_what_is_no_usable_answer_is_named(
    dashboard: Dashboard, session: MerakiSession, status: int, body: str, said: str, retryable: bool
):
    dashboard.replies = [text(body, status)]
    with pytest.raises(OrchestratorError, match=said) as raised:
        await session.list(METHOD, IDS)
    assert raised.value.retryable is retryable
    assert KEY not in str(raised.value)
    assert len(dashboard.calls) == 1


@pytest.mark.rim
async def test_a_key_that_is_refused_is_told_and_not_tried_again(dashboard: Dashboard, session: MerakiSession):
    dashboard.replies = [answer({"errors": ["Invalid API key"]}, 401)]
    with pytest.raises(SessionExpiredError, match=r"Invalid API key.*make a new one") as raised:
        await session.list(METHOD, IDS)
    assert KEY not in str(raised.value)
    assert len(dashboard.calls) == 1


@pytest.mark.rim
async def test_a_broken_letter_costs_no_answer(dashboard: Dashboard, session: MerakiSession):
    dashboard.replies = [text(b'[{"name": "Caf\xe9"}]')]
    assert await session.list(METHOD, IDS) == [{"name": "Caf\ufffd"}]


@pytest.mark.rim
async def test_no_content_is_no_value(dashboard: Dashboard, session: MerakiSession):
    dashboard.replies = [text("", 204)]
    assert await session.get(METHOD, IDS) is None
