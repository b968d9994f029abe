"""A repair API as a TicketSystem. It keeps no key of ours, but opens no second ticket for a line: it says which one is
there, which we join. So a creation that broke off is simply made again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime

from config.clock import Clock
from config.database import Database
from config.errors import NotFoundError
from triage.evidence import EvidenceFile
from triage.metrics import REPAIR_NOT_CREATED
from triage.model import Severity
from triage.tickets.client_credentials import ClientCredentials
from triage.tickets.http import Call, TicketHost, path_of
from triage.tickets.mirror import Mirror, Mirrored
from triage.tickets.notes import mark, marked, parts, printable
from triage.tickets.port import Changes, NewTicket, Ticket, TicketError, TicketStatus, TicketUpdate
from triage.tickets.repair_api import mapping
from triage.tickets.repair_api.mapping import Basic, BasicPage, Code, Detail, Details, NextResults, RepairAnswer
from triage.tickets.repair_api.settings import RepairApiSettings
from triage.tickets.wording import words_of

MOST_PAGES = 1000
FIRST_WAIT = 0.5
"""Seconds before something that is not readable yet is read again; then twice as long each time."""


class RepairApiTickets:
    """Implements TicketSystem. Statuses beside open, resolved and closed, owners and files have no call in such an API:
    a note tells them."""

    name = "repair_api"

    def __init__(self, settings: RepairApiSettings, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._mirror = Mirror(database, clock)
        self._login = ClientCredentials(
            settings, str(settings.token_url), settings.client_id, settings.client_secret, settings.scope
        )
        self._host = TicketHost(
            str(settings.url),
            self._login,
            timeout=settings.timeout,
            ca_file=settings.ca_file,
            secrets=(settings.client_secret,),
        )

    async def close(self) -> None:
        await self._host.close()
        await self._login.close()

    async def find(self, external_id: str) -> str | None:
        """In our own tables, but the log-in is tried: who cannot reach the system does not know what is there."""
        await self._login.headers()
        known = await self._mirror.find(external_id)
        return known.remote if known else None

    async def create(self, new: NewTicket) -> str:
        known = await self.find(new.external_id)
        if known is not None:
            return known
        line, client = mapping.line_of(new), mapping.client_of(new, self._settings)
        texts = mapping.repair_pages(new, self._settings)
        body = {"ClientID": client, "WTNs": [line], "RequestDescription": texts[0]}
        call = Call(verb="POST", path="api/Ticket/repair", what="opening a repair ticket", json=body)
        item = mapping.item_of(await self._host.read(call, RepairAnswer), line)
        if item is None or item.ticket_id == 0:
            REPAIR_NOT_CREATED.inc()
            raise TicketError(
                f"{self._host.host} answered 200 and opened no ticket for {line}"
                f" ({(item.error_message if item else None) or 'without a reason'}); asking again later",
                retryable=True,
            )
        code = item.error_code or Code.CREATED
        if code not in set(Code):
            raise TicketError(
                f"{self._host.host} answered the repair of {line} with code {code} "
                f"({item.error_message or 'no words'}), which we do not know; open it by hand"
            )
        ticket = str(item.ticket_id)
        detail = await self._line(ticket, line)
        if code == Code.RESOLVED_EXISTS:
            await self._set_line(ticket, detail, mapping.OPEN)
        untold = texts if code != Code.CREATED else texts[1:]
        for number, text in enumerate(untold, 1):
            await self._add(ticket, detail, f"{new.external_id}:text/{number}", text)
        if new.severity is not None:
            await self._open_with(new.severity, Mirrored.of_new(new, ticket, line), joined=code != Code.CREATED)
        await self._mirror.remember(new, ticket, line)
        return ticket

    async def add_note(self, ticket: str, key: str, text: str) -> None:
        known = await self._known(ticket)
        detail = await self._line(ticket, known.line)
        if printable(text):
            await self._add(ticket, detail, key, text)

    async def attach(self, ticket: str, file: EvidenceFile) -> None:
        """There is nowhere to put a file: a note says which one we keep."""
        digest = hashlib.sha256(file.content).hexdigest()
        text = f"Evidence kept with us, sent on request: {file.name}, {len(file.content)} bytes, SHA-256 {digest}"
        await self.add_note(ticket, f"file:{file.name}:{digest}", text)

    async def update(self, ticket: str, key: str, update: TicketUpdate) -> None:
        """The words come last: their mark says that all was done."""
        known = await self._known(ticket)
        detail = await self._line(ticket, known.line)
        if update == TicketUpdate():
            return
        text = printable(update.text) or words_of(update)
        last_part = parts(text, key, self._settings.note_characters)[-1][0]
        if _has(await self._details(ticket), last_part):
            return
        told = False
        if update.severity is not None:
            alone = update == TicketUpdate(severity=update.severity)
            told = await self._set_severity(known, update.severity, key if alone else f"{key}/severity") and alone
        if update.queue is not None:
            await self._set_queue(ticket, detail, update.queue)
        line_status = mapping.line_status(update)
        if line_status is not None:
            await self._set_line(ticket, detail, line_status)
        if update.status is TicketStatus.CLOSED:
            await self._put(ticket, "close", {"CloseNote": marked(text, f"{key}/close")}, "closing ticket")
        if not told:
            await self._add(ticket, detail, key, text)

    async def show(self, ticket: str) -> Ticket:
        known = await self._known(ticket)
        shown = mapping.ticket_of(known, await self._basic(known), await self._details(ticket), self._settings)
        if shown.status is TicketStatus.CLOSED:
            await self._mirror.ended(ticket)
        return shown

    async def changed_since(self, moment: datetime, linked: Sequence[str] = ()) -> Changes:  # noqa: ARG002
        """All that are not closed: the API tells when a ticket was opened, not when it was touched."""
        return Changes(await self._mirror.not_ended())

    async def _known(self, ticket: str) -> Mirrored:
        await self._login.headers()
        known = await self._mirror.of(ticket)
        if known is None:
            raise NotFoundError(f"no ticket {ticket} was opened by us at {self._host.host}; `lineproof ticket list`")
        return known

    async def _line(self, ticket: str, line: str) -> Detail:
        details = await self._until(ticket, lambda shown: shown.of_line(line) is not None, f"line {line}")
        found = details.of_line(line)
        assert found is not None  # noqa: S101 - waited for
        return found

    async def _add(self, ticket: str, detail: Detail, key: str, text: str) -> None:
        """Those pages that are not there yet, in one call, and read back."""
        wanted = parts(printable(text), key, self._settings.note_characters)
        details = await self._details(ticket)
        left = [note for part, note in wanted if not _has(details, part)]
        if not left:
            return
        about = {"detailId": detail.detail_id, "serviceNumber": detail.detail_value}
        notes = [{"noteValue": note, "noteType": self._settings.note_type, **about} for note in left]
        path = path_of("api", "Ticket", ticket, "notes", "advanced")
        await self._host.call(Call(verb="POST", path=path, what=f"adding notes to {ticket}", json={"notes": notes}))
        await self._until(ticket, lambda shown: all(_has(shown, part) for part, _ in wanted), "our note")

    async def _set_line(self, ticket: str, detail: Detail, status: str) -> None:
        if detail.detail_status == status:
            return
        if status == mapping.RESOLVED:
            body = {"serviceNumber": detail.detail_value, "detailId": detail.detail_id}
            path = path_of("api", "Ticket", ticket, "detail", "unpause")
            await self._host.call(Call(verb="POST", path=path, what=f"un-pausing ticket {ticket}", json=body))
        where = path_of("details", str(detail.detail_id), "status")
        await self._put(ticket, where, {"Status": status}, "changing the line's status of ticket")
        line = detail.detail_value or ""
        await self._until(ticket, lambda shown: _line_is(shown, line, status), f"line {line} as {status!r}")

    async def _set_queue(self, ticket: str, detail: Detail, queue: str) -> None:
        desk = mapping.desk_of(queue, self._settings)
        if detail.current_task_name == desk.task:
            return
        asked = [("ServiceNumber", detail.detail_value or ""), ("DetailId", str(detail.detail_id))]
        call = Call(verb="GET", path=path_of("api", "Ticket", ticket, "nextresult"),
                    what=f"asking where ticket {ticket} can go", query=asked)  # fmt: skip
        results = (await self._host.read(call, NextResults)).next_results or []
        chosen = next((one for one in results if one.result_name == desk.result), None)
        if chosen is None:
            names = ", ".join(sorted(one.result_name for one in results)) or "nowhere"
            raise TicketError(
                f"ticket {ticket} cannot go to {queue} by {desk.result!r} from here; it can go by {names}: name one in "
                "`desks` in the settings"
            )
        about = {"detailId": detail.detail_id, "serviceNumber": detail.detail_value}
        body = {"details": [about], "notes": [], "resultTypeId": chosen.result_type_id}
        await self._put(ticket, path_of("details", "work"), body, "handing over ticket")
        line = detail.detail_value or ""
        await self._until(ticket, lambda shown: _task_is(shown, line, desk.task), f"line {line} at {desk.task}")

    async def _open_with(self, severity: Severity, known: Mirrored, *, joined: bool) -> None:
        """A ticket that we join has lines that are not ours: its severity is never lowered."""
        wanted = self._settings.severities[severity]
        if not joined or ((await self._basic(known)).severity or "9") > wanted:
            await self._set_severity(known, severity, f"{known.key}:severity")

    async def _set_severity(self, known: Mirrored, severity: Severity, key: str) -> bool:
        """Only where it changes, for its reason becomes a note; whether it did."""
        wanted = self._settings.severities[severity]
        if (await self._basic(known)).severity == wanted:
            return False
        reason = marked(f"Severity: {severity.value}.", key)
        await self._put(known.remote, "severity", {"Severity": int(wanted), "Reason": reason}, "setting severity of")
        shown = (await self._basic(known)).severity
        if shown != wanted:
            raise TicketError(
                f"{self._host.host} took severity {wanted} of ticket {known.remote} and shows {shown!r}; set it by hand"
            )
        return True

    async def _put(self, ticket: str, where: str, body: object, what: str) -> None:
        path = f"{path_of('api', 'Ticket', ticket)}/{where}"
        await self._host.call(Call(verb="PUT", path=path, what=f"{what} {ticket}", json=body))

    async def _details(self, ticket: str) -> Details:
        path = path_of("api", "Ticket", ticket, "details")
        call = Call(verb="GET", path=path, what=f"reading ticket {ticket}", reads=frozenset({404}))
        answer = await self._host.call(call)
        return Details() if answer.status == 404 else self._host.shaped(call, answer, Details)

    async def _until(self, ticket: str, there: Callable[[Details], bool], what: str) -> Details:
        """The ticket's lines and notes once they show it: what was written is readable later. Waits on the clock, twice
        as long each time, up to the settings' `readable_within` in all."""
        waited, wait = 0.0, FIRST_WAIT
        while True:
            details = await self._details(ticket)
            if there(details):
                return details
            if waited >= self._settings.readable_within:
                raise TicketError(
                    f"{self._host.host} does not show {what} of ticket {ticket} after {waited:g} s; asking again later",
                    retryable=True,
                )
            wait = min(wait, self._settings.readable_within - waited)
            await self._clock.sleep(wait)
            waited, wait = waited + wait, wait * 2

    async def _basic(self, known: Mirrored) -> Basic:
        """All tickets of the line, page by page, until ours: to the end of the pages, whatever `total` says."""
        client = self._settings.clients.get(known.client, 0)
        wanted = [("ClientId", str(client)), ("ServiceNumber", known.line), ("PageSize", str(self._settings.page))]
        wanted += [("TicketStatus", status) for status in mapping.STATUSES]
        seen: set[int] = set()
        for number in range(1, MOST_PAGES + 1):
            query = [*wanted, ("PageNumber", str(number))]
            call = Call(verb="GET", path="api/Ticket/basic", what=f"listing tickets of {known.line}", query=query)
            page = (await self._host.read(call, BasicPage)).responses or []
            for one in page:
                if str(one.ticket_id) == known.remote:
                    return one
            if not {one.ticket_id for one in page} - seen:
                break
            seen |= {one.ticket_id for one in page}
        raise NotFoundError(f"{self._host.host} lists no ticket {known.remote} of {known.line}; look for it there")


def _has(details: Details, key: str) -> bool:
    return any((one.note_value or "").rstrip().endswith(mark(key)) for one in details.ticket_notes or ())


def _line_is(details: Details, line: str, status: str) -> bool:
    detail = details.of_line(line)
    return detail is not None and detail.detail_status == status


def _task_is(details: Details, line: str, task: str) -> bool:
    detail = details.of_line(line)
    return detail is not None and detail.current_task_name == task
