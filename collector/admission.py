"""What may enter the journal: the rule for rows and facts that are none, whatever sent them. Pure.

Facts are never refused for their subject: sources and orchestrators are subjects that no inventory names, and what was
said of a device stays true when the inventory drops it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from collector.entries import coded, finite
from collector.model import Fact, FloatArray, SampleBatch
from config.clock import epoch_ms, from_epoch_ms, rfc3339

AHEAD = timedelta(minutes=10)
"""How far a time may lie in our future: a host that keeps no time at all is refused, one whose clock is minutes ahead
(the vendor's statistics come in ticks of five) is not. A row from next year would be the newest for a year."""


class Refusal(StrEnum):
    """Why rows, or values, are not taken as they came."""

    UNKNOWN_LINK = "unknown_link"
    """The inventory does not name the link: nobody would ever look at it, and nobody knows whose it is."""
    FUTURE = "future"
    EXPIRED = "expired"
    """Older than raw samples are kept: it would be removed at once."""
    RECEIVED = "received"
    """`received_at` is no moment of ours: it decides which of two rows stands."""
    LENGTH = "length"
    """A slot of no seconds measures nothing."""
    INFINITE = "infinite"
    """The row stays; what was infinite is not measured."""

    @property
    def said(self) -> str:
        return _SAID[self]


_SAID: Mapping[Refusal, str] = {
    Refusal.UNKNOWN_LINK: "the inventory does not know the link",
    Refusal.FUTURE: f"the time is more than {AHEAD.seconds // 60} minutes ahead of our clock",
    Refusal.EXPIRED: "the time is before all that is kept",
    Refusal.RECEIVED: "received_at is no moment of ours",
    Refusal.LENGTH: "a slot of no seconds",
    Refusal.INFINITE: "infinite values, taken as not measured",
}


@dataclass(frozen=True, slots=True)
class Span:
    """The times, in epoch milliseconds, that a row may have: since <= time <= until."""

    since: int
    until: int


def span_of(earliest: datetime, latest: datetime, raw_days: int) -> Span:
    """What may come, by the earliest and the latest reading of our own clock.

    Not by its reading now: after a step back, rows that it stamped before are not from the future, and during a step
    ahead by mistake, rows of today are not expired.
    """
    return Span(epoch_ms(earliest - timedelta(days=raw_days)), epoch_ms(latest + AHEAD))


@dataclass(frozen=True, slots=True)
class Refused:
    """How many rows (of `infinite`: values), and one of them."""

    count: int
    example: str


Refusals = Mapping[Refusal, Refused]


def admitted(batch: SampleBatch, links: Collection[str], span: Span) -> tuple[SampleBatch, Refusals]:
    """The rows of a batch that are any, and what was refused. A row is counted once, for its first reason."""
    if not len(batch):
        return batch, {}
    refused: dict[Refusal, Refused] = {}
    keep = np.ones(len(batch), dtype=bool)
    for reason, wrong in _faults(batch, links, span):
        wrong &= keep
        count = int(np.count_nonzero(wrong))
        if count:
            refused[reason] = Refused(count, _row(batch, int(np.argmax(wrong))))
            keep &= ~wrong
    kept = batch if keep.all() else _taken(batch, keep)
    fields, infinite = _finite(kept)
    if infinite is not None:
        refused[Refusal.INFINITE] = infinite
        kept = SampleBatch(kept.source, kept.links, kept.time, kept.seconds, kept.received_at, fields)
    return kept, refused


def admitted_facts(facts: Sequence[Fact], span: Span) -> tuple[Sequence[Fact], Refusals]:
    """The facts that are not from the future, where they would be the newest ones for ever."""
    future = [fact for fact in facts if epoch_ms(fact.time) > span.until]
    if not future:
        return facts, {}
    one = future[0]
    example = f"{one.kind} {one.value} of {one.subject} from {one.source} at {rfc3339(one.time)}"
    kept = [fact for fact in facts if epoch_ms(fact.time) <= span.until]
    return kept, {Refusal.FUTURE: Refused(len(future), example)}


def _faults(batch: SampleBatch, links: Collection[str], span: Span) -> list[tuple[Refusal, NDArray[np.bool_]]]:
    """Of each reason the rows to which it applies."""
    own = coded(batch.links)
    unknown = np.fromiter((name not in links for name in own.names), np.bool_, len(own.names))
    return [
        (Refusal.UNKNOWN_LINK, unknown[own.codes]),
        (Refusal.FUTURE, batch.time > span.until),
        (Refusal.EXPIRED, batch.time < span.since),
        (Refusal.RECEIVED, (batch.received_at < span.since) | (batch.received_at > span.until)),
        (Refusal.LENGTH, batch.seconds <= 0),
    ]


def _row(batch: SampleBatch, row: int) -> str:
    time, received_at = (_shown(int(column[row])) for column in (batch.time, batch.received_at))
    return f"{batch.links[row]} from {batch.source} at {time} of {batch.seconds[row]} s, received at {received_at}"


def _shown(milliseconds: int) -> str:
    try:
        return rfc3339(from_epoch_ms(milliseconds))
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"


def _taken(batch: SampleBatch, keep: NDArray[np.bool_]) -> SampleBatch:
    return SampleBatch(
        batch.source,
        [link for link, kept in zip(batch.links, keep.tolist(), strict=True) if kept],
        batch.time[keep],
        batch.seconds[keep],
        batch.received_at[keep],
        {name: values[keep] for name, values in batch.fields.items()},
    )


def _finite(batch: SampleBatch) -> tuple[dict[str, FloatArray], Refused | None]:
    """The fields with NaN for infinities, and how many those were."""
    fields, count, example = dict(batch.fields), 0, ""
    for name, values in batch.fields.items():
        fields[name] = finite(values)
        infinite = np.isinf(values)
        if infinite.any():
            row = int(np.argmax(infinite))
            example = example or f"{name} {values[row]} of {_row(batch, row)}"
            count += int(np.count_nonzero(infinite))
    return fields, Refused(count, example) if count else None
