"""What is wrong with ourselves stands on every page, and what was given up is decided by a named person."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.service.test_desk_repair import CASE
from triage import bulk, repository
from triage.audit import Entry, Kind, append
from triage.cases import CaseStatus, Effect, EffectKind, Pending, PendingWhy
from triage.reasons import Reason
from triage.repository import OutboxStatus

pytestmark = pytest.mark.rim


@pytest.fixture
async def refused(desk: Any) -> Any:
    """A case whose note the ticket system has refused for good."""
    now = desk.clock.now()
    async with desk.installation.database.writing() as connection:
        await repository.save_case(connection, CASE)
        note = Effect(key="C-1:note:1", kind=EffectKind.NOTE_TICKET, case="C-1", ticket="T-1", text="x")
        await bulk.add_effects(connection, [(note, now)])
        (row,) = await repository.outbox(connection)
        dead = replace(row, status=OutboxStatus.DEAD, attempts=8, done_at=now, last_error="400 <b>no such field</b>")
        await repository.mark_outbox(connection, dead)
    return desk


async def test_what_was_given_up_is_on_every_page_and_in_its_case(refused: Any) -> None:
    for path in ("/", "/sites", "/cases/C-1", "/tickets", "/cases/C-99"):
        _, text = await refused.get(path)
        assert "1 step for tickets, mail or the network was given up: a person decides" in text
        assert 'href="/outbox"' in text
    _, case = await refused.get("/cases/C-1")
    assert "Note ticket: dead, tried 8 times: 400 &lt;b&gt;no such field&lt;/b&gt;" in case
    _, listed = await refused.get("/outbox")
    assert "C-1:note:1" in listed
    assert "<b>" not in listed


async def test_a_named_person_has_it_tried_again_and_nobody_unnamed_does(refused: Any) -> None:
    status, text = await refused.post("/outbox/act", key="C-1:note:1", does="retry", who="  ")
    assert status == 422
    assert "needs the name of the person" in text
    assert (await refused.post("/outbox/act", key="C-1:note:1", does="burn", who="Ana"))[0] == 422
    assert (await refused.post("/outbox/act", key="nothing", does="retry", who="Ana"))[0] == 404
    assert await refused.post("/outbox/act", key="C-1:note:1", does="retry", who="Ana Ruiz") == (303, "/outbox")
    _, case = await refused.get("/cases/C-1")
    assert "has it tried again: key C-1:note:1" in case
    assert "Ana Ruiz" in case
    assert "given up" not in (await refused.get("/"))[1]


async def test_a_far_end_that_took_nothing_and_our_blindness_are_said(refused: Any) -> None:
    now = refused.clock.now()
    async with refused.installation.database.writing() as connection:
        (row,) = await repository.outbox(connection)
        waits = replace(row, status=OutboxStatus.PENDING, done_at=None, last_error="no answer in 10 s")
        await repository.mark_outbox(connection, waits)
        blind = Entry(
            at=now,
            kind=Kind.DECISION,
            reason=Reason.OWN_BLINDNESS.value,
            site="",
            document={"detail": "62 of 70 fell silent"},
        )
        await append(connection, [blind])
    _, text = await refused.get("/sites")
    assert "The ticket system has not taken what it was sent: no answer in 10 s" in text
    assert "We are blind since 2026-03-03 18:52Z, nothing of the sites is decided: 62 of 70 fell silent" in text
    assert "\nlineproof_blind 1.0\n" in (await refused.get("/metrics"))[1]
    _, part = await refused.get("/alerts")
    assert "We are blind" in part
    assert "<html" not in part


async def test_a_case_says_whether_its_clock_runs_and_where_it_is_to_go(desk: Any) -> None:
    now = desk.clock.now()
    waits = Pending(why=PendingWhy.ACCESS, since=now - timedelta(minutes=30), until=now + timedelta(hours=1), by="Ana")
    async with desk.installation.database.writing() as connection:
        await repository.save_case(
            connection,
            replace(
                CASE, status=CaseStatus.PENDING, pending=waits, clock_stopped_seconds=600.0, reopened=2,
                hand_over_at=now + timedelta(minutes=20), decided_by="Ana",
            ),
        )  # fmt: skip
    _, text = await desk.get("/cases/C-1")
    for words in ("stands still", "stood still for 40 min", "re-opened 2 times", "unless somebody takes it", "13:52"):
        assert words in text
    waiting = replace(waits, why=PendingWhy.CARRIER)
    async with desk.installation.database.writing() as connection:
        await repository.save_case(connection, replace(CASE, status=CaseStatus.PENDING, pending=waiting))
    _, text = await desk.get("/cases/C-1")
    assert "<dd>runs" in text
    assert "stood still" not in text
