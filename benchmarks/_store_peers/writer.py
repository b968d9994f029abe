"""The writer alone in a fresh process, as `lineproof serve` starts its collector, so that its memory and its processor
time are nobody else's.

writer.py minutes FOLDER LINKS MINUTES     appends as the collector does, with upkeep each five minutes
writer.py upkeep FOLDER NOW_MS             one run of upkeep on a store as it was left
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from service.weight import stay_small  # noqa: E402

if __name__ == "__main__":
    stay_small()

import structlog  # noqa: E402
from _store_peers import fleet  # noqa: E402

from collector.settings import StoreSettings  # noqa: E402
from collector.store.opening import open_store  # noqa: E402
from collector.store.port import MeasurementStore  # noqa: E402
from config.clock import from_epoch_ms  # noqa: E402

APPENDS_A_MINUTE = 240
"""One entry each quarter of a second, as the collector's group commit makes them."""
UPKEEP_EVERY = 5
"""Minutes between two runs of upkeep in the collector."""
MINUTE_MS = 60_000


def opened(folder: Path) -> MeasurementStore:
    return open_store(StoreSettings(folder=Path("store")), folder)[1]


def peak_megabytes() -> float:
    """The most memory that this process ever had; unlike getrusage's figure, without that of who started it."""
    (kilobytes,) = re.findall(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(kilobytes) / 1000


async def settled(store: MeasurementStore, now_ms: int) -> None:
    """Upkeep until nothing is left to do."""
    for _ in range(50):
        if not (await store.maintain(from_epoch_ms(now_ms))).parts_written:
            return


class Meter:
    """Processor seconds, of all threads, of what it is given to do."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    async def of(self, what: str, work: Awaitable[object]) -> None:
        before = time.process_time()
        await work
        self.seconds[what] = self.seconds.get(what, 0.0) + time.process_time() - before


async def minutes(folder: Path, count: int, length: int) -> dict[str, Any]:
    """Appends of so many links' samples through the minutes before midnight, then the day is closed."""
    store, meter = opened(folder), Meter()
    links = fleet.link_names(count)
    midnight = fleet.START_MS + fleet.DAY_MS
    rows = 0
    for minute in range(length):
        at = midnight + (minute - length) * MINUTE_MS
        table = fleet.samples(links, at, 1, minute)
        rows += len(table)
        for batch in [piece.batch() for piece in table.pieces(-(-count // APPENDS_A_MINUTE))]:
            await meter.of("append", store.write(batch))
        if minute % UPKEEP_EVERY == UPKEEP_EVERY - 1:
            await meter.of("upkeep", store.maintain(from_epoch_ms(at + MINUTE_MS)))
    peak = peak_megabytes()
    await store.close()
    return {"rows": rows, "peak_megabytes": peak, **meter.seconds}


async def upkeep(folder: Path, now_ms: int) -> dict[str, Any]:
    store, meter = opened(folder), Meter()
    began = time.perf_counter()
    await meter.of("upkeep", settled(store, now_ms))
    took = time.perf_counter() - began
    await store.close()
    return {"seconds": took, "peak_megabytes": peak_megabytes(), **meter.seconds}


async def in_fresh_process(*arguments: object) -> dict[str, Any]:
    """This file run by an interpreter of its own; what it measured."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, __file__, *map(str, arguments), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"the writer's process ended with {process.returncode}")
    found: dict[str, Any] = json.loads(said)
    return found


def main() -> None:
    what, folder, *numbers = sys.argv[1:]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    if what == "minutes":
        found = asyncio.run(minutes(Path(folder), int(numbers[0]), int(numbers[1])))
    else:
        found = asyncio.run(upkeep(Path(folder), int(numbers[0])))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
