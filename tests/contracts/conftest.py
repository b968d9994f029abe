"""A real InfluxDB for the tests: Debian's influxd 1.6 behind a proxy that gives it the write path of 1.8, 2 and 3."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientError, ClientSession, web

from collector.store import influx_setup
from collector.store.influx_connection import InfluxConnection

sys.path.append(str(Path(__file__).parent))

KEPT_DAYS = 3000
"""Beyond any test's samples, which are of the past."""
TOKEN = "a-token-that-no-message-may-show"

CONFIGURATION = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  index-version = "tsi1"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{http}"
  log-enabled = false
[logging]
  level = "error"
"""


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@pytest.fixture(scope="session")
def unused_ports() -> Callable[[int], list[int]]:
    return free_ports


@dataclass
class Influxd:
    """Debian's influxd in a folder of its own; it can be stopped and started again."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = ["influxd", "run", "-config", str(self.folder / "influxdb.conf")]
        with (self.folder / "influxd.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        for _ in range(300):
            try:
                urllib.request.urlopen(self.url + "/ping", timeout=1).close()
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
            else:
                return
        pytest.fail(f"influxd did not start: {(self.folder / 'influxd.log').read_text()[-2000:]}")

    def stop(self, *, kill: bool = False) -> None:
        """End it; killed, it loses what it had only in memory."""
        if self.process is not None:
            self.process.kill() if kill else self.process.terminate()
            self.process.wait(timeout=30)
            self.process = None


@pytest.fixture(scope="session")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    if shutil.which("influxd") is None:
        message = "influxd is not installed (apt-get install --no-install-recommends influxdb)"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(f"NOT TESTED against a real InfluxDB: {message}")
    folder = tmp_path_factory.mktemp("influxd")
    rpc, http = free_ports(2)
    (folder / "influxdb.conf").write_text(CONFIGURATION.format(folder=folder, rpc=rpc, http=http))
    server = Influxd(folder, http)
    server.start()
    yield server
    server.stop()


@dataclass
class InfluxProxy:
    """What stands before influxd: maps the write path of InfluxDB 2 to that of 1.6, and misbehaves when told to."""

    url: str
    influxd: Influxd
    answers: list[tuple[Any, ...] | None]
    """Answers (status, body, headers if any) to give instead of asking the server, first one first; None asks it."""
    lost: list[str] = field(default_factory=list)
    """Paths to ask the server about, and to lose its answer: the connection ends instead."""
    held: list[asyncio.Event] = field(default_factory=list)
    """What the next writes wait for, one each."""
    token: str = TOKEN
    asked: list[str] = field(default_factory=list)
    """The path of each request that went on to the server."""

    @property
    def writes(self) -> int:
        return self.asked.count("/api/v2/write")

    @property
    def questions(self) -> int:
        return self.asked.count("/query")


@pytest.fixture
async def influx_proxy(influxd: Influxd) -> AsyncIterator[InfluxProxy]:
    async with proxied(influxd) as proxy:
        yield proxy


@contextlib.asynccontextmanager
async def proxied(influxd: Influxd) -> AsyncIterator[InfluxProxy]:
    """The proxy before influxd, in the running loop."""

    async def forward(request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Token {TOKEN}":
            return web.json_response({"code": "unauthorized", "message": "unauthorized access"}, status=401)
        given = proxy.answers.pop(0) if proxy.answers else None
        if given is not None:
            status, body, *named = given
            return web.Response(status=status, text=body, headers=named[0] if named else None)
        path, params = request.path, dict(request.query)
        proxy.asked += [path]
        if path == "/api/v2/write":
            if proxy.held:
                await proxy.held.pop(0).wait()
            database, _, policy = params.pop("bucket").partition("/")
            path, params["db"] = "/write", database
            params |= {"rp": policy} if policy else {}
            params["precision"] = {"us": "u"}.get(params["precision"], params["precision"])
        headers = {
            name: request.headers[name] for name in ("Content-Encoding", "Content-Type") if name in request.headers
        }
        try:
            async with session.request(
                request.method, influxd.url + path, params=params, data=await request.read(), headers=headers
            ) as answer:
                named = {name: text for name, text in answer.headers.items() if name.startswith("X-Influxdb")}
                body = await answer.read()
                if request.path in proxy.lost:
                    proxy.lost.remove(request.path)
                    assert request.transport is not None
                    request.transport.abort()
                return web.Response(status=answer.status, body=body, headers=named, content_type="application/json")
        except (OSError, ClientError):
            return web.Response(status=503, text="the server behind is away")

    application = web.Application(client_max_size=1 << 28, handler_args={"auto_decompress": False})
    application.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    proxy = InfluxProxy(f"http://127.0.0.1:{runner.addresses[0][1]}", influxd, [])
    async with ClientSession() as session:
        yield proxy
    await runner.cleanup()


@pytest.fixture
def proxy_before_influxd(influxd: Influxd) -> Callable[[], contextlib.AbstractAsyncContextManager[InfluxProxy]]:
    """For tests that run loops of their own."""
    return lambda: proxied(influxd)


@pytest.fixture
async def influx_bucket(influxd: Influxd) -> str:
    """A database and retention policy of this test's own, as the bucket name of InfluxDB 2."""
    name = f"wan{time.monotonic_ns()}"
    async with ClientSession() as session:

        async def ask(query: str) -> str:
            form = {"q": query, "db": name, "rp": "raw"}
            async with session.post(influxd.url + "/query", data=form) as answer:
                assert answer.status == 200, await answer.text()
                return await answer.text()

        await ask(f'CREATE DATABASE "{name}" WITH DURATION INF REPLICATION 1 NAME "raw"')
        # influxd answers before each of its threads knows the new policy.
        for _ in range(100):
            if not any(["not found" in await ask("SELECT * FROM samples") for _ in range(3)]):
                return f"{name}/raw"
            await asyncio.sleep(0.02)
    pytest.fail("influxd does not show the database that it created")


@pytest.fixture
def influx_address(request: pytest.FixtureRequest) -> tuple[str, str, str, str]:
    """Url, token, bucket and organization of an InfluxDB: of your own when INFLUX_URL is set, else Debian's influxd."""
    if os.environ.get("INFLUX_URL"):
        own: tuple[str, str, str, str] = request.getfixturevalue("own_bucket")
        return own
    proxy = request.getfixturevalue("influx_proxy")
    return proxy.url, proxy.token, request.getfixturevalue("influx_bucket"), "-"


@pytest.fixture
async def own_bucket() -> AsyncIterator[tuple[str, str, str, str]]:
    """A bucket in your own InfluxDB that one test makes and removes; its name begins with INFLUX_BUCKET."""
    url, token, org = os.environ["INFLUX_URL"], os.environ["INFLUX_TOKEN"], os.environ.get("INFLUX_ORG", "-")
    name = f"{os.environ.get('INFLUX_BUCKET', 'lineproof-test')}-{time.monotonic_ns()}"
    connection = InfluxConnection(url, token, org, 30)
    version = await influx_setup.major_version(connection)
    await influx_setup.create(connection, f"{name}/raw", KEPT_DAYS)
    yield url, token, f"{name}/raw", org
    for bucket in (f"{name}/raw", f"{name}/rollup"):
        await removed(connection, version, bucket)
    await connection.close()


async def removed(connection: InfluxConnection, version: int, bucket: str) -> None:
    """Remove a bucket, or on 1.x its database, or on 3.x the database of that name."""
    if version == 1:
        await connection.request("POST", "/query", data={"q": f'DROP DATABASE "{bucket.partition("/")[0]}"'})
    elif version == 2:
        _, _, answer = await connection.request("GET", "/api/v2/buckets", params={"name": bucket})
        for each in json.loads(answer).get("buckets", []):
            await connection.request("DELETE", f"/api/v2/buckets/{each['id']}")
    else:
        await connection.request("DELETE", "/api/v3/configure/database", params={"db": bucket})
