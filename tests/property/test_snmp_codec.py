"""Whatever bytes arrive, the decoder answers or raises DecodeError; and it agrees with pyasn1 on the well formed."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pysnmp.proto.api import v2c

from collector.snmp import ber
from collector.snmp.ber import DecodeError, Missing
from collector.snmp.message import community_head, decode_response, get_request

numbers = st.integers(0, 2**32 - 1)
oids = st.builds(
    lambda first, second, rest: ".".join(map(str, [first, second % 40 if first < 2 else second, *rest])),
    st.integers(0, 2),
    st.integers(0, 2**32 - 81),
    st.lists(numbers, max_size=30),
)
values = st.one_of(
    st.builds(lambda n: (v2c.Integer32(n), n), st.integers(-(2**31), 2**31 - 1)),
    st.builds(lambda n: (v2c.Counter32(n), n), numbers),
    st.builds(lambda n: (v2c.Gauge32(n), n), numbers),
    st.builds(lambda n: (v2c.TimeTicks(n), n), numbers),
    st.builds(lambda n: (v2c.Counter64(n), n), st.integers(0, 2**64 - 1)),
    st.builds(lambda text: (v2c.OctetString(text), text), st.binary(max_size=300)),
    st.builds(lambda octets: (v2c.Opaque(octets), octets), st.binary(max_size=20)),
    st.builds(lambda octets: (v2c.IpAddress(octets), ".".join(map(str, octets))), st.binary(min_size=4, max_size=4)),
    st.builds(lambda oid: (v2c.ObjectIdentifier(oid), oid), oids),
    st.sampled_from(
        [
            (v2c.Null(""), None),
            (v2c.NoSuchObject(""), Missing.NO_SUCH_OBJECT),
            (v2c.NoSuchInstance(""), Missing.NO_SUCH_INSTANCE),
            (v2c.EndOfMibView(""), Missing.END_OF_MIB_VIEW),
        ]
    ),
)
bindings = st.lists(st.tuples(oids, values), max_size=12)


def sent(community: bytes, pdu: bytes) -> bytes:
    return community_head(community, len(pdu)) + pdu


def response(request_id: int, error_status: int, error_index: int, varbinds: list[tuple[str, Any]]) -> bytes:
    pdu = v2c.ResponsePDU()
    v2c.apiPDU.set_defaults(pdu)
    v2c.apiPDU.set_request_id(pdu, request_id)
    v2c.apiPDU.set_error_status(pdu, error_status)
    v2c.apiPDU.set_error_index(pdu, error_index)
    v2c.apiPDU.set_varbinds(pdu, varbinds)
    message = v2c.Message()
    v2c.apiMessage.set_defaults(message)
    v2c.apiMessage.set_community(message, "public")
    v2c.apiMessage.set_pdu(message, pdu)
    return bytes(encoder.encode(message))


@settings(deadline=None)
@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 18), st.integers(0, 12), bindings)
def test_what_an_independent_codec_writes_is_read_the_same(
    request_id: int, status: int, index: int, varbinds: list[tuple[str, tuple[Any, Any]]]
) -> None:
    data = response(request_id, status, index, [(oid, value) for oid, (value, _) in varbinds])
    read = decode_response(data)
    assert (read.request_id, read.error_status, read.error_index) == (request_id, status, index)
    assert [(varbind.oid, varbind.value) for varbind in read.varbinds] == [(oid, plain) for oid, (_, plain) in varbinds]


@settings(deadline=None)
@given(st.lists(oids, max_size=12), st.binary(max_size=40), st.integers(0x4000_0000, 0x7FFF_FFFF))
def test_what_we_ask_is_read_the_same_by_an_independent_codec(names: list[str], community: bytes, number: int) -> None:
    message, rest = decoder.decode(sent(community, get_request(names).encoded(number)), asn1Spec=v2c.Message())
    pdu = v2c.apiMessage.get_pdu(message)
    assert rest == b""
    assert bytes(v2c.apiMessage.get_community(message)) == community
    assert int(v2c.apiPDU.get_request_id(pdu)) == number
    assert [str(oid) for oid, _ in v2c.apiPDU.get_varbinds(pdu)] == names


@given(oids)
def test_an_object_identifier_survives_both_ways(oid: str) -> None:
    encoded = ber.encode_oid(oid)
    _, start, stop = ber.read_header(encoded, 0, len(encoded))
    assert ber.decode_oid(encoded[start:stop]) == oid


@settings(max_examples=3 * settings.default.max_examples)
@given(st.binary(max_size=400))
def test_random_bytes_never_raise_anything_else(data: bytes) -> None:
    with contextlib.suppress(DecodeError):
        decode_response(data)


GOOD = response(
    0x4000_0001,
    0,
    0,
    [
        ("1.3.6.1.2.1.1.3.0", v2c.TimeTicks(123456)),
        ("1.3.6.1.2.1.31.1.1.1.6.2", v2c.Counter64(2**63 + 5)),
        ("1.3.6.1.2.1.31.1.1.1.1.2", v2c.OctetString("GigabitEthernet0/0/0")),
        ("1.3.6.1.2.1.2.2.1.8.2", v2c.Integer32(1)),
        ("1.3.6.1.2.1.2.2.1.14.2", v2c.NoSuchInstance("")),
    ],
)


def test_every_truncation_is_refused() -> None:
    for size in range(len(GOOD)):
        try:
            decode_response(GOOD[:size])
        except DecodeError:
            continue
        raise AssertionError(f"the first {size} octets passed as a whole message")


@settings(max_examples=5 * settings.default.max_examples)
@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_changed_octets_never_raise_anything_else(changes: list[tuple[int, int]]) -> None:
    data = bytearray(GOOD)
    for place, octet in changes:
        data[place] = octet
    with contextlib.suppress(DecodeError):
        for varbind in decode_response(bytes(data)).varbinds:
            assert varbind.oid


@settings(max_examples=2 * settings.default.max_examples)
@given(st.data())
def test_octets_left_out_or_put_in_never_raise_anything_else(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(GOOD)))
    stop = data.draw(st.integers(start, len(GOOD)))
    with contextlib.suppress(DecodeError):
        decode_response(GOOD[:start] + data.draw(st.binary(max_size=10)) + GOOD[stop:])
