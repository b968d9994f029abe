"""A response in parts, a strict reader of what may be one, and whether what was accepted of it may be believed.

Knows nothing of Lineproof. Types, lengths, names, request ids, error-status and version let one see damage (RFC 3416,
RFC 3417); octets of values under v1 and v2c do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from _snmp_peers.fleet import element, length

INTEGER, STRING, NULL, OID, IP_ADDRESS = 0x02, 0x04, 0x05, 0x06, 0x40
COUNTER32, GAUGE32, TICKS, COUNTER64 = 0x41, 0x42, 0x43, 0x46
RESPONSE = 0xA2
EXCEPTIONS = (0x80, 0x81, 0x82)
UNSIGNED = {COUNTER32: 32, GAUGE32: 32, TICKS: 32, 0x47: 32, COUNTER64: 64}

Binding = tuple[bytes, int, bytes]
"""Content of the name, tag, content of the value."""
Told = tuple[bytes, int, object]
"""Content of the name, tag, and the value as it was handed on."""
NOTHING = ...


@dataclass(frozen=True)
class Response:
    """A v2c response in parts. `long_forms`: lengths in two octets where one would do, as some agents write them."""

    bindings: tuple[Binding, ...]
    request_id: int = 0
    version: bytes = b"\x01"
    community: bytes = b"public"
    pdu: int = RESPONSE
    status: int = 0
    index: int = 0
    long_forms: bool = False
    names: tuple[bytes, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(name for name, _, _ in self.bindings))

    def octets(self, put_length: Callable[[int], bytes] | None = None) -> bytes:
        """Encoded; `put_length` writes the lengths of pairs."""
        put_length = put_length or length
        outer = (lambda size: b"\x82" + size.to_bytes(2, "big")) if self.long_forms else length
        pairs = b"".join(
            b"\x30" + put_length(len(pair)) + pair
            for pair in (element(OID, name) + element(tag, content) for name, tag, content in self.bindings)
        )
        numbers = element(INTEGER, self.request_id.to_bytes(4, "big")) + element(INTEGER, bytes((self.status,)))
        inside = numbers + element(INTEGER, bytes((self.index,))) + b"\x30" + outer(len(pairs)) + pairs
        body = element(INTEGER, self.version) + element(STRING, self.community)
        body += bytes((self.pdu,)) + outer(len(inside)) + inside
        return b"\x30" + outer(len(body)) + body


class Malformed(ValueError):  # noqa: N818 - what it is
    """Not BER as SNMP allows it."""


def content(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Start and end of the content of the element at `at`, which must lie before `end`."""
    if at + 2 > end:
        raise Malformed
    size, start = data[at + 1], at + 2
    if size & 0x80:
        octets = size & 0x7F
        if not octets or start + octets > end:
            raise Malformed
        size, start = int.from_bytes(data[start : start + octets], "big"), start + octets
    if start + size > end:
        raise Malformed
    return start, start + size


def taken(data: bytes, at: int, end: int, tag: int) -> tuple[bytes, int]:
    start, stop = content(data, at, end)
    if data[at] != tag:
        raise Malformed
    return data[start:stop], stop


@dataclass(frozen=True)
class Meaning:
    request_id: int
    status: int
    bindings: tuple[Binding, ...]


def strictly_read(data: bytes) -> Meaning | None:
    """What a v2c response says, None when it is none: every element ends where the one that holds it lets it."""
    try:
        body, end = taken(data, 0, len(data), 0x30)
        version, at = taken(body, 0, len(body), INTEGER)
        _, at = taken(body, at, len(body), STRING)
        pdu, stop = taken(body, at, len(body), RESPONSE)
        request_id, at = taken(pdu, 0, len(pdu), INTEGER)
        status, at = taken(pdu, at, len(pdu), INTEGER)
        index, at = taken(pdu, at, len(pdu), INTEGER)
        pairs, last = taken(pdu, at, len(pdu), 0x30)
        if end != len(data) or stop != len(body) or last != len(pdu) or int.from_bytes(version, "big") != 1:
            return None
        if not version or not status or not index or not request_id:
            return None
        bindings, at = [], 0
        while at < len(pairs):
            pair, at = taken(pairs, at, len(pairs), 0x30)
            name, middle = taken(pair, 0, len(pair), OID)
            start, last = content(pair, middle, len(pair))
            if last != len(pair):
                return None
            bindings.append((name, pair[middle], pair[start:last]))
    except Malformed:
        return None
    number = int.from_bytes(request_id, "big", signed=True)
    return Meaning(number, int.from_bytes(status, "big", signed=True), tuple(bindings))


def meant(tag: int, octets: bytes) -> object:
    """A value as it may be handed on: numbers as int, text as bytes, names and addresses dotted. Agents leave out the
    leading zero of large counters, so those are read as unsigned. NOTHING when the octets are not of that type."""
    value = int.from_bytes(octets, "big")
    if tag == INTEGER:
        value = int.from_bytes(octets, "big", signed=True)
        return value if octets and -(2**31) <= value < 2**31 else NOTHING
    if tag in UNSIGNED:
        return value if octets and value >> UNSIGNED[tag] == 0 else NOTHING
    if tag == IP_ADDRESS:
        return ".".join(map(str, octets)) if len(octets) == 4 else NOTHING
    if tag == OID:
        return dotted(octets)
    if tag in (NULL, *EXCEPTIONS):
        return NOTHING if octets else None
    return octets if tag in (STRING, 0x44, 0x45) else NOTHING


def dotted(octets: bytes) -> object:
    arcs, arc, fresh = list[int](), 0, True
    for octet in octets:
        if fresh and octet == 0x80:
            return NOTHING
        arc, fresh = arc << 7 | octet & 0x7F, octet < 0x80
        if fresh:
            arcs.append(arc)
            arc = 0
    if not arcs or not fresh or max(arcs) >= 2**32:
        return NOTHING
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))


def _fault_of_message(good: Response, meaning: Meaning | None) -> str:
    if meaning is None:
        return "values from what is not a v2c response"
    if meaning.request_id != good.request_id:
        return "values of another request"
    return "values in spite of an error-status" if meaning.status else ""


def fault_of_values(good: Response, data: bytes, accepted: Sequence[object]) -> str:
    """Why bare values, in the order asked, must not have been accepted from `data`, a damaged `good`; "" when they may.

    Bare values do not tell their type, so that a value of another type must say the same.
    """
    meaning = strictly_read(data)
    fault = _fault_of_message(good, meaning)
    if fault or meaning is None:
        return fault
    if sorted(name for name, _, _ in meaning.bindings) != sorted(good.names) or len(accepted) != len(good.names):
        return "values of other objects"
    found = {name: (tag, octets) for name, tag, octets in meaning.bindings}
    for (name, tag, octets), value in zip(good.bindings, accepted, strict=True):
        if found[name][0] == tag:
            if not same(value, meant(*found[name])):
                return "a value that is not the one in the octets"
        elif not same(value, meant(tag, octets)):
            return f"a value of type 0x{found[name][0]:02x} in place of 0x{tag:02x}"
    return ""


def fault_of_bindings(good: Response, data: bytes, accepted: Sequence[Told], *, in_order: bool) -> str:
    """The same of name, type and value as they are told; without `in_order` of whatever objects came."""
    meaning = strictly_read(data)
    fault = _fault_of_message(good, meaning)
    if fault or meaning is None:
        return fault
    there = list(meaning.bindings)
    if in_order:
        there.sort(key=lambda binding: good.names.index(binding[0]) if binding[0] in good.names else -1)
    if [(name, tag) for name, tag, _ in accepted] != [(name, tag) for name, tag, _ in there]:
        return "names or types that are not those in the octets"
    if in_order and tuple(name for name, _, _ in accepted) != good.names:
        return "values of other objects"
    for (_, tag, value), (_, _, octets) in zip(accepted, there, strict=True):
        expected = meant(tag, octets)
        if not (same(value, expected) or (tag in EXCEPTIONS and expected is None)):
            return "a value that is not the one in the octets"
    return ""


def same(value: object, other: object) -> bool:
    return type(value) is type(other) and value == other


def as_version_2c(pdu: bytes) -> bytes:
    """A PDU from elsewhere, as the message of v2c that it would be."""
    return element(0x30, element(INTEGER, b"\x01") + element(STRING, b"") + pdu)
