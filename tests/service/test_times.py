"""Times as people write them."""

import contextlib
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.times import UsageError, parse_ahead, parse_moment

BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")
CHICAGO = ZoneInfo("America/Chicago")
NOON = datetime(2026, 3, 3, 11, 0, tzinfo=UTC)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2026-03-03T09:30:00Z", BERLIN, utc(2026, 3, 3, 9, 30)),
        ("2026-03-03t09:30:00z", BERLIN, utc(2026, 3, 3, 9, 30)),
        ("2026-03-03 09:30:00.250+01:00", BERLIN, utc(2026, 3, 3, 8, 30, 0, 250_000)),
        ("2026-03-03T09:30-06:00", BERLIN, None),
        ("2026-03-03 09:30", BERLIN, utc(2026, 3, 3, 8, 30)),
        ("2026-03-03T09:30:15", BERLIN, utc(2026, 3, 3, 8, 30, 15)),
        ("2026-03-03 9:30", KOLKATA, utc(2026, 3, 3, 4, 0)),
        ("2026-03-03 04:30", CHICAGO, utc(2026, 3, 3, 10, 30)),
    ],
)
def test_a_full_time_is_read_in_the_zone_of_the_site(text: str, zone: ZoneInfo, moment: datetime | None) -> None:
    if moment is None:
        with pytest.raises(UsageError, match="is in the future"):
            parse_moment(text, zone, NOON)
    else:
        assert parse_moment(text, zone, NOON) == moment


def test_an_hour_alone_is_the_last_time_the_clock_showed_it() -> None:
    # 11:00 UTC is 12:00 in Berlin and 16:30 in Kolkata, which is five and a half hours ahead.
    assert parse_moment("09:30", BERLIN, NOON) == utc(2026, 3, 3, 8, 30)
    assert parse_moment("12:00", BERLIN, NOON) == utc(2026, 3, 3, 11, 0)
    assert parse_moment("12:01", BERLIN, NOON) == utc(2026, 3, 2, 11, 1)
    assert parse_moment("16:30", KOLKATA, NOON) == NOON
    assert parse_moment("16:31", KOLKATA, NOON) == utc(2026, 3, 2, 11, 1)


def test_today_is_the_day_at_the_site_and_not_in_greenwich() -> None:
    late = utc(2026, 3, 3, 20, 0)  # 01:30 on the 4th in Kolkata
    assert parse_moment("01:00", KOLKATA, late) == utc(2026, 3, 3, 19, 30)
    assert parse_moment("23:00", KOLKATA, late) == utc(2026, 3, 3, 17, 30)


def test_a_time_that_the_clock_change_leaves_out_is_refused_with_what_to_write() -> None:
    # Berlin, 29 March 2026: 02:00 became 03:00.
    with pytest.raises(UsageError, match=r"02:30 on 2026-03-29 does not exist in Europe/Berlin.*write 01:30 or 03:30"):
        parse_moment("2026-03-29 02:30", BERLIN, utc(2026, 3, 29, 12, 0))
    with pytest.raises(UsageError, match="does not exist"):
        parse_moment("02:30", BERLIN, utc(2026, 3, 29, 12, 0))
    assert parse_moment("2026-03-29 03:00", BERLIN, utc(2026, 3, 29, 12, 0)) == utc(2026, 3, 29, 1, 0)


def test_a_time_that_was_there_twice_is_refused_with_both_moments() -> None:
    # Berlin, 25 October 2026: 03:00 became 02:00, so 02:30 was at 00:30Z and at 01:30Z.
    with pytest.raises(UsageError, match=r"twice.*2026-10-25T00:30:00Z for the first or 2026-10-25T01:30:00Z"):
        parse_moment("02:30", BERLIN, utc(2026, 10, 25, 6, 0))


def test_a_repeated_time_is_the_first_one_while_the_second_has_not_come() -> None:
    assert parse_moment("02:30", BERLIN, utc(2026, 10, 25, 0, 45)) == utc(2026, 10, 25, 0, 30)
    with pytest.raises(UsageError, match="twice"):
        parse_moment("02:30", BERLIN, utc(2026, 10, 25, 1, 30))


def test_before_the_clocks_change_an_hour_of_the_change_means_yesterday() -> None:
    assert parse_moment("02:30", BERLIN, utc(2026, 3, 29, 0, 0)) == utc(2026, 3, 28, 1, 30)
    assert parse_moment("02:30", BERLIN, utc(2026, 10, 25, 0, 10)) == utc(2026, 10, 24, 0, 30)


def test_a_time_yet_to_come_is_refused_and_says_what_time_it_is_there() -> None:
    with pytest.raises(UsageError, match=r"'2026-03-03 12:01' is in the future: it is 2026-03-03 12:00 in Europe/Ber"):
        parse_moment("2026-03-03 12:01", BERLIN, NOON)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "half past nine",
        "25:00",
        "09:60",
        "2026-02-30 10:00",
        "2026-03-03",
        "0930",
        "2026-W10-2",
        "٠٩:٣٠",
        "9" * 400,
        "0001-01-01T00:00:00+23:59",
    ],
)
def test_what_is_not_a_time_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time; write HH:MM") as refused:
        parse_moment(text, BERLIN, NOON)
    assert len(str(refused.value)) < 200


@given(
    st.integers(0, 1439),
    st.sampled_from([BERLIN, KOLKATA, CHICAGO]),
    st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)),  # noqa: DTZ001 - hypothesis wants naive bounds
)
def test_an_hour_alone_is_within_the_day_behind_us_and_shows_on_the_wall_clock(
    minutes: int, zone: ZoneInfo, now: datetime
) -> None:
    text = f"{minutes // 60:02d}:{minutes % 60:02d}"
    here = now.replace(tzinfo=UTC)
    try:
        moment = parse_moment(text, zone, here)
    except UsageError:
        changes = {here.astimezone(zone).utcoffset(), (here - timedelta(days=1)).astimezone(zone).utcoffset()}
        assert len(changes) == 2, "only a change of the clocks makes an hour unclear"
        return
    assert here - timedelta(hours=25) <= moment <= here
    assert f"{moment.astimezone(zone):%H:%M}" == text


@given(st.text(max_size=30))
def test_any_text_gives_a_moment_or_one_sentence(text: str) -> None:
    with contextlib.suppress(UsageError):
        assert parse_moment(text, BERLIN, NOON).tzinfo is UTC


def test_a_promised_hour_is_the_next_time_that_the_clock_shows_it() -> None:
    # 11:00 UTC is 12:00 in Berlin.
    assert parse_ahead("12:01", BERLIN, NOON) == utc(2026, 3, 3, 11, 1)
    assert parse_ahead("12:00", BERLIN, NOON) == utc(2026, 3, 4, 11, 0)
    assert parse_ahead("2026-03-09 08:00", KOLKATA, NOON) == utc(2026, 3, 9, 2, 30)
    assert parse_ahead("2026-03-02 08:00", KOLKATA, NOON) == utc(2026, 3, 2, 2, 30)
    assert parse_ahead("2026-03-09T08:00:00Z", KOLKATA, NOON) == utc(2026, 3, 9, 8, 0)


def test_a_promise_of_an_hour_that_is_not_there_or_twice_is_refused() -> None:
    # Berlin: on 29 March 2026 02:00 becomes 03:00, on 25 October 03:00 becomes 02:00.
    with pytest.raises(UsageError, match="does not exist"):
        parse_ahead("2026-03-29 02:30", BERLIN, NOON)
    with pytest.raises(UsageError, match="twice"):
        parse_ahead("2026-10-25 02:30", BERLIN, NOON)
    assert parse_ahead("03:30", BERLIN, utc(2026, 3, 28, 20, 0)) == utc(2026, 3, 29, 1, 30)


@pytest.mark.parametrize("text", ["", "soon", "25:00", "2026-13-01 00:00", "9" * 10_000, "12:00\x00"])
def test_what_is_no_promised_time_is_refused_in_few_words(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_ahead(text, BERLIN, NOON)
    assert len(str(refused.value)) < 250


@given(text=st.text(max_size=20), zone=st.sampled_from([BERLIN, KOLKATA, CHICAGO]))
def test_whatever_is_typed_as_a_promise_is_a_time_or_a_refusal(text: str, zone: ZoneInfo) -> None:
    with contextlib.suppress(UsageError):
        assert parse_ahead(text, zone, NOON).tzinfo is not None


def test_the_last_moments_of_the_calendar_are_refused_and_not_a_crash() -> None:
    for text in ("9999-12-31 23:59", "0001-01-01 00:00"):
        with contextlib.suppress(UsageError):
            parse_ahead(text, CHICAGO, NOON)
