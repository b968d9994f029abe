"""Whose turn it is: each device at its own moment of its slot, spaced at each site, never two at a time. Pure."""

from __future__ import annotations

import heapq
import math
from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count, groupby
from typing import NamedTuple

from collector.pacing import MOST_LATE, share_of_slot
from collector.snmp.ring import Ring, first_slot

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
CLOSE_LOOK_EVERY = 10
"""Seconds between two polls of a device that somebody looks at closely: a trap came, or a trouble is suspected."""
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


@dataclass(frozen=True, slots=True)
class _Faster:
    """Sub-slots of one device. The moments of their turns lie in [first, stop). Ordinary turns are left out only there,
    so that the pause before and after is no longer than an ordinary one."""

    every: int
    until: float
    serial: int
    first: float
    stop: float


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

    def every(self, key: str) -> int:
        """The ordinary interval of a device, in seconds. Raises KeyError for one that is not in the schedule."""
        return self._every[self._index[key]]

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
            self._start_waiting(now, room_from, found)
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

    def weigh(self, key: str, datagrams: int) -> None:
        """From now on a poll of this device takes so many requests: discovery has told. Raises KeyError."""
        i = self._index[key]
        faster = self._faster.get(i)
        every = faster.every if faster else self._every[i]
        width = self._limits.site_seconds(datagrams)
        self._site_load[self._site[i]] += (width - self._width[i]) / every
        self._load += (datagrams - self._datagrams[i]) / every
        self._datagrams[i], self._width[i] = datagrams, width

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
        share, slot = self._share[i], first_slot(self._now or 0.0, granted, self._share[i])
        stop = math.nextafter((first_slot(until, granted, share) - 1 + share) * granted, math.inf)
        if before is not None and granted == current:
            self._faster[i] = replace(before, until=until, stop=stop)
        else:
            self._faster[i] = _Faster(granted, until, next(self._serial), (slot + share) * granted, stop)
            self._push_sub_slot(i, slot)
        return granted

    def _make_rings(self) -> Iterator[Ring]:
        """Devices are numbered by interval and moment, so that those whose turns follow each other lie together."""
        first = 0
        for every, of_interval in groupby(self._every):
            behind = first + sum(1 for _ in of_interval)
            yield Ring(every, first, array("d", [share * every for share in self._share[first:behind]]))
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
        for i, faster in self._faster.items():
            slot = first_slot(now, faster.every, self._share[i])
            self._faster[i] = replace(faster, first=(slot + self._share[i]) * faster.every)
            self._push_sub_slot(i, slot)

    def _start_ring(self, ring: Ring, now: float, room_from: float, found: list[Due]) -> None:
        every, offsets = ring.every, ring.offsets
        too_late = now - MOST_LATE * every
        if ring.moment < too_late:
            self.counts.skipped -= self._replaced(ring, ring.moment, too_late)
            self.counts.skipped += ring.leave_out(too_late)
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

    def _start_punctual(self, ring: Ring, at: int, behind: int, now: float, room_from: float, found: list[Due]) -> None:
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
        return faster is not None and faster.first <= moment < faster.stop

    def _take(self, turn: _Turn, now: float, room_from: float, found: list[Due]) -> None:
        """Start a turn, or let it wait until its site has room."""
        i, moment, _, every = turn
        if now - moment > MOST_LATE * every:
            self.counts.skipped += 1
            return
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

    def _start_waiting(self, now: float, room_from: float, found: list[Due]) -> None:
        """Start the turns whose site has room now; it was reserved when they began to wait. Those that we come to late
        look for room again, so that they do not come in a heap."""
        while self._waiting and self._waiting[0][0] <= now:
            planned, _, turn, was_late = heapq.heappop(self._waiting)
            if now - planned > LONGEST_STEP:
                self._take(turn, now, room_from, found)
            elif self._busy[turn[0]]:
                self.counts.overlapped += 1
            else:
                self._start(turn, found, is_late=was_late)

    def _catch_up(self, now: float, elapsed: float, room_from: float, found: list[Due]) -> None:
        """Start turns that our own lag held up, oldest first, but no burst of them."""
        rate = max(SLOWEST_CATCH_UP, CATCH_UP * self._turns_per_second)
        self._credit += rate * min(elapsed, ON_TIME * self._shortest)
        while self._overdue and self._credit >= 1:
            if now - self._overdue[0][1] <= MOST_LATE * self._overdue[0][3]:
                self._credit -= 1
            self._take(self._overdue.popleft(), now, room_from, found)
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
            # A turn that is too late is left out, and with it all before it.
            end = first_slot(faster.until, faster.every, self._share[i])
            first = min(end, max(slot, first_slot(now - MOST_LATE * faster.every, faster.every, self._share[i])))
            self.counts.skipped += first - slot
            moment = (first + self._share[i]) * faster.every
            if first < end and moment <= now:
                self._take((i, moment, first * faster.every, faster.every), now, room_from, found)
                first += 1
            self._push_sub_slot(i, first)

    def _push_sub_slot(self, i: int, slot: int) -> None:
        faster = self._faster[i]
        heapq.heappush(self._sub_slots, ((slot + self._share[i]) * faster.every, faster.serial, i, slot))

    def _replaced(self, ring: Ring, begin: float, end: float) -> int:
        """How many ordinary turns of a ring in [begin, end) faster polling stood in the place of."""
        behind = ring.first + len(ring.offsets)
        return sum(
            max(
                0,
                first_slot(min(end, faster.stop), ring.every, self._share[i])
                - first_slot(max(begin, faster.first), ring.every, self._share[i]),
            )
            for i, faster in self._faster.items()
            if ring.first <= i < behind
        )

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
