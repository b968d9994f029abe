"""The newest row of each link, whatever was sealed, trimmed or missed since it was last asked for."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.journal import Journal
from collector.model import SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from collector.store.manifest import read_manifest
from collector.store.port import Selector
from collector.store.rows import Rows, concatenated, empty
from config.clock import epoch_ms

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LINKS = ("a", "b", "c", "nowhere")


def opened(folder: Path) -> EmbeddedStore:
    return EmbeddedStore(Journal(folder / "journal.sqlite"), folder / "store", raw_days=95)


@pytest.fixture
def store(tmp_path: Path) -> EmbeddedStore:
    return opened(tmp_path)


def sample(
    link: str, minute: float, value: float, field: str = "rtt_ms", received: float = 1, source: Source = Source.SNMP
) -> SampleBatch:
    time = np.array([epoch_ms(NOW) + round(minute * 60_000)])
    return SampleBatch(
        source, [link], time, np.array([60], np.int32), time + round(received * 1000), {field: np.array([value])}
    )


async def newest(
    store: EmbeddedStore, max_age: timedelta = HOUR, source: Source = Source.SNMP
) -> dict[str, tuple[float, dict[str, float]]]:
    found = await store.latest(Selector(LINKS, source), NOW, max_age)
    return {
        link: (
            (int(found.time[i]) - epoch_ms(NOW)) / 60_000,
            {name: float(values[i]) for name, values in found.fields.items() if not np.isnan(values[i])},
        )
        for i, link in enumerate(found.links)
    }


async def test_what_was_sealed_after_it_was_read_is_still_known(store: EmbeddedStore) -> None:
    await store.write(sample("a", -3, 1))
    assert await newest(store) == {"a": (-3, {"rtt_ms": 1})}
    await store.write(sample("b", -2, 2))
    await store.maintain(NOW)
    assert await newest(store) == {"a": (-3, {"rtt_ms": 1}), "b": (-2, {"rtt_ms": 2})}


async def test_the_newest_rows_are_read_from_parts_once_and_not_again(store: EmbeddedStore) -> None:
    await store.write(sample("a", -3, 1))
    await store.maintain(NOW)
    assert await newest(store) == {"a": (-3, {"rtt_ms": 1})}
    for part in store.parts_folder.iterdir():
        part.unlink()
    await store.write(sample("b", -2, 2))
    assert await newest(store) == {"a": (-3, {"rtt_ms": 1}), "b": (-2, {"rtt_ms": 2})}


async def test_rows_that_another_process_sealed_and_trimmed_unseen_are_found_in_the_parts(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    await store.write(sample("a", -30, 0))
    await store.maintain(NOW)
    reader = opened(tmp_path)
    await store.write(sample("a", -9, 1))
    assert await newest(reader) == {"a": (-9, {"rtt_ms": 1})}
    await store.write(sample("a", -5, 2))
    await store.maintain(NOW)
    assert store.journal.trimmed() > 0
    assert await newest(reader) == {"a": (-5, {"rtt_ms": 2})}
    await store.write(sample("b", -4, 3))
    assert await newest(reader) == {"a": (-5, {"rtt_ms": 2}), "b": (-4, {"rtt_ms": 3})}
    assert await newest(opened(tmp_path)) == await newest(reader)


async def test_fields_of_the_newest_slot_come_together_from_parts_and_journal(store: EmbeddedStore) -> None:
    """Of each field the value received last: rtt_ms from the parts, jitter_ms from the journal."""
    await store.write(sample("a", -3, 1, "rtt_ms", received=9))
    await store.write(sample("a", -3, 1, "jitter_ms", received=1))
    await store.maintain(NOW)
    await store.write(sample("a", -3, 7, "rtt_ms", received=5))
    await store.write(sample("a", -3, 7, "jitter_ms", received=5))
    for _ in range(2):
        assert await newest(store) == {"a": (-3, {"rtt_ms": 1, "jitter_ms": 7})}
        await store.maintain(NOW)


async def test_of_equally_late_values_the_one_written_last_stands_also_when_parts_are_read_later(
    store: EmbeddedStore, tmp_path: Path
) -> None:
    await store.write(sample("a", -3, 1))
    await store.maintain(NOW)
    reader = opened(tmp_path)
    await store.write(sample("a", -3, 2))
    assert await newest(reader) == {"a": (-3, {"rtt_ms": 2})}


async def test_a_silent_link_is_found_as_far_back_as_asked_and_no_further(store: EmbeddedStore) -> None:
    await store.write(sample("a", -300, 1))
    await store.write(sample("b", -1, 2))
    await store.maintain(NOW)
    assert set(await newest(store)) == {"b"}
    assert set(await newest(store, 5 * HOUR)) == {"a", "b"}
    assert set(await newest(store, 5 * HOUR - timedelta(milliseconds=1))) == {"b"}


async def test_sources_are_told_apart(store: EmbeddedStore) -> None:
    await store.write(sample("a", -30, 1, source=Source.PROBE))
    await store.write(sample("a", -1, 2))
    await store.maintain(NOW)
    assert await newest(store) == {"a": (-1, {"rtt_ms": 2})}
    assert await newest(store, source=Source.PROBE) == {"a": (-30, {"rtt_ms": 1})}


async def test_after_a_clock_that_went_back_the_newest_slot_is_still_the_newest(store: EmbeddedStore) -> None:
    await store.write(sample("a", 30, 1))
    await store.maintain(NOW)
    await store.write(sample("a", -5, 2))
    assert await newest(store) == {"a": (30, {"rtt_ms": 1})}


async def test_what_has_expired_is_no_longer_the_newest(store: EmbeddedStore) -> None:
    long = 400 * 24 * HOUR
    await store.write(sample("a", -200 * 1440, 1))
    await store.write(sample("b", -1, 2))
    assert set(await newest(store, long)) == {"a", "b"}
    await store.maintain(NOW)
    assert set(await newest(store, long)) == {"b"}


def slowly(store: EmbeddedStore, source: Source, since: int) -> Rows:
    rows = [store.rows([link], None, since, 1 << 62).get(source, empty()) for link in LINKS]
    return concatenated([each.take(np.array([len(each) - 1])) for each in rows if len(each)])


write = st.tuples(
    st.just("write"),
    st.lists(
        st.tuples(
            st.sampled_from(LINKS[:3]),
            st.integers(-90, 5),
            st.integers(0, 9),
            st.sampled_from(["rtt_ms", "loss_pct"]),
            st.integers(0, 4),
            st.sampled_from([Source.SNMP, Source.PROBE]),
        ),
        min_size=1,
        max_size=4,
    ),
)
ask = st.tuples(st.just("ask"), st.integers(0, 1), st.sampled_from([5, 30, 120]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(write, write, ask, ask, st.just(("maintain",))), max_size=14))
def test_the_newest_rows_are_those_of_the_whole_store(steps: Sequence[tuple[object, ...]]) -> None:
    """Two readers of one folder, one of them the writer, asked in turns."""

    async def played() -> None:
        with tempfile.TemporaryDirectory() as name:
            stores = [opened(Path(name)), opened(Path(name))]
            await stores[0].write(sample("a", -100, 3))
            await stores[0].maintain(NOW)
            for step in [*steps, ("ask", 0, 120), ("ask", 1, 120)]:
                match step:
                    case ("write", list(rows)):
                        for link, minute, value, field, received, source in rows:
                            await stores[0].write(sample(link, minute, value, field, received, source))
                    case ("maintain",):
                        await stores[0].maintain(NOW)
                    case ("ask", int(which), int(age)):
                        for source in (Source.SNMP, Source.PROBE):
                            found = await stores[which].latest(Selector(LINKS, source), NOW, age * MINUTE)
                            truth = slowly(stores[which], source, epoch_ms(NOW - age * MINUTE))
                            assert list(found.links) == [truth.names[code] for code in truth.link]
                            assert found.time.tolist() == truth.time.tolist()
                            assert found.received_at.tolist() == truth.received_at.tolist()
                            for field in ("rtt_ms", "loss_pct"):
                                nothing = np.full(len(truth), np.nan)
                                np.testing.assert_array_equal(
                                    found.fields.get(field, nothing), truth.fields.get(field, nothing)
                                )
            for store in stores:
                await store.close()

    asyncio.run(played())


async def test_a_manifest_that_was_not_replaced_is_not_read_again(store: EmbeddedStore) -> None:
    await store.write(sample("a", -3, 1))
    await store.maintain(NOW)
    assert store.manifest() is store.manifest()
    assert store.manifest() == read_manifest(store.manifest_path)
