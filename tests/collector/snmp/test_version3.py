"""SNMPv3 messages against an engine that is put together here from the RFCs and the standard library's HMAC.

User and engine are those of RFC 3414, A.3.2, so the keys are known without deriving them.
"""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from pyasn1.codec.ber import decoder
from pysnmp.proto.mpmod.rfc3412 import ScopedPDU, SNMPv3Message
from pysnmp.proto.secmod.rfc3414.service import UsmSecurityParameters

from collector.snmp.agent import AuthProtocol, PrivProtocol, User
from collector.snmp.ber import Damage, DecodeError
from collector.snmp.engine import Engine
from collector.snmp.refusals import REPORT_OIDS, Refusal, Report, SecurityError, explain
from collector.snmp.version3 import Wrapping, discovered, discovery_request, message_id

ENGINE_ID = bytes.fromhex("000000000000000000000002")
KEY = bytes.fromhex("6695febc9288e36282235fc7151f128497b38f3f")
PASSWORD = "maplesyrup"
AUTHENTICATED = User(name="monitor", auth=AuthProtocol.SHA1, auth_password=PASSWORD)
PRIVATE = User(
    name="monitor", auth=AuthProtocol.SHA1, auth_password=PASSWORD, priv=PrivProtocol.AES128, priv_password=PASSWORD
)
NOBODY = User(name="monitor")
ENGINE = Engine(ENGINE_ID, boots=7, time=1000, heard_at=50.0)
"""At our 60.0 its clock is at 1010."""
ID = 0x4000_0001
NO_AUTH, AUTH, AUTH_PRIV = 0, 1, 3


def tlv(tag: int, *parts: bytes, long: bool = False) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if long:
        return bytes((tag, 0x82)) + size.to_bytes(2, "big") + content
    header = bytes((size,)) if size < 128 else bytes((0x81, size)) if size < 256 else b"\x82" + size.to_bytes(2, "big")
    return bytes((tag,)) + header + content


def integer(value: int) -> bytes:
    return tlv(2, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def oid_zero(dotted: str) -> bytes:
    """An OID whose sub-identifiers after the first two are below 128."""
    numbers = [int(part) for part in dotted.split(".")]
    return tlv(6, bytes((numbers[0] * 40 + numbers[1], *numbers[2:])))


def pdu_of(tag: int, name: str = "1.3.6.1.2.1.1.3.0", value: bytes = b"\x43\x01\x05") -> bytes:
    varbind = tlv(0x30, oid_zero(name), value)
    return tlv(tag, integer(ID), integer(0), integer(0), tlv(0x30, varbind))


RESPONSE = pdu_of(0xA2)
LONG_RESPONSE = pdu_of(0xA2, value=tlv(4, bytes(range(250))))


def report_of(report: Report) -> bytes:
    oid = next(oid for oid, found in REPORT_OIDS.items() if found is report)
    return pdu_of(0xA8, oid, b"\x41\x01\x03")


def cfb(key: bytes, iv: bytes, octets: bytes) -> bytes:
    return Cipher(AES(key), CFB(iv)).encryptor().update(octets)


def answer(
    pdu: bytes = RESPONSE,
    flags: int = AUTH_PRIV,
    *,
    engine_id: bytes = ENGINE_ID,
    boots: int = 7,
    time: int = 1010,
    user: bytes = b"monitor",
    auth_key: bytes = KEY,
    priv_key: bytes = KEY[:16],
    context_engine_id: bytes = ENGINE_ID,
    context: bytes = b"",
    model: int = 3,
    long: bool = False,
    pad: bytes = b"",
) -> bytes:
    """A message as an agent sends it; `long` gives the SEQUENCEs lengths in long form, as many agents do."""
    body = tlv(0x30, tlv(4, context_engine_id), tlv(4, context), pdu, long=long) + pad
    salt = b""
    if flags & 2:
        salt = b"\x00\x00\x00\x00\x00\x00\x00\x63"
        body = tlv(4, cfb(priv_key, boots.to_bytes(4, "big") + time.to_bytes(4, "big") + salt, body))
    digest = bytes(12) if flags & 1 else b""
    global_data = tlv(0x30, integer(ID), integer(1500), tlv(4, bytes((flags,))), integer(model), long=long)
    fields = [tlv(4, engine_id), integer(boots), integer(time), tlv(4, user), tlv(4, digest), tlv(4, salt)]
    message = tlv(0x30, integer(3), global_data, tlv(4, tlv(0x30, *fields, long=long)), body, long=long)
    if not digest:
        return message
    before, after = message.split(tlv(4, digest), 1)
    return before + tlv(4, hmac.digest(auth_key, message, "sha1")[:12]) + after


def indefinite() -> bytes:
    """A message of 128 octets behind a length octet that means the indefinite form, which SNMP does not have."""
    shorter = answer(flags=NO_AUTH)
    whole = answer(flags=NO_AUTH, context=bytes(128 - (len(shorter) - 2)))
    assert len(whole) == 131, "with a length of two octets"
    return b"\x30\x80" + whole[3:]


def refusal(wrapping: Wrapping, data: bytes, engine: Engine = ENGINE, monotonic: float = 60.0) -> Refusal:
    with pytest.raises(SecurityError) as caught:
        wrapping.open(data, engine, monotonic)
    return caught.value.refusal


@pytest.fixture
def private() -> Wrapping:
    return Wrapping(PRIVATE, ENGINE_ID)


@pytest.fixture
def authenticated() -> Wrapping:
    return Wrapping(AUTHENTICATED, ENGINE_ID)


def decoded(data: bytes) -> tuple[Any, Any]:
    """(message, security parameters) as pysnmp reads them."""
    message, rest = decoder.decode(data, asn1Spec=SNMPv3Message())
    security, more = decoder.decode(bytes(message[2]), asn1Spec=UsmSecurityParameters())
    assert (rest, more) == (b"", b"")
    return message, security


def test_a_discovery_request_names_no_user_and_no_engine_and_may_be_reported():
    message, security = decoded(discovery_request(ID))
    assert [int(message[0]), int(message[1][0]), int(message[1][3])] == [3, ID, 3]
    assert bytes(message[1][2]) == b"\x04"
    assert [bytes(security[at]) for at in (0, 3, 4, 5)] == [b"", b"", b"", b""]
    assert [int(security[1]), int(security[2])] == [0, 0]
    assert message[3].getComponent()[2].getName() == "get-request"


@pytest.mark.parametrize(
    ("user", "flags"), [(NOBODY, b"\x04"), (AUTHENTICATED, b"\x05"), (PRIVATE, b"\x07")], ids=["none", "auth", "priv"]
)
@pytest.mark.parametrize("pdu", [RESPONSE, LONG_RESPONSE], ids=["short", "long"])
def test_a_request_says_who_asks_whom_at_what_time(user: User, flags: bytes, pdu: bytes):
    data = Wrapping(user, ENGINE_ID).request(ENGINE, 60.9, ID, b"\xa0" + pdu[1:], salt=0x63)
    message, security = decoded(data)
    assert [int(message[1][at]) for at in (0, 1, 3)] == [ID, 65507, 3]
    assert bytes(message[1][2]) == flags
    assert (bytes(security[0]), bytes(security[3])) == (ENGINE_ID, b"monitor")
    assert (int(security[1]), int(security[2])) == ((7, 1010) if user.auth else (0, 0)), "the clock needs a digest"
    digest, salt = bytes(security[4]), bytes(security[5])
    assert integer(7) + integer(1010) in data or not user.auth, "in as few octets as BER allows"
    assert len(digest) == (12 if user.auth else 0)
    if user.auth:
        assert digest == hmac.digest(KEY, data.replace(digest, bytes(12)), "sha1")[:12]
    scoped = message[3].getComponent()
    if user.priv:
        assert salt == b"\x00\x00\x00\x00\x00\x00\x00\x63"
        iv = (7).to_bytes(4, "big") + (1010).to_bytes(4, "big") + salt
        plaintext = Cipher(AES(KEY[:16]), CFB(iv)).decryptor().update(bytes(scoped))
        scoped, rest = decoder.decode(plaintext, asn1Spec=ScopedPDU())
        assert rest == b""
        assert plaintext.endswith(pdu[1:])
    assert (bytes(scoped[0]), bytes(scoped[1])) == (ENGINE_ID, b"")
    assert int(scoped[2].getComponent()[0]) == ID


def test_a_request_in_a_context_with_the_longest_names_is_well_formed():
    user = User(name="n" * 32, auth=AuthProtocol.SHA512, auth_password=PASSWORD, context="c" * 200)
    engine = Engine(b"\x80" + bytes(31), boots=2**31 - 2, time=2**31 - 9, heard_at=0.0)
    message, security = decoded(Wrapping(user, engine.id).request(engine, 1.0, ID, b"\xa0" + RESPONSE[1:], 0))
    assert len(bytes(security[4])) == 48
    assert (int(security[1]), int(security[2])) == (2**31 - 2, 2**31 - 8)
    assert bytes(message[3].getComponent()[1]) == b"c" * 200


def test_the_first_request_to_an_engine_asks_for_its_time(authenticated: Wrapping):
    _, security = decoded(authenticated.request(Engine(ENGINE_ID), 60.0, ID, b"\xa0" + RESPONSE[1:], 0))
    assert (int(security[1]), int(security[2])) == (0, 0)


@pytest.mark.parametrize(
    ("user", "flags"), [(NOBODY, NO_AUTH), (AUTHENTICATED, AUTH), (PRIVATE, AUTH_PRIV)], ids=["none", "auth", "priv"]
)
@pytest.mark.parametrize("long", [False, True], ids=["short form", "long form"])
def test_an_answer_at_the_level_of_the_request_is_opened(user: User, flags: int, long: bool):
    wrapping, engine = Wrapping(user, ENGINE_ID), ENGINE
    for time, pdu in ((1010, RESPONSE), (1012, RESPONSE), (1013, LONG_RESPONSE), (100_000, RESPONSE)):
        opened = wrapping.open(answer(pdu, flags, time=time, long=long), engine, 60.0)
        assert (opened.pdu, opened.report, opened.authenticated) == (pdu, None, user.auth is not None)
        engine = opened.engine
        assert engine == (Engine(ENGINE_ID, 7, time, 60.0) if user.auth else ENGINE)


def test_padding_after_the_decrypted_pdu_is_dropped(private: Wrapping):
    assert private.open(answer(pad=b"\x00\x00\x00"), ENGINE, 60.0).pdu == RESPONSE


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (answer(auth_key=bytes(20)), Refusal.WRONG_DIGEST),
        (answer(user=b"another"), Refusal.WRONG_USER),
        (answer(engine_id=b"\x80another"), Refusal.WRONG_ENGINE_ID),
        (answer(flags=NO_AUTH), Refusal.WRONG_LEVEL),
        (answer(flags=AUTH), Refusal.WRONG_LEVEL),
        (answer(time=859), Refusal.NOT_IN_TIME_WINDOW),
        (answer(boots=6, time=5000), Refusal.NOT_IN_TIME_WINDOW),
        (answer(priv_key=bytes(16)), Refusal.UNDECRYPTABLE),
        (answer(context=b"another"), Refusal.WRONG_CONTEXT),
        (answer(context_engine_id=b"\x80another"), Refusal.WRONG_CONTEXT),
    ],
    ids=lambda value: value.value if isinstance(value, Refusal) else "",
)
def test_what_must_not_be_believed_is_refused_by_its_reason(data: bytes, expected: Refusal, private: Wrapping):
    assert refusal(private, data) is expected
    private.open(answer(), ENGINE, 60.0)
    assert refusal(private, data) is expected, "nor after a good answer"


def test_an_answer_with_more_security_than_was_asked_for_is_refused(authenticated: Wrapping):
    assert refusal(authenticated, answer()) is Refusal.WRONG_LEVEL
    assert refusal(Wrapping(NOBODY, ENGINE_ID), answer(flags=AUTH)) is Refusal.WRONG_LEVEL
    assert refusal(Wrapping(NOBODY, ENGINE_ID), answer(flags=NO_AUTH, user=b"another")) is Refusal.WRONG_USER
    assert refusal(Wrapping(NOBODY, ENGINE_ID), answer(flags=NO_AUTH, engine_id=b"\x80abcd")) is Refusal.WRONG_ENGINE_ID


def test_the_same_answer_again_is_too_old_once_the_window_has_passed(private: Wrapping):
    first = private.open(answer(), ENGINE, 60.0)
    assert private.open(answer(), first.engine, 210.9).engine == first.engine
    assert refusal(private, answer(), first.engine, 211.0) is Refusal.NOT_IN_TIME_WINDOW


@pytest.mark.parametrize(
    ("data", "damage"),
    [
        (answer()[:-1], Damage.TRUNCATED),
        (answer() + b"\x00", Damage.OVERSIZED),
        (answer(flags=2), Damage.MALFORMED),
        (answer(model=2), Damage.MALFORMED),
        (answer(boots=-7, flags=AUTH), Damage.MALFORMED),
        (answer(time=-1010, flags=AUTH), Damage.MALFORMED),
        (answer(boots=2**31, flags=AUTH), Damage.MALFORMED),
        (answer(time=2**31, flags=AUTH), Damage.MALFORMED),
        (answer(pdu=b"\xa0" + RESPONSE[1:], flags=AUTH), Damage.MALFORMED),
        (indefinite(), Damage.MALFORMED),
        (answer(pdu=b"", flags=AUTH), Damage.MALFORMED),
        (answer(pdu=RESPONSE + b"\x05\x00", flags=AUTH), Damage.MALFORMED),
        (answer(flags=AUTH, pad=b"\x05\x00"), Damage.MALFORMED),
        (tlv(0x30, integer(1), tlv(4, b"public"), RESPONSE), Damage.MALFORMED),
        (b"", Damage.MALFORMED),
    ],
)
def test_what_is_not_a_message_is_said_to_be_malformed(data: bytes, damage: Damage, authenticated: Wrapping):
    for _ in range(2):
        with pytest.raises(DecodeError) as caught:
            authenticated.open(data, ENGINE, 60.0)
        assert caught.value.damage is damage
        authenticated.open(answer(flags=AUTH), ENGINE, 60.0)


def test_a_clock_may_stand_at_either_end(authenticated: Wrapping):
    for time in (0, 2**31 - 1):
        opened = authenticated.open(answer(boots=8, time=time, flags=AUTH), ENGINE, 60.0)
        assert opened.engine == Engine(ENGINE_ID, 8, time, 60.0)
    assert authenticated.open(answer(boots=0, time=5, flags=AUTH), Engine(ENGINE_ID), 60.0).engine.boots == 0
    assert refusal(authenticated, answer(boots=2**31 - 1, flags=AUTH)) is Refusal.NOT_IN_TIME_WINDOW


def test_the_msg_id_is_found_in_what_begins_like_version_3_and_nowhere_else():
    assert message_id(answer()) == message_id(answer(long=True)) == message_id(discovery_request(ID)) == ID
    others = [
        tlv(0x30, integer(1), tlv(4, b"public"), RESPONSE),
        tlv(0x30, integer(2), tlv(0x30, integer(ID))),
        tlv(0x30, integer(3), tlv(0x30, integer(2**33))),
        tlv(0x30, integer(3), b"\x30\x80", integer(ID), tlv(4, bytes(120))),
        indefinite(),
    ]
    for data in (
        b"",
        b"\x30",
        b"\x30\x00",
        answer()[:-1],
        answer()[1:],
        answer()[2:],
        answer()[3:],
        *others,
        bytes(40),
    ):
        assert message_id(data) is None


@pytest.mark.parametrize("report", REPORT_OIDS.values())
def test_a_report_is_named_after_its_counter(report: Report, private: Wrapping):
    opened = private.open(answer(report_of(report), NO_AUTH, user=b""), ENGINE, 60.0)
    assert (opened.report, opened.authenticated, opened.engine) == (report, False, ENGINE)
    assert report.value in explain(report)


def test_a_report_of_an_unknown_counter_is_still_a_report(private: Wrapping):
    opened = private.open(answer(pdu_of(0xA8, "1.3.6.1.4.1.9.9.1.0"), NO_AUTH), ENGINE, 60.0)
    assert opened.report is Report.OTHER


def test_an_authenticated_report_sets_the_clock_even_back(private: Wrapping):
    """An agent that starts again without counting its boots says so; it would else be lost until its clock is where
    ours was."""
    report = report_of(Report.NOT_IN_TIME_WINDOWS)
    for boots, time in ((9, 3), (7, 3), (0, 3)):
        opened = private.open(answer(report, AUTH, boots=boots, time=time), ENGINE, 60.0)
        assert (opened.report, opened.authenticated) == (Report.NOT_IN_TIME_WINDOWS, True)
        assert opened.engine == Engine(ENGINE_ID, boots, time, 60.0)


def test_nobody_can_move_the_clock_without_the_key(private: Wrapping):
    report = report_of(Report.NOT_IN_TIME_WINDOWS)
    opened = private.open(answer(report, NO_AUTH, boots=9, time=3), ENGINE, 60.0)
    assert (opened.engine, opened.authenticated) == (ENGINE, False)
    assert refusal(private, answer(report, AUTH, boots=9, time=3, auth_key=bytes(20))) is Refusal.WRONG_DIGEST


def test_discovery_takes_the_engine_id_and_not_the_time():
    data = answer(report_of(Report.UNKNOWN_ENGINE_IDS), NO_AUTH, user=b"")
    assert discovered(data) == Engine(ENGINE_ID)
    assert discovered(data).clock(1e9) == (0, 0)


@pytest.mark.parametrize("octets", [0, 4, 33])
def test_an_engine_id_has_five_to_thirty_two_octets(octets: int):
    report = report_of(Report.UNKNOWN_ENGINE_IDS)
    with pytest.raises(DecodeError, match="5 to 32"):
        discovered(answer(report, NO_AUTH, engine_id=bytes(octets)))
    for good in (5, 32):
        assert discovered(answer(report, NO_AUTH, engine_id=bytes(good))).id == bytes(good)


def test_discovery_is_answered_by_a_report_in_clear_and_nothing_else():
    for data in (answer(flags=NO_AUTH), answer(), answer(report_of(Report.UNKNOWN_ENGINE_IDS), AUTH_PRIV)):
        with pytest.raises(DecodeError, match="engine id"):
            discovered(data)


def test_a_message_without_its_outer_header_is_malformed_however_well_the_agent_is_known() -> None:
    wrapping = Wrapping(NOBODY, ENGINE_ID)
    whole = answer(RESPONSE, NO_AUTH)
    assert wrapping.open(whole, ENGINE, 60.0).pdu == RESPONSE
    with pytest.raises(DecodeError):
        wrapping.open(whole[2:], ENGINE, 60.0)
