"""The audit trail's head written down elsewhere, and a case's story told from the trail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete

from config.errors import LineproofError
from service.auditing import HEADS, checked, read_heads, unknown_heads, write_head
from service.casefile import read_case_file
from service.installation import Installation
from service.storytelling import story_lines
from triage import inbox, tables
from triage.audit import head
from triage.inputs import CarrierTold, ClaimReported, PersonAct, PersonActed
from triage.model import Claim, Intake

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 18, 52, tzinfo=UTC)


@pytest.fixture
async def told(desk: Any) -> Installation:
    """A claim at 12:52 in Chicago, its ticket, a technician's note, and a carrier's word."""
    installation: Installation = desk.installation
    said = Claim(
        site="store-114", client="acme", since=NOW - timedelta(minutes=22), reported_at=NOW, reported_by="Dana Reyes",
        words="tills hang, call +1 617 555 0100", intake=Intake(on_site_phone="+1 617 555 0199"),
    )  # fmt: skip
    await inbox.enqueue(installation.database, "claim:1", ClaimReported(claim=said, open_ticket=True), NOW)
    await desk.work()
    acted = PersonActed(who="Sam", does=PersonAct.ACKNOWLEDGE, target="C-1", note="on it")
    await inbox.enqueue(installation.database, "act:1", acted, NOW)
    word = CarrierTold(
        case="C-1", who="Sam", number="MER-4711", carrier="Meridian", etr=NOW + timedelta(hours=4),
        repair_contact="+1 800 555 0143", account="8245",
    )  # fmt: skip
    await inbox.enqueue(installation.database, "carrier:1", word, NOW)
    await desk.work()
    return installation


@pytest.fixture
async def begun(installation: Installation) -> Installation:
    """A claim that is decided, and no ticket."""
    said = Claim(site="store-114", client="acme", since=NOW - timedelta(minutes=22), reported_at=NOW)
    await inbox.enqueue(installation.database, "claim:1", ClaimReported(claim=said, open_ticket=False), NOW)
    await installation.engine().work_off()
    return installation


async def test_the_story_tells_who_did_what_in_order_in_the_sites_time(told: Installation):
    document = await read_case_file(told, "C-1")
    lines = list(story_lines(document["story"], ZoneInfo(document["timezone"])))
    assert all("2026-03-03 12:52:00 CST" in line for line in lines), "half past twelve and some, in Chicago"
    wanted = (
        "Dana Reyes            reports slow since 2026-03-03 12:30 CST: “tills hang, call [number]”",
        "judges V-1: Confirmed; packet loss on store-114-wan1",
        "decides [open]:",
        "opens a ticket (severity critical): done 12:52:00, ticket T-1",
        "Sam                   acknowledge: on it",
        "Sam                   carrier told: number MER-4711, carrier Meridian",
    )
    places = [next(place for place, line in enumerate(lines) if one in line) for one in wanted]
    assert places == sorted(places), lines
    assert [one["number"] for one in document["story"]] == sorted(one["number"] for one in document["story"])


async def test_no_phone_number_stands_in_the_trail(told: Installation):
    async with told.database.reading() as connection:
        rows = (await connection.execute(tables.audit.select())).all()
    assert len(rows) > 10
    assert not [row for row in rows if "555" in str(row.document) and "617" in str(row.document)]
    assert not [row for row in rows if "800 555" in str(row.document) or "8245" in str(row.document)]


async def test_each_effect_is_meant_then_tried_then_done(told: Installation):
    story = (await read_case_file(told, "C-1"))["story"]
    by_key: dict[str, list[str]] = {}
    for one in story:
        if "key" in one["document"]:
            by_key.setdefault(one["document"]["key"], []).append(one["kind"])
    assert by_key
    assert set(map(tuple, by_key.values())) == {("intent", "attempt", "outcome")}


async def test_a_trail_cut_after_the_night_is_found_by_the_head_of_the_night(begun: Installation):
    data = begun.settings.data
    anchor = await write_head(begun.database, data, NOW)
    assert (await checked(begun.database, data)).ok
    async with begun.database.writing() as connection:
        await connection.execute(delete(tables.audit).where(tables.audit.c.number > anchor.number - 2))
    found = await checked(begun.database, data)
    assert "its end was cut off" in found.fault
    assert await unknown_heads(begun.database, [anchor.sha256]) == [anchor.sha256]


async def test_heads_are_added_and_read_again(begun: Installation):
    data = begun.settings.data
    written = [await write_head(begun.database, data, NOW + timedelta(days=day)) for day in range(3)]
    assert read_heads(data) == written
    async with begun.database.reading() as connection:
        assert (written[-1].number, written[-1].sha256) == await head(connection)
    with (data / HEADS).open("a") as file:
        file.write('{"at": "2026-03-0')  # a crash in the middle of a line
    assert read_heads(data) == written


def test_a_line_that_is_no_head_is_named(tmp_path: Path):
    (tmp_path / HEADS).write_text("{}\n")
    with pytest.raises(LineproofError, match="line 1 is no head"):
        read_heads(tmp_path)
