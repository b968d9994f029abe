"""An outbox with its performer, and a ticket system that a test makes fail as it likes. It keeps the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from config.clock import ManualClock
from config.database import Database
from config.errors import Blame
from inventory.model import Client, Contact, Inventory, Link, Site
from triage import bulk, inbox, outbox, repository
from triage.actuator.dryrun import DryRun
from triage.cases import Case, CaseStatus, Effect, EffectKind, Origin
from triage.evidence import EvidenceFile, EvidencePack
from triage.evidence_folder import EvidenceFolder
from triage.inputs import Answered
from triage.mail.port import Mail
from triage.model import Cause, Scope, Severity
from triage.performer import Performer
from triage.reach import Pace
from triage.repository import OutboxRow, OutboxStatus
from triage.tickets.paced import PacedTickets
from triage.tickets.port import Changes, NewTicket, Ticket, TicketError, TicketUpdate

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


def away() -> TicketError:
    return TicketError("tickets.example cannot be reached; check its address", retryable=True, blame=Blame.LINK)


@dataclass
class FarEnd:
    """Implements TicketSystem. `next` are the errors of the next calls, `before` or `after` the work is done."""

    name: str = "far"
    tickets: dict[str, str] = field(default_factory=dict)
    """External id by ticket."""
    notes: list[tuple[str, str]] = field(default_factory=list)
    calls: list[tuple[str, str]] = field(default_factory=list)
    before: list[TicketError | None] = field(default_factory=list)
    after: list[TicketError | None] = field(default_factory=list)
    gone: bool = False

    async def find(self, external_id: str) -> str | None:
        self._meet("find", external_id, [])
        return next((ticket for ticket, key in self.tickets.items() if key == external_id), None)

    async def create(self, new: NewTicket) -> str:
        self._meet("create", new.external_id, self.before)
        known = next((ticket for ticket, key in self.tickets.items() if key == new.external_id), None)
        if known is None:
            known = f"F-{len(self.tickets) + 1}"
            self.tickets[known] = new.external_id
        self._fail(self.after)
        return known

    async def add_note(self, ticket: str, key: str, text: str) -> None:
        self._meet("note", key, self.before)
        if (ticket, key) not in self.notes:
            self.notes.append((ticket, key))
        self._fail(self.after)

    async def update(self, ticket: str, key: str, update: TicketUpdate) -> None:
        await self.add_note(ticket, key, update.text)

    async def attach(self, ticket: str, file: EvidenceFile) -> None:
        raise AssertionError("nothing is attached here")

    async def show(self, ticket: str) -> Ticket:
        raise AssertionError("nothing is shown here")

    async def changed_since(self, moment: datetime, linked: Sequence[str] = ()) -> Changes:
        return Changes([])

    def _meet(self, what: str, key: str, errors: list[TicketError | None]) -> None:
        self.calls.append((what, key))
        if self.gone:
            raise away()
        self._fail(errors)

    def _fail(self, errors: list[TicketError | None]) -> None:
        error = errors.pop(0) if errors else None
        if error is not None:
            raise error


class PostBox:
    """Implements Mailer."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []

    async def send(self, mail: Mail) -> None:
        self.sent.append(mail)


class NoReports:
    async def render(self, pack: EvidencePack, case: str) -> tuple[EvidenceFile, ...]:
        return ()


class World:
    """Cases C-1, C-2... at sites of one client; `alone`: one task works on it. The engine's part is `learn`:
    cases learn their tickets."""

    def __init__(
        self,
        folder: Path,
        *,
        contacts: Sequence[Contact] = (),
        alone: bool = False,
        records: str | Path | None = None,
    ) -> None:
        self.clock = ManualClock(NOON)
        self.folder = folder
        self.database = Database(records or folder / "records.db", throwaway=alone)
        self.far = FarEnd()
        self.post: PostBox | None = PostBox()
        self.known = Inventory.of(
            [Client(id="acme", name="Acme", contacts=tuple(contacts))],
            [Site(id=f"store-{n}", client="acme") for n in range(1, 10)],
            [],
            [Link(id=f"wan-{n}", site=f"store-{n}") for n in range(1, 10)],
            [],
        )
        self.performer = self.new_performer()

    def new_performer(
        self, *, withhold: frozenset[EffectKind] = frozenset(), per_minute: int | None = None, at_once: int = 1
    ) -> Performer:
        pace = Pace(self.clock, per_minute) if per_minute else None
        tickets = PacedTickets(self.far, pace) if pace else self.far
        return Performer(
            self.database, self.clock, tickets, NoReports(), DryRun(), EvidenceFolder(self.folder), self.inventory,
            mailer=self.post, withhold=withhold, pace=pace, at_once=at_once,
        )  # fmt: skip

    async def inventory(self) -> Inventory:
        return self.known

    async def case(self, number: int, *, ticket: str | None = None) -> None:
        case = Case(
            id=f"C-{number}", client="acme", site=f"store-{number}", status=CaseStatus.OPEN, origins=(Origin.MACHINE,),
            title="Packet loss", cause=Cause.LOSS, scope=Scope.LINK, severity=Severity.MAJOR, link=f"wan-{number}",
            onset=NOON, opened_at=NOON, updated_at=NOON, ticket=ticket,
        )  # fmt: skip
        async with self.database.writing() as connection:
            await repository.save_case(connection, case)

    async def mean(self, case: int, *names: str, kind: EffectKind | None = None) -> None:
        """`ticket` opens one; anything else is a note of that name, unless a kind is given."""
        async with self.database.writing() as connection:
            for name in names:
                meant = kind or (EffectKind.OPEN_TICKET if name == "ticket" else EffectKind.NOTE_TICKET)
                effect = Effect(
                    key=f"C-{case}:{name}", kind=meant, case=f"C-{case}", title="Loss", text=f"about {name}"
                )
                await bulk.add_effects(connection, [(effect, self.clock.now())])

    async def learn(self) -> list[Answered]:
        """What the engine does with answers, as far as tickets are concerned."""
        async with self.database.writing() as connection:
            rows = await inbox.waiting(connection, limit=1000)
            answers = []
            for row in rows:
                await inbox.consume(connection, [row.seq], self.clock.now())
                assert isinstance(row.input, Answered)
                answers.append(row.input)
                if row.input.ok and row.input.ticket and row.input.kind is EffectKind.OPEN_TICKET:
                    case = await repository.case_by_id(connection, row.input.case)
                    await repository.save_case(connection, replace(case, ticket=row.input.ticket))
            return answers

    async def work(self) -> list[Answered]:
        """Perform and learn until nothing is due at this moment."""
        told: list[Answered] = []
        while True:
            tried = await self.performer.perform_due()
            news = await self.learn()
            told += news
            if not tried and not news:
                return told

    async def later(self, **time: float) -> list[Answered]:
        self.clock.move_to(self.clock.now() + timedelta(**time))
        return await self.work()

    async def rows(self, *statuses: OutboxStatus) -> list[OutboxRow]:
        async with self.database.reading() as connection:
            return await repository.outbox(connection, statuses=statuses, limit=10_000)

    async def row(self, key: str) -> OutboxRow:
        return next(row for row in await self.rows() if row.effect.key == key)

    async def retry(self, key: str, by: str = "Kim Lee") -> list[str]:
        async with self.database.writing() as connection:
            return await outbox.retry(connection, key, by, self.clock.now())

    async def give_up(self, key: str, by: str = "Kim Lee") -> list[str]:
        async with self.database.writing() as connection:
            return await outbox.give_up(connection, key, by, self.clock.now())
