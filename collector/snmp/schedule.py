"""Whose turn it is: each device at its own moment of its slot, spaced at each site, never two at a time. Pure."""

from __future__ import annotations

import heapq
import math
from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, groupby
from typing import NamedTuple

from collector.pacing import MOST_LATE, share_of_slot

ON_TIME = 1 / 12
"""A turn that is started within this share of its slot (5 s of a minute) after its moment is punctual."""
CATCH_UP = 2.0
"""Turns that our own lag held up are worked off at this many times the ordinary rate, beside the ordinary ones."""
SLOWEST_CATCH_UP = 10.0
"""Turns a second, however small the fleet."""
LONGEST_STEP = 0.1
"""Seconds of a site's room that went by unused, but may still be used when we come late."""
CATCH_UP_PAUSE = 0.05
FIRST_ATTEMPTS = 0.8
"""A plan uses up to this share of what may be sent; the rest is for retries and for finding interfaces again."""
SHORTEST_EVERY = 5
"""Agents refresh their counters every few seconds; polling faster than this shows the same values again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A device to be polled each `every` seconds: `datagrams` requests, `octets` in both directions with IP headers."""

    key: str
    site: str
    every: int
    datagrams: int
    octets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many requests may be sent in a second; `attempts` is how often each may be: once, and every retry."""

    packets_per_second: float = 20_000
    site_packets_per_second: float = 10
    attempts: int = 3

    def site_seconds(self, datagrams: int) -> float:
        """How long a site's uplink is taken by a poll of so many requests, retries included."""
        return datagrams * self.attempts / self.site_packets_per_second


class Due(NamedTuple):
    """A turn: poll the device now, for the slot that starts at `slot_ms` and is `every` seconds long."""

    key: str
    slot_ms: int
    every: int
    extra: bool = False
    """One beyond the ordinary turns, that somebody asked for."""


@dataclass(slots=True)
class ScheduleCounts:
    """Turns since the start."""

    started: int = 0
    late: int = 0
    """Started, but later than punctual, because of our own lag."""
    skipped: int = 0
    """Not started: more than half a slot had passed since their moment."""
    overlapped: int = 0
    """Not started: the device's turn before was still going on."""
    set_back: int = 0
    """How often the clock went back by more than a slot; turns were aligned anew."""


@dataclass(slots=True, eq=False)
class _Ring:
    """The devices of one interval, from number `first` on, by their moment in it.

    `moment` is the next turn's, the `at`-th of slot `slot`.
    """

    every: int
    first: int
    offsets: array[float]
    slot: int = 0
    at: int = 0
    moment: float = math.inf

    def align(self, now: float) -> None:
        """Let the first moment from `now` on be the next."""
        self.slot = int(now // self.every)
        self.go_to(bisect_left(self.offsets, now - self.slot * self.every))

    def go_to(self, at: int) -> None:
        """Let the `at`-th moment of this slot be the next; behind the last comes the first of the next slot."""
        self.slot, self.at = (self.slot, at) if at < len(self.offsets) else (self.slot + 1, 0)
        self.moment = self.slot * self.every + self.offsets[self.at]

    def leave_out(self, until: float) -> int:
        """Pass over every turn before `until`; returns how many."""
        before = self.slot * len(self.offsets) + self.at
        self.align(until)
        return self.slot * len(self.offsets) + self.at - before


@dataclass(frozen=True, slots=True)
class _Faster:
    every: int
    until: float
    serial: int


_Turn = tuple[int, float, int, int]
"""Device, moment, start of the slot in seconds, its length."""


class Schedule:
    """Hands out turns. Slots are aligned to 1970; a device's moment in its slot depends on nothing but its key.

    To each site, over any W seconds, at most `site_packets_per_second` x (W + 0.1) requests are sent, and those of one
    poll more: the next turn waits until the one before, with all its retries, has had its room. `now` is epoch
    seconds. Turns that are already past at the first call are left to the next slot, so that none comes in a heap.
    """

    def __init__(self, entries: Sequence[Entry], limits: Limits) -> None:
        """Raises ValueError when two entries have one key."""
        self.counts = ScheduleCounts()
        self._limits = limits
        entries = sorted(entries, key=lambda entry: (entry.every, share_of_slot(entry.key), entry.key))
        self._keys = [entry.key for entry in entries]
        self._index = {key: i for i, key in enumerate(self._keys)}
        if len(self._index) != len(self._keys):
            raise ValueError("two entries of the schedule have one key")
        self._every = array("q", [entry.every for entry in entries])
        self._shortest = min(self._every, default=0)
        self._share = array("d", [share_of_slot(entry.key) for entry in entries])
        self._datagrams = array("d", [entry.datagrams for entry in entries])
        self._width = array("d", [limits.site_seconds(entry.datagrams) for entry in entries])
        sites = {site: number for number, site in enumerate(dict.fromkeys(entry.site for entry in entries))}
        self._site = array("q", [sites[entry.site] for entry in entries])
        self._free = [0.0] * len(sites)
        self._busy = bytearray(len(entries))
        self._rings = list(self._make_rings())
        self._turns_per_second = sum(1 / every for every in self._every)
        self._site_load = [0.0] * len(sites)
        for site, width, every in zip(self._site, self._width, self._every, strict=True):
            self._site_load[site] += width / every
        self._load = sum(datagrams / every for datagrams, every in zip(self._datagrams, self._every, strict=True))
        self._overdue: deque[_Turn] = deque()
        self._credit = 0.0
        self._serial = count()
        self._waiting: list[tuple[float, int, _Turn, bool]] = []
        self._faster: dict[int, _Faster] = {}
        self._sub_slots: list[tuple[float, int, int, int]] = []
        self._now: float | None = None

    def __contains__(self, key: str) -> bool:
        return key in self._index

    def due(self, now: float) -> list[Due]:
        """All turns to start now. Each of their devices is busy until `finished`."""
        if self._now is None or now < self._now - self._shortest:
            self._begin(now)
        elapsed = max(0.0, now - self._now) if self._now is not None else 0.0
        self._now = now
        had_overdue = bool(self._overdue)
        room_from = now - min(elapsed, LONGEST_STEP)
        found: list[Due] = []
        if self._sub_slots:
            self._start_faster(now, room_from, found)
        if self._waiting:
            self._start_waiting(now, found)
        for ring in self._rings:
            if ring.moment <= now:
                self._start_ring(ring, now, room_from, found)
        if had_overdue:
            self._catch_up(now, elapsed, room_from, found)
        self.counts.started += len(found)
        return found

    def next_moment(self, now: float) -> float:
        """When `due` should be called next at the latest; infinite when there is nobody to poll."""
        moments = [ring.moment for ring in self._rings] if self._now is not None else [now]
        moments += [queue[0][0] for queue in (self._sub_slots, self._waiting) if queue]
        if self._overdue:
            moments.append(now + CATCH_UP_PAUSE)
        return min(moments, default=math.inf) if self._keys else math.inf

    def finished(self, key: str) -> None:
        """The device's turn has ended. Raises KeyError for one that is not in the schedule."""
        self._busy[self._index[key]] = 0

    def faster(self, key: str, every: int, until: float) -> int:
        """Poll a device more often until the epoch second `until`; then it has its ordinary turns again.

        Returns the interval granted in seconds: the shortest that divides the ordinary one, is at least `every` and
        5 s, and for which its site's uplink has room; the ordinary one when there is none. Raises KeyError for a
        device that is not in the schedule.
        """
        i = self._index[key]
        ordinary, before = self._every[i], self._faster.pop(i, None)
        current = before.every if before else ordinary
        granted = ordinary
        if self._now is not None and until > self._now:
            wanted = [each for each in _divisors(ordinary) if each >= max(every, SHORTEST_EVERY)]
            granted = next((each for each in wanted if self._has_room(i, current, each)), ordinary)
        self._change_load(i, current, granted)
        if granted == ordinary:
            return ordinary
        if before is not None and granted == current:
            self._faster[i] = _Faster(granted, until, before.serial)
        else:
            self._faster[i] = _Faster(granted, until, next(self._serial))
            self._push_sub_slot(i, self._now or 0.0)
        return granted

    def _make_rings(self) -> Iterator[_Ring]:
        """Devices are numbered by interval and moment, so that those whose turns follow each other lie together."""
        first = 0
        for every, of_interval in groupby(self._every):
            behind = first + sum(1 for _ in of_interval)
            yield _Ring(every, first, array("d", [share * every for share in self._share[first:behind]]))
            first = behind

    def _begin(self, now: float) -> None:
        """Align everything to `now`, at the start and after the clock was set back."""
        if self._now is not None:
            self.counts.set_back += 1
            self.counts.skipped += len(self._overdue) + len(self._waiting)
        for ring in self._rings:
            ring.align(now)
        self._overdue.clear()
        self._waiting.clear()
        self._free = [0.0] * len(self._free)
        self._sub_slots.clear()
        for i in self._faster:
            self._push_sub_slot(i, now)

    def _start_ring(self, ring: _Ring, now: float, room_from: float, found: list[Due]) -> None:
        every, offsets = ring.every, ring.offsets
        if ring.moment < now - MOST_LATE * every:
            self.counts.skipped += ring.leave_out(now - MOST_LATE * every)
        while ring.moment <= now:
            start, at = ring.slot * every, ring.at
            held_up = bisect_left(offsets, now - ON_TIME * every - start, at)
            # At least one is due; the difference may be rounded to just before its offset.
            behind = max(at + 1, bisect_right(offsets, now - start, held_up))
            for i in range(at, held_up):
                if not self._has_sub_slots(ring.first + i, start + offsets[i]):
                    self._overdue.append((ring.first + i, start + offsets[i], start, every))
            self._start_punctual(ring, held_up, behind, now, room_from, found)
            ring.go_to(behind)

    def _start_punctual(
        self, ring: _Ring, at: int, behind: int, now: float, room_from: float, found: list[Due]
    ) -> None:
        """The turns at..behind of this slot. Written out, because every turn of every device comes by here."""
        first, every, start = ring.first + at, ring.every, ring.slot * ring.every
        last = ring.first + behind
        start_ms, busy, free, faster = start * 1000, self._busy, self._free, self._faster
        columns = range(first, last), self._keys[first:last], self._site[first:last], self._width[first:last]
        for i, key, site, width in zip(*columns, strict=True):
            room = free[site]
            if room > now or busy[i] or i in faster:
                moment = start + ring.offsets[i - ring.first]
                if not self._has_sub_slots(i, moment):
                    self._take((i, moment, start, every), now, room_from, found)
                continue
            if room < room_from:
                room = room_from
            free[site] = room + width
            busy[i] = 1
            found.append(Due(key, start_ms, every))

    def _has_sub_slots(self, i: int, moment: float) -> bool:
        """Whether faster polling stands in the place of the ordinary turn at this moment."""
        faster = self._faster.get(i)
        return faster is not None and moment < faster.until

    def _take(self, turn: _Turn, now: float, room_from: float, found: list[Due]) -> None:
        """Start a turn, or let it wait until its site has room."""
        i, moment, _, every = turn
        if self._busy[i]:
            self.counts.overlapped += 1
            return
        is_late = now - moment > ON_TIME * every
        site = self._site[i]
        free = self._free[site]
        if free <= now:
            self._free[site] = max(free, room_from) + self._width[i]
            self._start(turn, found, is_late=is_late)
        elif free - moment > MOST_LATE * every:
            self.counts.skipped += 1
        else:
            self._free[site] = free + self._width[i]
            heapq.heappush(self._waiting, (free, next(self._serial), turn, is_late))

    def _start(self, turn: _Turn, found: list[Due], *, is_late: bool) -> None:
        i, _, start, every = turn
        self._busy[i] = 1
        self.counts.late += is_late
        found.append(Due(self._keys[i], start * 1000, every, start % self._every[i] != 0))

    def _start_waiting(self, now: float, found: list[Due]) -> None:
        """Start the turns whose site has room now; it was reserved when they began to wait."""
        while self._waiting and self._waiting[0][0] <= now:
            planned, _, turn, was_late = heapq.heappop(self._waiting)
            i, every = turn[0], turn[3]
            if now - planned > MOST_LATE * every:
                self.counts.skipped += 1
            elif self._busy[i]:
                self.counts.overlapped += 1
            else:
                self._start(turn, found, is_late=was_late or now - planned > ON_TIME * every)

    def _catch_up(self, now: float, elapsed: float, room_from: float, found: list[Due]) -> None:
        """Start turns that our own lag held up, oldest first, but no burst of them."""
        rate = max(SLOWEST_CATCH_UP, CATCH_UP * self._turns_per_second)
        self._credit += rate * min(elapsed, ON_TIME * self._shortest)
        while self._overdue and self._credit >= 1:
            turn = self._overdue.popleft()
            if now - turn[1] > MOST_LATE * turn[3]:
                self.counts.skipped += 1
            else:
                self._credit -= 1
                self._take(turn, now, room_from, found)
        if not self._overdue:
            self._credit = 0.0

    def _start_faster(self, now: float, room_from: float, found: list[Due]) -> None:
        while self._sub_slots and self._sub_slots[0][0] <= now:
            moment, serial, i, slot = heapq.heappop(self._sub_slots)
            faster = self._faster.get(i)
            if faster is None or faster.serial != serial:
                continue
            if moment >= faster.until:
                self._change_load(i, faster.every, self._every[i])
                del self._faster[i]
                continue
            missed = int((now - moment) // faster.every)
            self.counts.skipped += missed
            slot += missed
            moment = (slot + self._share[i]) * faster.every
            if moment < faster.until:
                self._take((i, moment, slot * faster.every, faster.every), now, room_from, found)
            self._push_sub_slot(i, moment)

    def _push_sub_slot(self, i: int, now: float) -> None:
        """Put the device's first sub-slot after `now` in its place."""
        faster = self._faster[i]
        slot = math.floor(now / faster.every - self._share[i]) + 1
        heapq.heappush(self._sub_slots, ((slot + self._share[i]) * faster.every, faster.serial, i, slot))

    def _has_room(self, i: int, before: int, every: int) -> bool:
        more = 1 / every - 1 / before
        of_site = self._site_load[self._site[i]] + more * self._width[i]
        of_all = self._load + more * self._datagrams[i]
        return of_site <= 1 and of_all <= FIRST_ATTEMPTS * self._limits.packets_per_second

    def _change_load(self, i: int, before: int, every: int) -> None:
        more = 1 / every - 1 / before
        self._site_load[self._site[i]] += more * self._width[i]
        self._load += more * self._datagrams[i]


@lru_cache
def _divisors(number: int) -> tuple[int, ...]:
    """The numbers below this one that divide it, ascending."""
    return tuple(divisor for divisor in range(1, number // 2 + 1) if number % divisor == 0)
