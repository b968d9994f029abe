"""The messages around a notification: what must be read before it can be authenticated, and what answers one.

RFC 1157 and RFC 1901 (community), RFC 3412 and RFC 3414 (version 3). Nothing here decodes a PDU.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from collector.snmp import ber
from collector.snmp.ber import DecodeError
from collector.snmp.usm import LocalKeys

VERSION_1, VERSION_2C, VERSION_3 = 0, 1, 3
USER_BASED = 3
"""msgSecurityModel (RFC 3411, 5)."""
AUTHENTICATED, ENCRYPTED, REPORTABLE = 1, 2, 4
"""msgFlags (RFC 3412, 6.4)."""
MOST_OCTETS = 65507
_REPORT, _COUNTER32 = 0xA8, ber.COUNTER32
_NO_SALT = b""


@dataclass(frozen=True, slots=True)
class CommunityMessage:
    version: int
    community: bytes = field(repr=False)
    pdu: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class UserMessage:
    """`octets` is the whole message, zeros for its digest; `data` the scoped PDU, or what it was encrypted to."""

    message_id: int
    flags: int
    engine_id: bytes
    boots: int
    time: int
    user: bytes
    digest: bytes
    salt: bytes
    data: bytes = field(repr=False)
    octets: bytes = field(repr=False)

    @property
    def authenticated(self) -> bool:
        """Whether it claims to be."""
        return bool(self.flags & AUTHENTICATED)

    @property
    def encrypted(self) -> bool:
        return bool(self.flags & ENCRYPTED)

    @property
    def reportable(self) -> bool:
        """Whether an answer is expected, so that our engine is the authoritative one (RFC 3412, 6.4)."""
        return bool(self.flags & REPORTABLE)


@dataclass(frozen=True, slots=True)
class Scoped:
    """A PDU and its context (RFC 3412, 6)."""

    engine_id: bytes
    context: bytes
    pdu: bytes = field(repr=False)


def read_message(octets: bytes) -> CommunityMessage | UserMessage:
    """Raises DecodeError, and nothing else, on whatever octets arrive. Nothing in it is authenticated yet."""
    at, end = _enter(octets, 0, len(octets), ber.SEQUENCE)
    if end != len(octets):
        raise DecodeError("octets follow the message")
    version, at = ber.read_integer(octets, at, end)
    if version == VERSION_3:
        return _user_message(octets, at, end)
    if version not in (VERSION_1, VERSION_2C):
        raise DecodeError(f"no SNMP version has the number {version}")
    community, at = _string(octets, at, end)
    return CommunityMessage(version, community, octets[at:end])


def _user_message(octets: bytes, at: int, end: int) -> UserMessage:
    inner, stop = _enter(octets, at, end, ber.SEQUENCE)
    message_id, inner = ber.read_integer(octets, inner, stop)
    _, inner = ber.read_integer(octets, inner, stop)
    flags, inner = _string(octets, inner, stop)
    model, inner = ber.read_integer(octets, inner, stop)
    if len(flags) != 1 or flags[0] & (AUTHENTICATED | ENCRYPTED) == ENCRYPTED or model != USER_BASED or message_id < 0:
        raise DecodeError("the message has flags, a security model or an id that nothing is")
    inner, at = _enter(octets, stop, end, ber.OCTET_STRING)
    inner, stop = _enter(octets, inner, at, ber.SEQUENCE)
    engine_id, inner = _string(octets, inner, stop)
    boots, inner = ber.read_integer(octets, inner, stop)
    time, inner = ber.read_integer(octets, inner, stop)
    user, inner = _string(octets, inner, stop)
    digest, after = _string(octets, inner, stop)
    salt, inner = _string(octets, after, stop)
    if inner != stop or stop != at or min(boots, time) < 0 or len(user) > 32:
        raise DecodeError("the message has security parameters that nothing is")
    encrypted = flags[0] & ENCRYPTED
    start, stop = _enter(octets, at, end, ber.OCTET_STRING if encrypted else ber.SEQUENCE)
    if stop != end:
        raise DecodeError("octets follow the message's data")
    blank = octets[: after - len(digest)] + bytes(len(digest)) + octets[after:]
    data = octets[start:end] if encrypted else octets[at:end]
    return UserMessage(message_id, flags[0], engine_id, boots, time, user, digest, salt, data, blank)


def read_scoped(octets: bytes) -> Scoped:
    """What a block cipher padded with may follow. Raises DecodeError, and nothing else."""
    at, end = _enter(octets, 0, len(octets), ber.SEQUENCE)
    engine_id, at = _string(octets, at, end)
    context, at = _string(octets, at, end)
    return Scoped(engine_id, context, octets[at:end])


def _enter(octets: bytes, at: int, end: int, expected: int) -> tuple[int, int]:
    """Start and end of the content of the element at `at`."""
    tag, start, stop = ber.read_header(octets, at, end)
    if tag != expected:
        raise DecodeError(f"the message has tag 0x{tag:02x} where 0x{expected:02x} belongs")
    return start, stop


def _string(octets: bytes, at: int, end: int) -> tuple[bytes, int]:
    start, stop = _enter(octets, at, end, ber.OCTET_STRING)
    return octets[start:stop], stop


def community_message(version: int, community: bytes, pdu: bytes) -> bytes:
    head = ber.encode_integer(version) + ber.encode(ber.OCTET_STRING, community)
    return ber.encode(ber.SEQUENCE, head + pdu)


def scoped(engine_id: bytes, context: bytes, pdu: bytes) -> bytes:
    head = ber.encode(ber.OCTET_STRING, engine_id) + ber.encode(ber.OCTET_STRING, context)
    return ber.encode(ber.SEQUENCE, head + pdu)


def report(counter: str, count: int, request_id: int) -> bytes:
    """A Report PDU that says why a message was not taken (RFC 3412, 7.1 (3))."""
    binding = ber.encode_oid(counter) + ber.encode(_COUNTER32, count.to_bytes(5, "big").lstrip(b"\0") or b"\0")
    bindings = ber.encode(ber.SEQUENCE, ber.encode(ber.SEQUENCE, binding))
    return ber.encode(_REPORT, ber.encode_integer(request_id) + ber.encode_integer(0) * 2 + bindings)


def user_message(
    message_id: int, flags: int, engine: tuple[bytes, int, int], user: bytes, keys: LocalKeys, data: bytes, salt: int
) -> bytes:
    """A message of the engine (id, boots, time) to `user`, encrypted and authenticated as the flags say.

    No two messages may have the same `salt` of 64 bits (RFC 3826, 3.1.3).
    """
    engine_id, boots, time = engine
    parameters = _NO_SALT
    if flags & ENCRYPTED and keys.privacy:
        ciphertext, parameters = keys.privacy.encrypt(data, boots, time, salt)
        data = ber.encode(ber.OCTET_STRING, ciphertext)
    size = keys.digest.size if flags & AUTHENTICATED and keys.digest else 0
    identity = ber.encode(ber.OCTET_STRING, engine_id) + ber.encode_integer(boots) + ber.encode_integer(time)
    after = ber.encode(ber.OCTET_STRING, parameters)
    security = identity + ber.encode(ber.OCTET_STRING, user) + ber.encode(ber.OCTET_STRING, bytes(size)) + after
    header = ber.encode_integer(message_id) + ber.encode_integer(MOST_OCTETS)
    header += ber.encode(ber.OCTET_STRING, bytes((flags,))) + ber.encode_integer(USER_BASED)
    head = ber.encode_integer(VERSION_3) + ber.encode(ber.SEQUENCE, header)
    wrapped = ber.encode(ber.OCTET_STRING, ber.encode(ber.SEQUENCE, security))
    message = ber.encode(ber.SEQUENCE, head + wrapped + data)
    if not keys.digest or not size:
        return message
    at = len(message) - len(data) - len(after)
    return message[: at - size] + keys.digest(message) + message[at:]
