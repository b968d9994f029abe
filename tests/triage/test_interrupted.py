"""Effects that processes have ended with: no refusal of the far end, so nothing is given up; and it is told loudly."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

sys.path.append(str(Path(__file__).parent))

from outbox_world import World

from config.errors import LineproofError
from triage import outbox, repository
from triage.audit import Kind, story
from triage.performer import MOST_ATTEMPTS
from triage.repository import OutboxStatus
from triage.tickets.port import NewTicket, TicketError

pytestmark = pytest.mark.rim

DONE, DEAD, PENDING, WITHHELD = OutboxStatus.DONE, OutboxStatus.DEAD, OutboxStatus.PENDING, OutboxStatus.WITHHELD


class KilledError(BaseException):
    """The process ends here; what follows is another one."""


@asynccontextmanager
async def made(world: World) -> AsyncIterator[World]:
    await world.database.create_all()
    for number in range(1, 4):
        await world.case(number)
    yield world
    await world.database.close()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with made(World(tmp_path, alone=True)) as world:
        yield world


@pytest.fixture
async def either_world(tmp_path: Path, records_at: str | Path) -> AsyncIterator[World]:
    """On a database of each kind."""
    async with made(World(tmp_path, records=records_at)) as world:
        yield world


def deadly(world: World, key: str, times: int) -> None:
    """The process ends when it creates this ticket, so many times."""
    create, left = world.far.create, [times]

    async def killing(new: NewTicket) -> str:
        if new.external_id == key and left[0]:
            left[0] -= 1
            raise KilledError
        return await create(new)

    world.far.create = killing  # type: ignore[method-assign]


async def live(world: World, **time: float) -> None:
    """So much later a process does what is due; ended, it is followed by another."""
    world.clock.move_to(world.clock.now() + timedelta(**time))
    while True:
        try:
            await world.work()
        except KilledError:
            world.performer = world.new_performer(at_once=3)
        else:
            return


async def test_one_restart_delays_nothing(either_world: World) -> None:
    await either_world.mean(1, "ticket")
    deadly(either_world, "C-1:ticket", 1)
    await live(either_world)
    assert ((await either_world.row("C-1:ticket")).status, either_world.far.tickets) == (DONE, {"F-1": "C-1:ticket"})


async def test_after_the_second_it_waits_5_10_20_40_80_160_320_seconds_and_then_ten_minutes(world: World) -> None:
    """Each up to a quarter shorter, as the key decides. What ends our process each time is not tried at full speed."""
    await world.mean(1, "ticket")
    deadly(world, "C-1:ticket", 12)
    await live(world)
    for whole in (5, 10, 20, 40, 80, 160, 320, 600, 600, 600):
        wait = ((await world.row("C-1:ticket")).next_at - world.clock.now()).total_seconds()
        assert whole * 0.75 < wait <= whole
        await live(world, seconds=wait - 0.01)
        assert (await world.row("C-1:ticket")).next_at > world.clock.now()
        await live(world, seconds=0.01)
    row = await world.row("C-1:ticket")
    assert (row.status, row.interrupted) == (PENDING, 12)


async def test_however_often_processes_end_with_an_opening_its_case_s_notes_follow_it_in_their_order(
    world: World,
) -> None:
    await world.mean(1, "ticket", "first")
    await world.mean(2, "ticket", "other")
    deadly(world, "C-1:ticket", 2 * MOST_ATTEMPTS)
    await live(world)
    assert [world.far.tickets[ticket] for ticket, _ in world.far.notes] == ["C-2:ticket"], "no other waits for it"
    for _ in range(MOST_ATTEMPTS):
        await live(world, minutes=10)
    assert "C-1:ticket" not in world.far.tickets.values()
    await world.mean(1, "second")
    for _ in range(MOST_ATTEMPTS):
        await live(world, minutes=10)
    assert {row.status for row in await world.rows()} == {DONE}
    assert sorted(world.far.tickets.values()) == ["C-1:ticket", "C-2:ticket"]
    assert [note for _, note in world.far.notes] == ["C-2:other", "C-1:first", "C-1:second"]


async def test_it_is_told_in_the_list_in_the_trail_and_in_the_metrics(world: World) -> None:
    def counted() -> float:
        labels = {"effect": "open_ticket", "outcome": "interrupted"}
        return REGISTRY.get_sample_value("lineproof_effects_total", labels) or 0.0

    before = counted()
    await world.mean(1, "ticket")
    deadly(world, "C-1:ticket", 2)
    await live(world)
    row = await world.row("C-1:ticket")
    words = "2 times our process has ended while it was tried; it is tried alone now, see the log"
    assert outbox.reason_of(row, {}) == words
    async with world.database.reading() as connection:
        entries = [one.entry for one in await story(connection, "C-1")]
    told = [one.document["text"] for one in entries if one.kind is Kind.OUTCOME]
    assert told == ["the process was ended while it was tried", words]
    assert counted() - before == 2


async def test_a_process_s_end_uses_up_nothing_of_what_a_far_end_may_refuse(world: World) -> None:
    await world.mean(1, "ticket")
    deadly(world, "C-1:ticket", MOST_ATTEMPTS)
    while (await world.row("C-1:ticket")).interrupted < MOST_ATTEMPTS:
        await live(world, minutes=10)
    world.far.before = [TicketError("something of ours broke; it is tried again", retryable=True)] * MOST_ATTEMPTS
    for _ in range(MOST_ATTEMPTS):
        assert (await world.row("C-1:ticket")).status is not DEAD
        await live(world, minutes=10)
    row = await world.row("C-1:ticket")
    assert (row.status, row.attempts, row.interrupted) == (DEAD, 2 * MOST_ATTEMPTS, MOST_ATTEMPTS)


async def test_a_named_person_may_give_it_up_and_have_it_tried_again_as_if_nothing_had_been(world: World) -> None:
    await world.mean(1, "ticket")
    deadly(world, "C-1:ticket", 2)
    await live(world)
    with pytest.raises(LineproofError, match="name of a person"):
        await world.give_up("C-1:ticket", by=" ")
    await world.give_up("C-1:ticket")
    await live(world, minutes=10)
    assert ((await world.row("C-1:ticket")).status, world.far.tickets) == (WITHHELD, {})
    await world.retry("C-1:ticket")
    await live(world)
    row = await world.row("C-1:ticket")
    assert (row.status, row.attempts, row.interrupted) == (DONE, 1, 0)


async def test_from_the_second_time_on_it_is_tried_alone(world: World) -> None:
    """Three at once are allowed, and three are due."""
    await world.mean(1, "ticket")
    deadly(world, "C-1:ticket", 2)
    await live(world)
    create, under_way, beside = world.far.create, set(), {}

    async def slow(new: NewTicket) -> str:
        under_way.add(new.external_id)
        await asyncio.sleep(0.05)
        beside[new.external_id] = under_way - {new.external_id}
        ticket = await create(new)
        under_way.remove(new.external_id)
        return ticket

    world.far.create = slow  # type: ignore[method-assign]
    for number in (2, 3):
        await world.mean(number, "ticket")
    await live(world, minutes=10)
    assert beside.pop("C-1:ticket") == set()
    assert "C-1:ticket" not in set().union(*beside.values())
    assert sorted(beside) == ["C-2:ticket", "C-3:ticket"]


@pytest.mark.parametrize("status", [DONE, OutboxStatus.TRYING])
async def test_what_somebody_else_has_ended_or_taken_meanwhile_is_not_left_behind(
    either_world: World, status: OutboxStatus
) -> None:
    """Two engines that were started by mistake: one looks at a row, the other one goes on with it."""
    await either_world.mean(1, "ticket")
    meant = await either_world.row("C-1:ticket")
    async with either_world.database.writing() as connection:
        assert await outbox.begin(connection, meant, either_world.clock.now())
        seen = replace(meant, status=PENDING, attempts=1, interrupted=1)
        now = replace(meant, status=status, attempts=1 if status is DONE else 2)
        await repository.mark_outbox(connection, now)
        assert not await outbox.left_behind(connection, seen)
    assert await either_world.row("C-1:ticket") == now
