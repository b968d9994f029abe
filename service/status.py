"""A process's own /metrics and /health, on loopback. The desk serves the same two paths among its pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service.settings import HOST

Health = Callable[[], Awaitable[Mapping[str, object]]]
"""Returns {"ok": bool, ...}: what is stale and why."""


async def metrics(_request: web.Request) -> web.Response:
    return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def start_status_server(port: int, health: Health) -> web.AppRunner:
    """Serve until the returned runner is cleaned up. Raises OSError when the port is taken."""

    async def answer(_request: web.Request) -> web.Response:
        state = await health()
        return web.json_response(dict(state), status=200 if state["ok"] else 503)

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/health", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    return runner
