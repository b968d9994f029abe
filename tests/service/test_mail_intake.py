"""Carriers' mails in a real folder, read by the real parser in its own process, into a real records database."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from config.clock import ManualClock
from config.database import Database
from inventory.maintenance import covers
from inventory.model import Client, Inventory, Link, MaintenanceSource, Site
from inventory.repository import load_inventory, replace_inventory
from service.installation import Installation, opened
from service.mail_intake import open_intake, take_in
from service.migrations import upgrade
from triage.mail.aside import set_aside_mails
from triage.mail.notice_reader import FORBIDDEN
from triage.mail.settings import CarrierMailSettings, FolderIntakeSettings

pytestmark = [pytest.mark.rim, pytest.mark.slow]

CONFIRMED = Path(__file__).parents[1] / "triage/mail/notices/confirmed.eml"
NOW = datetime(2026, 3, 2, 10, 1, tzinfo=UTC)
START = datetime(2026, 3, 10, 6, tzinfo=UTC)
MERIDIAN = CarrierMailSettings(carrier="Meridian Fiber", senders=("noc@meridian.example",))
LINES = [
    Link(id="store-114-wan1", site="store-114", carrier="Meridian Fiber", circuit_id="MF/114/0007"),
    Link(id="store-207-wan1", site="store-207", carrier="Meridian Fiber", circuit_id="MF/207/0001"),
]
STORES = Inventory.of(
    [Client(id="acme", name="Acme")],
    [Site(id="store-114", client="acme"), Site(id="store-207", client="acme")],
    links=LINES,
)


@pytest.fixture
async def installation(tmp_path: Path) -> AsyncIterator[Installation]:
    path = tmp_path / "lineproof.yaml"
    path.write_text("data: var\n", encoding="utf-8")
    (tmp_path / "var").mkdir()
    records = Database(tmp_path / "var/records.db")
    await upgrade(records)
    await records.close()
    async with opened(path) as installation:
        installation.clock = ManualClock(NOW)
        async with installation.database.writing() as connection:
            await replace_inventory(connection, STORES)
        yield installation


@pytest.fixture
def settings(tmp_path: Path) -> FolderIntakeSettings:
    folder = tmp_path / "mail"
    folder.mkdir()
    return FolderIntakeSettings(
        kind="folder",
        folder=folder,
        carriers=(MERIDIAN,),
        authenticated_by="mx.lineproof.example",
        largest_bytes=20_000,
    )


async def known(installation: Installation) -> Inventory:
    async with installation.database.reading() as connection:
        return await load_inventory(connection)


def covered(inventory: Inventory, moment: datetime = START) -> list[str]:
    return [link.id for link in LINES for window in inventory.maintenance if covers(window, link, moment)]


async def test_a_notice_covers_the_lines_that_it_says_are_out(
    installation: Installation, settings: FolderIntakeSettings
):
    (settings.folder / "1.eml").write_bytes(CONFIRMED.read_bytes())
    (settings.folder / "2.eml.part").write_bytes(b"still being written")
    assert await take_in(installation, open_intake(settings), settings) == 1
    inventory = await known(installation)
    # 10 March 06:00Z to 08:00Z; store-207 is told to see nothing of it.
    assert covered(inventory) == ["store-114-wan1"]
    assert covered(inventory, START + timedelta(hours=2)) == []
    assert {window.source for window in inventory.maintenance} == {MaintenanceSource.CARRIER}
    assert sorted(path.name for path in settings.folder.rglob("*.*")) == ["1.eml", "2.eml.part"]
    assert (settings.folder / "done/1.eml").exists()
    assert set_aside_mails(installation.settings.data) == []


async def test_a_mail_that_was_written_and_not_marked_is_read_again_without_harm(
    installation: Installation, settings: FolderIntakeSettings
):
    """As after a kill between the commit and the mark; another mail in between was newer."""
    mail = CONFIRMED.read_bytes()
    (settings.folder / "1.eml").write_bytes(mail)
    await take_in(installation, open_intake(settings), settings)
    cancelled = mail.replace(b"SEQUENCE:1", b"SEQUENCE:2").replace(b"STATUS:CONFIRMED", b"STATUS:CANCELLED")
    (settings.folder / "2.eml").write_bytes(cancelled)
    await take_in(installation, open_intake(settings), settings)
    assert covered(await known(installation)) == []
    before = await known(installation)
    (settings.folder / "1.eml").write_bytes(mail)
    await take_in(installation, open_intake(settings), settings)
    assert await known(installation) == before


async def test_what_cannot_be_taken_is_set_aside_with_its_reason_and_stops_nothing(
    installation: Installation, settings: FolderIntakeSettings
):
    good = CONFIRMED.read_bytes()
    head = good.partition(b"\nMIME-Version")[0]
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(300))
    mails = {
        "0-garbage": b"\x00\xff\xfe no mail at all",
        "1-stranger": good.replace(b"noc@meridian.example>", b"noc@evil.example>"),
        "2-forged": good.replace(b"dmarc=pass", b"dmarc=fail").replace(b"dkim=pass", b"dkim=fail"),
        "3-long": good + b"x" * 20_000,
        "4-prose": head + b"\n\nWe work tonight.\n",
        "5-nested": head + b"\n" + nested,
        "6-broken": good.replace(b"DTEND:20260310T080000Z", b"DTEND:soon"),
        "7-backwards": good.replace(b"DTEND:20260310T080000Z", b"DTEND:20260310T050000Z"),
        "8-unknown": good.replace(b"MF/207/0001", b"MF/999/9999").replace(b"MF-2026-1187", b"MF-2026-1188"),
        "9-good": good,
    }
    for name, content in mails.items():
        (settings.folder / f"{name}.eml").write_bytes(content)
    assert await take_in(installation, open_intake(settings), settings) == len(mails)
    reasons = sorted(one.why.partition(":")[0] for one in set_aside_mails(installation.settings.data))
    assert reasons == sorted([
        "sender_unknown", "sender_unknown", "not_authenticated", "too_large", "circuits_unknown", *["unreadable"] * 4,
    ])  # fmt: skip
    titles = {one.title for one in set_aside_mails(installation.settings.data)}
    assert '"Meridian Fiber NOC" <noc@evil.example>: [MF-2026-1187] Planned work' in "".join(titles)
    assert "(none): (none)" in titles
    told = {one.why for one in set_aside_mails(installation.settings.data)}
    assert any("should happen later than start time" in why for why in told)
    kept = {one.path.read_bytes() for one in set_aside_mails(installation.settings.data)}
    assert kept == {content[:20_001] for name, content in mails.items() if name != "9-good"}
    # Of 8-unknown what is known counts all the same.
    assert covered(await known(installation)) == ["store-114-wan1"] * 2
    assert list(settings.folder.glob("*.eml")) == []


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.create_connection(('127.0.0.1', 9))",
        "import socket; socket.getaddrinfo('example.org', 80)",
        "import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/')",
        "import subprocess; subprocess.run(['true'])",
        "import os; os.system('true')",
        "from circuit_maintenance_parser.utils import Geolocator; Geolocator.get_location_from_api.__wrapped__('Qo')",
    ],
)
def test_whatever_reads_a_mail_has_no_network_and_starts_nothing(attempt: str):
    code = f"import circuit_maintenance_parser; from triage.mail.notice_reader import confine; confine(); {attempt}"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode != 0
    assert any(f"may not use {event}" in ended.stderr for event in FORBIDDEN)
