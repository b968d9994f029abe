"""Damaged answers on the poller's ordinary way (`benchmarks/snmp_fuzz.py` feeds a million), and their judge."""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from pyasn1.codec.ber import decoder
from pyasn1.error import PyAsn1Error
from pysnmp.proto.api import v2c

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

import snmp_fuzz
from _snmp_peers import damage, damage_v3, judge

ANSWERS = 10_000
GOOD = judge.Response(
    (
        (damage.content_of("1.3.6.1.2.1.1.3.0"), judge.TICKS, b"\x01\xe2\x40"),
        (damage.content_of("1.3.6.1.2.1.31.1.1.1.6.2"), judge.COUNTER64, b"\x00\xff\xff\xff\xff\xff\xff\xff\xff"),
        (damage.content_of("1.3.6.1.2.1.31.1.1.1.1.2"), judge.STRING, b"ge2"),
        (damage.content_of("1.3.6.1.2.1.2.2.1.8.2"), judge.INTEGER, b"\xff"),
    ),
    request_id=0x4000_0001,
)
VALUES = [123_456, 2**64 - 1, b"ge2", -1]


def with_last(value: bytes) -> bytes:
    return GOOD.octets().replace(b"\x02\x01\xff", value)


@pytest.mark.slow
@pytest.mark.parametrize("compiled", [False, True] if snmp_fuzz.COMPILED else [False])
async def test_no_damaged_answer_crashes_the_poller_or_passes_for_what_it_is_not(compiled: bool) -> None:
    found, growth, _ = await snmp_fuzz.fuzzed(ANSWERS, random.randrange(2**32), compiled=compiled)
    assert found.faults == []
    assert sum(found.seen.values()) >= ANSWERS
    assert growth < snmp_fuzz.MOST_GROWTH_KIB
    # Each kind of damage was there, and neither all nor nothing passed.
    kinds = {kind for kind, _ in found.seen}
    assert kinds >= {*damage.TO_OCTETS, *damage.TO_PARTS, snmp_fuzz.FOREIGN, "v3 of another time", "v3 bits flipped"}
    passed = sum(count for (_, became), count in found.seen.items() if became in ("same values", "other values"))
    assert ANSWERS / 10 < passed < ANSWERS * 2 / 3


def test_the_judge_reads_what_pysnmp_reads() -> None:
    source, compared = random.Random(7), 0
    for _, good in damage.responses(source) * 20:
        good = replace(good, request_id=source.randrange(2**30, 2**31))
        data = source.choice((good.octets(), damage.reordered(source, good), damage.padded_lengths(source, good)))
        message, rest = decoder.decode(data, asn1Spec=v2c.Message())
        pdu = v2c.apiMessage.get_pdu(message)
        meaning = judge.strictly_read(data)
        assert meaning is not None
        assert rest == b""
        assert (meaning.request_id, meaning.status) == (int(v2c.apiPDU.get_request_id(pdu)), 0)
        for (name, tag, content), (oid, value) in zip(meaning.bindings, v2c.apiPDU.get_varbinds(pdu), strict=True):
            assert judge.dotted(name) == str(oid)
            assert judge.meant(tag, content) == (bytes(value) if tag == judge.STRING else int(value))
            compared += 1
    assert compared > 3000


def test_what_the_judge_takes_for_a_response_pysnmp_does_too() -> None:
    source, read = random.Random(11), 0
    for _, good in damage.responses(source) * 40:
        data = source.choice(list(damage.TO_OCTETS.values()))(source, replace(good, request_id=2**30).octets())
        meaning = judge.strictly_read(data)
        if meaning is None or not all(judge.meant(tag, content) is not ... for _, tag, content in meaning.bindings):
            continue
        try:
            message, _ = decoder.decode(data, asn1Spec=v2c.Message())
        except PyAsn1Error:
            continue  # pysnmp also checks the ranges of what is not a value
        pdu = v2c.apiMessage.get_pdu(message)
        assert [judge.dotted(name) for name, _, _ in meaning.bindings] == [
            str(oid) for oid, _ in v2c.apiPDU.get_varbinds(pdu)
        ]
        read += 1
    assert read > 50


@pytest.mark.parametrize(
    ("data", "accepted", "why"),
    [
        (GOOD.octets(), VALUES, ""),
        (replace(GOOD, bindings=GOOD.bindings[::-1]).octets(), VALUES, ""),
        (GOOD.octets(), [123_457, *VALUES[1:]], "a value that is not the one in the octets"),
        (GOOD.octets(), [True, *VALUES[1:]], "a value that is not the one in the octets"),
        (GOOD.octets(), VALUES[:3], "values of other objects"),
        (GOOD.octets()[:-1], VALUES, "values from what is not a v2c response"),
        (GOOD.octets() + b"\0", VALUES, "values from what is not a v2c response"),
        (replace(GOOD, version=b"\0").octets(), VALUES, "values from what is not a v2c response"),
        (replace(GOOD, pdu=0xA8).octets(), VALUES, "values from what is not a v2c response"),
        (replace(GOOD, request_id=0x4000_0002).octets(), VALUES, "values of another request"),
        (replace(GOOD, status=5).octets(), VALUES, "values in spite of an error-status"),
        (replace(GOOD, bindings=GOOD.bindings[:3]).octets(), VALUES, "values of other objects"),
        (with_last(b"\x02\x01\x01"), [*VALUES[:3], 1], ""),
        (with_last(b"\x41\x01\xff"), [*VALUES[:3], 255], "a value of type 0x41 in place of 0x02"),
        (with_last(b"\x04\x01\xff"), [*VALUES[:3], b"\xff"], "a value of type 0x04 in place of 0x02"),
    ],
)  # fmt: skip
def test_the_judge_knows_what_must_not_pass(data: bytes, accepted: list[object], why: str) -> None:
    assert judge.fault_of_values(GOOD, data, accepted) == why


def test_a_version_3_message_of_any_length_carries_its_pdu() -> None:
    """A length may have an octet that is the PDU's tag."""
    for size in range(1500):
        good = replace(GOOD, bindings=(*GOOD.bindings, (GOOD.names[2], judge.STRING, bytes(size))))
        message = damage_v3.Security(b"bench", level=0).message(good)
        assert damage_v3.pdu_of(message) is not None, size


def test_the_judges_keys_are_those_of_rfc_3414() -> None:
    # RFC 3414, A.3.2: password "maplesyrup", engine id 00 00 00 00 00 00 00 00 00 00 00 02
    engine_id = bytes.fromhex("000000000000000000000002")
    assert damage_v3.local_key(b"maplesyrup", engine_id).hex() == "6695febc9288e36282235fc7151f128497b38f3f"
