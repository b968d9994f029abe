"""What people do in the ticket system comes to the case: each thing once, in order, and nothing of our own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, update

from config.clock import Clock, ManualClock, epoch_ms
from config.database import Database
from config.errors import NotFoundError
from inventory.model import Inventory, Link, Site
from triage import bulk, inbox, outbox, repository, tables
from triage.cases import Case, CaseStatus, Effect, EffectKind, Origin
from triage.inputs import Opening, PersonAct, PersonActed, TicketChanged
from triage.model import Cause, Scope, Severity
from triage.repository import OutboxStatus
from triage.ticket_comparison import Seen, change_by_people, opens, seen_now
from triage.ticket_records import keep_ticket, last_change_seen
from triage.ticket_watch import TicketWatch
from triage.tickets.builtin import BuiltinTickets
from triage.tickets.port import (
    Changes,
    NewTicket,
    PersonsTicket,
    Ticket,
    TicketError,
    TicketNote,
    TicketStatus,
    TicketUpdate,
)

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
SEEN = Seen(
    status=TicketStatus.ACKNOWLEDGED, owner="", queue="NOC", severity="2", notes=("1",), changes=0, looked=NOON
)  # fmt: skip


def shown(**changes: object) -> Ticket:
    """A ticket as it was seen, but for these."""
    ticket = Ticket(
        id="T-1", external_id="C-1:ticket", status=SEEN.status, severity=SEEN.severity, name="", description="",
        client="acme", site="s", created_at=NOON, updated_at=NOON, resolved_at=None, owner=SEEN.owner,
        queue=SEEN.queue,
    )  # fmt: skip
    return replace(ticket, **changes)


def asking(**changes: object) -> Effect:
    return Effect(key="k", kind=EffectKind.UPDATE_TICKET, case="C-1", **changes)  # type: ignore[arg-type]


def test_a_ticket_that_shows_what_it_showed_is_no_news():
    assert change_by_people("C-1", SEEN, shown(), []) is None


@pytest.mark.parametrize(
    ("now", "ours"),
    [
        ({"status": TicketStatus.IN_PROGRESS}, {"status": TicketStatus.ACKNOWLEDGED}),
        ({"status": TicketStatus.PENDING}, {"status": TicketStatus.HELD}),
        ({"status": TicketStatus.RESOLVED}, {"status": TicketStatus.CLOSED}),
        ({"owner": "kim"}, {"owner": "Kim"}),
        ({"queue": "Field Operations"}, {"queue": "field"}),
        ({"severity": "1"}, {"severity": Severity.CRITICAL}),
    ],
)
def test_what_we_asked_is_ours_in_the_systems_words_too(now, ours):
    """RT has one status for all ends, and nobody has our names for queues and severities."""
    assert change_by_people("C-1", SEEN, shown(**now), [asking(**ours)]) is None
    assert (change_by_people("C-1", SEEN, shown(**now), []) is None) is ("severity" in now)


@pytest.mark.parametrize(
    ("now", "ours"),
    [
        ({"status": TicketStatus.RESOLVED}, {"status": TicketStatus.IN_PROGRESS}),
        ({"status": TicketStatus.IN_PROGRESS}, {"status": TicketStatus.PENDING}),
        ({"owner": "Bo"}, {"owner": "Kim"}),
        ({"queue": "Field"}, {"owner": "Kim"}),
    ],
)
def test_what_differs_from_what_we_asked_is_a_persons(now, ours):
    change = change_by_people("C-1", SEEN, shown(**now), [asking(**ours)])
    assert change is not None
    assert {name: getattr(change, name) for name in now} == now


def test_our_own_end_is_no_persons():
    ended = shown(status=TicketStatus.RESOLVED)
    assert change_by_people("C-1", SEEN, ended, [replace(asking(), kind=EffectKind.RESOLVE_TICKET)]) is None


def test_the_first_look_knows_how_a_ticket_begins():
    assert change_by_people("C-1", None, shown(queue="NOC", severity="critical"), []) is None
    assert change_by_people("C-1", None, shown(status=TicketStatus.IN_PROGRESS), []) is None
    taken = change_by_people("C-1", None, shown(owner="Bo", status=TicketStatus.RESOLVED), [])
    assert taken is not None
    assert (taken.owner, taken.status, taken.by) == ("Bo", TicketStatus.RESOLVED, "Bo")


def test_a_note_that_was_deleted_stays_known():
    note = TicketNote(id="2", author="Bo", made_at=NOON, text="x")
    assert seen_now(SEEN, shown(notes=(note,)), NOON, changed=False).notes == ("1", "2")


class Meanwhile(BuiltinTickets):
    """People go on working there while we look."""

    hidden = ""
    """A ticket that is not there, or not for us."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self.after_listing: list[Callable[[], Awaitable[None]]] = []
        self.linked: Sequence[str] = ()
        self.by_people: list[PersonsTicket] = []
        self.second_page: Sequence[str] = ()
        """Tickets that are listed last, some time after the others."""

    async def changed_since(self, moment: datetime, linked: Sequence[str] = ()) -> Changes:
        self.linked = linked
        found = await super().changed_since(moment, linked)
        while self.after_listing:
            await self.after_listing.pop()()
        if self.second_page:
            rest = await super().changed_since(moment, linked)
            shown = [*found.tickets, *(one for one in rest.tickets if one in self.second_page)]
            found, self.second_page = replace(rest, tickets=shown), ()
        return replace(found, by_people=self.by_people)

    async def show(self, ticket: str) -> Ticket:
        if ticket == self.hidden:
            raise NotFoundError(f"there is no ticket {ticket}")
        return await super().show(ticket)


class Desk:
    """One case with its ticket in the built-in system, and somebody who works there."""

    def __init__(self, folder: Path) -> None:
        self.clock = ManualClock(NOON)
        self.database = Database(folder / "records.db")
        self.tickets = Meanwhile(self.database, self.clock)
        self.watch = TicketWatch(self.database, self.clock, self.tickets)
        self.told: list[TicketChanged] = []

    def tick(self) -> None:
        self.clock.move_to(self.clock.now() + timedelta(seconds=1))

    async def open(self, number: int = 1) -> None:
        ident = f"C-{number}"
        key = f"{ident}:ticket"
        ticket = await self.tickets.create(
            NewTicket(external_id=key, name="n", description="d", severity=Severity.MAJOR, client="acme", site=ident)
        )
        case = Case(
            id=ident, client="acme", site=ident, status=CaseStatus.OPEN, origins=(Origin.MACHINE,), title="",
            cause=Cause.LOSS, scope=Scope.LINK, severity=Severity.MAJOR, link=None, onset=NOON, opened_at=NOON,
            updated_at=NOON, ticket=ticket,
        )  # fmt: skip
        async with self.database.writing() as connection:
            await repository.save_case(connection, case)
            await keep_ticket(connection, "builtin", ticket, ident, key, NOON)

    async def ask(self, key: str, row_is: OutboxStatus = OutboxStatus.DONE, **changes: object) -> None:
        """We ask something of the ticket, as the performer does."""
        effect = replace(asking(**changes), key=key, case=key.partition(":")[0])
        effect = replace(effect, kind=EffectKind.UPDATE_TICKET if changes else EffectKind.RESOLVE_TICKET)
        async with self.database.writing() as connection:
            await bulk.add_effects(connection, [(effect, self.clock.now())])
            (row,) = [one for one in await repository.outbox(connection) if one.effect.key == key]
            if row_is is OutboxStatus.PENDING:
                return
            assert await outbox.begin(connection, row, self.clock.now())
            if row_is is OutboxStatus.DONE:
                assert await outbox.end(connection, replace(row, status=row_is, attempts=1, done_at=self.clock.now()))
        if effect.kind is EffectKind.RESOLVE_TICKET:
            changes = {"status": TicketStatus.RESOLVED}
        await self.tickets.update("T-1", key, TicketUpdate(**changes))  # type: ignore[arg-type]

    async def robin(self, key: str, ticket: str = "T-1", **changes: object) -> None:
        self.tick()
        await self.tickets.update_by("Robin", ticket, key, TicketUpdate(**changes))  # type: ignore[arg-type]

    async def four_tickets_none_of_the_first_in_turn(self) -> None:
        """At the next two looks the third and the fourth are looked at anyway, and the third is listed."""
        for number in (2, 3, 4):
            await self.open(number)
        assert await self.look() == []
        self.clock.move_to(NOON + timedelta(minutes=1))
        await self.robin("r0", "T-3", text="long after the others")
        assert len(await self.look()) == 1
        assert await self.look() == []

    async def look(self) -> Sequence[TicketChanged]:
        """What is new in the inbox after a look."""
        self.tick()
        await self.watch.look()
        async with self.database.reading() as connection:
            rows = await inbox.waiting(connection)
        told = [row.input for row in rows if isinstance(row.input, TicketChanged)]
        new, self.told = told[len(self.told) :], told
        return new


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    made = Desk(tmp_path)
    await made.database.create_all()
    await made.open()
    yield made
    await made.database.close()


async def test_what_a_person_did_is_told_once_and_survives_a_restart(desk):
    assert await desk.look() == []
    await desk.robin("r1", owner="Robin", status=TicketStatus.IN_PROGRESS)
    (change,) = await desk.look()
    assert (change.case, change.owner, change.status) == ("C-1", "Robin", TicketStatus.IN_PROGRESS)
    desk.watch = TicketWatch(desk.database, desk.clock, desk.tickets)
    assert await desk.look() == []


async def test_several_changes_between_two_looks_arrive_in_order(desk):
    await desk.look()
    await desk.robin("r1", text="first")
    await desk.robin("r2", text="second", queue="Field")
    await desk.robin("r3", text="third", status=TicketStatus.RESOLVED)
    told = await desk.look()
    assert [(one.note, one.queue, one.status) for one in told] == [
        ("first", None, None),
        ("second", None, None),
        ("third", None, None),
        ("", "Field", TicketStatus.RESOLVED),
    ]
    assert {one.by for one in told} == {"Robin"}


async def test_the_same_change_again_is_another_change(desk):
    await desk.look()
    for turn in range(2):
        await desk.robin(f"pending-{turn}", status=TicketStatus.PENDING)
        assert [one.status for one in await desk.look()] == [TicketStatus.PENDING]
        await desk.robin(f"working-{turn}", status=TicketStatus.IN_PROGRESS)
        assert [one.status for one in await desk.look()] == [TicketStatus.IN_PROGRESS]


@pytest.mark.parametrize("status", [OutboxStatus.DONE, OutboxStatus.TRYING])
async def test_nothing_of_our_own_is_told(desk, status):
    """Nor what may have been done although no answer came."""
    await desk.look()
    await desk.ask("C-1:hold", status, status=TicketStatus.PENDING, queue="field", owner="Kim", text="waits")
    await desk.tickets.add_note("T-1", "C-1:note", "ours")
    assert await desk.look() == []
    assert await desk.look() == []


async def test_what_we_asked_long_ago_explains_nothing_new(desk):
    await desk.look()
    await desk.ask("C-1:reopen", status=TicketStatus.IN_PROGRESS)
    assert await desk.look() == []
    await desk.robin("r1", status=TicketStatus.RESOLVED)
    await desk.look()
    await desk.robin("r2", status=TicketStatus.IN_PROGRESS)
    assert [one.status for one in await desk.look()] == [TicketStatus.IN_PROGRESS]


async def test_notes_that_are_edited_or_deleted_do_no_harm(desk):
    await desk.robin("r1", text="first")
    await desk.tickets.add_note("T-1", "C-1:note", "ours")
    assert [one.note for one in await desk.look()] == ["first"]
    notes = tables.ticket_note
    async with desk.database.writing() as connection:
        await connection.execute(update(notes).where(notes.c.author == "Robin").values(text="edited"))
        await connection.execute(delete(notes).where(notes.c.author != "Robin"))
        await connection.execute(update(tables.ticket).values(updated_at=epoch_ms(desk.clock.now())))
    assert await desk.look() == []


async def test_a_ticket_that_people_deleted_hides_no_other(desk):
    await desk.open(2)
    await desk.look()
    async with desk.database.writing() as connection:
        for table in (tables.ticket_note, tables.ticket_status_change):
            await connection.execute(delete(table).where(table.c.ticket_number == 1))
        await connection.execute(delete(tables.ticket).where(tables.ticket.c.number == 1))
    desk.tick()
    await desk.tickets.update_by("Robin", "T-2", "r", TicketUpdate(owner="Robin"))
    told = await desk.look()
    assert [(one.case, one.owner, one.gone) for one in told] == [("C-2", "Robin", None), ("C-1", None, True)]
    assert await desk.look() == []


class HalfAway(BuiltinTickets):
    """Shows nothing of one ticket."""

    away = "T-1"

    async def show(self, ticket: str) -> Ticket:
        if ticket == self.away:
            raise TicketError("it did not answer", retryable=True)
        return await super().show(ticket)


async def test_a_ticket_that_cannot_be_read_is_looked_at_again_and_the_others_are_not_kept_waiting(desk):
    await desk.open(2)
    await desk.look()
    for number in (1, 2):
        desk.tick()
        await desk.tickets.update_by("Robin", f"T-{number}", f"r{number}", TicketUpdate(owner="Robin"))
    desk.watch = TicketWatch(desk.database, desk.clock, HalfAway(desk.database, desk.clock))
    with pytest.raises(TicketError):
        await desk.look()
    desk.watch = TicketWatch(desk.database, desk.clock, desk.tickets)
    assert {one.case for one in await desk.look()} == {"C-1", "C-2"}
    assert await desk.look() == []
    assert desk.clock.now() < NOON + timedelta(minutes=1)


async def test_what_is_touched_while_we_look_is_found_by_the_next_look(desk):
    """Robin touches a ticket that was not listed, and 20 s later one that was, which is shown as it is by then."""
    await desk.four_tickets_none_of_the_first_in_turn()
    await desk.robin("r1", "T-1", text="seen by the listing")

    async def meanwhile() -> None:
        await desk.robin("r2", "T-2", owner="Robin")
        desk.clock.move_to(desk.clock.now() + timedelta(seconds=20))
        await desk.robin("r3", "T-1", text="and once more")

    desk.tickets.after_listing = [meanwhile]
    told = [*await desk.look(), *await desk.look()]
    assert [(one.case, one.note, one.owner) for one in told] == [
        ("C-1", "seen by the listing", None),
        ("C-1", "and once more", None),
        ("C-2", "", "Robin"),
    ]


async def test_what_is_touched_while_a_long_list_is_read_is_found_by_the_next_look(desk):
    """The first page is read; Robin touches its ticket, and 20 s later one of the second page; that is read."""
    await desk.four_tickets_none_of_the_first_in_turn()

    async def meanwhile() -> None:
        await desk.robin("r1", "T-1", text="between the pages")
        desk.clock.move_to(desk.clock.now() + timedelta(seconds=20))
        await desk.robin("r2", "T-2", text="on the second page")

    desk.tickets.second_page, desk.tickets.after_listing = ["T-2"], [meanwhile]
    told = [*await desk.look(), *await desk.look()]
    assert {one.note for one in told} == {"on the second page", "between the pages"}


@pytest.mark.parametrize("behind", [timedelta(hours=-3), timedelta(hours=3)])
async def test_the_clock_of_the_ticket_system_may_be_another(desk, behind):
    """Ours is moved only: what is asked for there are its own times."""
    await desk.robin("r0", owner="Kim")
    desk.watch = TicketWatch(desk.database, elsewhere := ManualClock(NOON - behind), desk.tickets)
    assert [one.owner for one in await desk.look()] == ["Kim"]
    for turn in range(3):
        elsewhere.move_to(elsewhere.now() + timedelta(seconds=1))
        await desk.robin(f"r{turn + 1}", text=f"word {turn}")
        assert [one.note for one in await desk.look()] == [f"word {turn}"]
        desk.watch = TicketWatch(desk.database, elsewhere, desk.tickets)
        assert await desk.look() == []


async def test_what_we_have_not_tried_yet_does_not_hide_what_a_person_did(desk):
    """A hand-over waits to be sent; Robin moves the ticket themself."""
    await desk.look()
    await desk.ask("C-1:handover", OutboxStatus.PENDING, queue="carrier")
    await desk.robin("r1", queue="Field")
    assert [one.queue for one in await desk.look()] == ["Field"]


async def test_another_case_of_ours_that_ends_a_shared_ticket_is_no_person(desk):
    """A second trouble was given the ticket of the first, whose end reaches it before we have learnt that."""
    await desk.look()
    await desk.ask("C-1:resolve")
    async with desk.database.writing() as connection:
        case = await repository.case_by_id(connection, "C-1")
        second = replace(case, id="C-2", site="C-2", ticket="T-1")
        await repository.save_case(connection, second)
        await bulk.add_effects(connection, [(replace(asking(), key="C-2:ticket", case="C-2"), NOON)])
        (row,) = [one for one in await repository.outbox(connection) if one.effect.key == "C-2:ticket"]
        assert await outbox.begin(connection, row, desk.clock.now() - timedelta(seconds=1))
        desk.tick()
        await keep_ticket(connection, "builtin", "T-1", "C-2", "C-2:ticket", desk.clock.now())
    assert await desk.look() == []
    await desk.robin("r1", status=TicketStatus.IN_PROGRESS)
    assert [(one.case, one.status) for one in await desk.look()] == [("C-2", TicketStatus.IN_PROGRESS)]


async def test_a_ticket_that_is_gone_is_said_once_and_also_that_it_is_back(desk):
    """Of one that nobody can have touched: it is looked at in its turn."""
    await desk.open(2)
    await desk.look()
    desk.tickets.hidden = "T-1"
    told = [*await desk.look(), *await desk.look(), *await desk.look()]
    assert [(one.case, one.gone, one.note) for one in told] == [("C-1", True, "there is no ticket T-1")]
    desk.watch = TicketWatch(desk.database, desk.clock, desk.tickets)
    assert await desk.look() == []
    desk.tickets.hidden = ""
    told = [*await desk.look(), *await desk.look()]
    assert [(one.case, one.gone) for one in told] == [("C-1", False)]
    desk.tickets.hidden = "T-1"
    told = [*await desk.look(), *await desk.look()]
    assert [(one.case, one.gone) for one in told] == [("C-1", True)]


async def test_tickets_that_people_opened_are_asked_for_by_name_until_their_case_is_closed(desk):
    await desk.look()
    async with desk.database.writing() as connection:
        await keep_ticket(connection, "builtin", "INC-7", "C-1", "C-1:linked", NOON)
    desk.tickets.hidden = "INC-7"
    await desk.look()
    assert desk.tickets.linked == ["INC-7"]
    async with desk.database.writing() as connection:
        case = await repository.case_by_id(connection, "C-1")
        await repository.save_case(connection, replace(case, status=CaseStatus.CLOSED))
    await desk.look()
    assert desk.tickets.linked == []


async def test_where_nothing_of_ours_is_touched_the_next_look_begins_later_all_the_same(desk):
    """A busy system whose list cannot be narrowed to ours."""
    await desk.look()
    async with desk.database.writing() as connection:
        case = await repository.case_by_id(connection, "C-1")
        await repository.save_case(connection, replace(case, status=CaseStatus.CLOSED))
    for minute in (1, 2):
        at = NOON + timedelta(minutes=minute)
        desk.clock.move_to(at)
        another = NewTicket(
            external_id=f"other-{minute}", name="n", description="d", severity=None, client="acme", site="x"
        )
        await desk.tickets.create(another)
        await desk.look()
        async with desk.database.reading() as connection:
            assert await last_change_seen(connection, "builtin") == at


STORE, OTHER = (Site(id=f"store-{number}", client="acme", aliases=(number, "twins")) for number in ("114", "1140"))
FIBRE = Link(id="fibre", site="store-114", circuit_id="CKT-114/1")
SITES = Inventory(sites={one.id: one for one in (STORE, OTHER)}, links={"fibre": FIBRE})


def persons(*names: str) -> PersonsTicket:
    return PersonsTicket(id="INC-7", names=names, title="slow since noon", by="anna")


@pytest.mark.parametrize(
    ("names", "site"),
    [
        (("store-114",), "store-114"),
        (("Store 114",), "store-114"),
        (("114",), "store-114"),
        (("CKT-114/1",), "store-114"),
        (("somewhere", "CKT-114/1"), "store-114"),
        (("store-11",), None),
        (("CKT-114",), None),
        (("twins",), None),
        (("store",), None),
        (("somewhere",), None),
    ],
)
def test_a_ticket_that_a_person_opens_is_of_the_site_whose_name_it_says(names, site):
    opening = opens(persons(*names), SITES)
    assert (opening.target if opening else None) == site
    if opening is not None:
        assert (opening.who, opening.note, opening.does) == ("anna", "slow since noon", PersonAct.OPEN)
        assert opening.opening == Opening(existing_ticket="INC-7")


async def test_a_person_who_opens_a_ticket_there_opens_the_case_once(desk):
    """Also where we have opened none of our own yet. One that is a case's already is not offered again."""

    async def sites() -> Inventory:
        return SITES

    async with desk.database.writing() as connection:
        await connection.execute(delete(tables.case_ticket))
    desk.watch = TicketWatch(desk.database, desk.clock, desk.tickets, sites)
    desk.tickets.by_people = [persons("114"), replace(persons("nowhere"), id="INC-8")]
    for _ in range(2):
        await desk.look()
    async with desk.database.reading() as connection:
        (row,) = await inbox.waiting(connection)
    assert isinstance(row.input, PersonActed)
    assert (row.input.target, row.input.opening) == ("store-114", Opening(existing_ticket="INC-7"))
    async with desk.database.writing() as connection:
        await keep_ticket(connection, "builtin", "INC-9", "C-1", "C-1:linked", NOON)
    desk.tickets.by_people = [replace(persons("114"), id="INC-9")]
    desk.tickets.hidden = "INC-9"
    await desk.look()
    async with desk.database.reading() as connection:
        assert [type(row.input) for row in await inbox.waiting(connection)] == [PersonActed, TicketChanged]
