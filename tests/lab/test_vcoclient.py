"""vcoclient, a VCO client that others wrote and use, works with the simulated VCO over verified TLS."""

from __future__ import annotations

import csv
import io
import ipaddress
import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

pytestmark = [pytest.mark.real, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / ".clients" / "vcoclient" / "bin"
DRIVER = ROOT / "tests" / "clients" / "vcoclient_call.py"
EDGES, LINKS = 150, 375
FIRST, SECOND = 41, 42
"""Enterprises of the fleet: the first 100 edges, and the other 50."""


@dataclass(frozen=True, slots=True)
class Host:
    """A simulated VCO, and vcoclient with a folder of its own for its cookie."""

    url: str
    control: str
    certificate: Path
    folder: Path

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        host = self.url.removeprefix("https://")
        return self._started(str(CLIENT / "vcoclient.py"), "--vco", host, *arguments)

    def rows(self, *arguments: str) -> list[list[str]]:
        """A command's table: the head, and a row for each name."""
        done = self.run("--output", "csv", "--no-transpose", *arguments)
        assert done.returncode == 0, done.stderr
        return [row for row in csv.reader(io.StringIO(done.stdout.strip())) if row]

    def table(self, *arguments: str) -> dict[str, dict[str, str]]:
        """The same by name."""
        head, *rows = self.rows(*arguments)
        return {row[0]: dict(zip(head[1:], row[1:], strict=True)) for row in rows}

    def call(self, method: str, parameters: object) -> Any:
        host = self.url.removeprefix("https://")
        done = self._started(str(DRIVER), str(CLIENT / "vcoclient.py"), host, method, json.dumps(parameters))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def log_in(self, name: str, *options: str) -> subprocess.CompletedProcess[str]:
        return self.run("login", "--username", name, "--password", "simulated", *options)

    def _started(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {"VCO_VERIFY_SSL": str(self.certificate), "VCO_COOKIE_PATH": f"{self.folder}/"}
        return subprocess.run(
            [str(CLIENT / "python"), *command], env=environment, capture_output=True, text=True, timeout=60, check=False
        )


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulated VCO")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Path], Host]]:
    if not (CLIENT / "vcoclient.py").exists():
        pytest.skip("NOT TESTED with vcoclient: .clients/vcoclient is missing; tests/clients/install.sh makes it")
    public, key = certificate(tmp_path_factory.mktemp("tls"))
    command = (
        *(sys.executable, "-m", "service.simulator.vco", "--edges", str(EDGES), "--links", str(LINKS)),
        *("--faulty", "0.5", "--seed", "3", "--tls-certificate", str(public), "--tls-key", str(key)),
    )
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    yield lambda folder: Host(told["url"], told["control"], public, folder)
    process.terminate()
    process.wait(10)
    process.stdout.close()


@pytest.fixture
def host(started: Callable[[Path], Host], tmp_path: Path) -> Host:
    return started(tmp_path)


@pytest.fixture
def operator(host: Host) -> Host:
    assert host.log_in("operator").returncode == 0
    return host


def test_an_operator_sees_every_client_and_the_edges_of_each(operator: Host):
    clients = operator.table("operator_customers_get")
    assert sorted(row["id"] for row in clients.values()) == [str(FIRST), str(SECOND)]
    first = operator.table("edges_get_simple", "--enterpriseid", str(FIRST))
    second = operator.table("edges_get_detail", "--enterpriseid", str(SECOND))
    assert list(first) == [f"S{number:06d}" for number in range(100)]
    assert list(second) == [f"S{number:06d}" for number in range(100, 150)]
    # Each 20th edge is a pair.
    assert sum(bool(row["haSerialNumber"]) for row in first.values()) == 5
    assert "GE3" in first["S000000"]["recentLinks"]
    assert operator.table("msp_customers_get").keys() == clients.keys()


def test_a_customer_logs_in_and_sees_only_its_own_edges(host: Host):
    assert host.log_in("customer", "--no-operator").returncode == 0
    assert len(host.table("edges_get_simple", "--enterpriseid", str(FIRST))) == 100
    refused = host.run("edges_get_simple", "--enterpriseid", str(SECOND))
    assert refused.returncode != 0
    assert "invalid enterpriseId" in refused.stderr
    denied = host.run("operator_customers_get")
    assert "privileges" in denied.stderr


def test_a_refused_log_in_is_told_by_its_message(host: Host):
    wrong = host.run("login", "--username", "operator", "--password", "wrong")
    assert "Invalid username or password" in wrong.stderr
    other_door = host.log_in("operator", "--no-operator")
    assert "Invalid username or password" in other_door.stderr


def test_the_links_of_the_whole_fleet_are_listed(operator: Host):
    rows = operator.call("monitoring/getEnterpriseEdgeLinkStatus", {})
    assert len(rows) == LINKS
    assert len({row["edgeId"] for row in rows}) == EDGES
    assert len({row["internalId"] for row in rows}) == LINKS


def test_link_metrics_of_one_edge_and_of_all(operator: Host):
    earlier, now = datetime.now(UTC) - timedelta(hours=3), datetime.now(UTC)
    interval = ("--starttime", f"{earlier:%Y-%m-%d %H:%M}", "--endtime", f"{now:%Y-%m-%d %H:%M}")
    one = operator.table("edges_get_lm", "--enterpriseid", str(FIRST), "--edgeid", "702", *interval)
    assert list(one) == ["GE3", "GE4"]
    assert all(int(row["bytesRx"]) > int(row["p1BytesRx"]) > 0 for row in one.values())
    # One row a link, beside those without any statistics in the window: cold backups, and edges out of contact.
    _, *every = operator.rows("edges_get_agg_lm", "--enterpriseid", str(FIRST), *interval)
    assert LINKS - 30 < len(every) < LINKS


def test_events_are_listed_page_by_page(operator: Host):
    end = round(datetime.now(UTC).timestamp() * 1000)
    asked = {"enterpriseId": FIRST, "interval": {"start": end - 43_200_000, "end": end}}
    every = operator.call("event/getEnterpriseEvents", {**asked, "filter": {"limit": 2048}})["data"]
    page = operator.call("event/getEnterpriseEvents", {**asked, "filter": {"limit": 100}})
    paged = list(page["data"])
    while page["metaData"]["more"]:
        page = operator.call(
            "event/getEnterpriseEvents", {"enterpriseId": FIRST, "nextPageLink": page["metaData"]["nextPageLink"]}
        )
        paged += page["data"]
    assert paged == every
    assert len(every) > 200
    assert {"LINK_DEAD", "LINK_ALIVE"} <= {event["event"] for event in every}


def test_gateways_and_addresses(operator: Host):
    edges = [operator.table("gateway_get_edges", "--gatewayid", gateway) for gateway in ("1", "2")]
    assert sum(map(len, edges)) == EDGES
    rows = operator.call("enterprise/getEnterpriseAddresses", {"enterpriseId": FIRST})
    assert {row["entity"] for row in rows} == {"ACTIVE_VCO", "GATEWAY"}


def test_a_session_that_has_ended_is_told_and_a_new_log_in_helps(operator: Host):
    ended = urllib.request.Request(f"{operator.control}/sessions", method="DELETE")
    with urllib.request.urlopen(ended) as answer:
        assert answer.status == 204
    late = operator.run("operator_customers_get")
    assert "tokenError" in late.stderr
    assert operator.log_in("operator").returncode == 0
    assert len(operator.table("operator_customers_get")) == 2
    assert operator.run("logout").returncode == 0
    assert "Cannot load session cookie" in operator.run("operator_customers_get").stderr
