"""A dead device costs one small request a slot, and comes back with its first answer."""

from __future__ import annotations

from itertools import pairwise

import pytest

from collector.snmp.breaker import Breaker, Turn

EVERY = 60
START = 1_772_562_600.0


def dead(breaker: Breaker, now: float = START, every: int = EVERY) -> float:
    """Three polls of "edge" go unanswered; returns when its next turn is."""
    for _ in range(3):
        assert breaker.turn("edge", now) is Turn.POLL
        breaker.unanswered("edge", now, every)
        now += every
    return now


def turns(breaker: Breaker, now: float, count: int, every: int = EVERY) -> list[Turn]:
    """What the next turns are while nothing is answered."""
    found = []
    for number in range(count):
        found.append(breaker.turn("edge", now + number * every))
        if found[-1] is not Turn.REST:
            breaker.unanswered("edge", now + number * every, every)
    return found


def test_two_unanswered_polls_change_nothing() -> None:
    breaker = Breaker()
    assert not breaker.unanswered("edge", START, EVERY)
    assert not breaker.unanswered("edge", START + 60, EVERY)
    assert breaker.turn("edge", START + 120) is Turn.POLL
    assert breaker.dead == 0


def test_after_the_third_unanswered_poll_in_a_row_a_device_is_dead_and_gets_probes() -> None:
    breaker = Breaker()
    breaker.unanswered("edge", START, EVERY)
    breaker.unanswered("edge", START + 60, EVERY)
    assert breaker.unanswered("edge", START + 120, EVERY)
    assert breaker.dead == 1
    assert turns(breaker, START + 180, 5) == [Turn.PROBE] * 5


def test_becoming_dead_is_told_once() -> None:
    breaker = Breaker()
    assert [breaker.unanswered("edge", START + 60 * turn, EVERY) for turn in range(6)] == [
        False, False, True, False, False, False,
    ]  # fmt: skip


def test_an_answer_between_unanswered_polls_starts_the_count_again() -> None:
    breaker = Breaker()
    for turn in range(20):
        if turn % 3 == 2:
            assert not breaker.answered("edge")
        else:
            assert not breaker.unanswered("edge", START + 60 * turn, EVERY)
    assert breaker.turn("edge", START + 1200) is Turn.POLL


def test_others_are_not_touched() -> None:
    breaker = Breaker()
    dead(breaker)
    assert breaker.turn("other", START) is Turn.POLL
    assert not breaker.answered("other")


def test_the_first_answer_asks_for_the_poll_in_the_same_turn_and_the_poll_s_answer_ends_it() -> None:
    breaker = Breaker()
    now = dead(breaker)
    assert breaker.turn("edge", now) is Turn.PROBE
    assert breaker.answered("edge")
    assert breaker.turn("edge", now) is Turn.POLL
    assert not breaker.answered("edge")
    assert breaker.dead == 0
    # Healthy again: it takes three silences to die once more.
    assert not breaker.unanswered("edge", now + 60, EVERY)
    assert not breaker.unanswered("edge", now + 120, EVERY)
    assert breaker.turn("edge", now + 180) is Turn.POLL


@pytest.mark.parametrize(("every", "pause"), [(60, 300), (30, 300), (240, 240), (900, 900)])
def test_long_dead_devices_are_probed_each_five_minutes_or_in_each_turn_that_comes_less_often(
    every: int, pause: int
) -> None:
    breaker = Breaker()
    now = dead(breaker, every=every)
    hour = turns(breaker, now, 3600 // every, every)
    assert set(hour) == {Turn.PROBE}
    later = turns(breaker, now + len(hour) * every, 40, every)
    probes = [number for number, turn in enumerate(later) if turn is Turn.PROBE]
    assert probes[0] == pause // every - 1
    assert {second - first for first, second in pairwise(probes)} == {pause // every}


def test_an_agent_that_answers_probes_and_never_polls_is_tried_ever_more_seldom_but_each_five_minutes() -> None:
    breaker = Breaker()
    now = dead(breaker)
    trials = []
    for turn in range(30):
        if breaker.turn("edge", now + 60 * turn) is Turn.PROBE:
            assert breaker.answered("edge")
            trials.append(turn)
            assert breaker.unanswered("edge", now + 60 * turn, EVERY)
    assert trials == [0, 2, 6, 11, 16, 21, 26]


def test_turns_that_come_a_little_early_do_not_double_the_pause() -> None:
    breaker = Breaker()
    now = dead(breaker)
    breaker.answered("edge")
    breaker.unanswered("edge", now, EVERY)
    assert breaker.turn("edge", now + 60.4) is Turn.REST
    assert breaker.turn("edge", now + 119.6) is Turn.PROBE


def test_a_clock_that_is_set_back_silences_nobody() -> None:
    breaker = Breaker()
    now = dead(breaker)
    assert breaker.turn("edge", now - 86_400) is Turn.PROBE


def test_how_many_unanswered_polls_it_takes_can_be_chosen() -> None:
    breaker = Breaker(fails=1)
    assert breaker.unanswered("edge", START, EVERY)
    assert breaker.turn("edge", START + 60) is Turn.PROBE
    assert breaker.answered("edge")
    assert breaker.turn("edge", START + 60) is Turn.POLL
    assert not breaker.answered("edge")
    assert breaker.turn("edge", START + 120) is Turn.POLL
