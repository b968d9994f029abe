"""A real HTTP server between an adapter and the simulated host: passes everything on, and spoils what a test asks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

Json = Any
Reply = Callable[[web.Request], Any]
HOP_BY_HOP = {"content-length", "transfer-encoding", "content-encoding", "connection", "server", "date"}


@dataclass
class Call:
    path: str
    at: float


@dataclass
class Between:
    """`spoil` answers instead of the host, log-ins excepted: each reply once, and the last for ever with `for_ever`.
    `edit` changes what the host answers, by path and JSON value."""

    target: str
    is_log_in: Callable[[str], bool]
    url: str = ""
    calls: list[Call] = field(default_factory=list)
    spoil: list[Reply] = field(default_factory=list)
    for_ever: bool = False
    edit: Callable[[str, Json], Json] = lambda _, value: value
    delay: float = 0.0
    _session: aiohttp.ClientSession | None = None

    def logged_in(self) -> int:
        return sum(self.is_log_in(call.path) for call in self.calls)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.calls.append(Call(request.path, asyncio.get_running_loop().time()))
        if self.spoil and not self.is_log_in(request.path):
            reply = self.spoil[0] if self.for_ever and len(self.spoil) == 1 else self.spoil.pop(0)
            answer = reply(request)
            spoiled: web.StreamResponse = await answer if asyncio.iscoroutine(answer) else answer
            return spoiled
        await asyncio.sleep(self.delay)
        return await self._passed_on(request)

    async def _passed_on(self, request: web.Request) -> web.Response:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=True)
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        async with self._session.request(
            request.method,
            self.target + request.raw_path,
            data=await request.read(),
            headers=headers,
            allow_redirects=False,
        ) as answer:
            body = await answer.read()
            if "json" in answer.content_type and answer.status == 200:
                body = json.dumps(self.edit(request.path, json.loads(body))).encode()
            passed = web.Response(status=answer.status, body=body)
            for name, value in answer.headers.items():
                if name.lower() not in HOP_BY_HOP:
                    passed.headers.add(name, value.replace(self.target, self.url))
            return passed

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


def says(status: int, text: str = "", **headers: str) -> Reply:
    return lambda _: web.Response(status=status, text=text, headers=headers)


def half(request: web.Request) -> Any:
    """The beginning of an answer, and then the connection ends."""

    async def broken() -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'[{"edge')
        assert request.transport
        request.transport.close()
        return response

    return broken()


def silence(_: web.Request) -> Any:
    """No answer within any time that a test sets."""

    async def late() -> web.Response:
        await asyncio.sleep(2)
        return web.json_response([])

    return late()


def emptied(_: str, value: Json) -> Json:
    """The same answer without its rows."""
    if isinstance(value, list):
        return []
    if isinstance(value, dict) and isinstance(value.get("data"), list):
        return {**value, "data": []}
    return value


def without(ids: set[str]) -> Callable[[str, Json], Json]:
    """The same answer without the rows in which one of these stands anywhere."""

    def edit(_: str, value: Json) -> Json:
        if isinstance(value, list):
            return [row for row in value if not mentions(row, ids)]
        if isinstance(value, dict) and isinstance(value.get("data"), list):
            return {**value, "data": [row for row in value["data"] if not mentions(row, ids)]}
        return value

    return edit


def mentions(value: Json, ids: set[str]) -> bool:
    if isinstance(value, dict):
        return any(mentions(each, ids) for each in value.values())
    if isinstance(value, list):
        return any(mentions(each, ids) for each in value)
    return str(value) in ids


def replaced(values: dict[str, Json]) -> Callable[[str, Json], Json]:
    """The same answer with these keys' values, wherever they stand, and with the same in each tick of a series."""

    def change(value: Json) -> Json:
        if isinstance(value, dict) and value.get("metric") in values:
            return {**value, "data": [values[value["metric"]]] * len(value["data"])}
        if isinstance(value, dict):
            return {name: values[name] if name in values else change(each) for name, each in value.items()}
        return [change(each) for each in value] if isinstance(value, list) else value

    return lambda _, value: change(value)
