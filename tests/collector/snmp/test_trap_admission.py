"""Who is listened to and how much, and our own engine's file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from collector.snmp.trap_admission import Bucket, Complaints, Recently, Senders, TrapError, TrapOutcome
from collector.snmp.trap_engine import start_engine
from inventory.model import Device, DeviceRole, Inventory, LifeCycle, Link, Monitoring, Site, Tool


@pytest.mark.rim
def test_our_engine_keeps_its_id_and_counts_its_starts(tmp_path: Path) -> None:
    path = tmp_path / "data" / "snmp-engine.json"
    first, second = start_engine(path, 10.0), start_engine(path, 20.0)
    assert (first.boots, second.boots, second.started) == (1, 2, 20.0)
    assert first.id == second.id
    assert json.loads(path.read_text())["boots"] == 2
    assert first.id[0] & 0x80  # RFC 3411: not the older form of an engine id
    assert 5 <= len(first.id) <= 32
    assert start_engine(tmp_path / "other.json", 0.0).id != first.id


@pytest.mark.rim
def test_an_engine_whose_boots_have_run_out_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "snmp-engine.json"
    path.write_text(json.dumps({"engine_id": "80004fb805000102", "boots": 2**31 - 1}))
    engine = start_engine(path, 0.0)
    assert engine.boots == 1
    assert engine.id.hex() != "80004fb805000102"


@pytest.mark.rim
@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"engine_id": "zz", "boots": 1}',
        '{"engine_id": "8000000001", "boots": 0}',
        '{"engine_id": "80000000", "boots": 1}',
        '{"engine_id": "' + "80" * 33 + '", "boots": 1}',
    ],
)
def test_a_file_that_is_no_engine_is_named_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "snmp-engine.json"
    path.write_text(text)
    with pytest.raises(TrapError, match="remove it"):
        start_engine(path, 0.0)
    assert path.read_text() == text


@pytest.mark.rim
@pytest.mark.parametrize("octets", [5, 32])
def test_every_engine_id_that_can_be_is_kept(tmp_path: Path, octets: int) -> None:
    path = tmp_path / "snmp-engine.json"
    path.write_text(json.dumps({"engine_id": "80" * octets, "boots": 1}))
    assert start_engine(path, 0.0)[:2] == (b"\x80" * octets, 2)


def test_a_bucket_gives_ten_seconds_worth_and_then_its_rate() -> None:
    bucket = Bucket(2.0, 100.0)
    assert [bucket.take(2.0, 100.0) for _ in range(21)] == [True] * 20 + [False]
    assert [bucket.take(2.0, 100.5) for _ in range(2)] == [True, False]
    assert [bucket.take(2.0, 1000.0) for _ in range(21)] == [True] * 20 + [False]


def test_what_came_is_remembered_for_its_time_and_in_bounds() -> None:
    recently = Recently(10.0, most=3)
    assert [recently.again("a", 0.0), recently.again("a", 9.9), recently.again("a", 10.0)] == [False, True, False]
    assert [recently.again(key, 11.0) for key in "bcd"] == [False] * 3
    assert not recently.again("a", 11.0)


def test_a_source_is_complained_of_once_a_minute_and_all_together_thirty_times() -> None:
    complaints = Complaints()
    assert [complaints.due("192.0.2.1", now) for now in (0.0, 59.9, 60.0)] == [True, False, True]
    assert sum(complaints.due(f"198.51.100.{n}", 61.0) for n in range(200)) == 29
    assert not complaints.due("203.0.113.1", 119.9)
    assert complaints.due("203.0.113.1", 121.0)


def test_only_what_came_within_the_time_fills_the_memory() -> None:
    recently = Recently(60.0, most=1)
    recently.again("a", 0.0)
    assert [recently.full(59.9), recently.full(60.0)] == [True, False]


def fleet(*devices: Device) -> Inventory:
    links = [
        Link(id="wan", site="s", device="a", interface="GE1"),
        Link(id="ordered", site="s", device="a", interface="GE2", life_cycle=LifeCycle.ORDERED),
        Link(
            id="orchestrated", site="s", device="a", interface="GE3", monitoring=Monitoring(tools=(Tool.ORCHESTRATOR,))
        ),
        Link(id="polled", site="s", device="a", interface="GE4", monitoring=Monitoring(tools=(Tool.SNMP,))),
        Link(id="elsewhere", site="s", device="b", interface="GE1"),
    ]
    return Inventory.of(sites=[Site(id="s", client="c")], devices=devices, links=links)


def box(name: str, address: str | None, **changes: object) -> Device:
    fields: dict[str, object] = {"id": name, "site": "s", "role": DeviceRole.ROUTER, "management_address": address}
    return Device(**fields | changes)  # type: ignore[arg-type]


def test_a_sender_is_the_one_watched_device_at_an_address() -> None:
    senders = Senders(fleet(box("a", "192.0.2.1"), box("b", "2001:DB8::0001"), box("c", None)))
    a, b = senders.at("192.0.2.1"), senders.at("2001:db8::1")
    assert not isinstance(a, TrapOutcome)
    assert not isinstance(b, TrapOutcome)
    assert (a.device, [link.id for link in a.links], b.device) == ("a", ["wan", "polled"], "b")
    assert senders.at("192.0.2.2") is TrapOutcome.UNKNOWN_SOURCE


@pytest.mark.parametrize(
    "changes",
    [
        {"life_cycle": LifeCycle.RETIRED},
        {"monitoring": Monitoring(subscribed=False)},
        {"monitoring": Monitoring(tools=(Tool.ORCHESTRATOR,))},
    ],
)
def test_a_device_that_is_not_watched_over_snmp_is_not_listened_to(changes: dict[str, object]) -> None:
    assert Senders(fleet(box("a", "192.0.2.1", **changes))).at("192.0.2.1") is TrapOutcome.UNKNOWN_SOURCE


def test_an_address_of_two_devices_names_neither() -> None:
    senders = Senders(fleet(box("a", "192.0.2.1"), box("b", "192.0.2.1")))
    assert senders.at("192.0.2.1") is TrapOutcome.AMBIGUOUS_SOURCE


def test_a_host_name_is_known_once_it_is_resolved_and_forgotten_when_it_moves() -> None:
    senders = Senders(fleet(box("a", "edge.example.net"), box("b", "192.0.2.2")))
    assert senders.names == ("edge.example.net",)
    assert senders.at("192.0.2.1") is TrapOutcome.UNKNOWN_SOURCE
    senders.resolved({"edge.example.net": ["192.0.2.1", "2001:db8::1", "192.0.2.1", "fe80::1%eth0"]})
    assert not isinstance(senders.at("192.0.2.1"), TrapOutcome)
    assert not isinstance(senders.at("2001:db8::1"), TrapOutcome)
    assert not isinstance(senders.at("fe80::1"), TrapOutcome)
    senders.resolved({"edge.example.net": ["192.0.2.2"]})
    assert senders.at("192.0.2.1") is TrapOutcome.UNKNOWN_SOURCE
    assert senders.at("192.0.2.2") is TrapOutcome.AMBIGUOUS_SOURCE
