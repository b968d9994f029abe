"""kill -9 of a performer and a ticket system with every fault at once: one ticket a case, no note lost, all in order.

The ticket system is a TMF621 server that keeps the truth, in another process than the performer.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import web

sys.path.append(str(Path(__file__).parents[1] / "processes"))
sys.path.append(str(Path(__file__).parents[1] / "contracts" / "tickets"))

from forking import Template
from stub_server import serving
from stub_tmf621 import CLIENT, SECRET, TroubleTickets

from config.database import Database
from triage import bulk, repository
from triage.cases import Case, CaseStatus, Effect, EffectKind, Origin
from triage.model import Cause, Scope, Severity
from triage.repository import OutboxStatus

pytestmark = [pytest.mark.slow, pytest.mark.rim, pytest.mark.timeout(180)]

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
CASES, NOTES = 4, 3
FAULTS = ("500", "429", "garbage", "half a body", "lost", "kill before", "kill after")
"""What may befall a request: the last three after or before it is carried out; `lost` is a 504 of a gateway."""


@dataclass
class Trouble:
    """Meets each request with a fault, seven times out of ten, until there have been enough of them."""

    chance: Random
    most: int
    met: Counter[str] = field(default_factory=Counter)
    victim: int = 0

    def kill(self) -> None:
        if self.victim:
            os.kill(self.victim, signal.SIGKILL)
            self.victim = 0

    def middleware(self) -> Any:
        @web.middleware
        async def meet(request: web.Request, handler: Any) -> web.StreamResponse:
            if request.path.endswith("/token") or self.met.total() >= self.most or self.chance.random() > 0.7:
                return await handler(request)  # type: ignore[no-any-return]
            fault = self.chance.choice(FAULTS)
            self.met[fault] += 1
            return await self._as(fault, request, handler)

        return meet

    async def _as(self, fault: str, request: web.Request, handler: Any) -> web.StreamResponse:
        if fault == "500":
            return web.Response(status=500, text="<html>oops</html>")
        if fault == "429":
            return web.Response(status=429, headers={"Retry-After": "2"})
        if fault == "kill before":
            self.kill()
            return web.Response(status=503)
        response: web.StreamResponse = await handler(request)
        if fault == "kill after":
            self.kill()
        if fault == "lost":
            return web.Response(status=504)
        if fault == "garbage":
            return web.Response(status=200, body=b"\xff\xfe{]", content_type="application/json")
        if fault == "half a body" and isinstance(response, web.Response) and isinstance(response.body, bytes):
            return web.Response(status=response.status, body=response.body[: len(response.body) // 2])
        return response


@dataclass
class Deadly:
    """So many that have C-1's ticket opened are killed, the last of them when that is done."""

    left: int
    victim: int = 0

    def middleware(self) -> Any:
        @web.middleware
        async def meet(request: web.Request, handler: Any) -> web.StreamResponse:
            if request.method != "POST" or b"C-1:ticket" not in await request.read() or not self.left:
                return await handler(request)  # type: ignore[no-any-return]
            self.left -= 1
            if not self.left:
                await handler(request)
            os.kill(self.victim, signal.SIGKILL)
            return web.Response(status=503)

        return meet


@pytest.fixture(scope="module")
def performers() -> Iterator[Template]:
    template = Template(Path(__file__).parent / "dying_performer.py")
    yield template
    template.stop()


async def prepared(records: Path) -> Database:
    """Cases whose tickets are to be opened, and then to get notes, meant case by case in turns."""
    database = Database(records)
    await database.create_all()
    async with database.writing() as connection:
        for number in range(1, CASES + 1):
            case = Case(
                id=f"C-{number}", client="acme", site=f"store-{number}", status=CaseStatus.OPEN,
                origins=(Origin.MACHINE,), title="Packet loss", cause=Cause.LOSS, scope=Scope.LINK,
                severity=Severity.MAJOR, link=None, onset=NOON, opened_at=NOON, updated_at=NOON,
            )  # fmt: skip
            await repository.save_case(connection, case)
        for step in range(NOTES + 1):
            for number in range(1, CASES + 1):
                name, kind = (
                    ("ticket", EffectKind.OPEN_TICKET) if not step else (f"note-{step}", EffectKind.NOTE_TICKET)
                )
                effect = Effect(
                    key=f"C-{number}:{name}", kind=kind, case=f"C-{number}", title="Packet loss",
                    text=f"This is {name} of C-{number}.", severity=Severity.MAJOR,
                )  # fmt: skip
                await bulk.add_effects(connection, [(effect, NOON)])
    return database


async def lived(performers: Template, meeting: Trouble | Deadly, url: str, records: Path) -> int:
    """Performers, each after the one that was killed, until one is done; how many there were."""
    system = {
        "url": f"{url}/tmf-api/troubleTicket/v5", "version": 5, "token_url": f"{url}/token", "client_id": CLIENT,
        "client_secret": SECRET, "timeout": 5,
    }  # fmt: skip
    order = {"records": str(records), "origin": time.time(), "system": system}
    code: int | None = -signal.SIGKILL
    lives = 0
    while code == -signal.SIGKILL:
        meeting.victim = await asyncio.to_thread(lambda: performers.start(**order))
        lives += 1
        code = await asyncio.to_thread(performers.ended, 90)
    assert code == 0
    return lives


def check(server: TroubleTickets) -> None:
    """One ticket a case, with all its notes in their order."""
    assert server.violations == []
    assert len(server.tickets) == CASES
    for ticket in server.tickets.values():
        texts = [note["text"] for note in ticket["note"]]
        (case,) = {text.split(" of ")[1].split(".")[0] for text in texts}
        said = [text.split(" of ")[0].removeprefix("This is ") for text in texts]
        assert said == [f"note-{step}" for step in range(1, NOTES + 1)], (case, texts)


@pytest.mark.parametrize("seed", [1, 8])
async def test_killed_again_and_again_before_a_system_with_every_fault_each_case_has_one_ticket_and_all_its_notes(
    seed: int, tmp_path: Path, performers: Template
) -> None:
    records = tmp_path / "records.db"
    database = await prepared(records)
    trouble = Trouble(Random(seed), most=40)
    server = TroubleTickets(5)
    application = server.application()
    application.middlewares.insert(0, trouble.middleware())
    async with serving(application) as url:
        lives = await lived(performers, trouble, url, records)
    async with database.reading() as connection:
        rows = await repository.outbox(connection, limit=1000)
    await database.close()
    assert {row.status for row in rows} == {OutboxStatus.DONE}, [row.last_error for row in rows]
    assert lives > 3, "it was killed now and then"
    assert trouble.met.keys() == set(FAULTS)
    check(server)


async def test_what_kills_a_dozen_performers_is_done_in_the_end_and_takes_no_other_along(
    tmp_path: Path, performers: Template
) -> None:
    records = tmp_path / "records.db"
    database = await prepared(records)
    deadly = Deadly(left=12)
    server = TroubleTickets(5)
    application = server.application()
    application.middlewares.insert(0, deadly.middleware())
    async with serving(application) as url:
        assert await lived(performers, deadly, url, records) == 12 + 1
    async with database.reading() as connection:
        rows = await repository.outbox(connection, limit=1000)
    await database.close()
    assert {row.status for row in rows} == {OutboxStatus.DONE}, [row.last_error for row in rows]
    (first, *others) = rows
    assert (first.effect.key, first.interrupted) == ("C-1:ticket", 12)
    assert max(row.interrupted for row in others) <= 2, "from its second time on it is tried alone"
    check(server)
