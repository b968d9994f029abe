"""Announced work at the desk: what is under way and to come, whence, and which mails need a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from inventory.model import Impact, Inventory, MaintenanceSource, MaintenanceWindow, Notice
from inventory.repository import replace_inventory
from triage.mail.aside import put_aside
from triage.mail.notices import MailRefusal

pytestmark = pytest.mark.rim


async def announce(installation: Any, *windows: MaintenanceWindow) -> None:
    async with installation.database.writing() as connection:
        await replace_inventory(connection, Inventory.of(maintenance=windows))


async def test_a_sites_page_shows_work_under_way_and_the_next_of_what_comes_again(desk: Any, installation: Any) -> None:
    """It is 12:52 in Chicago on Tuesday, 3 March 2026."""
    now = installation.clock.now()
    notice = Notice(provider="Meridian", id="MF-7", impact=Impact.OUTAGE)
    await announce(
        installation,
        MaintenanceWindow(
            id="a", start=now - timedelta(minutes=52), end=now + timedelta(minutes=8), links=("store-114-wan1",),
            reason="A <splice>", source=MaintenanceSource.CARRIER, notice=notice,
        ),
        MaintenanceWindow(
            id="b", start=now - timedelta(days=7, hours=3), end=now - timedelta(days=7, hours=2), sites=("store-114",),
            recurrence="FREQ=WEEKLY", timezone="America/Chicago",
        ),
    )  # fmt: skip
    _, text = await desk.get("/sites/store-114")
    assert "Work under way" in text
    mark = text.index("Announced work under way</strong> on store-114-wan1, 2026-03-03 12:00 to 2026-03-03 13:00 CST: ")
    assert mark < text.index('id="lines"'), "it stands above the lines that it is about"
    assert text.count("Announced work under way") == 1
    assert (
        "2026-03-03 12:00 to 2026-03-03 13:00 CST: A &lt;splice&gt; (Meridian&#39;s notice MF-7: confirmed, outage)"
        in text
    )
    # A week after 24 February is this morning; the next is 10 March, 09:52 by then in summer time.
    assert "2026-03-10 09:52 to 2026-03-10 10:52 CDT (entered by a person: confirmed, again by FREQ=WEEKLY" in text
    assert "MF-7" not in (await desk.get("/sites/store-207"))[1]


async def test_mails_that_need_a_person_are_said_on_the_first_page(desk: Any, installation: Any) -> None:
    assert "for a person" not in (await desk.get("/"))[1]
    for raw in (b"one", b"two", b"two"):
        put_aside(installation.settings.data, raw, MailRefusal.SENDER_UNKNOWN, "who is it?")
    assert "2 mails of carriers wait for a person" in (await desk.get("/"))[1]
