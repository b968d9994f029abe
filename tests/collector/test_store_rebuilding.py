"""A manifest made anew: what has only roll-ups left keeps them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from collector.journal import Journal
from collector.model import SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from collector.store.manifest import Kind
from collector.store.port import Aggregate, StoreError
from collector.store.rebuilding import rebuild_manifest

pytestmark = pytest.mark.rim

START = datetime(2026, 3, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)


async def test_rollups_of_expired_days_outlive_the_manifest(tmp_path: Path) -> None:
    """Ten minutes of 1, 2, ... 10 on a day whose samples have expired: their mean is 5.5."""
    store = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", raw_days=1)
    at = round(START.timestamp() * 1000) + np.arange(10, dtype=np.int64) * 60_000
    fields = {"rtt_ms": np.arange(1.0, 11.0)}
    await store.write(SampleBatch(Source.PROBE, ["wan1"] * 10, at, np.full(10, 60, np.int32), at + 61_000, fields))
    for hours in range(3, 99, 12):
        await store.maintain(START + hours * HOUR)
    assert {part.kind for part in store.manifest().parts} == {Kind.HOURS, Kind.DAYS}
    store.manifest_path.unlink()
    made = rebuild_manifest(store)
    assert (made.parts, made.unreadable) == (2, ())
    await store.maintain(START + 100 * HOUR)
    (series,) = await store.window(["wan1"], ["rtt_ms"], START, START + 24 * HOUR, HOUR, Aggregate.MEAN)
    assert series.column("rtt_ms").tolist() == [5.5]
    with pytest.raises(StoreError, match="is whole; nothing to rebuild"):
        rebuild_manifest(store)
    await store.close()
