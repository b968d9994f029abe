"""`lineproof poll DEVICE` of a device that an orchestrator manages, beside SNMP or without it."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.append(str(Path(__file__).parent))

from small_vco import SmallVco, edge, link

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DONE, FAILED, NOT_FOUND = 0, 1, 3

MORE = {
    "devices": [
        {
            "id": "edge-207",
            "site": "store-207",
            "role": "sdwan_edge",
            "orchestrator": {"name": "vco1", "edge_id": 702, "enterprise_id": 41},
        },
        {
            "id": "edge-300",
            "site": "store-300",
            "role": "sdwan_edge",
            "management_address": "127.0.0.1",
            "snmp": {"credential": "stores"},
            "orchestrator": {"name": "vco1", "edge_id": 703, "enterprise_id": 41},
        },
        {"id": "switch-207", "site": "store-207", "role": "switch"},
        {
            "id": "edge-elsewhere",
            "site": "store-207",
            "role": "sdwan_edge",
            "orchestrator": {"name": "vco9", "edge_id": 1},
        },
    ],
    "links": [
        {
            "id": "store-207-fibre",
            "site": "store-207",
            "device": "edge-207",
            "interface": "GE1",
            "orchestrator_link": "l-1",
        },
        {"id": "store-300-ge0", "site": "store-300", "device": "edge-300", "interface": "ge0"},
    ],
}


@pytest.fixture
def vco() -> Iterator[SmallVco]:
    host = SmallVco(edges=[edge(702, link("l-1", "GE1")), edge(703, link("l-3", "ge0"))])
    host.start()
    yield host
    host.end()


@pytest.fixture
def at(house: Any, vco: SmallVco, agent: Any) -> Any:
    house.configure(orchestrators={"vco1": {"url": vco.url, "token": "env:TEST_TOKEN", "calls_per_hour": 360_000}})
    MORE["devices"][1]["snmp"] = {"credential": "stores", "port": agent.port}
    path = house.folder / "more.yaml"
    path.write_text(yaml.safe_dump(MORE))
    done = house.lineproof("inventory", "import", str(path))
    assert done.returncode == DONE, done.stderr
    return house


def polled(house: Any, device: str, expected: int = DONE) -> dict[str, Any]:
    done = house.lineproof("poll", device, "--json")
    assert done.returncode == expected, done.stdout + done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def test_an_edge_without_snmp_shows_what_its_orchestrator_says(at: Any) -> None:
    found = polled(at, "edge-207")
    said = found["orchestrator"]
    assert (said["name"], said["error"]) == ("vco1", None)
    states = {(fact["subject"], fact["kind"]): fact["value"] for fact in said["facts"]}
    assert states["edge-207", "edge_state"] == "connected"
    assert states["store-207-fibre", "link_state"] == "stable"
    (sample,) = said["samples"]
    assert (sample["link"], sample["seconds"]) == ("store-207-fibre", 300)
    # 7.5 MB and 0.75 MB in 300 s; rx is download.
    assert (sample["fields"]["rx_bps"], sample["fields"]["tx_bps"]) == (200_000, 20_000)
    assert (sample["fields"]["latency_rx_ms"], sample["fields"]["latency_tx_ms"]) == (31.5, 12.0)
    assert "loss_rx_pct" not in sample["fields"]
    rates = [one["value"] for one in said["figures"] if one["name"] == "contracted rate"]
    assert rates == ["100 Mbit/s down, 20 Mbit/s up"]
    assert (found["outcome"], found["address"], found["values"]) == (None, None, [])


def test_the_keys_of_a_poll_over_snmp_stay_and_one_is_added(at: Any) -> None:
    over_snmp, at_host, of_both = polled(at, "edge-300"), polled(at, "edge-207"), polled(at, "edge-300")
    assert over_snmp.keys() == at_host.keys() == of_both.keys()
    without = json.loads(at.lineproof("poll", "store-114-rtr", "--json").stdout)
    assert without.keys() == at_host.keys()
    assert without["orchestrator"] is None


def test_the_lines_say_download_and_upload(at: Any) -> None:
    shown = at.lineproof("poll", "edge-207").stdout
    (down,) = (line for line in shown.splitlines() if line.strip().startswith("rx_bps"))
    (delay,) = (line for line in shown.splitlines() if line.strip().startswith("latency_rx_ms"))
    assert down.split() == ["rx_bps", "200", "kbit/s", "download", "rate"]
    assert "31.5 ms" in delay
    assert "(download)" in delay
    assert "no proof that the site is down" in shown


def test_beside_snmp_both_are_shown(at: Any) -> None:
    shown = at.lineproof("poll", "edge-300")
    assert shown.returncode == DONE, shown.stdout
    assert "ok in" in shown.stdout
    assert "edge-300 at the orchestrator vco1:" in shown.stdout
    found = polled(at, "edge-300")
    assert found["outcome"] == "ok"
    assert found["orchestrator"]["facts"]


@pytest.mark.parametrize("status", [500, 403])
def test_a_host_that_fails_is_said_and_no_success(at: Any, vco: SmallVco, status: int) -> None:
    for method in ("edge/getEdge", "metrics/getEdgeLinkSeries", "metrics/getEdgeStatusMetrics",
                   "edge/getEdgeConfigurationModules", "linkQualityEvent/getLinkQualityEvents"):  # fmt: skip
        vco.faults[method] = status
    found = polled(at, "edge-207", FAILED)
    assert str(status) in found["orchestrator"]["error"]
    assert found["orchestrator"]["facts"] == []
    shown = at.lineproof("poll", "edge-207")
    assert shown.returncode == FAILED
    assert "no answer" in shown.stdout
    beside = polled(at, "edge-300", FAILED)
    assert (beside["outcome"], bool(beside["orchestrator"]["error"])) == ("ok", True)


def test_a_silent_agent_beside_a_host_that_answers_is_no_success(at: Any, agent: Any) -> None:
    agent.silent = True
    found = polled(at, "edge-300", FAILED)
    assert found["outcome"] == "timeout"
    assert found["orchestrator"]["error"] is None


def test_a_part_that_could_not_be_read_is_a_note(at: Any, vco: SmallVco) -> None:
    vco.faults["metrics/getEdgeStatusMetrics"] = 403
    found = polled(at, "edge-207")
    assert any("getEdgeStatusMetrics" in note for note in found["orchestrator"]["notes"])


def test_a_device_that_nobody_can_ask_says_what_to_add(at: Any) -> None:
    shown = at.lineproof("poll", "switch-207")
    assert shown.returncode == FAILED
    assert "neither SNMP access nor an orchestrator" in shown.stdout
    assert "add management_address and snmp, or orchestrator with name, edge_id and enterprise_id" in shown.stdout


def test_an_orchestrator_that_the_settings_lack_is_said(at: Any) -> None:
    found = polled(at, "edge-elsewhere", FAILED)
    assert found["orchestrator"]["error"] == "the settings have no orchestrator 'vco9'; they have vco1"


def test_no_secret_is_shown(at: Any, secrets: tuple[str, ...]) -> None:
    done = at.lineproof("poll", "edge-300", "--json")
    assert not any(secret in done.stdout + done.stderr for secret in secrets)
