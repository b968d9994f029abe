"""SNMPv3 responses under the User-based Security Model (RFC 3412, RFC 3414, RFC 3826), made and read without Lineproof.

With authentication every octet of a message is vouched for: nothing but the message as it was made may be accepted.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, replace
from random import Random

from _snmp_peers.fleet import element, oid_element
from _snmp_peers.judge import INTEGER, RESPONSE, STRING, Malformed, Response, taken
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES

ENGINE_ID = bytes.fromhex("80007ed904") + b"bench"  # RFC 3411: enterprise 32473 with the high bit, format 4, text
BOOTS, TIME = 5, 100_000
AUTH, PRIV = 1, 2


def local_key(password: bytes, engine_id: bytes = ENGINE_ID) -> bytes:
    """RFC 3414, A.2.2: 1 MiB of the password, then localised; SHA-1."""
    key = hashlib.sha1((password * (2**20 // len(password) + 1))[: 2**20]).digest()
    return hashlib.sha1(key + engine_id + key).digest()


@dataclass(frozen=True)
class Security:
    user: bytes
    level: int
    auth_key: bytes = b""
    priv_key: bytes = b""

    def message(self, good: Response, *, boots: int = BOOTS, time: int = TIME, salt: bytes = b"\x01" * 8) -> bytes:
        """The v3 message with that response; msgID is its request id."""
        pdu = good.octets().partition(element(STRING, good.community))[2]
        scoped = element(0x30, element(STRING, ENGINE_ID) + element(STRING, b"") + pdu)
        identity = element(INTEGER, good.request_id.to_bytes(4, "big"))
        header = identity + b"\x02\x03\x00\xff\xe3" + element(STRING, bytes((self.level,))) + b"\x02\x01\x03"
        clock = boots.to_bytes(4, "big"), time.to_bytes(4, "big")
        body, parameters = scoped, b""
        if self.level & PRIV:
            encryptor = Cipher(AES(self.priv_key[:16]), CFB(b"".join(clock) + salt)).encryptor()
            body, parameters = element(STRING, encryptor.update(scoped) + encryptor.finalize()), salt
        digest = bytes(12) if self.level & AUTH else b""
        for _ in range(2):
            fields = element(STRING, ENGINE_ID) + b"".join(element(INTEGER, octets) for octets in clock)
            fields += element(STRING, self.user) + element(STRING, digest) + element(STRING, parameters)
            whole = element(
                0x30, b"\x02\x01\x03" + element(0x30, header) + element(STRING, element(0x30, fields)) + body
            )
            if not self.level & AUTH or any(digest):
                break
            digest = hmac.new(self.auth_key, whole, hashlib.sha1).digest()[:12]
        return whole


def discovery_report(message_id: int) -> bytes:
    """What an agent answers who is asked for its engine id: usmStatsUnknownEngineIDs (RFC 3414, section 4)."""
    counter = element(0x30, oid_element("1.3.6.1.6.3.15.1.1.4.0") + element(0x41, b"\x01"))
    identity = element(INTEGER, message_id.to_bytes(4, "big"))
    report = element(0xA8, identity + b"\x02\x01\x00" * 2 + element(0x30, counter))
    header = element(0x30, identity + b"\x02\x03\x00\xff\xe3" + element(STRING, b"\x00") + b"\x02\x01\x03")
    fields = (
        element(STRING, ENGINE_ID) + element(INTEGER, b"\x05") + element(INTEGER, b"\x07") + element(STRING, b"") * 3
    )
    scoped = element(0x30, element(STRING, ENGINE_ID) + element(STRING, b"") + report)
    return element(0x30, b"\x02\x01\x03" + header + element(STRING, element(0x30, fields)) + scoped)


def pdu_of(message: bytes) -> bytes | None:
    """The Response PDU of a noAuthNoPriv message, None when it is none."""
    try:
        body, end = taken(message, 0, len(message), 0x30)
        _, at = taken(body, 0, len(body), INTEGER)
        _, at = taken(body, at, len(body), 0x30)
        _, at = taken(body, at, len(body), STRING)
        scoped, stop = taken(body, at, len(body), 0x30)
        _, at = taken(scoped, 0, len(scoped), STRING)
        _, at = taken(scoped, at, len(scoped), STRING)
        _, last = taken(scoped, at, len(scoped), RESPONSE)
    except Malformed:
        return None
    return scoped[at:last] if (end, stop, last) == (len(message), len(body), len(scoped)) else None


def stripped(random: Random, security: Security, good: Response, time: int) -> bytes:
    """Valid in itself, at a lower level than was asked for."""
    del random
    return replace(security, level=0).message(good, time=time)


def forged(random: Random, security: Security, good: Response, time: int) -> bytes:
    """Another key's digest, or none that was ever computed."""
    key = random.choice((b"", random.randbytes(20)))
    return replace(security, auth_key=key).message(good, time=time)


def of_another_time(random: Random, security: Security, good: Response, time: int) -> bytes:
    """Authentic, but of an earlier boot, or older than the time window of 150 s."""
    clock = random.choice(((BOOTS - 1, time), (BOOTS, time - 152), (BOOTS, time - 90_000)))
    return security.message(good, boots=clock[0], time=clock[1])
