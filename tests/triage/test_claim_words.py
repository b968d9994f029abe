"""What a client's words are taken for: sentences of repair desks with values set by hand, and what always holds."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from inventory.model import OpeningHours, Site
from triage.claim_words.spelling import one_slip, said
from triage.claim_words.understood import Because, Understood, understood
from triage.model import Claim, Symptom
from triage.ticket_wording import reported

FOLDER = Path(__file__).parent / "claim_sentences"
CHICAGO = ZoneInfo("America/Chicago")
TUESDAY = datetime(2026, 3, 3, 15, 20, tzinfo=CHICAGO)
SHOP = tuple(OpeningHours(weekday=day, opens=time(9), closes=time(18)) for day in range(6))


def sentences() -> list[Any]:
    rows = [row for name in ("known", "held_back") for row in yaml.safe_load((FOLDER / f"{name}.yaml").read_text())]
    return [pytest.param(row, id=row["words"][:60] or "nothing") for row in rows]


def at(text: str, zone: ZoneInfo, day: datetime = TUESDAY) -> datetime:
    """`HH:MM` of `day`, or `MM-DD HH:MM`, on the clock of `zone`."""
    dated = text if " " in text else f"{day:%m-%d} {text}"
    return datetime.strptime(f"2026-{dated}", "%Y-%m-%d %H:%M").replace(tzinfo=zone)


def at_site(zone: ZoneInfo, hours: tuple[OpeningHours, ...] = ()) -> Site:
    return Site(id="s", client="c", timezone=zone.key, business_hours=hours)


def heard(words: str, reported: datetime = TUESDAY, hours: tuple[OpeningHours, ...] = ()) -> Understood:
    zone = reported.tzinfo
    assert isinstance(zone, ZoneInfo)
    return understood(words, reported.astimezone(UTC), at_site(zone, hours))


def local(moment: datetime | None, zone: ZoneInfo = CHICAGO) -> str | None:
    return f"{moment.astimezone(zone):%m-%d %H:%M}" if moment else None


@pytest.mark.parametrize("row", sentences())
def test_a_sentence_is_understood_as_a_person_would(row: dict[str, Any]) -> None:
    zone = ZoneInfo(row.get("zone", "America/Chicago"))
    reported = at(row.get("reported", "03-03 15:20"), zone)
    found = heard(row["words"], reported)
    expected = {name: at(row[name], zone, reported).astimezone(UTC) if name in row else None
                for name in ("since", "until")}  # fmt: skip
    assert {"since": found.since, "until": found.until} == expected
    assert found.symptom == row.get("symptom")
    assert set(found.services) == set(row.get("service", []))
    assert bool(found.doubts) == row.get("doubt", False), found.doubts
    if "others" in row:
        assert list(found.others) == row["others"]


def test_each_thing_names_the_words_that_it_came_from() -> None:
    found = heard("Internet VERY slow,\n since  about 1:30 - phones cut out!")
    assert found.because == (
        Because("symptom", "slow", "slow"),
        Because("also", "voice", "phones cut out"),
        Because("service", "internet", "Internet"),
        Because("service", "phones", "phones"),
        Because("since", "2026-03-03T19:30:00Z", "since about 1:30"),
    )
    assert found.service == "internet, phones"


def test_nothing_is_guessed_where_nothing_was_said() -> None:
    assert heard("please advise") == Understood()
    assert heard("please advise").nothing
    assert not heard("the VPN").nothing


@pytest.mark.parametrize(
    ("reported", "words", "since"),
    [
        # Nine at ten past eight: nine in the evening before is past closing, so it is the morning before.
        ("03-03 08:10", "slow since 9", "03-02 09:00"),
        # Half past one at ten past one: nobody is there at night.
        ("03-03 13:10", "slow since 1:30", "03-02 13:30"),
        # An hour before opening people are in; at seven in the evening they are still there, at half past no more.
        ("03-03 10:00", "slow since 8", "03-03 08:00"),
        ("03-03 06:50", "slow since 7", "03-02 19:00"),
        # Whoever reports is there: ten minutes ago is meant, whatever the sign at the door says.
        ("03-03 07:10", "slow since 7", "03-03 07:00"),
        ("03-03 05:20", "slow since 5", "03-03 05:00"),
        # It says which half of the day: hours do not matter.
        ("03-03 10:00", "slow since 11 pm", "03-02 23:00"),
        ("03-03 15:20", "down since we opened", "03-03 09:00"),
        ("03-03 15:20", "down since this morning", "03-03 09:00"),
        ("03-03 15:20", "down all day", "03-03 09:00"),
        ("03-03 15:20", "slow since yesterday", "03-02 09:00"),
        # Closed on Sundays: no opening to go by.
        ("03-03 15:20", "slow since Sunday", "03-01 08:00"),
    ],
)
def test_opening_hours_say_which_half_of_the_day_is_meant(reported: str, words: str, since: str) -> None:
    assert local(heard(words, at(reported, CHICAGO), SHOP).since) == since


def test_a_bar_that_closes_after_midnight_is_open_then() -> None:
    bar = tuple(OpeningHours(weekday=day, opens=time(17), closes=time(2)) for day in range(7))
    assert local(heard("slow since 1", at("03-03 20:30", CHICAGO), bar).since) == "03-03 01:00"
    assert local(heard("slow since 1", at("03-03 20:30", CHICAGO)).since) == "03-03 13:00"


def test_a_part_of_the_day_that_has_not_begun_is_now_and_not_later() -> None:
    early = at("03-03 06:30", CHICAGO)
    assert heard("slow since this morning", early).since == early
    assert heard("slow since this morning", early).vague_minutes == 240
    assert local(heard("slow since morning", early).since) == "03-02 08:00"


@pytest.mark.parametrize(
    ("words", "minutes"),
    [
        ("slow since 9:20", 5),
        ("slow since 9:30", 15),
        ("slow since about 9:20", 30),
        ("slow for 20 minutes", 5),
        ("slow for 2 hours", 15),
        ("slow since this morning", 240),
        ("slow since lunch", 60),
        ("slow", None),
    ],
)
def test_what_is_said_roughly_is_known_roughly(words: str, minutes: int | None) -> None:
    assert heard(words).vague_minutes == minutes


def test_a_zone_that_is_half_an_hour_off_keeps_its_own_clock() -> None:
    kolkata = ZoneInfo("Asia/Kolkata")
    found = understood("slow since 9:30", datetime(2026, 3, 3, 4, 22, tzinfo=UTC), at_site(kolkata))
    assert found.since == datetime(2026, 3, 3, 4, 0, tzinfo=UTC)


def test_a_repeated_hour_whose_second_time_has_not_come_is_the_first() -> None:
    # Berlin, 25 October 2026: 02:30 is at 00:30Z and again at 01:30Z.
    berlin = ZoneInfo("Europe/Berlin")
    found = understood("down since 2:30 am", datetime(2026, 10, 25, 0, 45, tzinfo=UTC), at_site(berlin))
    assert found.since == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "meant", "slip"),
    [
        ("intermitent", "intermittent", True),
        ("interrnet", "internet", True),
        ("internat", "internet", True),
        ("interent", "internet", True),
        ("intrnt", "internet", False),
        ("internet", "internet", True),
    ],
)
def test_one_slip_of_the_pen_is_let_pass(written: str, meant: str, slip: bool) -> None:
    assert one_slip(written, meant) is slip


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("Twenty-five minutes, ELEVEN thirty", "25 minutes 11:30"),
        ("9:10–9:50 p.m.", "9:10 to 9:50 pm"),
        ("no one can't", "no one cant"),
        ("sloooow", "slow"),
        ("5mins @ 9am", "5 mins at 9 am"),
    ],
)
def test_words_are_brought_into_one_spelling(words: str, text: str) -> None:
    assert said(words).text == text


moments = st.datetimes(datetime(2024, 1, 1), datetime(2028, 1, 1)).map(  # noqa: DTZ001 - hypothesis wants naive bounds
    lambda naive: naive.replace(tzinfo=UTC)
)
zones = st.sampled_from(["America/Chicago", "Asia/Kolkata", "Europe/Berlin", "Australia/Lord_Howe", "UTC"]).map(
    ZoneInfo
)
BITS = """
since from until at about the internet is slow down not phones cut out for 2 hours 20 minutes ago 9 9:30 0930
am pm yesterday monday morning last night noon midnight half past quarter to 11/21 3/2 31/12 march 29 2nd back
and between every all day week now tomorrow 2:30 25:61 999 2026-02-30 2026-03-29T02:30:00Z ok fine
"""
bits = st.sampled_from(BITS.split())
sayings = st.one_of(st.text(max_size=60), st.lists(bits, max_size=14).map(" ".join))


@given(sayings, moments, zones, st.sampled_from([(), SHOP]))
def test_whatever_is_said_nothing_begins_after_it_was_reported(
    words: str, reported: datetime, zone: ZoneInfo, hours: tuple[OpeningHours, ...]
) -> None:
    found = understood(words, reported, at_site(zone, hours))
    assert found == understood(words, reported, at_site(zone, hours))
    assert found.since is None or found.since <= reported
    assert found.until is None or found.until <= reported
    assert not (found.since and found.until) or found.since < found.until
    assert (found.vague_minutes is None) == (found.since is None)
    assert found.symptom is not None or not found.others


def plain(found: Understood) -> Understood:
    """Without the quotations, which keep the person's spelling."""
    because = tuple(Because(one.what, one.value, "") for one in found.because)
    return Understood(
        symptom=found.symptom, others=found.others, since=found.since, until=found.until,
        vague_minutes=found.vague_minutes, services=found.services, because=because,
    )  # fmt: skip


@given(
    st.lists(bits, min_size=1, max_size=12),
    st.sampled_from([" ", "  ", "\n", ", ", " ... ", "! ", " (", "; "]),
    moments,
)
def test_case_white_space_and_punctuation_do_not_count(parts: list[str], gap: str, reported: datetime) -> None:
    spoken = understood(" ".join(parts), reported, at_site(CHICAGO))
    assert plain(understood(gap.join(parts).upper(), reported, at_site(CHICAGO))) == plain(spoken)
    assert plain(understood(f'"{" ".join(parts)}."', reported, at_site(CHICAGO))) == plain(spoken)


@given(st.lists(bits, max_size=12), moments)
def test_every_quotation_stands_in_the_words(parts: list[str], reported: datetime) -> None:
    words = " ".join(parts)
    for one in understood(words, reported, at_site(CHICAGO)).because:
        assert one.words in words


def test_a_claim_that_was_recorded_before_services_were_known_is_still_read() -> None:
    old = {"site": "store-114", "client": "acme", "symptom": "voice", "since": "2026-03-03T18:30:00Z",
           "reported_at": "2026-03-03T18:52:00Z", "words": "calls break up", "intake": {}}  # fmt: skip
    claim = TypeAdapter(Claim).validate_python(old)
    assert (claim.words, claim.service, claim.vague_minutes) == ("calls break up", "", 0)


def test_a_ticket_says_what_was_reported_as_understood_and_as_said() -> None:
    said_at_eight = TUESDAY.replace(hour=8, minute=0)
    claim = Claim(
        site="s", client="c", symptom=Symptom.VOICE, since=said_at_eight, service="phones", vague_minutes=240,
        reported_at=TUESDAY, words="calls break up since this morning",
    )  # fmt: skip
    assert list(reported(claim, CHICAGO)) == [
        "The client reports: voice (phones), since 2026-03-03 08:00 CST, give or take 240 minutes.",
        "In the client's words: calls break up since this morning",
    ]
    assert list(reported(Claim(site="s", client="c", reported_at=TUESDAY), CHICAGO)) == [
        "The client reports: slow, now."
    ]


def test_a_very_long_text_is_read_in_a_moment() -> None:
    found = understood("slow since 9:30 " + "since 9 until not about at the down " * 3000, TUESDAY, at_site(CHICAGO))
    assert found.symptom in (Symptom.SLOW, Symptom.DOWN)


def test_the_conventions_are_those_of_the_guide() -> None:
    guide = (Path(__file__).parents[2] / "docs" / "claims-in-words.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| “?([^|]*?)”? +\| (\d\d:\d\d)", guide, flags=re.MULTILINE)
    assert len(rows) >= 7
    for words, begins in rows:
        assert local(heard(f"slow since {words}").since or TUESDAY - timedelta(days=99))[-5:] == begins, words
