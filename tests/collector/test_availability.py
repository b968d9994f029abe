"""When a link counts as up, down or not known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.availability import SETTLING, SPEAKING, LinkState, StateSlots, link_states, sample_states, settled
from collector.model import Cadence, Fact, FactKind, Series, Source
from config.clock import epoch_ms

START = datetime(2026, 3, 3, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
CADENCE = Cadence(every=60, late=60)
UP, DOWN, UNKNOWN = LinkState.UP, LinkState.DOWN, LinkState.UNKNOWN


def series(source: Source, minutes: list[int], *, every: int = 60, offset: int = 0, **fields: list[float]) -> Series:
    time = np.asarray([epoch_ms(START) + minute * 60_000 + offset * 1000 for minute in minutes], dtype=np.int64)
    return Series(
        "wan1", source, time, np.full(len(time), every, dtype=np.int32), time,
        {name: np.asarray(values, dtype=np.float64) for name, values in fields.items()},
    )  # fmt: skip


def fact(minute: float, value: str, kind: FactKind = FactKind.LINK_STATE) -> Fact:
    moment = START + minute * MINUTE
    return Fact(moment, "wan1", kind, value, Source.ORCHESTRATOR, moment)


def states(all_series: list[Series], facts: list[Fact] = [], minutes: int = 4) -> list[LinkState]:  # noqa: B006
    slots = link_states(all_series, facts, START, START + minutes * MINUTE, CADENCE)
    return [LinkState(int(state)) for state in slots.states]


def test_a_probe_that_loses_every_packet_says_down_and_one_that_gets_an_answer_says_up() -> None:
    probe = series(Source.PROBE, [0, 1, 2, 3], loss_pct=[0.0, 99.9, 100.0, 5.0])
    assert states([probe]) == [UP, UP, DOWN, UP]


def test_a_gap_is_unknown_and_never_down() -> None:
    assert states([series(Source.PROBE, [0, 3], loss_pct=[0.0, 0.0])]) == [UP, UNKNOWN, UNKNOWN, UP]
    assert states([]) == [UNKNOWN] * 4


def test_a_failed_poll_is_never_read_as_link_down() -> None:
    assert states([], [fact(0, "timeout", FactKind.POLL_OUTCOME)]) == [UNKNOWN] * 4
    assert states([], [fact(0, "offline", FactKind.EDGE_STATE)]) == [UNKNOWN] * 4


def test_an_unmeasured_value_says_nothing() -> None:
    nan = float("nan")
    assert states([series(Source.PROBE, [0, 1], loss_pct=[nan, 0.0])], minutes=2) == [UNKNOWN, UP]


def test_a_port_that_is_down_settles_it_and_one_that_is_up_proves_nothing() -> None:
    snmp = series(Source.SNMP, [0, 1], oper_up=[0.0, 1.0])
    assert states([snmp], minutes=2) == [DOWN, UNKNOWN]
    probe = series(Source.PROBE, [0, 1], loss_pct=[0.0, 0.0])
    assert states([snmp, probe], minutes=2) == [DOWN, UP]


def test_traffic_that_arrives_says_up_and_a_trickle_says_nothing() -> None:
    assert states([series(Source.SNMP, [0, 1, 2], rx_bps=[1000.0, 999.0, 0.0])], minutes=3) == [UP, UNKNOWN, UNKNOWN]


def test_sources_that_contradict_each_other_make_the_line_unknown() -> None:
    probe = series(Source.PROBE, [0], loss_pct=[100.0])
    assert states([probe, series(Source.SNMP, [0], rx_bps=[5e6])], minutes=1) == [UNKNOWN]
    assert states([probe], [fact(0, "stable")], minutes=1) == [UNKNOWN]


def test_an_average_over_five_minutes_does_not_contradict_a_minute_that_was_down() -> None:
    probe = series(Source.PROBE, [0, 1], loss_pct=[0.0, 100.0])
    tunnel = series(Source.ORCHESTRATOR, [0], every=300, rx_bps=[3e6], loss_rx_pct=[40.0], loss_tx_pct=[40.0])
    assert states([probe, tunnel]) == [UP, DOWN, UP, UP]


def test_a_tunnel_must_pass_packets_both_ways_to_say_up() -> None:
    tunnel = series(Source.ORCHESTRATOR, [0, 1], loss_rx_pct=[0.0, 0.0], loss_tx_pct=[0.0, 100.0])
    assert states([tunnel], minutes=2) == [UP, UNKNOWN]


def test_the_orchestrators_state_holds_for_five_minutes_and_no_longer() -> None:
    told = [fact(0, "disconnected"), fact(2, "unstable")]
    assert states([], told, minutes=8) == [DOWN, DOWN, UP, UP, UP, UP, UP, UNKNOWN]
    assert states([], [fact(0.5, "stable")], minutes=6) == [UP, UP, UP, UP, UP, UNKNOWN]


@pytest.mark.parametrize("value", ["standby", "quiet", "initial", "unknown"])
def test_states_that_do_not_tell_are_unknown_and_end_the_one_before(value: str) -> None:
    assert states([], [fact(0, "stable"), fact(1, value)], minutes=2) == [UP, UNKNOWN]


def test_rows_that_are_not_aligned_speak_for_the_slot_whose_middle_they_cover() -> None:
    probe = series(Source.PROBE, [0, 2], offset=17, loss_pct=[0.0, 100.0])
    assert states([probe]) == [UP, UNKNOWN, DOWN, UNKNOWN]


def test_availability_counts_known_time_only_and_leaves_maintenance_out() -> None:
    slots = StateSlots(0, 60, np.asarray([UP, UP, UP, DOWN, UNKNOWN, DOWN], dtype=np.int8))
    whole = slots.availability()
    assert (whole.up, whole.down, whole.expected) == (180.0, 120.0, 360.0)
    without = slots.availability(np.asarray([False, False, False, False, False, True]))
    assert (without.up, without.down, without.expected) == (180.0, 60.0, 300.0)
    assert without.percent == 75.0
    assert without.coverage_percent == 80.0


@given(st.lists(st.sampled_from(list(LinkState)), max_size=50))
def test_spans_cover_the_slots_without_gap_or_overlap(seen: list[LinkState]) -> None:
    slots = StateSlots(0, 60, np.asarray(seen, dtype=np.int8))
    spans = list(slots.spans())
    rebuilt = [state for begin, end, state in spans for _ in range(round((end - begin) / MINUTE))]
    assert rebuilt == seen
    assert all(before[1] == after[0] and before[2] != after[2] for before, after in pairwise(spans))


speaking = st.sampled_from([float("nan"), 0.0, 1.0, 99.9, 100.0, 1000.0])


@given(st.lists(st.tuples(speaking, speaking, speaking, speaking, speaking), min_size=1, max_size=20))
def test_what_a_probe_or_the_port_settles_no_other_field_changes(rows: list[tuple[float, ...]]) -> None:
    columns = dict(zip(SPEAKING, np.array(rows).T, strict=True))
    two = {name: columns[name] for name in SETTLING}
    alone = settled(two, len(rows))
    np.testing.assert_array_equal(sample_states(columns, len(rows))[alone], sample_states(two, len(rows))[alone])


def test_an_answer_and_a_port_that_is_down_are_settled_and_silence_is_not() -> None:
    nan = float("nan")
    fields = {"oper_up": np.array([0, 1, 1, nan, nan]), "loss_pct": np.array([nan, nan, 99, 100, 0.0])}
    assert settled(fields, 5).tolist() == [True, False, True, False, True]
    assert settled({}, 2).tolist() == [False, False]
    assert sample_states({}, 2).tolist() == [UNKNOWN, UNKNOWN]
