"""The store in InfluxDB 1.8, 2 or 3: writes by the official client, reads by InfluxQL over /query.

All three versions answer these two. Rows are fetched and ranked by us: InfluxQL's PERCENTILE ranks differently, and
Flux is absent from version 3. Retention is the bucket's own. Two rows of one identity merge in the order in which
they are written, not of `received_at`; the journal is written in the order of receipt, so the two agree.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import aiohttp
import numpy as np
from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
from influxdb_client.rest import ApiException

from collector.entries import epoch_us, finite, from_epoch_us
from collector.journal import Journal
from collector.model import FIELDS, Fact, FactKind, SampleBatch, Series, Source
from collector.settings import InfluxSettings
from collector.store.answers import bucketed, check_question, distinct, identity, series_of, summary_of
from collector.store.lineprotocol import any_of, fact_lines, literal, original_text, sample_lines
from collector.store.port import (
    Aggregate,
    Due,
    MaintenanceReport,
    RefusedError,
    Selector,
    Statistic,
    StoreError,
    StoreHealth,
    Summary,
)
from collector.store.rows import SOURCES, Rows, batch_of_rows, concatenated, empty, merged, rows_of
from config.clock import epoch_ms, from_epoch_ms

CURSOR = "influx"
"""The forwarder's cursor in the journal."""
_LINES_AT_ONCE = 5000
_BY_SERIES = ' GROUP BY "link", "source"'
_LINKS_AT_ONCE = 16


class InfluxStore:
    """A MeasurementStore in a bucket (`database/retention-policy` on 1.x). `journal`, when given, is closed with it."""

    def __init__(
        self,
        url: str,
        token: str | None,
        bucket: str,
        *,
        org: str = "-",
        timeout: float = 30.0,
        journal: Journal | None = None,
    ) -> None:
        self._url, self._token, self._bucket, self._org = url.rstrip("/"), token or "", bucket, org
        self._timeout, self._journal = timeout, journal
        self._client: InfluxDBClientAsync | None = None
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    def of_settings(cls, settings: InfluxSettings, journal: Journal | None = None) -> InfluxStore:
        token = settings.token.get_secret_value() if settings.token else None
        return cls(str(settings.url), token, settings.bucket, org=settings.org, journal=journal)

    async def write(self, batch: SampleBatch) -> None:
        fields = {name: finite(values) for name, values in batch.fields.items()}
        rows = merged(rows_of([replace(batch, fields=fields)]))
        await self._write(sample_lines(rows), "ms")

    async def write_facts(self, facts: Sequence[Fact]) -> None:
        if not facts:
            return
        times = [fact.time for fact in facts]
        subjects = list(dict.fromkeys(fact.subject for fact in facts))
        # A point written again would take the new received_at; the first one is to stay.
        known = {identity(fact) for fact in await self.facts(subjects, min(times), max(times) + timedelta(seconds=1))}
        await self._write(fact_lines([fact for fact in distinct(facts) if identity(fact) not in known]), "us")

    async def _write(self, lines: Sequence[str], precision: str) -> None:
        for first in range(0, len(lines), _LINES_AT_ONCE):
            body = "\n".join(lines[first : first + _LINES_AT_ONCE])
            try:
                api = self._connected().write_api()
                await api.write(self._bucket, self._org, body.encode(), write_precision=precision)  # type: ignore[arg-type]
            except ApiException as error:
                raise self._refusal(int(error.status or 0), _said(error.body or error.reason)) from None
            except (InfluxDBError, aiohttp.ClientError, TimeoutError, OSError) as error:
                raise self._unreachable(error) from None

    def _connected(self) -> InfluxDBClientAsync:
        if self._client is None:
            milliseconds = round(self._timeout * 1000)
            self._client = InfluxDBClientAsync(
                url=self._url, token=self._token, org=self._org, timeout=milliseconds, enable_gzip=True
            )
        return self._client

    async def _query(self, query: str, epoch: str) -> Sequence[Mapping[str, Any]]:
        """The series of one InfluxQL statement."""
        if self._session is None:
            headers = {"Authorization": f"Token {self._token}"} if self._token else {}
            self._session = aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=self._timeout))
        database, _, policy = self._bucket.partition("/")
        form = {"q": query, "db": database, "epoch": epoch} | ({"rp": policy} if policy else {})
        try:
            async with self._session.post(f"{self._url}/query", data=form) as response:
                body = await response.read()
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from None
        if response.status != 200:
            raise self._refusal(response.status, _said(body))
        try:
            (result,) = json.loads(body)["results"]
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"InfluxDB at {self._url} answered /query with something that is no InfluxQL result; check the url"
            ) from error
        if "error" in result:
            raise self._refusal(404 if "not found" in result["error"] else 500, result["error"])
        series: Sequence[Mapping[str, Any]] = result.get("series", [])
        return series

    def _unreachable(self, error: Exception) -> StoreError:
        reason = "no answer in time" if isinstance(error, TimeoutError) else str(error) or type(error).__name__
        return StoreError(
            f"InfluxDB at {self._url} cannot be reached ({reason}); see that it runs and that the url is right",
            retryable=True,
        )

    def _refusal(self, status: int, said: str) -> StoreError:
        where = f"InfluxDB at {self._url} answered {status}"
        if status in (401, 403):
            return StoreError(f"{where}: the token may not use {self._bucket}; check `influx.token` and its rights")
        if status == 404:
            return StoreError(
                f"{where} ({said}); create the bucket or database {self._bucket}, or correct `influx.bucket`"
            )
        if status in (400, 413, 422):
            return RefusedError(f"{where} and refused rows ({said}); correct them or the bucket's field types")
        if status == 429 or status >= 500 or status == 0:
            return StoreError(f"{where} ({said}); it is overloaded or failing, the same is tried again", retryable=True)
        return StoreError(f"{where} ({said}); check that the url is an InfluxDB 1.8, 2 or 3")

    async def _rows(
        self, links: Sequence[str], fields: Sequence[str], start: int, end: int | None, rest: str = _BY_SERIES
    ) -> Rows:
        """Merged rows of these links; codes are positions in `links`, each named once."""
        links = tuple(dict.fromkeys(links))
        names = ["seconds", "received_at", *dict.fromkeys(fields)]
        chosen = ", ".join(f'"{name}"' for name in names)
        tables = []
        for first in range(0, len(links), _LINKS_AT_ONCE):
            until = f" AND time < {end}ms" if end is not None else ""
            some = any_of("link", links[first : first + _LINKS_AT_ONCE])
            query = f'SELECT {chosen} FROM "samples" WHERE {some} AND time >= {start}ms{until}{rest}'  # noqa: S608
            series = await self._query(query, "ms")
            tables += [_table(one, names) for one in series]
        found = concatenated(tables)
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
        rows = await self._rows(links, fields, epoch_ms(start), epoch_ms(end))
        if every is not None and agg is not None:
            rows = bucketed(rows, every // timedelta(milliseconds=1), agg)
        return series_of(rows)

    async def facts(
        self, subjects: Sequence[str], start: datetime, end: datetime, kinds: Sequence[FactKind] = ()
    ) -> Sequence[Fact]:
        found: list[Fact] = []
        also = f" AND {any_of('kind', [str(kind) for kind in kinds])}" if kinds else ""
        for first in range(0, len(subjects), _LINKS_AT_ONCE * 10):
            about = any_of("subject", subjects[first : first + _LINKS_AT_ONCE * 10])
            span = f"time >= {epoch_us(start)}u AND time < {epoch_us(end)}u"
            series = await self._query(
                f'SELECT "received_at", "detail" FROM "facts" WHERE {about} AND {span}{also} '  # noqa: S608
                'GROUP BY "subject", "kind", "source", "value"',
                "u",
            )
            found += [fact for one in series for fact in _facts(one)]
        return sorted(distinct(found))

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
        del due, approximate
        only = f' AND "source" = {literal(selector.source)}{_BY_SERIES}'
        found = []
        for first in range(0, len(selector.links), _LINKS_AT_ONCE):
            links = selector.links[first : first + _LINKS_AT_ONCE]
            rows = await self._rows(links, fields, epoch_ms(start), epoch_ms(end), only)
            by_link = {series.link: series for series in series_of(rows)}
            found += [summary_of(link, by_link.get(link), fields, stats) for link in links]
        return found

    async def latest(self, selector: Selector, now: datetime, max_age: timedelta) -> SampleBatch:
        last = f' AND "source" = {literal(selector.source)}{_BY_SERIES} ORDER BY time DESC LIMIT 1'
        rows = await self._rows(selector.links, tuple(FIELDS), epoch_ms(now - max_age), None, last)
        return batch_of_rows(selector.source, rows)

    async def maintain(self, now: datetime) -> MaintenanceReport:  # noqa: ARG002 - the port's signature
        """Nothing to do: InfluxDB seals and expires by itself, by the bucket's retention."""
        return MaintenanceReport(0, 0, 0)

    async def health(self) -> StoreHealth:
        backlog = self._journal.position() - self._journal.cursor(CURSOR) if self._journal else 0
        try:
            series = await self._query('SELECT last("seconds") FROM "samples"', "ms")
        except StoreError as error:
            return StoreHealth(False, backlog, None, str(error))
        newest = from_epoch_ms(int(series[0]["values"][0][0])) if series else None
        return StoreHealth(True, backlog, newest, f"InfluxDB at {self._url} answers; bucket {self._bucket}")

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()  # type: ignore[no-untyped-call]
        if self._session is not None:
            await self._session.close()
        self._client = self._session = None
        if self._journal is not None:
            await asyncio.to_thread(self._journal.close)


def _said(body: object) -> str:
    """InfluxDB's own words of an error, short."""
    text = body.decode(errors="replace") if isinstance(body, bytes) else str(body or "no reason given")
    try:
        document = json.loads(text)
        text = str(document.get("message") or document.get("error") or text)
    except (ValueError, AttributeError):
        text = " ".join(text.split())
    return text if len(text) <= 200 else text[:197] + "..."


def _table(series: Mapping[str, Any], names: Sequence[str]) -> Rows:
    """One series of an answer (columns: time, then `names`) as rows."""
    columns = np.array(series["values"], dtype=np.float64).T
    n = columns.shape[1]
    source = Source(series["tags"]["source"])
    return Rows(
        names=(original_text(series["tags"]["link"]),),
        link=np.zeros(n, np.int32),
        source=np.full(n, SOURCES.index(source), np.int8),
        time=columns[0].astype(np.int64),
        seconds=columns[1].astype(np.int32),
        received_at=columns[2].astype(np.int64),
        fields={name: columns[3 + i] for i, name in enumerate(names[2:])},
    )


def _facts(series: Mapping[str, Any]) -> list[Fact]:
    tags = {name: original_text(text) for name, text in series["tags"].items()}
    return [
        Fact(
            time=from_epoch_us(time),
            subject=tags["subject"],
            kind=FactKind(tags["kind"]),
            value=tags["value"],
            source=Source(tags["source"]),
            received_at=from_epoch_us(received_at),
            detail=original_text(detail or ""),
        )
        for time, received_at, detail in series["values"]
    ]
