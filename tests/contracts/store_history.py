"""Random histories of a store: what is written, when it is maintained and reopened, and what is asked in between.

Played on a store and on the model side by side; every answer must be the same. Values are quarters, so that sums are
exact in whatever order they are added.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import strategies as st
from memory_store import MemoryStore

from collector.model import Cadence, Fact, FactKind, SampleBatch, Series, Source
from collector.store.port import Aggregate, Due, MeasurementStore, Selector, Statistic, Summary
from config.clock import epoch_ms

BEGIN = datetime(2026, 2, 27, 12, tzinfo=UTC)
"""The first moment of each history: a month ends within it."""
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SLOT = timedelta(minutes=30)
LINKS = ("a", "b", "c")
SOURCES = (Source.SNMP, Source.PROBE)
FIELDS = ("rtt_ms", "loss_pct", "rx_bps", "oper_up")
RAW_DAYS = 2
LATEST_SLOTS = 40
"""Rows come at most so many half hours late: none into a day that has expired, or does before it is looked after."""

measured = st.sampled_from([math.nan, math.nan, 0.0, 0.25, 1.0, 7.5, 100.0, 1000.0])


@dataclass(frozen=True)
class Write:
    """Rows (link, slots before now, received so many minutes before now, values) of one source."""

    source: Source
    rows: tuple[tuple[int, int, int, tuple[float, ...]], ...]


@dataclass(frozen=True)
class Say:
    """Facts (subject, hours before now, value)."""

    facts: tuple[tuple[int, int, str], ...]


@dataclass(frozen=True)
class Maintain:
    after: timedelta
    """So much later than what was before; less than a day, for a longer jump would hold expiry."""


@dataclass(frozen=True)
class Reopen:
    """The store is closed and opened again."""


@dataclass(frozen=True)
class Ask:
    """A period of so many half hours, beginning so many half hours before now, and how it is asked for."""

    back: int
    slots: int
    every: int
    """Hours of a bucket."""
    agg: Aggregate


writes = st.builds(
    Write,
    st.sampled_from(SOURCES),
    st.lists(
        st.tuples(
            st.integers(0, len(LINKS) - 1),
            st.integers(0, LATEST_SLOTS),
            st.integers(0, 3),
            st.tuples(*(measured for _ in FIELDS)),
        ),
        min_size=1,
        max_size=12,
    ).map(tuple),
)
says = st.builds(
    Say,
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 40), st.sampled_from("xyz")), min_size=1, max_size=4).map(
        tuple
    ),
)
short_steps = st.builds(Maintain, st.sampled_from([timedelta(0), timedelta(minutes=20), 3 * HOUR]))
long_steps = st.builds(Maintain, st.sampled_from([23 * HOUR, 23 * HOUR, 22 * HOUR, 11 * HOUR]))
asks = st.builds(
    Ask, st.integers(0, 300), st.integers(1, 300), st.sampled_from([1, 2, 6, 24]), st.sampled_from(list(Aggregate))
)
days = st.tuples(
    st.lists(st.one_of(writes, writes, short_steps, says, asks, st.just(Reopen())), max_size=5), long_steps
)
histories = st.lists(days, min_size=2, max_size=8).map(
    lambda found: [event for events, step in found for event in (*events, step)]
)
"""Several days, each with some events and mostly written to: what comes late is rolled up again and expires."""


@dataclass
class Player:
    """One history, on a store and on the model. `prefix` makes links and subjects this history's own."""

    store: MeasurementStore
    reopen: Callable[[MeasurementStore], Awaitable[MeasurementStore]]
    prefix: str = ""
    raw_days: int = RAW_DAYS
    now: datetime = BEGIN

    def __post_init__(self) -> None:
        self.model = MemoryStore(self.raw_days)
        self.links = [self.prefix + link for link in LINKS]
        self.subjects = [self.prefix + "router0", self.prefix + "router1"]

    async def play(self, history: Sequence[object]) -> None:
        for event in history:
            match event:
                case Write():
                    await self._both(self._batch(event))
                case Say():
                    facts = [self._fact(*one) for one in event.facts]
                    await self.store.write_facts(facts)
                    await self.model.write_facts(facts)
                case Maintain():
                    self.now += event.after
                    await self.store.maintain(self.now)
                    await self.model.maintain(self.now)
                case Reopen():
                    self.store = await self.reopen(self.store)
                case Ask():
                    await self.compare(event)
        everything = Ask(300, 301, 24, Aggregate.SUM)
        await self.compare(everything)
        for agg in Aggregate:
            await self._compare_hours(Ask(300, 301, 1, agg), *self._period(everything))

    async def _both(self, batch: SampleBatch) -> None:
        await self.store.write(batch)
        await self.model.write(batch)

    def _batch(self, event: Write) -> SampleBatch:
        slot = epoch_ms(self.now) // 1_800_000
        return SampleBatch(
            source=event.source,
            links=[self.links[link] for link, _, _, _ in event.rows],
            time=np.array([(slot - back) * 1_800_000 for _, back, _, _ in event.rows], np.int64),
            seconds=np.full(len(event.rows), 1800, np.int32),
            received_at=np.array([epoch_ms(self.now) - late * 60_000 for _, _, late, _ in event.rows], np.int64),
            fields={name: np.array([values[i] for _, _, _, values in event.rows]) for i, name in enumerate(FIELDS)},
        )

    def _fact(self, subject: int, hours: int, value: str) -> Fact:
        time = (self.now - hours * HOUR).replace(minute=0)
        return Fact(time, self.subjects[subject], FactKind.EVENT, value, Source.SNMP, self.now, f"told at {self.now}")

    async def compare(self, ask: Ask) -> None:
        start, end = self._period(ask)
        await self._compare_samples(start, end)
        await self._compare_hours(ask, start, end)
        await self._compare_summaries(start, end)
        await self._compare_approximations(start, end)
        await self._compare_the_rest(start, end)

    def _period(self, ask: Ask) -> tuple[datetime, datetime]:
        slot = datetime.fromtimestamp(epoch_ms(self.now) // 1_800_000 * 1800, UTC)
        start = slot - ask.back * SLOT
        return start, start + ask.slots * SLOT

    async def _compare_samples(self, start: datetime, end: datetime) -> None:
        asked = (self.links, FIELDS, start, end)
        assert told(await self.store.window(*asked)) == told(await self.model.window(*asked))
        asked = (self.links[1:], FIELDS[:2], start, end)
        by_90 = (timedelta(minutes=90), Aggregate.MAX)
        assert told(await self.store.window(*asked, *by_90)) == told(await self.model.window(*asked, *by_90))

    async def _compare_hours(self, ask: Ask, start: datetime, end: datetime) -> None:
        """Beyond what is kept of samples only whole buckets are answered, so the period begins and ends with a day."""
        every = ask.every * HOUR
        whole = (floor(start, DAY), floor(end, DAY) + DAY)
        asked = (self.links, FIELDS, *(whole if start < self.kept_from else (start, end)), every, ask.agg)
        assert told(await self.store.window(*asked)) == told(await self.model.window(*asked)), asked[2:]

    @property
    def kept_from(self) -> datetime:
        return floor(self.now, DAY) - self.raw_days * DAY

    async def _compare_summaries(self, start: datetime, end: datetime) -> None:
        due = Due(Cadence(every=1800, late=600), self.now)
        for source in SOURCES:
            asked = (
                Selector((*self.links[::-1], self.prefix + "nowhere"), source),
                FIELDS,
                start,
                end,
                list(Statistic),
            )
            for question in ((*asked, None), (*asked, due)):
                assert await self.store.summary(*question) == await self.model.summary(*question)

    async def _compare_approximations(self, start: datetime, end: datetime) -> None:
        whole = (floor(start, DAY), floor(end, DAY) + DAY)
        due = Due(Cadence(every=1800, late=600), self.now)
        asked = (Selector(tuple(self.links), Source.SNMP), FIELDS, *whole, list(Statistic), due)
        found = await self.store.summary(*asked, approximate=True)
        for mine, truth in zip(found, await self.model.summary(*asked, approximate=True), strict=True):
            assert_near(mine, truth)

    async def _compare_the_rest(self, start: datetime, end: datetime) -> None:
        asked = (self.subjects, start, end)
        assert list(await self.store.facts(*asked)) == list(await self.model.facts(*asked))
        if not any(self.model.raw.values()):
            return  # What is told of a store whose samples have all expired: tests/collector/test_store_expiry.py.
        for source in SOURCES:
            question = (Selector(tuple(self.links[::-1]), source), self.now, end - start)
            mine, truth = await self.store.latest(*question), await self.model.latest(*question)
            assert list(mine.links) == list(truth.links)
            for name in ("time", "seconds", "received_at"):
                np.testing.assert_array_equal(getattr(mine, name), getattr(truth, name))
            assert set(mine.fields) == set(truth.fields)
            for name, column in truth.fields.items():
                np.testing.assert_array_equal(mine.fields[name], column)


def floor(moment: datetime, every: timedelta) -> datetime:
    return moment - (moment - datetime(1970, 1, 1, tzinfo=UTC)) % every


def told(found: Sequence[Series]) -> list[tuple[object, ...]]:
    """All that series say, comparable."""
    return [
        (
            series.link,
            series.source,
            series.time.tolist(),
            series.seconds.tolist(),
            series.received_at.tolist(),
            {name: [None if math.isnan(v) else v for v in series.column(name).tolist()] for name in FIELDS},
        )
        for series in found
    ]


def assert_near(mine: Summary, truth: Summary) -> None:
    """Percentiles within 1 %, the newest slot told by its day at least, everything else the same."""
    assert (mine.newest is None) == (truth.newest is None)
    if mine.newest is not None and truth.newest is not None:
        assert floor(truth.newest, DAY) <= mine.newest <= truth.newest
    assert (mine.link, mine.samples, mine.availability) == (truth.link, truth.samples, truth.availability)
    assert mine.values.keys() == truth.values.keys()
    for name, exact in truth.values.items():
        near = mine.values[name]
        for stat, value in exact.items():
            if stat in (Statistic.P50, Statistic.P95, Statistic.P99):
                assert abs(near[stat] - value) <= 0.01 * abs(value) * (1 + 1e-9), (name, stat, near[stat], value)
            else:
                assert near[stat] == value, (name, stat)
