"""VCO answers read with suspicion: what is wrong becomes None or NaN and is counted, the rest of the row is kept.

Pure. The vendor's description (API v1, 5.0.0) is wrong in places: numbers come as text, dates as
`0000-00-00 00:00:00`, whole keys are missing on older hosts. A sound row is decoded straight into the few fields that
we need, one that is not is read field by field (`record.py`); both ways give the same row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Annotated

import msgspec
import numpy as np

from collector.model import FloatArray
from collector.orchestrator.record import (
    HIGHEST,
    Identifier,
    Moment,
    Number,
    Read,
    Record,
    Rows,
    Text,
    finite,
    identity_of,
    moment_of,
    read_body,
    read_rows,
)


class LinkRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A link with its edge, as getEnterpriseEdgeLinkStatus gives it; an edge without links has no link fields."""

    enterprise: str | None
    edge: str | None
    edge_name: str | None
    edge_state: str | None
    edge_last_contact: datetime | None
    serial: str | None
    standby_serial: str | None
    """Of a pair the serials of the box at work and of the other; they change places on failover."""
    link: str | None
    internal_id: str | None
    interface: str | None
    state: str | None
    last_active: datetime | None
    mode: str | None
    backup_state: str | None

    @property
    def has_link(self) -> bool:
        return self.internal_id is not None or self.interface is not None or self.link is not None


class MetricsRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One link's aggregate over the window asked for; `values` in the order of METRICS, NaN where unusable."""

    link: LinkRow
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSeries:
    metric: str
    start: int
    tick: int
    """Epoch milliseconds of the first value, and milliseconds from one value to the next."""
    values: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRow:
    """A link's series; its `edge` and what identifies the link, and when it was last active."""

    edge: str | None
    link: str | None
    internal_id: str | None
    interface: str | None
    last_active: datetime | None
    series: Sequence[MetricSeries]


class EdgeRow(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An edge's HA state, as getEnterpriseEdges and getNetworkEnterprises list it."""

    edge: str
    ha_state: str | None
    time: datetime | None = None
    """When it was read; None for now."""


class _Status(msgspec.Struct, rename="camel", gc=False):
    enterprise_id: Identifier | None = None
    edge_id: Identifier | None = None
    edge_name: Text | None = None
    edge_state: Text | None = None
    edge_last_contact: Moment | None = None
    edge_serial_number: Text | None = None
    standby: Text | None = msgspec.field(default=None, name="edgeHASerialNumber")
    link_id: Identifier | None = None
    internal_id: Text | None = None
    interface: Text | None = None
    link_state: Text | None = None
    link_last_active: Moment | None = None
    link_mode: Text | None = None
    link_backup_state: Text | None = None


def read_links(body: bytes) -> Rows[LinkRow]:
    """The rows of monitoring/getEnterpriseEdgeLinkStatus. Raises as `read_body`."""
    return read_body(body, _quick_link, _slow_link)


def link_rows(items: Sequence[object]) -> Rows[LinkRow]:
    """The same rows, of objects."""
    return read_rows(items, _slow_link)


_decode_status = msgspec.json.Decoder(_Status).decode


def _quick_link(piece: msgspec.Raw) -> Read[LinkRow]:
    row, damaged = _link_of(_decode_status(piece))
    return (None, damaged + 1) if row.edge is None else (row, damaged)


def _slow_link(record: Record) -> Read[LinkRow]:
    row = _link_row(record)
    return (None, 1) if row.edge is None else (row, 0)


def _link_of(said: _Status) -> tuple[LinkRow, int]:
    contact, contact_damaged = moment_of(said.edge_last_contact)
    active, active_damaged = moment_of(said.link_last_active)
    row = LinkRow(
        enterprise=identity_of(said.enterprise_id),
        edge=identity_of(said.edge_id),
        edge_name=said.edge_name or None,
        edge_state=said.edge_state or None,
        edge_last_contact=contact,
        serial=said.edge_serial_number or None,
        standby_serial=said.standby or None,
        link=identity_of(said.link_id),
        internal_id=said.internal_id or None,
        interface=said.interface or None,
        state=said.link_state or None,
        last_active=active,
        mode=said.link_mode or None,
        backup_state=said.link_backup_state or None,
    )
    return row, contact_damaged + active_damaged


def _link_row(record: Record) -> LinkRow:
    return LinkRow(
        enterprise=record.identifier("enterpriseId"),
        edge=record.identifier("edgeId"),
        edge_name=record.text("edgeName"),
        edge_state=record.text("edgeState"),
        edge_last_contact=record.moment("edgeLastContact"),
        serial=record.text("edgeSerialNumber"),
        standby_serial=record.text("edgeHASerialNumber"),
        link=record.identifier("linkId"),
        internal_id=record.text("internalId"),
        interface=record.text("interface"),
        state=record.text("linkState"),
        last_active=record.moment("linkLastActive"),
        mode=record.text("linkMode"),
        backup_state=record.text("linkBackupState"),
    )


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


def _highest(metric: str) -> float:
    return 100.0 if metric.startswith("bestLossPct") else HIGHEST


_BOUNDS = tuple(map(_highest, METRICS))
Percentage = Annotated[float, msgspec.Meta(ge=0.0, le=100.0)] | Text


class _Metrics(msgspec.Struct, rename="camel", gc=False):
    bytes_rx: Number | None = None
    bytes_tx: Number | None = None
    best_latency_ms_rx: Number | None = None
    best_latency_ms_tx: Number | None = None
    best_jitter_ms_rx: Number | None = None
    best_jitter_ms_tx: Number | None = None
    best_loss_pct_rx: Percentage | None = None
    best_loss_pct_tx: Percentage | None = None
    bps_of_best_path_rx: Number | None = None
    bps_of_best_path_tx: Number | None = None
    link_id: Identifier | None = None
    link: _Status | None = None


_decode_metrics = msgspec.json.Decoder(_Metrics).decode
_FIGURES = attrgetter(*_Metrics.__struct_fields__[: len(METRICS)])


def read_metrics(body: bytes) -> Rows[MetricsRow]:
    """The rows of monitoring/getAggregateEdgeLinkMetrics. Raises as `read_body`."""
    return read_body(body, _quick_metrics, _slow_metrics)


def _quick_metrics(piece: msgspec.Raw) -> Read[MetricsRow]:
    said = _decode_metrics(piece)
    link, damaged = _link_of(said.link or _Status())
    if link.link is None:
        link = msgspec.structs.replace(link, link=identity_of(said.link_id))
    figures = zip(_FIGURES(said), _BOUNDS, strict=True)
    values = tuple(value if type(value) is float else _figure(value, bound) for value, bound in figures)
    return MetricsRow(link=link, values=values), damaged


def _figure(value: str | None, highest: float) -> float:
    """A number that came as text, or none. Raises ValueError for what is no number in its range."""
    if value is None:
        return math.nan
    number = finite(value)
    if not 0 <= number <= highest:
        raise ValueError(value)
    return number


def _slow_metrics(record: Record) -> Read[MetricsRow]:
    nested = record.record("link")
    link = _link_row(nested)
    if link.link is None:
        link = msgspec.structs.replace(link, link=record.identifier("linkId"))
    values = tuple(record.number(metric, high=bound) for metric, bound in zip(METRICS, _BOUNDS, strict=True))
    return MetricsRow(link=link, values=values), nested.damaged


class _OneSeries(msgspec.Struct, rename="camel", gc=False):
    metric: Text
    start_time: Moment
    tick_interval: Annotated[int, msgspec.Meta(ge=1000, le=86_400_000)]
    data: list[Annotated[float, msgspec.Meta(ge=0.0, le=HIGHEST)] | None]


class _SeriesLink(msgspec.Struct, rename="camel", gc=False):
    """The object has names of its own (`id`, `state`, `lastActive`)."""

    internal_id: Text | None = None
    interface: Text | None = None
    last_active: Moment | None = None


class _Series(msgspec.Struct, rename="camel", gc=False):
    edge_id: Identifier | None = None
    link_id: Identifier | None = None
    series: list[_OneSeries] | None = None
    link: _SeriesLink | None = None


_decode_series = msgspec.json.Decoder(_Series).decode


def read_series(body: bytes) -> Rows[SeriesRow]:
    """The rows of metrics/getEdgeLinkSeries. Raises as `read_body`."""
    return read_body(body, _quick_series, _slow_series)


def _quick_series(piece: msgspec.Raw) -> Read[SeriesRow]:
    said = _decode_series(piece)
    link = said.link or _SeriesLink()
    active, damaged = moment_of(link.last_active)
    series = []
    for one in said.series or ():
        start, _ = moment_of(one.start_time)
        values = np.array(one.data, dtype=np.float64)
        if start is None or not one.metric or (values > _highest(one.metric)).any():
            raise ValueError(one.metric)
        series.append(_metric(one.metric, start, one.tick_interval, values))
    row = SeriesRow(
        edge=identity_of(said.edge_id),
        link=identity_of(said.link_id),
        internal_id=link.internal_id or None,
        interface=link.interface or None,
        last_active=active,
        series=series,
    )
    return row, int(damaged)


def _slow_series(record: Record) -> Read[SeriesRow]:
    nested = record.record("link")
    series = read_rows(record.items("series"), _metric_series)
    row = SeriesRow(
        edge=record.identifier("edgeId"),
        link=record.identifier("linkId"),
        internal_id=nested.text("internalId"),
        interface=nested.text("interface"),
        last_active=nested.moment("lastActive"),
        series=series.rows,
    )
    return row, nested.damaged + series.damaged


def _metric_series(record: Record) -> Read[MetricSeries]:
    metric = record.text("metric")
    start = record.moment("startTime")
    tick = record.whole("tickInterval", low=1000, high=86_400_000)
    if metric is None or start is None or tick is None:
        return None, 1
    data = record.items("data")
    values = np.array([finite(value) for value in data], dtype=np.float64)
    values[(values < 0) | (values > _highest(metric))] = np.nan
    damaged = int(np.isnan(values).sum()) - sum(value is None for value in data)
    return _metric(metric, start, tick, values), damaged


def _metric(metric: str, start: datetime, tick: int, values: FloatArray) -> MetricSeries:
    return MetricSeries(metric=metric, start=round(start.timestamp() * 1000), tick=tick, values=values)


class _Edge(msgspec.Struct, rename="camel", gc=False):
    id: Identifier
    ha_state: Text | None = None


class _Enterprise(msgspec.Struct, gc=False):
    edges: list[_Edge] | None = None


_decode_edge = msgspec.json.Decoder(_Edge).decode
_decode_enterprise = msgspec.json.Decoder(_Enterprise).decode


def read_edges(body: bytes) -> Rows[EdgeRow]:
    """The rows of enterprise/getEnterpriseEdges. Raises as `read_body`."""
    return read_body(body, lambda piece: (_edge_of(_decode_edge(piece)), 0), _edge_row)


def read_enterprise_edges(body: bytes) -> Rows[EdgeRow]:
    """The edges in an answer of network/getNetworkEnterprises, of all enterprises. Raises as `read_body`."""

    def quick(piece: msgspec.Raw) -> Read[Sequence[EdgeRow]]:
        return [_edge_of(edge) for edge in _decode_enterprise(piece).edges or ()], 0

    def slow(record: Record) -> Read[Sequence[EdgeRow]]:
        edges = read_rows(record.items("edges"), _edge_row)
        return edges.rows, edges.damaged

    found = read_body(body, quick, slow)
    return Rows([edge for edges in found for edge in edges], found.damaged)


def _edge_of(said: _Edge) -> EdgeRow:
    edge = identity_of(said.id)
    if edge is None:
        raise ValueError(said.id)
    return EdgeRow(edge=edge, ha_state=said.ha_state or None)


def _edge_row(record: Record) -> Read[EdgeRow]:
    edge = record.identifier("id")
    return (None, 1) if edge is None else (EdgeRow(edge=edge, ha_state=record.text("haState")), 0)
