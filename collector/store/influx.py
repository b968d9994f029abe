"""The store in InfluxDB 1.8, 2 or 3: writes by the official client, reads by InfluxQL over /query.

All three versions answer these two. Rows are fetched and ranked by us: InfluxQL's PERCENTILE ranks differently, and
Flux is absent from version 3. The server merges two rows of one identity in the order in which they are written; that
ours merge by `received_at` is the work of `influx_merging`. What is missing on the server is made by `influx_setup`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
import structlog

from collector.entries import check_times, epoch_us, finite
from collector.journal import Journal
from collector.model import FIELDS, Fact, FactKind, SampleBatch, Series
from collector.settings import InfluxSettings
from collector.store import influx_setup
from collector.store.answers import bucketed, check_question, distinct, identity, series_of
from collector.store.approximate import Asked, approximate_summaries, exact_summaries, settled_days
from collector.store.influx_answers import (
    BY_SERIES,
    EVERY_FIELD,
    Answer,
    columns_of,
    facts_of_answer,
    facts_query,
    link_of,
    newest_facts_query,
    rows_of_answer,
    samples_query,
    source_of,
    subject_of,
)
from collector.store.influx_connection import InfluxConnection
from collector.store.influx_errors import MissingBucketError
from collector.store.influx_merging import Frontier, SampleMerger, SeriesKey
from collector.store.influx_rollups import InfluxRollups, between, covered
from collector.store.influx_writing import Refused, write_lines
from collector.store.lineprotocol import fact_lines, literal, sample_lines
from collector.store.manifest import DAY_MS
from collector.store.own_times import measured
from collector.store.port import (
    Aggregate,
    Due,
    MaintenanceReport,
    PoisonError,
    Selector,
    Statistic,
    StoreError,
    StoreHealth,
    Summary,
)
from collector.store.rollups import HOUR_MS, SAMPLES, buckets_of_hours, empty_rollup, newest_of, rolled_hours
from collector.store.rows import SOURCES, Rows, batch_of_rows, concatenated, empty, merged, ordered, rows_of
from config.clock import epoch_ms, from_epoch_ms

log = structlog.get_logger()

CURSOR = "influx"
"""The forwarder's cursor in the journal."""
_ROWS_AT_ONCE = 50_000
"""About so many rows come in one answer, which is taken apart in the event loop: some 0.1 s."""
_LINKS_AT_ONCE = 200
_QUERIES_AT_ONCE = 4
_SETTLING = (0.05, 0.2, 0.5, 1.0)
"""Seconds to wait before the same write once more: a server answers before each of its parts knows a new bucket."""


class InfluxStore:
    """A MeasurementStore in a bucket (`database/retention-policy` on 1.x). `journal`, when given, is closed with it.

    Raw samples and facts are kept for `raw_days` whole days where we make the bucket, roll-ups for `rollup_days`.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        bucket: str,
        org: str = "-",
        *,
        timeout: float = 30.0,
        journal: Journal | None = None,
        raw_days: int = 95,
        rollup_days: int = 761,
    ) -> None:
        self._connection = InfluxConnection(url, token, org, timeout)
        self._bucket, self._journal = bucket, journal
        self._raw_days, self._rollup_days = raw_days, rollup_days
        self._merger = SampleMerger(self._newest, self._stored)
        self._facts: Frontier[str] = Frontier()
        self._writing, self._asking = asyncio.Lock(), asyncio.Semaphore(_QUERIES_AT_ONCE)
        self._rollup_bucket = f"{bucket.partition('/')[0]}/rollup"
        self._rollups = InfluxRollups(self._ask, self._ask_rolled, self._write_rolled, self._writing)

    @classmethod
    def of_settings(
        cls, settings: InfluxSettings, journal: Journal | None = None, *, raw_days: int = 95, rollup_days: int = 761
    ) -> InfluxStore:
        token = settings.token.get_secret_value() if settings.token else None
        return cls(
            str(settings.url),
            token,
            settings.bucket,
            org=settings.org,
            journal=journal,
            raw_days=raw_days,
            rollup_days=rollup_days,
        )

    async def write(self, batch: SampleBatch) -> None:
        check_times(batch)
        fields = {name: finite(values) for name, values in batch.fields.items()}
        async with self._writing:
            points = await self._merger.points(rows_of([replace(batch, fields=fields)]))
            await self._rollups.late(np.unique(points.time // DAY_MS).tolist())
            try:
                refused = await self._write(
                    len(points), lambda first, last: sample_lines(points.rearranged([slice(first, last)])), "ms"
                )
            except BaseException:
                self._merger.failed(points)
                raise
            self._merger.written(points)
        if refused:
            poison = points.take(np.array([each.line for each in refused]))
            raise PoisonError(_told(refused, len(points)), batches=[batch_of_rows(batch.source, measured(poison))])

    async def write_facts(self, facts: Sequence[Fact]) -> None:
        async with self._writing:
            new = await self._unknown(distinct(facts))
            try:
                refused = await self._write(len(new), lambda first, last: fact_lines(new[first:last]), "us")
            except BaseException:
                self._facts.forget([fact.subject for fact in new])
                raise
            for fact in new:
                self._facts.written({fact.subject: epoch_us(fact.time)})
        if refused:
            raise PoisonError(_told(refused, len(new)), facts=[new[each.line] for each in refused])

    async def _unknown(self, facts: Sequence[Fact]) -> list[Fact]:
        """The facts that the server does not have: a point written again would take the new `received_at`, and the
        first one is to stay."""
        asked = self._facts.unknown(list(dict.fromkeys(fact.subject for fact in facts)))
        if asked:
            since = min(epoch_us(fact.time) for fact in facts if fact.subject in set(asked))
            found = await self._ask([newest_facts_query(some, since) for some in _cut(asked, _LINKS_AT_ONCE)], "u")
            newest = {subject_of(series): int(series["values"][0][0]) for series in found}
            self._facts.learn(asked, newest, since)
        reached = self._facts.of([fact.subject for fact in facts]).tolist()
        late = [fact for fact, newest in zip(facts, reached, strict=True) if epoch_us(fact.time) <= newest]
        if not late:
            return list(facts)
        times = [fact.time for fact in late]
        subjects = list(dict.fromkeys(fact.subject for fact in late))
        stored = await self.facts(subjects, min(times), max(times) + timedelta(microseconds=1))
        known = {identity(fact) for fact in stored}
        return [fact for fact in facts if identity(fact) not in known]

    async def _write(
        self, count: int, rendered: Callable[[int, int], Sequence[str]], precision: str
    ) -> Sequence[Refused]:
        return await self._into(self._bucket, self._raw_days, count, rendered, precision)

    async def _into(
        self, bucket: str, days: int, count: int, rendered: Callable[[int, int], Sequence[str]], precision: str
    ) -> Sequence[Refused]:
        """Write lines into a bucket, which is made when it is missing."""

        async def post(lines: Sequence[str]) -> None:
            await self._connection.post_lines(bucket, lines, precision)

        try:
            return await write_lines(post, count, rendered)
        except MissingBucketError:
            # A day more, so that `days` whole days are always there.
            await influx_setup.create(self._connection, bucket, days + 1)
        for seconds in _SETTLING:
            try:
                return await write_lines(post, count, rendered)
            except MissingBucketError:
                await asyncio.sleep(seconds)
        return await write_lines(post, count, rendered)

    async def _write_rolled(self, lines: Sequence[str]) -> None:
        """Write roll-ups; a server that refuses some, by its retention, refuses them every time."""
        refused = await self._into(
            self._rollup_bucket, self._rollup_days, len(lines), lambda first, last: lines[first:last], "ms"
        )
        if refused:
            log.warning("rollups_refused", bucket=self._rollup_bucket, reason=_told(refused, len(lines)))

    async def _ask_rolled(self, queries: Sequence[str]) -> list[Answer]:
        return await self._ask(queries, bucket=self._rollup_bucket)

    async def _ask(self, queries: Sequence[str], epoch: str = "ms", bucket: str | None = None) -> list[Answer]:
        """The series of several statements, a few asked at once."""

        async def one(query: str) -> Sequence[Answer]:
            async with self._asking:
                return await self._connection.query(bucket or self._bucket, query, epoch)

        return [series for found in await asyncio.gather(*map(one, queries)) for series in found]

    async def _newest(self, links: Sequence[str], since: int) -> Mapping[SeriesKey, int]:
        """The time of the newest row of each series of these links with time >= since."""
        cut: list[Sequence[str] | None] = [None] if len(links) > _LINKS_AT_ONCE else [links]
        try:
            found = await self._ask([samples_query('last("seconds")', some, since, None) for some in cut])
        except MissingBucketError:
            return {}
        return {(link_of(one), SOURCES[source_of(one)]): int(one["values"][0][0]) for one in found}

    async def _stored(self, links: Sequence[str], start: int, end: int) -> Rows:
        """Rows of these links as they stand in the server, with every field it has."""
        queries = [samples_query(EVERY_FIELD, some, start, end) for some in _cut(links, _links_at_once(start, end))]
        return concatenated([rows_of_answer(series) for series in await self._ask(queries)])

    async def _rows(
        self, links: Sequence[str], fields: Sequence[str], start: int, end: int | None, rest: str = BY_SERIES
    ) -> Rows:
        """Merged rows of these links; codes are positions in `links`, each named once."""
        links = tuple(dict.fromkeys(links))
        at_once = _links_at_once(start, end)
        queries = [samples_query(columns_of(fields), some, start, end, rest) for some in _cut(links, at_once)]
        found = concatenated([rows_of_answer(series) for series in await self._ask(queries)])
        return merged(found.named(links) if len(found) else empty(links))

    async def window(
        self,
        links: Sequence[str],
        fields: Sequence[str],
        start: datetime,
        end: datetime,
        every: timedelta | None = None,
        agg: Aggregate | None = None,
    ) -> Sequence[Series]:
        check_question(fields, every, agg)
        if every is not None and agg is not None:
            return series_of(await self._buckets(links, fields, epoch_ms(start), epoch_ms(end), every, agg))
        return series_of(await self._rows(links, fields, epoch_ms(start), epoch_ms(end)))

    async def _buckets(
        self, links: Sequence[str], fields: Sequence[str], start: int, end: int, every: timedelta, agg: Aggregate
    ) -> Rows:
        every_ms = every // timedelta(milliseconds=1)
        days = await self._rollups.days(start, end) if every_ms % HOUR_MS == 0 else []
        stretches = covered(days, start, end, HOUR_MS)
        if not stretches:
            return bucketed(await self._rows(links, fields, start, end), every_ms, agg)
        hours = [await self._rollups.read(HOUR_MS // 1000, links, None, (*fields, SAMPLES), stretches)]
        for first, last in between(stretches, start, end):
            rows = await self._rows(links, fields, first, last)
            hours.append(rolled_hours(merged(rows.named(sorted(rows.names)))))
        buckets = buckets_of_hours(newest_of(hours), every_ms, agg)
        return ordered(buckets.named(tuple(dict.fromkeys(links))))

    async def facts(
        self, subjects: Sequence[str], start: datetime, end: datetime, kinds: Sequence[FactKind] = ()
    ) -> Sequence[Fact]:
        queries = [facts_query(some, epoch_us(start), epoch_us(end), kinds) for some in _cut(subjects, _LINKS_AT_ONCE)]
        return sorted(distinct([fact for one in await self._ask(queries, "u") for fact in facts_of_answer(one)]))

    async def summary(
        self,
        selector: Selector,
        fields: Sequence[str],
        start: datetime,
        end: datetime,
        stats: Sequence[Statistic],
        due: Due | None = None,
        *,
        approximate: bool = False,
    ) -> Sequence[Summary]:
        check_question(fields, None, None)
        asked = Asked(fields, epoch_ms(start), epoch_ms(end), stats, due)
        links = sorted(set(selector.links))
        rolled = settled_days(await self._rollups.days(asked.start, asked.end), due) if approximate else []
        days = covered(rolled, asked.start, asked.end, DAY_MS)
        at_once = _QUERIES_AT_ONCE * _links_at_once(asked.start, asked.end)
        found: dict[str, Summary] = {}
        with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
            for some in _cut(links, at_once if not days else _LINKS_AT_ONCE):
                answers = await self._summaries(replace(selector, links=tuple(some)), asked, days, pool)
                found |= zip(some, answers, strict=True)
        return [found[link] for link in selector.links]

    async def _summaries(
        self, selector: Selector, asked: Asked, days: Sequence[tuple[int, int]], pool: Executor
    ) -> list[Summary]:
        """Of links that ascend, these stretches of whole days being read from roll-ups."""
        only = f' AND "source" = {literal(selector.source)}{BY_SERIES}'
        tables = [
            await self._rows(selector.links, asked.columns, first, last, only)
            for first, last in between(days, asked.start, asked.end)
        ]
        rows = concatenated(tables)
        rows = merged(rows) if len(rows) else empty(selector.links)
        if not days:
            return await asyncio.to_thread(exact_summaries, rows, asked, pool)
        rolled = await self._rollups.read(DAY_MS // 1000, selector.links, selector.source, asked.rolled, days)
        rolled = newest_of([empty_rollup(rolled.every, selector.links), rolled])
        return await asyncio.to_thread(approximate_summaries, rolled, rows, asked, pool)

    async def latest(self, selector: Selector, now: datetime, max_age: timedelta) -> SampleBatch:
        last = f' AND "source" = {literal(selector.source)}{BY_SERIES} ORDER BY time DESC LIMIT 1'
        rows = await self._rows(selector.links, tuple(FIELDS), epoch_ms(now - max_age), None, last)
        return batch_of_rows(selector.source, rows)

    async def maintain(self, now: datetime) -> MaintenanceReport:
        """Roll up closed days; InfluxDB seals and expires by itself, by the buckets' retention."""
        try:
            done = await self._rollups.maintain(epoch_ms(now), self._raw_days)
        except MissingBucketError:
            await influx_setup.create(self._connection, self._bucket, self._raw_days + 1)
            return MaintenanceReport(0, 0, 0)
        return MaintenanceReport(0, 0, 0, rolled_days=done)

    async def health(self) -> StoreHealth:
        backlog = self._journal.position() - self._journal.cursor(CURSOR) if self._journal else 0
        newest = None
        try:
            # Of a day first: over all time the question is dear, and InfluxDB 3 Core may refuse it.
            for span in (" WHERE time > now() - 1d", ""):
                series = await self._ask([f'SELECT last("seconds") FROM "samples"{span}'])  # noqa: S608 - InfluxQL
                if series:
                    newest = from_epoch_ms(int(series[0]["values"][0][0]))
                    break
        except StoreError as error:
            return StoreHealth(False, backlog, None, str(error))
        return StoreHealth(True, backlog, newest, f"InfluxDB at {self._connection.url} answers; {self._bucket}")

    async def close(self) -> None:
        await self._connection.close()
        if self._journal is not None:
            await asyncio.to_thread(self._journal.close)


def _links_at_once(start: int, end: int | None) -> int:
    """Of how many links to ask in one query over start..end (epoch milliseconds), at a row a minute."""
    minutes = (end - start) // 60_000 if end is not None else 0
    return max(1, min(_LINKS_AT_ONCE, _ROWS_AT_ONCE // max(1, minutes)))


def _cut(keys: Sequence[str], at_once: int) -> list[Sequence[str]]:
    return [keys[first : first + at_once] for first in range(0, len(keys), at_once)]


def _told(refused: Sequence[Refused], of: int) -> str:
    reasons = list(dict.fromkeys(each.reason for each in refused))
    more = f", and {len(reasons) - 1} other reasons" if len(reasons) > 1 else ""
    return f"{len(refused)} of {of} were refused and all others are stored: {reasons[0]}{more}"
