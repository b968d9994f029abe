"""Valid answers of a dashboard, damaged in every way: what is wrong is left out and counted, the rest stays, and
nothing becomes a zero."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model import FactKind
from collector.orchestrator.directory import directory
from collector.orchestrator.meraki.listing import Answers, listed_edges
from collector.orchestrator.meraki.looking import target_figures
from collector.orchestrator.meraki.mapping import OrganizationStates, change_facts, state_report
from collector.orchestrator.meraki.rows import (
    OrganizationRow,
    availability_rows,
    bandwidth_limits,
    change_rows,
    device_rows,
    history_series,
    loss_rows,
    network_rows,
    organization_rows,
    target_rows,
    unit_rows,
    usage_rows,
    usage_slots,
)
from collector.orchestrator.meraki.samples import (
    batch,
    best_minutes,
    history_volumes,
    link_of,
    ticks_of,
    window_volumes,
)
from collector.orchestrator.meraki.units import learned, units
from inventory.model import Device, DeviceRole, Inventory, Link, OrchestratorIdentity

START = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
END = START + timedelta(minutes=5)
NOW = START + timedelta(minutes=10)
PRIMARY, SPARE = "Q2AA-AAAA-0001", "Q2AA-AAAA-0009"
KNOWN = directory(
    Inventory.of(
        devices=[
            Device(
                id="mx-1",
                site="s",
                role=DeviceRole.SDWAN_EDGE,
                serials=(PRIMARY, SPARE),
                orchestrator=OrchestratorIdentity(name="meraki1", enterprise_id="5000", edge_id=PRIMARY),
            )
        ],
        links=[
            Link(id="dia", site="s", device="mx-1", orchestrator_link="wan1"),
            Link(id="dsl", site="s", device="mx-1", interface="wan2"),
        ],
    ),
    "meraki1",
)
POINTS = [
    {"ts": f"2026-03-03T14:0{minute}:31Z", "lossPercent": 2.5, "latencyMs": 21.5, "jitter": 1.5} for minute in range(5)
]
VALID: dict[str, Any] = {
    "appliances": [
        {
            "networkId": "N_1",
            "serial": serial,
            "model": "MX68",
            "highAvailability": {"enabled": True, "role": role},
            "lastReportedAt": "2026-03-03T14:09:12Z",
            "uplinks": [
                {"interface": "wan1", "status": "active", "ip": "198.51.100.7", "publicIp": "203.0.113.9"},
                {"interface": "wan2", "status": "ready", "provider": "Example Mobile"},
            ],
        }
        for serial, role in ((PRIMARY, "primary"), (SPARE, "spare"))
    ],
    "availabilities": [
        {"serial": serial, "network": {"id": "N_1"}, "productType": "appliance", "status": "online"}
        for serial in (PRIMARY, SPARE)
    ],
    "loss": [
        {"networkId": "N_1", "serial": PRIMARY, "uplink": uplink, "ip": "8.8.8.8", "timeSeries": copy.deepcopy(POINTS)}
        for uplink in ("wan1", "wan2")
    ],
    "usage": [
        {
            "networkId": "N_1",
            "name": "store",
            "byUplink": [
                {"serial": PRIMARY, "interface": uplink, "sent": 37_500, "received": 75_000}
                for uplink in ("wan1", "wan2")
            ],
        }
    ],
    "history": [
        {"startTime": f"2026-03-03T14:0{m}:00Z", "endTime": f"2026-03-03T14:0{m + 1}:00Z", "lossPercent": 2.5}
        for m in range(5)
    ],
    "slots": [
        {
            "startTime": "2026-03-03T14:00:00Z",
            "endTime": "2026-03-03T14:05:00Z",
            "byInterface": [{"interface": "wan1", "sent": 37_500, "received": 75_000}],
        }
    ],
    "changes": [
        {
            "ts": "2026-03-03T13:30:00Z",
            "category": "status",
            "device": {"serial": PRIMARY, "name": "store"},
            "network": {"id": "N_1"},
            "details": {
                "old": [{"name": "status", "value": "online"}],
                "new": [{"name": "status", "value": "offline"}],
            },
        }
    ],
    "devices": [
        {"serial": PRIMARY, "name": "store", "model": "MX68", "networkId": "N_1", "address": "1 Main", "firmware": "w"}
    ],
    "networks": [{"id": "N_1", "name": "store", "timeZone": "America/New_York"}],
    "organizations": [{"id": "5000", "name": "Acme"}],
    "limits": {"bandwidthLimits": {"wan1": {"limitUp": 20_000, "limitDown": 100_000}}},
    "targets": [{"ip": "8.8.8.8", "description": "Google"}],
}
JUNK = st.sampled_from(
    [
        None,
        "",
        "x",
        "0000-00-00 00:00:00",
        -1,
        -0.5,
        True,
        1e40,
        float("nan"),
        10**40,
        [],
        ["x"],
        {},
        {"x": []},
        "\ud800",
    ]
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON value below its root."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in inside:
        yield (*path, key)
        yield from places(below, (*path, key))


def damage(value: Any, path: tuple[Any, ...], kind: str, junk: Any) -> None:
    *way, last = path
    for key in way:
        value = (
            value[key] if isinstance(value, dict) and key in value else value[key] if isinstance(value, list) else {}
        )
    if kind == "replace":
        value[last] = junk
    elif kind == "remove":
        del value[last]
    elif isinstance(value, list):
        value.insert(last, junk)
    else:
        value["more"] = junk


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    answers = copy.deepcopy(VALID)
    everywhere = [path for path in places(VALID) if len(path) > 1]
    for path in draw(st.lists(st.sampled_from(everywhere), min_size=1, max_size=6)):
        kind, junk = draw(st.sampled_from(["replace", "remove", "more"])), draw(JUNK)
        try:
            damage(answers, path, kind, copy.deepcopy(junk))
        except (KeyError, IndexError, TypeError):
            continue  # an earlier damage took the place away
    return answers


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


@given(damaged())
def test_nothing_raises_and_nothing_becomes_zero(answers: dict[str, Any]):
    appliances = unit_rows(listed(answers["appliances"])).rows
    states = OrganizationStates(
        organization="5000",
        appliances=appliances,
        availabilities=availability_rows(listed(answers["availabilities"])).rows,
    )
    who = learned(units(KNOWN), [(row.serial, row.network) for row in appliances])
    report = state_report([states], KNOWN, who, {}, NOW)
    told = {fact.subject for fact in report.facts if fact.kind is not FactKind.HA_STATE}
    assert sorted([*told, *report.absent]) == ["dia", "dsl", "mx-1"]

    series = [
        (link, row)
        for row in loss_rows(listed(answers["loss"]))
        if (link := link_of(KNOWN, who, "5000", row.serial, None, row.uplink))
    ]
    volumes = [
        (link, row)
        for row in usage_rows(listed(answers["usage"]))
        if (link := link_of(KNOWN, who, "5000", row.serial, row.network, row.interface))
    ]
    window = batch(ticks_of(best_minutes(series, START, END), 300), window_volumes(volumes, START), 300, NOW)
    old = [("dia", row) for row in history_series(listed(answers["history"]), PRIMARY, "wan1", "8.8.8.8")]
    slots = [("dia", slot) for slot in usage_slots(listed(answers["slots"]))]
    figures = ticks_of(best_minutes(old, START, END), 300)
    past = batch(figures, history_volumes(slots, START, END, 300), 300, NOW)
    for samples in (window, past):
        for name, column in samples.fields.items():
            values = set(column[~np.isnan(column)].tolist())
            # 75,000 and 37,500 bytes in 300 s are 2,000 and 1,000 bit/s.
            right = {"loss_pct": 2.5, "rtt_ms": 21.5, "jitter_ms": 1.5, "rx_bps": 2_000.0, "tx_bps": 1_000.0}
            assert values <= {right[name]}
    assert all(figure.value for link, one in series for figure in target_figures(link, one))

    changes = change_rows(listed(answers["changes"])).rows
    assert all(fact.subject == "mx-1" for fact in change_facts(changes, "5000", KNOWN, who, NOW))
    organizations = organization_rows(listed(answers["organizations"])).rows
    limits, _ = bandwidth_limits(answers["limits"], ["wan1"])
    edges = listed_edges(
        Answers(
            organization=next(iter(organizations), OrganizationRow(organization="5000", name=None)),
            devices=device_rows(listed(answers["devices"])).rows,
            networks={row.network: row for row in network_rows(listed(answers["networks"]))},
            appliances={row.serial: row for row in appliances},
            limits={"N_1": limits},
        )
    )
    links = [link for edge in edges for link in edge.links or ()]
    assert {link.down_bps for link in links} <= {None, 100_000_000.0}
    assert {link.up_bps for link in links} <= {None, 20_000_000.0}
    assert all(isinstance(address, str) for address in target_rows(listed(answers["targets"])))


WRONG = [
    ("appliances", (0, "serial"), unit_rows),
    ("appliances", (0, "lastReportedAt"), unit_rows),
    ("appliances", (0, "highAvailability"), unit_rows),
    ("appliances", (0, "highAvailability", "enabled"), unit_rows),
    ("appliances", (0, "highAvailability", "role"), unit_rows),
    ("appliances", (0, "uplinks"), unit_rows),
    ("appliances", (0, "uplinks", 0), unit_rows),
    ("appliances", (0, "uplinks", 0, "interface"), unit_rows),
    ("appliances", (0, "uplinks", 0, "status"), unit_rows),
    ("availabilities", (0,), availability_rows),
    ("availabilities", (0, "serial"), availability_rows),
    ("availabilities", (0, "status"), availability_rows),
    ("availabilities", (0, "network"), availability_rows),
    ("loss", (0, "serial"), loss_rows),
    ("loss", (0, "ip"), loss_rows),
    ("loss", (0, "timeSeries"), loss_rows),
    ("loss", (0, "timeSeries", 0), loss_rows),
    ("loss", (0, "timeSeries", 0, "ts"), loss_rows),
    ("loss", (0, "timeSeries", 0, "lossPercent"), loss_rows),
    ("loss", (0, "timeSeries", 0, "latencyMs"), loss_rows),
    ("usage", (0, "byUplink"), usage_rows),
    ("usage", (0, "byUplink", 0, "sent"), usage_rows),
    ("usage", (0, "byUplink", 0, "interface"), usage_rows),
    ("slots", (0, "startTime"), usage_slots),
    ("slots", (0, "byInterface", 0, "received"), usage_slots),
    ("changes", (0, "ts"), change_rows),
    ("changes", (0, "device"), change_rows),
    ("changes", (0, "details"), change_rows),
    ("changes", (0, "details", "new"), change_rows),
    ("devices", (0, "model"), device_rows),
    ("networks", (0, "timeZone"), network_rows),
]


@pytest.mark.parametrize(("answer", "path", "read"), WRONG, ids=lambda value: getattr(value, "__name__", str(value)))
def test_each_wrong_field_is_counted(answer: str, path: tuple[Any, ...], read: Callable[[Any], Any]):
    value = copy.deepcopy(VALID[answer])
    assert read(value).damaged == 0
    damage(value, path, "replace", {"x": 1} if path[-1] in ("uplinks", "timeSeries", "byUplink", "new") else ["x"])
    assert read(value).damaged > 0


@pytest.mark.parametrize(
    ("answer", "key", "read"),
    [
        ("appliances", "serial", unit_rows),
        ("availabilities", "serial", availability_rows),
        ("loss", "serial", loss_rows),
        ("loss", "uplink", loss_rows),
        ("devices", "serial", device_rows),
        ("networks", "id", network_rows),
        ("organizations", "id", organization_rows),
        ("targets", "ip", target_rows),
    ],
)
def test_a_row_that_names_nothing_is_left_out_and_counted(answer: str, key: str, read: Callable[[Any], Any]):
    value = copy.deepcopy(VALID[answer])
    del value[0][key]
    rows = read(value)
    assert (len(rows), rows.damaged) == (len(value) - 1, 1)


def test_an_uplink_that_names_nothing_is_left_out_and_counted():
    appliances, usage = copy.deepcopy(VALID["appliances"]), copy.deepcopy(VALID["usage"])
    del appliances[0]["uplinks"][0]["interface"]
    del usage[0]["byUplink"][0]["interface"]
    rows = unit_rows(appliances)
    assert ([uplink.interface for uplink in rows.rows[0].uplinks], rows.damaged) == (["wan2"], 1)
    volumes = usage_rows(usage)
    assert ([row.interface for row in volumes], volumes.damaged) == (["wan2"], 1)


def test_a_volume_of_neither_an_appliance_nor_a_network_is_left_out_and_counted():
    usage = copy.deepcopy(VALID["usage"])
    del usage[0]["networkId"]
    assert len(usage_rows(usage)) == 2
    del usage[0]["byUplink"][0]["serial"]
    rows = usage_rows(usage)
    assert (len(rows), rows.damaged) == (1, 1)


@pytest.mark.parametrize("path", [(0, "ts"), (0, "device", "serial"), (0, "device")])
def test_a_change_without_moment_or_device_is_left_out_and_counted(path: tuple[Any, ...]):
    value = copy.deepcopy(VALID["changes"])
    damage(value, path, "remove", None)
    rows = change_rows(value)
    assert (len(rows), rows.damaged) == (0, 1)


def test_a_change_of_something_else_than_the_status_is_no_damage():
    value = copy.deepcopy(VALID["changes"])
    value[0]["details"]["new"][0]["name"] = "something new"
    rows = change_rows(value)
    assert (len(rows), rows.damaged) == (0, 0)


@pytest.mark.parametrize(
    "changes", [{"startTime": None}, {"endTime": None}, {"endTime": "2026-03-03T14:00:00Z"}, {"endTime": "x"}]
)
def test_a_slot_without_beginning_and_end_is_left_out_and_counted(changes: dict[str, Any]):
    rows = usage_slots([VALID["slots"][0] | changes, *VALID["slots"]])
    assert len(rows) == 1
    assert rows.damaged


def test_a_wrong_point_costs_its_neighbours_nothing():
    value = copy.deepcopy(VALID["loss"])
    value[0]["timeSeries"][2]["lossPercent"] = 140
    value[0]["timeSeries"][3]["latencyMs"] = "slow"
    rows = loss_rows(value)
    assert rows.damaged == 2
    first = rows.rows[0]
    assert np.isnan(first.loss).tolist() == [False, False, True, False, False]
    assert np.isnan(first.latency).tolist() == [False, False, False, True, False]


def test_a_number_written_as_text_is_a_number():
    value = copy.deepcopy(VALID["usage"])
    value[0]["byUplink"][0]["sent"] = "37500"
    assert [row.sent for row in usage_rows(value)] == [37_500.0, 37_500.0]


def test_a_wrong_rate_is_none_and_counted():
    limits, wrong = bandwidth_limits({"bandwidthLimits": {"wan1": {"limitUp": "fast", "limitDown": 100}}}, ["wan1"])
    assert wrong == 1
    assert limits["wan1"][0] == 100
    assert np.isnan(limits["wan1"][1])
