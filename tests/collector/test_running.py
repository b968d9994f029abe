"""The collector as a whole over loopback: a real VCO host, a real UDP reflector, a real journal, a real kill."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import REGISTRY

from collector.journal import Journal
from collector.journal_sink import JournalSink
from collector.model import Fact, FactKind, Source
from collector.running import Collector
from collector.settings import CollectorSettings
from collector.sink import batch_of
from collector.snmp.wishes import PollWish
from collector.store.embedded import EmbeddedStore
from collector.store.port import StoreError
from config.clock import SystemClock
from inventory.model import Device, DeviceRole, Inventory, Link, OrchestratorIdentity, Site, SnmpAccess

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)


class Reflector(asyncio.DatagramProtocol):
    """Sends back what comes."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.transport.sendto(data, addr)


@dataclass
class Loopback:
    """Where the far ends are, as a process of its own is told."""

    vco: str
    reflector: int
    silent: int
    folder: Path
    calls: list[str] = field(default_factory=list)

    def inventory(self) -> Inventory:
        edge = OrchestratorIdentity(name="vco1", enterprise_id="41", edge_id="702")
        return Inventory.of(
            sites=[Site(id="s", client="c")],
            devices=[
                Device(
                    id="edge",
                    site="s",
                    role=DeviceRole.SDWAN_EDGE,
                    orchestrator=edge,
                    management_address="127.0.0.1",
                    snmp=SnmpAccess(credential="lab", port=self.silent),
                )
            ],
            links=[
                Link(
                    id="line",
                    site="s",
                    device="edge",
                    interface="GE1",
                    probe_target=f"udp://127.0.0.1:{self.reflector}",
                )
            ],
        )

    def settings(self) -> CollectorSettings:
        return CollectorSettings.model_validate(
            {
                "snmp": {"every": 1, "timeout": 0.2, "retries": 0, "credentials": {"lab": {"community": "c"}}},
                "probe": {"every": 1, "packets": 2, "timeout": 0.2},
                "orchestrators": {"vco1": {"url": self.vco, "token": "t", "states_every": 1}},
            }
        )


@pytest.fixture
async def loopback(tmp_path: Path, unused_udp_port: int) -> AsyncIterator[Loopback]:
    calls: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        method = request.match_info["method"]
        calls.append(method)
        row = {"enterpriseId": 41, "edgeId": 702, "edgeName": "E", "edgeState": "CONNECTED", "interface": "GE1"}
        row |= {"internalId": "x", "linkId": 1, "linkState": "STABLE", "linkMode": "ACTIVE"}
        match method:
            case "monitoring/getEnterpriseEdgeLinkStatus":
                return web.json_response([row])
            case "monitoring/getAggregateEdgeLinkMetrics":
                return web.json_response([{"linkId": 1, "bytesRx": 37_500, "bytesTx": 3_750, "link": row}])
            case "event/getEnterpriseEvents":
                return web.json_response({"metaData": {"more": False}, "data": []})
        return web.json_response([])

    app = web.Application()
    app.router.add_post("/portal/rest/{method:.+}", answer)
    server = TestServer(app)
    await server.start_server()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Reflector, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    yield Loopback(str(server.make_url("")), port, unused_udp_port, tmp_path, calls)
    transport.close()
    await server.close()


def rows_in(journal: Journal) -> set[tuple[str, str, int]]:
    return {
        (str(batch.source), link, int(time))
        for entry in journal.read(0, limit=100_000)
        for batch in entry.batches
        for link, time in zip(batch.links, batch.time, strict=True)
    }


def facts_in(journal: Journal) -> set[tuple[str, str, str]]:
    return {(f.subject, str(f.kind), f.value) for entry in journal.read(0, limit=100_000) for f in entry.facts}


@pytest.mark.slow
async def test_everything_measured_is_in_the_journal_and_health_says_what_is_blind(loopback: Loopback) -> None:
    journal = Journal(loopback.folder / "journal.sqlite")
    store = EmbeddedStore(journal, loopback.folder, 95)
    collector = Collector(loopback.settings(), loopback.inventory(), journal, store, SystemClock())
    running = asyncio.create_task(collector.run())
    await asyncio.sleep(4.5)
    health = await collector.health()
    await collector.stop()
    await asyncio.wait_for(running, 5)

    sources = {source for source, _, _ in rows_in(journal)}
    assert {"probe", "orchestrator"} <= sources
    assert facts_in(journal) >= {
        ("edge", "edge_state", "connected"),
        ("line", "link_state", "stable"),
        ("edge", "poll_outcome", "timeout"),
        ("vco1", "source_state", "ok"),
    }
    document = health.document()
    assert not document["ok"]
    assert "edge (timeout)" in str(document["why"])
    states = {source.name: source.state.value for source in health.sources}
    assert states == {"vco1": "ok", "snmp": "failing", "probe": "ok"}
    calls = "lineproof_orchestrator_calls_total"
    labels = {"orchestrator": "vco1", "method": "monitoring/getEnterpriseEdgeLinkStatus", "status": "200"}
    assert (REGISTRY.get_sample_value(calls, labels) or 0) >= 3
    await store.close()


CHILD = """
import asyncio, json, sys
from pathlib import Path
from collector.journal import Journal
from collector.running import Collector
from collector.store.embedded import EmbeddedStore
from config.clock import SystemClock
sys.path.insert(0, str(Path({tests!r})))
import importlib.util
spec = importlib.util.spec_from_file_location("loop", {here!r})
loop = importlib.util.module_from_spec(spec)
sys.modules["loop"] = loop
spec.loader.exec_module(loop)
ends = json.loads(sys.argv[1])
far = loop.Loopback(ends["vco"], ends["reflector"], ends["silent"], Path(ends["folder"]))
journal = Journal(far.folder / "journal.sqlite")
store = EmbeddedStore(journal, far.folder, 95)
asyncio.run(Collector(far.settings(), far.inventory(), journal, store, SystemClock()).run())
"""


async def start_child(loopback: Loopback) -> asyncio.subprocess.Process:
    ends = {
        "vco": loopback.vco,
        "reflector": loopback.reflector,
        "silent": loopback.silent,
        "folder": str(loopback.folder),
    }
    code = CHILD.format(tests=str(Path(__file__).parent), here=__file__)
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, json.dumps(ends), stderr=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip


async def until_probed(journal: Journal, seen: set[tuple[str, str, int]], more: int) -> set[tuple[str, str, int]]:
    """Wait until the journal holds `more` probe samples beyond those seen."""
    for _ in range(300):
        rows = rows_in(journal)
        if len([row for row in rows - seen if row[0] == "probe"]) >= more:
            return rows
        await asyncio.sleep(0.1)
    raise AssertionError("the child collected nothing")


@pytest.mark.slow
async def test_what_was_in_the_journal_survives_a_kill_and_the_next_start_goes_on(loopback: Loopback) -> None:
    journal = Journal(loopback.folder / "journal.sqlite")
    seen: set[tuple[str, str, int]] = set()
    for _ in range(2):
        child = await start_child(loopback)
        collected = await until_probed(journal, seen, 2)
        os.kill(child.pid, signal.SIGKILL)
        await child.wait()
        after = rows_in(Journal(loopback.folder / "journal.sqlite"))
        assert collected <= after
        assert seen <= after
        seen = after
    store = EmbeddedStore(journal, loopback.folder, 95)
    start, end = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
    (probed,) = [one for one in await store.window(["line"], ["loss_pct"], start, end) if one.source is Source.PROBE]
    assert set(probed.time.tolist()) == {time for source, _, time in seen if source == "probe"}
    await store.close()


HOLDER = """
import sys
from pathlib import Path
from collector.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.claim()
print(flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
async def test_a_second_collector_asks_nobody_anything(loopback: Loopback) -> None:
    path = loopback.folder / "journal.sqlite"
    first = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, str(path), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    assert first.stdout is not None
    await first.stdout.readline()
    journal = Journal(path)
    store = EmbeddedStore(journal, loopback.folder, 95)
    collector = Collector(loopback.settings(), loopback.inventory(), journal, store, SystemClock())
    with pytest.raises(StoreError, match=f"is being written by process {first.pid}"):
        await collector.run()
    assert loopback.calls == []
    first.kill()
    await first.communicate()
    await store.close()


@pytest.mark.slow
async def test_a_journal_that_is_nearly_full_is_a_problem_that_health_names(loopback: Loopback) -> None:
    journal = Journal(loopback.folder / "journal.sqlite")
    store = EmbeddedStore(journal, loopback.folder, 95)
    note = Fact(NOW, "edge", FactKind.EVENT, "LINK_DEAD", Source.SNMP, NOW, "x" * 13_000_000)
    await store.write_facts([note])
    settings = loopback.settings()
    small = settings.model_copy(update={"store": settings.store.model_copy(update={"journal_megabytes": 16})})
    collector = Collector(small, loopback.inventory(), journal, store, SystemClock())
    running = asyncio.create_task(collector.run())
    await asyncio.sleep(1.5)
    health = (await collector.health()).document()
    await collector.stop()
    await running
    assert "% full since" in str(health["why"])
    assert str(health["journal"]).endswith(" of 16 MB")
    assert REGISTRY.get_sample_value("lineproof_journal_alarm") == 1
    await store.close()


@pytest.mark.slow
async def test_what_some_watch_measures_of_a_line_that_the_inventory_lacks_is_refused_and_told(
    loopback: Loopback,
) -> None:
    journal = Journal(loopback.folder / "journal.sqlite")
    store = EmbeddedStore(journal, loopback.folder, 95)
    collector = Collector(loopback.settings(), loopback.inventory(), journal, store, SystemClock())
    running = asyncio.create_task(collector.run())
    now = round(datetime.now(UTC).timestamp() * 1000)
    rows = [(line, now, 60, now, (1.0,)) for line in ("line", "nobody's")]
    await collector._sink.samples(batch_of(Source.IMPORT, ["rtt_ms"], rows))
    problems = (await collector.health()).problems
    await collector.stop()
    await running
    assert {link for source, link, _ in rows_in(journal) if source == "import"} == {"line"}
    (told,) = [problem for problem in problems if "refused" in problem]
    assert told.startswith("import: 1 samples refused (the inventory does not know the link), for example nobody's ")
    await store.close()


@pytest.mark.slow
async def test_a_device_without_snmp_is_seen_closer_by_its_orchestrator(loopback: Loopback) -> None:
    journal = Journal(loopback.folder / "journal.sqlite")
    store = EmbeddedStore(journal, loopback.folder, 95)
    (edge,) = loopback.inventory().devices.values()
    inventory = replace(loopback.inventory(), devices={"edge": replace(edge, management_address=None, snmp=None)})
    settings = loopback.settings()
    seldom = settings.orchestrators["vco1"].model_copy(update={"states_every": 3600, "history_days": 0})
    settings = settings.model_copy(update={"orchestrators": {"vco1": seldom}})
    until = datetime.now(UTC) + timedelta(hours=1)

    async def wished(now: datetime) -> Sequence[PollWish]:
        return [PollWish(device="edge", every=15, until=until, reason="case C-1")]

    collector = Collector(settings, inventory, journal, store, SystemClock(), wished)
    running = asyncio.create_task(collector.run())
    for _ in range(100):
        await asyncio.sleep(0.05)
        if "metrics/getEdgeLinkSeries" in loopback.calls:
            break
    await collector.stop()
    await running
    assert loopback.calls.count("metrics/getEdgeLinkSeries") == 1
    # The quota that the command line shares lies beside the journal.
    assert [file.stat().st_size for file in loopback.folder.glob("orchestrator-127.0.0.1_*.quota")] == [256]
    await store.close()


async def test_a_store_that_is_no_longer_in_use_holds_up_nothing(loopback: Loopback) -> None:
    journal = Journal(loopback.folder / "journal.sqlite")
    store = EmbeddedStore(journal, loopback.folder, 95)
    journal.advance("influx", 0)
    Collector(loopback.settings(), loopback.inventory(), journal, store, SystemClock())
    assert journal.cursors() == {"parts": 0}
    await store.close()


async def test_hand_overs_of_a_moment_share_one_entry_and_return_when_it_is_there(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    sink = JournalSink(journal)
    running = asyncio.create_task(sink.run())
    fact = Fact(NOW, "edge", FactKind.POLL_OUTCOME, "ok", Source.SNMP, NOW)
    batch = batch_of(Source.PROBE, ["loss_pct"], [("line", 0, 60, 1, (0.0,))])
    await asyncio.wait_for(asyncio.gather(sink.samples(batch), sink.facts([fact]), sink.samples(batch)), 1.0)
    (entry,) = journal.read(0)
    assert (len(entry.batches), len(entry.facts)) == (2, 1)
    assert sink.waiting_rows() == 0
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    journal.close()


async def test_what_was_handed_over_before_the_end_is_committed_at_the_end(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    sink = JournalSink(journal)
    running = asyncio.create_task(sink.run())
    handing = asyncio.create_task(sink.samples(batch_of(Source.PROBE, ["loss_pct"], [("line", 0, 60, 1, (0.0,))])))
    await asyncio.sleep(0.05)
    running.cancel()
    await asyncio.wait_for(handing, 1.0)
    assert journal.position() == 1
    await asyncio.gather(running, return_exceptions=True)
    journal.close()


async def test_a_journal_that_refuses_is_told_to_everyone_who_handed_over(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.sqlite")
    sink = JournalSink(journal)
    running = asyncio.create_task(sink.run())
    journal.close()
    batch = batch_of(Source.PROBE, ["loss_pct"], [("line", 0, 60, 1, (0.0,))])
    results = await asyncio.gather(sink.samples(batch), sink.samples(batch), return_exceptions=True)
    assert [type(result) for result in results] == [StoreError, StoreError]
    assert "journal" in sink.error
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest.mark.slow
async def test_a_watch_that_breaks_off_is_started_again_and_ends_no_other(
    loopback: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(loopback.folder / "journal.sqlite")
    store = EmbeddedStore(journal, loopback.folder, 95)
    collector = Collector(loopback.settings(), loopback.inventory(), journal, store, SystemClock())
    # A defect that no port foresees: the inventory's links are not what the probe's watch thinks.
    monkeypatch.setattr(collector._probe, "_links", 17)
    running = asyncio.create_task(collector.run())
    await asyncio.sleep(2.5)
    problems = (await collector.health()).problems
    await collector.stop()
    await running
    assert any(problem.startswith("probe broke off") for problem in problems)
    assert ("line", "link_state", "stable") in facts_in(journal)
    assert (REGISTRY.get_sample_value("lineproof_watch_restarts_total", {"watch": "probe"}) or 0) >= 1
    await store.close()
