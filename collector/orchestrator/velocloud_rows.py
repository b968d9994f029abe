"""VCO answers read with suspicion: what is wrong becomes None or NaN and is counted, the rest of the row is kept.

Pure. The vendor's description (API v1, 5.0.0) is wrong in places: numbers come as text, dates as
`0000-00-00 00:00:00`, whole keys are missing on older hosts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Generic, TypeVar

import numpy as np

from collector.model import FloatArray
from config.clock import from_epoch_ms

Row = TypeVar("Row")

_LONGEST_TEXT = 500
_HIGHEST = 1e18


@dataclass(frozen=True, slots=True)
class Rows(Generic[Row]):
    """The usable rows of an answer, and how many fields or rows of it were unusable."""

    rows: Sequence[Row]
    damaged: int

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRow:
    """A link with its edge, as getEnterpriseEdgeLinkStatus gives it; an edge without links has no link fields."""

    enterprise: int | None
    edge: int | None
    edge_name: str | None
    edge_state: str | None
    edge_last_contact: datetime | None
    standby_serial: str | None
    link: int | None
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

    edge: int
    ha_state: str | None


class Record:
    """One JSON object. Every getter answers None (or NaN) for what is absent, null or of the wrong kind.

    What is there but of the wrong kind is counted in `damaged`.
    """

    __slots__ = ("_values", "damaged")

    def __init__(self, value: object) -> None:
        self._values: Mapping[object, object] = value if isinstance(value, dict) else {}
        self.damaged = 0 if isinstance(value, dict) else 1

    def text(self, key: str, *, longest: int = _LONGEST_TEXT) -> str | None:
        value = self._values.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self.damaged += 1
            return None
        # JSON may carry half a surrogate pair, which no file or database takes.
        return value[:longest].encode("utf-8", "replace").decode("utf-8")

    def number(self, key: str, *, low: float = 0.0, high: float = _HIGHEST) -> float:
        value = self._values.get(key)
        if value is None:
            return math.nan
        number = _finite(value)
        if low <= number <= high:
            return number
        self.damaged += 1
        return math.nan

    def whole(self, key: str, *, low: float = 0.0, high: float = _HIGHEST) -> int | None:
        number = self.number(key, low=low, high=high)
        if math.isnan(number):
            return None
        if number.is_integer():
            return int(number)
        self.damaged += 1
        return None

    def moment(self, key: str) -> datetime | None:
        value = self._values.get(key)
        if value is None or value == "":
            return None
        moment = _moment(value)
        self.damaged += moment is None
        return moment

    def record(self, key: str) -> Record:
        """A nested object; an absent one is an empty record and no damage."""
        value = self._values.get(key)
        return Record({} if value is None else value)

    def items(self, key: str) -> Sequence[object]:
        value = self._values.get(key)
        if value is None:
            return ()
        if isinstance(value, list):
            return value
        self.damaged += 1
        return ()


def _finite(value: object) -> float:
    """A JSON number, or a number written as text; NaN for everything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return math.nan
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return math.nan
    return number if math.isfinite(number) else math.nan


def _moment(value: object) -> datetime | None:
    """RFC 3339 or 13-digit epoch milliseconds; the vendor's times are UTC. None for anything else."""
    milliseconds = _finite(value)
    try:
        if not math.isnan(milliseconds):
            return from_epoch_ms(round(milliseconds))
        moment = datetime.fromisoformat(str(value))
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _rows(items: Sequence[object], read: Callable[[Record], tuple[Row | None, int]]) -> Rows[Row]:
    """`read` each object; a row without which nothing can be said is left out and counted."""
    rows: list[Row] = []
    damaged = 0
    for item in items:
        record = Record(item)
        row, below = read(record) if isinstance(item, dict) else (None, 0)
        damaged += record.damaged + below
        if row is not None:
            rows.append(row)
    return Rows(rows, damaged)


def link_rows(items: Sequence[object]) -> Rows[LinkRow]:
    """The rows of monitoring/getEnterpriseEdgeLinkStatus."""

    def read(record: Record) -> tuple[LinkRow | None, int]:
        row = _link_row(record)
        return (None, 1) if row.edge is None else (row, 0)

    return _rows(items, read)


def _link_row(record: Record) -> LinkRow:
    return LinkRow(
        enterprise=record.whole("enterpriseId"),
        edge=record.whole("edgeId"),
        edge_name=record.text("edgeName"),
        edge_state=record.text("edgeState"),
        edge_last_contact=record.moment("edgeLastContact"),
        standby_serial=record.text("edgeHASerialNumber"),
        link=record.whole("linkId"),
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
            link = replace(link, link=record.whole("linkId"))
        values = {metric: record.number(metric, high=_highest(metric)) for metric in METRICS}
        return MetricsRow(link=link, values=values), nested.damaged

    return _rows(items, read)


def _highest(metric: str) -> float:
    return 100.0 if metric in PERCENTAGES else _HIGHEST


def series_rows(items: Sequence[object]) -> Rows[SeriesRow]:
    """The rows of metrics/getEdgeLinkSeries; its `link` object has names of its own (`id`, `state`, `lastActive`)."""

    def read(record: Record) -> tuple[SeriesRow | None, int]:
        nested = record.record("link")
        link = LinkRow(
            enterprise=None,
            edge=record.whole("edgeId"),
            edge_name=None,
            edge_state=None,
            edge_last_contact=None,
            standby_serial=None,
            link=record.whole("linkId"),
            internal_id=nested.text("internalId"),
            interface=nested.text("interface"),
            state=nested.text("state"),
            last_active=nested.moment("lastActive"),
            mode=nested.text("linkMode"),
        )
        series = _rows(record.items("series"), _metric_series)
        return SeriesRow(link=link, series=series.rows), nested.damaged + series.damaged

    return _rows(items, read)


def _metric_series(record: Record) -> tuple[MetricSeries | None, int]:
    metric = record.text("metric")
    start = record.moment("startTime")
    tick = record.whole("tickInterval", low=1000, high=86_400_000)
    if metric is None or start is None or tick is None:
        return None, 1
    data = record.items("data")
    values = np.array([_finite(value) for value in data], dtype=np.float64)
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

    return _rows(items, read)


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
        edge = record.whole("id")
        return (None, 1) if edge is None else (EdgeRow(edge=edge, ha_state=record.text("haState")), 0)

    return _rows(edges, read)
