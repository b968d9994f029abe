"""What only Request Tracker does, and what the adapter makes of it: asked of a real one."""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from contract_values import file, new, ours, theirs, told
from real_rt import USER, RequestTrackerServer

from config.errors import NotFoundError
from triage.model import Severity
from triage.tickets.notes import mark
from triage.tickets.port import TicketError, TicketStatus, TicketUpdate
from triage.tickets.request_tracker.adapter import RequestTracker
from triage.tickets.request_tracker.connection import Connection
from triage.tickets.request_tracker.settings import RequestTrackerSettings

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.rim]

Server = RequestTrackerServer
FIELDS = ("Fingerprint", "Unique Key")
"""A field that takes the same value twice, and one that RT silently leaves empty the second time."""
LATEST = 60.0
"""Seconds within which the loser of a race is merged."""


@pytest.fixture
def server(request_tracker_server: Server) -> Server:
    return request_tracker_server


@pytest.fixture
async def open_rt(server: Server) -> AsyncIterator[Callable[..., RequestTracker]]:
    opened: list[RequestTracker] = []

    def one(**changes: object) -> RequestTracker:
        opened.append(RequestTracker(server.settings(**changes)))
        return opened[-1]

    yield one
    for each in opened:
        await each.close()


@pytest.fixture
def tickets(open_rt: Callable[..., RequestTracker]) -> RequestTracker:
    return open_rt()


def settings_of(field: str) -> dict[str, object]:
    return {"fields": {"fingerprint": field}}


async def test_custom_fields_priority_and_creator_are_as_they_were_asked_for(
    server: Server, tickets: RequestTracker
) -> None:
    ticket = await tickets.create(new("RT-1:ticket", severity=Severity.CRITICAL))
    row = server.ask("GET", f"ticket/{ticket}")
    assert {one["name"]: one["values"] for one in row["CustomFields"]} == {
        "Fingerprint": ["RT-1:ticket"],
        "Circuit ID": ["CKT-114/1"],
        "Site": ["store-114"],
        "Impact": ["Outage"],
        "Unique Key": [],
    }
    assert (row["Priority"], row["Creator"]["id"]) == ("100", USER)


async def test_a_refusal_within_an_answer_of_200_is_an_error(open_rt: Callable[..., RequestTracker]) -> None:
    known = RequestTrackerSettings.model_fields["status_of"].default
    words = RequestTrackerSettings.model_fields["status_to"].default
    tickets = open_rt(status_to={**words, TicketStatus.HELD: "bogus"}, status_of={**known, "bogus": TicketStatus.HELD})
    ticket = await tickets.create(new())
    with pytest.raises(TicketError, match=r"did not take Status bogus.*isn't a valid status") as raised:
        await tickets.update(ticket, "RT:held", TicketUpdate(status=TicketStatus.HELD, text="never written"))
    assert not raised.value.retryable
    assert (await tickets.show(ticket)).notes == ()


@pytest.mark.parametrize("update", [TicketUpdate(queue="Nowhere"), TicketUpdate(owner="nobody-we-know")])
async def test_a_name_that_rt_does_not_know_is_named(tickets: RequestTracker, update: TicketUpdate) -> None:
    ticket = await tickets.create(new())
    with pytest.raises(TicketError, match=r"(Nowhere|nobody-we-know).*does not exist") as raised:
        await tickets.update(ticket, "RT:names", update)
    assert not raised.value.retryable


async def test_a_desk_of_the_policy_may_be_called_otherwise_in_rt(open_rt: Callable[..., RequestTracker]) -> None:
    tickets = open_rt(queues={"modems": "wireless-repair"})
    ticket = await tickets.create(new())
    await tickets.update(ticket, "RT:hand_over", TicketUpdate(queue="modems"))
    assert (await tickets.show(ticket)).queue == "modems"
    assert await tickets.problems({"noc", "modems"}) == []


async def test_a_queue_that_is_not_there_is_said_before_anything_is_created(
    server: Server, open_rt: Callable[..., RequestTracker]
) -> None:
    tickets = open_rt(queue="Nowhere")
    with pytest.raises(TicketError, match="no queue 'Nowhere'") as raised:
        await tickets.create(new("RT-2:ticket"))
    assert not raised.value.retryable
    assert server.search("CF.{Fingerprint} = 'RT-2:ticket'") == []


async def test_a_field_that_is_not_there_is_said_before_anything_is_created(
    open_rt: Callable[..., RequestTracker],
) -> None:
    tickets = open_rt(fields={"circuit": "No such field"})
    with pytest.raises(TicketError, match="no custom field 'No such field'"):
        await tickets.create(new())


async def test_rts_answer_to_an_unknown_queue_is_understood(server: Server) -> None:
    """403, not 404."""
    connection = Connection(server.settings())
    with pytest.raises(TicketError, match=r"'Nowhere'.*CreateTicket"):
        await connection.create({"Queue": "Nowhere", "Subject": "x"}, "Nowhere")
    await connection.close()


async def test_a_change_that_meets_another_is_refused_and_made_on_what_is_there_now(
    server: Server, tickets: RequestTracker
) -> None:
    ticket = await tickets.create(new())
    connection = Connection(server.settings())
    _, stale = await connection.ticket(ticket)
    server.ask("PUT", f"ticket/{ticket}", {"Status": "stalled"})
    assert await connection.change(ticket, {"Status": "open"}, stale) is None
    row, fresh = await connection.ticket(ticket)
    assert row.status == "stalled"
    assert await connection.change(ticket, {"Status": "open"}, fresh) is not None
    await connection.close()


async def test_history_is_read_to_its_end_though_rt_tells_no_total(open_rt: Callable[..., RequestTracker]) -> None:
    tickets = open_rt(page=2)
    ticket = await tickets.create(new())
    for number in range(3):
        await tickets.add_note(ticket, f"RT:{number}", f"look {number}")
    await tickets.add_note(ticket, "RT:1", "look 1")
    assert told(ours(await tickets.show(ticket))) == ["look 0", "look 1", "look 2"]


async def test_a_note_of_a_person_who_copies_our_mark_is_theirs(server: Server, tickets: RequestTracker) -> None:
    ticket = await tickets.create(new())
    forged = {"Subject": mark("RT:note"), "Content": "forged", "ContentType": "text/plain"}
    server.ask("POST", f"ticket/{ticket}/comment", forged)
    await tickets.add_note(ticket, "RT:note", "real")
    shown = await tickets.show(ticket)
    assert (told(theirs(shown)), told(ours(shown))) == (["forged"], ["real"])


async def test_a_ticket_that_a_person_deleted_is_gone_and_nothing_of_ours_brings_it_back(
    server: Server, tickets: RequestTracker
) -> None:
    ticket = await tickets.create(new())
    await tickets.add_note(ticket, "RT:before", "measured again")
    server.ask("PUT", f"ticket/{ticket}", {"Status": "deleted"})
    resolved = TicketUpdate(status=TicketStatus.RESOLVED, text="stayed gone")
    for write in (
        lambda: tickets.show(ticket),
        lambda: tickets.add_note(ticket, "RT:after", "and again"),
        lambda: tickets.attach(ticket, file("a.pdf", b"%PDF")),
        lambda: tickets.update(ticket, "RT:end", resolved),
    ):
        with pytest.raises(NotFoundError, match=f"deleted ticket {ticket}"):
            await write()
    assert server.ask("GET", f"ticket/{ticket}")["Status"] == "deleted"
    server.ask("PUT", f"ticket/{ticket}", {"Status": "open"})
    await tickets.add_note(ticket, "RT:after", "and again")
    assert told(ours(await tickets.show(ticket))) == ["measured again", "and again"]


async def test_changes_of_a_ticket_that_a_person_opened_are_found_by_its_number(
    server: Server, tickets: RequestTracker
) -> None:
    opened = {"Queue": "noc", "Subject": "store-207 is slow", "Content": "they called", "ContentType": "text/plain"}
    theirs_, other = (str(server.ask("POST", "ticket", opened)["id"]) for _ in range(2))
    before = (await tickets.show(theirs_)).updated_at
    assert theirs_ not in (await tickets.changed_since(before)).tickets
    many = [str(10_000_000 + number) for number in range(150)]
    changes = await tickets.changed_since(before, [*many, theirs_])
    assert theirs_ in changes.tickets
    assert other not in changes.tickets
    assert changes.newest is not None
    assert changes.newest >= before


async def test_tickets_that_people_open_and_that_name_a_place_are_told(server: Server, tickets: RequestTracker) -> None:
    body = {"Queue": "noc", "Subject": "slow\nsince noon", "Content": "they called", "ContentType": "text/plain"}
    ours_ = await tickets.create(new())
    before = (await tickets.show(ours_)).updated_at

    def opened(**fields: str) -> str:
        return str(server.ask("POST", "ticket", {**body, "CustomFields": fields})["id"])

    named = opened(Site="store-207")
    by_circuit = opened(**{"Circuit ID": "CKT-207/1"})
    nameless, ended = opened(), opened(Site="store-208")
    server.ask("PUT", f"ticket/{ended}", {"Status": "resolved"})
    changes = await tickets.changed_since(before)
    told_ = {one.id: one for one in changes.by_people}
    assert {ours_, nameless, ended}.isdisjoint(told_)
    assert (told_[named].names, told_[named].by) == (("store-207",), "anna")
    assert told_[by_circuit].names == ("CKT-207/1",)
    assert "\n" not in told_[named].title
    assert named not in changes.tickets


async def test_a_status_of_another_life_cycle_is_not_guessed(open_rt: Callable[..., RequestTracker]) -> None:
    known = RequestTrackerSettings.model_fields["status_of"].default
    tickets = open_rt(
        status_of={word: ours for word, ours in known.items() if word != "new"},
        status_to={**RequestTrackerSettings.model_fields["status_to"].default, TicketStatus.ACKNOWLEDGED: "open"},
    )
    ticket = await tickets.create(new())
    with pytest.raises(TicketError, match=r"'new'.*status_of"):
        await tickets.show(ticket)


async def test_changes_are_found_whatever_time_zone_our_user_has_there(
    open_rt: Callable[..., RequestTracker],
) -> None:
    tickets = open_rt(user="ben", token=None, password="password-of-ben")
    ticket = await tickets.create(new())
    changed = (await tickets.show(ticket)).updated_at
    assert ticket in (await tickets.changed_since(changed)).tickets
    assert ticket not in (await tickets.changed_since(changed + timedelta(minutes=1))).tickets


async def test_a_persons_file_with_letters_beyond_ascii_does_not_hide_the_ticket(
    server: Server, tickets: RequestTracker
) -> None:
    ticket = await tickets.create(new())
    attached = {"FileName": "Prüfung.txt", "FileType": "text/plain", "FileContent": base64.b64encode(b"ok").decode()}
    body = {"Content": "<p>see &lt;file&gt;</p>", "ContentType": "text/html", "Attachments": [attached]}
    server.ask("POST", f"ticket/{ticket}/correspond", body)
    shown = await tickets.show(ticket)
    assert [one.name.endswith("fung.txt") for one in shown.attachments] == [True]
    assert told(theirs(shown)) == ["see <file>"]


async def test_a_file_that_rt_cuts_short_is_an_error(tickets: RequestTracker) -> None:
    ticket = await tickets.create(new())
    with pytest.raises(TicketError, match=r"\$MaxAttachmentSize"):
        await tickets.attach(ticket, file("large.pdf", b"x" * 1_100_000))


async def test_files_are_handed_out_again(tickets: RequestTracker) -> None:
    ticket = await tickets.create(new())
    await tickets.attach(ticket, file("a.pdf", b"%PDF\x00\xff"))
    assert (await tickets.attachment(ticket, "a.pdf")).content == b"%PDF\x00\xff"
    with pytest.raises(NotFoundError, match=r"b\.pdf"):
        await tickets.attachment(ticket, "b.pdf")


async def test_a_probe_finds_nothing_wrong_with_what_our_file_provisions(tickets: RequestTracker) -> None:
    assert await tickets.problems({"noc", "carrier"}) == []


@pytest.mark.parametrize(
    ("changes", "queues", "said"),
    [
        ({"queue": "Nowhere"}, (), "no queue 'Nowhere'"),
        ({}, ("Nowhere",), "no queue 'Nowhere'"),
        ({"user": "nix"}, (), "no user 'nix'"),
        ({"user": "anna"}, (), "another user's"),
        ({"fields": {"impact": "Outcome"}}, (), "no custom field 'Outcome'"),
    ],
)
async def test_a_probe_says_what_does_not_fit(
    open_rt: Callable[..., RequestTracker], changes: dict[str, object], queues: tuple[str, ...], said: str
) -> None:
    assert [said in one for one in await open_rt(**changes).problems(queues)] == [True]


@pytest.mark.parametrize("field", FIELDS)
async def test_what_a_process_that_died_left_behind_is_merged(
    server: Server, open_rt: Callable[..., RequestTracker], field: str
) -> None:
    """Two processes have created a ticket each, and neither has looked since."""
    key = f"RT-4:{field}"
    tickets = open_rt(**settings_of(field))
    first = await tickets.create(new(key))
    connection = Connection(server.settings())
    fields = {"CustomFields": {field: key}}
    left = await connection.create(
        {"Queue": "noc", "Subject": "down", "Content": f"down\n{mark(key)}", "ContentType": "text/plain", **fields},
        "NOC",
    )
    await connection.comment(left, {"Subject": mark("RT:left"), "Content": "its note", "ContentType": "text/plain"})
    assert await tickets.create(new(key)) == first
    await tickets.add_note(left, "RT:after", "written to the loser's number")
    shown = await tickets.show(first)
    assert told(ours(shown)) == ["its note", "written to the loser's number"]
    assert (await tickets.show(left)).id == first
    await connection.close()


async def _racer(server: Server, field: str, key: str, name: str) -> asyncio.subprocess.Process:
    """A process that waits for a line before it opens the ticket."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, str(Path(__file__).parent / "rt_racer.py"), server.url, server.token, field, key, name),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("field", FIELDS)
async def test_processes_that_race_for_one_key_end_with_one_active_ticket_and_every_note(
    server: Server, tickets: RequestTracker, field: str
) -> None:
    key = f"RT-5:{field}"
    racers = await asyncio.gather(*(_racer(server, field, key, name) for name in ("one", "two")))
    for racer in racers:
        assert racer.stdout is not None
        assert await racer.stdout.readline() == b"ready\n"
    start = time.monotonic()
    answers = await asyncio.gather(*(racer.communicate(b"go\n") for racer in racers))
    assert [racer.returncode for racer in racers] == [0, 0], answers
    assert time.monotonic() - start < LATEST
    winners = {said.decode().strip() for said, _ in answers}
    assert len(winners) == 1
    (winner,) = winners
    assert server.search(f"CF.{{{field}}} = '{key}' AND Status = '__Active__'") == [winner]
    assert server.search(f"CF.{{Fingerprint}} IS NULL AND CF.{{Unique Key}} IS NULL AND Creator = '{USER}'") == []
    assert sorted(told(ours(await tickets.show(winner)))) == ["a note of one", "a note of two"]
