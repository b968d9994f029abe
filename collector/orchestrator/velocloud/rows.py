"""VCO answers read with suspicion: what is wrong becomes None or NaN and is counted, the rest of the row is kept.

Pure. The vendor's description (API v1, 5.0.0) is wrong in places: numbers come as text, dates as
`0000-00-00 00:00:00`, whole keys are missing on older hosts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from collector.model import FloatArray
from collector.orchestrator.record import HIGHEST, Record, Rows, finite, read_rows


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """A link with its edge, as getEnterpriseEdgeLinkStatus gives it; an edge without links has no link fields."""

    enterprise: str | None
    edge: str | None
    edge_name: str | None
    edge_state: str | None
    edge_last_contact: datetime | None
    standby_serial: str | None
    link: str | None
    internal_id: str | None
    interface: str | None
    state: str | None
    last_active: datetime | None
    mode: str | None

    @property
    def has_link(self) -> bool:
        return self.internal_id is not None or self.interface is not None or self.link is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsRow:
    """One link's aggregate over the window asked for; `values` by the vendor's metric names, NaN where unusable."""

    link: LinkRow
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSeries:
    metric: str
    start: int
    tick: int
    """Epoch milliseconds of the first value, and milliseconds from one value to the next."""
    values: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRow:
    link: LinkRow
    series: Sequence[MetricSeries]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    time: datetime
    event: str
    message: str
    edge_name: str | None
    internal_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeRow:
    """An edge as getNetworkEnterprises lists it."""

    edge: str
    ha_state: str | None


def link_rows(items: Sequence[object]) -> Rows[LinkRow]:
    """The rows of monitoring/getEnterpriseEdgeLinkStatus."""

    def read(record: Record) -> tuple[LinkRow | None, int]:
        row = _link_row(record)
        return (None, 1) if row.edge is None else (row, 0)

    return read_rows(items, read)


def _link_row(record: Record) -> LinkRow:
    return LinkRow(
        enterprise=record.identifier("enterpriseId"),
        edge=record.identifier("edgeId"),
        edge_name=record.text("edgeName"),
        edge_state=record.text("edgeState"),
        edge_last_contact=record.moment("edgeLastContact"),
        standby_serial=record.text("edgeHASerialNumber"),
        link=record.identifier("linkId"),
        internal_id=record.text("internalId"),
        interface=record.text("interface"),
        state=record.text("linkState"),
        last_active=record.moment("linkLastActive"),
        mode=record.text("linkMode"),
    )


PERCENTAGES = frozenset({"bestLossPctRx", "bestLossPctTx"})
METRICS = (
    "bytesRx",
    "bytesTx",
    "bestLatencyMsRx",
    "bestLatencyMsTx",
    "bestJitterMsRx",
    "bestJitterMsTx",
    "bestLossPctRx",
    "bestLossPctTx",
    "bpsOfBestPathRx",
    "bpsOfBestPathTx",
)
"""What we ask for, by the vendor's names. Loss is a percentage (API v1 description of bestLossPct)."""


def metrics_rows(items: Sequence[object]) -> Rows[MetricsRow]:
    """The rows of monitoring/getAggregateEdgeLinkMetrics."""

    def read(record: Record) -> tuple[MetricsRow | None, int]:
        nested = record.record("link")
        link = _link_row(nested)
        if link.link is None:
            link = replace(link, link=record.identifier("linkId"))
        values = {metric: record.number(metric, high=_highest(metric)) for metric in METRICS}
        return MetricsRow(link=link, values=values), nested.damaged

    return read_rows(items, read)


def _highest(metric: str) -> float:
    return 100.0 if metric in PERCENTAGES else HIGHEST


def series_rows(items: Sequence[object]) -> Rows[SeriesRow]:
    """The rows of metrics/getEdgeLinkSeries; its `link` object has names of its own (`id`, `state`, `lastActive`)."""

    def read(record: Record) -> tuple[SeriesRow | None, int]:
        nested = record.record("link")
        link = LinkRow(
            enterprise=None,
            edge=record.identifier("edgeId"),
            edge_name=None,
            edge_state=None,
            edge_last_contact=None,
            standby_serial=None,
            link=record.identifier("linkId"),
            internal_id=nested.text("internalId"),
            interface=nested.text("interface"),
            state=nested.text("state"),
            last_active=nested.moment("lastActive"),
            mode=nested.text("linkMode"),
        )
        series = read_rows(record.items("series"), _metric_series)
        return SeriesRow(link=link, series=series.rows), nested.damaged + series.damaged

    return read_rows(items, read)


def _metric_series(record: Record) -> tuple[MetricSeries | None, int]:
    metric = record.text("metric")
    start = record.moment("startTime")
    tick = record.whole("tickInterval", low=1000, high=86_400_000)
    if metric is None or start is None or tick is None:
        return None, 1
    data = record.items("data")
    values = np.array([finite(value) for value in data], dtype=np.float64)
    values[(values < 0) | (values > _highest(metric))] = np.nan
    damaged = int(np.isnan(values).sum()) - sum(value is None for value in data)
    return MetricSeries(metric=metric, start=round(start.timestamp() * 1000), tick=tick, values=values), damaged


def event_rows(items: Sequence[object]) -> Rows[EventRow]:
    """The rows of event/getEnterpriseEvents. An event without a name or a usable time says nothing."""

    def read(record: Record) -> tuple[EventRow | None, int]:
        time, event = record.moment("eventTime"), record.text("event")
        if time is None or event is None:
            return None, 1
        row = EventRow(
            time=time,
            event=event,
            message=record.text("message") or "",
            edge_name=record.text("edgeName"),
            internal_id=_internal_id(record.text("detail", longest=10_000)),
        )
        return row, 0

    return read_rows(items, read)


def _internal_id(detail: str | None) -> str | None:
    """The link's internalId where the event's detail is the JSON text that link events carry."""
    try:
        document = json.loads(detail or "")
    except (ValueError, RecursionError):
        return None
    return Record(document).text("internalId")


def edge_rows(items: Sequence[object]) -> Rows[EdgeRow]:
    """The edges in an answer of network/getNetworkEnterprises, of all enterprises."""
    edges: list[object] = []
    for item in items:
        edges.extend(Record(item).items("edges"))

    def read(record: Record) -> tuple[EdgeRow | None, int]:
        edge = record.identifier("id")
        return (None, 1) if edge is None else (EdgeRow(edge=edge, ha_state=record.text("haState")), 0)

    return read_rows(edges, read)
