"""Whenever somebody looks, and however long polls take: every turn is started or counted, and no site is flooded."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from collector.pacing import share_of_slot
from collector.snmp.schedule import Entry, Limits, Schedule

START = 1_772_562_600.0

ENTRIES = st.lists(
    st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from([30, 60, 120, 300]), st.integers(1, 4)),
    min_size=1,
    max_size=30,
).map(
    lambda drawn: [
        Entry(key=f"edge-{number}", site=site, every=every, datagrams=datagrams, octets=1)
        for number, (site, every, datagrams) in enumerate(drawn)
    ]
)
LIMITS = st.builds(Limits, site_packets_per_second=st.floats(0.1, 100), attempts=st.integers(1, 4))
LOOKS = st.lists(st.sampled_from([0.01, 0.05, 0.3, 1.0, 7.0, 20.0, 45.0, 100.0, 1000.0]), min_size=1, max_size=60)


def turns_between(entry: Entry, begin: float, end: float) -> int:
    """How many moments of a device lie in [begin, end]."""
    share = share_of_slot(entry.key)
    return math.floor(end / entry.every - share) - math.ceil(begin / entry.every - share) + 1


@given(entries=ENTRIES, limits=LIMITS, looks=LOOKS, took=st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_every_turn_is_started_or_counted_and_a_device_never_has_two_at_a_time(
    entries: list[Entry], limits: Limits, looks: list[float], took: list[int]
) -> None:
    """`took` is for how many looks a poll goes on."""
    schedule = Schedule(entries, limits)
    schedule.due(START)
    now, busy = START, dict[str, int]()
    slots: dict[str, list[int]] = defaultdict(list)
    for look, pause in enumerate(looks):
        now += pause
        for key in [key for key, until in busy.items() if until <= look]:
            del busy[key]
            schedule.finished(key)
        for due in schedule.due(now):
            assert due.key not in busy
            assert due.slot_ms % (due.every * 1000) == 0
            busy[due.key] = look + took[look % len(took)]
            slots[due.key].append(due.slot_ms)
    for of_device in slots.values():
        assert of_device == sorted(set(of_device))
    expected = sum(turns_between(entry, START, now) for entry in entries)
    counts = schedule.counts
    assert counts.started == sum(map(len, slots.values()))
    waiting = expected - counts.started - counts.skipped - counts.overlapped
    assert 0 <= waiting <= len(entries) * 2
    # Nothing that waits is forgotten: hours later it was started or counted.
    for key in busy:
        schedule.finished(key)
    for look in range(300):
        for due in schedule.due(now + 7200 + look):
            schedule.finished(due.key)
    end = now + 7200 + 299
    waiting = sum(turns_between(entry, START, end) for entry in entries)
    waiting -= counts.started + counts.skipped + counts.overlapped
    assert 0 <= waiting <= sum(turns_between(entry, end - entry.every / 2, end) for entry in entries)


@given(entries=ENTRIES, limits=LIMITS, steps=st.lists(st.sampled_from([0.02, 0.05, 0.5, 15.0]), min_size=1, max_size=9))
def test_over_any_time_a_site_is_sent_no_more_than_its_share_and_one_poll(
    entries: list[Entry], limits: Limits, steps: list[float]
) -> None:
    """Counting with each turn all the retries that it may need."""
    schedule = Schedule(entries, limits)
    by_key = {entry.key: entry for entry in entries}
    sent: dict[str, list[tuple[float, float]]] = defaultdict(list)
    now = START
    for look in range(400):
        now += steps[look % len(steps)]
        for due in schedule.due(now):
            schedule.finished(due.key)
            entry = by_key[due.key]
            sent[entry.site].append((now, entry.datagrams * limits.attempts))
    rate = limits.site_packets_per_second
    for site, turns in sent.items():
        largest = max(entry.datagrams for entry in entries if entry.site == site) * limits.attempts
        # A bucket that holds a tenth of a second and fills at the site's rate must never have to give more than it has
        # and one poll.
        level, before = rate * 0.1, turns[0][0]
        for moment, requests in turns:
            level = min(rate * 0.1, level + rate * (moment - before)) - requests
            before = moment
            assert level >= -largest - 1e-6


@given(
    every=st.sampled_from([60, 120, 300]),
    asks=st.lists(st.tuples(st.integers(1, 30), st.floats(0, 400), st.floats(1, 300)), max_size=6),
)
def test_however_faster_polling_is_asked_for_slots_never_repeat_and_the_ordinary_pause_is_never_exceeded(
    every: int, asks: list[tuple[int, float, float]]
) -> None:
    """As long as nobody ends it before its time."""
    schedule = Schedule([Entry(key="edge", site="s", every=every, datagrams=1, octets=1)], Limits())
    moments, slots = [START], Counter[tuple[int, int]]()
    now = until = START
    schedule.due(now)
    for wished, lasts, pause in [*asks, (30, 0.0, 4.0 * every)]:
        until = max(until, now + lasts)
        granted = schedule.faster("edge", wished, until)
        assert every % granted == 0
        assert granted == every or granted >= max(5, wished)
        end = now + pause
        while now < end:
            now += 0.5
            for due in schedule.due(now):
                schedule.finished(due.key)
                moments.append(now)
                slots[due.slot_ms, due.every] += 1
    assert max(slots.values()) == 1
    assert max(later - earlier for earlier, later in pairwise(moments)) <= every + 0.6
    assert schedule.counts.skipped == schedule.counts.overlapped == 0
