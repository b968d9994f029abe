"""The User-based Security Model's keys, digests and privacy (RFC 3414, RFC 3826, RFC 7860). Pure, apart from caches.

A password becomes a key by hashing 1 MiB of it, which takes milliseconds; that is done once for each password. The
key is then localised for each engine, and what depends on the key alone (HMAC's padded states, key schedules) is kept.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from collector.snmp.agent import AuthProtocol, PrivProtocol, User
from collector.snmp.ber import DecodeError

STRETCHED = 2**20
"""Octets of repeated password that are hashed (RFC 3414, A.2)."""
PRIVACY_PARAMETERS = 8
"""Octets of msgPrivacyParameters, for every protocol (RFC 3414, 8.1.1.1; RFC 3826, 3.1.2.1)."""

DIGEST_OCTETS = {
    AuthProtocol.MD5: 12,
    AuthProtocol.SHA1: 12,
    AuthProtocol.SHA224: 16,
    AuthProtocol.SHA256: 24,
    AuthProtocol.SHA384: 32,
    AuthProtocol.SHA512: 48,
}
"""How much of the HMAC travels (RFC 3414, 6.3.1 and 7.3.1; RFC 7860, 4.1)."""
_KEY_OCTETS = {
    PrivProtocol.DES: 16,
    PrivProtocol.AES128: 16,
    PrivProtocol.AES192: 24,
    PrivProtocol.AES256: 32,
    PrivProtocol.AES192_REEDER: 24,
    PrivProtocol.AES256_REEDER: 32,
}
_REEDER = (PrivProtocol.AES192_REEDER, PrivProtocol.AES256_REEDER)

MOST_REMEMBERED = 4096
"""Keys of passwords, and keys at engines (2 KiB each); who asks an engine again and again keeps its own."""


@lru_cache(maxsize=MOST_REMEMBERED)
def password_to_key(auth: AuthProtocol, password: str) -> bytes:
    """Ku (RFC 3414, A.2). Raises ValueError for an empty password."""
    if not password:
        raise ValueError("a user of SNMPv3 has an empty password; RFC 3414 asks for eight characters or more")
    return _stretch(auth, password.encode())


def localised(auth: AuthProtocol, key: bytes, engine_id: bytes) -> bytes:
    """Kul: the user's key at one engine (RFC 3414, 2.6)."""
    return _hash(auth, key + engine_id + key)


def extended(auth: AuthProtocol, priv: PrivProtocol, key: bytes, engine_id: bytes) -> bytes:
    """The localised key, lengthened until the privacy protocol has enough of it, and cut to that.

    draft-blumenthal-aes-usm-04, 3.1.2.1: the hash of all octets so far is appended. draft-reeder-snmpv3-usm-3desede-00,
    2.1: the last part is taken as a password, stretched and localised; that takes milliseconds for each engine.
    """
    last = key
    while len(key) < _KEY_OCTETS[priv]:
        last = localised(auth, _stretch(auth, last), engine_id) if priv in _REEDER else _hash(auth, key)
        key += last
    return key[: _KEY_OCTETS[priv]]


class Digest:
    """HMAC with one key, truncated as the protocol says; the two padded states (RFC 2104) are computed once."""

    __slots__ = ("_inner", "_outer", "size")

    def __init__(self, auth: AuthProtocol, key: bytes) -> None:
        block = hashlib.new(auth, usedforsecurity=False).block_size
        padded = key.ljust(block, b"\0")
        self._inner = hashlib.new(auth, bytes(octet ^ 0x36 for octet in padded), usedforsecurity=False)
        self._outer = hashlib.new(auth, bytes(octet ^ 0x5C for octet in padded), usedforsecurity=False)
        self.size = DIGEST_OCTETS[auth]

    def __call__(self, message: bytes) -> bytes:
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()[: self.size]


class AesPrivacy:
    """AES in CFB mode with 128 bit feedback (RFC 3826), keys of 16, 24 or 32 octets; not for two threads at once.

    Making a cipher for each message costs ten times what the cipher does, so two are kept and CFB is built of them.
    With O for the key stream, C = P xor O, O_1 = E(IV) and O_n+1 = E(C_n) = E(P_n xor O_n): the stream for encryption
    is CBC over IV, P_1, P_2..., and the one for decryption ECB over IV, C_1, C_2...
    """

    __slots__ = ("_blocks", "_chain", "_last")

    def __init__(self, key: bytes) -> None:
        self._blocks = Cipher(AES(key), modes.ECB()).encryptor()  # noqa: S305 (only as the inside of CFB)
        self._chain = Cipher(AES(key), modes.CBC(bytes(16))).encryptor()
        self._last = 0

    def encrypt(self, plaintext: bytes, boots: int, time: int, salt: int) -> tuple[bytes, bytes]:
        """(ciphertext of the same length, msgPrivacyParameters); `salt` has 64 bits and is never used twice."""
        parameters = salt.to_bytes(PRIVACY_PARAMETERS, "big")
        start = (boots << 96 | time << 64 | salt) ^ self._last
        size = len(plaintext)
        stream = self._chain.update(start.to_bytes(16, "big") + plaintext[: (size - 1) // 16 * 16])
        self._last = int.from_bytes(stream[-16:], "big")
        return _xor(plaintext, stream), parameters

    def decrypt(self, ciphertext: bytes, boots: int, time: int, parameters: bytes) -> bytes:
        """The plaintext, of the same length. Raises DecodeError when the parameters are no salt."""
        if len(parameters) != PRIVACY_PARAMETERS:
            raise DecodeError("an encrypted message has a salt of a wrong length")
        start = (boots << 32 | time).to_bytes(8, "big") + parameters
        return _xor(ciphertext, self._blocks.update(start + ciphertext[: (len(ciphertext) - 1) // 16 * 16]))


class DesPrivacy:
    """DES in CBC mode (RFC 3414, 8): eight octets of key, eight of pre-IV; not for two threads at once.

    Both ciphers are kept, as for AES. The first block is encrypted with what cancels the chaining value that is left
    of the message before; on decryption the IV goes first, and what comes of it is dropped.
    """

    __slots__ = ("_backward", "_forward", "_last", "_pre_iv")

    def __init__(self, key: bytes) -> None:
        # Three equal keys make Triple-DES the same as DES, which the library no longer has.
        cipher = Cipher(TripleDES(key[:8] * 3), modes.CBC(bytes(8)))
        self._forward, self._backward = cipher.encryptor(), cipher.decryptor()
        self._pre_iv = int.from_bytes(key[8:16], "big")
        self._last = 0

    def encrypt(self, plaintext: bytes, boots: int, time: int, salt: int) -> tuple[bytes, bytes]:  # noqa: ARG002
        """(ciphertext padded to whole blocks, msgPrivacyParameters); 32 bits of `salt` are used."""
        whole = (boots & 0xFFFFFFFF) << 32 | salt & 0xFFFFFFFF
        padded = plaintext + bytes(-len(plaintext) % 8)
        first = int.from_bytes(padded[:8], "big") ^ whole ^ self._pre_iv ^ self._last
        ciphertext = self._forward.update(first.to_bytes(8, "big") + padded[8:])
        self._last = int.from_bytes(ciphertext[-8:], "big")
        return ciphertext, whole.to_bytes(PRIVACY_PARAMETERS, "big")

    def decrypt(self, ciphertext: bytes, boots: int, time: int, parameters: bytes) -> bytes:  # noqa: ARG002
        """The plaintext with its padding. Raises DecodeError when the octets cannot have come from DES."""
        if len(parameters) != PRIVACY_PARAMETERS or len(ciphertext) % 8:
            raise DecodeError("a message that should be encrypted with DES has no whole blocks")
        start = int.from_bytes(parameters, "big") ^ self._pre_iv
        return self._backward.update(start.to_bytes(8, "big") + ciphertext)[8:]


class LocalKeys:
    """A user's keys at one engine: `digest` None without authentication, `privacy` None without privacy."""

    __slots__ = ("digest", "privacy")

    def __init__(self, digest: Digest | None, privacy: AesPrivacy | DesPrivacy | None) -> None:
        self.digest = digest
        self.privacy = privacy


@lru_cache(maxsize=MOST_REMEMBERED)
def local_keys(user: User, engine_id: bytes) -> LocalKeys:
    """Raises ValueError for an empty password, and for privacy without authentication (RFC 3411, 3.4.3: no level)."""
    if user.auth is None:
        if user.priv is not None:
            raise ValueError(f"the SNMPv3 user {user.name!r} has privacy without authentication; give it both")
        return LocalKeys(None, None)
    digest = Digest(user.auth, localised(user.auth, password_to_key(user.auth, user.auth_password), engine_id))
    if user.priv is None:
        return LocalKeys(digest, None)
    key = localised(user.auth, password_to_key(user.auth, user.priv_password), engine_id)
    key = extended(user.auth, user.priv, key, engine_id)
    return LocalKeys(digest, DesPrivacy(key) if user.priv is PrivProtocol.DES else AesPrivacy(key))


def _stretch(auth: AuthProtocol, password: bytes) -> bytes:
    return _hash(auth, (password * (STRETCHED // len(password) + 1))[:STRETCHED])


def _hash(auth: AuthProtocol, octets: bytes) -> bytes:
    # RFC 3414 has MD5 and SHA-1; how secure they are is the agent's choice, not ours.
    return hashlib.new(auth, octets, usedforsecurity=False).digest()


def _xor(octets: bytes, stream: bytes) -> bytes:
    size = len(octets)
    return (int.from_bytes(octets, "big") ^ int.from_bytes(stream[:size], "big")).to_bytes(size, "big")
