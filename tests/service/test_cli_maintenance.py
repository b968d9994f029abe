"""`lineproof inventory maintenance`, as a person types it, in real processes over a real records database."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

pytestmark = [pytest.mark.rim, pytest.mark.slow]

Lineproof = Callable[..., CompletedProcess[str]]
CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Landlord//EN
BEGIN:VEVENT
UID:power-7
DTSTAMP:20260201T000000Z
DTSTART;TZID=America/New_York:20991210T020000
DTEND;TZID=America/New_York:20991210T040000
SUMMARY:Power off at BOS-PIER4
END:VEVENT
BEGIN:VEVENT
UID:power-8
DTSTAMP:20260201T000000Z
DTSTART:20991211T020000Z
DTEND:20991211T040000Z
SUMMARY:Power off somewhere else
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture(scope="module")
def lineproof(commands: Any, tmp_path_factory: pytest.TempPathFactory) -> Lineproof:
    folder = tmp_path_factory.mktemp("installation")

    def run(*arguments: object) -> CompletedProcess[str]:
        result: CompletedProcess[str] = commands.run(*arguments, folder=folder)
        return result

    assert run("init", folder).returncode == 0
    assert run("db", "upgrade").returncode == 0
    assert run("inventory", "import", "inventory.yaml").returncode == 0
    return run


def test_a_calendar_is_imported_shown_and_replaced_by_its_next_version(lineproof: Lineproof, tmp_path: Path):
    file = tmp_path / "work.ics"
    file.write_text(CALENDAR, encoding="utf-8")
    tried = lineproof("inventory", "maintenance", "import", file, "--dry-run")
    assert "calendar-power-7" not in lineproof("inventory", "maintenance", "list").stdout
    imported = lineproof("inventory", "maintenance", "import", file)
    assert tried.stdout.splitlines()[1:] == imported.stdout.splitlines()[1:]
    assert imported.returncode == 1
    assert "UNMATCHED: event power-8 (Power off somewhere else): names no site, alias or circuit" in imported.stdout
    shown = json.loads(lineproof("inventory", "maintenance", "list", "store-114", "--json").stdout)["windows"]
    (work,) = [one for one in shown if one["id"] == "calendar-power-7"]
    # New York is on UTC-5 in December.
    assert (work["from"], work["until"]) == ("2099-12-10T07:00:00Z", "2099-12-10T09:00:00Z")
    assert (work["sites"], work["source"], work["counts"]) == (["store-114"], "calendar", True)
    file.write_text(CALENDAR.replace("UID:power-7", "UID:power-7\nSEQUENCE:1\nSTATUS:CANCELLED"), encoding="utf-8")
    lineproof("inventory", "maintenance", "import", file)
    assert "called off  store-114" in lineproof("inventory", "maintenance", "list", "store-114").stdout
    sheet = json.loads(lineproof("inventory", "show", "store-114", "--json").stdout)["maintenance"]
    (work,) = [one for one in sheet if one["id"] == "calendar-power-7"]
    assert (work["counts"], work["remark"]) == (False, "from a calendar: cancelled; suppresses nothing")
    again = lineproof("inventory", "maintenance", "import", file)
    assert "not newer than what is known: event power-7" in again.stdout


def test_work_is_announced_and_called_off_by_hand(lineproof: Lineproof):
    added = lineproof(
        "inventory", "maintenance", "add", "NIGHT-1", "--start", "2099-12-06 03:00", "--end", "2099-12-06 03:20",
        "--links", "store-114-wan1", "--recurrence", "FREQ=WEEKLY;BYDAY=SU", "--reason", "new firmware",
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    text = lineproof("inventory", "maintenance", "list", "store-114").stdout
    assert "NIGHT-1  2099-12-06T08:00:00Z to 2099-12-06T08:20:00Z  to come  store-114-wan1" in text
    assert "again by FREQ=WEEKLY;BYDAY=SU (America/New_York); new firmware" in text
    assert lineproof("inventory", "maintenance", "cancel", "NIGHT-1").stdout == "NIGHT-1 is cancelled\n"
    assert "cancelled, again by" in lineproof("inventory", "maintenance", "list", "store-114").stdout


def test_who_calls_off_a_series_is_told_of_its_times_that_were_moved(lineproof: Lineproof, tmp_path: Path):
    event = CALENDAR[CALENDAR.index("BEGIN:VEVENT") : CALENDAR.index("UID:power-8") - len("BEGIN:VEVENT\n")]
    series = event.replace("power-7", "power-9").replace("SUMMARY", "RRULE:FREQ=WEEKLY;COUNT=9\nSUMMARY")
    moved = event.replace("power-7", "power-9").replace(
        "SUMMARY", "RECURRENCE-ID;TZID=America/New_York:20991217T020000\nSUMMARY"
    )
    file = tmp_path / "series.ics"
    file.write_text(CALENDAR.replace(event, series + moved), encoding="utf-8")
    lineproof("inventory", "maintenance", "import", file)
    said = lineproof("inventory", "maintenance", "cancel", "calendar-power-9").stdout
    assert said.startswith("calendar-power-9 is cancelled\ncalendar-power-9-20991217T0200 came with it and stays;")
    assert lineproof("inventory", "maintenance", "cancel", "calendar-power-9-20991217T0200").stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("cancel", "NONE"), 3, "no work is announced as NONE"),
        (("import", "absent.ics"), 2, "absent.ics cannot be read"),
        (("import", "lineproof.yaml"), 2, "export it as .ics"),
        (("import", "lineproof.yaml", "--sites", "nowhere"), 3, "no site has the id nowhere"),
        (("import", "lineproof.yaml", "--timezone", "Boston"), 2, "an IANA time zone"),
        (
            ("add", "X", "--start", "2099-01-02 03:00", "--end", "2099-01-02 02:00", "--sites", "store-114"),
            2,
            "after its",
        ),
        (("add", "X", "--start", "2099-01-02 03:00", "--end", "2099-01-02 04:00"), 2, "sites or links"),
        (("add", "X", "--start", "tomorrow", "--end", "2099-01-02 04:00", "--sites", "store-114"), 2, "--start: 'tom"),
        (("add", "X", "--start", "2099-01-02 03:00", "--end", "2099-01-02 04:00", "--sites", "114"), 3, "the id 114"),
        (("add", "X", "--start", "2099-01-02 03:00", "--end", "2099-01-02 04:00", "--links", "w"), 3, "no line has"),
    ],
)
def test_what_cannot_be_done_is_told_with_what_to_do(lineproof: Lineproof, arguments, code: int, said: str):
    result = lineproof("inventory", "maintenance", *arguments)
    assert (result.returncode, said in result.stderr) == (code, True), result.stderr
