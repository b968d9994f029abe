"""ServiceNow incidents as a TicketSystem. The Table API refuses no duplicate: our key is in `correlation_id`, which is
searched for before each create, and each write is read back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from config.errors import NotFoundError
from triage.evidence import EvidenceFile
from triage.tickets.http import Call, FixedLogin, TicketHost, path_of
from triage.tickets.moments import moment_of
from triage.tickets.notes import mark, parts, printable
from triage.tickets.port import Changes, NewTicket, Ticket, TicketError, TicketStatus, TicketUpdate, named_at_once
from triage.tickets.server import basic
from triage.tickets.servicenow import mapping
from triage.tickets.servicenow.mapping import AttachmentRecord, JournalEntry, Record, query
from triage.tickets.servicenow.settings import ServiceNowSettings
from triage.tickets.wording import words_of

Row = TypeVar("Row")
MOST_PAGES = 1000
NOTHING_FOUND = b"No Record found"
"""How some releases answer a query without results, with 404."""


class _Result(msgspec.Struct, Generic[Row], frozen=True):
    result: Row


class _Reference(msgspec.Struct, frozen=True):
    sys_id: str


class ServiceNowTickets:
    """Implements TicketSystem. A ticket's id is the record's number, as people know it."""

    name = "servicenow"

    def __init__(self, settings: ServiceNowSettings) -> None:
        self._settings = settings
        if settings.token is not None:
            secret, authorization = settings.token, f"Bearer {settings.token.get_secret_value()}"
        else:
            assert settings.password is not None  # noqa: S101 - the settings were validated
            secret, authorization = settings.password, basic(settings.username, settings.password)
        self._host = TicketHost(
            str(settings.url),
            FixedLogin({"Authorization": authorization}),
            timeout=settings.timeout,
            ca_file=settings.ca_file,
            secrets=(secret,),
        )

    async def close(self) -> None:
        await self._host.close()

    async def find(self, external_id: str) -> str | None:
        found = await self._with_key(external_id)
        return found[0].number if found else None

    async def create(self, new: NewTicket) -> str:
        known = await self.find(new.external_id)
        if known is None:
            references = await self._references(TicketUpdate(queue=self._settings.group or None))
            if self._settings.caller:
                references["caller_id"] = await self._sys_id("sys_user", "user_name", self._settings.caller)
            if new.parent:
                references["parent_incident"] = (await self._read(new.parent)).sys_id
            body = mapping.new_record(new, references, self._settings)
            call = Call(verb="POST", path=self._table(), what="creating an incident", query=RAW, json=body)
            made = (await self._host.read(call, _Result[Record])).result
            known = await self._settled(new.external_id, made)
        for number, page in enumerate(mapping.text_pages(new, self._settings)[1:], 2):
            await self.add_note(known, f"{new.external_id}/{number}", page)
        return known

    async def add_note(self, ticket: str, key: str, text: str) -> None:
        if printable(text):
            await self.update(ticket, key, TicketUpdate(text=text))
        else:
            await self._read(ticket)

    async def update(self, ticket: str, key: str, update: TicketUpdate) -> None:
        """The change goes with the last page of its words in one PATCH: that page's mark says that both were done."""
        record = await self._read(ticket)
        if update == TicketUpdate():
            return
        written = [entry.value for entry in await self._journal(record)]
        text = printable(update.text) or words_of(update)
        notes = parts(text, key, self._settings.text_characters)
        left = [(part, note) for part, note in notes if not _has(written, part)]
        if _has(written, notes[-1][0]):
            return
        fields = mapping.changed_fields(update, await self._references(update), self._settings)
        for _, note in left[:-1]:
            await self._patch(record, {self._settings.notes: note})
        await self._patch(record, {**fields, self._settings.notes: notes[-1][1]})
        missing = mapping.not_taken(await self._read(ticket), fields, update)
        written = [entry.value for entry in await self._journal(record)]
        missing += [f"{self._settings.notes} lack page {part}" for part, _ in notes if not _has(written, part)]
        if missing:
            raise TicketError(
                f"{self._host.host} answered the change of {ticket} with success, but {'; '.join(missing)}: change "
                "it by hand, and compare the settings with the instance's business rules and data policies"
            )

    async def attach(self, ticket: str, file: EvidenceFile) -> None:
        record = await self._read(ticket)
        if await self._is_attached(record, file):
            return
        where = [("table_name", self._settings.table), ("table_sys_id", record.sys_id), ("file_name", file.name)]
        call = Call(
            verb="POST",
            path="api/now/attachment/file",
            what=f"attaching {file.name} to {ticket}",
            query=where,
            content=file.content,
            headers={"Content-Type": file.media_type},
        )
        await self._host.call(call)
        if not await self._is_attached(record, file):
            raise TicketError(
                f"{self._host.host} took {file.name} for {ticket} and does not show it, or not whole; attach it by "
                "hand and look at the instance's limits for attachments (size, types)"
            )

    async def show(self, ticket: str) -> Ticket:
        record = await self._read(ticket)
        return mapping.ticket_of(record, await self._journal(record), await self._files(record), self._settings)

    async def changed_since(self, moment: datetime, linked: Sequence[str] = ()) -> Changes:
        """Times there are of whole seconds."""
        whole = moment.replace(microsecond=0)
        rows: dict[str, Record] = {}
        for some in named_at_once(linked):
            wanted = query(
                ("correlation_display", "STARTSWITH", mapping.DISPLAY),
                *([("ORnumber", "IN", ",".join(some))] if some else []),
                ("sys_updated_on", ">=", mapping.moment_text(whole)),
            )
            found = await self._listed(self._table(), wanted, mapping.FIELDS, Record, "listing changed incidents")
            rows |= {row.number: row for row in found}
        shown = {number: moment_of(row.sys_updated_on) for number, row in rows.items()}
        changed = {number: updated for number, updated in shown.items() if updated is None or updated >= whole}
        return Changes(list(changed), max((one for one in changed.values() if one is not None), default=None))

    async def _with_key(self, external_id: str) -> list[Record]:
        """Active ones first, then the oldest. The key is compared here too: an instance drops a term of a query that
        it does not understand, and then answers with every record."""
        key = mapping.correlation(external_id, self._settings)
        wanted = query(("correlation_id", "=", key))
        rows = await self._listed(self._table(), wanted, mapping.FIELDS, Record, "looking for an incident")
        found = [row for row in rows if row.correlation_id == key]
        return sorted(found, key=lambda row: (row.active != "true", row.sys_created_on, row.number))

    async def _settled(self, external_id: str, made: Record) -> str:
        """Of two that were opened at once the older one stays; ours is cancelled when it is the other."""
        found = await self._with_key(external_id)
        if not found:
            raise TicketError(
                f"{self._host.host} opened {made.number} and does not find it by correlation_id {external_id}; close "
                f"{made.number} by hand, and let our user read and write correlation_id"
            )
        winner = found[0].number
        if winner != made.number and made.number in {row.number for row in found}:
            duplicate = TicketUpdate(status=TicketStatus.CANCELLED, text=f"Opened twice at once; see {winner}.")
            await self.update(made.number, f"{external_id}:duplicate", duplicate)
        return winner

    async def _read(self, ticket: str) -> Record:
        rows = await self._listed(
            self._table(), query(("number", "=", ticket)), mapping.FIELDS, Record, f"reading {ticket}"
        )
        found = next((row for row in rows if row.number == ticket), None)
        if found is None:
            raise NotFoundError(
                f"{self._host.host} shows no ticket {ticket}; look whether somebody deleted it, or our user "
                "may not see it"
            )
        return found

    async def _journal(self, record: Record) -> list[JournalEntry]:
        wanted = query(("element_id", "=", record.sys_id), ("element", "IN", "work_notes,comments"))
        path = path_of("api", "now", "table", "sys_journal_field")
        return await self._listed(
            path, wanted, mapping.JOURNAL_FIELDS, JournalEntry, f"reading {record.number}'s notes"
        )

    async def _files(self, record: Record) -> list[AttachmentRecord]:
        wanted = query(("table_name", "=", self._settings.table), ("table_sys_id", "=", record.sys_id))
        return await self._listed(
            "api/now/attachment", wanted, "", AttachmentRecord, f"listing {record.number}'s attachments"
        )

    async def _is_attached(self, record: Record, file: EvidenceFile) -> bool:
        for one in await self._files(record):
            if not mapping.may_be(file, one):
                continue
            if one.hash:
                return True
            path = path_of("api", "now", "attachment", one.sys_id, "file")
            kept = await self._host.call(Call(verb="GET", path=path, what=f"reading {one.file_name} back"))
            if kept.body == file.content:
                return True
        return False

    async def _references(self, update: TicketUpdate) -> dict[str, str]:
        """sys_ids of owner and group: a name that does not exist would be taken silently as nobody."""
        found = {}
        if update.owner is not None:
            found["assigned_to"] = await self._sys_id("sys_user", "user_name", update.owner) if update.owner else ""
        if update.queue is not None:
            found["assignment_group"] = await self._sys_id("sys_user_group", "name", update.queue)
        return found

    async def _sys_id(self, table: str, field: str, name: str) -> str:
        path = path_of("api", "now", "table", table)
        rows = await self._listed(path, query((field, "=", name)), f"sys_id,{field}", dict[str, str], f"finding {name}")
        for row in rows:
            if row.get(field) == name:
                return row["sys_id"]
        raise TicketError(f"{self._host.host} has no {table} {name!r}; use a name that it knows, or make it there")

    async def _patch(self, record: Record, fields: dict[str, str]) -> None:
        path = path_of("api", "now", "table", self._settings.table, record.sys_id)
        what = f"changing {record.number}"
        await self._host.call(Call(verb="PATCH", path=path, what=what, query=RAW, json=fields))

    async def _listed(self, path: str, wanted: str, fields: str, kind: type[Row], what: str) -> list[Row]:
        """All pages, by the Link header: a page may be short, even empty, where our user may not read some records, and
        an instance may give fewer at once than we ask for; the header then says where the next page begins."""
        rows: list[Row] = []
        offset = 0
        for _ in range(MOST_PAGES):
            paged = [
                ("sysparm_query", wanted),
                ("sysparm_limit", str(self._settings.page)),
                ("sysparm_offset", str(offset)),
                *([("sysparm_fields", fields)] if fields else []),
                *RAW,
            ]
            call = Call(verb="GET", path=path, what=what, query=paged, reads=frozenset({404}))
            answer = await self._host.call(call)
            if answer.status == 404:
                if NOTHING_FOUND in answer.body:
                    return rows
                raise self._host.refused(call, answer)
            rows += self._host.shaped(call, answer, _Result[list[kind]]).result  # type: ignore[valid-type]
            following = mapping.next_offset(answer.headers.getall("Link", []), offset + self._settings.page)
            if following is None or following <= offset:
                return rows
            offset = following
        raise TicketError(
            f"{self._host.host} gives more than {MOST_PAGES} pages for {what}; raise `page` in the settings",
            retryable=True,
        )

    def _table(self) -> str:
        return path_of("api", "now", "table", self._settings.table)


RAW = (("sysparm_display_value", "false"), ("sysparm_exclude_reference_link", "true"))


def _has(written: Sequence[str], key: str) -> bool:
    return any(value.rstrip().endswith(mark(key)) for value in written)
