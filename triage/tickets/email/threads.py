"""What the mails of one ticket have in common: Message-IDs that are made of our keys, and a tag in the subject. Pure.

Both name the ticket, and either is enough for an answer to be found again: `[LP#C-12]`, `<C-12.ticket@DOMAIN>`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from triage.tickets.notes import one_line

ABOVE = "##- Please write your answer above this line -##"
_PLAIN = re.compile(r"([A-Za-z]+-[0-9]+):ticket")
_TAG = re.compile(r"\[LP#([A-Za-z0-9-]+)\]")
_ENCODED = "k-"


def token_of(key: str) -> str:
    """The ticket's name in tag and Message-ID: of `C-12:ticket` the case `C-12`, of any other key its base 32."""
    plain = _PLAIN.fullmatch(key)
    if plain is not None:
        return plain[1]
    return _ENCODED + base64.b32encode(key.encode()).decode().rstrip("=").lower()


def key_of(token: str) -> str | None:
    """The key of a token; None for a token that is none of ours."""
    if not token.startswith(_ENCODED):
        key = f"{token}:ticket"
        return key if _PLAIN.fullmatch(key) else None
    text = token.removeprefix(_ENCODED).upper()
    try:
        return base64.b32decode(text + "=" * (-len(text) % 8)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def subject(key: str, name: str) -> str:
    return f"[LP#{token_of(key)}] {one_line(name)}"


def first_id(key: str, domain: str) -> str:
    """The Message-ID of the mail that opens the ticket: the same however often it is sent."""
    return f"{token_of(key)}.ticket@{domain}"


def later_id(key: str, about: str, domain: str) -> str:
    """That of a later mail; `about` is its own key."""
    return f"{token_of(key)}.{hashlib.sha256(about.encode()).hexdigest()[:16]}@{domain}"


def keys_named(subject_line: str, references: str, domain: str) -> list[str]:
    """The keys that an answer names: those of Message-IDs that are ours first, then that of the subject's tag."""
    of_ids = re.findall(rf"<([A-Za-z0-9-]+)\.[a-z0-9]+@{re.escape(domain)}>", references, re.IGNORECASE)
    found = [key_of(token) for token in (*reversed(of_ids), *_TAG.findall(subject_line))]
    return list(dict.fromkeys(key for key in found if key is not None))
