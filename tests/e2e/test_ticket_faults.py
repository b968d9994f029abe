"""Faults around the ticket system, with real processes: two engines by mistake, a day's absence, a dry run, a ticket
that two cases share, and people who work there meanwhile."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

sys.path.append(str(Path(__file__).parents[1] / "processes"))
sys.path.append(str(Path(__file__).parents[1] / "contracts" / "tickets"))

from forking import Template
from stub_repair_api import CLIENT as REPAIR_CLIENT
from stub_repair_api import SECRET as REPAIR_SECRET
from stub_repair_api import RepairTickets
from stub_server import serving
from stub_tmf621 import CLIENT, SECRET, TroubleTickets
from tmf621_people import TroubleTicketPerson

from config.clock import epoch_ms, rfc3339
from config.database import Database
from service.installation import opened
from triage import bulk, repository
from triage.cases import Case, CaseStatus, Effect, EffectKind, Origin
from triage.model import Cause, Scope, Severity
from triage.repository import OutboxStatus
from triage.ticket_records import keep_ticket
from triage.tickets.port import TicketStatus

pytestmark = [pytest.mark.slow, pytest.mark.rim, pytest.mark.timeout(120)]

CASES, NOTES = 4, 3
DAY = 86_400.0
AWAY_SECONDS = 4.0
"""Real seconds that stand for the day without the ticket system."""


def a_case(number: int, at: datetime, **changes: Any) -> Case:
    case = Case(
        id=f"C-{number}", client="acme", site=f"elsewhere-{number}", status=CaseStatus.OPEN, origins=(Origin.MACHINE,),
        title="Packet loss", cause=Cause.LOSS, scope=Scope.LINK, severity=Severity.MAJOR, link=None, onset=at,
        opened_at=at, updated_at=at, ticket_wanted=True,
    )  # fmt: skip
    return replace(case, **changes)


def opening(number: int) -> Effect:
    return Effect(
        key=f"C-{number}:ticket", kind=EffectKind.OPEN_TICKET, case=f"C-{number}", title="Packet loss",
        text=f"Case C-{number}.", severity=Severity.MAJOR,
    )  # fmt: skip


async def prepare(records: Path, at: datetime) -> None:
    """Cases whose tickets are to be opened and then to get notes."""
    database = Database(records)
    await database.create_all()
    async with database.writing() as connection:
        for number in range(1, CASES + 1):
            await repository.save_case(connection, a_case(number, at))
        for step in range(NOTES + 1):
            for number in range(1, CASES + 1):
                case = f"C-{number}"
                note = Effect(
                    key=f"{case}:note-{step}", kind=EffectKind.NOTE_TICKET, case=case, text=f"{case} note-{step}."
                )
                await bulk.add_effects(connection, [(note if step else opening(number), at)])
    await database.close()


def rows(records: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(records, timeout=10)) as connection:
        return connection.execute(query).fetchall()


def undone(records: Path) -> int:
    return int(rows(records, "SELECT count(*) FROM triage_outbox WHERE status != 'done'")[0][0])


def check(server: TroubleTickets) -> None:
    """One ticket a case, with all its notes in their order."""
    told = sorted([note["text"].splitlines()[0] for note in ticket["note"]] for ticket in server.tickets.values())
    assert told == [[f"C-{case} note-{step}." for step in range(1, NOTES + 1)] for case in range(1, CASES + 1)]
    assert server.violations == []


def tmf621(url: str, secret: str = SECRET) -> dict[str, Any]:
    return {
        "kind": "tmf621", "url": f"{url}/tmf-api/troubleTicket/v5", "version": 5, "token_url": f"{url}/token",
        "client_id": CLIENT, "client_secret": secret, "timeout": 5,
    }  # fmt: skip


async def until(question: Callable[[], Any], within: float = 30.0) -> Any:
    """Ask until it is true. The server of these tests lives in this loop meanwhile."""
    deadline = time.monotonic() + within
    while not (answer := question()):
        assert time.monotonic() < deadline, f"not within {within:.0f} s"
        await asyncio.sleep(0.05)
    return answer


def configure(house: Any, **tickets: Any) -> None:
    house.environment["TICKET_SECRET"] = SECRET
    house.configure(
        tickets={"look_seconds": 0.2, **tickets},
        listen={"desk": house.desk, "collector": house.collector, "engine": 0},
    )


def engine(house: Any) -> Any:
    with (house.folder / "engine.log").open("a") as log:
        return house.start(house.command("serve", "--role", "engine"), stdout=log, stderr=log)


async def test_of_two_engines_one_acts_and_the_other_goes_on_when_it_was_killed(house: Any, now: datetime) -> None:
    await prepare(house.records, now)
    server = TroubleTickets(5)
    calls: list[str] = []

    @web.middleware
    async def slowly(request: web.Request, handler: Any) -> Any:
        """Each process has logged in by itself, so that its token tells which of them calls."""
        if not request.path.endswith("/token"):
            calls.append(request.headers["Authorization"])
            await asyncio.sleep(0.1)
        return await handler(request)

    application = server.application()
    application.middlewares.insert(0, slowly)
    async with serving(application) as url:
        configure(house, system=tmf621(url, "env:TICKET_SECRET"))
        both = {process.pid: process for process in (engine(house), engine(house))}
        await until(lambda: len(calls) >= 12)
        ((holder,),) = rows(house.records, "SELECT holder FROM triage_lease")
        first = both.pop(int(holder.split(":")[1]))
        first.kill()
        first.wait()
        before = len(calls)
        (second,) = both.values()
        await asyncio.sleep(1)
        assert second.poll() is None
        assert len(calls) <= before + 1, "it waits for the end of the lease"
        assert undone(house.records) > 0
        with closing(sqlite3.connect(house.records, timeout=10)) as connection, connection:
            connection.execute("UPDATE triage_lease SET expires_at = ?", (epoch_ms(datetime.now(UTC)),))
        await until(lambda: not undone(house.records))
    check(server)
    assert len(set(calls)) == 2
    assert calls == sorted(calls, key=calls.index), "never both in turns"


@pytest.fixture(scope="module")
def performers() -> Iterator[Template]:
    template = Template(Path(__file__).parent / "dying_performer.py")
    yield template
    template.stop()


@asynccontextmanager
async def standing_at(port: int, application: web.Application) -> AsyncIterator[None]:
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


async def test_a_ticket_system_that_is_away_for_a_day_gets_everything_once_and_costs_no_attempt(
    tmp_path: Path, performers: Template
) -> None:
    records = tmp_path / "records.db"
    await prepare(records, datetime(2026, 3, 3, 12, tzinfo=UTC))
    asked = 0

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        writer.close()

    nobody = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = nobody.sockets[0].getsockname()[1]
    order = {
        "records": str(records), "origin": time.time(), "factor": DAY / AWAY_SECONDS,
        "system": tmf621(f"http://127.0.0.1:{port}"),
    }  # fmt: skip
    await asyncio.to_thread(lambda: performers.start(**order))
    await asyncio.sleep(AWAY_SECONDS)
    nobody.close()
    await nobody.wait_closed()
    assert {status for (status,) in rows(records, "SELECT status FROM triage_outbox")} <= {"pending", "trying"}
    server = TroubleTickets(5)
    async with standing_at(port, server.application()):
        assert await asyncio.to_thread(performers.ended, 60) == 0
    check(server)
    assert rows(records, "SELECT DISTINCT status, attempts FROM triage_outbox") == [("done", 1)]
    # One effect asks once a minute whether it is back; before that was known each case had its first try.
    assert 2 < asked <= 24 * 60 + CASES


class SocketGuard(threading.Thread):
    """Listens, and keeps every connection that comes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.met: list[Any] = []

    def run(self) -> None:
        while True:
            try:
                self.met.append(self._socket.accept())
            except OSError:
                return

    def end(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.join(5)
        for connection, _ in self.met:
            connection.close()


def test_in_a_dry_run_nobody_is_called_and_all_that_would_have_been_said_is_listed(
    house: Any, now: datetime, eventually: Callable[..., Any]
) -> None:
    guard = SocketGuard()
    guard.start()
    house.measure("store-207-wan1", now - timedelta(days=1), 1440 + 60, lossy_from=now - timedelta(minutes=30))
    configure(house, dry_run=True, system=tmf621(f"http://127.0.0.1:{guard.port}", "env:TICKET_SECRET"))
    smtp = {"kind": "smtp", "host": "127.0.0.1", "port": guard.port, "tls": "none", "sender": "noc@provider.example"}
    house.configure(clock={"start": rfc3339(now), "origin": time.time(), "factor": 60.0}, mail={"outgoing": smtp})
    engine(house)
    by = ("--by", "Ana Ruiz", "--note", "said on the phone")
    eventually(lambda: rows(house.records, "SELECT 1 FROM triage_outbox WHERE status = 'withheld'"), within=60)
    for words in (("move", "C-1", "field"), ("note", "C-1", "splicing"), ("resolve", "C-1"), ("close", "C-1")):
        options = by[:2] if words[0] == "note" else by
        done = house.lineproof("case", *words, *options)
        assert done.returncode == 0, done.stderr
    count = "SELECT count(*) FROM triage_outbox WHERE status = 'withheld'"
    eventually(lambda: rows(house.records, count)[0][0] >= 6)
    listed = json.loads(house.lineproof("ticket", "outbox", "--json").stdout)
    guard.end()
    assert {one["status"] for one in listed} == {"withheld"}
    kinds = [one["kind"] for one in listed]
    assert kinds[0] == "open_ticket"
    assert sorted(kinds[1:]) == [
        "attach_evidence", "note_ticket", "resolve_ticket", "update_ticket", "update_ticket",
    ]  # fmt: skip
    meant = [one["would_send"] for one in listed]
    for text in ("moved it to field: said on the phone", "Ana Ruiz: splicing"):
        assert any(text in one.get("text", "") for one in meant)
    assert [one["queue"] for one in meant if "queue" in one] == ["field"]
    assert guard.met == []


async def test_what_people_do_to_a_ticket_that_a_newer_case_was_given_comes_to_that_case(
    house: Any, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repair API opens no second ticket for a line (409): the older case's end is not the ticket's."""
    for name, value in {**house.environment, "TICKET_SECRET": REPAIR_SECRET}.items():
        monkeypatch.setenv(name, value)
    inventory = {"clients": [{"id": "acme", "name": "Acme"}], "sites": [{"id": "elsewhere-1", "client": "acme"}],
                 "links": [{"id": "wan", "site": "elsewhere-1", "service_number": "VC-1"}]}  # fmt: skip
    (house.folder / "one.yaml").write_text(yaml.safe_dump(inventory))
    assert house.lineproof("inventory", "import", house.folder / "one.yaml").returncode == 0
    server = RepairTickets()
    async with serving(server.application()) as url:
        system = {
            "kind": "repair_api", "url": url, "token_url": f"{url}/identity/connect/token",
            "client_id": REPAIR_CLIENT, "client_secret": "env:TICKET_SECRET", "clients": {"acme": 9994},
        }  # fmt: skip
        configure(house, system=system)
        async with opened(house.settings) as installation:
            engine, performer, watch = installation.engine(), installation.performer(), installation.watch()

            async def work() -> None:
                for _ in range(3):
                    await performer.perform_due()
                    await engine.work_off()

            async def mean(case: Case, *effects: Effect) -> None:
                async with installation.database.writing() as connection:
                    await repository.save_case(connection, case)
                    for effect in effects:
                        await bulk.add_effects(connection, [(effect, now)])

            async def known(case: str) -> Case:
                async with installation.database.reading() as connection:
                    return await repository.case_by_id(connection, case)

            older, newer = (a_case(number, now, site="elsewhere-1", link="wan") for number in (1, 2))
            await mean(older, opening(1))
            await work()
            ticket = (await known("C-1")).ticket
            assert ticket is not None
            await watch.look()
            end = Effect(key="C-1:close:0", kind=EffectKind.UPDATE_TICKET, case="C-1", ticket=ticket,
                         status=TicketStatus.CLOSED, text="Nobody objected.")  # fmt: skip
            ended = replace(await known("C-1"), status=CaseStatus.RESOLVED, ended_at=now)
            await mean(ended)
            await mean(newer, opening(2))
            await work()
            assert (await known("C-2")).ticket == ticket
            await mean(replace(ended, status=CaseStatus.CLOSED), end)
            await work()
            kept = server.tickets[int(ticket)]
            assert kept["ticketStatus"] != "Closed", "it is the newer case's work"
            server.note(kept, "splice found", "anna@provider.example")
            kept["details"][0]["detailStatus"] = "R"
            await watch.look()
            await work()
            assert (await known("C-2")).status is CaseStatus.RESOLVED
            assert (await known("C-1")).status is CaseStatus.CLOSED
            async with installation.database.reading() as connection:
                (row,) = [one for one in await repository.outbox(connection) if one.effect.key == "C-1:close:0"]
            assert (row.status, row.last_error) == (OutboxStatus.WITHHELD, f"ticket {ticket} stands for C-2 now")


async def test_a_case_follows_its_ticket_while_the_engine_runs_and_catches_up_after_the_system_was_away(
    house: Any, now: datetime
) -> None:
    server = TroubleTickets(5)
    person = TroubleTicketPerson(server)
    ticket = server.keep({"description": "d", "name": "n", "severity": "Major", "ticketType": "outage"})["id"]
    database = Database(house.records)
    async with database.writing() as connection:
        await repository.save_case(connection, a_case(1, now, ticket=ticket))
        await keep_ticket(connection, "tmf621", ticket, "C-1", "C-1:ticket", now)
    await database.close()

    def case() -> Any:
        return json.loads(rows(house.records, "SELECT document FROM triage_case")[0][0])

    def told() -> list[str]:
        query = "SELECT document FROM triage_inbox WHERE kind = 'ticket' ORDER BY seq"
        return [note for (one,) in rows(house.records, query) if (note := json.loads(one).get("note"))]

    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    configure(house, system=tmf621(f"http://127.0.0.1:{port}", "env:TICKET_SECRET"))
    async with standing_at(port, server.application()):
        running = engine(house)
        await until(lambda: rows(house.records, "SELECT 1 FROM triage_ticket WHERE looked_at IS NOT NULL"))
        await person.change(ticket, status=TicketStatus.IN_PROGRESS, owner="anna")
        await until(lambda: case()["owner"] == "anna")
    await person.note(ticket, "first")
    await person.note(ticket, "second")
    await person.change(ticket, status=TicketStatus.RESOLVED)
    await asyncio.sleep(1)
    assert told() == []
    async with standing_at(port, server.application()):
        await until(lambda: case()["status"] == "resolved")
        await until(lambda: len(told()) == 2)
        await asyncio.sleep(0.5)
    assert told() == ["first", "second"]
    assert case()["decided_by"] == "anna"
    assert server.tickets[ticket]["status"] == "resolved"
    os.kill(running.pid, signal.SIGTERM)
    assert await asyncio.to_thread(running.wait, 15) == 0
