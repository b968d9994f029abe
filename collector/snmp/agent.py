"""Where an agent answers, and to whom: a community of SNMPv2c, or a user of SNMPv3 (RFC 3414)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class AuthProtocol(StrEnum):
    """HMAC-96 with MD5 or SHA-1 (RFC 3414), and the SHA-2 family (RFC 7860)."""

    MD5 = "md5"
    SHA1 = "sha1"
    SHA224 = "sha224"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"


class PrivProtocol(StrEnum):
    """DES (RFC 3414), AES-128 in CFB mode (RFC 3826), and AES-192/256, which no RFC defines.

    The longer keys are in use with two ways to stretch a short localised key: draft-blumenthal-aes-usm-04, and
    Reeder's (draft-reeder-snmpv3-usm-3desede-00), which Cisco's agents use.
    """

    DES = "des"
    AES128 = "aes128"
    AES192 = "aes192"
    AES256 = "aes256"
    AES192_REEDER = "aes192-reeder"
    AES256_REEDER = "aes256-reeder"


@dataclass(frozen=True, slots=True)
class Community:
    """What a v2c agent is asked with; it travels in clear, and an agent that does not know it stays silent."""

    text: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user of the User-based Security Model. Without `auth` noAuthNoPriv, without `priv` authNoPriv."""

    name: str
    auth: AuthProtocol | None = None
    auth_password: str = field(default="", repr=False)
    priv: PrivProtocol | None = None
    priv_password: str = field(default="", repr=False)
    context: str = ""


Credential = Community | User


@dataclass(frozen=True, slots=True)
class Agent:
    address: str
    port: int
    credential: Credential
