"""What every measurement store promises: the same questions get the same answers from each adapter."""

from __future__ import annotations

import asyncio
import json
import math
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from collector.journal import Journal
from collector.model import Fact, FactKind, SampleBatch, Series, Source
from collector.store.embedded import EmbeddedStore
from collector.store.influx import InfluxStore
from collector.store.port import Aggregate, MeasurementStore, Selector, Statistic, StoreError
from config.clock import epoch_ms

pytestmark = pytest.mark.rim

MORNING = datetime(2026, 3, 3, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
NAN = math.nan


def samples(
    rows: Sequence[tuple[str, float, dict[str, float]]], source: Source = Source.SNMP, received: float = 5
) -> SampleBatch:
    """Rows of (link, minute after nine, fields), each a minute long, received `received` seconds after its start."""
    time = np.array([epoch_ms(MORNING) + round(minute * 60_000) for _, minute, _ in rows], np.int64)
    names = dict.fromkeys(name for _, _, fields in rows for name in fields)
    return SampleBatch(
        source=source,
        links=[link for link, _, _ in rows],
        time=time,
        seconds=np.full(len(rows), 60, np.int32),
        received_at=time + round(received * 1000),
        fields={name: np.array([fields.get(name, NAN) for _, _, fields in rows]) for name in names},
    )


def minutes(series: Series) -> list[float]:
    return [(time - epoch_ms(MORNING)) / 60_000 for time in series.time.tolist()]


@dataclass
class Case:
    store: MeasurementStore
    reopen: Callable[[], MeasurementStore]
    seal: bool
    python: str
    """Source text that makes `store` in another process."""

    async def write(self, *batches: SampleBatch) -> None:
        for batch in batches:
            await self.store.write(batch)
            await self.settle()

    async def settle(self) -> None:
        if self.seal:
            await self.store.maintain(MORNING + HOUR)


@pytest.fixture(params=["journal_tail", "parts", pytest.param("influxdb", marks=pytest.mark.real)])
def case(request: pytest.FixtureRequest) -> Case:
    found: Case = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def journal_tail(tmp_path: Path) -> AsyncIterator[Case]:
    journal, folder = tmp_path / "journal.sqlite", tmp_path / "measurements"
    python = (
        "from pathlib import Path; from collector.journal import Journal; "
        "from collector.store.embedded import EmbeddedStore as S; "
        f"store = S(Journal(Path({str(journal)!r})), Path({str(folder)!r}), 95)"
    )
    opened: list[MeasurementStore] = []

    def reopen() -> MeasurementStore:
        opened.append(EmbeddedStore(Journal(journal), folder, raw_days=95))
        return opened[-1]

    yield Case(reopen(), reopen, seal=False, python=python)
    for store in opened:
        await store.close()


@pytest.fixture
async def parts(journal_tail: Case) -> Case:
    """The same, everything sealed into parts after each write."""
    journal_tail.seal = True
    return journal_tail


@pytest.fixture
def influx_address(request: pytest.FixtureRequest) -> tuple[str, str, str]:
    """Url, token and bucket: of your own 2.x or 3.x when INFLUX_URL is set, else of Debian's influxd."""
    if os.environ.get("INFLUX_URL"):
        return os.environ["INFLUX_URL"], os.environ["INFLUX_TOKEN"], os.environ.get("INFLUX_BUCKET", "lineproof-test")
    proxy = request.getfixturevalue("influx_proxy")
    return proxy.url, proxy.token, request.getfixturevalue("influx_bucket")


@pytest.fixture
async def influxdb(influx_address: tuple[str, str, str]) -> AsyncIterator[Case]:
    python = f"from collector.store.influx import InfluxStore; store = InfluxStore{influx_address!r}"
    opened: list[MeasurementStore] = []

    def reopen() -> MeasurementStore:
        opened.append(InfluxStore(*influx_address))
        return opened[-1]

    yield Case(reopen(), reopen, seal=False, python=python)
    for store in opened:
        await store.close()


async def test_a_written_sample_is_found_with_all_that_was_said_of_it(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 20.5, "rx_bps": 1e9})]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms", "rx_bps"], MORNING, MORNING + HOUR)
    assert (series.link, series.source) == ("wan1", Source.SNMP)
    assert series.time.tolist() == [epoch_ms(MORNING)]
    assert series.seconds.tolist() == [60]
    assert series.received_at.tolist() == [epoch_ms(MORNING) + 5000]
    assert series.column("rtt_ms").tolist() == [20.5]
    assert series.column("rx_bps").tolist() == [1e9]


async def test_writing_the_same_rows_again_changes_nothing(case: Case) -> None:
    batch = samples([("wan1", 0, {"rtt_ms": 20}), ("wan1", 1, {"rtt_ms": 21})])
    await case.write(batch, batch, batch)
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert minutes(series) == [0, 1]
    assert series.column("rtt_ms").tolist() == [20, 21]


async def test_a_later_row_replaces_only_what_it_measured(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 20, "loss_pct": 0})], received=5))
    await case.write(samples([("wan1", 0, {"rtt_ms": NAN, "loss_pct": 4, "jitter_ms": 2})], received=65))
    (series,) = await case.store.window(["wan1"], ["rtt_ms", "loss_pct", "jitter_ms"], MORNING, MORNING + HOUR)
    assert [series.column(name).tolist() for name in ("rtt_ms", "loss_pct", "jitter_ms")] == [[20], [4], [2]]
    assert series.received_at.tolist() == [epoch_ms(MORNING) + 65_000]


async def test_rows_that_come_late_stand_in_the_order_of_their_time(case: Case) -> None:
    await case.write(samples([("wan1", 5, {"rtt_ms": 25})]), samples([("wan1", 2, {"rtt_ms": 22})], received=900))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert minutes(series) == [2, 5]


async def test_two_rows_of_one_slot_in_one_batch_are_one_row(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 20}), ("wan1", 0, {"loss_pct": 1})]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms", "loss_pct"], MORNING, MORNING + HOUR)
    assert series.column("rtt_ms").tolist() == [20]
    assert series.column("loss_pct").tolist() == [1]


async def test_a_gap_stays_a_gap(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 20}), ("wan1", 3, {"rtt_ms": 23})]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert minutes(series) == [0, 3]


async def test_what_was_not_measured_is_never_zero(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": NAN, "loss_pct": 100}), ("wan1", 1, {"rtt_ms": NAN})]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms", "loss_pct"], MORNING, MORNING + HOUR)
    assert np.isnan(series.column("rtt_ms")).all()
    np.testing.assert_array_equal(series.column("loss_pct"), [100, NAN])
    assert minutes(series) == [0, 1]


async def test_an_infinite_reading_is_not_measured(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": math.inf, "loss_pct": 1})]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms", "loss_pct"], MORNING, MORNING + HOUR)
    np.testing.assert_array_equal(series.column("rtt_ms"), [NAN])


async def test_a_window_holds_its_start_and_not_its_end(case: Case) -> None:
    await case.write(samples([("wan1", minute, {"rtt_ms": minute}) for minute in (-1, 0, 9, 10, 11)]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + 10 * MINUTE)
    assert minutes(series) == [0, 9]


async def test_a_sample_at_the_very_end_of_a_window_is_not_in_it(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 1}), ("wan1", 10, {"rtt_ms": 2})]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + 10 * MINUTE)
    assert minutes(series) == [0]
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + timedelta(milliseconds=1))
    assert minutes(series) == [0]


async def test_windows_over_midnight_hold_both_days(case: Case) -> None:
    midnight = 15 * 60
    await case.write(samples([("wan1", midnight + minute, {"rtt_ms": 1}) for minute in (-2, -1, 0, 1)]))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + 24 * HOUR)
    assert minutes(series) == [midnight - 2, midnight - 1, midnight, midnight + 1]


async def test_sources_never_blend(case: Case) -> None:
    await case.write(
        samples([("wan1", 0, {"rx_bps": 5})], Source.ORCHESTRATOR), samples([("wan1", 0, {"rx_bps": 7})], Source.SNMP)
    )
    found = await case.store.window(["wan1"], ["rx_bps"], MORNING, MORNING + HOUR)
    assert {series.source: series.column("rx_bps").tolist() for series in found} == {
        Source.SNMP: [7],
        Source.ORCHESTRATOR: [5],
    }


async def test_series_stand_in_the_order_of_the_question(case: Case) -> None:
    await case.write(samples([(link, 0, {"rtt_ms": 1}) for link in ("b", "a", "c")]))
    found = await case.store.window(["c", "a", "nowhere", "b"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert [series.link for series in found] == ["c", "a", "b"]


async def test_nothing_found_is_no_series(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 1})]))
    assert list(await case.store.window(["wan2"], ["rtt_ms"], MORNING, MORNING + HOUR)) == []
    assert list(await case.store.window([], ["rtt_ms"], MORNING, MORNING + HOUR)) == []
    assert list(await case.store.window(["wan1"], ["rtt_ms"], MORNING + HOUR, MORNING)) == []


@pytest.mark.parametrize(
    ("agg", "expected"),
    [
        (Aggregate.MEAN, [2.0, 6.0]),
        (Aggregate.MIN, [1.0, 6.0]),
        (Aggregate.MAX, [3.0, 6.0]),
        (Aggregate.SUM, [4.0, 6.0]),
    ],
)
async def test_buckets_leave_out_what_is_missing(case: Case, agg: Aggregate, expected: list[float]) -> None:
    rows: list[tuple[str, float, dict[str, float]]] = [
        ("wan1", 0, {"rtt_ms": 1}),
        ("wan1", 1, {"rtt_ms": NAN, "loss_pct": 1}),
        ("wan1", 4, {"rtt_ms": 3}),
        ("wan1", 10, {"rtt_ms": 6}),
    ]
    await case.write(samples(rows))
    (series,) = await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR, 5 * MINUTE, agg)
    assert minutes(series) == [0, 10]
    assert series.column("rtt_ms").tolist() == expected
    assert series.seconds.tolist() == [300, 300]


async def test_buckets_are_aligned_to_the_clock_not_to_the_window(case: Case) -> None:
    await case.write(samples([("wan1", minute, {"rtt_ms": minute}) for minute in (3, 4, 5, 6)]))
    (series,) = await case.store.window(
        ["wan1"], ["rtt_ms"], MORNING + 3 * MINUTE, MORNING + HOUR, 5 * MINUTE, Aggregate.MAX
    )
    assert minutes(series) == [0, 5]
    assert series.column("rtt_ms").tolist() == [4, 6]


async def test_percentiles_are_nearest_rank(case: Case) -> None:
    """Of 33 values 1..33: ceil(0.5 x 33) = 17, ceil(0.95 x 33) = 32, ceil(0.99 x 33) = 33."""
    await case.write(samples([("wan1", (7 * n) % 33, {"rtt_ms": (7 * n) % 33 + 1}) for n in range(33)]))
    (summary,) = await case.store.summary(
        Selector(("wan1",), Source.SNMP), ["rtt_ms"], MORNING, MORNING + HOUR, list(Statistic)
    )
    assert summary.values["rtt_ms"] == {
        Statistic.P50: 17,
        Statistic.P95: 32,
        Statistic.P99: 33,
        Statistic.MEAN: 17,
        Statistic.MIN: 1,
        Statistic.MAX: 33,
        Statistic.COUNT: 33,
    }


async def test_a_summary_counts_rows_and_leaves_out_unmeasured_fields(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 4}), ("wan1", 1, {"rx_bps": 1})]))
    await case.write(samples([("wan1", 2, {"rtt_ms": 900})], Source.PROBE))
    measured, absent = await case.store.summary(
        Selector(("wan1", "wan2"), Source.SNMP), ["rtt_ms", "mos"], MORNING, MORNING + HOUR, [Statistic.MAX]
    )
    assert measured.values == {"rtt_ms": {Statistic.MAX: 4}}
    assert (measured.samples, measured.newest) == (2, MORNING + MINUTE)
    assert (absent.link, absent.values, absent.samples, absent.newest) == ("wan2", {}, 0, None)


async def test_the_latest_sample_of_each_link_no_older_than_asked(case: Case) -> None:
    await case.write(
        samples([("wan1", 1, {"rtt_ms": 1}), ("wan1", 2, {"rtt_ms": 2}), ("wan2", 0, {"rtt_ms": 3})]),
        samples([("wan1", 3, {"rtt_ms": 9})], Source.PROBE),
    )
    wanted = Selector(("wan1", "wan2", "wan3"), Source.SNMP)
    found = await case.store.latest(wanted, MORNING + 5 * MINUTE, 4 * MINUTE)
    assert (list(found.links), found.fields["rtt_ms"].tolist()) == (["wan1"], [2])
    found = await case.store.latest(wanted, MORNING + 5 * MINUTE, 5 * MINUTE)
    assert (list(found.links), found.fields["rtt_ms"].tolist()) == (["wan1", "wan2"], [2, 3])


ODD = [
    "a b",
    "a,b",
    "a=b",
    "o'hara",
    'say "x"',
    "back\\slash",
    "back\\",
    "%5C",
    "Zürich-Süd",
    "line\nend",
    "tab\t",
    "x;--",
]


async def test_odd_names_are_themselves(case: Case) -> None:
    await case.write(samples([(link, 0, {"rtt_ms": n}) for n, link in enumerate(ODD)]))
    found = await case.store.window(ODD, ["rtt_ms"], MORNING, MORNING + HOUR)
    assert [(series.link, series.column("rtt_ms").tolist()) for series in found] == [
        (link, [n]) for n, link in enumerate(ODD)
    ]
    facts = [fact(subject=name, value=name, detail=name) for name in ODD]
    await case.store.write_facts(facts)
    await case.settle()
    assert sorted(await case.store.facts(ODD, MORNING, MORNING + HOUR)) == sorted(facts)


def fact(
    minute: float = 0,
    *,
    subject: str = "router1",
    kind: FactKind = FactKind.EVENT,
    value: str = "LINK_DEAD",
    received: float = 1,
    detail: str = "",
) -> Fact:
    time = MORNING + minute * MINUTE
    return Fact(time, subject, kind, value, Source.ORCHESTRATOR, time + timedelta(seconds=received), detail)


async def test_facts_come_back_as_they_were_in_order_of_time(case: Case) -> None:
    exact = MORNING + timedelta(microseconds=1)
    written = [
        fact(2, detail='GE1 lost "dia", see\nlog'),
        Fact(exact, "router1", FactKind.POLL_OUTCOME, "timeout", Source.SNMP, exact),
        fact(1, subject="router2"),
    ]
    await case.store.write_facts(written)
    await case.settle()
    found = await case.store.facts(["router1", "router2"], MORNING, MORNING + HOUR)
    assert list(found) == [written[1], written[2], written[0]]


async def test_a_repeated_fact_changes_nothing(case: Case) -> None:
    for received in (1, 100):
        await case.store.write_facts([fact(received=received), fact(received=received)])
        await case.settle()
    assert list(await case.store.facts(["router1"], MORNING, MORNING + HOUR)) == [fact(received=1)]


async def test_two_facts_of_one_moment_are_two(case: Case) -> None:
    await case.store.write_facts([fact(value="LINK_DEAD"), fact(value="LINK_ALIVE"), fact(value="")])
    await case.settle()
    found = await case.store.facts(["router1"], MORNING, MORNING + HOUR)
    assert [each.value for each in found] == ["", "LINK_ALIVE", "LINK_DEAD"]


async def test_facts_are_asked_for_by_subject_kind_and_time(case: Case) -> None:
    state = fact(0, kind=FactKind.LINK_STATE, value="stable")
    await case.store.write_facts([state, fact(0), fact(10), fact(0, subject="router2")])
    await case.settle()
    store = case.store
    assert list(await store.facts(["router1"], MORNING, MORNING + 10 * MINUTE, [FactKind.LINK_STATE])) == [state]
    assert list(await store.facts(["router1"], MORNING, MORNING + 10 * MINUTE, [FactKind.EVENT])) == [fact(0)]
    assert list(await store.facts([], MORNING, MORNING + HOUR)) == []


async def test_a_question_for_an_unknown_field_is_refused(case: Case) -> None:
    with pytest.raises(StoreError, match="'rtt' is no measurement field"):
        await case.store.window(["wan1"], ["rtt"], MORNING, MORNING + HOUR)


async def test_buckets_without_an_aggregate_are_refused(case: Case) -> None:
    with pytest.raises(StoreError, match="both `every` and `agg`"):
        await case.store.window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR, 5 * MINUTE)


async def test_a_reopened_store_has_everything(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 1})]))
    (series,) = await case.reopen().window(["wan1"], ["rtt_ms"], MORNING, MORNING + HOUR)
    assert series.column("rtt_ms").tolist() == [1]


@pytest.mark.slow
async def test_another_process_sees_what_was_written(case: Case) -> None:
    await case.write(samples([("wan1", 0, {"rtt_ms": 1}), ("wan1", 1, {"rtt_ms": 2})]))
    program = f"""
import asyncio, json
from datetime import datetime, timedelta
{case.python}
async def main():
    start = datetime.fromisoformat({MORNING.isoformat()!r})
    found = await store.window(["wan1"], ["rtt_ms"], start, start + timedelta(hours=1))
    print(json.dumps([series.column("rtt_ms").tolist() for series in found]))
    await store.close()
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    answer, _ = await process.communicate()
    assert json.loads(answer) == [[1, 2]]


async def test_health_names_the_newest_sample(case: Case) -> None:
    assert (await case.store.health()).newest is None
    await case.write(samples([("wan1", 0, {"rtt_ms": 1}), ("wan2", 7, {"rtt_ms": 1})]))
    health = await case.store.health()
    assert health.ok
    assert health.newest == MORNING + 7 * MINUTE
