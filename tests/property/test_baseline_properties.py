"""What holds for every line's baselines: they depend on the samples that teach, and on nothing else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.journal import Journal
from collector.model import Cadence, SampleBatch, Series, Source
from collector.store.embedded import EmbeddedStore
from config.clock import epoch_ms
from inventory.model import Client, Inventory, Link, Site
from triage.baselines.folder import BaselineFolder
from triage.baselines.nightly import learn_fleet, learnt_of
from triage.baselines.table import StoredBaselines, TableFile, Version, encoded, frame_of
from triage.detection.habits import BINS, HALF_HOURS
from triage.documents import verdict_document
from triage.judge import judge, judged_from
from triage.model import Claim, Measured, Picture
from triage.policy_files import load_policy

NOW = datetime(2026, 3, 18, 12, 0, tzinfo=UTC)
POLICY = load_policy()
LINK = Link(id="wan1", site="s", carrier="A", committed_down_bps=1e8)
CLAIM = Claim(site="s", client="c", since=NOW - timedelta(hours=1), reported_at=NOW)
HOUR = 3_600_000


def samples(seed: int, days: float, step: int = 900_000) -> Series:
    """A line with a busy part of the day, weekends of its own, gaps, and a fault in the last hour."""
    random = np.random.default_rng(seed)
    time = np.arange(epoch_ms(NOW - timedelta(days=days)), epoch_ms(NOW), step)
    kept = time[random.random(len(time)) > 0.05]
    hour = (kept // HOUR) % 24
    weekend = (kept // (24 * HOUR) + 3) % 7 >= 5
    bad = kept >= epoch_ms(NOW) - HOUR * random.integers(0, 3)
    busy = np.exp(-(((hour - random.integers(0, 24)) / 3) ** 2)) * np.where(weekend, random.random(), 1.0)
    columns = {
        "rtt_ms": 20 + 30 * busy + random.gamma(2, 2, len(kept)) + bad * random.choice([0.0, 80.0]),
        "jitter_ms": random.gamma(2, 1, len(kept)),
        "loss_pct": 5.0 * random.binomial(20, np.where(bad, random.choice([0.001, 0.3]), 0.002)),
        "rx_bps": 1e7 * (1 + busy) * random.gamma(5, 0.2, len(kept)),
    }
    columns["jitter_ms"][random.random(len(kept)) < 0.1] = np.nan
    return Series("wan1", Source.PROBE, kept, np.full(len(kept), step // 1000, np.int32), kept + step, columns)


def same(one, other) -> bool:
    """Whether two things learnt hold the same values."""
    if one.baselines.keys() != other.baselines.keys() or one.loss.keys() != other.loss.keys():
        return False
    tables = [(one.baselines[name], other.baselines[name]) for name in one.baselines]
    rates = [(one.loss[name], other.loss[name]) for name in one.loss]
    return all(
        np.array_equal(a.centre, b.centre)
        and np.array_equal(a.spread, b.spread)
        and (a.all_day, a.samples) == (b.all_day, b.samples)
        for a, b in tables
    ) and all(np.array_equal(a.rate, b.rate) and (a.lost, a.sent) == (b.lost, b.sent) for a, b in rates)


def learnt(series: Series, until: datetime = NOW, zone=UTC, excluded=()):
    return learnt_of(Measured(LINK, [series], zone=zone), epoch_ms(until), POLICY, excluded)["wan1", Source.PROBE]


@given(st.integers(0, 2**32 - 1), st.integers(0, 13 * 24), st.integers(1, 48), st.floats(0, 1e6))
def test_what_was_measured_in_an_excluded_period_has_no_influence(seed, begin, hours, value):
    series = samples(seed, 14)
    start = epoch_ms(NOW - timedelta(days=14)) + begin * HOUR
    inside = (series.time >= start) & (series.time < start + hours * HOUR)
    changed = {name: np.where(inside, value, column) for name, column in series.fields.items()}
    other = Series("wan1", Source.PROBE, series.time, series.seconds, series.received_at, changed)
    excluded = [(start, start + hours * HOUR)]
    assert same(learnt(series, excluded=excluded), learnt(other, excluded=excluded))


@given(st.integers(0, 2**32 - 1), st.floats(0.5, 10), st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York"]))
def test_without_two_weekends_every_day_is_like_any_other(seed, days, zone):
    until = datetime(2026, 3, 14, 18, 0, tzinfo=UTC)
    series = samples(seed, days + (NOW - until) / timedelta(days=1))
    known = learnt(series, until, ZoneInfo(zone))
    tables = [one.centre for one in known.baselines.values()] + [one.rate for one in known.loss.values()]
    assert all(np.array_equal(table[:HALF_HOURS], table[HALF_HOURS:]) for table in tables)
    assert all(len(table) == BINS and np.isfinite(table).all() for table in tables)


@given(st.integers(0, 2**32 - 1))
def test_between_the_days_of_its_kind_and_the_whole_day_lies_what_is_ordinary(seed):
    series = samples(seed, 14)
    values = series.fields["rtt_ms"]
    table = learnt(series).baselines["rtt_ms"]
    assert table.centre.min() >= values.min()
    assert table.centre.max() <= values.max()
    assert (table.spread >= 0).all()


@pytest.mark.rim
@given(st.integers(0, 2**32 - 1), st.sampled_from([3, 14]), st.sampled_from(["UTC", "America/New_York"]))
def test_a_table_read_back_gives_the_verdict_that_computing_gives(seed, days, zone):
    site = Site(id="s", client="c", timezone=zone)
    measured = Measured(LINK, [samples(seed, days)], client="c", zone=site.zone)

    def document(line: Measured) -> dict[str, object]:
        picture = Picture(
            site=site, client=Client(id="c", name="C"), devices=(), links=[line],
            cadences={Source.PROBE: Cadence(every=900, late=0)},
        )  # fmt: skip
        return verdict_document(judge(CLAIM, picture, POLICY, NOW), "V")

    until = judged_from(CLAIM, POLICY, NOW)
    with TemporaryDirectory() as folder:
        name, content = encoded(frame_of(learnt_of(measured, until, POLICY, ())))
        Path(folder, name).write_bytes(content)
        version = Version("sha256:v", until, POLICY.taught_by, (TableFile(name, "wan1", "wan1"),))
        read = {source: one for (_, source), one in StoredBaselines(Path(folder), version).of(["wan1"]).items()}
    known = Measured(LINK, measured.series, client="c", zone=site.zone, learnt=read)
    with_table, computed = document(known), document(measured)
    assert (with_table.pop("baseline"), computed.pop("baseline")) == ("sha256:v", "computed")
    assert with_table == computed


@pytest.mark.rim
@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 200), max_size=6), st.integers(0, 5))
def test_splitting_and_repeating_batches_changes_no_table(seed, cuts, again):
    series = samples(seed, 3)
    inventory = Inventory.of([Client(id="c", name="C")], [Site(id="s", client="c")], links=[LINK])

    async def version_of(batches: list[slice]) -> str:
        with TemporaryDirectory() as folder:
            store = EmbeddedStore(Journal(Path(folder, "journal.sqlite")), Path(folder, "parts"), 95)
            for rows in batches:
                await store.write(batch_of(series, rows))
            found = await learn_fleet(store, inventory, POLICY, BaselineFolder(Path(folder, "baselines")), NOW)
            await store.close()
        assert found.files
        return found.name

    edges = sorted({0, len(series), *(cut for cut in cuts if cut < len(series))})
    split = [slice(first, stop) for first, stop in pairwise(edges)]
    repeated = [*split[::-1], split[again % len(split)]]
    assert asyncio.run(version_of([slice(0, len(series))])) == asyncio.run(version_of(repeated))


def batch_of(series: Series, rows: slice) -> SampleBatch:
    columns = {name: values[rows] for name, values in series.fields.items()}
    time = series.time[rows]
    return SampleBatch(
        series.source, [series.link] * len(time), time, series.seconds[rows], series.received_at[rows], columns
    )
