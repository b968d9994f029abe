"""What people write for rates, volumes, zones and hours."""

from datetime import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import OpeningHours
from inventory.quantities import checked_zone, parse_opening_hours, parse_rate, parse_volume, parse_weekdays


@pytest.mark.parametrize(
    ("text", "bps"),
    [
        ("100M", 100e6),
        ("1G", 1e9),
        ("1.5 Gbps", 1.5e9),
        ("20 Mbit/s", 20e6),
        ("512k", 512e3),
        ("512 kb/s", 512e3),
        ("20000000", 20e6),
        (" 10 mbps ", 10e6),
        ("64 kbit", 64e3),
    ],
)
def test_a_rate_is_bits_per_second_with_decimal_prefixes(text: str, bps: float) -> None:
    assert parse_rate(text) == bps


@pytest.mark.parametrize("text", ["100 MB/s", "100MBps", "fast", "", "-1M", "1e6", "100 M M", "10/2", "1 GiB"])
def test_a_rate_in_bytes_or_words_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="20 Mbit/s"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("50 GB", 50_000_000_000),
        ("500MB", 500_000_000),
        ("2 GiB", 2_147_483_648),
        ("1.5 T", 1_500_000_000_000),
        ("7", 7),
    ],
)
def test_a_volume_is_bytes_decimal_unless_it_says_binary(text: str, size: int) -> None:
    assert parse_volume(text) == size


@pytest.mark.parametrize("text", ["50 Gbit", "i", "5 i", "unlimited", "-5 GB"])
def test_a_volume_in_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="50 GB"):
        parse_volume(text)


@given(st.integers(1, 10**6), st.sampled_from(["k", "M", "G", "T"]))
def test_prefixes_are_powers_of_a_thousand_for_rates_and_volumes_alike(number: int, prefix: str) -> None:
    power = 1000 ** ("kMGT".index(prefix) + 1)
    assert parse_rate(f"{number}{prefix}") == number * power
    assert parse_volume(f"{number} {prefix}B") == number * power


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon", (0,)),
        ("mon-fri", (0, 1, 2, 3, 4)),
        ("sat,sun", (5, 6)),
        ("Friday-Monday", (4, 5, 6, 0)),
        ("sun-sun", (6,)),
    ],
)
def test_weekdays_are_named_alone_in_lists_and_in_spans(text: str, days: tuple[int, ...]) -> None:
    assert parse_weekdays(text) == days


def test_the_mapping_and_the_one_line_form_of_opening_hours_are_the_same() -> None:
    hours = parse_opening_hours({"sat": "09:00-13:00", "mon-tue": "08:00-12:00, 13:00-18:00"})
    assert hours == parse_opening_hours("mon-tue 08:00-12:00, 13:00-18:00 | sat 09:00-13:00")
    assert hours[0] == OpeningHours(weekday=0, opens=time(8), closes=time(12))
    assert [span.weekday for span in hours] == [0, 0, 1, 1, 5]


def test_24x7_is_open_from_midnight_to_midnight_on_seven_days() -> None:
    assert parse_opening_hours("24x7") == tuple(
        OpeningHours(weekday=day, opens=time(0), closes=time(0)) for day in range(7)
    )


@pytest.mark.parametrize(
    ("hours", "complaint"),
    [
        ({"mon-fry": "08:00-18:00"}, "did you mean fri"),
        ({"mon": "8-18"}, "09:30"),
        ({"mon": "08:00"}, "08:00-18:00"),
        ({"mon": 8}, "opening hours such as"),
        ({"mon": "25:00-26:00"}, "25:00"),
        ("always", "weekday"),
        (["mon"], "opening hours such as"),
    ],
)
def test_wrong_opening_hours_say_what_is_wrong(hours: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_opening_hours(hours)


def test_a_zone_must_be_in_the_time_zone_database() -> None:
    assert checked_zone("America/New_York") == "America/New_York"
    with pytest.raises(ValueError, match="did you mean America/New_York"):
        checked_zone("America/New York")
    with pytest.raises(ValueError, match="did you mean America/Chicago"):
        checked_zone("Chicago")


@pytest.mark.parametrize("name", ["", "..", "/etc/passwd", "America", "Mars/Olympus_Mons", "x\x00y"])
def test_no_text_whatever_crashes_the_zone_check(name: str) -> None:
    with pytest.raises(ValueError, match="IANA time zone"):
        checked_zone(name)
