"""The fast way gives the values of an answer that is as expected, in C as in Python, and leaves anything else alone.

Answers are written by pysnmp's codec.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pyasn1.codec.ber import encoder
from pysnmp.proto.api import v2c

from collector.snmp import ber, wire
from collector.snmp.agent import Agent, Community
from collector.snmp.ask import Ask
from collector.snmp.template import FastValue, Template

try:
    from collector.snmp import _wire
except ImportError:
    WAYS = {"Python": wire.pure_pdu_values}
else:
    WAYS = {"Python": wire.pure_pdu_values, "C": _wire.pdu_values}

UPTIME, NAME, OCTETS, STATUS, SIGNAL = (
    "1.3.6.1.2.1.1.3.0",
    "1.3.6.1.2.1.31.1.1.1.1.7",
    "1.3.6.1.2.1.31.1.1.1.6.7",
    "1.3.6.1.2.1.2.2.1.8.7",
    "1.3.6.1.4.1.9.9.661.1.3.4.1.1.1.7",
)
IDENTITY = 0x4123_4567
WHOLE = (
    (UPTIME, v2c.TimeTicks(0xFFFF_FFFF)),
    (NAME, v2c.OctetString("ge1")),
    (OCTETS, v2c.Counter64(2**64 - 1)),
    (STATUS, v2c.Integer(1)),
    (SIGNAL, v2c.Integer(-113)),
)
TEMPLATE = Template([oid for oid, _ in WHOLE], {1: b"ge1"})
VALUES = [0xFFFF_FFFF, b"ge1", 2**64 - 1, 1, -113]
Fast = Callable[..., list[FastValue] | None]


@pytest.fixture(params=WAYS)
def fast(request: pytest.FixtureRequest) -> Fast:
    """`fast(template, *pdus)`: what becomes of the last of these, all answers to one question."""

    def values(template: Template, *pdus: bytes) -> list[FastValue] | None:
        ask = Ask(Agent("127.0.0.1", 161, Community(b"public")), template, lambda ask, result: None)
        ask.request_id = IDENTITY
        return [WAYS[request.param](ask, pdu) for pdu in pdus][-1]

    return values


def answer(*varbinds: tuple[str, Any], request_id: int = IDENTITY, status: int = 0) -> bytes:
    pdu = v2c.GetResponsePDU()
    v2c.apiPDU.set_defaults(pdu)
    v2c.apiPDU.set_request_id(pdu, request_id)
    v2c.apiPDU.set_error_status(pdu, status)
    v2c.apiPDU.set_varbinds(pdu, varbinds)
    return bytes(encoder.encode(pdu))


def with_element(element: str) -> bytes:
    """An answer about sysUpTime with these octets as its value."""
    return answer((UPTIME, v2c.Null(""))).replace(
        bytes.fromhex("300c06082b060102010103000500"),
        ber.encode(ber.SEQUENCE, bytes.fromhex("06082b06010201010300" + element)),
    )


def long_enough(pdu: bytes) -> bytes:
    """The same with its two outer lengths corrected."""
    numbers, bindings = pdu[2:14], pdu[16:]
    return ber.encode(0xA2, numbers + ber.encode(ber.SEQUENCE, bindings))


def test_an_answer_as_expected_gives_its_values_in_the_order_asked(fast: Fast) -> None:
    assert fast(TEMPLATE, answer(*WHOLE)) == VALUES


def test_the_next_answers_give_their_own_values(fast: Fast) -> None:
    other = answer((UPTIME, v2c.TimeTicks(100_000_000)), *WHOLE[1:4], (SIGNAL, v2c.Integer(-7)))
    assert fast(TEMPLATE, answer(*WHOLE), other) == [100_000_000, *VALUES[1:4], -7]
    shorter = answer((UPTIME, v2c.TimeTicks(7)), *WHOLE[1:2], (OCTETS, v2c.Counter64(0)), *WHOLE[3:])
    assert fast(TEMPLATE, answer(*WHOLE), shorter) == [7, b"ge1", 0, 1, -113]


@pytest.mark.parametrize("bits", range(65))
def test_a_counter_of_any_length_is_read(fast: Fast, bits: int) -> None:
    for number in {2**bits - 1, 2**bits // 2, 2**bits // 3 * 2}:
        assert fast(Template([OCTETS]), answer((OCTETS, v2c.Counter64(number)))) == [number]


@pytest.mark.parametrize("bits", range(32))
def test_an_integer_of_any_length_and_sign_is_read(fast: Fast, bits: int) -> None:
    for number in {2**bits - 1, 2**bits // 3 * 2, -(2**bits) + 1}:
        assert fast(Template([STATUS]), answer((STATUS, v2c.Integer32(number)))) == [number]


@pytest.mark.parametrize("size", [0, 1, 7, 8, 98])
def test_text_is_read_as_its_octets(fast: Fast, size: int) -> None:
    text = bytes(range(130, 130 + size))
    assert fast(Template([NAME]), answer((NAME, v2c.OctetString(text)))) == [text]


def test_a_long_text_that_is_fixed_is_compared_like_any_other(fast: Fast) -> None:
    text = b"x" * 300
    assert fast(Template([NAME], {0: text}), answer((NAME, v2c.OctetString(text)))) == [text]
    assert fast(Template([NAME], {0: text}), answer((NAME, v2c.OctetString(b"y" * 300)))) is None


@pytest.mark.parametrize(
    ("element", "number"),
    [
        ("4105ffffffff", None), ("410500ffffffff", 2**32 - 1), ("4104ffffffff", 2**32 - 1), ("46080000000000000001", 1),
        ("460900ffffffffffffffff", 2**64 - 1), ("02040000007f", 127), ("02020080", 128), ("0203ffff80", -128),
        ("020480000000", -(2**31)), ("0203800000", -(2**23)),
    ],
)  # fmt: skip
def test_numbers_are_read_with_the_leading_octets_that_agents_write_or_leave_out(
    fast: Fast, element: str, number: int | None
) -> None:
    assert fast(Template([UPTIME]), long_enough(with_element(element))) == (None if number is None else [number])


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(
    "varbinds",
    [
        (WHOLE[1], WHOLE[0], *WHOLE[2:]),
        WHOLE[:-1],
        (*WHOLE, WHOLE[0]),
        (*WHOLE[:4], (SIGNAL, v2c.NoSuchInstance(""))),
        (*WHOLE[:4], (SIGNAL, v2c.NoSuchObject(""))),
        (*WHOLE[:4], (SIGNAL, v2c.EndOfMibView(""))),
        (*WHOLE[:4], (SIGNAL, v2c.Null(""))),
        (*WHOLE[:4], (SIGNAL, v2c.IpAddress("10.0.0.1"))),
        (*WHOLE[:4], ("1.3.6.1.4.1.9.9.661.1.3.4.1.1.1.8", v2c.Integer(-113))),
        (WHOLE[0], (NAME, v2c.OctetString("ge2")), *WHOLE[2:]),
        (WHOLE[0], (NAME, v2c.OctetString("ge11")), *WHOLE[2:]),
        (WHOLE[0], (NAME, v2c.Opaque("ge1")), *WHOLE[2:]),
        (*WHOLE[:4], (SIGNAL, v2c.OctetString("x" * 130))),
        (),
    ],
    ids=["reordered", "one missing", "one more", "no instance", "no object", "end of view", "null", "an address",
         "another object", "another name", "a longer name", "a name of another type", "a long value", "nothing"],
)  # fmt: skip
def test_anything_else_is_left_to_the_full_decoder(
    fast: Fast, varbinds: tuple[tuple[str, Any], ...], warm: bool
) -> None:
    before = [answer(*WHOLE)] if warm else []
    assert fast(TEMPLATE, *before, answer(*varbinds)) is None


@pytest.mark.parametrize("status", [1, 2, 5, 18])
def test_an_error_status_is_left_to_the_full_decoder(fast: Fast, status: int) -> None:
    assert fast(TEMPLATE, answer(*WHOLE), answer(*WHOLE, status=status)) is None


def test_the_answer_to_another_request_has_no_values(fast: Fast) -> None:
    assert fast(TEMPLATE, answer(*WHOLE, request_id=IDENTITY + 1)) is None
    assert fast(TEMPLATE, answer(*WHOLE), answer(*WHOLE, request_id=IDENTITY + 1)) is None


@pytest.mark.parametrize(
    "element",
    ["43050100000000", "4300", "4600", "0200", "4609010000000000000000", "460a00000000000000000001", "0205000000007f",
     "44021234", "47020102", "430600000000007f"],
)  # fmt: skip
def test_a_number_with_too_many_octets_or_none_is_left_to_the_full_decoder(fast: Fast, element: str) -> None:
    assert fast(Template([UPTIME]), long_enough(with_element(element))) is None


def test_a_value_of_another_type_than_must_be_there_is_left_to_the_full_decoder(fast: Fast) -> None:
    typed = Template([STATUS], tags={0: ber.INTEGER})
    assert fast(typed, answer((STATUS, v2c.Integer(1)))) == [1]
    for other in (v2c.Counter32(1), v2c.Gauge32(1), v2c.TimeTicks(1), v2c.Counter64(1), v2c.OctetString(b"\x01")):
        assert fast(typed, answer((STATUS, v2c.Integer(1))), answer((STATUS, other))) is None
        assert fast(typed, answer((STATUS, other))) is None


def pdu_with(bindings: bytes, after: bytes = b"") -> bytes:
    numbers = b"\x02\x04" + IDENTITY.to_bytes(4) + b"\x02\x01\x00\x02\x01\x00"
    return ber.encode(0xA2, numbers + ber.encode(ber.SEQUENCE, bindings) + after)


@pytest.mark.parametrize("octets", [0x80, 0x86, 0xFF])
def test_a_length_whose_form_is_damaged_is_left_to_the_full_decoder(fast: Fast, octets: int) -> None:
    # 30 86 ... adds up, but is the beginning of a length in the long form (X.690, 8.1.3.5).
    name, text = bytes.fromhex("060b2b060102011f0101010107"), bytes(octets - 15)
    assert fast(Template([NAME]), pdu_with(bytes((0x30, octets)) + name + bytes((4, len(text))) + text)) is None


@pytest.mark.parametrize("octets", [1, 4, 5, 8, 9])
def test_a_value_that_is_longer_than_what_holds_it_is_left_to_the_full_decoder(fast: Fast, octets: int) -> None:
    name = bytes.fromhex("060b2b060102011f0101010607")
    for there in range(octets):
        pair = bytes((0x30, len(name) + 2 + octets)) + name + bytes((ber.COUNTER64, octets)) + bytes(there)
        assert fast(Template([OCTETS]), pdu_with(pair)) is None


def test_what_follows_the_list_of_values_is_left_to_the_full_decoder(fast: Fast) -> None:
    listed = bytes.fromhex("300d06082b06010201010300430107")
    assert fast(Template([UPTIME]), pdu_with(listed)) == [7]
    assert fast(Template([UPTIME]), pdu_with(listed, b"\x05\x00")) is None
    assert fast(Template([UPTIME]), pdu_with(listed + b"\x05\x00")) is None


@pytest.mark.parametrize("warm", [False, True])
def test_no_octet_but_those_of_the_value_may_differ(fast: Fast, warm: bool) -> None:
    number = 0x1122_3344_5566_7788
    good = answer((OCTETS, v2c.Counter64(number)))
    content = good.index(number.to_bytes(8))
    before = [good] if warm else []
    for place in range(len(good)):
        for bit in range(8):
            damaged = bytearray(good)
            damaged[place] ^= 1 << bit
            values = fast(Template([OCTETS]), *before, bytes(damaged))
            expected = [int.from_bytes(damaged[content : content + 8])]
            assert values == (expected if content <= place < content + 8 else None), (place, bit)


@pytest.mark.parametrize("warm", [False, True])
def test_an_answer_that_is_cut_or_goes_on_has_no_values(fast: Fast, warm: bool) -> None:
    good = answer(*WHOLE)
    before = [good] if warm else []
    for size in range(len(good)):
        assert fast(TEMPLATE, *before, good[:size]) is None
    assert fast(TEMPLATE, *before, good + b"\x00") is None
    assert fast(TEMPLATE, *before, b"\x00" + good) is None
