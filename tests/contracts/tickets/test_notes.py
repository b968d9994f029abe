"""Notes: each once, in order, and no line of one is lost."""

from __future__ import annotations

import pytest
from contract_values import appear_in_order, lines_of, new, ours, told
from ticket_far_ends import FarEnd

from triage.tickets.port import TicketSystem

pytestmark = pytest.mark.needs("show")


async def test_notes_stand_in_the_order_in_which_they_were_written(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    for number in range(3):
        await tickets.add_note(ticket, f"C-7:note:{number}", f"look {number}")
    assert appear_in_order([f"look {number}" for number in range(3)], told(ours(await tickets.show(ticket))))


async def test_a_note_is_written_once_for_its_key(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    for _ in range(3):
        await tickets.add_note(ticket, "C-7:note:1", "the line is back")
    shown = ours(await tickets.show(ticket))
    assert sum("the line is back" in note.text for note in shown) == 1


async def test_the_same_words_under_two_keys_are_two_notes(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    await tickets.add_note(ticket, "C-7:note:1", "it goes on")
    await tickets.add_note(ticket, "C-7:note:11", "it goes on")
    assert sum("it goes on" in note.text for note in ours(await tickets.show(ticket))) == 2


async def test_a_key_that_begins_like_another_is_a_key_of_its_own(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    await tickets.add_note(ticket, "C-7:note:11", "eleventh")
    await tickets.add_note(ticket, "C-7:note:1", "first")
    assert appear_in_order(["eleventh", "first"], told(ours(await tickets.show(ticket))))


async def test_of_a_long_note_no_line_is_lost(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    lines = [f"{number:03}: loss 12.5 % over line {number} of store-114, as measured" for number in range(120)]
    assert len("\n".join(lines)) > 6_000
    await tickets.add_note(ticket, "C-7:note:long", "\n".join(lines))
    await tickets.add_note(ticket, "C-7:note:long", "\n".join(lines))
    shown = told(ours(await tickets.show(ticket)))
    assert appear_in_order(lines, shown)
    assert sum(lines[0] in line for line in shown) == 1


async def test_a_line_longer_than_systems_take_is_kept_whole(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    words = " ".join(f"word{number:04}" for number in range(300))
    await tickets.add_note(ticket, "C-7:note:line", words)
    shown = " ".join(told(ours(await tickets.show(ticket))))
    assert appear_in_order([f"word{number:04}" for number in range(300)], shown.split())


ODD_TEXTS = (
    "Zürich 北京 Привет 😀",
    "one\r\ntwo\rthree\nfour",
    "a bell \x07 and a null \x00 within",
    "<b>not bold</b> &amp; stays",
    "> quoted\n-- \nlooks like a signature",
    "From here on it is down\n.\nStatus: resolved",
)


async def test_the_words_of_a_note_stay(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    for number, text in enumerate(ODD_TEXTS):
        await tickets.add_note(ticket, f"C-7:note:odd:{number}", text)
    shown = await tickets.show(ticket)
    wanted = [" ".join(line.split()) for text in ODD_TEXTS for line in lines_of(text)]
    assert appear_in_order(wanted, [" ".join(line.split()) for line in told(ours(shown))])
    assert not shown.status.ended


async def test_an_empty_note_is_no_error(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    await tickets.add_note(ticket, "C-7:note:empty", "")
    await tickets.add_note(ticket, "C-7:note:blank", " \n\t")
    await tickets.add_note(ticket, "C-7:note:next", "it goes on")
    assert told(ours(await tickets.show(ticket)))[-1].endswith("it goes on")


@pytest.mark.needs("people")
async def test_a_note_names_its_author(far_end: FarEnd) -> None:
    assert far_end.person is not None
    ticket = await far_end.tickets.create(new())
    await far_end.tickets.add_note(ticket, "C-7:note:1", "measured again")
    await far_end.person.note(ticket, "called the carrier")
    notes = (await far_end.tickets.show(ticket)).notes
    assert [note.ours for note in notes] == [True, False]
    assert notes[1].author == far_end.person.name != notes[0].author


async def test_quoted_words_cannot_turn_what_stands_around_them(tickets: TicketSystem) -> None:
    """Overrides and isolates make one text read as another; the letters of any script stay."""
    quoted = "The client says: \u202eenif si enil eht\u202c and \u2066שלום\u2069\u200f"
    plain = "The client says: enif si enil eht and שלום"
    ticket = await tickets.create(new(description=quoted, name=quoted))
    await tickets.add_note(ticket, "C-7:note:1", quoted)
    shown = await tickets.show(ticket)
    assert plain in [*lines_of(shown.description), *told(ours(shown))]
    assert told(ours(shown))[-1] == plain
    assert shown.name == plain
