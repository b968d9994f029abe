"""A TMF621 server as a TicketSystem. The standard has no idempotency key: `externalId`, in version 5
`externalIdentifier`, is searched for before each create, and each write is read back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from config.clock import Clock, rfc3339
from config.errors import NotFoundError
from triage.evidence import EvidenceFile
from triage.tickets.client_credentials import ClientCredentials
from triage.tickets.http import Call, FixedLogin, HttpLogin, TicketHost, path_of
from triage.tickets.moments import moment_of
from triage.tickets.notes import mark, printable
from triage.tickets.port import Changes, NewTicket, Ticket, TicketError, TicketStatus, TicketUpdate
from triage.tickets.tmf621 import mapping
from triage.tickets.tmf621.documents import TicketDocument
from triage.tickets.tmf621.settings import Patching, Tmf621Settings
from triage.tickets.wording import words_of

TICKETS = "troubleTicket"
MOST_PAGES = 1000


class Tmf621Tickets:
    """Implements TicketSystem for servers of TMF621 version 4 or 5."""

    name = "tmf621"

    def __init__(self, settings: Tmf621Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._login = _login(settings)
        secrets = [secret for secret in (settings.token, settings.client_secret) if secret is not None]
        self._host = TicketHost(
            str(settings.url), self._login, timeout=settings.timeout, ca_file=settings.ca_file, secrets=secrets
        )

    async def close(self) -> None:
        await self._host.close()
        if isinstance(self._login, ClientCredentials):
            await self._login.close()

    async def find(self, external_id: str) -> str | None:
        found = await self._with_key(external_id)
        return found[0] if found else None

    async def create(self, new: NewTicket) -> str:
        known = await self.find(new.external_id)
        if known is not None:
            return known
        body = mapping.new_document(new, self._settings)
        call = Call(verb="POST", path=TICKETS, what="creating a ticket", json=body, reads=frozenset({409}))
        answer = await self._host.call(call)
        if answer.status in (202, 409):
            known = await self.find(new.external_id)
            if known is None:
                raise TicketError(
                    f"{self._host.host} answered the creation of {new.external_id} with {answer.status} and shows no "
                    "such ticket yet; it is looked for again before it is created again",
                    retryable=True,
                )
            return known
        ours = self._host.shaped(call, answer, TicketDocument).id
        return await self._settled(new.external_id, ours)

    async def add_note(self, ticket: str, key: str, text: str) -> None:
        if printable(text):
            await self._write(ticket, key, TicketUpdate(text=text))
        else:
            await self._read(ticket)

    async def update(self, ticket: str, key: str, update: TicketUpdate) -> None:
        if update == TicketUpdate():
            await self._read(ticket)
            return
        await self._write(ticket, key, update)

    async def attach(self, ticket: str, file: EvidenceFile) -> None:
        document, raw, etag = await self._read(ticket)
        if mapping.is_attached(document, file):
            return
        item = mapping.attachment(file, self._settings)
        await self._patch(ticket, raw, etag, {}, {"attachment": [item]})
        after, _, _ = await self._read(ticket)
        if not mapping.is_attached(after, file):
            raise TicketError(
                f"{self._host.host} took {file.name} for ticket {ticket} and does not show it, or shows another "
                "content; attach it by hand and ask its operator whether attachments by value are kept"
            )

    async def show(self, ticket: str) -> Ticket:
        document, _, _ = await self._read(ticket)
        return mapping.ticket_of(document, self._settings)

    async def changed_since(self, moment: datetime, linked: Sequence[str] = ()) -> Changes:  # noqa: ARG002
        """All of the server's, whoever opened them. Filtered here too, for a server may know no `lastUpdate.gte`."""
        query = [("lastUpdate.gte", rfc3339(moment)), ("fields", "id,status,creationDate,lastUpdate")]
        tickets = await self._listed(query, "listing changed tickets")
        shown = {one.id: moment_of(one.last_update) for one in tickets}
        changed = {id_: updated for id_, updated in shown.items() if updated is None or updated >= moment}
        return Changes(list(changed), max((one for one in changed.values() if one is not None), default=None))

    async def _with_key(self, external_id: str) -> list[str]:
        """Ids of the tickets with our key, the oldest first; the filter is checked here, for a server may ignore it."""
        name = "externalId" if self._settings.version == 4 else "externalIdentifier.id"
        field = name.partition(".")[0]
        query = [(name, external_id), ("fields", f"id,creationDate,status,{field}")]
        found = [one for one in await self._listed(query, "looking for a ticket") if external_id in one.keys]
        return [one.id for one in sorted(found, key=lambda one: (one.creation_date or "", one.id))]

    async def _settled(self, external_id: str, ours: str) -> str:
        """Of two that were opened at once the older one stays; ours says so when it is the other."""
        found = await self._with_key(external_id)
        if not found:
            raise TicketError(
                f"{self._host.host} opened ticket {ours} and does not find it by our key {external_id}; close {ours} "
                "by hand, and ask its operator to keep and filter externalIdentifier (version 4: externalId)"
            )
        winner = found[0]
        if winner != ours and ours in found:
            duplicate = TicketUpdate(status=TicketStatus.CANCELLED, text=f"Opened twice at once; see {winner}.")
            await self._write(ours, f"{external_id}:duplicate", duplicate)
        return winner

    async def _write(self, ticket: str, key: str, update: TicketUpdate) -> None:
        """One PATCH for the change and its note, so that the note's mark says whether both were done."""
        document, raw, etag = await self._read(ticket)
        if _has(document, key):
            return
        text = update.text if printable(update.text) else words_of(update)
        added = {"note": [mapping.note(text, key, self._clock.now(), self._settings)]}
        parties = mapping.parties_of(update, self._settings)
        if parties:
            added["relatedParty"] = parties
        await self._patch(ticket, raw, etag, mapping.scalars_of(update, self._settings), added)
        after, _, _ = await self._read(ticket)
        missing = mapping.not_taken(after, update, self._settings)
        if not _has(after, key):
            missing.append("our note is not there")
        lost = {one.id for one in document.note or () if one.id} - {one.id for one in after.note or ()}
        if lost and self._settings.patching is Patching.MERGE:
            missing.append(f"notes {', '.join(sorted(lost))} are gone")
        if missing:
            raise TicketError(
                f"{self._host.host} answered the change of ticket {ticket} with success, but {'; '.join(missing)}: "
                "change it by hand, and compare `severities`, roles and `patch` in the settings with what it takes"
            )

    async def _read(self, ticket: str) -> tuple[TicketDocument, dict[str, Any], str]:
        """The ticket, the same as it was sent, and its ETag."""
        path = path_of(TICKETS, ticket)
        call = Call(verb="GET", path=path, what=f"reading ticket {ticket}", reads=frozenset({404}))
        answer = await self._host.call(call)
        if answer.status == 404:
            raise NotFoundError(f"{self._host.host} has no ticket {ticket}; look whether somebody deleted it there")
        raw = self._host.shaped(call, answer, dict[str, Any])
        document = self._host.shaped(call, answer, TicketDocument)
        return document, raw, answer.headers.get("ETag", "")

    async def _patch(
        self,
        ticket: str,
        raw: dict[str, Any],
        etag: str,
        scalars: mapping.Document,
        added: dict[str, list[mapping.Document]],
    ) -> None:
        body: object
        if self._settings.patching is Patching.JSON_PATCH:
            body, media_type = mapping.json_patch(raw, scalars, added), "application/json-patch+json"
        else:
            merged = mapping.merge_patch(raw, scalars, added)
            version5 = self._settings.version == 5
            body = {"@type": "TroubleTicket", **merged} if version5 else merged
            media_type = "application/merge-patch+json" if version5 else "application/json"
        what = f"changing ticket {ticket}"
        headers = {"Content-Type": media_type, **({"If-Match": etag} if etag else {})}
        call = Call(
            verb="PATCH",
            path=path_of(TICKETS, ticket),
            what=what,
            content=msgspec.json.encode(body),
            headers=headers,
            reads=frozenset({415}),
        )
        answer = await self._host.call(call)
        if answer.status == 415:
            other = Patching.MERGE if self._settings.patching is Patching.JSON_PATCH else Patching.JSON_PATCH
            raise TicketError(
                f"{self._host.host} takes no {media_type} for {what}; set `patch: {other.value}` in the settings"
            )

    async def _listed(self, query: list[tuple[str, str]], what: str) -> list[TicketDocument]:
        """All pages: by X-Total-Count where it is told, else until a page is short; a page may be shorter than asked
        for, with 206."""
        found: dict[str, TicketDocument] = {}
        offset = 0
        for _ in range(MOST_PAGES):
            paged = [*query, ("offset", str(offset)), ("limit", str(self._settings.page))]
            call = Call(verb="GET", path=TICKETS, what=what, query=paged)
            answer = await self._host.call(call)
            page = self._host.shaped(call, answer, list[TicketDocument])
            before = len(found)
            found |= {one.id: one for one in page}
            offset += len(page)
            told = answer.headers.get("X-Total-Count", "")
            complete = offset >= int(told) if told.isdecimal() else len(page) < self._settings.page
            if len(found) == before or (complete and (answer.status != 206 or told.isdecimal())):
                return list(found.values())
        raise TicketError(
            f"{self._host.host} gives more than {MOST_PAGES} pages for {what}; check whether it knows the filter",
            retryable=True,
        )


def _has(document: TicketDocument, key: str) -> bool:
    return any((one.text or "").rstrip().endswith(mark(key)) for one in document.note or ())


def _login(settings: Tmf621Settings) -> HttpLogin:
    if settings.token is not None:
        return FixedLogin({"Authorization": f"Bearer {settings.token.get_secret_value()}"})
    assert settings.client_secret is not None  # noqa: S101 - the settings were validated
    return ClientCredentials(
        settings, str(settings.token_url), settings.client_id, settings.client_secret, settings.scope
    )
