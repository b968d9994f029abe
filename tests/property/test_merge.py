"""Merging against a model of a few lines: whatever the order, the batches and the sealing, the answer is the same."""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.journal import Journal
from collector.model import SampleBatch, Source
from collector.store.answers import bucketed, series_of
from collector.store.embedded import EmbeddedStore
from collector.store.port import Aggregate
from collector.store.rows import Rows, concatenated, merged, rows_of, settled
from collector.store.sealing import merge_from

pytestmark = pytest.mark.rim

FIELDS = ("rtt_ms", "loss_pct", "mos")
Row = tuple[str, Source, int, int, tuple[float, float, float]]

values = st.sampled_from([math.nan, math.nan, 0.0, 1.0, 2.5])
row = st.tuples(
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from([Source.SNMP, Source.PROBE]),
    st.integers(0, 4),
    st.integers(0, 5),
    st.tuples(values, values, values),
)
groups = st.lists(st.lists(row, min_size=1, max_size=8), max_size=8)


def batches_of(rows: Sequence[Row]) -> list[SampleBatch]:
    """One batch per row, in order: the time in half days, received so many seconds later."""
    found = []
    for link, source, time, received, measured in rows:
        at = np.array([time * 43_200_000], np.int64)
        fields = {name: np.array([value]) for name, value in zip(FIELDS, measured, strict=True)}
        found.append(SampleBatch(source, [link], at, np.array([60], np.int32), at + received * 1000, fields))
    return found


Truth = dict[tuple[str, Source, int], tuple[int, dict[str, float]]]


def model(rows: Sequence[Row]) -> Truth:
    """Each field: the measured value received last, of those the one written last."""
    cells: dict[tuple[str, Source, int], dict[str, tuple[int, float]]] = {}
    newest: dict[tuple[str, Source, int], int] = {}
    for link, source, time, received, measured in rows:
        key = (link, source, time * 43_200_000)
        newest[key] = max(newest.get(key, 0), received * 1000)
        for name, value in zip(FIELDS, measured, strict=True):
            known = cells.setdefault(key, {}).get(name)
            if not math.isnan(value) and (known is None or received >= known[0]):
                cells[key][name] = (received, value)
    return {key: (newest[key], {name: value for name, (_, value) in cells[key].items()}) for key in newest}


def as_truth(rows: Rows) -> Truth:
    found: Truth = {}
    for series in series_of(rows):
        for i, time in enumerate(series.time.tolist()):
            measured = {name: float(column[i]) for name, column in series.fields.items() if not np.isnan(column[i])}
            found[series.link, series.source, time] = (int(series.received_at[i]) - time, measured)
    return found


@settings(max_examples=50, deadline=None)
@given(st.lists(row, max_size=30))
def test_merging_gives_each_field_its_latest_value(rows: list[Row]) -> None:
    assert as_truth(merged(rows_of(batches_of(rows)))) == model(rows)


@settings(max_examples=40, deadline=None)
@given(groups, st.data())
def test_settling_in_any_grouping_changes_no_answer(groups: list[list[Row]], data: st.DataObject) -> None:
    tables = [settled(rows_of(batches_of(rows))) for rows in groups]
    while len(tables) > 1:
        at = data.draw(st.integers(0, len(tables) - 2))
        tables[at : at + 2] = [settled(concatenated(tables[at : at + 2]))]
    assert as_truth(merged(concatenated(tables))) == model([row for rows in groups for row in rows])


@settings(max_examples=50, deadline=None)
@given(st.lists(row, max_size=30))
def test_settled_rows_hold_every_value_once(rows: list[Row]) -> None:
    kept = settled(rows_of(batches_of(rows)))
    measured = sum(int((~np.isnan(column)).sum()) for column in kept.fields.values())
    assert measured == sum(len(fields) for _, fields in model(rows).values())


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(groups, st.lists(st.integers(0, 2), min_size=8, max_size=8))
def test_a_store_answers_as_the_model_however_it_was_maintained_and_reopened(
    groups: list[list[Row]], actions: list[int]
) -> None:
    async def played() -> Truth:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            start = datetime(1970, 1, 1, tzinfo=UTC)
            store = EmbeddedStore(Journal(folder / "journal"), folder / "store", 95)
            for rows, action in zip(groups, actions, strict=False):
                await store.journal.append(batches_of(rows), [])
                if action:
                    await store.maintain(start + timedelta(days=action * action))
                if action == 2:
                    await store.close()
                    store = EmbeddedStore(Journal(folder / "journal"), folder / "store", 95)
            found = store.rows(["a", "b", "c"], FIELDS, 0, 10 * 86_400_000)
            await store.close()
            return as_truth(concatenated(list(found.values())))

    assert asyncio.run(played()) == model([row for rows in groups for row in rows])


@settings(max_examples=50, deadline=None)
@given(st.lists(row, max_size=30), st.sampled_from(list(Aggregate)))
def test_buckets_add_up_from_measured_values_alone(rows: list[Row], how: Aggregate) -> None:
    day = 86_400_000
    expected: dict[tuple[str, Source, int], dict[str, list[float]]] = {}
    for (link, source, time), (_, fields) in model(rows).items():
        cells = expected.setdefault((link, source, time // day * day), {})
        for name, value in fields.items():
            cells.setdefault(name, []).append(value)
    gather = {Aggregate.MEAN: lambda v: sum(v) / len(v), Aggregate.MIN: min, Aggregate.MAX: max, Aggregate.SUM: sum}[
        how
    ]
    found = {
        key: fields for key, (_, fields) in as_truth(bucketed(merged(rows_of(batches_of(rows))), day, how)).items()
    }
    assert found == {
        key: {name: gather(list(column)) for name, column in fields.items()} for key, fields in expected.items()
    }


@given(st.lists(st.integers(1, 1000), max_size=12), st.booleans())
def test_a_day_never_has_many_parts_after_maintenance(sizes: list[int], closed: bool) -> None:
    """Sizes left at least double from the newest to the oldest, so n parts hold at least 2^n - 1 of the smallest."""
    left: list[int] = []
    for size in sizes:
        left.append(size)
        start = merge_from(left, closed=closed)
        left[start:] = [sum(left[start:])] if left[start:] else []
    assert sum(left) == sum(sizes)
    assert all(older >= 2 * newer for older, newer in pairwise(left))
    assert not closed or len(left) <= 4
