"""From VCO statistics to samples. Pure; what the vendor's figures mean stands in `measured_fields`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from collector.measures import bit_rate
from collector.model import FloatArray, SampleBatch, Source
from collector.orchestrator.directory import Directory
from collector.orchestrator.velocloud.mapping import later_active
from collector.orchestrator.velocloud.rows import METRICS, MetricSeries, MetricsRow, SeriesRow
from collector.snmp.rates import FASTEST_PORT_BPS
from config.clock import epoch_ms


def statistics_batch(
    rows: Sequence[MetricsRow],
    known: Directory,
    numbers: Mapping[str, str],
    start: datetime,
    end: datetime,
    now: datetime,
) -> SampleBatch:
    """One sample of [start, end) for each of our links that was measured; `numbers` maps the host's link ids."""
    chosen: dict[str, MetricsRow] = {}
    for row in rows:
        if row.link.edge is not None and known.device_of(row.link.edge, row.link.enterprise) is None:
            continue
        link = known.link_of(row.link.edge, row.link.internal_id, row.link.interface)
        if link is None and row.link.link is not None:
            link = numbers.get(row.link.link)
        if link is None or link not in known.watched_links:
            continue
        if link not in chosen or later_active(chosen[link].link, row.link) is row.link:
            chosen[link] = row
    seconds = np.full(len(chosen), int((end - start).total_seconds()), dtype=np.int32)
    times = np.full(len(chosen), epoch_ms(start), dtype=np.int64)
    figures = np.array([row.values for row in chosen.values()], dtype=np.float64).reshape(-1, len(METRICS))
    metrics = {name: np.ascontiguousarray(figures[:, column]) for column, name in enumerate(METRICS)}
    return _batch(list(chosen), times, seconds, metrics, now)


def series_batch(
    rows: Sequence[SeriesRow],
    known: Directory,
    edge: str,
    start: datetime,
    end: datetime,
    tick: timedelta,
    now: datetime,
) -> SampleBatch:
    """Samples of one edge's links tick by tick, those with start <= time < end.

    A series with another tick is left out: its samples would take the place of those that the statistics of the same
    moments have, and measure another length.
    """
    chosen: dict[str, SeriesRow] = {}
    for row in rows:
        link = known.link_of(edge, row.internal_id, row.interface)
        if link is None or link not in known.watched_links or row.edge not in (None, edge):
            continue
        if link not in chosen or later_active(chosen[link], row) is row:
            chosen[link] = row
    step, first, last = round(tick.total_seconds() * 1000), epoch_ms(start), epoch_ms(end)
    return joined([_series_of_link(link, row.series, step, first, last, now) for link, row in chosen.items()])


def _series_of_link(
    link: str, every: Sequence[MetricSeries], tick: int, start: int, end: int, now: datetime
) -> SampleBatch:
    same = [metric for metric in every if metric.tick == tick]
    slots = [_slots(metric) for metric in same]
    times = np.unique(np.concatenate(slots)) if slots else np.empty(0, np.int64)
    times = times[(times >= start) & (times < end)]
    metrics = {}
    for metric, slot in zip(same, slots, strict=True):
        column = np.full(len(times), np.nan)
        place = np.searchsorted(times, slot)
        inside = (slot >= start) & (slot < end)
        column[place[inside]] = metric.values[inside]
        metrics[metric.metric] = column
    seconds = np.full(len(times), tick // 1000, dtype=np.int32)
    return _batch([link] * len(times), times, seconds, metrics, now)


def _slots(metric: MetricSeries) -> NDArray[np.int64]:
    """The aligned start of each value's tick: `startTime` may be any moment inside the first one."""
    first = metric.start // metric.tick * metric.tick
    return first + metric.tick * np.arange(len(metric.values), dtype=np.int64)


def _batch(
    links: Sequence[str],
    times: NDArray[np.int64],
    seconds: NDArray[np.int32],
    metrics: Mapping[str, FloatArray],
    now: datetime,
) -> SampleBatch:
    fields = measured_fields(metrics, seconds)
    figures = [column for name, column in fields.items() if not name.endswith("_capacity_bps")]
    there = ~np.all(np.isnan(figures), axis=0)
    return SampleBatch(
        source=Source.ORCHESTRATOR,
        links=[link for link, keep in zip(links, there, strict=True) if keep],
        time=times[there],
        seconds=seconds[there],
        received_at=np.full(int(there.sum()), epoch_ms(now), dtype=np.int64),
        fields={name: column[there] for name, column in fields.items()},
    )


def measured_fields(metrics: Mapping[str, FloatArray], seconds: NDArray[np.int32]) -> dict[str, FloatArray]:
    """The vendor's figures of n link slots as our fields; Rx is download, as with us. NaN is "not measured".

    A dead link is reported as zeros, which must not be read as a perfect line: a live one carries heartbeats at
    least twice a second (Broadcom KB 330702), so a slot without a byte was not measured at all, and a path whose
    latency is 0 in both directions was not there. `bpsOfBestPath` is a speed test at the edge's start-up; 0 means
    there was none. A rate above the line's own is told all the same, for a line may have been made faster since
    anybody wrote that down; one that no port can carry is none.
    """
    nothing = np.full(len(seconds), np.nan)
    metric = {name: metrics.get(name, nothing) for name in _FIELD_OF}
    silent = (metric["bytesRx"] == 0) & (metric["bytesTx"] == 0)
    no_path = silent | ((metric["bestLatencyMsRx"] == 0) & (metric["bestLatencyMsTx"] == 0))
    fields = {}
    for name, field in _FIELD_OF.items():
        values = metric[name]
        if name.startswith("bytes"):
            rate = bit_rate(values, seconds)
            fields[field] = np.where(silent | (rate > FASTEST_PORT_BPS), np.nan, rate)
        elif name.startswith("bps"):
            fields[field] = np.where((values > 0) & (values <= FASTEST_PORT_BPS), values, np.nan)
        else:
            fields[field] = np.where(no_path, np.nan, values)
    return fields


_FIELD_OF = {
    "bytesRx": "rx_bps",
    "bytesTx": "tx_bps",
    "bestLatencyMsRx": "latency_rx_ms",
    "bestLatencyMsTx": "latency_tx_ms",
    "bestJitterMsRx": "jitter_rx_ms",
    "bestJitterMsTx": "jitter_tx_ms",
    "bestLossPctRx": "loss_rx_pct",
    "bestLossPctTx": "loss_tx_pct",
    "bpsOfBestPathRx": "rx_capacity_bps",
    "bpsOfBestPathTx": "tx_capacity_bps",
}


def joined(batches: Sequence[SampleBatch]) -> SampleBatch:
    """Batches with the same fields as one; no batch at all gives an empty one."""
    names = batches[0].fields.keys() if batches else ()
    return SampleBatch(
        source=Source.ORCHESTRATOR,
        links=[link for batch in batches for link in batch.links],
        time=np.concatenate([np.empty(0, np.int64), *(batch.time for batch in batches)]),
        seconds=np.concatenate([np.empty(0, np.int32), *(batch.seconds for batch in batches)]),
        received_at=np.concatenate([np.empty(0, np.int64), *(batch.received_at for batch in batches)]),
        fields={name: np.concatenate([batch.fields[name] for batch in batches]) for name in names},
    )
