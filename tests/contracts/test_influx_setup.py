"""A bucket that is missing is made, with its retention; where we may not, we say what to run.

InfluxDB 1.x is Debian's influxd. Of 2.x and 3.x no server can be had here: their calls are made to a FAKE that answers
as their documentation says, which proves our calls and not theirs. A real one is tried where INFLUX_URL is set.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import ClientSession, web
from store_cases import HOUR, MORNING, samples

from collector.model import SampleBatch
from collector.store import influx_setup
from collector.store.influx import InfluxStore
from collector.store.influx_connection import InfluxConnection
from collector.store.port import StoreError
from config.clock import epoch_ms

pytestmark = pytest.mark.rim

TOKEN = "a-secret-of-2"
ONE = samples([("wan1", 0, {"rtt_ms": 20.0})])


async def policies(influxd: Any, database: str) -> dict[str, str]:
    """The retention policies of a database and their durations."""
    async with (
        ClientSession() as session,
        session.post(influxd.url + "/query", data={"q": f'SHOW RETENTION POLICIES ON "{database}"'}) as answer,
    ):
        (result,) = (await answer.json())["results"]
    return {row[0]: row[1] for row in result["series"][0]["values"]}


@pytest.fixture
async def store_in(influx_proxy: Any) -> AsyncIterator[Any]:
    opened = []

    def open_in(bucket: str) -> InfluxStore:
        opened.append(InfluxStore(influx_proxy.url, influx_proxy.token, bucket, raw_days=30, rollup_days=400))
        return opened[-1]

    yield open_in
    for store in opened:
        await store.close()


@pytest.mark.real
async def test_a_missing_database_is_made_with_its_retention(store_in: Any, influxd: Any, influx_bucket: str) -> None:
    """A day longer than asked for, so that 30 whole days are always there: 31 x 24 = 744 hours."""
    name = influx_bucket.partition("/")[0] + "new"
    store = store_in(f"{name}/raw")
    await store.write(recent())
    assert (await policies(influxd, name))["raw"] == "744h0m0s"
    assert (await store.health()).newest is not None


def recent() -> SampleBatch:
    """A sample of now: MORNING is older than these retentions."""
    now = epoch_ms(datetime.now(UTC)) // 60_000 * 60_000
    return replace(ONE, time=ONE.time * 0 + now, received_at=ONE.time * 0 + now + 5000)


@pytest.mark.real
async def test_a_database_that_lacks_only_the_retention_policy_gets_it(
    store_in: Any, influxd: Any, influx_bucket: str
) -> None:
    name = influx_bucket.partition("/")[0]
    await store_in(f"{name}/month").write(recent())
    found = await policies(influxd, name)
    assert (found["month"], found["raw"]) == ("744h0m0s", "0s")


@pytest.mark.real
async def test_a_bucket_without_a_policy_is_the_databases_default_one(
    store_in: Any, influxd: Any, influx_bucket: str
) -> None:
    name = influx_bucket.partition("/")[0] + "plain"
    await store_in(name).write(recent())
    assert await policies(influxd, name) == {"autogen": "744h0m0s"}


@pytest.mark.real
async def test_what_is_there_already_is_never_altered(influx_proxy: Any, influxd: Any, influx_bucket: str) -> None:
    connection = InfluxConnection(influx_proxy.url, influx_proxy.token, "-", 30)
    await influx_setup.create(connection, influx_bucket, 7)
    await connection.close()
    name, _, policy = influx_bucket.partition("/")
    assert await policies(influxd, name) == {policy: "0s"}


@pytest.mark.real
async def test_roll_ups_get_a_policy_that_lives_longer(store_in: Any, influxd: Any, influx_bucket: str) -> None:
    """Made by the first upkeep that has a day to roll up: 401 x 24 = 9624 hours."""
    name = influx_bucket.partition("/")[0]
    store = store_in(influx_bucket)
    await store.write(ONE)
    await store.maintain(MORNING + 48 * HOUR)
    assert (await policies(influxd, name))["rollup"] == "9624h0m0s"


@pytest.mark.real
async def test_where_we_may_not_create_we_say_what_to_run(store_in: Any, influx_proxy: Any) -> None:
    denied = (403, '{"error": "user not authorized to execute CREATE DATABASE"}')
    # Two questions, the write, /ping, and then CREATE DATABASE.
    influx_proxy.answers += [None, None, None, None, denied]
    with pytest.raises(StoreError) as caught:
        await store_in("nowhere/raw").write(ONE)
    assert not caught.value.retryable
    assert 'CREATE RETENTION POLICY "raw" ON "nowhere" DURATION 31d REPLICATION 1' in str(caught.value)
    assert influx_proxy.token not in str(caught.value)


@pytest.mark.real
async def test_upkeep_before_anything_was_written_makes_the_bucket(store_in: Any, influx_bucket: str) -> None:
    store = store_in(influx_bucket.partition("/")[0] + "early/raw")
    assert not (await store.health()).ok
    await store.maintain(MORNING)
    assert (await store.health()).ok


@dataclass
class FakeServer:
    """Answers /ping, the bucket and database calls and writes of 2.x and 3.x as documented. NOT an InfluxDB."""

    version: str
    url: str = ""
    forbidden: bool = False
    orgs: dict[str, str] = field(default_factory=dict)
    buckets: dict[str, Any] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != f"Token {TOKEN}":
            return web.json_response({"code": "unauthorized", "message": "unauthorized access"}, status=401)
        if request.path == "/ping":
            return web.Response(status=204, headers={"X-Influxdb-Version": self.version, "X-Influxdb-Build": "OSS"})
        if request.path == "/query":
            return web.json_response({"results": [{"statement_id": 0}]})
        if request.path == "/api/v2/write":
            return await self._write(request)
        if self.forbidden and request.method == "POST":
            return web.json_response({"code": "forbidden", "message": "insufficient permissions"}, status=403)
        if request.path == "/api/v2/orgs":
            return await self._orgs(request)
        body = await request.json()
        self.buckets[body.get("name") or body["db"]] = body
        return web.json_response(body, status=201 if "name" in body else 200)

    async def _write(self, request: web.Request) -> web.Response:
        bucket = request.query["bucket"]
        if bucket not in self.buckets:
            return web.json_response({"code": "not found", "message": f'bucket "{bucket}" not found'}, status=404)
        self.written.append(bucket)
        return web.Response(status=204)

    async def _orgs(self, request: web.Request) -> web.Response:
        if request.method == "POST":
            name = (await request.json())["name"]
            self.orgs[name] = f"id-of-{name}"
            return web.json_response({"id": self.orgs[name], "name": name}, status=201)
        name = request.query["org"]
        if name not in self.orgs:
            return web.json_response({"code": "not found", "message": "organization name not found"}, status=404)
        return web.json_response({"orgs": [{"id": self.orgs[name], "name": name}]})


@pytest.fixture(params=["v2.7.12"])
async def fake(request: pytest.FixtureRequest) -> AsyncIterator[FakeServer]:
    server = FakeServer(request.param)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@pytest.mark.parametrize("known", [True, False])
async def test_fake_2_a_missing_bucket_is_made_in_our_organization(fake: FakeServer, known: bool) -> None:
    """31 x 86,400 = 2,678,400 seconds."""
    if known:
        fake.orgs["example"] = "id-of-example"
    store = InfluxStore(fake.url, TOKEN, "wan/raw", org="example", raw_days=30)
    await store.write(ONE)
    await store.close()
    assert fake.buckets["wan/raw"] == {
        "orgID": "id-of-example",
        "name": "wan/raw",
        "retentionRules": [{"type": "expire", "everySeconds": 2_678_400}],
    }
    assert fake.written == ["wan/raw"]


async def test_fake_2_where_we_may_not_create_we_say_what_to_run(fake: FakeServer) -> None:
    fake.orgs["example"] = "id-of-example"
    fake.forbidden = True
    store = InfluxStore(fake.url, TOKEN, "wan/raw", org="example", raw_days=30)
    with pytest.raises(StoreError, match="insufficient permissions") as caught:
        await store.write(ONE)
    await store.close()
    assert not caught.value.retryable
    assert "influx bucket create --org example --name wan/raw --retention 31d" in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert fake.written == []


@pytest.mark.parametrize("fake", ["3.2.1"], indirect=True)
async def test_fake_3_a_missing_database_is_made(fake: FakeServer) -> None:
    store = InfluxStore(fake.url, TOKEN, "wan", raw_days=30)
    await store.write(ONE)
    await store.close()
    assert fake.buckets == {"wan": {"db": "wan", "retention_period": "31d"}}


@pytest.mark.parametrize("fake", ["", "0.9", "weird"], indirect=True)
async def test_fake_a_server_that_does_not_say_what_it_is_is_asked_about(fake: FakeServer) -> None:
    store = InfluxStore(fake.url, TOKEN, "wan/raw")
    with pytest.raises(StoreError, match="does not say on /ping which InfluxDB it is"):
        await store.write(ONE)
    await store.close()
    assert fake.buckets == {}
