"""Who is believed. The datagrams are those of Debian's snmptrap and snmpinform 5.9.3, recorded."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.snmp.agent import AuthProtocol, PrivProtocol, User
from collector.snmp.ber import DecodeError
from collector.snmp.trap_admission import TrapOutcome
from collector.snmp.trap_engine import OwnEngine
from collector.snmp.trap_guard import Guard
from collector.snmp.trap_message import UserMessage, read_message, read_scoped
from collector.snmp.usm import local_keys

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
V3_INFORM = bytes.fromhex(
    "3081a20201033011020407ae7ed4020300ffe304010702010304383036041180004fb805000102030405060708090a0b020107020203e8"
    "04026c70040cc1a31dfdaccaa56872a609130408bf212fb1431d0d160450e8f86e6720cb2ff7627271d4146a93e461c62acf7fce67b46d"
    "56f7365dc6a11c316bf11d74bb084407fa44286a33b16eecb6a706fd68db6b4d68057358e1141ab27b06fb168cc3ad1b0e56f83fdc735a"
)
"""To our engine at boots 7, time 1000; V3_GET_OF_US and V3_TRAP_OF_US likewise."""
V3_GET_OF_US = bytes.fromhex(
    "3081870201033011020423be185e020300ffe304010702010304383036041180004fb805000102030405060708090a0b020107020203e8"
    "04026c70040c55af860731d69de8ee327cc2040865faeae100c138e604352be5e8eba9bdebf63e417bc5f5bc6e941f0aa40abacc6acde4"
    "ea9c2147f3146c9a3cf140fc101a1a90fa70aa207b2699ee95135546"
)
V3_TRAP_OF_US = bytes.fromhex(
    "3081a20201033011020401d783b2020300ffe304010302010304383036041180004fb805000102030405060708090a0b020107020203e8"
    "04026c70040c981c6d8507592cb3e0fe62450408fa999e1dd5ffbe3104500fccc80b25a3f1a1f5491e1f467b667a02d7226f1ad56c8e70"
    "cf2a304c1733e4d4e951e2ccbe2dc91f65c0c0b8526560283409e4e0ce528a1ef2ca879411ac5fca1d1cd5546ab1e7939358c068de7051"
)
V3_OTHER_ENGINE = bytes.fromhex(
    "3081990201033011020453a52e9f020300ffe3040103020103042f302d04088000000001020305020103020203e804026c70040c16baac"
    "66e828d0b670b64b0304085a2666b7808d2362045007ce453b46a5ac1171ae99cf7fe92d81377e8b8b5cabbb1906c29575d0cb7d7da67c"
    "a509e3ef58e423ec7ac5602c26c3ad3271284b8b149a098221ab8ad73d3819073b3c077e1e0d54a3e1a704bb1135"
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
def test_a_wrong_user_key_or_protocol_is_told_apart(changed: dict[str, Any], expected: str) -> None:
    assert outcome(V3_AUTH_PRIV, replace(PRIVATE, **changed)) == expected


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


@pytest.mark.parametrize(
    ("boots", "now", "expected"),
    [
        (7, 1000.0, "taken"),
        (7, 850.0, "taken"),
        (7, 849.9, "synchronised"),
        (7, 1150.9, "taken"),
        (7, 1151.0, "synchronised"),
        (8, 1000.0, "synchronised"),
        (6, 1000.0, "synchronised"),
    ],
)
def test_an_inform_is_taken_within_150_seconds_of_our_own_clock(boots: int, now: float, expected: str) -> None:
    listening = Guard([], [PRIVATE], OWN._replace(boots=boots))
    assert listening.hear(V3_INFORM, now).outcome.value == expected


def test_an_engine_that_has_run_out_of_boots_takes_nothing() -> None:
    listening = Guard([], [PRIVATE], OWN._replace(boots=2**31 - 1))
    message = V3_INFORM.replace(bytes.fromhex("020107020203e8"), bytes.fromhex("02047fffffff020203e8"), 1)
    assert listening.hear(message, 1000.0).pdu is None


def test_an_inform_is_answered_as_secretly_as_it_came() -> None:
    answer = guard(PRIVATE).hear(V3_INFORM, 1000.0).answer
    assert answer is not None
    response = read_message(answer)
    assert isinstance(response, UserMessage)
    keys = local_keys(PRIVATE, OWN.id)
    assert (response.message_id, response.flags, response.user) == (0x07AE7ED4, 3, b"lp")
    assert (response.engine_id, response.boots, response.time) == (OWN.id, 7, 1000)
    assert keys.digest is not None
    assert keys.privacy is not None
    assert keys.digest(response.octets) == response.digest
    pdu = read_scoped(keys.privacy.decrypt(response.data, 7, 1000, response.salt)).pdu
    assert pdu[0] == 0xA2
    assert bytes.fromhex("06092b0601060301010503") in pdu  # snmpTrapOID's value, linkDown


def test_no_two_answers_are_encrypted_with_the_same_salt() -> None:
    listening = guard(PRIVATE)
    answers = [listening.hear(V3_INFORM, 1000.0).answer for _ in range(5)]
    assert len({read_message(answer or b"").salt for answer in answers}) == 5  # type: ignore[union-attr]


def test_our_time_is_told_authentically_and_readably_to_a_user_who_has_it_wrong() -> None:
    answer = guard(PRIVATE).hear(V3_INFORM, 5000.0).answer
    assert answer is not None
    report = read_message(answer)
    assert isinstance(report, UserMessage)
    digest = local_keys(PRIVATE, OWN.id).digest
    assert digest is not None
    assert (report.flags, report.boots, report.time, digest(report.octets)) == (1, 7, 5000, report.digest)
    # usmStatsNotInTimeWindows.0 = Counter32 1
    assert answer.endswith(bytes.fromhex("300f060a2b060106030f01010200410101"))


@pytest.mark.parametrize(
    ("octets", "users", "counter"),
    [
        (V3_INFORM, [], "03"),
        (V3_INFORM, [User(name="lp")], "01"),
        (V3_INFORM, [User(name="lp", auth=AuthProtocol.SHA1, auth_password="another-one")], "01"),
        (V3_INFORM, [replace(PRIVATE, auth_password="another-one")], "05"),
        (V3_INFORM, [replace(PRIVATE, priv_password="another-one")], "06"),
    ],
)
def test_a_refused_sender_is_told_why_and_nothing_else(octets: bytes, users: list[User], counter: str) -> None:
    heard = guard(*users).hear(octets, 1000.0)
    assert heard.pdu is None
    assert heard.answer is not None
    assert heard.answer.endswith(bytes.fromhex(f"300f060a2b060106030f0101{counter}00410101"))


@pytest.mark.parametrize("octets", [V3_GET_OF_US, V3_TRAP_OF_US])
def test_what_is_for_our_engine_and_no_inform_is_refused(octets: bytes) -> None:
    heard = guard(PRIVATE).hear(octets, 1000.0)
    assert (heard.outcome, heard.answer) == (TrapOutcome.NO_NOTIFICATION, None)


def test_an_inform_for_another_engine_is_told_ours() -> None:
    other = Guard([], [PRIVATE], OWN._replace(id=bytes.fromhex("80004fb805ffffff")))
    answer = other.hear(V3_INFORM, 1000.0).answer
    assert answer is not None
    assert read_message(answer).engine_id == bytes.fromhex("80004fb805ffffff")  # type: ignore[union-attr]


def test_a_trap_is_never_answered_whatever_becomes_of_it() -> None:
    for users in ([PRIVATE], [AUTHENTIC], [User(name="lp")], [], [replace(PRIVATE, auth_password="another-one")]):
        for octets in (V3_AUTH_PRIV, V3_AUTH, V3_NO_AUTH):
            assert guard(*users).hear(octets, 0.0).answer is None


def test_only_so_many_engines_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collector.snmp.trap_guard.MOST_ENGINES", 1)
    listening = guard(PRIVATE)
    for octets, engine in ((V3_AUTH_PRIV, "8000000001020304"), (V3_OTHER_ENGINE, "8000000001020305")):
        assert listening.hear(octets, 0.0).outcome is TrapOutcome.TAKEN
        assert list(listening._engines) == [bytes.fromhex(engine)]


def unauthenticated(
    engine: bytes = b"\x80\0\0\0\1",
    user: bytes = b"lp",
    header: str = "020101020300ffe3040100020103",
    boots: str = "020103",
) -> bytes:
    """A linkDown in a message put together by hand; `header` and `boots` in hexadecimal BER."""

    def wrap(tag: int, content: bytes) -> bytes:
        return bytes((tag, 0x81, len(content))) + content

    pdu = V3_NO_AUTH[V3_NO_AUTH.index(b"\xa7\x37") :]
    security = wrap(4, engine) + bytes.fromhex(boots + "020103") + wrap(4, user) + wrap(4, b"") * 2
    scoped = wrap(0x30, wrap(4, engine) + wrap(4, b"") + pdu)
    data = wrap(0x30, bytes.fromhex(header)) + wrap(4, wrap(0x30, security)) + scoped
    return wrap(0x30, b"\x02\x01\x03" + data)


@pytest.mark.parametrize(("size", "expected"), [(4, "engine"), (5, "taken"), (32, "taken"), (33, "engine")])
def test_an_engine_id_has_five_to_thirty_two_octets(size: int, expected: str) -> None:
    assert outcome(unauthenticated(engine=b"\x80" * size), User(name="lp")) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "taken"),
        ({"header": "020100020300ffe3040100020103"}, "taken"),  # msgID 0
        ({"header": "0201ff020300ffe3040100020103"}, "malformed"),  # msgID -1
        ({"header": "020101020300ffe3040102020103"}, "malformed"),  # privacy without authentication
        ({"header": "020101020300ffe304020000020103"}, "malformed"),  # two octets of flags
        ({"header": "020101020300ffe3040100020102"}, "malformed"),  # the security model of v2c
        ({"boots": "0201ff"}, "malformed"),
        ({"user": b"u" * 32}, "user"),
        ({"user": b"u" * 33}, "malformed"),
    ],
)
def test_a_header_that_cannot_be_is_malformed(changed: dict[str, Any], expected: str) -> None:
    assert outcome(unauthenticated(**changed), User(name="lp")) == expected


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
