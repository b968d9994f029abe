"""The port to the measurement store. Embedded Parquet and InfluxDB pass the same contract suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from collector.measures import Availability
from collector.model import Cadence, Fact, FactKind, SampleBatch, Series, Source
from config.errors import LineproofError


class StoreError(LineproofError):
    """The measurement store refused or did not answer; `retryable` says whether to try the same again."""


class BusyError(StoreError):
    """The store asks us to slow down; `retry_after` is how many seconds it wants to be left alone at least."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message, retryable=True)
        self.retry_after = retry_after


class RefusedError(StoreError):
    """The store is there and refused these very rows; whoever forwards them sets them aside with this reason."""


class PoisonError(RefusedError):
    """These rows and facts alone were refused; everything else that was written with them is stored."""

    def __init__(self, message: str, batches: Sequence[SampleBatch] = (), facts: Sequence[Fact] = ()) -> None:
        super().__init__(message)
        self.batches, self.facts = tuple(batches), tuple(facts)


class Statistic(StrEnum):
    P50 = "p50"
    P95 = "p95"
    P99 = "p99"
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    COUNT = "count"


class Aggregate(StrEnum):
    MEAN = "mean"
    MIN = "min"
    MAX = "max"
    SUM = "sum"


@dataclass(frozen=True, slots=True)
class Selector:
    """Which samples: of these links, from this source."""

    links: tuple[str, ...]
    source: Source


@dataclass(frozen=True, slots=True)
class Due:
    """What a source promised, and when the question is asked: what is pending then counts as neither there nor
    missing."""

    cadence: Cadence
    now: datetime


@dataclass(frozen=True, slots=True)
class Summary:
    """Statistics of one link over a period: `values[field][statistic]`.

    Percentiles are nearest rank (the ceil(p n / 100)-th smallest); a field without samples has no entry.
    `newest` is the start of the newest slot present. `availability` is what this one source says of the link
    (`collector.availability.sample_states`), None unless asked for. `approximate`: percentiles were read from daily
    roll-ups and are within 1 % of the value; no contract figure is. Where a roll-up is all that tells it, `newest` is
    the beginning of its day.
    """

    link: str
    values: Mapping[str, Mapping[Statistic, float]]
    samples: int
    newest: datetime | None
    availability: Availability | None = None
    approximate: bool = False


@dataclass(frozen=True, slots=True)
class StoreHealth:
    ok: bool
    backlog: int
    """Journal entries that a reader has yet to take over."""
    newest: datetime | None
    detail: str


@dataclass(frozen=True, slots=True)
class MaintenanceReport:
    sealed_rows: int
    parts_written: int
    parts_removed: int
    rolled_days: int = 0
    """Days that were rolled up, for the first time or again."""
    expired_parts: int = 0
    quarantined: int = 0
    """Parts that were found damaged or missing, and set aside."""


class MeasurementStore(Protocol):
    """Samples and facts, durable once `write` has returned; repeated and late rows merge by identity."""

    async def write(self, batch: SampleBatch) -> None:
        """Store a batch. Of rows with the same (link, source, time) the one with the later `received_at` stays;
        its columns replace the earlier row's, one by one where they are measured. Raises StoreError."""

    async def write_facts(self, facts: Sequence[Fact]) -> None:
        """Store facts; one that is known already changes nothing."""

    async def window(
        self,
        links: Sequence[str],
        fields: Sequence[str],
        start: datetime,
        end: datetime,
        every: timedelta | None = None,
        agg: Aggregate | None = None,
    ) -> Sequence[Series]:
        """Samples with start <= time < end: one Series per (link, source) that has any, in the order of `links`.

        With `every` and `agg` rows are gathered in buckets aligned to 1970; an empty bucket is an absent row. Whole
        hours may come from roll-ups, which hold the same sums and extremes, longer than raw samples are kept.
        """

    async def facts(
        self, subjects: Sequence[str], start: datetime, end: datetime, kinds: Sequence[FactKind] = ()
    ) -> Sequence[Fact]:
        """Facts about these subjects with start <= time < end, ascending in time; of all kinds when none is named."""

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
        """Statistics per link over start <= time < end, in the order of `selector.links`; with `due` also availability.

        From raw samples, exactly; `approximate` allows daily roll-ups to stand for whole UTC days that have them,
        which also reaches back beyond the raw samples' retention.
        """

    async def latest(self, selector: Selector, now: datetime, max_age: timedelta) -> SampleBatch:
        """The newest sample of each link with time >= now - max_age: a row for each link that has one, in the order
        of `selector.links`."""

    async def maintain(self, now: datetime) -> MaintenanceReport:
        """Seal, merge and expire. Safe to kill at any moment."""

    async def health(self) -> StoreHealth: ...

    async def close(self) -> None: ...
