"""kill -9 while Request Tracker has taken something of which we have not heard: the real performer, a real RT."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import ClientSession, web
from contract_values import new, ours, told
from real_rt import RequestTrackerServer

from config.database import Database
from triage import bulk, repository
from triage.cases import Case, CaseStatus, Effect, EffectKind, Origin
from triage.model import Cause, Scope, Severity
from triage.repository import OutboxStatus
from triage.tickets.request_tracker.adapter import RequestTracker

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.rim]

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
EVERYTHING = tuple(OutboxStatus)


@dataclass
class Between:
    """A door before RT that hands a request on, and kills who asked before they hear of it."""

    url: str = ""
    victim: asyncio.subprocess.Process | None = None
    kill_after: str = ""
    passed: list[str] = field(default_factory=list)


@asynccontextmanager
async def between(server: RequestTrackerServer) -> AsyncIterator[Between]:
    door = Between()

    async def forward(request: web.Request) -> web.Response:
        headers = {name: request.headers[name] for name in request.headers if name.lower() != "host"}
        async with session.request(
            request.method, server.url + request.path_qs, data=await request.read(), headers=headers
        ) as answer:
            body = await answer.read()
            door.passed.append(f"{request.method} {request.path}")
            if door.victim is not None and door.kill_after and door.passed[-1].endswith(door.kill_after):
                door.kill_after = ""
                os.kill(door.victim.pid, signal.SIGKILL)
            kept = {name: answer.headers[name] for name in ("Location", "ETag") if name in answer.headers}
            return web.Response(status=answer.status, body=body, headers=kept, content_type="application/json")

    application = web.Application(client_max_size=1 << 24)
    application.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    door.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with ClientSession() as session:
        yield door
    await runner.cleanup()


async def performing(records: Path, door: Between, token: str) -> int:
    """Run a performer until it is done or dead; its exit code."""
    door.victim = await asyncio.create_subprocess_exec(
        *(sys.executable, str(Path(__file__).parent / "rt_performer.py"), str(records), door.url, token),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    return await door.victim.wait()


async def committed(records: Path, case: str, *effects: Effect, ticket: str | None = None) -> None:
    database = Database(records)
    await database.create_all()
    async with database.writing() as connection:
        await repository.save_case(
            connection,
            Case(
                id=case, client="acme", site=f"site-{case}", status=CaseStatus.OPEN, origins=(Origin.MACHINE,),
                title="down", cause=Cause.LINK_DOWN, scope=Scope.LINK, severity=Severity.MAJOR, link=None, onset=NOON,
                opened_at=NOON, updated_at=NOON, ticket=ticket,
            ),
        )  # fmt: skip
        for effect in effects:
            await bulk.add_effects(connection, [(effect, NOON)])
    await database.close()


async def statuses(records: Path) -> list[OutboxStatus]:
    database = Database(records)
    async with database.reading() as connection:
        rows = await repository.outbox(connection, statuses=EVERYTHING)
    await database.close()
    return [row.status for row in rows]


async def test_killed_after_rt_created_the_ticket_leaves_one_ticket(
    request_tracker_server: RequestTrackerServer, tmp_path: Path
) -> None:
    records, key = tmp_path / "records.db", "C-1:killed-after-create"
    await committed(
        records, "C-1", Effect(key=key, kind=EffectKind.OPEN_TICKET, case="C-1", title="down", text="since noon")
    )
    async with between(request_tracker_server) as door:
        door.kill_after = "POST /REST/2.0/ticket"
        assert await performing(records, door, request_tracker_server.token) == -signal.SIGKILL
        assert await statuses(records) == [OutboxStatus.TRYING]
        assert await performing(records, door, request_tracker_server.token) == 0
    assert await statuses(records) == [OutboxStatus.DONE]
    assert len(request_tracker_server.search(f"CF.{{Fingerprint}} = '{key}'")) == 1


async def test_killed_after_rt_took_a_note_leaves_one_note(
    request_tracker_server: RequestTrackerServer, tmp_path: Path
) -> None:
    tickets = RequestTracker(request_tracker_server.settings())
    ticket = await tickets.create(new())
    records = tmp_path / "records.db"
    effects = [
        Effect(key=f"C-1:note:{number}", kind=EffectKind.NOTE_TICKET, case="C-1", ticket=ticket, text=f"look {number}")
        for number in (1, 2)
    ]
    await committed(records, "C-1", *effects, ticket=ticket)
    async with between(request_tracker_server) as door:
        door.kill_after = "/comment"
        assert await performing(records, door, request_tracker_server.token) == -signal.SIGKILL
        assert await performing(records, door, request_tracker_server.token) == 0
    assert await statuses(records) == [OutboxStatus.DONE, OutboxStatus.DONE]
    assert told(ours(await tickets.show(ticket))) == ["look 1", "look 2"]
    await tickets.close()
