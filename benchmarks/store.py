"""The embedded store beside Debian's influxd and DuckDB, on the same rows, in one run.

    benchmarks/store.py [--quick] [--json]

Minute samples of 500 links over 30 days, nine fields, noise and gaps as lines have them. Questions are asked in turn,
medians are compared; the ratio says how many times better ours is. influxd gets line protocol that was built before,
over one connection; its percentiles are computed in the server, by its own ranks; DuckDB is asked from a table sorted
by link and time. `--quick` takes a twentieth of the links: its figures say less, the limits are those of the full run.
Needs up to 8 GB under the temporary folder (TMPDIR) and some twelve minutes, with --quick one and a half.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from _store_peers import duck, fleet, influxd, table, writer
from _store_peers.fleet import DAY_MS, SIX, SOURCE, START_MS
from _store_peers.table import Row, at_most, beside, blocking, in_turn, times_at_least

from collector.model import Cadence, SampleBatch
from collector.store.embedded import EmbeddedStore
from collector.store.port import Aggregate, Due, MeasurementStore, Selector, Statistic, Summary
from config.clock import from_epoch_ms

BATCH = 5_000
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
RANKS = (Statistic.P50, Statistic.P95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    links: int
    days: int
    days_a_round: int
    asked: int
    slice_batches: int
    """Batches of a round that influxd takes one by one, timed; the rest it loads faster."""
    fleet: int
    year_links: int
    year_days: int
    writer_links: int
    writer_minutes: int
    passes: int


FULL = Size(
    links=500, days=30, days_a_round=5, asked=200, slice_batches=144, fleet=10_000, year_links=200, year_days=395,
    writer_links=100_000, writer_minutes=35, passes=7,
)  # fmt: skip
QUICK = Size(
    links=24, days=30, days_a_round=15, asked=24, slice_batches=12, fleet=2_000, year_links=6, year_days=120,
    writer_links=20_000, writer_minutes=10, passes=2,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Peers:
    """Who is asked beside us; influxd only where it is installed."""

    influx: influxd.Influxd | None
    duck: duck.Duck

    def asked(
        self, of_influx: Callable[[influxd.Influxd], object], of_duck: Callable[[], object]
    ) -> dict[str, table.Question]:
        server, found = self.influx, {duck.NAME: blocking(of_duck)}
        return {influxd.NAME: blocking(lambda: of_influx(server)), **found} if server else found


async def measured(folder: Path, size: Size) -> AsyncIterator[Row]:
    links = fleet.link_names(size.links)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(influxd.running(folder / "influxd")) if influxd.installed() else None
        peers = Peers(server, duck.Duck(folder / "duckdb", fleet.link_names(max(size.links, size.fleet))))
        stack.callback(peers.duck.close)
        store = writer.opened(folder / "ours")
        assert isinstance(store, EmbeddedStore)
        try:
            for each in await ingested(store, peers, links, size):
                yield each
            for each in sizes(store, peers):
                yield each
            async for each in windows(store, peers, links, size):
                yield each
            async for each in summaries(store, peers, links, size):
                yield each
            yield await parity(store, peers, [links[0], links[len(links) // 2], links[-1]], size)
        finally:
            await store.close()
        async for each in newest(folder / "fleet", peers, size):
            yield each
        async for each in by_hour(folder / "year", peers, size):
            yield each
    async for each in writing(folder, size):
        yield each


async def ingested(store: EmbeddedStore, peers: Peers, links: Sequence[str], size: Size) -> Sequence[Row]:
    """Everything into all three; ours whole and timed, of the peers' the first batches of each round."""
    seconds, rows, appends = {}, {}, []
    peers.duck.create("wan")
    for first in range(0, size.days, size.days_a_round):
        days = [
            fleet.samples(links, START_MS + day * DAY_MS, 1440, day) for day in range(first, first + size.days_a_round)
        ]
        batches = [piece.batch() for day in days for piece in day.pieces(BATCH)]
        took, times = await appended(store, batches)
        appends += times
        _add(seconds, rows, "ours", took, sum(map(len, days)))
        columns = [duck.columns_of(piece) for piece in days[0].pieces(BATCH)]
        began = time.perf_counter()
        for batch in columns:
            peers.duck.append("wan", batch)
        _add(seconds, rows, duck.NAME, time.perf_counter() - began, len(days[0]))
        for day in days[1:]:
            peers.duck.append("wan", duck.columns_of(day))
        if peers.influx:
            some = size.slice_batches * BATCH
            bodies = [influxd.lines_of(piece) for piece in days[0].take(slice(some)).pieces(BATCH)]
            peers.influx.settle()
            began = time.perf_counter()
            for body in bodies:
                peers.influx.write(body)
            _add(seconds, rows, influxd.NAME, time.perf_counter() - began, some)
            for rest in (days[0].take(slice(some, None)), *days[1:]):
                peers.influx.load(rest)
    if peers.influx:
        peers.influx.settle(quiet=12)
    peers.duck.sort("wan")
    rates = {name: rows[name] / seconds[name] for name in rows}
    name = f"ingest of {rows['ours'] / 1e6:.1f} M rows in batches of {BATCH}, durable, sealed and rolled up"
    limits = {influxd.NAME: times_at_least(20)}
    return [
        *beside(name, rates.pop("ours"), "rows/s", rates, limits),
        table.alone(f"append of {BATCH} rows beside upkeep, median", statistics.median(appends) * 1000, "ms"),
        table.alone(f"append of {BATCH} rows beside upkeep, worst of {len(appends)}", max(appends) * 1000, "ms"),
    ]


def _add(seconds: dict[str, float], rows: dict[str, int], who: str, took: float, count: int) -> None:
    seconds[who] = seconds.get(who, 0.0) + took
    rows[who] = rows.get(who, 0) + count


async def appended(store: MeasurementStore, batches: Sequence[SampleBatch]) -> tuple[float, list[float]]:
    """Seconds until all of it is in the store, sealed, merged and rolled up, and those of each append.

    Upkeep runs beside the appends as in the collector; with a second between two runs it finds what 100,000 links
    leave in five minutes.
    """
    now_ms, more = int(batches[0].time[0]), True

    async def keep_up() -> None:
        while more:
            await asyncio.sleep(1)
            await store.maintain(from_epoch_ms(now_ms))

    times = []
    began = time.perf_counter()
    upkeep = asyncio.create_task(keep_up())
    for batch in batches:
        before = time.perf_counter()
        await store.write(batch)
        times.append(time.perf_counter() - before)
        now_ms = int(batch.time[-1]) + MINUTE_MS
    more = False
    await upkeep
    await writer.settled(store, now_ms + 3 * HOUR_MS)
    return time.perf_counter() - began, times


def sizes(store: EmbeddedStore, peers: Peers) -> Sequence[Row]:
    parts = store.manifest().parts
    rows = sum(part.rows for part in parts if part.kind == "samples")
    raw = sum(part.size for part in parts if part.kind == "samples")
    theirs = {duck.NAME: peers.duck.size() / rows}
    if peers.influx:
        theirs = {influxd.NAME: peers.influx.size("wan") / rows} | theirs
    return [
        *beside("on disk, raw", raw / rows, "bytes/row", theirs),
        table.alone(
            "on disk, with hourly and daily roll-ups",
            sum(part.size for part in parts) / rows,
            "bytes/row",
            at_most(16, "bytes"),
        ),
    ]


async def windows(store: MeasurementStore, peers: Peers, links: Sequence[str], size: Size) -> AsyncIterator[Row]:
    end = START_MS + size.days * DAY_MS
    asked = links[len(links) // 3 :]
    for count, days, limit in ((1, 1, at_most(10, "ms")), (1, 30, None), (3, 30, None), (20, 30, None)):
        some, start = asked[:count], end - days * DAY_MS
        found = await in_turn(
            3 * size.passes if count < 20 else size.passes,
            {
                "ours": lambda some=some, start=start: store.window(
                    some, SIX, from_epoch_ms(start), from_epoch_ms(end)
                ),
                **peers.asked(
                    lambda server, some=some, start=start: influxd.window(server, some, SIX, start, end),
                    lambda some=some, start=start: peers.duck.window(some, SIX, start, end),
                ),
            },
        )
        name = (
            f"{count} link{'s' if count > 1 else ''}, {'24 hours' if days == 1 else f'{days} days'}, {len(SIX)} fields"
        )
        for each in beside(name, found.pop("ours"), "ms", found, {"": limit} if limit else {}):
            yield each


async def summaries(store: MeasurementStore, peers: Peers, links: Sequence[str], size: Size) -> AsyncIterator[Row]:
    start, end = START_MS, START_MS + size.days * DAY_MS
    asked = links[: size.asked]

    def ours(approximate: bool) -> table.Question:
        return lambda: summary(store, asked, end, approximate)

    found = await in_turn(
        max(3, size.passes // 2),
        {
            "ours": ours(approximate=False),
            "rolled": ours(approximate=True),
            **peers.asked(
                lambda server: influxd.summary(server, asked, start, end),
                lambda: peers.duck.summary(asked, start, end),
            ),
        },
    )
    what = f"p50, p95 and availability of {len(asked)} links over {size.days} days"
    rolled = found.pop("rolled")
    limits = {influxd.NAME: times_at_least(80)}
    for each in beside(f"{what}, from raw", found.pop("ours"), "ms", found, limits):
        yield each
    for each in beside(f"{what}, from daily roll-ups", rolled, "ms", found, {"": at_most(20, "ms")}):
        yield each


async def summary(
    store: MeasurementStore, links: Sequence[str], end: int, approximate: bool, fields: Sequence[str] = ("rtt_ms",)
) -> Sequence[Summary]:
    due = Due(Cadence(every=60, late=60), from_epoch_ms(end + HOUR_MS))
    selector = Selector(tuple(links), SOURCE)
    start = from_epoch_ms(START_MS)
    return await store.summary(
        selector, fields, start, from_epoch_ms(end), (*RANKS, Statistic.COUNT), due, approximate=approximate
    )


Figures = tuple[float, float, float, float]
"""p95 of rtt_ms, availability in percent, sum of rx_bps, count of rows."""


async def parity(store: MeasurementStore, peers: Peers, links: Sequence[str], size: Size) -> Row:
    """How many figures of these links are the same in all stores. influxd's rows are ranked here: its percentile()
    is one rank off now and then."""
    start, end = START_MS, START_MS + size.days * DAY_MS
    agreed, told = 0, 0
    for link, found in zip(links, await summary(store, links, end, approximate=False), strict=True):
        (series,) = await store.window([link], ["rx_bps"], from_epoch_ms(start), from_epoch_ms(end))
        percent = found.availability.percent if found.availability else None
        total = float(series.column("rx_bps").sum())
        ours = (found.values["rtt_ms"][Statistic.P95], percent or math.nan, total, float(found.samples))
        others = [peers.duck.figures(link, start, end)]
        others += [influxd.figures(peers.influx, link, start, end)] if peers.influx else []
        for place, figure in enumerate(ours):
            told += 1
            agreed += all(math.isclose(figure, other[place], rel_tol=1e-12) for other in others)
    name = f"parity: p95, availability, sum, count of {len(links)} links, of {told} figures equal everywhere"
    return table.alone(name, agreed, "figures", table.at_least(told, "figures"))


async def newest(folder: Path, peers: Peers, size: Size) -> AsyncIterator[Row]:
    """A fleet's newest samples when its upkeep has just run, and just before it runs again."""
    links, end = fleet.link_names(size.fleet), START_MS + 15 * MINUTE_MS
    store = writer.opened(folder)
    everything = fleet.samples(links, START_MS, 15, 1)
    peers.duck.create("fleet")
    peers.duck.append("fleet", duck.columns_of(everything))
    peers.duck.sort("fleet")
    if peers.influx:
        peers.influx.load(everything, "fleet")
        peers.influx.settle()
    selector, now = Selector(tuple(links), SOURCE), from_epoch_ms(end)
    since = end - 5 * MINUTE_MS

    def ours() -> Awaitable[object]:
        return store.latest(selector, now, timedelta(minutes=5))

    try:
        minute = (everything.time - START_MS) // MINUTE_MS
        for table_of_minute in (everything.take(np.flatnonzero(minute == each)) for each in range(15)):
            await store.write(table_of_minute.batch())
            if table_of_minute.time[0] == since - MINUTE_MS:
                await store.maintain(from_epoch_ms(since))
        questions = peers.asked(lambda server: influxd.latest(server, since, end), lambda: peers.duck.latest(since))
        found = await in_turn(3 * size.passes, {"ours": ours, **questions})
        name = f"newest samples of {len(links)} links within 5 minutes, "
        limit = {"": at_most(5, "ms")}
        for each in beside(f"{name}all in the journal", found.pop("ours"), "ms", found, limit):
            yield each
        await store.maintain(now)
        found = await in_turn(3 * size.passes, {"ours": ours, **questions})
        for each in beside(f"{name}all in parts", found.pop("ours"), "ms", found, limit):
            yield each
    finally:
        await store.close()


async def by_hour(folder: Path, peers: Peers, size: Size) -> AsyncIterator[Row]:
    """Thirteen months of one link by hour. All comes in by writing and upkeep: four links each minute, the others each
    hour, which makes as many rows of roll-ups. The peers hold the asked-for link alone, and read its minutes."""
    links = fleet.link_names(size.year_links)
    often, seldom = links[:4], links[4:]
    asked = often[1]
    store = writer.opened(folder)
    peers.duck.create("year")
    end = START_MS + size.year_days * DAY_MS
    try:
        for day in range(size.year_days):
            begin = START_MS + day * DAY_MS
            minutes = fleet.samples(often, begin, 1440, day)
            await store.write(minutes.batch())
            await store.write(fleet.samples(seldom, begin, 24, day, seconds=3600).batch())
            peers.duck.append("year", duck.columns_of(minutes.of([asked])))
            if peers.influx:
                peers.influx.write(influxd.lines_of(minutes.of([asked])), "year")
            if day % 5 == 4:
                await store.maintain(from_epoch_ms(begin + DAY_MS))
        await writer.settled(store, end + 3 * HOUR_MS)
        peers.duck.sort("year")
        if peers.influx:
            peers.influx.settle()
        hour = timedelta(hours=1)
        found = await in_turn(
            size.passes,
            {
                "ours": lambda: store.window(
                    [asked], ["rtt_ms"], from_epoch_ms(START_MS), from_epoch_ms(end), hour, Aggregate.MEAN
                ),
                **peers.asked(
                    lambda server: influxd.by_hour(server, asked, START_MS, end),
                    lambda: peers.duck.by_hour(asked, START_MS, end),
                ),
            },
        )
        name = f"{size.year_days} days of one of {len(links)} links by hour, mean of rtt_ms"
        for each in beside(name, found.pop("ours"), "ms", found, {"": at_most(10, "ms")}):
            yield each
    finally:
        await store.close()


async def writing(folder: Path, size: Size) -> AsyncIterator[Row]:
    """What the writer takes of processor and memory, each in a process of its own."""
    midnight = START_MS + DAY_MS
    many = f"{size.writer_links} links"
    found = await writer.in_fresh_process("minutes", folder / "many", size.writer_links, size.writer_minutes)
    closing = await writer.in_fresh_process("upkeep", folder / "many", midnight + 3 * HOUR_MS)
    real = size.writer_minutes * 60
    share = 100 * (found["append"] + found["upkeep"]) / real
    yield table.alone(
        f"writer at {many} a minute, {size.writer_minutes} minutes, appends, seals and merges", share, "% core",
        at_most(5, "% core"),
    )  # fmt: skip
    yield table.alone(f"  of it in appends, {writer.APPENDS_A_MINUTE} a minute", 100 * found["append"] / real, "% core")
    yield table.alone(f"  closing and rolling up those {found['rows'] / 1e6:.1f} M rows", closing["upkeep"], "s CPU")
    yield table.alone(f"peak memory, {many}, appends and upkeep", found["peak_megabytes"], "MB", at_most(400, "MB"))
    yield table.alone(f"peak memory, {many}, closing the day", closing["peak_megabytes"], "MB", at_most(400, "MB"))
    store = writer.opened(folder / "backlog")
    rows = 0
    for day in (-1, 0):
        for piece in fleet.samples(fleet.link_names(size.links), midnight + (day - 1) * DAY_MS, 1440, day + 1).pieces(
            BATCH
        ):
            await store.write(piece.batch())
            rows += len(piece)
    await store.close()
    found = await writer.in_fresh_process("upkeep", folder / "backlog", midnight + 3 * HOUR_MS)
    name = f"peak memory, a backlog of {rows / 1e6:.1f} M rows sealed, merged and rolled up"
    yield table.alone(name, found["peak_megabytes"], "MB", at_most(400, "MB"))


async def run(size: Size, as_json: bool) -> bool:
    """Print the table; whether the stores agree with each other."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="store-bench-") as name:
        async for row in measured(Path(name), size):
            rows.append(row)
            if not as_json:
                print(row.line(), flush=True)
    if as_json:
        print(json.dumps({"rows": [row.document() for row in rows]}))
    return all(row.met for row in rows if row.name.startswith("parity"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the links, two passes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if not influxd.installed():
        print("influxd is not installed (Debian: influxdb): its rows are left out", file=sys.stderr)
    sys.exit(0 if asyncio.run(run(QUICK if options.quick else FULL, options.json)) else 1)


if __name__ == "__main__":
    main()
