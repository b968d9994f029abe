"""SNMPv2c messages as an agent reads and writes them (RFC 1901, RFC 3416; BER of ITU-T X.690).

Written apart from the product's own reading of them, so that a mistake there meets no twin here; the tests hold it
against pysnmp. A value is its complete encoding: what never changes is encoded once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

Oid = tuple[int, ...]
Value = bytes

INTEGER, OCTETS, OBJECT, SEQUENCE = 0x02, 0x04, 0x06, 0x30
COUNTER32, GAUGE32, TIMETICKS, COUNTER64 = 0x41, 0x42, 0x43, 0x46
GET, GET_NEXT, RESPONSE, GET_BULK = 0xA0, 0xA1, 0xA2, 0xA5
NO_SUCH_INSTANCE, END_OF_MIB_VIEW = b"\x81\x00", b"\x82\x00"
VERSION_2C = 1


class WireError(ValueError):
    """The datagram is no SNMPv2c message; an agent stays silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`first` and `second` are non-repeaters and max-repetitions of a GETBULK, 0 in other requests."""

    community: bytes
    kind: int
    request_id: bytes
    first: int
    second: int
    names: tuple[Oid, ...]


def tlv(tag: int, content: bytes) -> Value:
    """Tag, length, content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def number(tag: int, value: int) -> Value:
    """An INTEGER, or one of the unsigned types, all of which are encoded as a signed number in its fewest octets."""
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def text(value: str) -> Value:
    return tlv(OCTETS, value.encode())


@lru_cache(maxsize=4096)
def name(oid: Oid) -> Value:
    """An OBJECT IDENTIFIER: the first two arcs share an octet, each further one takes as many as it needs."""
    content = bytearray((oid[0] * 40 + oid[1],))
    for arc in oid[2:]:
        septets = [arc & 0x7F]
        while arc := arc >> 7:
            septets.append(0x80 | arc & 0x7F)
        content += bytes(reversed(septets))
    return tlv(OBJECT, bytes(content))


@lru_cache(maxsize=4096)
def _oid(content: bytes) -> Oid:
    if not content or content[-1] & 0x80:
        raise WireError("an object identifier breaks off")
    arcs, arc = [*divmod(content[0], 40)], 0
    for octet in content[1:]:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    return tuple(arcs)


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element, one after the other."""
    at = 0
    while at < len(data):
        try:
            tag, size = data[at], data[at + 1]
            at += 2
            if size & 0x80:
                octets = size & 0x7F
                size = int.from_bytes(data[at : at + octets], "big")
                at += octets
        except IndexError:
            raise WireError("an element breaks off") from None
        if at + size > len(data):
            raise WireError("an element is longer than what holds it")
        yield tag, data[at : at + size]
        at += size


def _expected(data: bytes, *tags: int) -> list[bytes]:
    found = list(_elements(data))
    if tuple(tag for tag, _ in found) != tags:
        raise WireError("another element was expected")
    return [content for _, content in found]


def decode(datagram: bytes) -> Request:
    """Raises WireError."""
    (message,) = _expected(datagram, SEQUENCE)
    *head, (kind, pdu) = list(_elements(message)) or [(0, b"")]
    if [tag for tag, _ in head] != [INTEGER, OCTETS] or head[0][1] != bytes((VERSION_2C,)):
        raise WireError("no SNMPv2c message")
    request_id, first, second, bindings = _expected(pdu, INTEGER, INTEGER, INTEGER, SEQUENCE)
    names = []
    for tag, binding in _elements(bindings):
        asked = next(_elements(binding), (0, b""))
        if tag != SEQUENCE or asked[0] != OBJECT:
            raise WireError("a variable binding without a name")
        names.append(_oid(asked[1]))
    return Request(
        community=head[1][1],
        kind=kind,
        request_id=request_id,
        first=int.from_bytes(first, "big", signed=True),
        second=int.from_bytes(second, "big", signed=True),
        names=tuple(names),
    )


def response(request: Request, bindings: Sequence[tuple[Oid, Value]]) -> bytes:
    """The response without an error."""
    listed = b"".join(tlv(SEQUENCE, name(oid) + value) for oid, value in bindings)
    no_error = number(INTEGER, 0)
    pdu = tlv(INTEGER, request.request_id) + no_error + no_error + tlv(SEQUENCE, listed)
    head = number(INTEGER, VERSION_2C) + tlv(OCTETS, request.community)
    return tlv(SEQUENCE, head + tlv(RESPONSE, pdu))
