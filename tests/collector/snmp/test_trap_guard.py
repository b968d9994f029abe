"""Who is believed. The datagrams are those of Debian's snmptrap and snmpinform 5.9.3, recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.snmp.agent import AuthProtocol, PrivProtocol, User
from collector.snmp.ber import DecodeError
from collector.snmp.trap_admission import Bucket, Complaints, Recently, Senders, TrapError, TrapOutcome
from collector.snmp.trap_engine import OwnEngine, start_engine
from collector.snmp.trap_guard import Guard
from collector.snmp.trap_message import read_message
from inventory.model import Device, DeviceRole, Inventory, LifeCycle, Link, Monitoring, Site, Tool

V1_LINK_DOWN = bytes.fromhex(
    "303902010004057472617073a42d06082b060104010901014004c0000207020102020100430212673011300f060a2b0601020102020101"
    "03020103"
)
V2C_LINK_DOWN = bytes.fromhex(
    "307602010104057472617073a76a02044abdf5a2020100020100305c300e06082b06010201010300430212673017060a2b060106030101"
    "04010006092b0601060301010503300f060a2b060102010202010103020103300f060a2b060102010202010703020101300f060a2b0601"
    "02010202010803020102"
)
V2C_INFORM = bytes.fromhex(
    "305702010104057472617073a64b020413668c41020100020100303d300e06082b06010201010300430212673017060a2b060106030101"
    "04010006092b06010603010105043012060b2b060102011f01010101030403474531"
)
V2C_GET = bytes.fromhex("302802010104057472617073a01c02046506557e020100020100300e300c06082b060102010103000500")
V3_AUTH_PRIV = bytes.fromhex(
    "30819902010330110204609453d3020300ffe3040103020103042f302d04088000000001020304020103020203e804026c70040ccdf47c"
    "274d8a8d8589213f97040895ca7b917d214efe0450e72518b5a2ef0aaf524740de4a89f4e464ba97d46755fc4d4f1aec325dcba3eff069"
    "d94239dbdad6aaff3078059e87206c614d2be307599619a5f3701b9068a04762aafe8131d5e28163477c40420457"
)
"""linkDown by user lp, SHA-1 authpass1, AES privpass1, of engine 8000000001020304 at boots 3, time 1000."""
V3_AUTH = bytes.fromhex(
    "30818f020103301102046d2ceee1020300ffe30401010201030427302504088000000001020304020103020203e804026c70040cd4a107"
    "f7e64e759441b950a20400304e041180001f888072c36c4d571a026b000000000400a73702046f3847780201000201003029300e06082b"
    "06010201010300430212673017060a2b06010603010104010006092b0601060301010503"
)
V3_NO_AUTH = bytes.fromhex(
    "308183020103301102042ff46b90020300ffe3040100020103041b301904088000000001020304020103020203e804026c700400040030"
    "4e041180001f888072c36c4d571a026b000000000400a73702047a7baa700201000201003029300e06082b060102010103004302126730"
    "17060a2b06010603010104010006092b0601060301010503"
)
V3_DISCOVERY = bytes.fromhex(
    "304f020103301102041de0136e020300ffe30401040201030410300e04000201000201000400040004003025041180001f888072c36c4d"
    "571a026b000000000400a00e02044ebb8fa90201000201003000"
)
PRIVATE = User(
    name="lp",
    auth=AuthProtocol.SHA1,
    auth_password="authpass1",
    priv=PrivProtocol.AES128,
    priv_password="privpass1",
)
AUTHENTIC = User(name="lp", auth=AuthProtocol.SHA1, auth_password="authpass1")
OWN = OwnEngine(bytes.fromhex("80004fb805000102030405060708090a0b"), 7, 0.0)


def guard(*users: User) -> Guard:
    return Guard([b"traps", b"other"], users, OWN)


def outcome(octets: bytes, *users: User) -> str:
    return guard(*users).hear(octets, 0.0).outcome.value


@pytest.mark.parametrize("octets", [V1_LINK_DOWN, V2C_LINK_DOWN])
def test_a_trap_of_a_known_community_is_taken(octets: bytes) -> None:
    heard = guard().hear(octets, 0.0)
    assert (heard.outcome, heard.answer) == (TrapOutcome.TAKEN, None)
    assert heard.pdu is not None
    assert (heard.pdu.notification.name, heard.pdu.notification.uptime) == ("1.3.6.1.6.3.1.1.5.3", 4711)
    assert ("1.3.6.1.2.1.2.2.1.1.3", 3) in heard.pdu.notification.values


def test_a_v1_trap_names_its_sender_but_never_its_community() -> None:
    pdu = guard().hear(V1_LINK_DOWN, 0.0).pdu
    assert pdu is not None
    assert ("1.3.6.1.6.3.18.1.3.0", "192.0.2.7") in pdu.notification.values
    assert "traps" not in repr(pdu)


def test_a_v1_trap_of_an_enterprise_has_the_name_of_rfc_3584() -> None:
    octets = bytes.fromhex(
        "302a02010004057472617073a41e06092b06010401e04465024004c00002070201060202012e430212673000"
    )  # enterprise fortinet.101.2, specific 302
    pdu = guard().hear(octets, 0.0).pdu
    assert pdu is not None
    assert pdu.notification.name == "1.3.6.1.4.1.12356.101.2.0.302"


def test_an_inform_is_answered_with_its_own_id_and_values() -> None:
    heard = guard().hear(V2C_INFORM, 0.0)
    # The same message with a Response (0xA2) in place of the InformRequest (0xA6), RFC 3416, 4.2.7.
    assert heard.answer == V2C_INFORM.replace(b"\xa6\x4b", b"\xa2\x4b", 1)


@pytest.mark.parametrize("octets", [V1_LINK_DOWN, V2C_LINK_DOWN, V2C_INFORM])
def test_an_unknown_community_is_refused_and_not_answered(octets: bytes) -> None:
    heard = Guard([b"trap", b"trapss"], [], OWN).hear(octets, 0.0)
    assert (heard.outcome, heard.pdu, heard.answer) == (TrapOutcome.COMMUNITY, None, None)


def test_a_request_is_no_notification() -> None:
    assert outcome(V2C_GET) == "no_notification"


@pytest.mark.parametrize(
    ("octets", "user"), [(V3_AUTH_PRIV, PRIVATE), (V3_AUTH, AUTHENTIC), (V3_NO_AUTH, User(name="lp"))]
)
def test_a_users_trap_is_taken_at_the_users_level(octets: bytes, user: User) -> None:
    heard = guard(user).hear(octets, 0.0)
    assert heard.pdu is not None
    assert heard.pdu.notification.name == "1.3.6.1.6.3.1.1.5.3"


@pytest.mark.parametrize(
    ("octets", "user"),
    [(V3_NO_AUTH, PRIVATE), (V3_NO_AUTH, AUTHENTIC), (V3_AUTH, PRIVATE), (V3_AUTH_PRIV, AUTHENTIC),
     (V3_AUTH, User(name="lp")), (V3_AUTH_PRIV, User(name="lp"))],
)  # fmt: skip
def test_no_other_level_than_the_users_is_taken(octets: bytes, user: User) -> None:
    assert outcome(octets, user) == "level"


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"name": "lq"}, "user"),
        ({"auth_password": "authpass2"}, "digest"),
        ({"auth": AuthProtocol.SHA256}, "digest"),
        ({"auth": AuthProtocol.MD5}, "digest"),
        ({"priv_password": "privpass2"}, "decryption"),
    ],
)
def test_a_wrong_user_key_or_protocol_is_told_apart(changed: dict[str, str], expected: str) -> None:
    fields = {name: getattr(PRIVATE, name) for name in ("name", "auth", "auth_password", "priv", "priv_password")}
    assert outcome(V3_AUTH_PRIV, User(**fields | changed)) == expected


def test_users_of_one_name_are_told_apart_by_their_passwords() -> None:
    other = User(name="lp", auth=AuthProtocol.SHA256, auth_password="somethingelse")
    assert outcome(V3_AUTH_PRIV, other, PRIVATE) == "taken"
    assert outcome(V3_AUTH_PRIV, PRIVATE, other) == "taken"


def test_no_octet_of_an_authentic_message_can_be_changed() -> None:
    for at in range(len(V3_AUTH_PRIV)):
        changed = V3_AUTH_PRIV[:at] + bytes([V3_AUTH_PRIV[at] ^ 0x01]) + V3_AUTH_PRIV[at + 1 :]
        assert outcome(changed, PRIVATE) != "taken", at


def test_what_was_recorded_is_too_old_after_the_time_window() -> None:
    listening = guard(PRIVATE)
    assert listening.hear(V3_AUTH_PRIV, 100.0).outcome is TrapOutcome.TAKEN
    assert listening.hear(V3_AUTH_PRIV, 250.9).outcome is TrapOutcome.TAKEN
    assert listening.hear(V3_AUTH_PRIV, 251.0).outcome is TrapOutcome.TIME_WINDOW


def test_a_sender_who_wants_to_inform_is_told_our_engine_and_its_clock() -> None:
    answer = guard().hear(V3_DISCOVERY, 65.4).answer
    assert answer is not None
    report = read_message(answer)
    assert (report.message_id, report.flags) == (0x1DE0136E, 0)  # type: ignore[union-attr]
    assert (report.engine_id, report.boots, report.time) == (OWN.id, 7, 65)  # type: ignore[union-attr]
    # usmStatsUnknownEngineIDs.0 = Counter32 1
    assert answer.endswith(bytes.fromhex("300f060a2b060106030f01010400410101"))


@given(st.binary(max_size=200))
def test_whatever_octets_arrive_are_an_outcome(octets: bytes) -> None:
    assert guard(PRIVATE).hear(octets, 0.0).outcome is TrapOutcome.MALFORMED


@given(
    octets=st.sampled_from([V1_LINK_DOWN, V2C_LINK_DOWN, V2C_INFORM, V3_AUTH_PRIV, V3_AUTH, V3_NO_AUTH, V3_DISCOVERY]),
    damage=st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 255), st.sampled_from("cid")), min_size=1, max_size=5
    ),
    user=st.sampled_from([PRIVATE, AUTHENTIC, User(name="lp")]),
)
def test_a_damaged_message_is_an_outcome_and_a_damaged_digest_is_none_that_is_taken(
    octets: bytes, damage: list[tuple[int, int, str]], user: User
) -> None:
    broken = bytearray(octets)
    for at, octet, how in damage:
        at %= len(broken)
        broken[at : at + (how != "i")] = b"" if how == "d" else bytes([octet])
    heard = guard(user).hear(bytes(broken), 0.0)
    if octets in (V3_AUTH_PRIV, V3_AUTH) and broken != octets and heard.pdu:
        assert user == User(name="lp")


@pytest.mark.parametrize("version", [b"\x02\x01\x02", b"\x02\x01\x04", b"\x02\x01\xff"])
def test_another_version_of_snmp_is_none(version: bytes) -> None:
    with pytest.raises(DecodeError, match="no SNMP version"):
        read_message(V2C_LINK_DOWN.replace(b"\x02\x01\x01", version, 1))


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
    path.write_text(json.dumps({"engine_id": OWN.id.hex(), "boots": 2**31 - 1}))
    engine = start_engine(path, 0.0)
    assert engine.boots == 1
    assert engine.id != OWN.id


@pytest.mark.rim
@pytest.mark.parametrize("text", ["", "{}", "[]", '{"engine_id": "80", "boots": 1}', '{"engine_id": "zz", "boots": 1}'])
def test_a_file_that_is_no_engine_is_named_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "snmp-engine.json"
    path.write_text(text)
    with pytest.raises(TrapError, match="remove it"):
        start_engine(path, 0.0)
    assert path.read_text() == text


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


def fleet(*devices: Device) -> Inventory:
    links = [
        Link(id="wan", site="s", device="a", interface="GE1"),
        Link(id="ordered", site="s", device="a", interface="GE2", life_cycle=LifeCycle.ORDERED),
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
    assert (a.device, [link.id for link in a.links], b.device) == ("a", ["wan"], "b")
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
    senders.resolved({"edge.example.net": ["192.0.2.1", "2001:db8::1", "192.0.2.1"]})
    assert not isinstance(senders.at("192.0.2.1"), TrapOutcome)
    assert not isinstance(senders.at("2001:db8::1"), TrapOutcome)
    senders.resolved({"edge.example.net": ["192.0.2.2"]})
    assert senders.at("192.0.2.1") is TrapOutcome.UNKNOWN_SOURCE
    assert senders.at("192.0.2.2") is TrapOutcome.AMBIGUOUS_SOURCE
