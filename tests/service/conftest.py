"""A real installation on a temporary folder, with a site in trouble, one without data, and one that nobody watches."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer, unused_port

from collector.model import Fact, FactKind, SampleBatch, Source
from collector.store.opening import open_store
from config.clock import ManualClock, epoch_ms
from config.database import Database
from inventory.model import (
    Access,
    Client,
    CommandLineAccess,
    Contact,
    Device,
    DeviceRole,
    Inventory,
    Link,
    LinkRole,
    Monitoring,
    Site,
    SnmpAccess,
    Tool,
)
from inventory.repository import replace_inventory
from service.desk.app import create_app
from service.installation import Installation
from service.settings import ListenSettings, Settings
from triage.baselines.folder import BaselineFolder
from triage.evidence_folder import EvidenceFolder
from triage.tickets.builtin import BuiltinTickets

NOW = datetime(2026, 3, 3, 18, 52, tzinfo=UTC)
OWN = {"Sec-Fetch-Site": "same-origin"}


@dataclass(slots=True)
class Desk:
    """The desk behind a client that speaks as one of its own pages."""

    client: TestClient
    installation: Installation
    clock: ManualClock

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        response = await self.client.get(path, headers=headers, allow_redirects=False)
        return response.status, await response.text()

    async def post(self, path: str, **fields: str) -> tuple[int, str]:
        """Status, and the body or where it leads to."""
        response = await self.client.post(path, data=fields, headers=OWN, allow_redirects=False)
        return response.status, response.headers.get("Location") or await response.text()

    async def work(self) -> None:
        """What the engine's process does, until nothing is left to do."""
        engine, performer = self.installation.engine(), self.installation.performer()
        await engine.fire_timers()
        while await engine.work_off() + await performer.perform_due():
            continue


def desk_inventory() -> Inventory:
    everything = Monitoring(tools=(Tool.SNMP, Tool.PROBE))
    return Inventory.of(
        clients=(
            Client(
                id="acme",
                name="Acme <Stores>",
                contacts=(
                    Contact(name="Dana Reyes", role="operations", may_report=True),
                    Contact(name="Front desk", escalation_level=9),
                ),
            ),
            Client(id="lakeside", name="Lakeside"),
        ),
        sites=(
            Site(id="store-114", client="acme", name="Pier <4>", timezone="America/Chicago", aliases=("114", "+1 617")),
            Site(id="store-207", client="acme", name="Elm Street", timezone="America/Chicago", aliases=("207",)),
            Site(id="clinic-1", client="lakeside", name="Clinic", timezone="Asia/Kolkata", aliases=("114",)),
            Site(id="depot-9", client="acme", name="Depot", market="Boston"),
        ),
        devices=(
            Device(
                id="store-114-rtr",
                site="store-114",
                role=DeviceRole.ROUTER,
                management_address="192.0.2.14",
                serials=("FGL1140001",),
                snmp=SnmpAccess(credential="stores"),
                command_line=CommandLineAccess(credential="cli", platform="linux"),
            ),
            Device(
                id="store-207-rtr",
                site="store-207",
                role=DeviceRole.ROUTER,
                management_address="192.0.2.27",
                snmp=SnmpAccess(credential="stores"),
            ),
        ),
        links=(
            Link(
                id="store-114-wan1",
                site="store-114",
                device="store-114-rtr",
                interface="eth0",
                access=Access.DIA,
                carrier="Meridian",
                circuit_id="MF/114//",
                next_hop="192.0.2.1",
                probe_target="icmp://192.0.2.1",
                committed_down_bps=100e6,
                committed_up_bps=100e6,
                monitoring=everything,
            ),
            Link(
                id="store-114-lte",
                site="store-114",
                device="store-114-rtr",
                interface="wwan0",
                access=Access.LTE,
                role=LinkRole.SECONDARY,
                carrier="Summit",
                probe_target="icmp://198.51.100.1",
                committed_down_bps=100e6,
                committed_up_bps=50e6,
                monitoring=everything,
            ),
            Link(
                id="store-207-wan1",
                site="store-207",
                device="store-207-rtr",
                interface="eth0",
                carrier="Meridian",
                monitoring=Monitoring(tools=(Tool.SNMP,)),
            ),
            Link(id="clinic-1-wan1", site="clinic-1", probe_target="icmp://203.0.113.1"),
            Link(id="depot-9-wan1", site="depot-9", monitoring=Monitoring(subscribed=False)),
        ),
    )


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with records and measurements; tests work on copies of it."""
    folder = tmp_path_factory.mktemp("prepared")
    asyncio.run(_prepare(folder))
    return folder


async def _prepare(folder: Path) -> None:
    database = Database(folder / "records.db")
    await database.create_all()
    async with database.writing() as connection:
        await replace_inventory(connection, desk_inventory())
    _, store = open_store(Settings(data=folder).store, folder)
    # Loss on the first line since 18:30; the second one is well; the other sites were never measured.
    for link, since in (("store-114-wan1", NOW - timedelta(minutes=22)), ("store-114-lte", NOW)):
        await store.write(_minutes(Source.PROBE, link, since, rtt_ms=12.0, jitter_ms=1.0, loss_pct=0.0, sent=20.0))
        await store.write(_minutes(Source.SNMP, link, since, rx_bps=8e6, tx_bps=2e6, oper_up=1.0))
    silent = "no SNMP answer; the address does not answer ping; check community and ACL"
    minute_ago = NOW - timedelta(minutes=1)
    await store.write_facts(
        [Fact(minute_ago, "store-207-rtr", FactKind.POLL_OUTCOME, "timeout", Source.SNMP, minute_ago, silent)]
    )
    await store.close()
    await database.close()


@pytest.fixture
async def installation(tmp_path: Path, prepared: Path) -> AsyncIterator[Installation]:
    folder = shutil.copytree(prepared, tmp_path / "data")
    settings = Settings(data=folder, listen=ListenSettings(collector=unused_port(), engine=unused_port()))
    database = Database(folder / "records.db")
    journal, store = open_store(settings.store, folder)
    clock = ManualClock(NOW)
    try:
        yield Installation(
            path=tmp_path / "lineproof.yaml",
            settings=settings,
            clock=clock,
            database=database,
            journal=journal,
            store=store,
            evidence=EvidenceFolder(folder / "evidence"),
            baselines=BaselineFolder(folder / "baselines"),
            tickets=BuiltinTickets(database, clock),
        )
    finally:
        await store.close()
        await database.close()


def _minutes(source: Source, link: str, bad_since: datetime, **values: float) -> SampleBatch:
    """Three days of minutes up to now, each field at its value; `loss_pct` is 15 from `bad_since` on."""
    time = np.arange(epoch_ms(NOW) - 3 * 86_400_000, epoch_ms(NOW), 60_000, dtype=np.int64)
    fields = {name: np.full(len(time), value) for name, value in values.items()}
    if "loss_pct" in fields:
        fields["loss_pct"][time >= epoch_ms(bad_since)] = 15.0
    seconds = np.full(len(time), 60, dtype=np.int32)
    return SampleBatch(source, [link] * len(time), time, seconds, time + 60_000, fields)


@pytest.fixture
async def desk(installation: Installation) -> AsyncIterator[Desk]:
    async with TestClient(TestServer(create_app(installation))) as client:
        clock = installation.clock
        assert isinstance(clock, ManualClock)
        yield Desk(client, installation, clock)


@pytest.fixture
def rows(installation: Installation) -> Callable[..., object]:
    """How many rows a table of the records database has."""

    async def count(table: object) -> int:
        from sqlalchemy import func, select

        async with installation.database.reading() as connection:
            return int(await connection.scalar(select(func.count()).select_from(table)) or 0)

    return count
