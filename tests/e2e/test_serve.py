"""`lineproof serve` as processes: what it says of itself, what it survives, and how it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROLES = ("collector", "engine", "desk")


class Service:
    """`lineproof serve` on a house, its logs in a file."""

    def __init__(self, house: Any) -> None:
        self.house = house
        self.log = house.folder / "service.log"
        with self.log.open("ab") as log:
            self.process = house.start(house.command("serve"), stdout=log, stderr=log)

    def health(self, role: str) -> dict[str, Any]:
        """What a process says of itself; empty while it does not answer."""
        try:
            with urlopen(f"http://127.0.0.1:{getattr(self.house, role)}/health", timeout=5) as answer:
                return dict(json.load(answer))
        except HTTPError as refused:
            with refused:
                return dict(json.load(refused))
        except (URLError, TimeoutError, ConnectionError):
            return {}

    def source(self, name: str) -> dict[str, Any]:
        """What the collector says of one of its sources; empty where it does not know it."""
        sources = self.health("collector").get("sources", ())
        return next((each for each in sources if each["name"] == name), {"state": None})

    def lines(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()

    def events(self, name: str) -> list[dict[str, Any]]:
        return [each for each in map(json.loads, self.lines()) if each.get("event") == name]

    def pid(self, role: str) -> int:
        """The newest child of that role."""
        return int([each["pid"] for each in self.events("started") if each["child"] == role][-1])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def polled(house: Any, agent: Any) -> Any:
    """A house whose one router really answers."""
    point(house, "store-114-rtr", agent.port)
    return house


def point(house: Any, device: str, port: int, site: str = "store-114", interface: str = "ge0") -> None:
    """Import a device at a port of loopback, and the line on it."""
    document = {
        "devices": [
            {"id": device, "site": site, "role": "router", "management_address": "127.0.0.1",
             "snmp": {"credential": "stores", "port": port}},
        ],
        "links": [{"id": f"{site}-wan1", "site": site, "device": device, "interface": interface, "access": "dia"}],
    }  # fmt: skip
    file = house.folder / f"{device}.yaml"
    file.write_text(yaml.safe_dump(document))
    done = house.lineproof("inventory", "import", str(file))
    assert done.returncode == 0, done.stderr


@pytest.fixture
def service(polled: Any, eventually: Callable[..., Any]) -> Iterator[Service]:
    running = Service(polled)
    eventually(lambda: all(running.health(role) for role in ROLES), within=60)
    yield running
    running.process.terminate()
    running.process.wait(20)


def test_it_says_how_it_is_survives_kills_and_ends_cleanly(
    service: Service, agent: Any, eventually: Callable[..., Any], secrets: tuple[str, ...]
) -> None:
    house = service.house
    eventually(lambda: service.health("engine")["ok"] and service.source("snmp")["state"] == "ok")
    assert service.health("collector")["ok"]
    for role in ROLES:
        with urlopen(f"http://127.0.0.1:{getattr(house, role)}/metrics", timeout=5) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=")
            text = answer.read().decode()
        assert re.search(r"^# TYPE lineproof_\w+ (counter|gauge|histogram)$", text, re.MULTILINE)

    # An agent that falls silent is named, by the collector and by the desk that asks it.
    agent.silent = True
    silent = eventually(lambda: not (told := service.health("collector"))["ok"] and told)
    assert "1 of 1 devices without a good poll: store-114-rtr (timeout)" in silent["why"]
    eventually(lambda: "store-114-rtr (timeout)" in " ".join(map(str, service.health("desk")["why"])))
    agent.silent = False
    eventually(lambda: service.health("collector")["ok"])

    # Each child that is killed comes back by itself, and the engine does not wait for the dead one's lease.
    for role in ROLES:
        dead = service.pid(role)
        os.kill(dead, signal.SIGKILL)
        eventually(lambda role=role, dead=dead: service.pid(role) != dead and service.health(role), within=30)
    assert {each["code"] for each in service.events("died")} == {-signal.SIGKILL}
    began = time.monotonic()
    eventually(lambda: service.health("engine").get("holds_lease"))
    assert time.monotonic() - began < 10

    # A device imported while it serves is polled within seconds.
    asked = agent.asked
    point(house, "store-207-rtr", agent.port, site="store-207")
    eventually(lambda: 'devices": 2' in "".join(service.lines()), within=20)
    eventually(lambda: agent.asked > asked)

    # SIGTERM: everything ends within seconds, and what was collected is all there.
    eventually(lambda: service.health("collector").get("ok"))
    children = [service.pid(role) for role in ROLES]
    began = time.monotonic()
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(20) == 0
    assert time.monotonic() - began < 10
    assert not any(alive(pid) for pid in children)
    assert samples_lost(service) == []

    text = "\n".join(service.lines())
    assert all(isinstance(json.loads(line), dict) for line in service.lines())
    assert not any(secret in text for secret in secrets)


def samples_lost(service: Service) -> list[str]:
    """Log lines that tell of rows that did not reach the journal."""
    return [line for line in service.lines() if "samples_dropped" in line or "sink_refused" in line]


def test_every_sample_taken_before_sigterm_is_stored(polled: Any, agent: Any, eventually: Callable[..., Any]) -> None:
    service = Service(polled)
    eventually(lambda: service.health("collector").get("ok"), within=60)
    eventually(lambda: agent.asked > 8)
    service.process.send_signal(signal.SIGTERM)
    assert service.process.wait(20) == 0
    answered = agent.asked
    exported = polled.folder / "exported"
    done = polled.lineproof("store", "export", str(exported), "--format", "csv")
    assert done.returncode == 0, done.stderr
    text = "".join(path.read_text() for path in exported.rglob("*.csv"))
    samples = [line for line in text.splitlines() if "store-114-wan1" in line and "snmp" in line]
    # The first answer to each of discovery and rates makes no rate; all later ones must be there.
    assert answered - 4 <= len(samples) <= answered


def test_children_end_when_their_supervisor_is_killed(polled: Any, eventually: Callable[..., Any]) -> None:
    service = Service(polled)
    eventually(lambda: all(service.health(role) for role in ROLES), within=60)
    children = [service.pid(role) for role in ROLES]
    assert all(alive(pid) for pid in children)
    service.process.kill()
    service.process.wait(5)
    eventually(lambda: not any(alive(pid) for pid in children), within=15)


@pytest.mark.parametrize("role", ["collector", "desk"])
def test_a_port_that_is_taken_is_one_sentence(house: Any, role: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", getattr(house, role)))
        taken.listen()
        done = house.lineproof("serve", timeout=30)
    assert done.returncode == 2
    sentences = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert sentences == [
        f"lineproof: port {getattr(house, role)} on 127.0.0.1 cannot be listened on (Address already in use); "
        "free it or choose another under `listen`"
    ]


def test_a_second_collector_on_the_same_data_is_refused_at_once_and_follows_when_the_first_is_killed(
    polled: Any, eventually: Callable[..., Any]
) -> None:
    first = Service(polled)
    eventually(lambda: first.health("collector"), within=60)
    other = polled.folder / "other.yaml"
    document = yaml.safe_load(polled.settings.read_text())
    other.write_text(yaml.safe_dump({**document, "listen": {"desk": 0, "collector": 0, "engine": 0}}))
    collector = first.pid("collector")
    journal = polled.folder / "var" / "measurements" / "journal.sqlite"
    for arguments in ((), ("--role", "collector")):
        done = subprocess.run(
            [*polled.command("serve", *arguments)[:-1], str(other)],
            capture_output=True, text=True, timeout=30, check=False, env=polled.environment,
        )  # fmt: skip
        assert done.returncode == 1
        assert done.stderr.strip() == (
            f"lineproof: the journal {journal} is being written by process {collector}; stop that one first (a "
            "collector, `lineproof serve`), or give this installation a `data` folder of its own"
        )
    assert first.health("collector").get("ok"), "the first one measures on"

    # Nothing is left to clean up after a kill, of the whole of it.
    first.process.kill()
    first.process.wait(5)
    eventually(lambda: not alive(collector))
    second = Service(polled)
    eventually(lambda: second.health("collector"), within=60)
    second.process.terminate()
    assert second.process.wait(20) == 0


def test_faulty_settings_are_said_once_not_by_each_child(house: Any) -> None:
    house.configure(snmp={"every": 0})
    done = house.lineproof("serve", timeout=30)
    assert done.returncode == 2
    assert done.stderr.count("has 1 fault") == 1
    assert "snmp.every" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_needs_an_upgrade_is_said_once(house: Any) -> None:
    house.records.unlink()
    done = house.lineproof("serve", timeout=30)
    assert done.returncode == 2
    assert done.stderr.count("run `lineproof db upgrade`") == 1


def test_a_killed_engine_without_supervisor_is_followed_when_its_lease_has_run_out(
    house: Any, eventually: Callable[..., Any]
) -> None:
    def start() -> subprocess.Popen[bytes]:
        with (house.folder / "service.log").open("ab") as log:
            return house.start(house.command("serve", "--role", "engine"), stdout=log, stderr=log)

    service = Service.__new__(Service)
    service.house = house
    first = start()
    eventually(lambda: service.health("engine").get("holds_lease"), within=30)
    first.kill()
    first.wait(5)
    second = start()
    waiting = eventually(lambda: service.health("engine"), within=30)
    assert waiting == {"ok": True, "holds_lease": False, "seconds_since_pass": None, "why": ""}
    # How long a lease lasts is said in tests/triage/test_lease.py; this one's end is brought nearer.
    with closing(sqlite3.connect(house.records, timeout=10)) as connection, connection:
        soon = f"UPDATE triage_lease SET expires_at = {time.time() * 1000 + 1000:.0f} WHERE name = 'engine'"
        assert connection.execute(soon).rowcount == 1
    eventually(lambda: service.health("engine").get("holds_lease"), within=25)
    second.terminate()
    assert second.wait(10) == 0
