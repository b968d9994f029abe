"""Mails of carriers in a running installation: an outage that is told of, work that is announced and then moved."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import yaml

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Prairie//EN
BEGIN:VEVENT
SUMMARY:{summary}
DTSTART:{start:%Y%m%dT%H%M%SZ}
DTEND:{end:%Y%m%dT%H%M%SZ}
DTSTAMP:{stamp:%Y%m%dT%H%M%SZ}
UID:{number}
SEQUENCE:{sequence}
X-MAINTNOTE-PROVIDER:prairie.example
X-MAINTNOTE-ACCOUNT:P-1
X-MAINTNOTE-MAINTENANCE-ID:{number}
X-MAINTNOTE-IMPACT:OUTAGE
X-MAINTNOTE-STATUS:{status}
X-MAINTNOTE-OBJECT-ID;X-MAINTNOTE-OBJECT-IMPACT=OUTAGE:PR/300/1
END:VEVENT
END:VCALENDAR
"""


class Post:
    """What the carrier sends; each mail is put whole into the folder that the engine reads."""

    def __init__(self, house: Any, eventually: Callable[..., Any], now: datetime) -> None:
        self._house, self._eventually, self.now = house, eventually, now

    def send(self, number: str, status: str, starts: float, ends: float, **said: Any) -> None:
        """Times in hours from now; returns when the mail was taken."""
        start, end = (self.now + timedelta(hours=hours) for hours in (starts, ends))
        words = {"summary": "Work", "stamp": self.now, "sequence": 0, **said}
        text = CALENDAR.format(number=number, status=status, start=start, end=end, **words)
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"] = "noc@prairie.example", "us@example.net", f"{status} {number}"
        mail.add_attachment(text.replace("\n", "\r\n").encode(), maintype="text", subtype="calendar")
        partial, name = self._house.folder / "mailbox" / "partial", f"{number}-{status}.eml"
        partial.write_bytes(mail.as_bytes())
        partial.replace(partial.with_name(name))
        self._eventually((partial.parent / "done" / name).exists, within=60)

    def work(self, number: str) -> list[tuple[str, bool, str]]:
        """Status, whether it counts, and when it begins, of the work with this number."""
        told = json.loads(self._house.lineproof("inventory", "maintenance", "list", "--past", "--json").stdout)
        return [(one["status"], one["counts"], one["from"]) for one in told["windows"] if number in one["id"]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, build: Callable[[Path], Any], now: datetime) -> Iterator[Any]:
    """An engine that reads mail, over a line that was well all day."""
    house = build(tmp_path_factory.mktemp("mails") / "house")
    (house.folder / "mailbox").mkdir()
    senders = [{"carrier": "Prairie", "senders": ["noc@prairie.example"]}]
    intake = {"kind": "folder", "folder": "mailbox", "authenticated_by": None, "every_seconds": 1, "carriers": senders}
    house.configure(mail={"intake": intake})
    line = {"id": "store-300-wan1", "site": "store-300", "access": "broadband", "carrier": "Prairie",
            "circuit_id": "PR/300/1", "probe_target": "udp://127.0.0.1:9"}  # fmt: skip
    (house.folder / "line.yaml").write_text(yaml.safe_dump({"links": [line]}))
    assert house.lineproof("inventory", "import", str(house.folder / "line.yaml")).returncode == 0
    house.measure("store-300-wan1", now - timedelta(days=1), 1440)
    with (house.folder / "service.log").open("wb") as log:
        house.start(house.command("serve", "--role", "engine"), stdout=log, stderr=log)
    yield house
    house.end()


@pytest.fixture
def post(running: Any, eventually: Callable[..., Any], now: datetime) -> Post:
    return Post(running, eventually, now)


def test_an_outage_that_a_carrier_s_mail_tells_of_is_a_case_with_the_carrier_s_number_and_promise(
    running: Any, post: Post, eventually: Callable[..., Any]
) -> None:
    """Nothing was heard of it before it began, and it is under way: no window, so that nothing is excused."""
    post.send("PR-9", "IN-PROCESS", -0.1, 2, summary="Fibre cut at Elm")
    (case,) = eventually(lambda: json.loads(running.lineproof("case", "list", "--json").stdout))
    assert (case["site"], case["status"], case["origins"]) == ("store-300", "open", ["carrier"])
    assert case["title"] == "Prairie tells of an outage: Fibre cut at Elm"
    ((number, line, reason),) = [
        (one["number"], one["link"], one["reason_for_outage"]) for one in case["carrier_tickets"]
    ]
    assert (number, line, reason) == ("PR-9", "store-300-wan1", "Fibre cut at Elm")
    assert post.work("PR-9") == []
    shown = running.lineproof("case", "show", case["id"]).stdout
    assert "Prairie's notice" in shown
    assert "repair expected by" in shown


def test_a_later_notice_moves_what_an_earlier_one_announced(post: Post) -> None:
    def begins(hours: int) -> str:
        return f"{post.now + timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}"

    post.send("PR-1", "CONFIRMED", 24, 26, stamp=post.now - timedelta(days=1))
    assert post.work("PR-1") == [("confirmed", True, begins(24))]
    post.send("PR-1", "RE-SCHEDULED", 48, 50, sequence=1)
    assert post.work("PR-1") == [("re-scheduled", True, begins(48))]
