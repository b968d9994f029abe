"""Valid answers of a manager, damaged in every way: what is wrong is left out and counted, the rest stays, and nothing
becomes a zero."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model import Fact
from collector.orchestrator.catalyst.columns import Columns
from collector.orchestrator.catalyst.listing import listed_edges
from collector.orchestrator.catalyst.looking import certificate_figures, status_figures, tunnel_figures
from collector.orchestrator.catalyst.mapping import event_facts, part_facts, state_report
from collector.orchestrator.catalyst.places import places
from collector.orchestrator.catalyst.readings import interface_readings, tunnel_readings
from collector.orchestrator.catalyst.rows import (
    device_rows,
    event_rows,
    interface_rows,
    inventory_rows,
    session_rows,
    tunnels_now,
    wan_rows,
)
from collector.orchestrator.catalyst.samples import statistics_batch
from collector.orchestrator.directory import directory
from config.clock import epoch_ms
from inventory.model import Device, DeviceRole, Inventory, Link, OrchestratorIdentity, Site

START = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
END = START + timedelta(minutes=10)
NOW = START + timedelta(hours=1)
AT = epoch_ms(START + timedelta(minutes=6))
OURS, HUB = "10.0.0.1", "10.0.1.1"
KNOWN = directory(
    Inventory.of(
        clients=[],
        sites=[Site(id="s", client="c")],
        devices=[
            Device(
                id="edge-1",
                site="s",
                role=DeviceRole.SDWAN_EDGE,
                orchestrator=OrchestratorIdentity(name="m", edge_id="C8K-1"),
            )
        ],
        links=[
            Link(id="l-mpls", site="s", device="edge-1", orchestrator_link="mpls"),
            Link(id="l-lte", site="s", device="edge-1", interface="Cellular0"),
        ],
    ),
    "m",
)


def tunnel(colour: str, **changes: Any) -> dict[str, Any]:
    return {
        "local_system_ip": OURS,
        "local_color": colour,
        "remote_system_ip": HUB,
        "remote_color": "mpls",
        "entry_time": AT,
        "total": 600,
        "loss": 12,
        "loss_percentage": 2.0,
        "latency": 40,
        "jitter": 3,
        "app_probe_class": "None",
    } | changes


VALID: dict[str, list[Any]] = {
    "devices": [
        {
            "system-ip": OURS,
            "deviceId": OURS,
            "uuid": "C8K-1",
            "host-name": "edge-1",
            "personality": "vedge",
            "reachability": "reachable",
            "state": "green",
            "state_description": "All daemons up",
            "site-id": "101",
            "device-model": "vedge-C8000V",
            "board-serial": "ABCD",
            "certificate-validity": "Valid",
            "lastupdated": epoch_ms(NOW),
        },
        {"system-ip": "10.9.9.9", "host-name": "c1", "personality": "vsmart", "reachability": "reachable"},
    ],
    "wan": [
        {
            "vdevice-name": OURS,
            "color": colour,
            "interface": interface,
            "admin-state": "up",
            "operation-state": "up",
            "num-vsmarts": 2,
            "num-vmanages": 1,
            "last-resort": "false",
        }
        for colour, interface in (("mpls", "Gi0"), ("lte", "Cellular0"))
    ],
    "sessions": [
        {"vdevice-name": OURS, "local-color": colour, "system-ip": HUB, "color": "mpls", "state": "up"}
        for colour in ("mpls", "lte")
    ],
    "tunnels": [tunnel("mpls"), tunnel("lte"), tunnel("mpls", local_system_ip="10.0.0.2")],
    "interfaces": [
        {
            "vdevice_name": OURS,
            "interface": "Gi0",
            "entry_time": AT,
            "rx_kbps": 1500.5,
            "tx_kbps": 200,
            "af_type": "None",
        }
    ],
    "events": [
        {
            "entry_time": AT,
            "eventname": "bfd-state-change",
            "system_ip": OURS,
            "vmanage_system_ip": OURS,
            "details": "local-color=mpls; new-state=down",
        }
    ],
    "inventory": [{"uuid": "C8K-1", "serialNumber": "ABCD", "system-ip": OURS, "host-name": "e", "deviceModel": "x"}],
    "rates": [
        {
            "vdevice-name": OURS,
            "ifname": "Gi0",
            "bandwidth-downstream": "50000",
            "bandwidth-upstream": "10000",
        }
    ],
    "now": [
        {
            "local-color": "mpls",
            "remote-system-ip": HUB,
            "remote-color": "mpls",
            "mean-loss": 1,
            "mean-latency": 40,
            "mean-jitter": 3,
        }
    ],
    "status": [{"cpu_user": "4.5", "mem_used": "2860120", "certificate-not-valid-after": "Nov 01 2034 GMT"}],
}

LARGEST = 10**400
wrong = st.sampled_from(
    [
        None,
        "",
        "-",
        "rubbish",
        "\ud800",
        "NaN",
        "1e999",
        -5,
        -0.5,
        LARGEST,
        float("nan"),
        float("inf"),
        True,
        False,
        [],
        [1],
        {},
        {"a": 1},
        "x" * 5000,
    ]
)


def spots(answers: dict[str, list[Any]]) -> Iterator[tuple[str, int, str | None]]:
    """Every row, and every key of every row."""
    for name, rows in answers.items():
        for number, row in enumerate(rows):
            yield name, number, None
            for key in row:
                yield name, number, key


SPOTS = sorted(spots(VALID), key=str)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, list[Any]]:
    answers = copy.deepcopy(VALID)
    for name, number, key in draw(st.lists(st.sampled_from(SPOTS), min_size=1, max_size=6, unique=True)):
        row = answers[name][number]
        value = draw(wrong)
        if key is None:
            answers[name][number] = value
        elif isinstance(row, dict):
            if draw(st.booleans()):
                row[key] = value
            else:
                row.pop(key, None)
            row[draw(st.text(max_size=5))] = value
    return answers


def everything(answers: dict[str, list[Any]]) -> tuple[list[Fact], dict[str, dict[str, float]], int]:
    """All that the pure half makes of the answers: facts, samples by link, and how much was unusable."""
    devices, wan = device_rows(answers["devices"]), wan_rows(answers["wan"])
    sessions, events = session_rows(answers["sessions"]), event_rows(answers["events"])
    tunnels, tunnels_damaged = tunnel_readings(answers["tunnels"])
    interfaces, interfaces_damaged = interface_readings(answers["interfaces"])
    rates, filed, now = (
        interface_rows(answers["rates"]),
        inventory_rows(answers["inventory"]),
        tunnels_now(answers["now"]),
    )
    known = places(devices.rows, wan.rows, KNOWN)
    report = state_report(devices.rows, wan.rows, sessions.rows, known, NOW)
    found = statistics_batch([tunnels], [interfaces], known, START, END, NOW)
    facts = [*report.facts, *found.findings, *part_facts(devices.rows, "m", NOW), *event_facts(events, known, NOW)]
    edges = listed_edges(devices.rows, filed.rows, wan.rows, rates.rows, known)
    for edge in edges:
        for link in edge.links or ():
            assert link.down_bps is None or link.down_bps > 0
    tunnel_figures(now.rows, OURS, "edge-1", known)
    status_figures(answers["status"], "edge-1")
    certificate_figures(answers["status"], "edge-1")
    batch = found.samples
    samples = {
        link: {name: float(column[i]) for name, column in batch.fields.items()} for i, link in enumerate(batch.links)
    }
    rows = (devices, wan, sessions, events, rates, filed, now)
    return facts, samples, sum(one.damaged for one in rows) + tunnels_damaged + interfaces_damaged


def test_a_sound_answer_has_no_damage():
    facts, samples, count = everything(VALID)
    assert count == 0
    assert {(fact.subject, fact.value) for fact in facts if fact.kind.value == "link_state"} == {
        ("l-mpls", "stable"),
        ("l-lte", "stable"),
    }
    assert samples["l-mpls"] == {
        "rtt_ms": 40.0,
        "jitter_ms": 3.0,
        "loss_pct": 2.0,
        "rx_bps": 1_500_500.0,
        "tx_bps": 200_000.0,
    }


@given(damaged())
def test_nothing_raises_and_nothing_is_written_as_zero(answers: dict[str, list[Any]]):
    """No sound answer holds a zero, so a zero in a sample would be of our making."""
    facts, samples, _ = everything(answers)
    for values in samples.values():
        for value in values.values():
            assert np.isnan(value) or value > 0
    for fact in facts:
        assert f"{fact.subject} {fact.detail}".encode()
        assert fact.time.tzinfo is UTC


@given(damaged())
def test_what_was_not_damaged_stays(answers: dict[str, list[Any]]):
    sound = {name for name in VALID if str(answers[name]) == str(VALID[name])}
    _, samples, _ = everything(answers)
    if {"devices", "wan", "tunnels"} <= sound:
        assert samples["l-mpls"]["loss_pct"] == 2.0
        assert samples["l-lte"]["rtt_ms"] == 40.0
    if {"devices", "wan", "interfaces"} <= sound:
        assert samples["l-mpls"]["rx_bps"] == 1_500_500.0


@pytest.mark.parametrize("value", ["rubbish", -5, LARGEST, [], {}, True])
@pytest.mark.parametrize("key", ["latency", "loss_percentage", "jitter"])
def test_a_bad_figure_is_not_measured_and_counted(key: str, value: object):
    answers = copy.deepcopy(VALID)
    answers["tunnels"] = [tunnel("mpls", **{key: value})]
    _, samples, count = everything(answers)
    name = {"latency": "rtt_ms", "loss_percentage": "loss_pct", "jitter": "jitter_ms"}[key]
    # The percentage has a second witness: 12 of 600 echoes were lost.
    assert samples["l-mpls"][name] == 2.0 if name == "loss_pct" else np.isnan(samples["l-mpls"][name])
    assert count == 1


@pytest.mark.parametrize("row", [None, 7, "text", [], True])
@pytest.mark.parametrize("name", ["devices", "wan", "sessions", "tunnels", "interfaces", "events"])
def test_a_row_that_is_no_object_is_left_out_and_counted(name: str, row: object):
    answers = copy.deepcopy(VALID)
    answers[name].append(row)
    facts, samples, count = everything(answers)
    assert count == 1
    assert str((facts, samples)) == str(everything(VALID)[:2])


def test_half_a_surrogate_pair_reaches_no_file():
    assert Columns([{"a": "\ud800x"}]).text("a") == ["?x"]


def test_numbers_and_texts_come_in_each_others_place():
    columns = Columns([{"a": "3.5"}, {"a": 3.5}, {"a": 101}])
    assert columns.number("a").tolist() == [3.5, 3.5, 101.0]
    assert columns.text("a") == ["3.5", None, "101"]
    assert columns.damaged == 1


def test_a_time_that_is_none_is_no_time():
    columns = Columns([{"t": value} for value in (0, 5, "x", None, AT, str(AT), 10**15)])
    assert columns.time("t").tolist() == [0, 0, 0, 0, AT, AT, 0]
