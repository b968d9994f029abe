"""RT's REST2, one function a request: what is asked, what comes back, and RT's own ways of saying no."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from collector.http import Answer
from config.errors import NotFoundError
from triage.tickets.http import Call, FixedLogin, TicketHost, path_of
from triage.tickets.moments import moment_of
from triage.tickets.port import TicketError
from triage.tickets.request_tracker.settings import RequestTrackerSettings
from triage.tickets.request_tracker.wire import DELETED, Change, Content, Happening, Page, Piece, TicketRow, readable
from triage.tickets.server import basic

Shape = TypeVar("Shape")

MOST_PAGES = 1000
PIECE_FIELDS = (("fields", "Filename,ContentType,ContentLength,TransactionId,Created"),)
GUIDE = "docs/request-tracker.md"


class Connection:
    """Every method raises TicketError; those that name a ticket, NotFoundError for one that RT does not have."""

    def __init__(self, settings: RequestTrackerSettings) -> None:
        given = settings.token or settings.password
        assert given is not None  # noqa: S101 - the settings see to it
        authorization = (
            f"token {given.get_secret_value()}" if settings.token is not None else basic(settings.user, given)
        )
        url = f"{str(settings.url).rstrip('/')}/REST/2.0"
        self._page = settings.page
        login = FixedLogin({"Authorization": authorization})
        self._host = TicketHost(url, login, timeout=settings.timeout, ca_file=settings.ca_file, secrets=[given])

    async def close(self) -> None:
        await self._host.close()

    async def version(self) -> str:
        call = Call(verb="GET", path="rt", what="asking for its version")
        return (await self._host.read(call, dict[str, str])).get("Version", "")

    async def named(self, what: str, name: str) -> dict[str, Any] | None:
        """A `queue` or `user` by its name or number; None when there is none that we may see."""
        call = Call(verb="GET", path=path_of(what, name), what=f"looking up {what} {name}", reads=frozenset({403, 404}))
        answer = await self._host.call(call)
        return None if answer.status in (403, 404) else self._host.shaped(call, answer, dict[str, Any])

    async def search(self, query: str, what: str) -> list[str]:
        """Ids of the tickets that a TicketSQL query finds, the oldest first. RT shows deleted ones to no query."""
        rows = await self._all("tickets", what, [("query", query), ("orderby", "id"), ("order", "ASC")])
        return [str(row["id"]) for row in self._shaped(rows, dict[str, Any])]

    async def changed(self, query: str, since: datetime, fields: str = "LastUpdated") -> list[tuple[Change, datetime]]:
        """Those that were changed at or after the moment, with their last change; RT's times are whole seconds."""
        order = [("orderby", "LastUpdated"), ("order", "DESC"), ("fields", fields), ("fields[Creator]", "Name")]
        whole = since.replace(microsecond=0)
        found: list[tuple[Change, datetime]] = []
        async for rows in self._pages("tickets", "looking for changes", [("query", query), *order]):
            changes = [(one, moment_of(one.last_updated) or since) for one in self._shaped(rows, Change)]
            new = [(one, moment) for one, moment in changes if moment >= whole]
            found += new
            if len(new) < len(changes):
                break
        return found

    async def create(self, body: Mapping[str, Any], queue: str) -> str:
        call = Call(verb="POST", path="ticket", what="creating a ticket", json=body, reads=frozenset({400, 403}))
        answer = await self._host.call(call)
        if answer.status == 403:
            raise TicketError(
                f"{self._host.host} lets our user create no ticket in queue {queue!r}: either there is no queue of "
                f"that name, or the user lacks the right CreateTicket; see {GUIDE}"
            )
        if answer.status == 400:
            raise self._host.refused(call, answer)
        return str(self._host.shaped(call, answer, dict[str, Any])["id"])

    async def ticket(self, ticket: str) -> tuple[TicketRow, str]:
        """The ticket and its ETag. One that was merged gives that into which it was merged; one that was deleted is
        not there: a change would bring it back."""
        call = Call(
            verb="GET", path=f"ticket/{_number(ticket)}", what=f"showing ticket {ticket}", reads=frozenset({403, 404})
        )
        answer = await self._host.call(call)
        if answer.status == 404:
            raise _unknown(ticket)
        if answer.status == 403:
            raise TicketError(f"our user may not see ticket {ticket}; give it the right ShowTicket, see {GUIDE}")
        row = self._host.shaped(call, answer, TicketRow)
        if row.status == DELETED:
            raise deleted(ticket)
        return row, answer.headers.get("ETag", "")

    async def change(self, ticket: str, body: Mapping[str, Any], etag: str) -> list[str] | None:
        """What RT says to the change, which is no proof of it; None when the ticket is another since that ETag."""
        call = Call(
            verb="PUT",
            path=f"ticket/{_number(ticket)}",
            what=f"changing ticket {ticket}",
            json=body,
            headers={"If-Match": etag} if etag else {},
            reads=frozenset({404, 412}),
        )
        answer = await self._host.call(call)
        if answer.status == 404:
            raise _unknown(ticket)
        if answer.status == 412:
            return None
        said = self._host.shaped(call, answer, Any)
        return [str(one) for one in said] if isinstance(said, list) else [str(said)]

    async def comment(self, ticket: str, body: Mapping[str, Any]) -> str:
        """Add a comment; the id of its transaction."""
        path, what = f"ticket/{_number(ticket)}/comment", f"writing to ticket {ticket}"
        call = Call(verb="POST", path=path, what=what, json=body, reads=frozenset({400, 403, 404}))
        answer = await self._host.call(call)
        if answer.status == 404:
            raise _unknown(ticket)
        if answer.status in (400, 403):
            said = self._host.refused(call, answer)
            raise TicketError(f"{said}; our user needs the right CommentOnTicket, see {GUIDE}")
        return answer.headers.get("Location", "").rpartition("/")[2]

    async def happening(self, number: str) -> Happening:
        """One transaction, just made."""
        call = Call(verb="GET", path=f"transaction/{_number(number)}", what="reading back what was written")
        return await self._host.read(call, Happening)

    async def history(self, ticket: str) -> list[Happening]:
        fields = [("fields", "Type,Data,Created,Creator,NewValue"), ("fields[Creator]", "Name")]
        rows = await self._all(f"ticket/{_number(ticket)}/history", f"reading ticket {ticket}", fields)
        return self._shaped(rows, Happening)

    async def pieces(self, ticket: str) -> list[Piece]:
        rows = await self._all(f"ticket/{_number(ticket)}/attachments", f"reading ticket {ticket}", PIECE_FIELDS)
        return self._shaped(rows, Piece)

    async def pieces_of(self, happening: str) -> list[Piece]:
        """Those of one transaction, just made."""
        path = f"transaction/{_number(happening)}/attachments"
        return self._shaped(await self._all(path, "reading back a file", PIECE_FIELDS), Piece)

    async def content(self, piece: str) -> str:
        """A piece's content in base64, with line breaks."""
        call = Call(verb="GET", path=f"attachment/{_number(piece)}", what="reading a note")
        answer = await self._host.call(call)
        return self._host.shaped(call, replace(answer, body=readable(answer.body)), Content).content or ""

    async def description_ends_with(self, ticket: str, marked: str) -> bool:
        """Whether a ticket's first text ends so."""
        first = next((one for one in await self.pieces(ticket) if one.content_type == "text/plain"), None)
        if first is None:
            return False
        return base64.b64decode(await self.content(str(first.id))).decode("utf-8", "replace").rstrip().endswith(marked)

    async def _all(self, path: str, what: str, query: Sequence[tuple[str, str]]) -> list[msgspec.Raw]:
        return [row async for rows in self._pages(path, what, query) for row in rows]

    async def _pages(
        self, path: str, what: str, query: Sequence[tuple[str, str]]
    ) -> AsyncIterator[Sequence[msgspec.Raw]]:
        """Page after page: RT tells a user without special rights neither total nor pages, so a page that is not full
        is the last."""
        for number in range(1, MOST_PAGES + 1):
            pages = [("per_page", str(self._page)), ("page", str(number))]
            call = Call(verb="GET", path=path, what=what, query=[*query, *pages], reads=frozenset({404}))
            answer = await self._host.call(call)
            if answer.status == 404:
                raise NotFoundError(f"{self._host.host} has nothing at {path}; {GUIDE} says which version it takes")
            page = self._host.shaped(call, self._readable(answer), Page)
            yield page.items
            if page.count < page.per_page:
                return
        raise TicketError(f"{self._host.host} goes on and on with {what}; look at {path} there")

    def _readable(self, answer: Answer) -> Answer:
        return replace(answer, body=readable(answer.body))

    def _shaped(self, rows: Sequence[msgspec.Raw], kind: type[Shape]) -> list[Shape]:
        try:
            return [msgspec.json.decode(row, type=kind, strict=False) for row in rows]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise TicketError(
                f"{self._host.host} answered with something else than expected ({error}); check that `url` leads to "
                "RT 5",
                retryable=True,
            ) from None


def id_is(ticket: str) -> str:
    """A condition of TicketSQL."""
    return f"id = {_number(ticket)}"


def _number(ident: str) -> str:
    """RT numbers everything; anything else is not one of its ids and must not become part of a path."""
    if not (ident.isascii() and ident.isdigit() and len(ident) <= 15):
        raise _unknown(ident)
    return ident


def deleted(ticket: str) -> NotFoundError:
    return NotFoundError(f"somebody has deleted ticket {ticket} in Request Tracker")


def _unknown(ticket: str) -> NotFoundError:
    return NotFoundError(f"Request Tracker has no ticket {ticket[:40]!r}; `lineproof ticket list` shows the tickets")
