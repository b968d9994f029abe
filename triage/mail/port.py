"""The ports to mail: what we send, and what is sent to us."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from config.errors import LineproofError
from triage.evidence import EvidenceFile


class MailError(LineproofError):
    """A mail was refused, or its server did not answer; `retryable` says whether the same mail can go later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """A mail to be sent. `message_id` is fixed by what it says, without angle brackets: one that is sent twice after a
    crash is the same mail to whoever keeps it (RFC 5322, 3.6.4). `in_reply_to` is another's."""

    message_id: str
    to: tuple[str, ...]
    subject: str
    text: str
    in_reply_to: str | None = None
    attachments: tuple[EvidenceFile, ...] = ()


class Mailer(Protocol):
    async def send(self, mail: Mail) -> None:
        """Hand a mail to whoever delivers it, at least once. Raises MailError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMail:
    """A mail as it came: `id` is the mailbox's own, `raw` the whole message (RFC 5322)."""

    id: str
    raw: bytes


class MailIntake(Protocol):
    """A mailbox that is read. A mail stays unread until it is done: what fails is tried again."""

    async def unread(self) -> Sequence[ReceivedMail]:
        """The unread mails, the oldest first. Raises MailError."""

    async def done(self, mail: ReceivedMail) -> None:
        """Mark as read. Raises MailError."""
