"""A large fleet's newest samples, thirteen months of a line by hour, and what the writer takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from datetime import timedelta
from pathlib import Path

import numpy as np
from _store_peers import duck, fleet, influxd, table, writer
from _store_peers.fleet import DAY_MS, SOURCE, START_MS
from _store_peers.sizes import BATCH, HOUR_MS, MINUTE_MS, Peers, Size
from _store_peers.table import Row, at_most, beside, in_turn

from collector.store.port import Aggregate, Selector
from config.clock import from_epoch_ms


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
