"""One call to a ticket system: what each kind of answer, and of silence, becomes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest
from aiohttp import web
from pydantic import SecretStr
from stub_server import serving

from triage.tickets.http import Call, FixedLogin, TicketHost, path_of
from triage.tickets.port import TicketError

pytestmark = pytest.mark.rim
CALL = Call(verb="GET", path="ticket/1", what="reading ticket 1")
SECRET = "a-secret-of-the-tests"


@asynccontextmanager
async def answering(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[TicketHost]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    async with serving(app) as url:
        host = TicketHost(
            url + "/rest", FixedLogin({"Authorization": SECRET}), timeout=0.5, secrets=(SecretStr(SECRET),)
        )
        try:
            yield host
        finally:
            await host.close()


async def refusal(status: int, text: str = "", **headers: str) -> TicketError:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers=headers)

    async with answering(handler) as host:
        with pytest.raises(TicketError) as raised:
            await host.call(CALL)
    return raised.value


@pytest.mark.parametrize("status", [401, 408, 409, 412, 425, 429, 500, 502, 503, 504])
async def test_what_can_pass_is_tried_again(status: int) -> None:
    assert (await refusal(status)).retryable


@pytest.mark.parametrize("status", [301, 302, 307, 400, 403, 404, 405, 413, 415, 422])
async def test_what_stays_refused_is_not(status: int) -> None:
    assert not (await refusal(status)).retryable


async def test_an_error_names_host_call_status_and_what_the_system_says() -> None:
    error = await refusal(422, '{"message": "impact\nis missing"}')
    assert "127.0.0.1:" in str(error)
    assert 'reading ticket 1 with 422 ({"message": "impact is missing"})' in str(error)


async def test_a_page_of_html_is_not_quoted() -> None:
    assert "html" not in str(await refusal(502, "<html><body>Bad gateway</body></html>"))


async def test_a_secret_that_is_echoed_does_not_reach_the_error() -> None:
    error = await refusal(400, f"bad header Authorization: {SECRET}")
    assert SECRET not in str(error)
    assert "***" in str(error)


@pytest.mark.parametrize(("header", "seconds"), [("17", 17.0), ("soon", 0.0), ("9999999", 300.0)])
async def test_how_long_the_system_asks_us_to_wait(header: str, seconds: float) -> None:
    assert (await refusal(429, **{"Retry-After": header})).retry_after == seconds


@pytest.mark.parametrize("body", ["<html>log in</html>", "", '{"id": ', "[1]", '{"id": null}'])
async def test_an_answer_of_another_shape_is_asked_for_again(body: str) -> None:
    class Ticket(msgspec.Struct):
        id: str

    async def handler(_: web.Request) -> web.Response:
        return web.Response(text=body)

    async with answering(handler) as host:
        with pytest.raises(TicketError, match="something else than expected") as raised:
            await host.read(CALL, Ticket)
    assert raised.value.retryable


async def test_half_an_answer_is_none() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100"})
        await response.prepare(request)
        await response.write(b'{"id": "1"')
        assert request.transport is not None
        request.transport.close()
        return response

    async with answering(handler) as host:
        with pytest.raises(TicketError) as raised:
            await host.call(CALL)
    assert raised.value.retryable


async def test_a_secret_goes_to_no_other_host() -> None:
    async def handler(_: web.Request) -> web.Response:
        raise AssertionError("nothing is sent")

    async with answering(handler) as host:
        with pytest.raises(TicketError, match="nothing is sent there"):
            await host.call(Call(verb="GET", path="http://127.0.0.2:1/next", what="the next page"))


async def test_an_id_of_odd_characters_is_one_part_of_the_path() -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request.raw_path)
        return web.Response(text="{}")

    async with answering(handler) as host:
        await host.call(Call(verb="GET", path=path_of("ticket", "../admin?x=1#y"), what="reading"))
    assert seen == ["/rest/ticket/..%2Fadmin%3Fx%3D1%23y"]
