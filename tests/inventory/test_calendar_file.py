"""Calendars as programs export them (RFC 5545): what becomes a window, what replaces what, what is said of the rest."""

from datetime import UTC, datetime

import pytest

from config.errors import ConfigurationError
from inventory.calendar_file import CalendarReading, Target, read_calendar
from inventory.changes import merged
from inventory.maintenance import occurrences
from inventory.model import (
    Client,
    Impact,
    Inventory,
    Link,
    MaintenanceSource,
    MaintenanceStatus,
    MaintenanceWindow,
    Site,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KNOWN = Inventory.of(
    [Client(id="acme", name="Acme")],
    [
        Site(id="store-114", client="acme", timezone="America/New_York", aliases=("BOS-PIER4", "114")),
        Site(id="store-207", client="acme", timezone="America/Chicago"),
    ],
    links=[
        Link(id="store-114-wan1", site="store-114", carrier="Meridian Fiber", circuit_id="MF/114/0007"),
        Link(id="store-207-wan1", site="store-207", carrier="Meridian Fiber", circuit_id="MF/207/0001"),
        Link(id="store-207-wan2", site="store-207", carrier="Nutmeg", circuit_id="0001/X"),
        Link(id="store-114-wan2", site="store-114", carrier="Nutmeg", circuit_id="SAME-1"),
        Link(id="store-207-wan3", site="store-207", carrier="Meridian Fiber", circuit_id="SAME-1"),
    ],
)
DEFAULTS = {"UID": "u1", "DTSTAMP": "20260201T000000Z", "SUMMARY": "Work at store-114"}


def event(*lines: str, **properties: str) -> str:
    own = DEFAULTS | properties
    return "\r\n".join(["BEGIN:VEVENT", *(f"{name}:{value}" for name, value in own.items()), *lines, "END:VEVENT"])


def calendar(*events: str, head: str = "") -> bytes:
    body = "\r\n".join([*([head] if head else []), *events])
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//y//EN\r\n{body}\r\nEND:VCALENDAR\r\n".encode()


def read(*events: str, known: Inventory = KNOWN, head: str = "", **target: object) -> CalendarReading:
    return read_calendar(calendar(*events, head=head), known, Target(**target), NOW)  # type: ignore[arg-type]


def only(reading: CalendarReading) -> MaintenanceWindow:
    assert (reading.unmatched, reading.refused, reading.older) == ([], [], [])
    (window,) = reading.windows
    return window


def after(reading: CalendarReading) -> Inventory:
    return merged(KNOWN, Inventory.of(maintenance=reading.windows))


TWO_TO_FOUR = ("DTSTART;TZID=America/New_York:20260310T020000", "DTEND;TZID=America/New_York:20260310T040000")
IN_UTC = ("DTSTART:20260310T060000Z", "DTEND:20260310T080000Z")


def test_an_event_of_a_zone_becomes_a_window_of_the_site_that_it_names():
    window = only(read(event(*TWO_TO_FOUR)))
    # New York is on UTC-4 from 2026-03-08 on.
    assert (window.start, window.end) == (datetime(2026, 3, 10, 6, tzinfo=UTC), datetime(2026, 3, 10, 8, tzinfo=UTC))
    assert (window.sites, window.links) == (("store-114",), ())
    assert (window.source, window.status) == (MaintenanceSource.CALENDAR, MaintenanceStatus.CONFIRMED)
    assert (window.notice.id, window.timezone, window.reason) == ("u1", "America/New_York", "Work at store-114")


@pytest.mark.parametrize(
    ("summary", "sites", "links"),
    [
        ("Work at bos-pier4 tonight", ("store-114",), ()),
        ("Circuit MF/207/0001: splice", (), ("store-207-wan1",)),
        ("store-114-wan1 only", (), ("store-114-wan1",)),
        ("work at store-1145", (), ()),
        ("room 114", (), ()),
    ],
)
def test_names_are_found_as_whole_words_in_what_people_write(summary, sites, links):
    """`store-114` is not in `store-114-wan1`, nor a short number in a sentence: that would silence somebody else."""
    reading = read(event(*IN_UTC, SUMMARY=summary))
    assert [(one.sites, one.links) for one in reading.windows] == ([(sites, links)] if sites or links else [])
    assert bool(reading.unmatched) == (not sites and not links)


def test_what_all_events_are_about_can_be_said():
    assert only(read(event(*IN_UTC, SUMMARY="x"), links=("store-207-wan1",))).links == ("store-207-wan1",)


def test_circuits_that_nobody_has_are_named_and_the_others_count():
    circuits = ("X-MAINTNOTE-OBJECT-ID:MF/114/0007", "X-MAINTNOTE-OBJECT-ID:MF/999/0001")
    reading = read(event(*IN_UTC, *circuits))
    assert reading.windows[0].links == ("store-114-wan1",)
    assert reading.unmatched == ["event u1 (Work at store-114): circuit MF/999/0001, which no line has"]


def test_of_two_lines_with_one_circuit_id_the_providers_is_meant():
    circuit = "X-MAINTNOTE-OBJECT-ID:SAME-1"
    assert only(read(event(*IN_UTC, circuit, "X-MAINTNOTE-PROVIDER:nutmeg"))).links == ("store-114-wan2",)
    assert read(event(*IN_UTC, circuit)).unmatched == [
        "event u1 (Work at store-114): circuit SAME-1, which 2 lines have"
    ]


def test_what_the_bcop_says_is_kept():
    lines = (
        "X-MAINTNOTE-PROVIDER:meridian.example", "X-MAINTNOTE-ACCOUNT:137.035999173",
        "X-MAINTNOTE-MAINTENANCE-ID:MF-2026-1187", "X-MAINTNOTE-IMPACT:REDUCED-REDUNDANCY",
        "X-MAINTNOTE-STATUS:TENTATIVE", "STATUS:CONFIRMED", "X-MAINTNOTE-OBJECT-ID:MF/114/0007", "SEQUENCE:3",
    )  # fmt: skip
    window = only(read(event(*IN_UTC, *lines)))
    assert (window.id, window.status) == ("meridian.example-MF-2026-1187", MaintenanceStatus.TENTATIVE)
    notice = window.notice
    assert (notice.provider, notice.account, notice.id) == ("meridian.example", "137.035999173", "MF-2026-1187")
    assert (notice.sequence, notice.impact, notice.circuits) == (3, Impact.REDUCED_REDUNDANCY, ("MF/114/0007",))


def test_a_higher_sequence_replaces_and_a_lower_is_ignored():
    first = after(read(event(*IN_UTC, SEQUENCE="2")))
    later = read(event("DTSTART:20260311T060000Z", "DTEND:20260311T080000Z", SEQUENCE="3"), known=first)
    assert (later.windows[0].id, later.windows[0].start.day) == (first.maintenance[0].id, 11)
    earlier = read(event("DTSTART:20260312T060000Z", "DTEND:20260312T080000Z", SEQUENCE="1"), known=first)
    assert (earlier.windows, earlier.older) == ([], ["event u1 (Work at store-114)"])


def test_of_one_sequence_the_later_stamp_counts():
    first = after(read(event(*IN_UTC)))
    assert read(event(*IN_UTC), known=first).older == ["event u1 (Work at store-114)"]
    again = read(event(*TWO_TO_FOUR, DTSTAMP="20260202T000000Z", STATUS="TENTATIVE"), known=first)
    assert again.windows[0].status is MaintenanceStatus.TENTATIVE


@pytest.mark.parametrize("how", ["STATUS", "METHOD"])
def test_an_event_that_is_called_off_is_cancelled_and_stays_known(how):
    first = after(read(event(*IN_UTC)))
    properties = {"SEQUENCE": "1", "SUMMARY": "gone"} | ({"STATUS": "CANCELLED"} if how == "STATUS" else {})
    reading = read(event(*IN_UTC, **properties), known=first, head="METHOD:CANCEL" if how == "METHOD" else "")
    assert reading.windows[0].status is MaintenanceStatus.CANCELLED
    assert (reading.windows[0].id, reading.windows[0].sites) == (first.maintenance[0].id, ("store-114",))


def test_an_all_day_event_lasts_from_midnight_to_midnight_of_its_site():
    window = only(read(event("DTSTART;VALUE=DATE:20260310", "DTEND;VALUE=DATE:20260312")))
    assert (window.start, window.end) == (datetime(2026, 3, 10, 4, tzinfo=UTC), datetime(2026, 3, 12, 4, tzinfo=UTC))
    day = only(read(event("DTSTART;VALUE=DATE:20260308")))
    # New York's 8 March 2026 has 23 hours.
    assert (day.start, day.end) == (datetime(2026, 3, 8, 5, tzinfo=UTC), datetime(2026, 3, 9, 4, tzinfo=UTC))


def test_a_floating_time_is_the_sites_and_of_several_zones_nobodys():
    floating = ("DTSTART:20260310T020000", "DURATION:PT2H")
    window = only(read(event(*floating)))
    assert (window.start.hour, window.end.hour) == (6, 8)
    both = event(*floating, SUMMARY="store-114, store-207")
    assert read(both).refused == [
        "event u1 (store-114, store-207): its times have no zone and its sites lie in America/Chicago, "
        "America/New_York; say the zone with --timezone"
    ]
    assert only(read(both, zone="UTC")).start.hour == 2


def test_recurring_work_follows_its_zone_and_leaves_out_what_is_excepted():
    window = only(
        read(
            event(
                "DTSTART;TZID=America/New_York:20260301T020000", "DTEND;TZID=America/New_York:20260301T040000",
                "RRULE:FREQ=WEEKLY;BYDAY=SU;COUNT=4", "EXDATE;TZID=America/New_York:20260315T020000",
            )
        )
    )  # fmt: skip
    spans = occurrences(window, datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    # 02:00 EST is 07:00Z; on 8 March 02:00 does not exist and is read as EST; 22 March is at EDT. Two hours each.
    assert [(a.day, a.hour, b.hour) for a, b in spans] == [(1, 7, 9), (8, 7, 9), (22, 6, 8)]


def test_one_time_of_a_series_can_be_moved_or_called_off():
    series = event(
        "DTSTART:20260301T070000Z", "DTEND:20260301T080000Z", "RRULE:FREQ=WEEKLY;COUNT=3", SUMMARY="BOS-PIER4"
    )
    moved = event("RECURRENCE-ID:20260308T070000Z", "DTSTART:20260309T100000Z", "DTEND:20260309T110000Z", SEQUENCE="1")
    off = event(
        "RECURRENCE-ID:20260315T070000Z", "DTSTART:20260315T070000Z", "DTEND:20260315T080000Z", "STATUS:CANCELLED",
        SEQUENCE="2",
    )  # fmt: skip
    reading = read(series, moved, off)
    year = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
    times = sorted(begins for window in reading.windows for begins, _ in occurrences(window, *year))
    assert [(one.day, one.hour) for one in times] == [(1, 7), (9, 10)]
    assert {one.sites for one in reading.windows} == {("store-114",)}
    later = read(
        event(
            "RECURRENCE-ID:20260301T070000Z", "DTSTART:20260302T070000Z", "DTEND:20260302T080000Z", SEQUENCE="3"
        ),
        known=after(reading),
    )  # fmt: skip
    known = merged(after(reading), Inventory.of(maintenance=later.windows)).maintenance
    live = [one for one in known if one.status is MaintenanceStatus.CONFIRMED]
    times = sorted(begins for window in live for begins, _ in occurrences(window, *year))
    assert [(one.day, one.hour) for one in times] == [(2, 7), (9, 10)]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ((), "no DTSTART"),
        (("DTSTART:20260310T060000Z",), "not after its start"),
        (("DTSTART:20260310T060000Z", "DTEND:20260310T050000Z"), "not after its start"),
        ((*IN_UTC, "RRULE:FREQ=HOURLY"), "DAILY, WEEKLY, MONTHLY, YEARLY"),
        ((*IN_UTC, "RRULE:FREQ=DAILY", "RRULE:FREQ=WEEKLY"), "several RRULE"),
        ((*IN_UTC, "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"), "no day at all"),
        ((*IN_UTC, "RECURRENCE-ID:20260310T060000Z"), "not known"),
        (("DTSTART;TZID=Nowhere/City:20260310T060000", "DURATION:PT1H"), "zone Nowhere/City is not described"),
    ],
)
def test_an_event_that_cannot_be_read_is_told_and_the_rest_is_taken(lines, why):
    reading = read(event(*lines), event(*IN_UTC, UID="u2"))
    assert [one.notice.id for one in reading.windows] == ["u2"]
    assert len(reading.refused) == 1
    assert why in reading.refused[0]


def test_a_zone_that_the_file_describes_itself_is_understood():
    zone = "\r\n".join([
        "BEGIN:VTIMEZONE", "TZID:Office", "BEGIN:STANDARD", "DTSTART:19701101T020000", "TZOFFSETFROM:-0400",
        "TZOFFSETTO:-0500", "END:STANDARD", "END:VTIMEZONE",
    ])  # fmt: skip
    window = only(read(event("DTSTART;TZID=Office:20260310T020000", "DURATION:PT2H"), head=zone))
    assert (window.start.hour, window.end.hour) == (7, 9)
    weekly = event("DTSTART;TZID=Office:20260310T020000", "DURATION:PT2H", "RRULE:FREQ=WEEKLY")
    assert "no IANA zone" in read(weekly, head=zone).refused[0]
    assert only(read(weekly, head=zone, zone="America/Chicago")).timezone == "America/Chicago"


@pytest.mark.parametrize(
    "content", [b"", b"hello", b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n", b"\xff\xfe"]
)
def test_what_is_no_calendar_is_refused_with_what_to_do(content):
    with pytest.raises(ConfigurationError, match=r"export"):
        read_calendar(content, KNOWN, Target(), NOW)
