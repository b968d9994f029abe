"""Each device has one turn a slot, at its own moment; what is late or left out is counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest

from collector.pacing import share_of_slot
from collector.snmp.schedule import Due, Entry, Limits, Schedule

START = 1_772_562_600.0
"""The beginning of a slot of any length up to ten minutes: 2026-03-03T18:30:00Z."""
ROOMY = Limits(site_packets_per_second=1e6)


def fleet(count: int, *, site: str | None = None, every: int = 60, datagrams: int = 1) -> list[Entry]:
    return [
        Entry(key=f"edge-{number}", site=site or f"site-{number}", every=every, datagrams=datagrams, octets=644)
        for number in range(count)
    ]


def started(schedule: Schedule, begin: float, end: float, step: float = 0.05) -> Iterator[tuple[float, Due]]:
    """Every turn that is started when somebody looks each `step` seconds; each is finished before the next look."""
    for look in range(round((end - begin) / step) + 1):
        now = begin + look * step
        for due in schedule.due(now):
            yield now, due
            schedule.finished(due.key)


def turns(schedule: Schedule, begin: float, end: float, step: float = 0.05) -> list[tuple[float, Due]]:
    return list(started(schedule, begin, end, step))


def moment(key: str, every: int = 60) -> float:
    """Seconds into the slot at which a device's turn is."""
    return share_of_slot(key) * every


def test_each_device_has_one_turn_a_slot_at_its_own_moment() -> None:
    schedule = Schedule(fleet(200), ROOMY)
    slots: dict[str, list[int]] = defaultdict(list)
    for now, due in started(schedule, START, START + 300):
        slots[due.key].append(due.slot_ms)
        assert due.every == 60
        assert not due.extra
        assert 0 <= now - due.slot_ms / 1000 - moment(due.key) <= 0.051
    expected = [int(START + 60 * slot) * 1000 for slot in range(5)]
    assert len(slots) == 200
    assert all(found == expected for found in slots.values())
    assert schedule.counts.started == 1000
    assert (schedule.counts.late, schedule.counts.skipped, schedule.counts.overlapped) == (0, 0, 0)


def test_turns_are_spread_evenly_over_the_interval() -> None:
    tenths = Counter(int((now - START) // 6) for now, _ in started(Schedule(fleet(2000), ROOMY), START, START + 59.9))
    assert all(150 <= tenths[tenth] <= 250 for tenth in range(10))


def test_turns_that_are_past_when_it_begins_are_left_to_the_next_slot() -> None:
    schedule = Schedule(fleet(100), ROOMY)
    found = turns(schedule, START + 30, START + 60)
    assert {due.key for _, due in found} == {entry.key for entry in fleet(100) if moment(entry.key) > 30}
    assert schedule.counts.skipped == 0


def test_a_stretched_interval_has_its_own_slots() -> None:
    schedule = Schedule([*fleet(20), *(Entry(key="slow", site="s", every=300, datagrams=1, octets=1),)], ROOMY)
    slow = [(now, due) for now, due in started(schedule, START, START + 599) if due.key == "slow"]
    assert [(due.slot_ms, due.every) for _, due in slow] == [(int(START) * 1000, 300), (int(START + 300) * 1000, 300)]
    assert all(abs(now - due.slot_ms / 1000 - moment("slow", 300)) < 0.06 for now, due in slow)


def test_two_entries_of_one_key_are_refused() -> None:
    with pytest.raises(ValueError, match="one key"):
        Schedule([*fleet(1), *fleet(1)], ROOMY)


def test_a_turn_whose_device_is_still_busy_is_counted_and_not_started() -> None:
    schedule = Schedule(fleet(2), ROOMY)
    keys = [due.key for look in range(1200) for due in schedule.due(START + look * 0.1)]
    assert sorted(keys) == ["edge-0", "edge-1"]
    assert schedule.counts.overlapped == 2
    schedule.finished("edge-0")
    assert {due.key for _, due in turns(schedule, START + 120, START + 180)} == {"edge-0"}


def test_a_device_that_is_not_in_the_schedule_is_refused() -> None:
    schedule = Schedule(fleet(1), ROOMY)
    assert "edge-0" in schedule
    assert "edge-1" not in schedule
    with pytest.raises(KeyError):
        schedule.finished("edge-1")


def stalled(entries: Sequence[Entry], stall: float) -> tuple[Schedule, list[tuple[float, Due]]]:
    """A schedule at which nobody looks from a slot's beginning on for `stall` seconds; then for the slot's rest and the
    next."""
    schedule = Schedule(entries, ROOMY)
    schedule.due(START)
    return schedule, turns(schedule, START + stall, START + 119.99)


def test_turns_that_we_come_to_late_are_started_up_to_half_a_slot_and_counted() -> None:
    schedule, found = stalled(fleet(400), 20)
    # A moment within the last twelfth of a slot (5 s) is punctual still.
    late = [entry.key for entry in fleet(400) if moment(entry.key) < 15]
    assert schedule.counts.late == len(late)
    assert schedule.counts.skipped == 0
    assert Counter(due.slot_ms for _, due in found) == {int(START) * 1000: 400, int(START + 60) * 1000: 400}


def test_turns_that_are_more_than_half_a_slot_late_are_counted_as_skipped() -> None:
    schedule, found = stalled(fleet(400), 50)
    skipped = {entry.key for entry in fleet(400) if moment(entry.key) < 20}
    in_first = {due.key for _, due in found if due.slot_ms == int(START) * 1000}
    assert schedule.counts.skipped == len(skipped)
    assert in_first == {entry.key for entry in fleet(400)} - skipped
    assert schedule.counts.late == len([key for key in in_first if moment(key) < 45])


def test_after_hours_of_standstill_every_missed_turn_is_counted_at_once() -> None:
    schedule = Schedule(fleet(400), ROOMY)
    schedule.due(START)
    found = turns(schedule, START + 7200, START + 7259.99)
    assert {due.slot_ms for _, due in found} <= {int(START + 7140) * 1000, int(START + 7200) * 1000}
    assert schedule.counts.started + schedule.counts.skipped == 121 * 400


def test_a_standstill_that_begins_within_a_slot_counts_what_is_left_of_it() -> None:
    schedule = Schedule(fleet(400), ROOMY)
    before = len(turns(schedule, START, START + 30))
    assert before == sum(moment(entry.key) <= 30 for entry in fleet(400))
    schedule.due(START + 3600 + 30)
    # Half a slot back is the beginning of this one: nothing of it is too late.
    assert schedule.counts.skipped == 60 * 400 - before


def test_after_a_standstill_turns_do_not_come_in_a_heap() -> None:
    entries = fleet(6000)
    schedule = Schedule(entries, ROOMY)
    schedule.due(START)
    by_look = Counter(now for now, _ in started(schedule, START + 25, START + 60))
    # What is not late comes at once: five seconds' worth. The rest at twice the ordinary rate of 100 a second,
    # beside the ordinary turns.
    assert by_look[START + 25] < 600
    seconds = Counter(int(now - START - 25) for now in by_look.elements() if now > START + 25)
    assert max(seconds.values()) < 350
    assert schedule.counts.skipped == 0
    assert schedule.counts.late == sum(moment(entry.key) < 20 for entry in entries)


def test_devices_of_a_small_fleet_catch_up_within_seconds() -> None:
    schedule = Schedule(fleet(100), ROOMY)
    schedule.due(START)
    found = [now for now, due in started(schedule, START + 29, START + 60) if moment(due.key) < 24]
    assert len(found) == schedule.counts.late > 20
    assert max(found) < START + 29 + 6


def test_each_site_s_turns_are_spaced_so_that_every_retry_has_room() -> None:
    # A poll of two datagrams with two retries takes six requests: 0.6 s at ten a second; 50 devices need 30 s.
    limits = Limits(site_packets_per_second=10, attempts=3)
    schedule = Schedule(fleet(50, site="store", datagrams=2), limits)
    found = sorted(now for now, _ in started(schedule, START, START + 600, step=0.02))
    gaps = [later - earlier for earlier, later in pairwise(found)]
    assert len(found) == 500
    assert min(gaps) > 0.6 - 0.1 - 0.021
    assert (schedule.counts.late, schedule.counts.skipped, schedule.counts.overlapped) == (0, 0, 0)


def test_a_turn_that_waits_for_its_site_keeps_its_slot() -> None:
    limits = Limits(site_packets_per_second=1, attempts=1)
    schedule = Schedule(fleet(55, site="store"), limits)
    slots: dict[str, list[int]] = defaultdict(list)
    for now, due in started(schedule, START, START + 360):
        slots[due.key].append(due.slot_ms)
        assert now - due.slot_ms / 1000 < 90
    whole = [found[:5] for found in slots.values()]
    assert whole == [[int(START + 60 * slot) * 1000 for slot in range(5)]] * 55


def test_a_poll_that_turns_out_larger_takes_more_of_its_site_s_room() -> None:
    schedule = Schedule(fleet(20, site="store"), Limits(site_packets_per_second=10, attempts=1))
    for entry in fleet(20):
        schedule.weigh(entry.key, 20)
    moments = sorted(now for now, _ in started(schedule, START, START + 300))
    assert min(later - earlier for earlier, later in pairwise(moments)) > 2 - 0.16


def test_sites_do_not_wait_for_each_other() -> None:
    limits = Limits(site_packets_per_second=0.1, attempts=1)
    found = turns(Schedule(fleet(300), limits), START, START + 59.9)
    assert all(now - START - moment(due.key) <= 0.051 for now, due in found)


def test_what_does_not_fit_a_site_at_all_is_counted_and_piles_up_nowhere() -> None:
    limits = Limits(site_packets_per_second=1, attempts=1)
    schedule = Schedule(fleet(200, site="store"), limits)
    found = turns(schedule, START, START + 600)
    assert len(found) <= 600 + 1
    assert 2000 - 40 <= len(found) + schedule.counts.skipped + schedule.counts.overlapped <= 2000
    assert all(now - due.slot_ms / 1000 - moment(due.key) <= 30.1 for now, due in found)


def test_the_next_moment_is_the_next_turn_s() -> None:
    schedule = Schedule(fleet(3), ROOMY)
    assert schedule.next_moment(START) == START
    schedule.due(START)
    for entry in sorted(fleet(3), key=lambda entry: moment(entry.key)):
        assert schedule.next_moment(START) == pytest.approx(START + moment(entry.key))
        (due,) = schedule.due(schedule.next_moment(START))
        assert due.key == entry.key
        schedule.finished(due.key)


def test_looking_only_at_the_next_moments_misses_nothing() -> None:
    schedule = Schedule(fleet(20, site="store"), Limits(site_packets_per_second=2, attempts=3))
    now, found = START, 0
    while now < START + 600:
        for due in schedule.due(now):
            found += 1
            schedule.finished(due.key)
        now = max(now, schedule.next_moment(now))
    assert abs(found - 200) <= 1
    assert schedule.counts.late == 0


def test_with_nobody_to_poll_there_is_no_next_moment() -> None:
    schedule = Schedule([], ROOMY)
    assert schedule.due(START) == []
    assert schedule.next_moment(START) == float("inf")


def test_a_clock_that_is_set_back_by_more_than_a_slot_aligns_turns_anew() -> None:
    schedule = Schedule(fleet(50), ROOMY)
    turns(schedule, START, START + 30)
    again = turns(schedule, START - 7200, START - 7141)
    assert len(again) == 50 - sum(moment(entry.key) > 59 for entry in fleet(50))
    assert schedule.counts.set_back == 1


def test_a_clock_that_is_set_back_a_little_repeats_no_turn() -> None:
    schedule = Schedule(fleet(50), ROOMY)
    first = turns(schedule, START, START + 40)
    second = turns(schedule, START + 10, START + 59.99)
    assert sorted(due.key for _, due in [*first, *second]) == sorted(entry.key for entry in fleet(50))
    assert schedule.counts.set_back == 0
