"""A GET made ready, and its answer compared octet by octet instead of being parsed.

An agent answers the same question with the same octets but for the request id and the values, so everything else is
compared with what is expected. Whatever differs in any way (another order, another form of a length, an exception, an
error-status) is left to the full decoder in `message`, which alone says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from struct import Struct
from typing import Any, NamedTuple

from collector.snmp import ber
from collector.snmp.ber import DecodeError
from collector.snmp.message import VERSION_2C, PduType, Request, get_request, open_message

FastValue = int | bytes
"""INTEGER, counters, gauges, TimeTicks as int; OCTET STRING as bytes."""

_MOST_OCTETS = {ber.COUNTER32: 4, ber.GAUGE32: 4, ber.TIME_TICKS: 4, ber.COUNTER64: 8}
_UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}
_IDENTITY_HEADER = b"\x02\x04"
_NO_ERROR = b"\x02\x01\x00\x02\x01\x00"
_number = int.from_bytes
_signed_number = partial(int.from_bytes, signed=True)


class Expected(NamedTuple):
    """Of one object: its name as it is encoded, and its type (0: any that is read here). With a fixed `text` the whole
    variable binding instead of the name."""

    octets: bytes
    text: bytes | None
    tag: int


class Template:
    """What is asked in one GET. `fixed` maps positions to the OCTET STRING that must stand there, such as the ifName
    by which a row was found; `tags` maps positions to the type that the value must have. An answer with another one is
    not as expected.

    Immutable; shared by all agents that are asked the same.
    """

    __slots__ = ("expected", "fixed", "oids", "request")

    def __init__(
        self, oids: Sequence[str], fixed: Mapping[int, bytes] | None = None, tags: Mapping[int, int] | None = None
    ) -> None:
        self.oids = tuple(oids)
        self.fixed = dict(fixed or {})
        self.request: Request = get_request(self.oids)
        self.expected = tuple(
            _expected(ber.encode(ber.OBJECT_IDENTIFIER, name), self.fixed.get(position), (tags or {}).get(position, 0))
            for position, name in enumerate(self.request.names)
        )

    def layout(self, data: bytes, identity: int, at: int) -> Layout | None:
        """Of an answer with its request id at `identity` and variable bindings from `at` to its end; None when
        anything in those is not as expected."""
        variable = [slice(identity, identity + 4)]
        form, after = [f">{identity}xI"], identity + 4
        wide: list[tuple[int, Convert]] = []
        for position, (octets, text, tag) in enumerate(self.expected):
            if text is not None:
                stop = at + len(octets)
                start = stop - len(text)
                code = f"{len(text)}s"
                if not data.startswith(octets, at):
                    return None
            else:
                place = _place(data, at, octets, tag)
                if place is None:
                    return None
                start, stop, code, convert = place
                variable.append(slice(start, stop))
                if convert is not None:
                    wide.append((position, convert))
            form.append(f"{start - after}x{code}")
            at = after = stop
        return Layout(data, variable, "".join(form), tuple(wide)) if at == len(data) else None


Convert = Callable[[bytes], int]
Wide = tuple[tuple[int, Convert], ...]


class Layout:
    """An answer that was as expected: where its values stand, and all other octets. Those of the next one are compared
    with these in one go, as one large number."""

    __slots__ = ("_kept", "_mask", "_size", "_unpack", "_wide")

    def __init__(self, data: bytes, variable: Sequence[slice], form: str, wide: Wide) -> None:
        """`form` is of `struct`, `variable` the octets that may differ, `wide` what becomes of numbers for which
        `struct` has no form."""
        mask = bytearray(b"\xff" * len(data))
        for place in variable:
            mask[place] = bytes(place.stop - place.start)
        self._mask, self._unpack, self._wide = _shape(bytes(mask), form, wide)
        self._size = len(data)
        self._kept = _number(data) & self._mask

    def values(self, data: bytes, request_id: int) -> list[FastValue] | None:
        """In the order asked; None when anything else is not as it was, or another request is answered."""
        if len(data) != self._size or _number(data) & self._mask != self._kept:
            return None
        identity, *found = self._unpack(data)
        if identity != request_id:
            return None
        for position, convert in self._wide:
            found[position] = convert(found[position])
        return found


@lru_cache(maxsize=1024)
def _shape(mask: bytes, form: str, wide: Wide) -> tuple[int, Callable[[bytes], tuple[Any, ...]], Wide]:
    """What the layouts of many agents have in common."""
    return _number(mask), Struct(form).unpack, wide


class _Place(NamedTuple):
    """Where a value begins and ends, the form `struct` has for it, and what makes a number of it where it has none."""

    start: int
    stop: int
    code: str
    convert: Convert | None = None


def _expected(name: bytes, text: bytes | None, tag: int) -> Expected:
    if text is None:
        return Expected(name, None, tag)
    return Expected(ber.encode(ber.SEQUENCE, name + ber.encode(ber.OCTET_STRING, text)), text, ber.OCTET_STRING)


def _place(data: bytes, at: int, name: bytes, expected_tag: int) -> _Place | None:
    """Of the value in the binding at `at`, if it has this name and type, and lengths of the short form."""
    start = at + len(name) + 4
    if start > len(data) or data[at] != ber.SEQUENCE or data[at + 1] >= 0x80 or not data.startswith(name, at + 2):
        return None
    tag, octets = data[start - 2], data[start - 1]
    stop = start + octets
    if stop != at + 2 + data[at + 1] or stop > len(data) or (expected_tag and tag != expected_tag):
        return None
    if tag == ber.OCTET_STRING:
        return _Place(start, stop, f"{octets}s")
    if tag == ber.INTEGER and 1 <= octets <= 4:
        convert = _signed_number if octets == 3 else None
        return _Place(start, stop, _UNSIGNED.get(octets, "3s").lower(), convert)
    most = _MOST_OCTETS.get(tag, 0)
    if octets == most + 1 and most and not data[start]:
        # The zero keeps a large number from being negative.
        start, octets = start + 1, most
    if not 1 <= octets <= most:
        return None
    code = _UNSIGNED.get(octets)
    return _Place(start, stop, code) if code else _Place(start, stop, f"{octets}s", _number)


def opened(data: bytes) -> tuple[int, int] | None:
    """Where the request id and the variable bindings begin in a v2c response without error whose id has four octets;
    None for anything else (RFC 1901, RFC 3416)."""
    try:
        at, end = open_message(data)
        version, at = ber.read_integer(data, at, end)
        tag, _, at = ber.read_header(data, at, end)
    except DecodeError:
        return None
    return opened_pdu(data, at, end) if version == VERSION_2C and tag == ber.OCTET_STRING else None


def opened_pdu(data: bytes, at: int, end: int) -> tuple[int, int] | None:
    """The same for a PDU alone, which must fill [at, end)."""
    try:
        tag, at, stop = ber.read_header(data, at, end)
        if tag != PduType.RESPONSE or stop != end or data[at : at + 2] != _IDENTITY_HEADER:
            return None
        identity = at + 2
        if data[identity + 4 : identity + 10] != _NO_ERROR:
            return None
        tag, at, stop = ber.read_header(data, identity + 10, end)
    except DecodeError:
        return None
    return (identity, at) if tag == ber.SEQUENCE and stop == end else None
