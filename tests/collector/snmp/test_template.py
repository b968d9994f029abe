"""The fast way and the full way give the same values, and only the full way meets anything unusual.

Answers are written by pysnmp's codec.
"""

from __future__ import annotations

from typing import Any

import pytest
from pyasn1.codec.ber import encoder
from pysnmp.proto.api import v2c

from collector.snmp.message import decode_response
from collector.snmp.template import Envelopes, Template

UPTIME, NAME, OCTETS, STATUS, SIGNAL = (
    "1.3.6.1.2.1.1.3.0",
    "1.3.6.1.2.1.31.1.1.1.1.7",
    "1.3.6.1.2.1.31.1.1.1.6.7",
    "1.3.6.1.2.1.2.2.1.8.7",
    "1.3.6.1.4.1.9.9.661.1.3.4.1.1.1.7",
)
IDENTITY = 0x4123_4567


def answer(*varbinds: tuple[str, Any], request_id: int = IDENTITY, status: int = 0) -> bytes:
    pdu = v2c.GetResponsePDU()
    v2c.apiPDU.set_defaults(pdu)
    v2c.apiPDU.set_request_id(pdu, request_id)
    v2c.apiPDU.set_error_status(pdu, status)
    v2c.apiPDU.set_varbinds(pdu, varbinds)
    message = v2c.Message()
    v2c.apiMessage.set_defaults(message)
    v2c.apiMessage.set_community(message, "public")
    v2c.apiMessage.set_pdu(message, pdu)
    return encoder.encode(message)


def fast(template: Template, data: bytes) -> list[int | bytes] | None:
    """As the poller does it, with an envelope learnt from this very answer."""
    envelopes = Envelopes()
    envelopes.learn(data, decode_response(data).request_id, template.first_name)
    _, bindings = envelopes.opened(data)
    return template.values(data, bindings) if bindings else None


WHOLE = (
    (UPTIME, v2c.TimeTicks(0xFFFF_FFFF)),
    (NAME, v2c.OctetString("ge1")),
    (OCTETS, v2c.Counter64(2**64 - 1)),
    (STATUS, v2c.Integer(1)),
    (SIGNAL, v2c.Integer(-113)),
)
TEMPLATE = Template([oid for oid, _ in WHOLE], {1: b"ge1"})


def test_an_answer_as_expected_gives_its_values_in_the_order_asked() -> None:
    assert fast(TEMPLATE, answer(*WHOLE)) == [0xFFFF_FFFF, b"ge1", 2**64 - 1, 1, -113]


@pytest.mark.parametrize("number", [0, 1, 127, 128, 255, 256, 2**31, 2**32, 2**40, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_counter_of_any_length_is_read(number: int) -> None:
    assert fast(Template([OCTETS]), answer((OCTETS, v2c.Counter64(number)))) == [number]


@pytest.mark.parametrize(
    "varbinds",
    [
        (WHOLE[1], WHOLE[0], *WHOLE[2:]),
        WHOLE[:-1],
        (*WHOLE, WHOLE[0]),
        (*WHOLE[:4], (SIGNAL, v2c.NoSuchInstance(""))),
        (*WHOLE[:4], ("1.3.6.1.4.1.9.9.661.1.3.4.1.1.1.8", v2c.Integer(-113))),
        (WHOLE[0], (NAME, v2c.OctetString("ge2")), *WHOLE[2:]),
        (*WHOLE[:4], (SIGNAL, v2c.OctetString("x" * 130))),
    ],
    ids=["reordered", "one missing", "one more", "an exception", "another object", "another name", "a long value"],
)
def test_anything_else_is_left_to_the_full_decoder(varbinds: tuple[tuple[str, Any], ...]) -> None:
    assert fast(TEMPLATE, answer(*varbinds)) is None


def test_an_error_status_is_left_to_the_full_decoder() -> None:
    assert fast(TEMPLATE, answer(*WHOLE, status=5)) is None


@pytest.mark.parametrize("element", ["43050100000000", "4300", "4609010000000000000000", "0205000000007f", "44021234"])
def test_a_number_with_too_many_octets_or_none_is_left_to_the_full_decoder(element: str) -> None:
    name = bytes.fromhex("06082b06010201010300")
    value = bytes.fromhex(element)
    assert Template([UPTIME]).values(b"\x30" + bytes([len(name) + len(value)]) + name + value, 0) is None


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_cut_answer_has_no_values(cut: int) -> None:
    data = answer(*WHOLE)
    envelopes = Envelopes()
    envelopes.learn(data, IDENTITY, TEMPLATE.first_name)
    _, bindings = envelopes.opened(data)
    assert envelopes.opened(data[:-cut]) == (0, 0)
    assert TEMPLATE.values(data[:-cut], bindings) is None


def test_an_envelope_fits_every_request_id_and_no_other_octet_changed() -> None:
    data = answer(*WHOLE)
    envelopes = Envelopes()
    envelopes.learn(data, IDENTITY, TEMPLATE.first_name)
    _, bindings = envelopes.opened(data)
    assert envelopes.opened(answer(*WHOLE, request_id=0x7FFF_FFFF))[0] == 0x7FFF_FFFF
    identity = data.index(IDENTITY.to_bytes(4, "big"))
    for place in range(bindings):
        damaged = bytearray(data)
        damaged[place] ^= 0x01
        opened = envelopes.opened(bytes(damaged))
        assert (opened == (0, 0)) is (not identity <= place < identity + 4)
