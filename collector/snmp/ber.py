"""The subset of BER that SNMP uses (RFC 3417, section 8): definite lengths, primitive strings, 32/64-bit integers."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import lru_cache

from config.errors import Blame, LineproofError

INTEGER, OCTET_STRING, NULL, OBJECT_IDENTIFIER, SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
IP_ADDRESS, COUNTER32, GAUGE32, TIME_TICKS, OPAQUE = 0x40, 0x41, 0x42, 0x43, 0x44
NSAP_ADDRESS, COUNTER64, UINTEGER32 = 0x45, 0x46, 0x47

LARGEST_SUBIDENTIFIER = 2**32 - 1
MOST_SUBIDENTIFIERS = 128


class Damage(Enum):
    TRUNCATED = "truncated"
    """Cut off: an element says that it goes on beyond the end of the datagram."""
    OVERSIZED = "oversized"
    MALFORMED = "malformed"


class DecodeError(LineproofError):
    """Bytes that are not a well-formed SNMP message."""

    def __init__(self, message: str, damage: Damage = Damage.MALFORMED) -> None:
        super().__init__(message, retryable=True, blame=Blame.VENDOR)
        self.damage = damage


class Missing(Enum):
    """The exceptions that stand in for a value (RFC 3416, section 3)."""

    NO_SUCH_OBJECT = 0x80
    NO_SUCH_INSTANCE = 0x81
    END_OF_MIB_VIEW = 0x82


Value = int | bytes | str | None | Missing
"""INTEGER, counters, gauges and TimeTicks are int; OCTET STRING and Opaque bytes; OID and IpAddress dotted text."""

SYNTAX_NAMES = {
    INTEGER: "INTEGER",
    OCTET_STRING: "OCTET STRING",
    NULL: "NULL",
    OBJECT_IDENTIFIER: "OBJECT IDENTIFIER",
    IP_ADDRESS: "IpAddress",
    COUNTER32: "Counter32",
    GAUGE32: "Gauge32",
    TIME_TICKS: "TimeTicks",
    OPAQUE: "Opaque",
    NSAP_ADDRESS: "NsapAddress",
    COUNTER64: "Counter64",
    UINTEGER32: "UInteger32",
    Missing.NO_SUCH_OBJECT.value: "noSuchObject",
    Missing.NO_SUCH_INSTANCE.value: "noSuchInstance",
    Missing.END_OF_MIB_VIEW.value: "endOfMibView",
}


def encode(tag: int, content: bytes) -> bytes:
    """Tag, shortest definite length, content."""
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def encode_integer(value: int) -> bytes:
    """An INTEGER in the fewest octets (two's complement)."""
    return encode(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


@lru_cache(maxsize=16384)
def encode_oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER with its header. Raises ValueError when the text is not an OID."""
    numbers = [int(part) for part in dotted.strip(".").split(".")]
    if len(numbers) < 2 or len(numbers) > MOST_SUBIDENTIFIERS or numbers[0] > 2 or (numbers[0] < 2 and numbers[1] > 39):
        raise ValueError(f"not an object identifier: {dotted!r}")
    if min(numbers) < 0 or max(numbers) > LARGEST_SUBIDENTIFIER or numbers[0] * 40 + numbers[1] > LARGEST_SUBIDENTIFIER:
        raise ValueError(f"a sub-identifier is out of range: {dotted!r}")
    content = bytearray()
    for number in [numbers[0] * 40 + numbers[1], *numbers[2:]]:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(0x80 | number & 0x7F)
        content += bytes(reversed(groups))
    return encode(OBJECT_IDENTIFIER, bytes(content))


def read_header(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """(tag, start of content, end of content) of the element at `at`, which must end at or before `end`.

    Long-form lengths with leading zeros are accepted (agents send them); the indefinite form is not (RFC 3417).
    """
    if at + 2 > end:
        raise DecodeError("an element is cut off before its length")
    tag, size = data[at], data[at + 1]
    start = at + 2
    if size >= 0x80:
        octets = size & 0x7F
        if not 1 <= octets <= 4 or start + octets > end:
            raise DecodeError("a length has an unusable form")
        size = int.from_bytes(data[start : start + octets], "big")
        start += octets
    if start + size > end:
        raise DecodeError("an element is longer than the message that holds it")
    return tag, start, start + size


def read_integer(data: bytes, at: int, end: int) -> tuple[int, int]:
    """(value, end of the element) of the 32-bit INTEGER at `at`."""
    tag, start, stop = read_header(data, at, end)
    if tag != INTEGER:
        raise DecodeError(f"an INTEGER was expected, there is tag 0x{tag:02x}")
    return _integer(data[start:stop]), stop


def decode_value(tag: int, content: bytes) -> Value:
    """The value of one element. Raises DecodeError when its octets cannot be of that type."""
    decoder = _DECODERS.get(tag)
    if decoder is None:
        raise DecodeError(f"no SNMP type has the tag 0x{tag:02x}")
    return decoder(content)


@lru_cache(maxsize=16384)
def decode_oid(content: bytes) -> str:
    """Dotted text of an OBJECT IDENTIFIER's content (RFC 2578, section 3.5: 128 sub-identifiers of 32 bits)."""
    if not content or content[-1] & 0x80:
        raise DecodeError("an object identifier is cut off")
    numbers: list[int] = []
    number = 0
    fresh = True
    for octet in content:
        if fresh and octet == 0x80:
            raise DecodeError("a sub-identifier begins with padding")
        number = number << 7 | octet & 0x7F
        fresh = not octet & 0x80
        if fresh:
            numbers.append(number)
            number = 0
        elif number > LARGEST_SUBIDENTIFIER:
            break
    if number or max(numbers) > LARGEST_SUBIDENTIFIER or len(numbers) >= MOST_SUBIDENTIFIERS:
        raise DecodeError("an object identifier is out of range")
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, [first, numbers[0] - 40 * first, *numbers[1:]]))


def _integer(content: bytes) -> int:
    value = int.from_bytes(content, "big", signed=True)
    if not content or not -(2**31) <= value < 2**31:
        raise DecodeError("an INTEGER is empty or has more than 32 bits")
    return value


def _unsigned(content: bytes, bits: int) -> int:
    # Agents are known to leave out the leading zero of large counters, so the octets are read as unsigned.
    value = int.from_bytes(content, "big")
    if not content or value >> bits:
        raise DecodeError(f"an unsigned value is empty or has more than {bits} bits")
    return value


def _nothing(content: bytes) -> None:
    if content:
        raise DecodeError("an element that must be empty is not")


def _missing(which: Missing) -> Callable[[bytes], Missing]:
    def decode(content: bytes) -> Missing:
        _nothing(content)
        return which

    return decode


def _ip_address(content: bytes) -> str:
    if len(content) != 4:
        raise DecodeError("an IpAddress does not have four octets")
    return ".".join(map(str, content))


def _as_is(content: bytes) -> bytes:
    return content


def _unsigned32(content: bytes) -> int:
    return _unsigned(content, 32)


def _unsigned64(content: bytes) -> int:
    return _unsigned(content, 64)


_DECODERS: dict[int, Callable[[bytes], Value]] = {
    INTEGER: _integer,
    OCTET_STRING: _as_is,
    NULL: _nothing,
    OBJECT_IDENTIFIER: decode_oid,
    IP_ADDRESS: _ip_address,
    COUNTER32: _unsigned32,
    GAUGE32: _unsigned32,
    TIME_TICKS: _unsigned32,
    OPAQUE: _as_is,
    NSAP_ADDRESS: _as_is,
    COUNTER64: _unsigned64,
    UINTEGER32: _unsigned32,
    **{which.value: _missing(which) for which in Missing},
}
