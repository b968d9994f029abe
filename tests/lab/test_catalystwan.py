"""catalystwan, the SDK of the vendor itself, works with the simulated manager."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from aiohttp import web

from config.clock import ManualClock
from service.simulator.catalyst.fabric import Trouble, TroubleKind, fabric
from service.simulator.catalyst.server import ManagerServer

pytestmark = [pytest.mark.real, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".clients" / "catalystwan" / "bin" / "python"
DRIVER = ROOT / "tests" / "clients" / "catalystwan_call.py"
NOW = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)
WINDOW = ("2026-03-03T13:00:00", "2026-03-03T13:09:59")


@dataclass(frozen=True, slots=True)
class Manager:
    url: str
    simulated: ManagerServer

    def read(self, password: str = "simulated") -> dict[str, Any]:
        done = subprocess.run(
            [str(PYTHON), str(DRIVER), self.url, "lineproof", password, *WINDOW],
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return answer


@pytest.fixture
def manager() -> Iterator[Manager]:
    if not PYTHON.exists():
        pytest.skip("NOT TESTED with catalystwan: tests/clients/install.sh installs it in .clients/catalystwan")
    simulated = ManagerServer(fabric=fabric(3), clock=ManualClock(NOW), collects_every=600.0)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.bind(("127.0.0.1", 0))
        started = asyncio.new_event_loop()
        runner: web.AppRunner = started.run_until_complete(simulated.start(listening))
        thread = Thread(target=started.run_forever)
        thread.start()
        yield Manager(f"http://127.0.0.1:{listening.getsockname()[1]}", simulated)
        started.call_soon_threadsafe(started.stop)
        thread.join()
        started.run_until_complete(runner.cleanup())
        started.close()


def test_it_logs_in_lists_devices_and_reads_tunnels_and_statistics_and_logs_out(manager: Manager):
    down = Trouble(
        kind=TroubleKind.LINE_DOWN,
        address="10.255.0.1",
        colour="mpls",
        start=NOW.timestamp() - 60,
        end=NOW.timestamp() + 60,
    )
    manager.simulated.fabric.troubles.append(down)
    found = manager.read()
    edges = {edge.name: edge for edge in manager.simulated.fabric.edges}

    assert found["version"] == "20.12"
    assert found["type"] == "SINGLE_TENANT"
    assert {name: row[0] for name, row in found["devices"].items() if row[1] == "vedge" and name in edges} == {
        name: edge.uuid for name, edge in edges.items()
    }
    assert found["devices"]["controller-1"][1] == "vsmart"
    assert set(found["reachable"]) == edges.keys()
    branch_mpls = [edge.address for edge in edges.values() if not edge.hub and edge.transports[0].colour == "mpls"]
    assert sorted(row for row in found["sessions"] if row[0] == "mpls") == [
        ["mpls", address, "mpls", "down"] for address in branch_mpls
    ]
    assert ["mpls", "GigabitEthernet0/0/0", "up"] in found["transports"]
    assert found["bulk"] > len(found["sessions"])

    tunnels = {(row["local_system_ip"], row["local_color"], row["remote_system_ip"]) for row in found["approute"]}
    assert ("10.255.0.1", "mpls", branch_mpls[0]) in tunnels
    assert all(row["latency"] > 0 and row["loss"] == 0 and row["total"] == 600 for row in found["approute"])

    assert not manager.simulated.sessions
    assert manager.simulated.calls["logout"] == 1


def test_it_takes_our_refusal_for_one(manager: Manager):
    assert "Wrong username/password" in manager.read("wrong")["refused"]
