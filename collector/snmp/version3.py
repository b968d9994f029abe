"""SNMPv3 messages under the User-based Security Model (RFC 3412, RFC 3414): wrapping PDUs, opening what answers. Pure.

An agent is met in three steps. `discovery_request` asks for its engine id, which `discovered` reads. The first request
of a `Wrapping` for that engine names no time, so the agent reports its own, authenticated. From then on each
authenticated answer carries the clock on.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from typing import NamedTuple

from collector.snmp import ber
from collector.snmp.agent import User
from collector.snmp.ber import DecodeError
from collector.snmp.engine import LAST_CLOCK, LONGEST_ENGINE_ID, SHORTEST_ENGINE_ID, Engine
from collector.snmp.message import open_message
from collector.snmp.refusals import REPORT_OIDS, Refusal, Report, SecurityError
from collector.snmp.usm import local_keys

MOST_OCTETS = 65507
"""msgMaxSize: what one UDP datagram over IPv4 can carry."""
_AUTH, _PRIV, _REPORTABLE = 1, 2, 4
_GET, _RESPONSE, _REPORT = 0xA0, 0xA2, 0xA8
_VERSION = _MODEL = b"\x02\x01\x03"
_ID = b"\x02\x04"
_GLOBAL_DATA_OCTETS = 17
_START = _VERSION + bytes((ber.SEQUENCE, _GLOBAL_DATA_OCTETS)) + _ID


class Opened(NamedTuple):
    """What a message holds. `engine` is what to go on with: id and clock after this message."""

    pdu: bytes
    engine: Engine
    report: Report | None
    authenticated: bool


class _Message(NamedTuple):
    """What a message says before its body. `start` is where its content begins; `variable` are the places of what
    differs in every message: msgID, time, digest, privacy parameters."""

    flags: int
    engine_id: bytes
    boots: int
    time: int
    user: bytes
    digest: bytes
    parameters: bytes
    digest_at: int
    body_at: int
    start: int
    variable: tuple[slice, ...]


class _Layout(NamedTuple):
    """Where things stand in a message, counted from its content; shared by all agents that write alike.

    `octets` is how many come before the body; `mask` has zeros where every message differs.
    """

    octets: int
    mask: int
    time_at: slice
    digest_at: slice
    parameters_at: slice


class _Form(NamedTuple):
    """An accepted message. Another that agrees with it wherever the mask has ones says the same, but for what differs
    in every message, and need not be parsed."""

    layout: _Layout
    expected: int
    flags: int
    engine_id: bytes
    boots: int
    user: bytes


def message_id(data: bytes) -> int | None:
    """msgID of what begins like an SNMPv3 message, None for anything else. Never raises."""
    at = _content_at(data)
    if not at or data[at : at + 4] != _VERSION + b"\x30":
        return None
    try:
        at, _ = _enter(data, at + 3, ber.SEQUENCE)
        at, stop = _enter(data, at, ber.INTEGER)
    except DecodeError:
        return None
    whole = stop <= min(at + 4, len(data))
    return int.from_bytes(data[at:stop], "big", signed=True) if whole else None


def discovery_request(message_id: int) -> bytes:
    """Asks for the engine id (RFC 3414, 4): no user, no engine, no objects. The answer is for `discovered`."""
    nothing = ber.encode(ber.OCTET_STRING, b"")
    zeros = ber.encode_integer(0) * 2
    identity = _ID + message_id.to_bytes(4, "big")
    security = ber.encode(ber.SEQUENCE, nothing + zeros + nothing * 3)
    pdu = ber.encode(_GET, identity + zeros + ber.encode(ber.SEQUENCE, b""))
    global_data = ber.encode(ber.SEQUENCE, identity + _global_data(_REPORTABLE))
    security = ber.encode(ber.OCTET_STRING, security)
    scoped_pdu = ber.encode(ber.SEQUENCE, nothing * 2 + pdu)
    return ber.encode(ber.SEQUENCE, _VERSION + global_data + security + scoped_pdu)


def discovered(data: bytes) -> Engine:
    """The engine that answers a discovery request; its clock is not yet known. Raises DecodeError for anything else.

    Nobody vouches for this report, but with a wrong engine id no answer to what is asked next can be authentic.
    """
    message = _read(data)
    if message.flags & _PRIV or _scoped(data[message.body_at :])[1][0] != _REPORT:
        raise DecodeError("the agent does not tell its SNMPv3 engine id when asked for it")
    if not SHORTEST_ENGINE_ID <= len(message.engine_id) <= LONGEST_ENGINE_ID:
        raise DecodeError(
            f"the agent tells an SNMPv3 engine id of {len(message.engine_id)} octets; it must have 5 to 32"
        )
    return Engine(message.engine_id)


class Wrapping:
    """Wraps PDUs for one user at one engine, and opens what answers them; not for two threads at once.

    What does not change from one message to the next is encoded once.
    """

    __slots__ = (
        "_context", "_digest", "_engine_id", "_form", "_level", "_middle", "_privacy", "_user", "_user_field",
    )  # fmt: skip

    def __init__(self, user: User, engine_id: bytes) -> None:
        """Raises ValueError when the user has an empty password, or privacy without authentication."""
        keys = local_keys(user, engine_id)
        self._digest, self._privacy = keys.digest, keys.privacy
        self._level = (_AUTH if keys.digest else 0) | (_PRIV if keys.privacy else 0)
        self._engine_id = ber.encode(ber.OCTET_STRING, engine_id)
        self._user, self._user_field = _user(user.name, keys.digest.size if keys.digest else 0)
        self._context = self._engine_id + ber.encode(ber.OCTET_STRING, user.context.encode())
        self._middle = _global_data(self._level | _REPORTABLE)
        self._form: _Form | None = None

    def request(self, engine: Engine, monotonic: float, message_id: int, pdu: bytes, salt: int) -> bytes:
        """The datagram that carries `pdu`.

        `message_id` has 31 bits with the highest set; `salt` has 64 bits, and no two messages have the same.
        """
        boots, time = engine.clock(monotonic) if self._digest else (0, 0)
        context = self._context
        body = _header(ber.SEQUENCE, len(context) + len(pdu)) + context + pdu
        parameters = b"\x04\x00"
        if self._privacy:
            ciphertext, octets = self._privacy.encrypt(body, boots, time, salt)
            body = _header(ber.OCTET_STRING, len(ciphertext)) + ciphertext
            parameters = b"\x04\x08" + octets
        fields = b"".join((self._engine_id, _unsigned(boots), _unsigned(time), self._user_field, parameters))
        header = _security_header(len(fields))
        size = 5 + _GLOBAL_DATA_OCTETS + len(header) + len(fields) + len(body)
        identity = message_id.to_bytes(4, "big")
        message = b"".join((_header(ber.SEQUENCE, size), _START, identity, self._middle, header, fields, body))
        if not self._digest:
            return message
        after = len(message) - len(body) - len(parameters)
        return message[: after - self._digest.size] + self._digest(message) + message[after:]

    def open(self, data: bytes, engine: Engine, monotonic: float) -> Opened:
        """The PDU of a message whose msgID is that of a request of this wrapping, which is the caller's to compare.

        A report that is not authenticated tells no more than its counter; `engine` stays as it was. An authenticated
        notInTimeWindows is the agent's word on its clock in answer to ours and sets it, even backwards: an agent that
        starts again without counting its boots would else be lost. Raises DecodeError for what is malformed, and
        SecurityError for what must not be believed.
        """
        known = self._known(data)
        message = known or _read(data)
        level = message.flags & (_AUTH | _PRIV)
        if level == _PRIV:
            raise DecodeError("an SNMPv3 message has privacy without authentication")
        if level:
            self._authenticate(data, message, engine.id)
        same_context, pdu = self._body(data, message)
        report = _reported(pdu) if pdu[0] == _REPORT else None
        if not report and pdu[0] != _RESPONSE:
            raise DecodeError("an SNMPv3 message neither answers nor reports")
        if report and not level:
            return Opened(pdu, engine, report, authenticated=False)
        if not report:
            self._compare(message, level, engine.id, same_context)
        if level:
            engine = _after(engine, message, report, monotonic)
        if known is None and not report:
            self._form = _form(data, message, engine.id, self._user)
        return Opened(pdu, engine, report, authenticated=level > 0)

    def _known(self, data: bytes) -> _Message | None:
        """What `_read` would say, when only that differs from the last accepted message which does in every one."""
        if self._form is None:
            return None
        layout, expected, flags, engine_id, boots, user = self._form
        start = _content_at(data)
        body_at = start + layout.octets
        head = data[start:body_at]
        time = int.from_bytes(head[layout.time_at], "big", signed=True)
        if not start or int.from_bytes(head, "big") & layout.mask != expected or time < 0:
            return None
        digest, parameters, digest_at = head[layout.digest_at], head[layout.parameters_at], layout.digest_at.start
        return _Message(flags, engine_id, boots, time, user, digest, parameters, start + digest_at, body_at, start, ())

    def _authenticate(self, data: bytes, message: _Message, engine_id: bytes) -> None:
        """RFC 3414, 3.2, steps 3 to 6."""
        if message.engine_id != engine_id:
            raise SecurityError(Refusal.WRONG_ENGINE_ID)
        if message.user != self._user:
            raise SecurityError(Refusal.WRONG_USER)
        if self._digest is None:
            raise SecurityError(Refusal.WRONG_LEVEL)
        start, size = message.digest_at, self._digest.size
        expected = self._digest(data[:start] + bytes(size) + data[start + size :])
        if not hmac.compare_digest(message.digest, expected):
            raise SecurityError(Refusal.WRONG_DIGEST)

    def _body(self, data: bytes, message: _Message) -> tuple[bool, bytes]:
        """What `_scoped` says of the body, which is decrypted with the clock that the message itself carries."""
        if not message.flags & _PRIV:
            return _scoped(data[message.body_at :], self._context)
        if self._privacy is None:
            raise SecurityError(Refusal.WRONG_LEVEL)
        start, stop = _enter(data, message.body_at, ber.OCTET_STRING)
        if stop != len(data):
            raise DecodeError("an SNMPv3 message does not end with its encrypted part")
        try:
            octets = self._privacy.decrypt(data[start:stop], message.boots, message.time, message.parameters)
            return _scoped(octets, self._context, padded=True)
        except DecodeError:
            raise SecurityError(Refusal.UNDECRYPTABLE) from None

    def _compare(self, message: _Message, level: int, engine_id: bytes, same_context: bool) -> None:
        """A response has the level, engine, user and context of its request (RFC 3412, 7.2, step 12)."""
        if level != self._level:
            raise SecurityError(Refusal.WRONG_LEVEL)
        if message.engine_id != engine_id:
            raise SecurityError(Refusal.WRONG_ENGINE_ID)
        if message.user != self._user:
            raise SecurityError(Refusal.WRONG_USER)
        if not same_context:
            raise SecurityError(Refusal.WRONG_CONTEXT)


def _after(engine: Engine, message: _Message, report: Report | None, monotonic: float) -> Engine:
    if report is Report.NOT_IN_TIME_WINDOWS:
        return Engine(engine.id, message.boots, message.time, monotonic)
    heard = engine.heard(message.boots, message.time, monotonic)
    if heard is None:
        raise SecurityError(Refusal.NOT_IN_TIME_WINDOW)
    return heard


def _form(data: bytes, message: _Message, engine_id: bytes, user: bytes) -> _Form:
    start = message.start
    places = ((place.start - start, place.stop - start) for place in message.variable)
    layout = _layout(message.body_at - start, *places)
    expected = int.from_bytes(data[start : message.body_at], "big") & layout.mask
    return _Form(layout, expected, message.flags, engine_id, message.boots, user)


@lru_cache(maxsize=1024)
def _layout(octets: int, *places: tuple[int, int]) -> _Layout:
    """`places` are those of msgID, time, digest and parameters, in this order."""
    mask = bytearray(b"\xff" * octets)
    for start, stop in places:
        mask[start:stop] = bytes(stop - start)
    _, time_at, digest_at, parameters_at = (slice(*place) for place in places)
    return _Layout(octets, int.from_bytes(mask, "big"), time_at, digest_at, parameters_at)


def _read(data: bytes) -> _Message:
    """RFC 3412, 6 and RFC 3414, 2.4. Raises DecodeError."""
    content, _ = open_message(data)
    if data[content : content + 3] != _VERSION:
        raise DecodeError("the message is of another SNMP version than the request")
    at, stop = _enter(data, content + 3, ber.SEQUENCE)
    start, at = _enter(data, at, ber.INTEGER)
    id_at = slice(start, at)
    _, at = _enter(data, at, ber.INTEGER)
    start, at = _enter(data, at, ber.OCTET_STRING)
    if at != start + 1 or data[at:stop] != _MODEL:
        raise DecodeError("an SNMPv3 message is not under the User-based Security Model")
    flags = data[start]
    start, body_at = _enter(data, stop, ber.OCTET_STRING)
    start, stop = _enter(data, start, ber.SEQUENCE)
    engine_at, at = _enter(data, start, ber.OCTET_STRING)
    engine_id = data[engine_at:at]
    boots_at, at = _enter(data, at, ber.INTEGER)
    boots = int.from_bytes(data[boots_at:at], "big", signed=True)
    start, at = _enter(data, at, ber.INTEGER)
    time_at = slice(start, at)
    time = int.from_bytes(data[time_at], "big", signed=True)
    start, at = _enter(data, at, ber.OCTET_STRING)
    user = data[start:at]
    start, at = _enter(data, at, ber.OCTET_STRING)
    digest_at = slice(start, at)
    start, at = _enter(data, at, ber.OCTET_STRING)
    parameters_at = slice(start, at)
    if not at == stop == body_at or not 0 <= boots <= LAST_CLOCK or not 0 <= time <= LAST_CLOCK:
        raise DecodeError("the security parameters of an SNMPv3 message are malformed")
    digest, parameters, variable = data[digest_at], data[parameters_at], (id_at, time_at, digest_at, parameters_at)
    return _Message(
        flags, engine_id, boots, time, user, digest, parameters, digest_at.start, body_at, content, variable
    )


def _scoped(octets: bytes, context: bytes = b"", *, padded: bool = False) -> tuple[bool, bytes]:
    """(whether contextEngineID and contextName are those of `context`, PDU) of a scopedPDU (RFC 3412, 6.8).

    `context` is encoded; ciphers leave padding after the PDU.
    """
    at, end = _enter(octets, 0, ber.SEQUENCE)
    same = octets.startswith(context, at)
    if same and context:
        at += len(context)
    else:
        engine_at, name_at = _enter(octets, at, ber.OCTET_STRING)
        start, at = _enter(octets, name_at, ber.OCTET_STRING)
        found = (octets[engine_at:name_at], octets[start:at])
        same = b"".join(ber.encode(ber.OCTET_STRING, text) for text in found) == context
    pdu = octets[at:end]
    if not pdu or _enter(pdu, 0, pdu[0])[1] != len(pdu) or end > len(octets) or (end < len(octets) and not padded):
        raise DecodeError("the scoped PDU of an SNMPv3 message is malformed")
    return same, pdu


def _reported(pdu: bytes) -> Report:
    """Which counter a Report PDU names; its request id is not compared, since the agent may not have read ours."""
    _, at, end = ber.read_header(pdu, 0, len(pdu))
    for _ in range(3):
        _, at = ber.read_integer(pdu, at, end)
    at, _ = _enter(pdu, at, ber.SEQUENCE)
    at, _ = _enter(pdu, at, ber.SEQUENCE)
    start, at = _enter(pdu, at, ber.OBJECT_IDENTIFIER)
    return REPORT_OIDS.get(ber.decode_oid(pdu[start:at]), Report.OTHER)


def _content_at(data: bytes) -> int:
    """Where the content of a message begins, 0 for what is not exactly one message."""
    if len(data) < 4 or data[0] != ber.SEQUENCE:
        return 0
    size = data[1]
    if size < 0x80:
        return 2 if size + 2 == len(data) else 0
    at = 2 + (size & 0x7F)
    return at if int.from_bytes(data[2:at], "big") + at == len(data) else 0


def _enter(data: bytes, at: int, tag: int) -> tuple[int, int]:
    """(start, end) of the content of the element at `at`. The end is for the caller to compare with what holds it."""
    try:
        found, size = data[at], data[at + 1]
    except IndexError:
        raise DecodeError("an SNMPv3 message is cut off") from None
    if found != tag:
        raise DecodeError(f"an SNMPv3 message has tag 0x{found:02x} where 0x{tag:02x} belongs")
    if size < 0x80:
        return at + 2, at + 2 + size
    _, start, stop = ber.read_header(data, at, len(data))
    return start, stop


@lru_cache(maxsize=1024)
def _user(name: str, digest_octets: int) -> tuple[bytes, bytes]:
    """msgUserName, and encoded with room for a digest after it; one object for all engines that know the user."""
    user = name.encode()
    return user, ber.encode(ber.OCTET_STRING, user) + ber.encode(ber.OCTET_STRING, bytes(digest_octets))


@lru_cache(maxsize=8)
def _global_data(flags: int) -> bytes:
    """Of msgGlobalData what follows msgID."""
    return ber.encode_integer(MOST_OCTETS) + ber.encode(ber.OCTET_STRING, bytes((flags,))) + _MODEL


def _unsigned(value: int) -> bytes:
    size = (value.bit_length() >> 3) + 1
    return bytes((ber.INTEGER, size)) + value.to_bytes(size, "big")


@lru_cache(maxsize=4096)
def _header(tag: int, size: int) -> bytes:
    """Tag and length of an element whose content has `size` octets."""
    return ber.encode(tag, bytes(size))[: -size or None]


@lru_cache(maxsize=4096)
def _security_header(size: int) -> bytes:
    """Both headers of security parameters that have `size` octets: they are a SEQUENCE inside an OCTET STRING."""
    inner = _header(ber.SEQUENCE, size)
    return _header(ber.OCTET_STRING, len(inner) + size) + inner
