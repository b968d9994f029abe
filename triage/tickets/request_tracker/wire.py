"""What RT's REST2 sends, and how a question to it is written. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

import msgspec

from triage.tickets.moments import moment_of

NEVER = "1970-01-01T00:00:00Z"
"""How RT writes a date that is not set."""
DELETED = "deleted"
"""RT's own status, in all of its life cycles: no search shows such a ticket."""
NOBODY = "Nobody"
"""The login of RT's user who owns what nobody owns."""
FILE_MARK = re.compile(r"\[LP:file:([0-9a-f]{64}):[0-9a-f]{16}\]")


class Named(msgspec.Struct, frozen=True):
    id: str = ""


class Login(msgspec.Struct, frozen=True, rename="pascal"):
    name: str = ""


class FieldValues(msgspec.Struct, frozen=True):
    name: str
    values: list[Any] = []


def first_value(fields: list[FieldValues] | str, name: str) -> str:
    """A custom field's; empty where there is none, or no such field."""
    told = fields if isinstance(fields, list) else []
    return next((str(one.values[0]) for one in told if one.name == name and one.values), "")


class TicketRow(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """GET /ticket/ID. `effective_id` is another ticket's where this one was merged into it."""

    subject: str
    status: str
    created: str
    last_updated: str
    id: int = msgspec.field(name="id")
    resolved: str = NEVER
    priority: str = ""
    owner: Named = Named()
    queue: Named = Named()
    creator: Named = Named()
    effective_id: Named = Named()
    custom_fields: list[FieldValues] | str = []

    def field(self, name: str) -> str:
        return first_value(self.custom_fields, name)

    @property
    def winner(self) -> str:
        """Its own id, or that of the ticket into which it was merged."""
        return self.effective_id.id or str(self.id)


class Change(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A row of a search; the last three where they are asked for."""

    id: str | int = msgspec.field(name="id")
    last_updated: str
    subject: str = ""
    creator: Login = Login()
    custom_fields: list[FieldValues] | str = []

    def field(self, name: str) -> str:
        return first_value(self.custom_fields, name)


class Happening(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A transaction of a ticket's history. `data` of a comment is its subject, where our marks stand."""

    type: str
    created: str
    id: str | int = msgspec.field(name="id")
    data: str | None = ""
    new_value: str | None = ""
    creator: Login = Login()

    @property
    def mark(self) -> str:
        return (self.data or "").strip()


class Piece(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    """A part of a message: a text or a file."""

    transaction_id: str | int
    created: str = ""
    id: str | int = msgspec.field(name="id")
    filename: str | None = ""
    content_type: str | None = ""
    content_length: int | str | None = 0

    @property
    def size(self) -> int:
        return int(self.content_length or 0)


class Content(msgspec.Struct, frozen=True, rename="pascal"):
    content: str | None = None


class Page(msgspec.Struct, frozen=True):
    count: int
    per_page: int
    items: list[msgspec.Raw] = []


def quoted(text: str) -> str:
    """A string of TicketSQL: in apostrophes, a backslash before each of these and before each backslash."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def field_is(name: str, value: str) -> str:
    return f"CF.{{{name}}} = {quoted(value)}"


def field_is_set(name: str) -> str:
    return f"CF.{{{name}}} IS NOT NULL"


def written(moment: datetime) -> str:
    """A moment as date fields and TicketSQL read it: in the time zone of our user there, which has to be UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def file_mark(sha256: str, name: str) -> str:
    """The mark of a comment that carries a file: its digest, and 16 hex digits of its name's."""
    return f"[LP:file:{sha256}:{hashlib.sha256(name.encode()).hexdigest()[:16]}]"


def plain_name(name: str) -> str:
    """A file name in ASCII: RT 5.0 lists others in bytes that are no UTF-8."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    kept = "".join("_" if one in '"\\/' or not one.isprintable() else one for one in plain).strip()
    return kept or "file"


def readable(body: bytes) -> bytes:
    """RT answers with Latin-1 where a name has letters beyond ASCII and none beyond Latin-1."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return body.decode("latin-1").encode()
    return body


def set_moment(text: str) -> datetime | None:
    """A date that RT sent; None where it is not set."""
    return None if text in ("", NEVER) else moment_of(text)
