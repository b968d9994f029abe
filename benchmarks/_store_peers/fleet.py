"""The fleet whose samples every store gets: minute samples of nine fields, noise and gaps as lines have them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray, SampleBatch, Source

SOURCE = Source.PROBE
START = datetime(2026, 3, 1, tzinfo=UTC)
START_MS = round(START.timestamp() * 1000)
DAY_MS = 86_400_000
FIELDS = ("rtt_ms", "jitter_ms", "loss_pct", "rx_bps", "tx_bps", "oper_up", "errors_rx", "discards_tx", "mos")
SIX = ("rtt_ms", "jitter_ms", "loss_pct", "rx_bps", "tx_bps", "oper_up")
LATE_MS = 1_000
"""A row is received so long after its slot's end."""


def link_names(count: int) -> list[str]:
    """Two lines a site."""
    return [f"store-{n // 2:05d}-wan{n % 2 + 1}" for n in range(count)]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """n rows, `links[link[i]]` being the link of row i; columns as in a SampleBatch."""

    links: tuple[str, ...]
    link: NDArray[np.int32]
    time: NDArray[np.int64]
    seconds: int
    fields: dict[str, FloatArray]

    def __len__(self) -> int:
        return len(self.time)

    @property
    def received_at(self) -> NDArray[np.int64]:
        return self.time + self.seconds * 1000 + LATE_MS

    def take(self, which: slice | NDArray[np.generic]) -> Samples:
        fields = {name: values[which] for name, values in self.fields.items()}
        return Samples(self.links, self.link[which], self.time[which], self.seconds, fields)

    def of(self, links: Sequence[str]) -> Samples:
        """The rows of these links."""
        wanted = np.isin(np.array(self.links, dtype=object), list(links))
        return self.take(np.flatnonzero(wanted[self.link]))

    def pieces(self, rows: int) -> Iterator[Samples]:
        """So many rows at a time, in order."""
        for first in range(0, len(self), rows):
            yield self.take(slice(first, first + rows))

    def names(self) -> list[str]:
        return [self.links[code] for code in self.link.tolist()]

    def batch(self) -> SampleBatch:
        seconds = np.full(len(self), self.seconds, np.int32)
        return SampleBatch(SOURCE, self.names(), self.time, seconds, self.received_at, self.fields)


def samples(links: Sequence[str], begin_ms: int, slots: int, seed: int, *, seconds: int = 60) -> Samples:
    """Every link's samples of `slots` slots from `begin_ms` on, slot after slot as they are measured.

    Two decimals where a probe gives them, whole bit/s and whole packets. 0.2 % of the rows are missing; a link is down
    for some minutes now and then, and then measures no delay.
    """
    random = np.random.default_rng(seed)
    shape = (slots, len(links))
    n = slots * len(links)
    time = begin_ms + np.arange(slots, dtype=np.int64) * seconds * 1000
    evening = np.exp(-(((time / 3_600_000 % 24 - 20) / 4) ** 2))[:, None]
    line = np.random.default_rng(len(links)).random((4, len(links)))
    down = _outages(random, shape)
    rtt = 8 + 40 * line[0] + 6 * evening + random.gamma(2, 0.8, shape)
    jitter = random.gamma(2, 0.4 + line[1], shape)
    lost = random.random(shape) < 0.03
    loss = np.where(lost, 5.0 * random.geometric(0.7, shape).clip(1, 6), 0.0)
    rx = 1e5 + 2e7 * line[2] * (0.2 + evening) * random.gamma(4, 0.25, shape)
    tx = 5e4 + 4e6 * line[3] * (0.2 + evening) * random.gamma(4, 0.25, shape)
    errors = np.where(random.random(shape) < 0.01, random.poisson(4, shape), 0)
    discards = np.where(random.random(shape) < 0.02, random.poisson(20, shape), 0)
    columns = {
        "rtt_ms": np.where(down, np.nan, rtt.round(2)),
        "jitter_ms": np.where(down, np.nan, jitter.round(2)),
        "loss_pct": np.where(down, 100.0, loss),
        "rx_bps": np.where(down, 0.0, rx.round()),
        "tx_bps": np.where(down, 0.0, tx.round()),
        "oper_up": np.where(down, 0.0, 1.0),
        "errors_rx": errors.astype(np.float64),
        "discards_tx": discards.astype(np.float64),
        "mos": np.where(down, np.nan, _mos(rtt, jitter, loss).round(2)),
    }
    there = np.flatnonzero(random.random(n) >= 0.002)
    fields = {name: values.ravel()[there] for name, values in columns.items()}
    link = np.tile(np.arange(len(links), dtype=np.int32), slots)
    return Samples(tuple(links), link[there], np.repeat(time, len(links))[there], seconds, fields)


def _outages(random: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """About one outage of up to 40 slots in three thousand slots of a link."""
    begins = random.random(shape) < 1 / 3000
    lengths = np.where(begins, random.integers(1, 40, shape), 0)
    until = np.maximum.accumulate(np.where(begins, np.arange(shape[0])[:, None] + lengths, 0), axis=0)
    return np.arange(shape[0])[:, None] < until


def _mos(rtt: FloatArray, jitter: FloatArray, loss: FloatArray) -> FloatArray:
    """As `collector.measures.estimated_mos`, of whole columns."""
    delay = rtt / 2 + 2 * jitter + 10
    rating = 93.2 - 0.024 * delay - 0.11 * np.maximum(0, delay - 177.3) - 95 * loss / (loss + 25.1)
    return 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6
