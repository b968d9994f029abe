"""SNMPv2c messages (RFC 1901, RFC 3416): requests as templates to be patched, responses decoded in full."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from collector.snmp import ber
from collector.snmp.ber import Damage, DecodeError, Value

VERSION_2C = 1
FIRST_REQUEST_ID, LAST_REQUEST_ID = 0x4000_0000, 0x7FFF_FFFF
"""Ids that always take four octets, so that one is put into a template without moving anything else."""


class PduType(IntEnum):
    GET = 0xA0
    GET_NEXT = 0xA1
    RESPONSE = 0xA2
    GET_BULK = 0xA5


class ErrorStatus(IntEnum):
    """RFC 3416, section 3."""

    NO_ERROR = 0
    TOO_BIG = 1
    NO_SUCH_NAME = 2
    BAD_VALUE = 3
    READ_ONLY = 4
    GEN_ERR = 5
    NO_ACCESS = 6
    WRONG_TYPE = 7
    WRONG_LENGTH = 8
    WRONG_ENCODING = 9
    WRONG_VALUE = 10
    NO_CREATION = 11
    INCONSISTENT_VALUE = 12
    RESOURCE_UNAVAILABLE = 13
    COMMIT_FAILED = 14
    UNDO_FAILED = 15
    AUTHORIZATION_ERROR = 16
    NOT_WRITABLE = 17
    INCONSISTENT_NAME = 18


class VarBind(NamedTuple):
    """One name and value. `name` is the OID's BER content; compare it as bytes, `oid` makes it readable."""

    name: bytes
    tag: int
    value: Value

    @property
    def oid(self) -> str:
        return ber.decode_oid(self.name)


@dataclass(frozen=True, slots=True)
class Response:
    request_id: int
    error_status: int
    error_index: int
    varbinds: tuple[VarBind, ...]


@dataclass(frozen=True, slots=True)
class Request:
    """A request PDU without its id. `names` are the OIDs' BER contents in the order asked."""

    head: bytes
    tail: bytes
    names: tuple[bytes, ...]

    def __repr__(self) -> str:
        return f"Request({len(self.names)} objects)"

    def encoded(self, request_id: int) -> bytes:
        """The PDU; the id must lie in FIRST_REQUEST_ID .. LAST_REQUEST_ID."""
        return self.head + request_id.to_bytes(4, "big") + self.tail


@lru_cache(maxsize=1024)
def community_head(community: bytes, pdu_octets: int) -> bytes:
    """What a v2c message holds before a PDU of that many octets (RFC 1901, section 3)."""
    head = ber.encode_integer(VERSION_2C) + ber.encode(ber.OCTET_STRING, community)
    return ber.encode(ber.SEQUENCE, head + bytes(pdu_octets))[:-pdu_octets]


def get_request(oids: Sequence[str], pdu: PduType = PduType.GET) -> Request:
    """A GET (or GETNEXT) of these OIDs. Raises ValueError for text that is not an OID."""
    return _request(pdu, tuple(oids), 0, 0)


def bulk_request(oids: Sequence[str], repetitions: int) -> Request:
    """A GETBULK of `repetitions` rows after each of these OIDs (RFC 3416, section 4.2.3)."""
    return _request(PduType.GET_BULK, tuple(oids), 0, repetitions)


@lru_cache(maxsize=8192)
def _request(pdu: PduType, oids: tuple[str, ...], second: int, third: int) -> Request:
    names = tuple(ber.encode_oid(oid) for oid in oids)
    bindings = ber.encode(ber.SEQUENCE, b"".join(ber.encode(ber.SEQUENCE, name + b"\x05\x00") for name in names))
    tail = ber.encode_integer(second) + ber.encode_integer(third) + bindings
    body = ber.encode(pdu, b"\x02\x04\x00\x00\x00\x00" + tail)
    return Request(body[: -len(tail) - 4], tail, tuple(_content(name) for name in names))


def _content(element: bytes) -> bytes:
    _, start, stop = ber.read_header(element, 0, len(element))
    return element[start:stop]


def decode_response(data: bytes) -> Response:
    """A Response PDU in a v2c message. Raises DecodeError, and nothing else, on whatever bytes arrive."""
    at, end = open_message(data)
    version, at = ber.read_integer(data, at, end)
    if version != VERSION_2C:
        raise DecodeError(f"the message is of another SNMP version ({version})")
    tag, _, at = ber.read_header(data, at, end)
    if tag != ber.OCTET_STRING:
        raise DecodeError("the message has no community")
    return decode_pdu(data, at, end)


def open_message(data: bytes) -> tuple[int, int]:
    """Where the content of a message of any version begins and ends. Raises DecodeError with its kind of damage."""
    if len(data) < 2 or data[0] != ber.SEQUENCE:
        raise DecodeError("the datagram is not an SNMP message")
    octets = data[1] & 0x7F if data[1] & 0x80 else 0
    size = int.from_bytes(data[2 : 2 + octets], "big") if octets else data[1]
    if 2 + octets + size > len(data) and octets <= 4:
        raise DecodeError("the message is cut off", Damage.TRUNCATED)
    _, at, end = ber.read_header(data, 0, len(data))
    if end != len(data):
        raise DecodeError("octets follow the message", Damage.OVERSIZED)
    return at, end


def decode_pdu(data: bytes, at: int, end: int) -> Response:
    """The Response PDU in [at, end). Raises DecodeError when it is another PDU, or none."""
    tag, at, stop = ber.read_header(data, at, end)
    if tag != PduType.RESPONSE or stop != end:
        raise DecodeError("the message is not a response")
    request_id, at = ber.read_integer(data, at, end)
    error_status, at = ber.read_integer(data, at, end)
    error_index, at = ber.read_integer(data, at, end)
    tag, at, stop = ber.read_header(data, at, end)
    if tag != ber.SEQUENCE or stop != end:
        raise DecodeError("the response has no list of values")
    return Response(request_id, error_status, error_index, tuple(_varbinds(data, at, end)))


def _varbinds(data: bytes, at: int, end: int) -> list[VarBind]:
    found: list[VarBind] = []
    while at < end:
        middle, stop = _short_pair(data, at, end)
        if stop:
            name, tag, content = data[at + 4 : middle], data[middle], data[middle + 2 : stop]
            at = stop
        else:
            name, tag, content, at = _pair(data, at, end)
        ber.decode_oid(name)  # raises where it is none
        found.append(VarBind(name, tag, ber.decode_value(tag, content)))
    return found


def _short_pair(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Where the value and the next pair begin, when all three lengths are of the short form, as nearly always;
    (0, 0) otherwise."""
    if end - at >= 6 and data[at] == ber.SEQUENCE and data[at + 1] < 0x80 and data[at + 2] == ber.OBJECT_IDENTIFIER:
        stop = at + 2 + data[at + 1]
        middle = at + 4 + data[at + 3]
        if middle + 2 <= stop <= end and data[middle + 1] == stop - middle - 2:
            return middle, stop
    return 0, 0


def _pair(data: bytes, at: int, end: int) -> tuple[bytes, int, bytes, int]:
    """Name, tag and content of the value, and where the next pair begins."""
    tag, at, stop = ber.read_header(data, at, end)
    if tag != ber.SEQUENCE:
        raise DecodeError("a name and value pair has the wrong type")
    tag, start, at = ber.read_header(data, at, stop)
    if tag != ber.OBJECT_IDENTIFIER:
        raise DecodeError("a value has no name")
    name = data[start:at]
    tag, start, at = ber.read_header(data, at, stop)
    if at != stop:
        raise DecodeError("a name and value pair has a third part")
    return name, tag, data[start:at], stop
