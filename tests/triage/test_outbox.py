"""The outbox: each effect once, each case in its order, nobody held up by another, nothing lost while one is away."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))

from outbox_world import NOON, World, away

from config.errors import Blame, LineproofError, NotFoundError
from inventory.model import Contact
from triage.audit import Kind, story
from triage.cases import EffectKind
from triage.performer import MOST_ATTEMPTS
from triage.reach import Pace, Reach, wait_before
from triage.repository import OutboxStatus
from triage.tickets.port import NewTicket, TicketError

pytestmark = pytest.mark.rim

DONE, DEAD, PENDING, WITHHELD = OutboxStatus.DONE, OutboxStatus.DEAD, OutboxStatus.PENDING, OutboxStatus.WITHHELD


@pytest.fixture
async def world(tmp_path: Path, records_at: str | Path) -> AsyncIterator[World]:
    made = World(tmp_path, records=records_at)
    await made.database.create_all()
    for number in range(1, 4):
        await made.case(number)
    yield made
    await made.database.close()


def busy(**said: Any) -> TicketError:
    return TicketError("tickets.example answered with 503", retryable=True, blame=Blame.VENDOR, **said)


def refused() -> TicketError:
    return TicketError("tickets.example does not take what we sent; compare its fields")


def faulty() -> TicketError:
    return TicketError("something of ours broke; it is tried again", retryable=True)


async def test_a_note_overtakes_neither_the_ticket_nor_an_older_note(world: World) -> None:
    """The ticket fails once, then the first note does: the second note waits for both."""
    await world.mean(1, "ticket", "first", "second")
    world.far.before = [faulty(), None, faulty()]
    await world.work()
    assert world.far.tickets == {}
    assert world.far.notes == []
    await world.later(seconds=5)
    assert list(world.far.tickets.values()) == ["C-1:ticket"]
    assert world.far.notes == [], "the first note has failed, the second waits behind it"
    await world.later(seconds=5)
    assert world.far.notes == [("F-1", "C-1:first"), ("F-1", "C-1:second")]


async def test_a_case_that_fails_holds_up_no_other(world: World) -> None:
    await world.mean(1, "ticket")
    await world.mean(2, "ticket")
    world.far.before = [faulty()]
    await world.work()
    assert list(world.far.tickets.values()) == ["C-2:ticket"]


async def test_a_slow_case_delays_no_other(world: World) -> None:
    """The first case's ticket takes until the test lets it go on; the others are done meanwhile."""
    held = asyncio.Event()
    create = world.far.create

    async def slowly(new: NewTicket) -> str:
        if new.external_id == "C-1:ticket":
            await held.wait()
        return await create(new)

    world.far.create = slowly  # type: ignore[method-assign]
    for number in (1, 2, 3):
        await world.mean(number, "ticket", "note")
    performer = world.performer = world.new_performer(at_once=2)
    async with asyncio.timeout(10):
        while len(world.far.notes) < 2:
            await performer.begin_due()
            await performer.idle(0.01)
            await world.learn()
    assert sorted(world.far.tickets.values()) == ["C-2:ticket", "C-3:ticket"]
    held.set()
    await world.work()
    assert [key for _, key in world.far.notes] == ["C-2:note", "C-3:note", "C-1:note"]


async def test_never_more_at_once_than_allowed(world: World) -> None:
    now = most = 0
    three = asyncio.Event()
    create = world.far.create

    async def counted(new: NewTicket) -> str:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        if now == 3:
            three.set()
        async with asyncio.timeout(5):
            await three.wait()
        now -= 1
        return await create(new)

    world.far.create = counted  # type: ignore[method-assign]
    for number in range(4, 10):
        await world.case(number)
        await world.mean(number, "ticket")
    world.performer = world.new_performer(at_once=3)
    await world.work()
    assert (most, len(world.far.tickets)) == (3, 6)


async def test_a_dead_note_is_passed_over(world: World) -> None:
    """Each note stands for itself, and the case says which one is missing."""
    await world.mean(1, "ticket", "first", "second")
    world.far.before = [None, refused()]
    told = await world.work()
    assert [(one.key, one.ok) for one in told] == [("C-1:ticket", True), ("C-1:first", False), ("C-1:second", True)]
    assert [key for _, key in world.far.notes] == ["C-1:second"]


async def test_what_belongs_on_a_ticket_that_is_dead_waits_for_a_person_and_mail_does_not(tmp_path: Path) -> None:
    world = World(tmp_path, contacts=[Contact(name="Desk", email="desk@acme.example")])
    await world.database.create_all()
    await world.case(1)
    await world.mean(1, "ticket", "first", "second")
    await world.mean(1, "tell", kind=EffectKind.TELL_CLIENT)
    world.far.before = [refused()]
    await world.work()
    assert (await world.row("C-1:ticket")).status is DEAD
    assert [(await world.row(f"C-1:{name}")).status for name in ("first", "second", "tell")] == [PENDING, PENDING, DONE]
    assert await world.retry("C-1:ticket") == ["C-1:ticket"]
    told = await world.work()
    assert [one.key for one in told if one.ok] == ["C-1:ticket", "C-1:first", "C-1:second"]
    assert [key for _, key in world.far.notes] == ["C-1:first", "C-1:second"]
    await world.database.close()


async def test_a_ticket_that_a_person_gives_up_takes_what_belongs_on_it_along(world: World) -> None:
    await world.mean(1, "ticket", "first")
    world.far.before = [refused()]
    await world.work()
    assert await world.give_up("C-1:ticket") == ["C-1:ticket", "C-1:first"]
    told = await world.later(days=1)
    assert [(one.key, one.ok) for one in told] == [("C-1:first", False)], "of the ticket the case has been told"
    assert {row.status for row in await world.rows()} == {WITHHELD}
    assert "given up by Kim Lee" in (await world.row("C-1:first")).last_error
    async with world.database.reading() as connection:
        acts = [one.entry for one in await story(connection, "C-1") if one.entry.kind is Kind.INPUT]
    assert [(act.actor, act.reason, act.document["key"]) for act in acts] == [
        ("Kim Lee", "outbox_give_up", "C-1:ticket"),
        ("Kim Lee", "outbox_give_up", "C-1:first"),
    ]


async def test_only_a_named_person_acts_and_only_on_what_is_not_done(world: World) -> None:
    await world.mean(1, "ticket")
    await world.work()
    with pytest.raises(LineproofError, match="--by NAME"):
        await world.retry("C-1:ticket", by=" ")
    with pytest.raises(LineproofError, match="is done"):
        await world.retry("C-1:ticket")
    with pytest.raises(NotFoundError, match="shows the keys"):
        await world.give_up("C-1:nothing")
    with pytest.raises(LineproofError, match="nothing has been given up"):
        await world.retry("all")


def test_a_far_end_that_is_away_is_asked_after_5_10_20_and_40_seconds_and_then_each_minute_for_a_day() -> None:
    """75 s, and then 1,438.75 minutes: with the first 1,443 questions, none of which counts as an attempt."""
    reach, now, asked = Reach(at_once=8), NOON, 0
    while now <= NOON + timedelta(days=1):
        assert reach.room(now, running=0) == (8 if not asked else 1)
        assert reach.room(now, running=1) == (7 if not asked else 0)
        assert not reach.refused(f"C-{asked % 7}:ticket", away(), now)
        asked += 1
        now = reach.quiet_until or now
    assert asked == 1 + 4 + 1438
    reach.answered("C-1:ticket")
    assert reach.room(now, running=0) == 8


async def test_a_far_end_that_is_away_uses_up_no_attempt_and_hears_of_one_effect_at_a_time(tmp_path: Path) -> None:
    """For an hour. Three tickets, three notes; when it is back all are done, in order."""
    world = World(tmp_path, alone=True)
    await world.database.create_all()
    for number in (1, 2, 3):
        await world.case(number)
        await world.mean(number, "ticket", "note")
    world.far.gone = True
    await world.work()
    while world.clock.now() < NOON + timedelta(hours=1):
        (again,) = world.performer.waits_for().values()
        world.clock.move_to(again - timedelta(milliseconds=1))
        assert await world.performer.perform_due() == 0, "it is not asked any sooner"
        world.clock.move_to(again)
        assert await world.performer.perform_due() == 1, "and by one effect alone"
    assert len(world.far.calls) == 1 + 4 + 59
    rows = await world.rows()
    assert {(row.status, row.attempts) for row in rows} == {(PENDING, 0)}
    assert "cannot be reached" in (await world.row("C-1:ticket")).last_error
    world.far.gone = False
    world.far.calls.clear()
    await world.later(minutes=1)
    assert {row.status for row in await world.rows()} == {DONE}
    assert len(world.far.tickets) == len(world.far.notes) == 3
    await world.database.close()


async def test_who_breaks_the_far_end_each_time_is_given_up_and_the_others_get_through(tmp_path: Path) -> None:
    """The first case's ticket is never answered; the system answers everybody else."""
    world = World(tmp_path, alone=True)
    await world.database.create_all()
    await world.case(1)
    await world.case(2)
    create = world.far.create

    async def broken(new: NewTicket) -> str:
        if new.external_id == "C-1:ticket":
            raise away()
        return await create(new)

    world.far.create = broken  # type: ignore[method-assign]
    await world.mean(1, "ticket")
    for minute in range(120):
        await world.mean(2, *(["ticket"] if not minute else []), f"note-{minute}")
        await world.later(minutes=1)
    assert ((await world.row("C-1:ticket")).status, (await world.row("C-1:ticket")).attempts) == (DEAD, MOST_ATTEMPTS)
    assert len(world.far.notes) == 120
    await world.database.close()


async def test_a_far_end_that_asks_for_a_pause_gets_it_and_nobody_is_blamed(world: World) -> None:
    """Retry-After: 90 (RFC 9110, 10.2.3): nothing is called for 90 s, by anybody."""
    await world.mean(1, "ticket")
    await world.mean(2, "ticket")
    world.far.before = [busy(retry_after=90.0)]
    await world.work()
    called = len(world.far.calls)
    await world.later(seconds=89.9)
    assert len(world.far.calls) == called
    await world.later(seconds=0.1)
    assert [(row.status, row.attempts) for row in await world.rows()] == [(DONE, 1), (DONE, 1)]


@pytest.mark.parametrize("attempt", range(1, 12))
def test_a_wait_doubles_up_to_ten_minutes_and_is_up_to_a_quarter_shorter_as_the_key_decides(attempt: int) -> None:
    whole = min(600, 5 * 2 ** (attempt - 1))
    waits = [wait_before(attempt, f"C-{number}:ticket").total_seconds() for number in range(200)]
    assert all(0.75 * whole <= wait <= whole for wait in waits)
    assert max(waits) - min(waits) > 0.2 * whole, "what fails together is not tried again together"
    assert waits == [wait_before(attempt, f"C-{number}:ticket").total_seconds() for number in range(200)]


async def test_what_was_done_and_not_told_is_found_and_not_done_again(world: World) -> None:
    """It timed out after having created, and after having taken a note."""
    world.far.after = [away(), away()]
    await world.mean(1, "ticket", "note")
    for _ in range(4):
        await world.later(seconds=10)
    assert list(world.far.tickets.values()) == ["C-1:ticket"]
    assert world.far.notes == [("F-1", "C-1:note")]
    assert [row.status for row in await world.rows()] == [DONE, DONE]


async def test_no_more_calls_in_any_minute_than_allowed_over_a_restart_too(world: World) -> None:
    """Six a minute: nine tickets and their nine notes take three minutes. The process is replaced after the first
    calls, and the new one counts each effect of the last minute as four calls: it cannot know better."""
    for number in range(1, 10):
        await world.case(number)
        await world.mean(number, "ticket", "note")
    times = []
    meet = world.far._meet

    def noted(what: str, key: str, errors: list[TicketError | None]) -> None:
        times.append(world.clock.now())
        meet(what, key, errors)

    world.far._meet = noted  # type: ignore[method-assign]
    world.performer = world.new_performer(per_minute=6)
    for step in range(60):
        if step == 3:
            world.performer = world.new_performer(per_minute=6)
        await world.later(seconds=5)
    assert len(times) == 18
    assert all(later - first >= timedelta(minutes=1) for first, later in zip(times, times[6:], strict=False))
    assert [list(world.far.tickets.values())] == [[f"C-{number}:ticket" for number in range(1, 10)]]


async def test_the_pace_is_kept_by_whoever_waits_for_it(world: World) -> None:
    pace = Pace(world.clock, 3)
    taken = []
    for _ in range(10):
        await pace.take()
        taken.append((world.clock.now() - NOON).total_seconds())
    assert taken == [0, 0, 0, 60, 60, 60, 120, 120, 120, 180]


TICKETING = frozenset(kind for kind in EffectKind if kind.value.endswith(("ticket", "evidence", "client")))


@pytest.fixture
def no_connection(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every address that anything in this process tries to reach."""
    tried: list[object] = []

    def guard(name: str) -> Callable[..., Any]:
        def refuse(_socket: socket.socket, *arguments: object) -> None:
            tried.append((name, *arguments))
            raise OSError("this test lets nothing out")

        return refuse

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, guard(name))
    return tried


async def test_a_dry_run_calls_nobody_and_keeps_what_it_would_have_sent(
    tmp_path: Path, no_connection: list[object]
) -> None:
    """Ticket, note, hand-over, mail: decided, withheld, answered. What comes later is withheld as well."""
    world = World(tmp_path, contacts=[Contact(name="Desk", email="desk@acme.example")])
    await world.database.create_all()
    await world.case(1)
    world.performer = world.new_performer(withhold=TICKETING)
    await world.mean(1, "ticket", "note")
    await world.mean(1, "handover", kind=EffectKind.UPDATE_TICKET)
    await world.mean(1, "tell", kind=EffectKind.TELL_CLIENT)
    told = await world.work()
    await world.mean(1, "much later")
    told += await world.later(hours=9)
    assert [(one.key, one.ok, one.ticket) for one in told] == [
        (f"C-1:{name}", True, None) for name in ("ticket", "tell", "note", "handover", "much later")
    ]
    assert {row.status for row in await world.rows()} == {WITHHELD}
    assert [row.effect.text for row in await world.rows()] == [
        "about ticket", "about note", "about handover", "about tell", "about much later",
    ]  # fmt: skip
    assert (world.far.calls, world.post.sent if world.post else None, no_connection) == ([], [], [])
    await world.database.close()


async def test_after_a_dry_run_what_belongs_on_a_ticket_that_was_never_opened_is_withheld_until_that_is_tried(
    world: World,
) -> None:
    world.performer = world.new_performer(withhold=TICKETING)
    await world.mean(1, "ticket")
    await world.work()
    world.performer = world.new_performer()
    await world.mean(1, "note")
    await world.work()
    assert "its ticket was withheld" in (await world.row("C-1:note")).last_error
    with pytest.raises(LineproofError, match="nothing has been given up"):
        await world.retry("all")
    for key in ("C-1:ticket", "C-1:note"):
        await world.retry(key)
    await world.work()
    assert world.far.notes == [("F-1", "C-1:note")]


async def test_what_was_withheld_of_a_case_is_sent_in_its_order_when_a_person_names_the_case(world: World) -> None:
    await world.case(2)
    world.performer = world.new_performer(withhold=TICKETING)
    for case in (1, 2):
        await world.mean(case, "ticket", "first", "second")
    await world.work()
    world.performer = world.new_performer()
    assert await world.retry("C-1") == ["C-1:ticket", "C-1:first", "C-1:second"]
    await world.work()
    assert world.far.notes == [("F-1", "C-1:first"), ("F-1", "C-1:second")]
    assert {row.effect.case for row in await world.rows(WITHHELD)} == {"C-2"}
    with pytest.raises(LineproofError, match="of C-1 nothing is dead or withheld"):
        await world.retry("C-1")
    with pytest.raises(NotFoundError, match="is not an id like C-12"):
        await world.retry("C-x")


async def test_mail_goes_to_the_client_s_first_contacts_under_a_fixed_name(tmp_path: Path) -> None:
    """Those of escalation level 1 with an address; sent twice after a crash it is the same mail (RFC 5322, 3.6.4)."""
    contacts = [
        Contact(name="Boss", email="boss@acme.example", escalation_level=2),
        Contact(name="Desk", email="desk@acme.example"),
        Contact(name="Phone", phone="+1 555 0100"),
        Contact(name="Night", email="night@acme.example"),
    ]
    world = World(tmp_path, contacts=contacts)
    await world.database.create_all()
    await world.case(1)
    await world.mean(1, "tell:1", kind=EffectKind.TELL_CLIENT)
    await world.work()
    async with world.database.writing() as connection:
        await connection.exec_driver_sql("UPDATE triage_outbox SET status = 'trying', done_at = NULL")
    await world.work()
    assert world.post is not None
    first, second = world.post.sent
    assert first == second
    assert first.to == ("desk@acme.example", "night@acme.example")
    assert first.message_id == "C-1.tell.1.1772539200000@lineproof"
    assert first.subject == "[LP#C-1] Loss"
    await world.database.close()


async def test_a_mail_that_nobody_can_get_is_withheld_with_its_reason(world: World) -> None:
    await world.mean(1, "tell", kind=EffectKind.TELL_CLIENT)
    await world.work()
    row = await world.row("C-1:tell")
    assert (row.status, row.last_error) == (WITHHELD, "the inventory has no contact of acme with a mail address")


async def test_a_modem_is_rebooted_in_words_only(world: World) -> None:
    await world.mean(1, "reboot", kind=EffectKind.REBOOT_MODEM)
    (told,) = await world.work()
    assert told.ok
    assert told.text.startswith("DRY RUN, nothing was sent.")
    assert "wan-1 at store-1" in told.text


async def test_whoever_has_lost_the_lease_begins_nothing(world: World) -> None:
    await world.mean(1, "ticket")
    world.performer._may_act = lambda: False
    await world.work()
    assert world.far.calls == []


async def test_two_performers_on_one_outbox_do_each_effect_once(world: World) -> None:
    """As two engines that were started by mistake, in the moment in which both believe that they may."""
    for number in (1, 2, 3):
        await world.mean(number, "ticket")
    other = world.new_performer(at_once=3)
    world.performer = world.new_performer(at_once=3)
    for _ in range(10):
        await asyncio.gather(world.performer.perform_due(), other.perform_due())
        await world.learn()
    assert sorted(world.far.tickets.values()) == ["C-1:ticket", "C-2:ticket", "C-3:ticket"]
