"""Files: each once for its name and content, and byte for byte as it was."""

from __future__ import annotations

import hashlib

import pytest
from contract_values import BINARY, file, new
from ticket_far_ends import FarEnd

from triage.tickets.port import TicketSystem

pytestmark = pytest.mark.needs("show", "files")


async def test_a_file_is_attached_once_for_its_name_and_content(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    for _ in range(3):
        await tickets.attach(ticket, BINARY)
    (attached,) = (await tickets.show(ticket)).attachments
    assert attached.name == BINARY.name
    assert attached.media_type == "application/pdf"
    assert attached.size == len(BINARY.content)
    assert attached.sha256 in ("", hashlib.sha256(BINARY.content).hexdigest())


async def test_new_content_under_an_old_name_is_another_file(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    await tickets.attach(ticket, file("evidence.pdf", b"%PDF-1.7 first"))
    await tickets.attach(ticket, file("evidence.pdf", b"%PDF-1.7 second, as long"))
    assert len((await tickets.show(ticket)).attachments) == 2


async def test_the_same_content_under_two_names_is_two_files(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    await tickets.attach(ticket, file("a.pdf", BINARY.content))
    await tickets.attach(ticket, file("b.pdf", BINARY.content))
    assert sorted(one.name for one in (await tickets.show(ticket)).attachments) == ["a.pdf", "b.pdf"]


async def test_a_file_is_no_note(tickets: TicketSystem) -> None:
    ticket = await tickets.create(new())
    await tickets.attach(ticket, BINARY)
    assert (await tickets.show(ticket)).notes == ()


FILES = (
    ("evidence.pdf", "application/pdf", BINARY.content),
    ("evidence.json", "application/json", '{"words": "Zürich 北京"}\r\n'.encode()),
    ("page.html", "text/html", "<p>Zürich</p>\n".encode()),
    ("samples.csv", "text/csv", b"time;loss\r\n1;2\n\r\n"),
    ("latin.txt", "text/plain", "Zürich".encode("latin-1")),
    ('Prüfung 1 "a".parquet', "application/octet-stream", b"PAR1\x00\xff\xfe\nPAR1"),
)


@pytest.mark.needs("people")
async def test_people_get_the_bytes_that_were_attached(far_end: FarEnd) -> None:
    assert far_end.person is not None
    ticket = await far_end.tickets.create(new())
    for name, media_type, content in FILES:
        await far_end.tickets.attach(ticket, file(name, content, media_type))
    shown = (await far_end.tickets.show(ticket)).attachments
    assert [await far_end.person.file(ticket, one.name) for one in shown] == [content for *_, content in FILES]
