"""What every measured client does alike: its arguments, CPU of its own process, values checked, one line of JSON out.

CPU is user + system of this process over successful polls. Values are kept while polling and checked now and then; the
CPU that checking takes is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

CHECK_AFTER = 2048
SNMPD_CONSTANTS = (0, 1, 2, 3, 4)
"""Which of the objects asked of snmpd do not move; all others only grow."""


def arguments(**more: float | str) -> argparse.Namespace:
    """The common ones; `more` are further options with their defaults."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what")
    parser.add_argument("--port", type=int, required=True)
    for name, default in ({"devices": 1000, "polls": 1000, "in_flight": 256, "seconds": 0.0} | more).items():
        parser.add_argument("--" + name.replace("_", "-"), type=type(default), default=default)
    return parser.parse_args()


def own_cpu() -> tuple[float, float]:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime, used.ru_stime


def resident_kib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class Meter:
    """Between `begin` and `report`. `is_wrong` takes what `took` was given: a device and its values; `cpu` gives
    seconds in user and system mode, where it is not this process that is measured."""

    def __init__(
        self, is_wrong: Callable[[Any, Any], bool], cpu: Callable[[], tuple[float, float]] | None = None
    ) -> None:
        self.polls = self.failed = self.wrong = 0
        self._is_wrong = is_wrong
        self._cpu, self._is_own = cpu or own_cpu, cpu is None
        self._kept: list[tuple[object, Any]] = []
        self._checking = self._begun = self._user = self._system = 0.0

    def begin(self) -> None:
        self._check()
        self.polls = self.failed = 0
        self._checking = 0.0
        self._user, self._system = self._cpu()
        self._begun = time.perf_counter()

    def took(self, device: object, values: object) -> None:
        self.polls += 1
        self._kept.append((device, values))
        if len(self._kept) >= CHECK_AFTER:
            self._check()

    def _check(self) -> None:
        begun = time.process_time()
        for device, values in self._kept:
            if self._is_wrong(device, values):
                if not self.wrong:
                    print(f"{device} answered {values!r}", file=sys.stderr)
                self.wrong += 1
        self._kept.clear()
        self._checking += time.process_time() - begun

    def report(self, **more: object) -> None:
        user, system = self._cpu()
        wall, polls = time.perf_counter() - self._begun, max(1, self.polls)
        user, system = user - self._user - (self._checking if self._is_own else 0.0), system - self._system
        self._check()
        figures = {
            "polls": self.polls, "failed": self.failed, "wrong": self.wrong, "cpu_us": (user + system) / polls * 1e6,
            "user_us": user / polls * 1e6, "system_us": system / polls * 1e6, "wall_seconds": wall,
        }  # fmt: skip
        printed(figures | more)


async def polled(meter: Meter, how: argparse.Namespace, poll: Callable[[int], Awaitable[Any]]) -> None:
    """Poll the devices in turn, `in_flight` at a time, after a warm-up of a tenth. None is a poll that failed."""
    for count in (how.polls // 10, how.polls):
        turns = iter(range(count))
        meter.begin()
        await asyncio.gather(*(_worker(meter, how.devices, turns, poll) for _ in range(min(how.in_flight, count))))


async def _worker(meter: Meter, devices: int, turns: Iterator[int], poll: Callable[[int], Awaitable[Any]]) -> None:
    for turn in turns:
        number = turn % devices
        values = await poll(number)
        if values is None:
            meter.failed += 1
        else:
            meter.took(number, values)


async def polled_for(
    meter: Meter, how: argparse.Namespace, numbers: list[int], poll: Callable[[int], Awaitable[Any]]
) -> None:
    """Each device is asked again as soon as it answered or failed, for so many seconds."""
    ends = time.perf_counter() + how.seconds

    async def one(number: int) -> None:
        while time.perf_counter() < ends:
            values = await poll(number)
            if values is None:
                meter.failed += 1
            else:
                meter.took(number, values)

    meter.begin()
    await asyncio.wait([asyncio.ensure_future(one(number)) for number in numbers], timeout=how.seconds)


def snmpd_check(reference: str) -> Callable[[int, list[int]], bool]:
    """For answers of snmpd to what `reference` (numbers joined by commas) holds as they were just before."""
    before = [int(value) for value in reference.split(",")]

    def is_wrong(number: int, values: list[int]) -> bool:
        del number
        same = all(values[place] == before[place] for place in SNMPD_CONSTANTS)
        return not same or len(values) != len(before) or any(a > b for a, b in zip(before, values, strict=True))

    return is_wrong


def printed(figures: dict[str, Any]) -> None:
    print(json.dumps(figures), flush=True)
