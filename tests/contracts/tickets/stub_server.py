"""What our ticket servers of the tests have in common: a port of their own, and ends that are dead or silent."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web


def losing_answers(habits: set[str]) -> Any:
    """A middleware: with the habit `loses_the_next_answer` the next write is carried out, and its answer lost."""

    @web.middleware
    async def forgetful(request: web.Request, handler: Any) -> web.StreamResponse:
        response: web.StreamResponse = await handler(request)
        if request.method == "GET" or request.path.endswith("/token") or "loses_the_next_answer" not in habits:
            return response
        habits.discard("loses_the_next_answer")
        return web.Response(status=504, text="gateway timeout")

    return forgetful


@asynccontextmanager
async def serving(application: web.Application) -> AsyncIterator[str]:
    """The URL of the application, on a free port of the loopback."""
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


@dataclass(frozen=True)
class Ends:
    """URLs: nobody listens at `away`; `silent` takes connections and says nothing."""

    away: str
    silent: str


@asynccontextmanager
async def dead_ends() -> AsyncIterator[Ends]:
    with socket.create_server(("127.0.0.1", 0)) as mute, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away, silent = (f"http://127.0.0.1:{one.getsockname()[1]}" for one in (nobody, mute))
        yield Ends(away, silent)
