"""Request Tracker 5 as a TicketSystem.

RT has no idempotency key and refuses no duplicate. So: our key stands in a custom field, which is searched before a
create and read back after it; of two tickets that race for one key the older wins and the other is merged into it.
A comment's subject is the mark of its key, which RT lists with the history, so that a repeat finds it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from config.errors import NotFoundError
from triage.evidence import EvidenceFile
from triage.tickets.notes import mark, printable
from triage.tickets.port import Changes, NewTicket, Ticket, TicketError, TicketUpdate, named_at_once
from triage.tickets.request_tracker import mapping
from triage.tickets.request_tracker.connection import GUIDE, Connection, id_is
from triage.tickets.request_tracker.mapping import Told
from triage.tickets.request_tracker.merging import settle, settled
from triage.tickets.request_tracker.probe import problems_with, problems_with_queue
from triage.tickets.request_tracker.settings import RequestTrackerSettings
from triage.tickets.request_tracker.wire import (
    Change,
    Piece,
    TicketRow,
    field_is_set,
    file_mark,
    plain_name,
    quoted,
    written,
)

CHANGE_ATTEMPTS = 3
"""How often a change meets a ticket that somebody else is changing before it is put off."""
KEPT_TEXTS = 5000
"""Notes whose text is remembered: RT never changes one, and a look reads every note of a ticket."""


class RequestTracker:
    """Implements TicketSystem."""

    name = "request_tracker"

    def __init__(self, settings: RequestTrackerSettings) -> None:
        self._settings = settings
        self._connection = Connection(settings)
        self._fits = False
        self._queues: dict[str, str] = {}
        self._texts: dict[str, str] = {}

    async def close(self) -> None:
        await self._connection.close()

    async def find(self, external_id: str) -> str | None:
        return await settled(self._connection, self._settings, external_id)

    async def create(self, new: NewTicket) -> str:
        known = await self.find(new.external_id)
        if known is not None:
            return known
        if not self._fits:
            if problems := await problems_with_queue(self._connection, self._settings):
                raise TicketError(f"no ticket is opened: {'; '.join(problems)}")
            self._fits = True
        made = await self._connection.create(mapping.new_body(new, self._settings), self._settings.queue)
        return await settle(self._connection, self._settings, new.external_id, made)

    async def add_note(self, ticket: str, key: str, text: str) -> None:
        if not await self._has(ticket, mark(key)):
            await self._comment(ticket, mark(key), text)

    async def attach(self, ticket: str, file: EvidenceFile) -> None:
        """RT would take a text for its own and change its bytes, so every text goes as application/octet-stream."""
        name = plain_name(file.name)
        marked = file_mark(hashlib.sha256(file.content).hexdigest(), name)
        if await self._has(ticket, marked):
            return
        media_type = "application/octet-stream" if file.media_type.startswith("text/") else file.media_type
        content = base64.b64encode(file.content).decode()
        attached = {"FileName": name, "FileType": media_type, "FileContent": content}
        made = await self._connection.comment(ticket, {"Subject": marked, "Attachments": [attached]})
        pieces = [one for one in await self._connection.pieces_of(made) if one.filename]
        kept = [base64.b64decode(await self._connection.content(str(one.id))) for one in pieces]
        if kept != [file.content]:
            raise TicketError(
                f"RT kept {sum(map(len, kept))} of the {len(file.content)} bytes of {name} on ticket {ticket}, or "
                "changed them; raise $MaxAttachmentSize there, or attach it by hand"
            )

    async def update(self, ticket: str, key: str, update: TicketUpdate) -> None:
        """The comment with the key follows the change: a repeat that finds it changes nothing, and one that does not
        finds what was changed already."""
        if await self._has(ticket, mark(key)):
            return
        await self._change(ticket, mapping.change_body(update, self._settings))
        await self._comment(ticket, mark(key), update.text)

    async def show(self, ticket: str) -> Ticket:
        row, _ = await self._connection.ticket(ticket)
        history = await self._connection.history(row.winner)
        pieces = await self._connection.pieces(row.winner)
        texts = {number: await self._text(piece) for number, piece in mapping.texts_of(history, pieces).items()}
        queue = await self._queue_name(row.queue.id)
        return mapping.ticket_of(row, Told(history, pieces, texts, queue), self._settings)

    async def changed_since(self, moment: datetime, linked: Sequence[str] = ()) -> Changes:
        """RT reads a moment in a question in the time zone of our user, so a day more is asked for, the newest first,
        and what RT answers, which is in UTC, decides."""
        bound = quoted(written(moment - timedelta(days=1)))
        user = quoted(self._settings.user)
        found = dict[str, datetime]()
        for some in named_at_once(linked):
            ours = " OR ".join((f"Creator = {user}", *map(id_is, some)))
            changed = await self._connection.changed(f"( {ours} ) AND LastUpdated >= {bound}", moment)
            found |= {str(one.id): at for one, at in changed}
        places = [field_is_set(name) for name in (self._settings.fields.site, self._settings.fields.circuit) if name]
        theirs: Sequence[tuple[Change, datetime]] = ()
        if places:
            query = (
                f"Creator != {user} AND Status = '__Active__' AND ( {' OR '.join(places)} ) AND LastUpdated >= {bound}"
            )
            theirs = await self._connection.changed(query, moment, "LastUpdated,Subject,Creator,CustomFields")
        return Changes(
            list(found),
            max((*found.values(), *(at for _, at in theirs)), default=None),
            [one for row, _ in theirs if (one := mapping.by_person(row, self._settings)) is not None],
        )

    async def problems(self, queues: Collection[str]) -> list[str]:
        """What keeps us from working there with these queues, each with what to do; creates nothing. Raises
        TicketError when RT cannot be asked."""
        return await problems_with(self._connection, self._settings, queues)

    async def attachment(self, ticket: str, name: str) -> EvidenceFile:
        """The newest file of that name. Raises NotFoundError."""
        found = [piece for piece in await self._connection.pieces(ticket) if piece.filename == name]
        if not found:
            raise NotFoundError(f"ticket {ticket} has no file {name!r}; `lineproof ticket show {ticket}` lists them")
        content = await self._connection.content(str(found[-1].id))
        return EvidenceFile(name, found[-1].content_type or "application/octet-stream", base64.b64decode(content))

    async def _has(self, ticket: str, marked: str) -> bool:
        """Whether we wrote it already. Raises NotFoundError for an unknown ticket, whose history RT shows as empty."""
        history = await self._connection.history(ticket)
        if not history or mapping.is_deleted(history):
            await self._connection.ticket(ticket)
        return any(one.mark == marked and one.creator.name == self._settings.user for one in history)

    async def _comment(self, ticket: str, marked: str, text: str) -> None:
        said = printable(text)
        content = {"Content": said, "ContentType": "text/plain"} if said else {}
        made = await self._connection.comment(ticket, {"Subject": marked, **content})
        written = await self._connection.happening(made)
        if written.mark != marked:
            raise TicketError(
                f"RT shows {written.mark[:60]!r} in place of the note that was written to ticket {ticket}; look there, "
                "an RT extension may change subjects",
                retryable=True,
            )

    async def _change(self, ticket: str, wanted: Mapping[str, Any]) -> None:
        """RT answers 200 to a change that it did not make: what counts is the ticket, read back."""
        said: list[str] = []
        for _ in range(CHANGE_ATTEMPTS):
            row, etag = await self._connection.ticket(ticket)
            missing = await self._missing(row, wanted)
            if not missing:
                return
            answered = await self._connection.change(ticket, missing, etag)
            if answered is None:
                continue
            said = answered
            row, _ = await self._connection.ticket(ticket)
            missing = await self._missing(row, wanted)
            if not missing:
                return
            fields = ", ".join(f"{name} {value}" for name, value in missing.items())
            told = "; ".join(one.removeprefix(f"Ticket {ticket}: ") for one in said)
            raise TicketError(
                f"RT did not take {fields} on ticket {ticket}: {told or 'it says nothing'}; change names in the "
                f"settings, or give our user the right, see {GUIDE}"
            )
        raise TicketError(f"ticket {ticket} is being changed by somebody else; asking again later", retryable=True)

    async def _missing(self, row: TicketRow, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """What the ticket does not show of a change; RT's names know no case."""
        shown = mapping.shown_fields(row, await self._queue_name(row.queue.id))
        return {name: value for name, value in wanted.items() if shown[name].casefold() != str(value).casefold()}

    async def _queue_name(self, number: str) -> str:
        if number not in self._queues:
            queue = await self._connection.named("queue", number) if number else None
            if queue is None:
                return ""
            self._queues[number] = str(queue.get("Name", ""))
        return self._queues[number]

    async def _text(self, piece: Piece) -> str:
        number = str(piece.id)
        if number not in self._texts:
            try:
                content = base64.b64decode(await self._connection.content(number))
            except binascii.Error:
                content = b""
            if len(self._texts) >= KEPT_TEXTS:
                self._texts.clear()
            self._texts[number] = mapping.text_of(content.decode("utf-8", "replace"), piece.content_type or "")
        return self._texts[number]
