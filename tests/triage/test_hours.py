"""Statements about opening hours: by the site's clock, whatever it does; hours past midnight are the day's before."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import OpeningHours, Site
from triage.hours import next_opening, open_at, open_periods, open_share

EVERY_DAY = range(7)
ZONES = ["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"]


def site(
    zone: str = "America/New_York", opens: str = "09:00", closes: str = "21:00", days=EVERY_DAY, **changes
) -> Site:
    hours = tuple(
        OpeningHours(weekday=day, opens=time.fromisoformat(opens), closes=time.fromisoformat(closes)) for day in days
    )
    return Site(id="store-1", client="acme", timezone=zone, business_hours=hours, **changes)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        # New York is five hours behind in winter: nine there is 14:00Z, twenty-one is 02:00Z.
        ("2026-03-03T13:59:59Z", False),
        ("2026-03-03T14:00:00Z", True),
        ("2026-03-04T01:59:59Z", True),
        ("2026-03-04T02:00:00Z", False),
        # On Sunday the 8th of March the clock is put forward: nine is 13:00Z.
        ("2026-03-08T12:59:59Z", False),
        ("2026-03-08T13:00:00Z", True),
    ],
)
def test_it_opens_and_closes_by_its_own_clock(moment, is_open):
    assert open_at(site(), at(moment)) is is_open


def test_a_zone_of_half_hours_is_no_other():
    # India is five and a half hours ahead: nine there is 03:30Z.
    assert not open_at(site("Asia/Kolkata"), at("2026-03-03T03:29:59Z"))
    assert open_at(site("Asia/Kolkata"), at("2026-03-03T03:30:00Z"))


def test_hours_that_end_after_midnight_are_those_of_the_day_before():
    # A bar, Fridays and Saturdays from six in the evening to two at night. The 6th of March 2026 is a Friday.
    bar = site("UTC", "18:00", "02:00", days=(4, 5))
    assert not open_at(bar, at("2026-03-06T01:00:00Z"))
    assert open_at(bar, at("2026-03-07T01:59:00Z"))
    assert not open_at(bar, at("2026-03-07T02:00:00Z"))
    assert open_at(bar, at("2026-03-08T01:00:00Z"))
    assert not open_at(bar, at("2026-03-09T01:00:00Z"))


def test_a_holiday_does_not_open_but_the_evening_before_ends_as_ever():
    bar = site("UTC", "18:00", "02:00", holidays=(date(2026, 3, 7),))
    assert open_at(bar, at("2026-03-07T01:00:00Z"))
    assert not open_at(bar, at("2026-03-07T20:00:00Z"))
    assert not open_at(bar, at("2026-03-08T01:00:00Z"))
    assert open_at(bar, at("2026-03-08T20:00:00Z"))


def test_without_hours_it_is_always_open():
    never_told = Site(id="store-1", client="acme")
    assert open_at(never_told, at("2026-03-03T03:00:00Z"))
    assert open_share(never_told, at("2026-03-03T00:00:00Z"), at("2026-03-04T00:00:00Z")) == 1.0


def test_from_midnight_to_midnight_is_a_whole_day():
    whole = site("UTC", "00:00", "00:00")
    start, end = at("2026-03-01T00:00:00Z"), at("2026-03-08T00:00:00Z")
    assert open_periods(whole, start, end) == [(start, end)]


def test_the_next_opening_is_now_or_after_the_holiday():
    # Monday to Friday; the 6th of March is a Friday, the 9th a holiday.
    shop = site("UTC", days=range(5), holidays=(date(2026, 3, 9),))
    assert next_opening(shop, at("2026-03-06T10:00:00Z")) == at("2026-03-06T10:00:00Z")
    assert next_opening(shop, at("2026-03-06T21:00:00Z")) == at("2026-03-10T09:00:00Z")
    closed = site("UTC", holidays=tuple(date(2026, 3, 1) + timedelta(days=n) for n in range(60)))
    assert next_opening(closed, at("2026-03-06T21:00:00Z")) is None


def test_a_share_is_of_the_time_asked_about():
    shop = site("UTC")
    assert open_share(shop, at("2026-03-03T00:00:00Z"), at("2026-03-04T00:00:00Z")) == 0.5
    assert open_share(shop, at("2026-03-03T08:00:00Z"), at("2026-03-03T10:00:00Z")) == 0.5
    assert open_share(shop, at("2026-03-03T10:00:00Z"), at("2026-03-03T10:00:00Z")) == 1.0
    assert open_share(shop, at("2026-03-03T22:00:00Z"), at("2026-03-03T23:00:00Z")) == 0.0


@pytest.mark.parametrize(
    ("day", "hours"),
    # From one to four at night in New York: two hours when the clock jumps from two to three, four when it goes back.
    [("2026-03-07", 3), ("2026-03-08", 2), ("2026-10-31", 3), ("2026-11-01", 4)],
)
def test_a_night_in_which_the_clock_changes_is_shorter_or_longer(day, hours):
    night = site("America/New_York", "01:00", "04:00")
    start = datetime.combine(date.fromisoformat(day), time(), ZoneInfo("America/New_York"))
    ((opens, closes),) = open_periods(night, start, start + timedelta(hours=12))
    assert (closes - opens) == timedelta(hours=hours)


def test_a_time_that_the_clock_shows_twice_is_the_first_to_open_and_the_second_to_close():
    # On the first of November 2026 half past one comes at 05:30Z and at 06:30Z.
    opening = open_periods(site(opens="01:30", closes="12:00"), at("2026-11-01T04:00:00Z"), at("2026-11-01T12:00:00Z"))
    assert opening[0][0] == at("2026-11-01T05:30:00Z")
    closing = open_periods(site(opens="20:00", closes="01:30"), at("2026-11-01T04:00:00Z"), at("2026-11-01T12:00:00Z"))
    assert closing[0][1] == at("2026-11-01T06:30:00Z")


def test_a_time_that_the_clock_leaves_out_is_read_by_the_offset_before():
    # On the 8th of March 2026 there is no half past two; five hours behind it would be 07:30Z.
    opening = open_periods(site(opens="02:30", closes="12:00"), at("2026-03-08T04:00:00Z"), at("2026-03-08T12:00:00Z"))
    assert opening[0][0] == at("2026-03-08T07:30:00Z")


CLOCKS = st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
SITES = st.builds(
    lambda zone, hours, holidays: Site(
        id="s", client="c", timezone=zone, holidays=tuple(holidays),
        business_hours=tuple(OpeningHours(weekday=day, opens=opens, closes=closes) for day, opens, closes in hours),
    ),
    st.sampled_from(ZONES),
    st.lists(st.tuples(st.integers(0, 6), CLOCKS, CLOCKS), max_size=8),
    st.lists(st.dates(date(2026, 3, 1), date(2026, 11, 30)), max_size=3),
)  # fmt: skip
# Around the days on which clocks change, in either half of the world.
MOMENTS = st.builds(
    lambda day, minutes: datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(minutes=minutes),
    st.sampled_from(["2026-03-07", "2026-03-28", "2026-04-04", "2026-10-03", "2026-10-24", "2026-10-31"]),
    st.integers(0, 3 * 1440),
)


@given(SITES, MOMENTS, st.integers(0, 4 * 1440))
def test_periods_are_in_order_apart_and_agree_with_each_moment(place, start, minutes):
    end = start + timedelta(minutes=minutes)
    periods = open_periods(place, start, end)
    edges = [edge for period in periods for edge in period]
    assert edges == sorted(set(edges))
    assert all(start <= edge <= end for edge in edges)
    for opens, closes in periods:
        assert open_at(place, opens)
        assert open_at(place, (opens + (closes - opens) / 2))
        assert closes == end or not open_at(place, closes)
    assert open_share(place, start, end) <= 1


@given(SITES, MOMENTS, st.integers(1, 1440), st.integers(1, 1440))
def test_open_time_of_two_parts_is_that_of_the_whole(place, start, first, second):
    middle = start + timedelta(minutes=first)
    end = middle + timedelta(minutes=second)
    whole = open_share(place, start, end) * (first + second)
    parts = open_share(place, start, middle) * first + open_share(place, middle, end) * second
    assert whole == pytest.approx(parts)


@given(SITES, MOMENTS)
def test_nothing_opens_before_the_next_opening(place, moment):
    opening = next_opening(place, moment)
    if opening is None:
        assert not open_at(place, moment)
    else:
        assert open_at(place, opening)
        assert open_share(place, moment, opening) in (0.0, 1.0 if opening == moment else 0.0)
