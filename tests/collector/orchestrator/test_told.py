"""What of a host's states is handed on: news, and repeats before they stop holding."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from collector.model import Fact, FactKind, Source
from collector.orchestrator.told import Told

START = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def fact(minute: float, value: str = "stable", subject: str = "line", kind: FactKind = FactKind.LINK_STATE) -> Fact:
    at = START + minute * MINUTE
    return Fact(at, subject, kind, value, Source.ORCHESTRATOR, at)


def tell(told: Told, *facts: Fact, next_reading: timedelta = MINUTE) -> list[Fact]:
    news = list(told.news(facts, next_reading))
    told.note(news, next_reading)
    return news


def test_the_first_word_and_each_change_are_news() -> None:
    told = Told()
    states = ["stable", "stable", "disconnected", "disconnected", "stable"]
    assert [bool(tell(told, fact(i / 100, state))) for i, state in enumerate(states)] == [
        True,
        False,
        True,
        False,
        True,
    ]


def test_kinds_of_one_subject_are_told_apart() -> None:
    told = Told()
    edge, pair = (fact(0, "connected", kind=kind) for kind in (FactKind.EDGE_STATE, FactKind.HA_STATE))
    assert tell(told, edge, pair) == [edge, pair]


@pytest.mark.parametrize(("minutes", "repeated"), [(3.9, False), (4.0, True)])
def test_a_state_is_repeated_before_the_reading_at_which_it_no_longer_holds(minutes: float, repeated: bool) -> None:
    # It holds for five minutes, and the next reading comes in one.
    told = Told()
    tell(told, fact(0, "unstable"))
    tell(told, fact(1, "stable"))
    assert bool(tell(told, fact(1 + minutes))) == repeated


def test_where_states_are_read_more_seldom_than_they_hold_each_reading_tells_them() -> None:
    told = Told()
    assert all(tell(told, fact(8 * i), next_reading=8 * MINUTE) for i in range(4))


def test_what_was_not_handed_over_is_news_again() -> None:
    told = Told()
    assert told.news([fact(0)], MINUTE)
    assert told.news([fact(1)], MINUTE)


def test_a_clock_that_was_put_back_silences_nothing() -> None:
    told = Told()
    tell(told, fact(0, "unstable"))
    tell(told, fact(60))
    assert tell(told, fact(10))
    assert not tell(told, fact(10))
    assert not tell(told, fact(11))


def test_a_fleet_first_seen_in_one_moment_is_repeated_over_four_minutes_and_stays_so() -> None:
    told = Told()
    fleet = [f"line-{number}" for number in range(1000)]
    counts = [len(tell(told, *(fact(minute, subject=line) for line in fleet))) for minute in range(13)]
    assert counts[0] == 1000
    assert all(150 < count < 350 for count in counts[1:])
    assert counts[1:5] == counts[5:9] == counts[9:13]
    assert sum(counts[1:5]) == 1000


def test_no_state_is_left_unsaid_for_five_minutes() -> None:
    told = Told()
    fleet = [f"line-{number}" for number in range(200)]
    said: dict[str, list[int]] = {line: [] for line in fleet}
    for minute in range(20):
        for each in tell(told, *(fact(minute, subject=line) for line in fleet)):
            said[each.subject].append(minute)
    gaps = Counter(later - before for minutes in said.values() for before, later in pairwise(minutes))
    assert max(gaps) == 4
