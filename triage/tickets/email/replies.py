"""Answers to our mails: whose they are, which ticket they name, and what is new in them. Pure.

Nothing in a mail is a command: an answer is a note. One that no person wrote is none (RFC 3834, 2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from html.parser import HTMLParser

from triage.mail.notices import RefusedMailError
from triage.mail.sender import head_of, sender_of, vouched_for
from triage.tickets.email.settings import EmailSettings
from triage.tickets.email.threads import ABOVE, keys_named
from triage.tickets.notes import printable

LONGEST = 20_000
"""Characters of an answer that are kept; a person writes less."""
_WROTE = "wrote|schrieb|écrit|escribió|scritto|schreef|skrev"
_ATTRIBUTION = re.compile(rf"(On|Am|Le|El|Il|Op|Den)\b.{{5,300}}({_WROTE}).*:", re.DOTALL)
_TITLES = "Original Message|Ursprüngliche Nachricht|Message d'origine|Forwarded message"
_ORIGINAL = re.compile(rf"-{{2,}}\s*({_TITLES})\s*-{{2,}}")
_ROBOTS = ("mailer-daemon@", "postmaster@", "noreply@", "no-reply@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """`keys` are those of tickets that it names, the surest first; `sender` None when there is not just one. `known`:
    the sender is one of the settings' people, and our mail server vouches for it where one is named. `text` is read
    only of what may become a note; None where it cannot be read."""

    id: str
    keys: tuple[str, ...]
    sender: str | None
    known: bool
    automatic: bool
    text: str | None


def parse_reply(raw: bytes, settings: EmailSettings, authenticated_by: str | None) -> Reply:
    """What a mail is to us, whatever it consists of: broken headers, odd character sets and HTML included.

    `authenticated_by` is our mail server's name in Authentication-Results, None where senders are believed.
    """
    head = head_of(raw)
    try:
        sender: str | None = sender_of(head)
    except RefusedMailError:
        sender = None
    named = " ".join(_header(head, name) for name in ("References", "In-Reply-To"))
    keys = tuple(keys_named(_header(head, "Subject"), named, settings.domain))
    known = sender is not None and _is_known(sender, head, settings, authenticated_by)
    automatic = _is_automatic(head, sender, settings)
    body = _body(raw) if keys and known and not automatic else ""
    return Reply(
        id=_header(head, "Message-ID").strip(" <>"),
        keys=keys,
        sender=sender,
        known=known,
        automatic=automatic,
        text=None if body is None else new_text(body)[:LONGEST],
    )


def new_text(body: str) -> str:
    """What stands above or between what was quoted: without quoted lines, the line that introduces them, and all that
    follows our own mark, a forwarded original or the sender's signature."""
    lines: list[str] = []
    for line in printable(body).split("\n"):
        stripped = line.strip()
        if stripped.startswith(">"):
            _drop_attribution(lines)
        elif ABOVE in stripped or _ORIGINAL.fullmatch(stripped) or stripped == "--":
            _drop_attribution(lines)
            break
        else:
            lines.append(line)
    return "\n".join(lines).strip()


def _drop_attribution(lines: list[str]) -> None:
    """Of what is read so far the last paragraph goes where it only says who wrote what is quoted next."""
    while lines and not lines[-1].strip():
        lines.pop()
    for size in (1, 2, 3):
        if _ATTRIBUTION.fullmatch(" ".join(line.strip() for line in lines[-size:])):
            del lines[-size:]
            return


def _is_known(sender: str, message: Message, settings: EmailSettings, authenticated_by: str | None) -> bool:
    if not {sender, "@" + sender.rpartition("@")[2]} & set(settings.people):
        return False
    return authenticated_by is None or vouched_for(message, sender, authenticated_by)


def _is_automatic(message: Message, sender: str | None, settings: EmailSettings) -> bool:
    """RFC 3834, 2 and 5; RFC 3464 for reports; a null return path is a bounce (RFC 5321, 4.5.5). And our own mail."""
    submitted = _header(message, "Auto-Submitted").partition(";")[0].strip().casefold()
    own = _header(message, "Message-ID").strip(" <>").casefold().endswith("@" + settings.domain.casefold())
    return (
        own
        or submitted not in ("", "no")
        or _header(message, "Return-Path").strip() == "<>"
        or message.get_content_type() in ("multipart/report", "message/delivery-status")
        or _header(message, "Precedence").strip().casefold() in ("bulk", "junk", "list", "auto_reply")
        or (sender or "").startswith(_ROBOTS)
    )


def _header(message: Message, name: str) -> str:
    return " ".join(str(value) for value in message.get_all(name, []))


def _body(raw: bytes) -> str | None:
    """The text of a mail: its first plain part, else its HTML without marks. None for parts nested beyond reading."""
    try:
        message = message_from_bytes(raw)
    except RecursionError:
        return None
    html: Message | None = None
    waiting = [message]
    while waiting:
        part = waiting.pop()
        content = part.get_payload()
        if isinstance(content, list):
            waiting.extend(one for one in reversed(content) if isinstance(one, Message))
        elif part.get_content_disposition() == "attachment":
            continue
        elif part.get_content_type() == "text/plain":
            return _decoded(part)
        elif part.get_content_type() == "text/html":
            html = html or part
    return "" if html is None else _without_marks(_decoded(html))


def _decoded(part: Message) -> str:
    content = part.get_payload(decode=True)
    if not isinstance(content, bytes):
        return ""
    try:
        return content.decode(part.get_content_charset() or "utf-8", "replace")
    except LookupError:
        return content.decode("utf-8", "replace")


class _Text(HTMLParser):
    """Text of HTML, a line for each block; what is quoted is left out."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:  # noqa: ARG002
        if tag in _HIDDEN:
            self._hidden += 1
        elif tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _HIDDEN:
            self._hidden = max(0, self._hidden - 1)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.pieces.append(data)


_HIDDEN = frozenset({"blockquote", "style", "script", "head", "title"})
_BLOCKS = frozenset({"p", "div", "br", "tr", "li", "hr"})


def _without_marks(html: str) -> str:
    reader = _Text()
    reader.feed(html)
    reader.close()
    return "".join(reader.pieces)
