"""A minute's sweep of a fleet: what looking at the last minutes of every line at once costs, and whether it is linear.

    benchmarks/sweep.py [--quick] [--json]

The issue's figure: 100,000 links x 8 metrics x the last 60 minutes in at most 1 s on one core and 1.5 GB. Each size is
measured in a process of its own that holds the hot window and no generator's store; its peak memory is that of the
whole process, with interpreter, inventory and what is stored of each line. The fleet is made to be awkward: each fifth
line is eight times as noisy as the others, traffic jumps about by a factor of two, each hundredth line ails.

Beside it, at 2,500 lines, how it would be done without a hot window: an hour of 500 lines at a time is read from the
embedded store (all in the journal's decoded tail, its best case) and looked at by the same rules. The median counts, in
CPU time, as both compute and machines are shared. What a sweep names is judged besides, on both ways alike.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

sys.path.pop(0)  # `triage` is the package, and not the benchmark of that name beside this one

from collector.journal import Journal
from collector.model import Cadence, SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from collector.store.hot import HotWindow
from collector.store.hot_follower import rows_of_series
from collector.store.rows import rows_of
from config.clock import epoch_ms
from inventory.model import Access, Client, Inventory, Link, Site
from triage.blindness import blind, heard, kinship_of, settled, sources_of
from triage.judging import Judging
from triage.policy_files import load_policy
from triage.sweep import FIELDS, fleet_of, hot_minutes, nominated, sites_of
from triage.sweep_ordinary import Ordinary, half_hours
from triage.sweeping import Sweep

NOW = datetime(2026, 3, 3, 18, 30, tzinfo=UTC)
HOUR = timedelta(minutes=60)
LINES_AT_ONCE = 500
CADENCES = {source: Cadence(every=60, late=60) for source in (Source.PROBE, Source.SNMP)}
SIZES = (25_000, 50_000, 100_000)
SECOND, GIGABYTES = 1000.0, 1500.0
"""The goals at 100,000 lines, in ms and MB."""


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
    """What probe and SNMP say of every line in one minute, so many after NOW: eight metrics."""
    random = np.random.default_rng(minute + 100_000)
    count = len(names)
    ill, noise = np.arange(count) % 100 == 0, _noise(count)
    probe = {
        "rtt_ms": 20 + random.gamma(2, noise, count) + 40.0 * ill,
        "jitter_ms": random.gamma(2, 0.5 * noise, count),
        "loss_pct": 5.0 * random.binomial(20, np.where(ill, 0.1, np.where(noise > 1, 0.003, 0.0005))),
        "sent": np.full(count, 20.0),
    }
    probe["lost"] = probe["loss_pct"] / 5
    snmp = {
        "rx_bps": 1e7 * random.lognormal(0, 0.7, count),
        "tx_bps": 2e6 * random.lognormal(0, 0.7, count),
        "rx_capacity_bps": np.full(count, 1e8),
        "oper_up": np.ones(count),
        "flaps": np.zeros(count),
    }
    at = np.full(count, epoch_ms(NOW) + minute * 60_000)
    seconds = np.full(count, 60, np.int32)
    return [
        SampleBatch(Source.PROBE, names, at, seconds, at + 60_000, probe),
        SampleBatch(Source.SNMP, names, at, seconds, at + 60_000, snmp),
    ]


def five_minutes_of(names: list[str], minute: int) -> list[SampleBatch]:
    """What an orchestrator says of every line in five minutes, each way: eight metrics."""
    if minute % 5:
        return []
    random = np.random.default_rng(minute + 100_000)
    count = len(names)
    ill, noise = np.arange(count) % 100 == 0, _noise(count)
    fields = {
        **{f"latency_{way}_ms": 10 + random.gamma(2, 0.5 * noise, count) + 20.0 * ill for way in ("rx", "tx")},
        **{f"jitter_{way}_ms": random.gamma(2, 0.5 * noise, count) for way in ("rx", "tx")},
        **{f"loss_{way}_pct": random.binomial(3000, np.where(ill, 0.1, 0.0005), count) / 30 for way in ("rx", "tx")},
        "rx_bps": 1e7 * random.lognormal(0, 0.7, count),
        "tx_bps": 2e6 * random.lognormal(0, 0.7, count),
    }
    at = np.full(count, epoch_ms(NOW) + minute * 60_000)
    return [SampleBatch(Source.ORCHESTRATOR, names, at, np.full(count, 300, np.int32), at + 300_000, fields)]


def _noise(count: int) -> np.ndarray:
    return np.where(np.arange(count) % 5 == 0, 8.0, 1.0)


MINUTES: dict[str, Callable[[list[str], int], list[SampleBatch]]] = {
    "probe and SNMP": minute_of,
    "one way, 5 minutes": five_minutes_of,
}


def in_memory(lines: int, minutes: int, kind: str, turns: int, *, stored: bool) -> dict[str, float]:
    """Milliseconds of one look at everything, of a minute taken in, and the process's peak memory in MB."""
    inventory, policy = inventory_of(lines), load_policy()
    names = sorted(inventory.links)
    hot = HotWindow(names, FIELDS, minutes)
    intake = []
    for minute in range(-minutes, 0):
        tables = [rows_of([one]) for one in MINUTES[kind](names, minute)]
        began = time.process_time()
        hot.advance(epoch_ms(NOW) + minute * 60_000)
        for rows in tables:
            hot.take_in(rows)
        intake.append(1000 * (time.process_time() - began))
    fleet = fleet_of(names, inventory, policy)
    kinship = kinship_of([inventory.links[name] for name in names], inventory)
    now = NOW - timedelta(minutes=1)
    ordinary = dict(_stored(hot, epoch_ms(now))) if stored else {}
    spent: list[float] = []
    found: set[str] = set()
    for _ in range(turns):
        began = time.process_time()
        wanted = nominated(hot, fleet, epoch_ms(now), ordinary)
        found = sites_of(hot, wanted, set(), inventory)
        blind(heard(hot, kinship, CADENCES, now))
        settled(sources_of(hot), CADENCES, now, now)
        spent.append(1000 * (time.process_time() - began))
    return {
        "look": statistics.median(spent),
        "intake": statistics.median([one for one in intake if one > 0.01 * max(intake)][1:]),
        "window": hot.nbytes / 1e6,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000,
        "named": len(found),
    }


def _stored(hot: HotWindow, now_ms: int) -> Iterator[tuple[str, Ordinary]]:
    """What nights have learnt of these lines: their own centre and spread in each half hour; traffic on a scale of
    powers of ten."""
    _, block = half_hours(now_ms // 60_000, hot.minutes)
    usual = {"rtt": (20.0, 2.0, 1.4), "jitter": (0.0, 1.0, 0.7), "latency": (10.0, 1.0, 0.7)}
    usual |= {"rx": (7.0, 0.0, 0.04), "tx": (6.3, 0.0, 0.04)}
    for name in hot.fields:
        measured, what = hot.measured(name), name.split("_")[0]
        if len(measured) and what in usual and "capacity" not in name:
            base, mean, spread = usual[what]
            noise = np.repeat(_noise(len(hot.links))[hot.link[measured]][:, None], int(block[-1]) + 1, axis=1)
            every = np.ones(len(measured), dtype=bool)
            yield (
                name,
                Ordinary((base + mean * noise).astype(np.float32), (spread * noise).astype(np.float32), block, every),
            )


def of_its_own(lines: int, minutes: int, kind: str, turns: int, *, stored: bool) -> dict[str, float]:
    """`in_memory` in a process that did nothing else, so that its peak is its own."""
    asked = json.dumps({"lines": lines, "minutes": minutes, "kind": kind, "turns": turns, "stored": stored})
    done = subprocess.run([sys.executable, __file__, "--measure", asked], capture_output=True, text=True, check=True)
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def scale(sizes: Sequence[int], turns: int) -> list[dict[str, Any]]:
    """Rows of the table: 8 metrics of 60 minutes at these sizes, and the policy's own window at the largest."""
    largest, own = SIZES[-1], hot_minutes(load_policy())
    table = []
    for lines in sizes:
        got = of_its_own(lines, 60, "probe and SNMP", turns, stored=True)
        name = f"{lines} lines x 8 metrics x 60 min"
        goal = SECOND * lines / largest
        table.append(row(f"sweep, {name}", got["look"], "ms", "goal, linear", goal))
        table.append(row(f"sites named, {name}", got["named"], "", "that ail", lines / 100))
    table.append(row(f"peak of its process, {name}", got["peak"], "MB", "goal", GIGABYTES))
    table.append(row(f"hot window, {name}", got["window"], "MB", "goal", GIGABYTES))
    table.append(row(f"a minute taken in, {name}", got["intake"], "ms", "goal", SECOND))
    others = (
        (f"{own} min", own, "probe and SNMP", True),
        ("60 min, one way of 5 min", 60, "one way, 5 minutes", True),
        ("60 min, nothing stored", 60, "probe and SNMP", False),
    )
    for words, minutes, kind, stored in others:
        got = of_its_own(largest, minutes, kind, turns, stored=stored)
        name = f"{largest} lines x 8 metrics x {words}"
        table.append(row(f"sweep, {name}", got["look"], "ms", "goal", SECOND))
        table.append(row(f"peak of its process, {name}", got["peak"], "MB", "goal", GIGABYTES))
        table.append(row(f"sites named, {name}", got["named"], "", "that ail", largest / 100))
    return table


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


async def beside_the_store(lines: int, turns: int) -> list[dict[str, Any]]:
    """Rows of the table: the whole of a minute's look, with following the journal, beside reading the store."""
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
        hot: list[float] = []
        before: list[float] = []
        for minute in range(turns):
            now = NOW + timedelta(minutes=minute + 1)
            await journal.append(minute_of(names, minute), [])
            ways: list[tuple[list[float], Callable[[datetime], Awaitable[object]]]] = [
                (hot, lambda now: sweep.look(judging, now)),
                (before, lambda now: read_as_before(judging, now)),
            ]
            for spent, way in ways if minute % 2 else reversed(ways):
                spent.append(await milliseconds(lambda way=way, now=now: way(now)))  # type: ignore[misc]
        await store.close()
    ours, peer = statistics.median(hot), statistics.median(before)
    name = f"{lines} lines x 2 sources"
    return [
        row(f"sweep and journal, {name}", ours, "ms", "reading the store", peer),
        row(f"first filling, {name}", begun, "ms", "reading the store", peer),
    ]


def row(name: str, value: float, unit: str, peer: str, peer_value: float) -> dict[str, Any]:
    return {
        "name": name, "value": value, "unit": unit, "peer": peer, "peer_value": peer_value, "ratio": peer_value / value,
    }  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--measure", help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.measure:
        print(json.dumps(in_memory(**json.loads(chosen.measure))))
        return
    table = asyncio.run(beside_the_store(2500, 5))
    table += scale(SIZES[::2] if chosen.quick else SIZES, 3 if chosen.quick else 7)
    if chosen.json:
        print(json.dumps({"rows": table}))
        return
    for one in table:
        print(
            f"{one['name']:72s} {one['value']:9.1f} {one['unit']:3s} {one['peer']:18s} {one['peer_value']:9.1f} "
            f"{one['ratio']:7.2f}x"
        )


if __name__ == "__main__":
    main()
