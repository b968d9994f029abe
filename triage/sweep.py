"""The minute's sweep: which links deserve a look. Cheap, over the hot window of all links at once; it only nominates,
the same judge that answers claims decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from collector.model import FactKind, FloatArray, Source
from config.clock import epoch_ms
from triage.detection.contact import LOST
from triage.detection.event import MINUTE
from triage.detection.facts import DISCONNECTED
from triage.detection.traffic import row_medians
from triage.model import Measured
from triage.policy import Policy

HOT_MINUTES = 60
RECENT_MINUTES = 15

FIELDS = (
    "rtt_ms", "jitter_ms", "loss_pct", "latency_rx_ms", "latency_tx_ms", "jitter_rx_ms", "jitter_tx_ms",
    "loss_rx_pct", "loss_tx_pct", "rx_bps", "tx_bps", "oper_up", "flaps",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class HotWindow:
    """The last hour as matrices: a row per (link, source), a column per minute, the newest last; NaN unmeasured.

    `capacity_rx` and `capacity_tx` (bit/s, NaN unknown), `latency_limit`, `jitter_limit` (ms) and `loss_limit` (%)
    hold a value per row.
    """

    links: Sequence[str]
    fields: Mapping[str, FloatArray]
    capacity_rx: FloatArray
    capacity_tx: FloatArray
    latency_limit: FloatArray
    jitter_limit: FloatArray


def hot_window(measured: Sequence[Measured], policy: Policy, now: datetime, minutes: int = HOT_MINUTES) -> HotWindow:
    """The matrices of the last `minutes` of every series. A slot longer than a minute fills all of its minutes."""
    rows = [(each, series) for each in measured for series in each.series]
    first = epoch_ms(now) // MINUTE - minutes
    present = {name for _, series in rows for name in series.fields if name in FIELDS}
    fields = {name: np.full((len(rows), minutes), np.nan) for name in sorted(present)}
    for row, (_, series) in enumerate(rows):
        recent = slice(int(np.searchsorted(series.time, first * MINUTE - 600_000)), len(series))
        start = series.time[recent] // MINUTE - first
        width = int(max(1, np.median(series.seconds[recent]) // 60)) if len(start) else 1
        for offset in range(width):
            column = start + offset
            inside = (column >= 0) & (column < minutes)
            for name in present & series.fields.keys():
                count = name != "flaps" or offset == 0
                fields[name][row, column[inside]] = series.fields[name][recent][inside] if count else 0.0
    links = [each.link for each, _ in rows]
    limits = [policy.limits(link.access) for link in links]
    return HotWindow(
        links=[link.id for link in links],
        fields=fields,
        capacity_rx=np.array([link.committed_down_bps or np.nan for link in links], dtype=np.float64),
        capacity_tx=np.array([link.committed_up_bps or np.nan for link in links], dtype=np.float64),
        latency_limit=np.array([limit.latency_ms for limit in limits], dtype=np.float64),
        jitter_limit=np.array([limit.jitter_ms for limit in limits], dtype=np.float64),
    )


def nominate(measured: Sequence[Measured], policy: Policy, now: datetime) -> tuple[str, ...]:
    """Ids of the links that deserve a judgement now, in the order given, each once."""
    hot = hot_window(measured, policy, now)
    wanted = {link for link, wanted in zip(hot.links, nominated(hot, policy).tolist(), strict=True) if wanted}
    wanted |= {each.link.id for each in measured if _said_to_be_down(each)}
    return tuple(dict.fromkeys(each.link.id for each in measured if each.link.id in wanted))


def nominated(hot: HotWindow, policy: Policy) -> NDArray[np.bool_]:
    """Per row whether its recent quarter of an hour looks worse than the rest of the hour, or over a limit.

    Deliberately generous: half of the smallest effect that the judge would confirm is enough.
    """
    result = np.zeros(len(hot.links), dtype=bool)
    for name, values in hot.fields.items():
        recent, before = values[:, -RECENT_MINUTES:], values[:, :-RECENT_MINUTES]
        if name.startswith("loss"):
            result |= _mean(recent) >= policy.loss.minimum_pct / 2
        elif name.startswith(("rtt", "latency")):
            result |= _risen(recent, before, policy.latency.minimum / 2) | (row_medians(recent) >= hot.latency_limit)
        elif name.startswith("jitter"):
            result |= _risen(recent, before, policy.jitter.minimum / 2) | (row_medians(recent) >= hot.jitter_limit)
        elif name == "oper_up":
            result |= _least(recent) == 0
        elif name == "flaps":
            result |= np.nansum(values, axis=1) >= policy.flapping.changes / 2
        else:
            capacity = hot.capacity_rx if name == "rx_bps" else hot.capacity_tx
            result |= 100 * row_medians(recent) / capacity >= policy.saturation.utilisation_pct
            result |= _gone(recent, before, policy)
    return result


def _said_to_be_down(each: Measured) -> bool:
    newest: dict[tuple[Source, FactKind], str] = {}
    for fact in sorted(each.facts):
        newest[(fact.source, fact.kind)] = fact.value
    return any(
        value == DISCONNECTED or LOST.get(kind) == value or kind is FactKind.REBOOT
        for (_, kind), value in newest.items()
    )


def _risen(recent: FloatArray, before: FloatArray, effect: float) -> NDArray[np.bool_]:
    return np.asarray(row_medians(recent) - row_medians(before) >= effect)


def _gone(recent: FloatArray, before: FloatArray, policy: Policy) -> NDArray[np.bool_]:
    busy = row_medians(before) >= policy.traffic_gone.minimum_bps * policy.traffic_gone.factor
    return np.asarray(busy & (row_medians(recent) * policy.traffic_gone.factor <= row_medians(before)))


def _mean(values: FloatArray) -> FloatArray:
    count = np.count_nonzero(~np.isnan(values), axis=1)
    return np.where(count, np.nansum(values, axis=1) / np.maximum(count, 1), np.nan)


def _least(values: FloatArray) -> FloatArray:
    return np.asarray(np.fmin.reduce(values, axis=1))
