"""A mail as bytes (RFC 5322, MIME). Pure; the same mail at the same moment has the same bytes."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from triage.mail.port import Mail, MailError
from triage.tickets.notes import one_line, printable

_ADDRESS = re.compile(r"[^\s<>@,;:()\"\\\[\]\x00-\x1f\x7f]+@[^\s<>@,;:()\"\\\[\]\x00-\x1f\x7f]+")
_MESSAGE_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+@[A-Za-z0-9.-]+")
_MEDIA_TYPE = re.compile(r"([a-z0-9!#$&^_.+-]+)/([a-z0-9!#$&^_.+-]+)")


def message_bytes(mail: Mail, sender: str, now: datetime) -> bytes:
    """The whole message. It says that no person wrote it, so that nobody's absence is told to us (RFC 3834, 5).

    Raises MailError for an address or an id that is none: nothing of a ticket's words can become a header.
    """
    for address in (sender, *mail.to):
        if _ADDRESS.fullmatch(address) is None:
            raise MailError(f"{address!r} is no mail address; correct it in the settings or the inventory")
    if not mail.to:
        raise MailError(f"the mail {mail.subject!r} is to nobody; name an address in the settings or the inventory")
    for name in filter(None, (mail.message_id, mail.in_reply_to)):
        if _MESSAGE_ID.fullmatch(name) is None:
            raise MailError(f"{name!r} is no Message-ID; report this as a defect")
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = ", ".join(mail.to)
    message["Subject"] = one_line(mail.subject)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{mail.message_id}>"
    if mail.in_reply_to is not None:
        message["In-Reply-To"] = f"<{mail.in_reply_to}>"
        message["References"] = f"<{mail.in_reply_to}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(printable(mail.text) + "\n")
    for file in mail.attachments:
        parts = _MEDIA_TYPE.fullmatch(file.media_type.lower())
        main, sub = parts.groups() if parts is not None else ("application", "octet-stream")
        if main in ("message", "multipart"):
            main, sub = "application", "octet-stream"
        message.add_attachment(file.content, maintype=main, subtype=sub, filename=one_line(file.name))
    if mail.attachments:
        message.set_boundary(hashlib.sha256(mail.message_id.encode()).hexdigest())
    return message.as_bytes()
