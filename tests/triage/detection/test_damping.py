"""Statements about lines that go up and down: a change counts 1, and half after 20 minutes. Four spread over 20 minutes
count 1 + .794 + .63 + .5 = 2.92: from there on a line is unstable, and below 1 it no longer is."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model import Fact, FactKind, Source
from collector.store.hot_facts import HotFacts
from config.clock import epoch_ms
from triage.detection.changes import Seen
from triage.detection.damping import flapping
from triage.detection.event import MINUTE
from triage.detection.link import examine
from triage.judge import judge
from triage.model import Cause, Measured, VerdictKind
from triage.policy_files import load_policy
from triage.recompute import recompute, recompute_from_facts
from triage.sweep_facts import KINDS, MOMENTS, notable, said_to_ail

RULE = load_policy().flapping


def seen(*minutes: float) -> Seen:
    time = np.array([int(minute * MINUTE) for minute in minutes], dtype=np.int64)
    return Seen(Source.ORCHESTRATOR, "fact:link_state", time, time, np.ones(len(time)), 1)


def stretches(*minutes: float) -> list[tuple[int, int]]:
    return flapping(seen(*minutes), 10_000 * MINUTE, RULE)


@pytest.mark.parametrize(("last", "found"), [(19, True), (20, True), (21, False)])
def test_four_changes_spread_over_a_half_life_are_flapping(last, found):
    # The first counts 2^(-21/20) = .483 by then, and so on: 2.87.
    assert bool(stretches(0, last / 3, 2 * last / 3, last)) is found


@pytest.mark.parametrize(("apart", "found"), [(20, True), (22, True), (23, False)])
def test_twice_down_and_up_is_flapping_when_it_is_that_close(apart, found):
    # 2 left over by 2^(-22/20) is .933, and 2 more; after 23 minutes .901.
    assert bool(stretches(0, 0, apart, apart)) is found


def test_three_changes_are_not_however_close():
    assert stretches(0, 0, 0) == []
    assert stretches(0, 0, 0, 0) == [(0, 4)]


def test_three_changes_and_the_trace_of_an_old_one_are_not():
    # The old one is 25 minutes older and still counts 0.4; after 63 minutes it counts 0.1, and is no fourth change.
    assert stretches(0, 25, 26, 27) == [(0, 4)]
    assert stretches(0, 63, 63, 63) == []


@pytest.mark.parametrize(("changes", "found"), [(5, False), (6, True), (30, True)])
def test_a_change_each_ten_minutes_is_flapping_after_fifty(changes, found):
    # 1 + .707 + .5 + .354 + .25 = 2.81; one more, .177, makes it 2.99.
    assert stretches(*(10 * n for n in range(changes))) == ([(0, changes)] if found else [])


def test_a_change_each_thirteen_minutes_never_is():
    # 1 / (1 - 2^-0.65) = 2.76 is as far as it gets; each twelve minutes it would get to 2.94.
    assert stretches(*(13 * n for n in range(100))) == []
    assert len(stretches(*(12 * n for n in range(100)))) == 1


def test_three_flaps_in_a_morning_are_not():
    # Down and up two minutes later, at eight, half past nine and eleven.
    assert stretches(0, 2, 90, 92, 180, 182) == []


def test_an_unstable_line_stays_so_with_a_change_each_half_life():
    # 2.92 halves to 1.46, and 1 is 2.46; 1.23 + 1; 1.12 + 1: never below 1 before the next.
    assert stretches(0, 0, 0, 0, 20, 40, 60, 80, 100) == [(0, 9)]


@pytest.mark.parametrize(("quiet", "together"), [(30, True), (31, False)])
def test_it_is_over_when_less_than_one_change_is_left(quiet, together):
    # 20 log2(2.92) = 30.96 minutes, however many changes there were.
    assert stretches(*([0] * 40), quiet) == [(0, 41 if together else 40)]


@pytest.mark.parametrize(("quiet", "first"), [(30, 0), (31, 1)])
def test_it_began_with_the_first_change_that_still_counted(quiet, first):
    assert stretches(0, *([quiet] * 4)) == [(first, 5)]


def test_two_hours_of_quiet_make_two_of_it():
    assert stretches(0, 1, 2, 3, 120, 121, 122, 123) == [(0, 4), (4, 8)]


@given(st.lists(st.integers(0, 240), max_size=30).map(sorted))
def test_a_line_is_unstable_where_the_undamped_sum_says_so(minutes):
    """By the definition: the sum over all changes so far of 2^-(age / half-life) reaches 2.924 when it is noticed."""
    found = stretches(*minutes)
    sums = [sum(2 ** -((now - then) / 20) for then in minutes[: place + 1]) for place, now in enumerate(minutes)]
    assert not found or max(sums) >= 2.9240
    if max(sums, default=0) >= 2.9245 and not found:
        assert all(total < 4 for total in sums)
    edges = [edge for stretch in found for edge in stretch]
    assert edges == sorted(edges)
    assert all(stop - first >= RULE.changes for first, stop in found)


@pytest.fixture
def examined(link, policy, now):
    """The instabilities of four hours, and what they were found in."""

    def look(serieses=(), facts=()):
        noon = epoch_ms(now)
        measured = Measured(link(), list(serieses), list(facts))
        return [
            event for event in examine(measured, noon - 240 * MINUTE, noon, policy).events
            if event.cause is Cause.INSTABILITY
        ]  # fmt: skip

    return look


@pytest.fixture
def told(now):
    def make(value: str, *minutes: float, source: Source = Source.ORCHESTRATOR) -> list[Fact]:
        times = [now - timedelta(minutes=minute) for minute in minutes]
        return [Fact(at, "wan1", FactKind.EVENT, value, source, at) for at in times]

    return make


def test_events_of_a_dead_and_living_line_are_counted(examined, told, now):
    events = [*told("LINK_DEAD", 40, 30), *told("LINK_ALIVE", 38, 28)]
    (event,) = examined(facts=events)
    assert (event.value, event.threshold, event.onset) == (4.0, 4.0, epoch_ms(now) - 40 * MINUTE)
    assert recompute_from_facts(event.finding(), events, ["wan1"]) == 4.0
    assert examined(facts=events[1:]) == []


def test_a_second_like_event_is_a_change_as_the_one_between_them_got_lost(examined, told):
    # Its traps leave by the line itself: those that say "down" never arrive.
    assert len(examined(facts=told("EDGE_INTERFACE_UP", 40, 35, 30, 25, source=Source.SNMP))) == 1
    assert examined(facts=told("EDGE_INTERFACE_UP", 40, 35, 30, source=Source.SNMP)) == []


def test_the_port_and_the_line_behind_it_change_once(examined, told):
    # Two changes in the words of the port, the same two in those of the line: no four.
    two = [*told("LINK_DEAD", 40), *told("LINK_ALIVE", 38), *told("EDGE_INTERFACE_DOWN", 40)]
    assert examined(facts=[*two, *told("EDGE_INTERFACE_UP", 38)]) == []


def test_two_sources_that_saw_the_same_changes_are_not_added_up(examined, told, series):
    counted = series(fields={"flaps": 0.0}, last={"flaps": [2.0, 0.0, 0.0]}, source=Source.SNMP)
    assert examined([counted], [*told("LINK_DEAD", 14), *told("LINK_ALIVE", 12)]) == []


@pytest.mark.parametrize(("counted", "cause"), [(1.0, Cause.LOSS), (2.0, Cause.INSTABILITY)])
def test_nor_are_they_where_changes_would_explain_a_loss(series, link, policy, now, told, counted, cause):
    # Down and up again would explain it; the counter and the event tell of one change, the same.
    lossy = series(fields={"loss_rx_pct": 0.0}, last={"loss_rx_pct": [20.0] * 6}, source=Source.ORCHESTRATOR)
    flaps = series(fields={"flaps": 0.0}, last={"flaps": [counted, 0.0, 0.0]}, source=Source.SNMP)
    noon = epoch_ms(now)
    events = examine(Measured(link(), [lossy, flaps], told("LINK_DEAD", 14)), noon - 240 * MINUTE, noon, policy).events
    assert {event.cause for event in events} == {cause}


def test_an_event_that_is_no_change_of_the_line_is_none(examined, told):
    assert examined(facts=told("BW_UNMEASURABLE", 40, 35, 30, 25)) == []


def test_a_port_that_was_polled_up_and_down_is_counted_with_its_gaps(examined, series):
    nan = float("nan")
    polled = series(fields={"oper_up": 1.0}, last={"oper_up": [0.0, 1.0, nan, 0.0, 1.0, 0.0]}, source=Source.SNMP)
    (event,) = examined([polled])
    # From the last poll that still saw it up, 35 minutes before noon, to the end of the last that saw a change.
    assert (event.metric, event.value) == ("oper_up", 5.0)
    assert (polled.time[-7], event.end) == (event.onset, None)
    assert recompute(event.finding(), polled) == 5.0
    three = series(fields={"oper_up": 1.0}, last={"oper_up": [0.0, 1.0, nan, 0.0]}, source=Source.SNMP)
    assert examined([three]) == []


@pytest.mark.parametrize(("slots", "over"), [(4, False), (5, True)])
def test_it_goes_on_while_the_next_change_may_merely_be_due(examined, series, slots, over):
    # The last change is in a slot that ended 20 minutes ago, or 25.
    flaps = series(fields={"flaps": 0.0}, last={"flaps": [2.0, 2.0] + [0.0] * slots}, source=Source.SNMP)
    (event,) = examined([flaps])
    assert (event.end is not None) is over


@pytest.mark.parametrize(
    ("words", "minutes", "wanted"),
    [
        (("LINK_DEAD", "LINK_ALIVE", "LINK_DEAD", "LINK_ALIVE"), (26, 24, 22, 20), True),
        (("LINK_DEAD", "LINK_ALIVE", "LINK_DEAD", "LINK_ALIVE"), (27, 25, 23, 21), False),
        (("LINK_DEAD", "LINK_ALIVE", "LINK_DEAD"), (14, 12, 10), False),
        (("EDGE_INTERFACE_UP",) * 4, (16, 14, 12, 10), True),
        (("BW_UNMEASURABLE",) * 4, (16, 14, 12, 10), False),
    ],
)
def test_a_line_that_its_events_call_flapping_is_looked_at(told, policy, now, words, minutes, wanted):
    hot = HotFacts(["wan1"], KINDS, notable, MOMENTS)
    hot.take_in([fact for word, minute in zip(words, minutes, strict=True) for fact in told(word, minute)])
    assert said_to_ail(hot, lambda _: policy, epoch_ms(now)) == ({"wan1"} if wanted else set())


def test_a_slow_flapper_is_confirmed_to_its_client_and_a_few_flaps_are_not(
    claim, picture, link, series, told, policy, now
):
    # Dead and alive again in turn, each ten minutes for three hours; three times in the morning.
    slow = [*told("LINK_DEAD", *range(170, 0, -20)), *told("LINK_ALIVE", *range(160, 0, -20))]
    seen = picture(Measured(link(), [series()], sorted(slow)))
    verdict = judge(claim(60), seen, policy, now)
    assert (verdict.verdict, verdict.cause) == (VerdictKind.CONFIRMED, Cause.INSTABILITY)
    few = [*told("LINK_DEAD", 182, 92, 5), *told("LINK_ALIVE", 180, 90, 3)]
    quiet = picture(Measured(link(), [series()], sorted(few)))
    assert judge(claim(60), quiet, policy, now).verdict is VerdictKind.NOT_SUBSTANTIATED
