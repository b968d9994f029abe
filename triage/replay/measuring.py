"""A scenario's samples as batches, each with the moment at which it becomes known."""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np

from collector.model import SampleBatch
from config.clock import epoch_ms, from_epoch_ms
from triage.replay.bodies import Samples, Value
from triage.replay.moments import moment_of


def arrivals(samples: Samples, at: datetime, start: datetime) -> list[tuple[datetime, SampleBatch]]:
    """The rows by the moment at which they arrive, ascending: at `at`, or at their slot's end where that is later.

    `start` is what the offsets count from. Null is NaN ("not measured"), "gap" no row.
    """
    columns = {name: values * samples.repeat for name, values in samples.fields.items()}
    count = len(next(iter(columns.values())))
    time = epoch_ms(moment_of(samples.from_, start)) + np.arange(count, dtype=np.int64) * samples.every * 1000
    known = np.maximum(time + samples.every * 1000, epoch_ms(at))
    there = np.array([all(column[row] != "gap" for column in columns.values()) for row in range(count)], dtype=bool)
    values = {name: np.array([_number(value) for value in column]) for name, column in columns.items()}
    found = []
    for moment in np.unique(known[there]).tolist():
        rows = np.flatnonzero(there & (known == moment))
        batch = SampleBatch(
            source=samples.source,
            links=[samples.link] * len(rows),
            time=time[rows],
            seconds=np.full(len(rows), samples.every, dtype=np.int32),
            received_at=known[rows],
            fields={name: column[rows] for name, column in values.items()},
        )
        found.append((from_epoch_ms(moment), batch))
    return found


def before(samples: Samples, start: datetime) -> SampleBatch | None:
    """History: what was known at the start; None when that is nothing."""
    known = [batch for moment, batch in arrivals(samples, from_epoch_ms(0), start) if moment <= start]
    if not known:
        return None
    return SampleBatch(
        source=samples.source,
        links=[link for batch in known for link in batch.links],
        time=np.concatenate([batch.time for batch in known]),
        seconds=np.concatenate([batch.seconds for batch in known]),
        received_at=np.concatenate([batch.received_at for batch in known]),
        fields={name: np.concatenate([batch.fields[name] for batch in known]) for name in samples.fields},
    )


def _number(value: Value) -> float:
    return math.nan if value is None or value == "gap" else float(value)
