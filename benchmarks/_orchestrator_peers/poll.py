"""One fresh process that polls one VCO as the collector does, and prints what that cost. Started by orchestrator.py."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import pickle
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

from collector.garbage import set_apart
from collector.journal import Journal
from collector.journal_sink import Admission, JournalSink
from collector.metrics import ORCHESTRATOR_CALLS
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.adapter import VeloCloud
from collector.orchestrator.watch import OrchestratorWatch
from collector.orchestrator.windows import floor_to
from collector.settings import OrchestratorSettings
from collector.store.embedded import EmbeddedStore
from config.clock import ManualClock, SystemClock
from inventory.model import Inventory

BLINK = 0.001
MINUTES = 60


class Lab:
    """A collector's parts around one orchestrator, on a clock that we move."""

    def __init__(self, url: str, name: str, inventory: Inventory, folder: Path, back: timedelta) -> None:
        """`back`: how long ago our clock begins."""
        self.settings = OrchestratorSettings.model_validate({"url": url, "token": "simulated-token", "timeout": 600})
        self.clock = ManualClock(SystemClock().now() - back)
        self.journal = Journal(folder / "journal.sqlite")
        self.sink = JournalSink(self.journal, Admission(inventory.links, 95, self.clock))
        self.store = EmbeddedStore(self.journal, folder, 95)
        self.vco = VeloCloud(name, self.settings, inventory, self.clock, Quota(1_000_000))
        self.watch = OrchestratorWatch(self.vco, self.settings, inventory, self.clock, self.sink, self.store)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        committing = asyncio.create_task(self.sink.run())
        try:
            yield
        finally:
            committing.cancel()
            await asyncio.gather(committing, return_exceptions=True)
            await self.vco.close()
            await self.store.close()

    def later(self, **span: float) -> None:
        self.clock.move_to(self.clock.now() + timedelta(**span))

    async def statistics(self) -> None:
        """One closed window that the host has whole, into the journal."""
        start = floor_to(SystemClock().now() - timedelta(minutes=30), timedelta(minutes=5))
        await self.sink.samples(await self.vco.statistics(start, start + timedelta(minutes=5)))


async def longest_held(work: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds for which the event loop did nothing else, at the longest, while `work` ran.

    What other processes took in between is left out: it counts for no more than this process computed then.
    """
    longest = 0.0

    async def blinking() -> None:
        nonlocal longest
        while True:
            before, computed = time.perf_counter(), time.process_time()
            await asyncio.sleep(BLINK)
            held = time.perf_counter() - before - BLINK
            longest = max(longest, min(held, time.process_time() - computed))

    eye = asyncio.create_task(blinking())
    await asyncio.sleep(2 * BLINK)
    await work()
    eye.cancel()
    return 1000 * longest


def peak_mb() -> float:
    """The greatest resident size since `forget_peak`, in MB (Linux)."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


async def cost(polls: int, work: Callable[[], Awaitable[object]], before: Callable[[], None]) -> dict[str, float]:
    """CPU seconds of this process, how long the loop was held (medians of `polls`), and the peak of all."""
    cpu, held = [], []
    forget_peak()
    for _ in range(polls):
        before()
        began = time.process_time()
        held.append(await longest_held(work))
        cpu.append(time.process_time() - began)
    return {"cpu_s": statistics.median(cpu), "held_ms": statistics.median(held), "peak_mb": peak_mb()}


def calls_made() -> float:
    return sum(
        sample.value
        for metric in ORCHESTRATOR_CALLS.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    )


async def an_hour(lab: Lab) -> float:
    """The most calls in any minute of an hour of states, statistics, events and gateways at their usual pace."""
    most = 0.0
    for minute in range(MINUTES):
        before = calls_made()
        await lab.watch.read_states()
        if minute % 10 == 0:
            await lab.watch.read_statistics()
        if minute % 5 == 0:
            await lab.vco.events(lab.clock.now() - timedelta(minutes=65), lab.clock.now())
            await lab.vco.own_parts()
        # The first minute also finds out what this account may call.
        most = max(most, calls_made() - before) if minute else most
        lab.later(minutes=1)
    return most


async def run(options: argparse.Namespace, inventory: Inventory) -> dict[str, object]:
    back = timedelta(hours=2) if options.hour else timedelta(0)
    lab = Lab(options.url, options.name, inventory, Path(options.folder), back)
    async with lab.open():
        if options.hour:
            return {"calls": await an_hour(lab)}
        await lab.vco.states()
        # As the collector does when it has started.
        set_apart()
        started = peak_mb()
        full = await cost(options.polls, lab.watch.read_states, lambda: lab.later(minutes=5))
        facts = sum(len(entry.facts) for entry in lab.journal.read(lab.journal.position() - 1))
        steady = await cost(options.polls, lab.watch.read_states, lambda: lab.later(seconds=20))
        figures = await cost(options.polls, lab.statistics, lambda: None)
        samples = sum(len(batch) for entry in lab.journal.read(lab.journal.position() - 1) for batch in entry.batches)
        return {
            "started_mb": started, "full": full, "steady": steady, "statistics": figures, "facts": facts,
            "samples": samples,
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("url", "name", "inventory", "folder"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--polls", type=int, default=5)
    parser.add_argument("--hour", action="store_true")
    options = parser.parse_args()
    inventory = pickle.loads(Path(options.inventory).read_bytes())
    print(json.dumps(asyncio.run(run(options, inventory))))


if __name__ == "__main__":
    main()
