"""Damaged files of an embedded store: found, set aside, the rest readable, never passed on under a fresh checksum."""

from __future__ import annotations

import json
import random
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from dying_store import FIELDS, HOUR, LINKS, START, clock_at, entry_of, open_store
from store_truth import DAY, Truth, assert_no_strays, check, told

from collector.journal import Journal
from collector.model import Source
from collector.store.embedded import EmbeddedStore
from collector.store.inspect import verify
from collector.store.manifest import Kind, Part
from collector.store.port import Aggregate, Selector, Statistic, StoreError
from collector.store.rebuilding import rebuild_manifest

pytestmark = pytest.mark.rim

LAST = 3 * 24 + 4
"""Entries 0..LAST: three days that are closed and rolled up, and the fourth begun."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sound")


@pytest.fixture
async def store(sound: Path, tmp_path: Path) -> AsyncIterator[EmbeddedStore]:
    """A store of its own for each test, made once."""
    if not (sound / "store").exists():
        first = open_store(sound)
        for n in range(LAST + 1):
            await first.journal.append(*entry_of(n))
            if n % 14 == 0:
                await first.maintain(clock_at(n))
        await first.maintain(clock_at(LAST))
        await first.close()
    shutil.copytree(sound, tmp_path / "copy")
    store = open_store(tmp_path / "copy")
    yield store
    await store.close()


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x10
    path.write_bytes(content)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def deleted(path: Path) -> None:
    path.unlink()


DAMAGES = [flipped, truncated, emptied, deleted]


def largest(store: EmbeddedStore, kind: Kind) -> Part:
    return max((part for part in store.manifest().parts if part.kind is kind), key=lambda part: part.size)


def day_of(part: Part) -> datetime:
    return datetime.fromtimestamp(part.day * 86_400, START.tzinfo)


async def samples_of(store: object, start: datetime, end: datetime) -> dict[str, object]:
    found = await store.window(LINKS, FIELDS, start, end)  # type: ignore[attr-defined]
    return {series.link: told(series) for series in found}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damaged_samples_are_found_set_aside_and_every_other_day_is_whole(
    store: EmbeddedStore, damage: Callable[[Path], None]
) -> None:
    part, truth = largest(store, Kind.SAMPLES), Truth()
    await truth.learn(LAST)
    damage(store.parts_folder / part.name)
    (problem,) = verify(store, clock_at(LAST))
    assert (problem.file, problem.kind, problem.rows, problem.set_aside) == (part.name, Kind.SAMPLES, part.rows, True)
    expected = "missing" if damage is deleted else "damaged"
    assert expected in problem.reason
    assert list(verify(store)) == []
    for n in range(4):
        day = START + n * DAY
        if day != day_of(part):
            assert await samples_of(store, day, day + DAY) == await samples_of(truth.model, day, day + DAY)
    assert await samples_of(store, day_of(part), day_of(part) + DAY) == {}
    health = await store.health()
    assert not health.ok
    assert f"{part.rows} rows" in health.detail
    # What the roll-ups knew of that day, they still know, also after more maintenance.
    await store.maintain(clock_at(LAST) + timedelta(hours=2))
    found = await store.window(LINKS, FIELDS, START, START + 3 * DAY, HOUR, Aggregate.MAX)
    whole = await truth.model.window(LINKS, FIELDS, START, START + 3 * DAY, HOUR, Aggregate.MAX)
    assert {series.link: told(series) for series in found} == {series.link: told(series) for series in whole}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_damaged_facts_are_found_set_aside_and_every_other_day_is_whole(
    store: EmbeddedStore, damage: Callable[[Path], None]
) -> None:
    part = largest(store, Kind.FACTS)
    damage(store.parts_folder / part.name)
    assert [problem.file for problem in verify(store, clock_at(LAST))] == [part.name]
    facts = await store.facts(["router1"], START, START + 4 * DAY)
    lost = range((day_of(part) - START) // HOUR, (day_of(part) - START) // HOUR + 24)
    assert [int(fact.value) for fact in facts] == [n for n in range(LAST + 1) if n not in lost]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("kind", [Kind.HOURS, Kind.DAYS])
async def test_damaged_roll_ups_are_made_again_from_the_samples(
    store: EmbeddedStore, kind: Kind, damage: Callable[[Path], None]
) -> None:
    part = largest(store, kind)
    damage(store.parts_folder / part.name)
    assert [problem.file for problem in verify(store, clock_at(LAST))] == [part.name]
    # Answers come from the samples until then, and from new roll-ups afterwards.
    assert await check(store, Truth(), LAST) == LAST
    report = await store.maintain(clock_at(LAST) + timedelta(hours=2))
    assert report.rolled_days > 0
    assert await check(store, Truth(), LAST) == LAST
    assert list(verify(store)) == []
    assert part.name not in {one.name for one in store.manifest().parts}


@pytest.mark.parametrize("kind", [Kind.SAMPLES, Kind.FACTS, Kind.HOURS, Kind.DAYS])
async def test_a_damage_that_nobody_looked_for_is_found_by_maintenance_and_not_merged(
    store: EmbeddedStore, kind: Kind
) -> None:
    """More entries come, so that parts are merged; the damaged one must not be among what is merged."""
    part = largest(store, kind)
    flipped(store.parts_folder / part.name)
    for n in range(LAST + 1, LAST + 12):
        await store.journal.append(*entry_of(n))
        await store.maintain(clock_at(n))
    assert [one.part.name for one in store.manifest().quarantined] == [part.name]
    assert (store.folder / "quarantine" / part.name).exists()
    assert list(verify(store)) == []
    truth = Truth()
    await truth.learn(LAST + 11)
    expected = await samples_of(truth.model, START, START + 4 * DAY)
    for link, rows in (await samples_of(store, START, START + 4 * DAY)).items():
        assert rows.items() <= expected[link].items(), "a damaged value was passed on"
    assert_no_strays(store.folder.parent)


@pytest.mark.slow
async def test_a_question_about_a_damaged_part_is_an_error_that_says_what_to_do_and_never_a_crash(
    store: EmbeddedStore,
) -> None:
    """Any byte of any part. Parquet does not protect its pages, so an altered value may be read until it is found."""
    chance = random.Random(4)
    for _ in range(25):
        part = chance.choice(store.manifest().parts)
        path = store.parts_folder / part.name
        whole = path.read_bytes()
        content = bytearray(whole)
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        path.unlink()
        path.write_bytes(content)
        fresh = open_store(store.folder.parent)
        try:
            await fresh.window(LINKS, FIELDS, START, START + 4 * DAY)
            await fresh.window(LINKS, FIELDS, START, START + 4 * DAY, HOUR, Aggregate.MAX)
            await fresh.facts(["router1"], START, START + 4 * DAY)
            await fresh.summary(Selector(LINKS, Source.PROBE), FIELDS, START, START + 4 * DAY, list(Statistic))
        except StoreError as error:
            assert "lineproof store verify" in str(error)  # noqa: PT017
        assert [problem.file for problem in verify(fresh)] == [part.name]
        await fresh.close()
        path.unlink()
        path.write_bytes(whole)


def files_of(store: EmbeddedStore) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in store.parts_folder.iterdir()}


async def refused(store: EmbeddedStore, message: str) -> None:
    """Every question and every work on the store is refused, and no file of it touched."""
    before = files_of(store)
    for attempt in (
        store.window(LINKS, FIELDS, START, START + DAY),
        store.facts(["router1"], START, START + DAY),
        store.maintain(clock_at(LAST)),
        store.health(),
    ):
        with pytest.raises(StoreError, match=message):
            await attempt
    with pytest.raises(StoreError, match=message):
        verify(store, clock_at(LAST))
    assert files_of(store) == before
    # Collecting goes on: what is appended now is not lost by it.
    await store.journal.append(*entry_of(LAST + 1))


async def test_a_damaged_manifest_is_refused_and_costs_nothing_once_it_is_restored(store: EmbeddedStore) -> None:
    whole = store.manifest_path.read_bytes()
    for wrong in (whole[: len(whole) // 2], b"", b"[]", b"null", whole.replace(b'"parts"', b'"prats"', 1)):
        store.manifest_path.write_bytes(wrong)
        await refused(store, "damaged|restore")
    store.manifest_path.write_bytes(whole)
    assert await check(store, Truth(), LAST + 1) == LAST + 1


async def test_a_manifest_that_is_gone_is_refused_before_any_part_is_taken_for_a_stray(store: EmbeddedStore) -> None:
    whole = store.manifest_path.read_bytes()
    store.manifest_path.unlink()
    await refused(store, "is gone; restore the whole folder|do not belong together")
    store.manifest_path.write_bytes(whole)
    assert await check(store, Truth(), LAST + 1) == LAST + 1


@pytest.mark.parametrize("damage", [truncated, emptied, deleted])
async def test_a_manifest_that_is_made_anew_knows_everything(
    store: EmbeddedStore, damage: Callable[[Path], None]
) -> None:
    """Also that the first day's samples have expired, and what stands for them."""
    newest = LAST + 20
    for n in range(LAST + 1, newest + 1):
        await store.journal.append(*entry_of(n))
    await store.maintain(clock_at(newest))
    assert min(part.day for part in store.manifest().parts if part.kind is Kind.SAMPLES) > START.timestamp() // 86_400
    parts = {part.name for part in store.manifest().parts}
    damage(store.manifest_path)
    rebuild_manifest(store)
    assert {part.name for part in store.manifest().parts} == parts
    assert await check(store, Truth(), newest) == newest
    await store.journal.append(*entry_of(newest + 1))
    await store.maintain(clock_at(newest + 1) + HOUR)
    assert await check(store, Truth(), newest + 1) == newest + 1
    assert list(verify(store)) == []


async def test_an_old_manifest_is_refused_before_newer_parts_are_taken_for_strays(store: EmbeddedStore) -> None:
    whole = store.manifest_path.read_bytes()
    document = json.loads(whole)
    document["position"] -= 10
    store.manifest_path.write_text(json.dumps(document))
    await refused(store, "do not belong together")
    store.manifest_path.write_bytes(whole)
    assert await check(store, Truth(), LAST + 1) == LAST + 1


async def test_parts_without_their_manifest_and_journal_are_never_taken_for_what_a_crash_left(tmp_path: Path) -> None:
    """Somebody kept the folder of parts, and lost or replaced everything else."""
    kept = open_store(tmp_path)
    await kept.journal.append(*entry_of(0))
    await kept.maintain(clock_at(0))
    await kept.close()
    parts = sorted(kept.parts_folder.iterdir())
    assert parts
    kept.manifest_path.unlink()
    other = EmbeddedStore(Journal(tmp_path / "new.sqlite"), kept.folder, raw_days=95)
    with pytest.raises(StoreError, match="do not belong together"):
        await other.maintain(clock_at(0))
    assert sorted(kept.parts_folder.iterdir()) == parts
    await other.close()
