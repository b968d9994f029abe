"""A device that somebody asked to be polled more often, for a while."""

from __future__ import annotations

from itertools import pairwise

import pytest

from collector.pacing import share_of_slot
from collector.snmp.schedule import Due, Entry, Limits, Schedule

START = 1_772_562_600.0
ROOMY = Limits(site_packets_per_second=1e6)


def entry(key: str = "edge", every: int = 60, site: str = "store", datagrams: int = 1) -> Entry:
    return Entry(key=key, site=site, every=every, datagrams=datagrams, octets=644)


def begun(*entries: Entry, limits: Limits = ROOMY, now: float = START) -> Schedule:
    schedule = Schedule(entries, limits)
    schedule.due(now)
    return schedule


def turns(schedule: Schedule, begin: float, end: float, key: str = "edge") -> list[tuple[float, Due]]:
    found = []
    for look in range(round((end - begin) / 0.05)):
        now = begin + look * 0.05
        for due in schedule.due(now):
            schedule.finished(due.key)
            found.append((now, due))
    return [(now, due) for now, due in found if due.key == key]


def test_sub_slots_are_aligned_to_1970_and_the_ordinary_turns_come_back_by_themselves() -> None:
    schedule = begun(entry())
    assert schedule.faster("edge", 10, START + 120) == 10
    found = turns(schedule, START, START + 240)
    fast = [(due.slot_ms - int(START) * 1000, due.every) for now, due in found if now < START + 120]
    assert fast == [(10_000 * number, 10) for number in range(12)]
    after = [(due.slot_ms - int(START) * 1000, due.every) for now, due in found if now >= START + 120]
    assert after == [(120_000, 60), (180_000, 60)]


def test_a_device_keeps_its_share_of_the_shorter_slots() -> None:
    schedule = begun(entry())
    schedule.faster("edge", 10, START + 600)
    for now, due in turns(schedule, START, START + 120):
        assert 0 <= now - due.slot_ms / 1000 - share_of_slot("edge") * 10 <= 0.051


def test_only_the_turns_beyond_the_ordinary_ones_are_extra() -> None:
    schedule = begun(entry())
    schedule.faster("edge", 20, START + 120)
    assert [due.extra for _, due in turns(schedule, START, START + 120)] == [False, True, True] * 2


def test_there_is_never_a_pause_longer_than_an_ordinary_one_around_it() -> None:
    key = "edge-3"
    schedule = begun(entry(key))
    moments = [now for now, _ in turns(schedule, START, START + 90, key)]
    schedule.faster(key, 15, START + 200)
    moments += [now for now, _ in turns(schedule, START + 90, START + 400, key)]
    assert max(later - earlier for earlier, later in pairwise(moments)) <= 60.1


@pytest.mark.parametrize(
    ("ordinary", "asked", "granted"),
    [(60, 10, 10), (60, 7, 10), (60, 1, 5), (60, 5, 5), (60, 40, 60), (60, 60, 60), (60, 90, 60), (300, 20, 20),
     (300, 45, 50), (61, 10, 61), (9, 3, 9), (10, 3, 5)],
)  # fmt: skip
def test_what_is_granted_divides_the_ordinary_interval_and_is_no_faster_than_five_seconds(
    ordinary: int, asked: int, granted: int
) -> None:
    assert begun(entry(every=ordinary)).faster("edge", asked, START + 600) == granted


def test_asking_again_extends_it_and_doubles_no_turn() -> None:
    schedule = begun(entry())
    for _ in range(5):
        schedule.faster("edge", 10, START + 60)
    schedule.faster("edge", 10, START + 120)
    assert len(turns(schedule, START, START + 120)) == 12
    assert schedule.counts.overlapped == 0


def test_it_can_be_made_faster_slower_and_ended_at_any_time() -> None:
    schedule = begun(entry())
    schedule.faster("edge", 10, START + 600)
    assert len(turns(schedule, START, START + 60)) == 6
    assert schedule.faster("edge", 5, START + 600) == 5
    assert len(turns(schedule, START + 60, START + 120)) == 12
    assert schedule.faster("edge", 30, START + 600) == 30
    assert len(turns(schedule, START + 120, START + 180)) == 2
    assert schedule.faster("edge", 30, START + 100) == 60
    assert [due.every for _, due in turns(schedule, START + 180, START + 300)] == [60, 60]


def test_a_site_whose_uplink_has_no_room_is_polled_as_ever() -> None:
    # 2 requests a second, three for each poll: 1.5 s. Nine ordinary polls take 13.5 s of each minute; 46.5 are left,
    # and the device's own 1.5: 32 turns a minute at most, so each 2 s; but each 5 s is the fastest.
    limits = Limits(site_packets_per_second=2, attempts=3)
    roomy = begun(*(entry(f"edge-{number}") for number in range(9)), entry(), limits=limits)
    assert roomy.faster("edge", 5, START + 600) == 5
    # 30 ordinary polls take 45 s; 16.5 s are left: 11 turns, so each 6 s.
    tight = begun(*(entry(f"edge-{number}") for number in range(29)), entry(), limits=limits)
    assert tight.faster("edge", 5, START + 600) == 6
    full = begun(*(entry(f"edge-{number}") for number in range(39)), entry(), limits=limits)
    assert full.faster("edge", 5, START + 600) == 60


def test_room_that_one_has_taken_is_not_given_twice_and_is_given_back() -> None:
    limits = Limits(site_packets_per_second=2, attempts=3)
    schedule = begun(*(entry(f"edge-{number}") for number in range(20)), limits=limits)
    # 30 s of a minute are taken. Each 5 s costs 18 s and gives 1.5 back; the next has 13.5 and its own 1.5: ten turns.
    assert schedule.faster("edge-0", 5, START + 60) == 5
    assert schedule.faster("edge-1", 5, START + 600) == 6
    assert schedule.faster("edge-2", 5, START + 600) == 60
    turns(schedule, START, START + 70)
    assert schedule.faster("edge-2", 5, START + 600) == 5


def test_what_discovery_tells_of_a_poll_s_size_counts() -> None:
    limits = Limits(site_packets_per_second=2, attempts=3)
    schedule = begun(entry(), limits=limits)
    schedule.weigh("edge", 5)
    # Five datagrams with two retries at two a second: 7.5 s.
    assert schedule.faster("edge", 5, START + 600) == 10
    schedule.weigh("edge", 1)
    assert schedule.faster("edge", 5, START + 600) == 5


def test_the_overall_pace_bounds_it_too() -> None:
    limits = Limits(site_packets_per_second=1e6, packets_per_second=0.2)
    # Four fifths of 0.2 a second: 9.6 a minute.
    assert begun(entry(), limits=limits).faster("edge", 5, START + 600) == 10


def test_what_discovery_tells_counts_for_the_overall_pace_as_well() -> None:
    # Four fifths of 0.5 a second are 0.4: one request each 5 s, but not four each 5, 6 or 7.5 s.
    schedule = begun(entry(), limits=Limits(site_packets_per_second=1e6, packets_per_second=0.5))
    schedule.weigh("edge", 4)
    assert schedule.faster("edge", 5, START + 600) == 10
    schedule.weigh("edge", 1)
    assert schedule.faster("edge", 5, START + 600) == 5
    schedule.weigh("edge", 8)
    assert schedule.faster("edge", 5, START + 600) == 20


def test_it_is_granted_once_turns_have_begun() -> None:
    schedule = Schedule([entry()], ROOMY)
    assert schedule.faster("edge", 10, START + 600) == 60
    schedule.due(START)
    assert schedule.faster("edge", 10, START + 600) == 10


def test_a_device_that_is_not_polled_here_is_refused() -> None:
    with pytest.raises(KeyError):
        begun(entry()).faster("other", 10, START + 600)


def test_missed_sub_slots_are_counted_and_not_made_up_for() -> None:
    schedule = begun(entry())
    schedule.faster("edge", 10, START + 600)
    found = turns(schedule, START, START + 60) + turns(schedule, START + 150, START + 240)
    # Nine were missed; of the last, 9.8 s late, more than half of its slot has passed.
    assert (len(found), schedule.counts.skipped, schedule.counts.late) == (15, 9, 0)


def test_a_clock_that_is_set_back_goes_on_with_sub_slots() -> None:
    schedule = begun(entry())
    schedule.faster("edge", 10, START + 600)
    turns(schedule, START, START + 60)
    assert len(turns(schedule, START - 3600, START - 3540)) == 6


def test_a_sub_slot_that_is_late_by_less_than_its_half_is_started_and_counted() -> None:
    schedule = begun(entry())
    schedule.faster("edge", 10, START + 600)
    late = START + 30 + share_of_slot("edge") * 10 + 4
    found = turns(schedule, START, START + 30) + turns(schedule, late, START + 60)
    assert (len(found), schedule.counts.skipped, schedule.counts.late) == (6, 0, 1)


def test_what_was_missed_after_the_end_of_faster_polling_counts_by_the_ordinary_slots() -> None:
    schedule = begun(entry())
    schedule.faster("edge", 10, START + 60)
    assert len(turns(schedule, START, START + 30)) == 3
    # Three sub-slots, and then of five minutes' ordinary turns those that are more than 30 s late.
    found = turns(schedule, START + 360, START + 420)
    assert (len(found), schedule.counts.skipped) == (1, 3 + 5)
