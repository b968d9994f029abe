"""A minute's sweep of a fleet: over the hot window in memory, beside reading an hour of every line from the store.

    benchmarks/sweep.py [--quick] [--json]

Each line is seen by a probe and by SNMP each minute. The peer is how it was done before: an hour of 500 lines at a time
is read from the embedded store (all in the journal's decoded tail, its best case) and looked at by the same rules. Both
take turns; the median counts, in CPU time of this process, as both compute and machines are shared. What a sweep names
is judged besides, on both ways alike.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from collector.journal import Journal
from collector.model import Cadence, SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from collector.store.hot import HotWindow
from collector.store.hot_follower import rows_of_series
from collector.store.rows import rows_of
from config.clock import epoch_ms
from inventory.model import Access, Client, Inventory, Link, Site
from triage.judging import Judging
from triage.policy_files import load_policy
from triage.sweep import FIELDS, fleet_of, hot_minutes, nominated
from triage.sweeping import Sweep

NOW = datetime(2026, 3, 3, 18, 30, tzinfo=UTC)
HOUR = timedelta(minutes=60)
LINES_AT_ONCE = 500
CADENCES = {source: Cadence(every=60, late=60) for source in (Source.PROBE, Source.SNMP)}


def inventory_of(lines: int) -> Inventory:
    return Inventory.of(
        [Client(id="acme", name="Acme")],
        [Site(id=f"store-{n}", client="acme") for n in range(lines)],
        [],
        [
            Link(id=f"line-{n:06d}", site=f"store-{n}", access=Access.DIA, committed_down_bps=1e8, committed_up_bps=2e7)
            for n in range(lines)
        ],
        [],
    )


def minute_of(names: list[str], minute: int) -> list[SampleBatch]:
    """What probe and SNMP say of every line in one minute, so many after NOW: noise as lines have it, and in each
    hundredth line something wrong."""
    random = np.random.default_rng(minute + 100_000)
    count = len(names)
    ill = np.arange(count) % 100 == 0
    probe = {
        "rtt_ms": 20 + random.gamma(2, 1, count) + 40.0 * ill,
        "jitter_ms": random.gamma(2, 0.5, count),
        "loss_pct": 5.0 * random.binomial(20, np.where(ill, 0.1, 0.0005)),
        "sent": np.full(count, 20.0),
    }
    probe["lost"] = probe["loss_pct"] / 5
    snmp = {
        "rx_bps": 1e7 * random.gamma(5, 0.2, count),
        "tx_bps": 2e6 * random.gamma(5, 0.2, count),
        "oper_up": np.ones(count),
        "flaps": np.zeros(count),
    }
    at = np.full(count, epoch_ms(NOW) + minute * 60_000)
    seconds = np.full(count, 60, np.int32)
    return [
        SampleBatch(Source.PROBE, names, at, seconds, at + 60_000, probe),
        SampleBatch(Source.SNMP, names, at, seconds, at + 60_000, snmp),
    ]


async def read_as_before(judging: Judging, now: datetime) -> None:
    policy = judging.policy
    links = sorted(judging.inventory.links)
    for first in range(0, len(links), LINES_AT_ONCE):
        some = links[first : first + LINES_AT_ONCE]
        series = await judging.store.window(some, FIELDS, now - HOUR, now + timedelta(milliseconds=1))
        await judging.store.facts(some, now - HOUR, now + timedelta(milliseconds=1))
        hot = HotWindow(some, FIELDS, 60)
        hot.advance(epoch_ms(now))
        hot.take_in(rows_of_series(series))
        nominated(hot, fleet_of(some, judging.inventory, policy), epoch_ms(now))


async def milliseconds(work: Callable[[], Awaitable[object]]) -> float:
    began = time.process_time()
    await work()
    return 1000 * (time.process_time() - began)


async def fleet(lines: int, turns: int) -> list[dict[str, Any]]:
    """Rows of the table for one size of fleet."""
    inventory, policy = inventory_of(lines), load_policy()
    names = sorted(inventory.links)
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder) / "journal.sqlite")
        store = EmbeddedStore(journal, Path(folder), raw_days=95)
        judging = Judging(store, inventory, CADENCES, policy)
        for minute in range(-hot_minutes(policy), 0):
            await journal.append(minute_of(names, minute), [])
        sweep = Sweep(journal)
        begun = await milliseconds(lambda: sweep.look(judging, NOW))
        hot, before = [], []
        for minute in range(turns):
            now = NOW + timedelta(minutes=minute + 1)
            await journal.append(minute_of(names, minute), [])
            ways: list[tuple[list[float], Callable[[datetime], Awaitable[object]]]] = [
                (hot, lambda now: sweep.look(judging, now)),
                (before, lambda now: read_as_before(judging, now)),
            ]
            for spent, way in ways if minute % 2 else reversed(ways):
                spent.append(await milliseconds(lambda way=way, now=now: way(now)))  # type: ignore[misc]
        intake = taking_in(sweep.hot, names, turns)
        size = sweep.hot.nbytes
        await store.close()
    ours, peer = statistics.median(hot), statistics.median(before)
    name = f"{lines} lines x 2 sources"
    return [
        row(f"sweep, {name}", ours, "ms", "reading the store", peer),
        row(f"a minute taken in, {name}", intake, "ms", "goal for 2500 rows", 2 * 2 * lines / 2500),
        row(f"first filling, {name}", begun, "ms", "reading the store", peer),
        row(f"hot window, {name}", size / 1e6, "MB", "goal for 2500 lines", 30 * lines / 2500),
    ]


def taking_in(hot: HotWindow, names: list[str], turns: int) -> float:
    """Median of advancing a minute and putting its rows where they belong."""
    spent = []
    for minute in range(turns, 3 * turns):
        tables = [rows_of([one]) for one in minute_of(names, minute)]
        began = time.process_time()
        hot.advance(epoch_ms(NOW) + minute * 60_000)
        for rows in tables:
            hot.take_in(rows)
        spent.append(1000 * (time.process_time() - began))
    return statistics.median(spent)


def row(name: str, value: float, unit: str, peer: str, peer_value: float) -> dict[str, Any]:
    return {
        "name": name, "value": value, "unit": unit, "peer": peer, "peer_value": peer_value, "ratio": peer_value / value,
    }  # fmt: skip


def in_memory(lines: int) -> dict[str, Any]:
    """The arrays alone, of more lines than a store is made for here."""
    names = [f"line-{n:06d}" for n in range(lines)]
    hot = HotWindow(names, FIELDS, hot_minutes(load_policy()))
    hot.advance(epoch_ms(NOW))
    for one in minute_of(names, 0):
        hot.take_in(rows_of([one]))
    return row(f"hot window, {lines} lines x 2 sources", hot.nbytes / 1e6, "MB", "a line", 1e-3 * hot.nbytes / lines)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--json", action="store_true")
    chosen = arguments.parse_args()
    table = asyncio.run(fleet(2500, 5 if chosen.quick else 15))
    if not chosen.quick:
        table += asyncio.run(fleet(25_000, 5))
        table.append(in_memory(100_000))
    if chosen.json:
        print(json.dumps({"rows": table}))
        return
    for one in table:
        print(
            f"{one['name']:44s} {one['value']:9.1f} {one['unit']:3s} {one['peer']:20s} {one['peer_value']:9.1f} "
            f"{one['ratio']:7.2f}x"
        )
    print(f"peak memory of this process {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB")


if __name__ == "__main__":
    main()
