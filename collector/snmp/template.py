"""A GET made ready, and its answer compared octet by octet instead of being parsed.

An agent answers the same question with the same octets but for the request id and the values, so everything else is
compared with what is expected. Whatever differs in any way (another order, another form of a length, an exception, an
error-status) is left to the full decoder in `message`, which alone says what is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from collector.snmp import ber
from collector.snmp.message import Request, get_request

FastValue = int | bytes
"""INTEGER, counters, gauges, TimeTicks as int; OCTET STRING as bytes."""

_SIGNED = ber.INTEGER
_UNSIGNED_32 = (ber.COUNTER32, ber.GAUGE32, ber.TIME_TICKS)
_from_bytes = int.from_bytes


class Template:
    """What is asked in one GET. `fixed` maps positions to the OCTET STRING that must stand there, such as the ifName
    by which a row was found; an answer with another one is not as expected.

    Immutable; shared by all agents that are asked the same.
    """

    __slots__ = ("_expected", "fixed", "oids", "request")

    def __init__(self, oids: Sequence[str], fixed: Mapping[int, bytes] | None = None) -> None:
        self.oids = tuple(oids)
        self.fixed = dict(fixed or {})
        self.request: Request = get_request(self.oids)
        self._expected = tuple(
            self._varbind(ber.encode(ber.OBJECT_IDENTIFIER, name), self.fixed.get(position))
            for position, name in enumerate(self.request.names)
        )

    @property
    def first_name(self) -> bytes:
        """The first OID as it is encoded, with tag and length."""
        return ber.encode(ber.OBJECT_IDENTIFIER, self.request.names[0])

    @staticmethod
    def _varbind(name: bytes, text: bytes | None) -> tuple[bytes, int, bytes | None]:
        """The octets to compare, how many there are (two more before a name alone), and the fixed value."""
        if text is None:
            return name, len(name) + 2, None
        whole = ber.encode(ber.SEQUENCE, name + ber.encode(ber.OCTET_STRING, text))
        return whole, len(whole), text

    def values(self, data: bytes, at: int) -> list[FastValue] | None:
        """The values of the variable bindings that begin at `at` and end with `data`, in the order asked; None when
        anything is not as expected."""
        found: list[FastValue] = []
        try:
            for octets, size, text in self._expected:
                middle = at + size
                if text is not None:
                    if data[at:middle] != octets:
                        return None
                    found.append(text)
                    at = middle
                    continue
                length = data[middle + 1]
                if data[at] != 0x30 or data[at + 1] != size + length or data[at + 2 : middle] != octets:
                    return None
                tag = data[middle]
                at = middle + 2 + length
                content = data[middle + 2 : at]
                if 0 < length < 5 and tag != ber.OCTET_STRING:
                    if tag == _SIGNED:
                        found.append(_from_bytes(content, "big", signed=True))
                    elif tag in _UNSIGNED_32 or tag == ber.COUNTER64:
                        found.append(_from_bytes(content, "big"))
                    else:
                        return None
                elif _fits(tag, length, content):
                    found.append(_from_bytes(content, "big"))
                elif tag == ber.OCTET_STRING and length < 0x80:
                    found.append(content)
                else:
                    return None
        except IndexError:
            return None
        return found if at == len(data) else None


def _fits(tag: int, length: int, content: bytes) -> bool:
    """Whether five and more octets are a number of this type: the first of one too many must be zero."""
    most = 8 if tag == ber.COUNTER64 else 4 if tag in _UNSIGNED_32 else 0
    return 4 < length <= most or (most > 0 and length == most + 1 and not content[0])


class Envelopes:
    """What stood around the variable bindings in good answers, so that the next ones are only compared with it.

    For a message of a given length everything before the request id and between it and the bindings is the same each
    time. Learnt only from answers that were fully decoded and accepted; bounded.
    """

    __slots__ = ("_known",)

    MOST_LENGTHS = 4096
    MOST_FORMS = 4

    def __init__(self) -> None:
        self._known: dict[int, tuple[tuple[bytes, bytes, int, int], ...]] = {}

    def opened(self, data: bytes) -> tuple[int, int]:
        """(request id, where the bindings begin); (0, 0) when this envelope was not met before."""
        for before, after, identity, bindings in self._known.get(len(data), ()):
            if data.startswith(before) and data.startswith(after, identity + 4):
                return _from_bytes(data[identity : identity + 4], "big"), bindings
        return 0, 0

    def learn(self, data: bytes, request_id: int, first_name: bytes) -> None:
        """Remember the envelope of an answer without error that was decoded in full, whose id had four octets."""
        identity = data.find(b"\x02\x04" + request_id.to_bytes(4, "big") + b"\x02\x01\x00\x02\x01\x00\x30") + 2
        if identity < 2:
            return
        _, bindings, end = ber.read_header(data, identity + 10, len(data))
        forms = self._known.get(len(data), ())
        form = (data[:identity], data[identity + 4 : bindings], identity, bindings)
        if end != len(data) or form in forms or not data.startswith(first_name, bindings + 2):
            return
        if len(forms) >= self.MOST_FORMS:
            forms = forms[1:]
        elif not forms and len(self._known) >= self.MOST_LENGTHS:
            self._known.clear()
        self._known[len(data)] = (*forms, form)
