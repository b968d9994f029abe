"""Thirty days of a fleet in all three: taking them in, their bytes, and what is asked of them."""

from __future__ import annotations

import asyncio
import math
import statistics
import time
from collections.abc import AsyncIterator, Sequence

from _store_peers import duck, fleet, influxd, table, writer
from _store_peers.fleet import DAY_MS, SIX, SOURCE, START_MS
from _store_peers.sizes import BATCH, HOUR_MS, MINUTE_MS, Peers, Size
from _store_peers.table import Row, at_most, beside, in_turn, times_at_least

from collector.model import Cadence, SampleBatch
from collector.store.embedded import EmbeddedStore
from collector.store.port import Due, MeasurementStore, Selector, Statistic, Summary
from config.clock import from_epoch_ms

RANKS = (Statistic.P50, Statistic.P95)


async def ingested(store: EmbeddedStore, peers: Peers, links: Sequence[str], size: Size) -> Sequence[Row]:
    """Everything into all three; ours whole and timed, of the peers' the first batches of each round."""
    seconds: dict[str, float] = {}
    rows: dict[str, int] = {}
    appends: list[float] = []
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
        peers.influx.settle(quiet=size.quiet)
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
    asked = links[len(links) // 3 :]
    for count, days, limits in ((1, 1, {"": at_most(10, "ms")}), (1, 30, {}), (3, 30, {}), (20, 30, {})):
        if count > size.together:
            continue
        found = await window(store, peers, asked[:count], days, size)
        what = f"{count} link{'s' if count > 1 else ''}, {'24 hours' if days == 1 else f'{days} days'}"
        for each in beside(f"{what}, {len(SIX)} fields", found.pop("ours"), "ms", found, limits):
            yield each


async def window(
    store: MeasurementStore, peers: Peers, links: Sequence[str], days: int, size: Size
) -> dict[str, float]:
    end = START_MS + size.days * DAY_MS
    start = end - days * DAY_MS
    return await in_turn(
        3 * size.passes if len(links) < 20 else 3,
        {
            "ours": lambda: store.window(links, SIX, from_epoch_ms(start), from_epoch_ms(end)),
            **peers.asked(
                lambda server: influxd.window(server, links, SIX, start, end),
                lambda: peers.duck.window(links, SIX, start, end),
            ),
        },
    )


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
