"""The statistics that a VCO keeps: five-minute ticks that become readable late. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.simulator.behaviour import Character, Condition, Surroundings, conditions
from service.simulator.faults import FaultKind, Hit
from service.simulator.noise import FloatArray, Number, Seed, seed_of, uniform

TICK = 300
"""Seconds of a statistics interval (refresh class of the vendor's statistics)."""
STEP = 20
_EARLIEST, _USUAL, _LATEST = 15.0, 200.0, 290.0
LATE_SHARE = 0.1
"""One tick in ten takes up to the vendor's limit: data from t on may be missing until t + 10 min."""
MEAN_PACKET_BYTES = 900
CLASS_SHARES = {"p1": 0.2, "p2": 0.3, "control": 0.005}
"""Shares of the traffic in the vendor's classes; p3 is what remains."""
BEST_SCORE = 4.4

_TRAFFIC = tuple(f"{kind}{way}" for kind in ("bytes", "packets") for way in ("Rx", "Tx"))
_CLASSES = tuple(
    f"{name}{kind}{way}"
    for name in ("p1", "p2", "p3", "control")
    for kind in ("Bytes", "Packets")
    for way in ("Rx", "Tx")
)
_BEST = tuple(f"best{what}{way}" for what in ("BwKbps", "JitterMs", "LatencyMs", "LossPct") for way in ("Rx", "Tx"))
METRICS = (
    *_TRAFFIC,
    "totalBytes",
    "totalPackets",
    *_CLASSES,
    *_BEST,
    "bpsOfBestPathRx",
    "bpsOfBestPathTx",
    "signalStrength",
    "scoreTx",
    "scoreRx",
)
"""All of the vendor's link metrics (API v1, 5.0: edge_link_metric)."""


@dataclass(frozen=True, slots=True, eq=False)
class Ticks:
    """One line's statistics over n ticks: `start` in epoch seconds; each value has shape (n,), or (k, n) for stacked
    sites, and is NaN where the edge sent nothing or where it cannot be read yet."""

    link: str
    start: NDArray[np.int64]
    values: Mapping[str, FloatArray]


def summed(metric: str) -> bool:
    """Whether a metric counts (and is added up over ticks) rather than being a mean."""
    return "ytes" in metric or "acket" in metric


def whole(metric: str) -> bool:
    return summed(metric) or metric.startswith(("bps", "bestBw"))


def late_seed(edge: str) -> int:
    return seed_of(edge, "late")


def readable_at(seed: Seed, ticks: NDArray[np.int64], lateness: float = 0.0) -> FloatArray:
    """When each tick (by its start, epoch seconds) of an edge can be read, epoch seconds; `lateness` comes on top."""
    number = ticks // TICK
    usual = _EARLIEST + (_USUAL - _EARLIEST) * uniform(seed, 1, number)
    late = _USUAL + (_LATEST - _USUAL) * uniform(seed, 2, number)
    delay = np.where(uniform(seed, 3, number) < LATE_SHARE, late, usual)
    return np.asarray(ticks + TICK + delay + lateness)


def unmanaged(hits: Sequence[Hit], start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the spans [start, end) touch a time in which the edge had no contact with its orchestrator."""
    lost = np.zeros(len(start), dtype=bool)
    for hit in hits:
        if hit.kind is FaultKind.MANAGEMENT_LOST:
            lost |= (end > hit.start) & (start < hit.end)
    return lost


@dataclass(frozen=True, slots=True)
class Window:
    """The whole ticks within [start, end), asked for at `now`; epoch seconds."""

    start: float
    end: float
    now: float
    lateness: float = 0.0

    def ticks(self) -> NDArray[np.int64]:
        return np.arange(-(-int(self.start) // TICK), int(self.end) // TICK, dtype=np.int64) * TICK


def ticks_of(late: Seed, around: Surroundings, window: Window) -> Sequence[Ticks]:
    """The statistics of a site's lines (or of stacked sites') in a window. Cold lines send none."""
    starts = window.ticks()
    if not len(starts):
        return []
    times = (starts[:, None] + np.arange(0, TICK, STEP)[None, :] + STEP // 2).ravel().astype(np.float64)
    there = readable_at(late, starts, window.lateness) <= window.now
    there = there & ~unmanaged(around.hits, starts, starts + TICK)
    measured = conditions(around, times)
    return [
        Ticks(line.link, starts, _gathered(line, measured[line.link], there, len(starts)))
        for line in around.lines
        if not line.cold
    ]


def _gathered(line: Character, condition: Condition, there: NDArray[np.bool_], n: int) -> Mapping[str, FloatArray]:
    """Sums and means over each tick. A line that was down all through a tick has zeros, as the vendor's answers do."""

    def by_tick(samples: NDArray[np.generic]) -> FloatArray:
        return np.asarray(samples.reshape(*samples.shape[:-1], n, -1), dtype=np.float64)

    up = by_tick(condition.up)
    count = np.maximum(up.sum(axis=-1), 1)

    def mean(values: FloatArray) -> FloatArray:
        return np.where(there, (by_tick(values) * up).sum(axis=-1) / count, np.nan)

    def octets(rate: FloatArray) -> FloatArray:
        return np.where(there, np.round(by_tick(rate).sum(axis=-1) * STEP / 8), np.nan)

    dark = ~up.any(axis=-1)
    values = {
        "bytesRx": octets(condition.rx_bps),
        "bytesTx": octets(condition.tx_bps),
        "bpsOfBestPathRx": np.where(there, _measured_capacity(line.down_bps, line.seed), np.nan),
        "bpsOfBestPathTx": np.where(there, _measured_capacity(line.up_bps, line.seed), np.nan),
        "bestLatencyMsRx": mean(condition.latency_rx_ms),
        "bestLatencyMsTx": mean(condition.latency_tx_ms),
        "bestJitterMsRx": mean(condition.jitter_ms),
        "bestJitterMsTx": mean(condition.jitter_ms * 0.8),
        "bestLossPctRx": mean(condition.loss_rx_pct),
        "bestLossPctTx": mean(condition.loss_tx_pct),
    }
    values = {name: np.where(dark & there, 0.0, column) for name, column in values.items()}
    values["packetsRx"] = np.round(values["bytesRx"] / MEAN_PACKET_BYTES)
    values["packetsTx"] = np.round(values["bytesTx"] / MEAN_PACKET_BYTES)
    return values


def _measured_capacity(rate: Number, seed: Seed) -> Number:
    """The speed test at the edge's start came out a little under or over the rate sold, once and for all."""
    return np.round(rate * (0.93 + 0.08 * (seed % 997) / 997))


def metric(values: Mapping[str, FloatArray], name: str) -> FloatArray:
    """Any of METRICS out of the values that `Ticks` holds; the same shape."""
    if name in values:
        return values[name]
    if name in ("totalBytes", "totalPackets"):
        kind = name.removeprefix("total").lower()
        return values[f"{kind}Rx"] + values[f"{kind}Tx"]
    way = name[-2:]
    if name.startswith("bestBw"):
        return np.asarray(np.round(values[f"bpsOfBestPath{way}"] / 1000))
    if name.startswith("score"):
        return _score(values, way)
    if name == "signalStrength":
        return values["bytesRx"] * 0
    return _of_class(values, name)


def _of_class(values: Mapping[str, FloatArray], name: str) -> FloatArray:
    kind, way = ("bytes" if "Bytes" in name else "packets"), name[-2:]
    total = values[f"{kind}{way}"]
    parts = {each: np.floor(total * share) for each, share in CLASS_SHARES.items()}
    rest = total - sum(parts.values())
    return np.asarray(parts.get(name[: name.lower().index(kind)], rest))


def _score(values: Mapping[str, FloatArray], way: str) -> FloatArray:
    """The vendor's deprecated MOS (0 to 4.4), here a plain slope by latency and loss."""
    worse = values[f"bestLatencyMs{way}"] / 200 + values[f"bestLossPct{way}"] / 4
    return np.asarray(np.clip(BEST_SCORE - worse, 0, BEST_SCORE))


def aggregate(name: str, values: FloatArray) -> FloatArray:
    """Sum or mean over the ticks (the last axis) that can be read; NaN where there is none. The vendor's rounding."""
    there = ~np.isnan(values)
    count = there.sum(axis=-1)
    total = np.where(there, values, 0.0).sum(axis=-1)
    result = total if summed(name) else total / np.maximum(count, 1)
    return np.where(count > 0, figure(name, result), np.nan)


def figure(name: str, values: FloatArray) -> FloatArray:
    return np.round(values, 0 if whole(name) else 4)
