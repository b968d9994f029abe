"""Who sent a mail, and whether our own mail server vouches for it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import BytesHeaderParser

from triage.mail.notices import MailRefusal, RefusedMailError
from triage.mail.settings import CarrierMailSettings, IntakeSettings

_PLAIN = r"[^\s<>@,;:()\"\\\[\]]+"
_ADDRESS = re.compile(rf"(?:(?:\"[^\"\\@]*\"|[^\"<>@,;:()\\]*)\s*<({_PLAIN}@{_PLAIN})>|({_PLAIN}@{_PLAIN}))")
"""One address, with or without a name before it (RFC 5322 3.4). Anything that two readers might read differently,
such as a second address in the name, is no address."""
LONGEST_TITLE = 150
"""Characters of a header that people are shown."""
_COMMENT = re.compile(r"\([^()]*\)")


def carrier_of(raw: bytes, settings: IntakeSettings) -> CarrierMailSettings:
    """The carrier that a mail speaks for. Raises RefusedMailError when it speaks for none."""
    message = head_of(raw)
    sender = sender_of(message)
    domain = "@" + sender.rpartition("@")[2]
    carrier = next((one for one in settings.carriers if {sender, domain} & set(one.senders)), None)
    if carrier is None:
        raise RefusedMailError(
            MailRefusal.SENDER_UNKNOWN, f"{sender} is no carrier's sender under `mail.intake.carriers`; add it, or not"
        )
    if settings.authenticated_by is not None and not vouched_for(message, sender, settings.authenticated_by):
        why = f"{settings.authenticated_by} does not say that DMARC or DKIM passed for {sender}; it may be forged"
        raise RefusedMailError(MailRefusal.NOT_AUTHENTICATED, why)
    return carrier


def head_of(raw: bytes) -> Message:
    """The headers alone: parts within parts, a thousand deep, are an attack that anyone can mail, and are not read."""
    return BytesHeaderParser().parsebytes(raw)


def sender_of(message: Message) -> str:
    """The one address of the one From. Raises RefusedMailError when there is none, or more than one."""
    named = [" ".join(str(value).split()) for value in message.get_all("From", [])]
    found = _ADDRESS.fullmatch(named[0]) if len(named) == 1 else None
    if found is None:
        raise RefusedMailError(MailRefusal.SENDER_UNKNOWN, f"it has no single sender (From: {' | '.join(named)[:200]})")
    return (found[1] or found[2]).casefold()


def title_of(message: Message) -> str:
    """The mail's From and Subject as a person reads them, each on one line and cut: anyone may have written them."""
    said = (" ".join(_decoded(message.get(name, "")).split())[:LONGEST_TITLE] for name in ("From", "Subject"))
    return ": ".join("".join(sign if sign.isprintable() else "?" for sign in one) or "(none)" for one in said)


def _decoded(value: object) -> str:
    """RFC 2047; a header that breaks its own rules is shown as it stands."""
    try:
        return str(make_header(decode_header(str(value))))
    except (HeaderParseError, ValueError, LookupError):
        return str(value)


def vouched_for(message: Message, sender: str, server: str) -> bool:
    """Whether the topmost Authentication-Results of our own server has DMARC or aligned DKIM passed (RFC 8601; a server
    takes away those that others wrote in its name, 5)."""
    own = (one for one in _results(message) if one[0] == server.casefold())
    results = next(own, ("", ()))[1]
    domain = sender.rpartition("@")[2]
    return any(_passed(result, domain) for result in results)


def _results(message: Message) -> Iterator[tuple[str, Sequence[str]]]:
    """Who looked, and each of its results, in lower case without comments."""
    for value in message.get_all("Authentication-Results", []):
        first, *results = _COMMENT.sub(" ", " ".join(str(value).casefold().split())).split(";")
        yield (first.split() or [""])[0], results


def _passed(result: str, domain: str) -> bool:
    said = dict(part.partition("=")[::2] for part in result.split() if "=" in part)
    if said.get("dmarc") == "pass":
        return said.get("header.from") == domain
    signer = said.get("header.d", "").strip('"')
    return said.get("dkim") == "pass" and "." in signer and (domain == signer or domain.endswith("." + signer))
