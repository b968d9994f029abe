"""When announced work is under way (RFC 5545), and which of it counts (NANOG BCOP)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.clock import epoch_ms
from inventory.maintenance import at_site, called_off, covering, covers, occurrences, periods, upcoming
from inventory.model import Impact, Inventory, Link, MaintenanceStatus, MaintenanceWindow, Notice, Site
from inventory.recurrence import checked_recurrence

LINE = Link(id="wan1", site="store")
OTHER = Link(id="wan2", site="store")
START, END = datetime(2026, 3, 10, 6, tzinfo=UTC), datetime(2026, 3, 10, 8, tzinfo=UTC)
ONCE = MaintenanceWindow(id="m", start=START, end=END, links=("wan1",))
YEAR = (datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
SECOND = timedelta(seconds=1)


def times(window: MaintenanceWindow) -> list[tuple[int, int, int, int]]:
    """Month, day, hour of the start and hour of the end, in UTC."""
    return [(a.month, a.day, a.hour, b.hour) for a, b in occurrences(window, *YEAR)]


def weekly(zone: str, start: datetime, recurrence: str = "FREQ=WEEKLY;COUNT=4", hours: float = 1) -> MaintenanceWindow:
    end = start + timedelta(hours=hours)
    return replace(ONCE, start=start, end=end, recurrence=recurrence, timezone=zone)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [(START - SECOND, False), (START, True), (END - SECOND, True), (END, False), (END + SECOND, False)],
)
def test_a_window_begins_with_its_start_and_ends_before_its_end(moment: datetime, inside: bool):
    assert covers(ONCE, LINE, moment) is inside


def test_work_on_a_line_is_not_on_its_neighbour_and_work_at_a_site_is_on_all():
    assert not covers(ONCE, OTHER, START)
    at_store = replace(ONCE, links=(), sites=("store",))
    assert covers(at_store, LINE, START)
    assert covers(at_store, OTHER, START)
    assert not covers(at_store, Link(id="wan3", site="elsewhere"), START)


@pytest.mark.parametrize("status", list(MaintenanceStatus))
def test_tentative_and_cancelled_work_covers_nothing(status: MaintenanceStatus):
    counts = status.value in ("confirmed", "in-process", "completed", "re-scheduled")
    assert covers(replace(ONCE, status=status), LINE, START) is counts
    assert bool(periods([replace(ONCE, status=status)], *YEAR)) is counts


@pytest.mark.parametrize("impact", list(Impact))
def test_work_that_leaves_the_service_as_it_is_excuses_no_fault(impact: Impact):
    assert covers(replace(ONCE, notice=Notice(impact=impact)), LINE, START) is (impact.value in ("degraded", "outage"))


def test_recurring_work_follows_the_wall_clock_into_summer():
    # Berlin: 03:00 is 02:00Z until 28 March 2026, 01:00Z from the 29th on.
    window = weekly("Europe/Berlin", datetime(2026, 3, 18, 2, tzinfo=UTC))
    assert times(window) == [(3, 18, 2, 3), (3, 25, 2, 3), (4, 1, 1, 2), (4, 8, 1, 2)]


def test_recurring_work_follows_the_wall_clock_into_winter_by_half_an_hour():
    # Lord Howe: UTC+11 until 5 April 2026, UTC+10:30 afterwards; noon is 01:00Z, then 01:30Z.
    window = weekly("Australia/Lord_Howe", datetime(2026, 4, 1, 1, tzinfo=UTC), "FREQ=WEEKLY;COUNT=2")
    assert [begins.isoformat() for begins, _ in occurrences(window, *YEAR)] == [
        "2026-04-01T01:00:00+00:00", "2026-04-08T01:30:00+00:00",
    ]  # fmt: skip


def test_a_time_that_the_clock_skips_is_read_with_the_offset_before():
    # New York, 8 March 2026: 02:30 does not exist; RFC 5545 3.3.5 reads it with UTC-5: 07:30Z.
    window = weekly("America/New_York", datetime(2026, 3, 1, 7, 30, tzinfo=UTC), "FREQ=WEEKLY;COUNT=3")
    assert times(window) == [(3, 1, 7, 8), (3, 8, 7, 8), (3, 15, 6, 7)]


def test_of_a_time_that_the_clock_shows_twice_the_first_is_meant():
    # New York, 1 November 2026: 01:30 is 05:30Z (UTC-4) and again 06:30Z.
    window = weekly("America/New_York", datetime(2026, 10, 25, 5, 30, tzinfo=UTC), "FREQ=WEEKLY;COUNT=3")
    assert times(window) == [(10, 25, 5, 6), (11, 1, 5, 6), (11, 8, 6, 7)]
    # And a first one that was said to be the second keeps its moment.
    second = weekly("America/New_York", datetime(2026, 11, 1, 6, 30, tzinfo=UTC), "FREQ=WEEKLY;COUNT=2")
    assert times(second) == [(11, 1, 6, 7), (11, 8, 6, 7)]


def test_each_time_lasts_as_long_as_the_first_in_elapsed_time():
    # 23:00 to 05:00 in New York, six hours; in the night to 8 March the clock skips one of them and shows 06:00.
    window = weekly("America/New_York", datetime(2026, 3, 1, 4, tzinfo=UTC), "FREQ=WEEKLY;COUNT=2", hours=6)
    assert {b - a for a, b in occurrences(window, *YEAR)} == {timedelta(hours=6)}


@pytest.mark.parametrize(
    ("recurrence", "days"),
    [
        ("FREQ=DAILY;COUNT=3", [10, 11, 12]),
        ("FREQ=DAILY;INTERVAL=2;UNTIL=20260314", [10, 12, 14]),
        ("FREQ=DAILY;UNTIL=20260312T060000Z", [10, 11, 12]),
        ("FREQ=DAILY;UNTIL=20260312T055959Z", [10, 11]),
        ("RRULE:FREQ=DAILY;COUNT=4\nEXDATE:20260311,20260312T060000", [10, 13]),
        ("FREQ=DAILY;COUNT=2\nRDATE:20260320T060000", [10, 11, 20]),
        ("RDATE:20260320T060000Z", [10, 20]),
        ("FREQ=MONTHLY;BYDAY=2TU;UNTIL=20260401", [10]),
    ],
)
def test_rules_dates_and_exceptions_are_those_of_the_standard(recurrence: str, days: list[int]):
    window = replace(ONCE, recurrence=checked_recurrence(recurrence))
    assert [begins.day for begins, _ in occurrences(window, *YEAR)] == days


@pytest.mark.parametrize(
    ("recurrence", "expected"),
    [
        ("FREQ=HOURLY", "one of DAILY, WEEKLY, MONTHLY, YEARLY"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL=0 is not"),
        ("FREQ=DAILY;BYHOUR=3", "without BYHOUR"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20260401", "not both"),
        ("FREQ=DAILY;FREQ=WEEKLY", "each part once"),
        ("INTERVAL=2", "FREQ"),
        ("every Sunday", "FREQ"),
        ("FREQ=WEEKLY;BYDAY=XX", "BYDAY=XX is not"),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30", "no day at all"),
        ("EXDATE:tomorrow", "tomorrow is not"),
        ("FREQ=DAILY\nEXRULE:FREQ=WEEKLY", "lines of RRULE"),
        ("FREQ=DAILY;UNTIL=20261340", "20261340 is not"),
    ],
)
def test_a_recurrence_that_cannot_be_followed_is_refused_by_what_is_wrong(recurrence: str, expected: str):
    with pytest.raises(ValueError, match=expected):
        checked_recurrence(recurrence)


def test_work_that_ends_in_the_next_window_of_time_is_seen_from_both():
    night = weekly("UTC", datetime(2026, 3, 1, 23, tzinfo=UTC), "FREQ=DAILY", hours=2)
    midnight = datetime(2026, 3, 5, tzinfo=UTC)
    spans = occurrences(night, midnight, midnight + timedelta(days=1))
    assert [(a.day, a.hour) for a, _ in spans] == [(4, 23), (5, 23)]
    assert covers(night, LINE, midnight)
    assert not covers(night, LINE, midnight + timedelta(hours=1))


def test_work_that_begins_when_what_is_asked_ends_is_not_within():
    day_before = START - timedelta(days=1)
    assert occurrences(ONCE, day_before, START) == []
    assert occurrences(weekly("UTC", START), day_before, START) == []
    assert len(occurrences(weekly("UTC", START), day_before, START + SECOND)) == 1


def test_periods_are_the_times_of_all_work_that_counts():
    tentative = replace(ONCE, id="t", status=MaintenanceStatus.TENTATIVE)
    assert periods([ONCE, tentative], *YEAR) == [(epoch_ms(START), epoch_ms(END))]
    assert periods([ONCE], END, YEAR[1]) == []


def test_what_comes_next_is_what_is_under_way():
    window = weekly("UTC", START, "FREQ=WEEKLY")
    assert upcoming(window, START + SECOND) == (START, START + timedelta(hours=1))
    assert upcoming(window, START + timedelta(hours=1)) == (
        START + timedelta(days=7), START + timedelta(days=7, hours=1),
    )  # fmt: skip
    assert upcoming(ONCE, END) is None


def test_a_site_has_the_work_at_it_and_on_its_lines():
    inventory = Inventory.of(
        sites=[Site(id="store", client="c"), Site(id="other", client="c")],
        links=[LINE, OTHER],
        maintenance=[ONCE, replace(ONCE, id="s", links=(), sites=("store",)), replace(ONCE, id="x", links=("wan9",))],
    )
    assert [window.id for window in at_site(inventory, "store")] == ["m", "s"]
    assert at_site(inventory, "other") == []
    assert getattr(covering(inventory, OTHER, START), "id", None) == "s"
    assert covering(inventory, OTHER, END) is None


def test_recurring_work_that_is_called_off_keeps_the_times_that_were():
    window = weekly("UTC", START, "FREQ=DAILY;COUNT=9\nRDATE:20260301T000000,20260601T000000")
    now = datetime(2026, 3, 12, 7, 30, tzinfo=UTC)
    ended = called_off(window, now)
    assert times(ended) == [time for time in times(window) if time[:2] <= (3, 12)]
    assert called_off(ONCE, now).status is MaintenanceStatus.CANCELLED
    assert called_off(window, START - SECOND).status is MaintenanceStatus.CANCELLED


zones = st.sampled_from([
    "UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Santiago",
    "Pacific/Apia", "Africa/Casablanca", "Asia/Tehran",
])  # fmt: skip
starts = st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)
lasting = st.integers(1, 48 * 60).map(lambda minutes: timedelta(minutes=minutes))
rules = st.sampled_from([
    "", "FREQ=DAILY", "FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;BYDAY=MO,SA", "FREQ=MONTHLY;BYMONTHDAY=31",
    "FREQ=MONTHLY;BYDAY=-1SU", "FREQ=YEARLY", "FREQ=DAILY;COUNT=5", "FREQ=WEEKLY;UNTIL=20260601",
])  # fmt: skip
windows = st.builds(
    lambda start, lasts, rule, zone: replace(ONCE, start=start, end=start + lasts, recurrence=rule, timezone=zone),
    starts, lasting, rules, zones,
)  # fmt: skip


@given(windows, starts, lasting)
def test_occurrences_meet_what_is_asked_ascend_and_last_alike(
    window: MaintenanceWindow, start: datetime, lasts: timedelta
):
    end = start + lasts * 20
    found = occurrences(window, start, end)
    assert found == sorted(found)
    assert all(a < end and b > start for a, b in found)
    assert {b - a for a, b in found} <= {window.end - window.start}
    assert all(a >= window.start for a, _ in found)


@given(windows, starts, st.integers(1, 20))
def test_asking_in_two_halves_finds_what_asking_once_finds(window: MaintenanceWindow, start: datetime, days: int):
    middle, end = start + timedelta(days=days), start + timedelta(days=2 * days)
    halves = {*occurrences(window, start, middle), *occurrences(window, middle, end)}
    assert sorted(halves) == occurrences(window, start, end)


@given(windows, starts)
def test_a_window_covers_a_moment_where_one_of_its_times_does(window: MaintenanceWindow, moment: datetime):
    around = occurrences(window, moment - timedelta(days=400), moment + timedelta(days=1))
    assert covers(window, LINE, moment) is any(begins <= moment < ends for begins, ends in around)


@given(windows)
def test_the_wall_clock_of_every_time_is_the_firsts_but_where_the_clock_skips_it(window: MaintenanceWindow):
    zone = ZoneInfo(window.timezone)
    wall = window.start.astimezone(zone).time()
    for begins, _ in occurrences(window, window.start, window.start + timedelta(days=400))[1:]:
        shown = begins.astimezone(zone)
        meant = datetime.combine(shown.date(), wall, tzinfo=zone)
        skipped = meant.astimezone(UTC).astimezone(zone).time() != wall
        assert shown.time() == wall or skipped


@given(windows, starts)
def test_what_was_before_it_was_called_off_stays_and_nothing_begins_later(window: MaintenanceWindow, now: datetime):
    ended = called_off(window, now)
    if window.recurrence and window.start < now:
        before = [span for span in occurrences(window, YEAR[0].replace(year=2023), now + SECOND) if span[0] <= now]
        assert occurrences(ended, YEAR[0].replace(year=2023), YEAR[1].replace(year=2030)) == before
