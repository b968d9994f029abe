"""Whether an embedded store has what the entries of `dying_store` say: all of it, each once, by the model."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "contracts")]

from dying_store import FIELDS, HOUR, LINKS, RAW_DAYS, START, clock_at, entry_of
from memory_store import MemoryStore

from collector.model import Series
from collector.store.embedded import EmbeddedStore
from collector.store.manifest import read_manifest
from collector.store.port import Aggregate

DAY = timedelta(days=1)
CHECKED = 12 * DAY
"""So far back a check looks; all but the last three days of it are hours from roll-ups."""


class Truth:
    """What the entries 0..newest say, by the model."""

    def __init__(self) -> None:
        self.model, self.newest = MemoryStore(raw_days=10_000), -1

    async def learn(self, newest: int) -> None:
        for n in range(self.newest + 1, newest + 1):
            batches, facts = entry_of(n)
            for batch in batches:
                await self.model.write(batch)
            await self.model.write_facts(facts)
        self.newest = max(self.newest, newest)

    def forget(self, before: datetime) -> None:
        """Keep the model small; what is older was compared often enough."""
        for rows in self.model.raw.values():
            for old in [moment for moment in rows if moment < before.timestamp() * 1000]:
                del rows[old]
        self.model.said = {key: fact for key, fact in self.model.said.items() if fact.time >= before}


def told(series: Series, since: float = 0) -> dict[int, tuple[object, ...]]:
    """Everything that a series says, by time in milliseconds."""
    columns = [np.nan_to_num(series.column(name), nan=-1.0).tolist() for name in FIELDS]
    rows = zip(
        series.time.tolist(), series.seconds.tolist(), series.received_at.tolist(), zip(*columns, strict=True),
        strict=True,
    )  # fmt: skip
    found = {time: (seconds, received, values) for time, seconds, received, values in rows if time >= since}
    assert len(found) == sum(series.time >= since), "a row stands twice"
    return found


async def check(store: EmbeddedStore, truth: Truth, acknowledged: int, *, back: timedelta = CHECKED) -> int:
    """Everything acknowledged is found exactly once; the number of the newest entry found."""
    until = clock_at(acknowledged) + DAY
    facts = await store.facts(["router1"], until - 3 * DAY, until)
    newest = max((int(fact.value) for fact in facts), default=-1)
    # What was on its way when the process died may be there as well, but whole.
    assert acknowledged <= newest <= acknowledged + 1
    await truth.learn(newest)
    start = max(START, (clock_at(newest) - back).replace(hour=0))
    await _check_samples(store, truth, start, until)
    await _check_hours(store, truth, start, until)
    return newest


def expires_before(truth: Truth) -> datetime:
    """Samples before this may have expired by now."""
    return clock_at(truth.newest + 12).replace(hour=0) - RAW_DAYS * DAY


async def _check_samples(store: EmbeddedStore, truth: Truth, start: datetime, until: datetime) -> None:
    expires = expires_before(truth)
    found = {series.link: told(series) for series in await store.window(LINKS, FIELDS, start, until)}
    expected = {series.link: told(series) for series in await truth.model.window(LINKS, FIELDS, start, until)}
    day = start
    while day < until:
        low, high = day.timestamp() * 1000, (day + DAY).timestamp() * 1000
        there = {link: {t: row for t, row in found.get(link, {}).items() if low <= t < high} for link in expected}
        should = {link: {t: row for t, row in rows.items() if low <= t < high} for link, rows in expected.items()}
        if there != should:
            assert day < expires, f"{day}: not what was acknowledged"
            assert not any(there.values()), f"{day} has expired by half"
        facts = [fact.value for fact in await store.facts(["router1"], day, day + DAY)]
        should_facts = [fact.value for fact in await truth.model.facts(["router1"], day, day + DAY)]
        assert facts == should_facts or (not facts and day < expires), f"{day}: facts"
        day += DAY


async def _check_hours(store: EmbeddedStore, truth: Truth, start: datetime, until: datetime) -> None:
    for how in (Aggregate.SUM, Aggregate.MAX):
        found = await store.window(LINKS, FIELDS, start, until, HOUR, how)
        expected = await truth.model.window(LINKS, FIELDS, start, until, HOUR, how)
        assert {series.link: told(series) for series in found} == {series.link: told(series) for series in expected}


def assert_no_strays(folder: Path) -> None:
    named = {part.name for part in read_manifest(folder / "store" / "manifest.json").parts}
    assert {path.name for path in (folder / "store" / "parts").iterdir()} == named
