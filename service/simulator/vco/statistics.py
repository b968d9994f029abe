"""The statistics that a VCO keeps: five-minute ticks that become readable late. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from service.simulator.behaviour import Character, Condition, Surroundings, conditions
from service.simulator.faults import FaultKind, Hit
from service.simulator.noise import FloatArray, seed_of, uniform

TICK = 300
"""Seconds of a statistics interval (refresh class of the vendor's statistics)."""
STEP = 20
_EARLIEST, _USUAL, _LATEST = 15.0, 200.0, 290.0
LATE_SHARE = 0.1
"""One tick in ten takes up to the vendor's limit: data from t on may be missing until t + 10 min."""
MEAN_PACKET_BYTES = 900


@dataclass(frozen=True, slots=True, eq=False)
class Ticks:
    """One line's statistics: `start` in epoch seconds; NaN where the edge sent nothing."""

    link: str
    start: NDArray[np.int64]
    values: Mapping[str, FloatArray]


def readable_at(edge: str, ticks: NDArray[np.int64]) -> FloatArray:
    """When each tick (by its start, epoch seconds) of an edge can be read, in epoch seconds."""
    seed = seed_of(edge, "late")
    number = ticks // TICK
    usual = _EARLIEST + (_USUAL - _EARLIEST) * uniform(seed, 1, number)
    late = _USUAL + (_LATEST - _USUAL) * uniform(seed, 2, number)
    delay = np.where(uniform(seed, 3, number) < LATE_SHARE, late, usual)
    return np.asarray(ticks + TICK + delay)


def unmanaged(hits: Sequence[Hit], start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the spans [start, end) touch a time in which the edge had no contact with its orchestrator."""
    lost = np.zeros(len(start), dtype=bool)
    for hit in hits:
        if hit.kind is FaultKind.MANAGEMENT_LOST:
            lost |= (end > hit.start) & (start < hit.end)
    return lost


def ticks_of(edge: str, around: Surroundings, start: float, end: float, now: float) -> Sequence[Ticks]:
    """The statistics of an edge's lines over the ticks within [start, end); NaN for what is not readable at `now`."""
    first, last = -(-int(start) // TICK), int(end) // TICK
    starts = np.arange(first, last, dtype=np.int64) * TICK
    if not len(starts):
        return []
    times = (starts[:, None] + np.arange(0, TICK, STEP)[None, :] + STEP // 2).ravel().astype(np.float64)
    there = readable_at(edge, starts) <= now
    there &= ~unmanaged(around.hits, starts, starts + TICK)
    measured = conditions(around, times)
    return [
        Ticks(line.link, starts, _gathered(line, measured[line.link], there, len(starts)))
        for line in around.lines
        if not line.cold
    ]


def _gathered(line: Character, condition: Condition, there: NDArray[np.bool_], n: int) -> Mapping[str, FloatArray]:
    """Sums and means over each tick. A line that was down all through a tick has zeros, as the vendor's answers do."""
    up = condition.up.reshape(n, -1)
    samples = np.maximum(up.sum(axis=1), 1)

    def mean(values: FloatArray) -> FloatArray:
        return np.where(there, (values.reshape(n, -1) * up).sum(axis=1) / samples, np.nan)

    def octets(rate: FloatArray) -> FloatArray:
        return np.where(there, np.round(rate.reshape(n, -1).sum(axis=1) * STEP / 8), np.nan)

    dark = ~up.any(axis=1)
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


def _measured_capacity(rate: float, seed: int) -> float:
    """The speed test at the edge's start came out a little under or over the rate sold, once and for all."""
    return round(rate * (0.93 + 0.08 * (seed % 997) / 997))
