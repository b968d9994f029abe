"""Damaged parts: found before their damage is passed on, set aside, and everything else goes on."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from store_at_hand import DAY, HOUR, MINUTE, START, Store

from collector.store.manifest import Kind, Manifest, Part
from collector.store.merging import PART_ROWS
from collector.store.port import StoreError
from collector.store.quarantine import SCRUBBED_BYTES, damage, quarantine, to_scrub
from collector.store.retention import Retention
from config.clock import epoch_ms

pytestmark = pytest.mark.rim


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.journal.close()


def flip_a_bit(store: Store, part: Part) -> None:
    path = store.parts_folder / part.name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def set_aside(store: Store) -> list[str]:
    return sorted(path.name for path in (store.folder / "quarantine").iterdir())


async def test_a_flipped_bit_is_never_merged_under_a_fresh_checksum(store: Store) -> None:
    for minute in range(3):
        await store.write(START + minute * MINUTE, {"wan1": minute})
        if minute:
            store.maintain(START + HOUR)
    small = store.parts(Kind.SAMPLES)[0]
    flip_a_bit(store, small)
    await store.write(START + 5 * MINUTE, {"wan1": 5})
    report = store.maintain(START + DAY + 3 * HOUR)
    assert (report.sealed_rows, report.quarantined) == (1, 1)
    (one,) = store.manifest.quarantined
    assert (one.part, one.at) == (small, epoch_ms(START + DAY + 3 * HOUR))
    assert "SHA-256" in one.reason
    assert set_aside(store) == [small.name]
    assert small.name not in {part.name for part in store.manifest.parts}
    assert sum(part.rows for part in store.parts(Kind.SAMPLES)) == 4 - small.rows
    assert report.rolled_days == 1, "what is left of the day is rolled up"


async def test_a_missing_part_is_noticed_by_the_next_run_and_the_rest_goes_on(store: Store) -> None:
    await store.write(START, {"wan1": 1})
    await store.write(START + DAY, {"wan1": 2})
    store.maintain(START + DAY)
    gone, stays = store.parts(Kind.SAMPLES)
    (store.parts_folder / gone.name).unlink()
    await store.write(START + DAY + MINUTE, {"wan1": 3})
    report = store.maintain(START + DAY + HOUR)
    assert (report.quarantined, report.sealed_rows) == (1, 1)
    assert [(one.part, one.reason) for one in store.manifest.quarantined] == [(gone, "is missing")]
    assert stays.day in {part.day for part in store.parts(Kind.SAMPLES)}
    assert store.maintain(START + DAY + HOUR).quarantined == 0


async def test_a_damaged_roll_up_is_made_again_from_the_samples(store: Store) -> None:
    await store.write(START, {"wan1": 1, "wan2": 2})
    store.maintain(START + DAY + 2 * HOUR)
    (hours,) = store.parts(Kind.HOURS)
    flip_a_bit(store, hours)
    assert store.maintain(START + DAY + 2 * HOUR + MINUTE).quarantined == 1
    assert store.parts(Kind.HOURS) == []
    assert not store.manifest.is_rolled(hours.day), "whoever asks meanwhile reads the samples"
    assert store.maintain(START + DAY + 2 * HOUR + 2 * MINUTE).rolled_days == 1
    assert store.hours("rtt_ms") == {("wan1", START): 1.0, ("wan2", START): 2.0}
    assert set_aside(store) == [hours.name]


async def test_a_days_roll_up_keeps_what_its_quarantined_samples_said(store: Store) -> None:
    """Rows that come late would otherwise roll up their link from what little is left of its day."""
    for minute in range(3):
        await store.write(START + minute * MINUTE, {"wan1": 1, "wan2": 10})
    store.maintain(START + DAY + 2 * HOUR)
    (part,) = store.parts(Kind.SAMPLES)
    assert quarantine(store.folder, [(part, "was looked at")], 7) == [part]
    assert store.manifest.is_rolled(part.day)
    await store.write(START + 9 * MINUTE, {"wan1": 5, "wan3": 70})
    store.maintain(START + DAY + 3 * HOUR)
    links = ("wan1", "wan2", "wan3")
    assert store.hours("rtt_ms", links) == {("wan1", START): 3.0, ("wan2", START): 30.0, ("wan3", START): 70.0}


async def test_a_good_copy_that_is_put_back_is_taken_back(store: Store) -> None:
    await store.write(START, {"wan1": 1})
    store.maintain(START)
    (part,) = store.parts(Kind.SAMPLES)
    good = (store.parts_folder / part.name).read_bytes()
    flip_a_bit(store, part)
    store.maintain(START + MINUTE)
    assert store.parts(Kind.SAMPLES) == []
    (store.parts_folder / part.name).write_bytes(good[:-1])
    store.maintain(START + 2 * MINUTE)
    assert (store.parts(Kind.SAMPLES), set_aside(store)) == ([], [part.name])
    (store.parts_folder / part.name).write_bytes(good)
    store.maintain(START + DAY + 3 * HOUR)
    assert store.parts(Kind.SAMPLES) == [part]
    assert store.manifest.quarantined == ()
    assert store.hours("rtt_ms") == {("wan1", START): 1.0}


async def test_samples_that_are_taken_back_reach_the_roll_up_that_was_made_without_them(store: Store) -> None:
    await store.write(START, {"wan1": 1})
    await store.write(START + MINUTE, {"wan2": 2})
    store.maintain(START)
    (part,) = store.parts(Kind.SAMPLES)
    good = (store.parts_folder / part.name).read_bytes()
    (store.parts_folder / part.name).unlink()
    await store.write(START + 2 * MINUTE, {"wan2": 5})
    store.maintain(START + DAY + 2 * HOUR)
    assert store.hours("rtt_ms") == {("wan2", START): 5.0}
    (store.parts_folder / part.name).write_bytes(good)
    store.maintain(START + DAY + 2 * HOUR + MINUTE)
    assert store.hours("rtt_ms") == {("wan1", START): 1.0, ("wan2", START): 7.0}


async def test_what_is_taken_back_into_a_day_that_was_merged_meanwhile_overwrites_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries 1-5 and 6, a file a link, have become 1-6 without a file of 6; with it they are merged into 1-6 again."""
    monkeypatch.setitem(PART_ROWS, Kind.SAMPLES, 1)
    for minute in range(6):
        await store.write(START + minute * MINUTE, {"wan1": 1, "wan2": 10})
        if minute > 3:
            store.maintain(START + HOUR)
    lost = store.parts(Kind.SAMPLES)[-1]
    assert (lost.first, lost.last, lost.first_key) == (6, 6, "wan2")
    kept = (store.parts_folder / lost.name).read_bytes()
    quarantine(store.folder, [(lost, "was looked at")], 7)
    store.maintain(START + DAY + 3 * HOUR)
    assert [(part.first, part.last, part.rows) for part in store.parts(Kind.SAMPLES)] == [(1, 6, 6), (1, 6, 5)]
    (store.parts_folder / lost.name).write_bytes(kept)
    store.maintain(START + DAY + 4 * HOUR)
    parts = store.parts(Kind.SAMPLES)
    assert [(part.first, part.last, part.rows) for part in parts] == [(1, 6, 6), (1, 6, 6)]
    assert [damage(store.parts_folder, part) for part in parts] == [None, None]
    assert store.hours("rtt_ms") == {("wan1", START): 6.0, ("wan2", START): 60.0}
    assert {path.name for path in store.parts_folder.iterdir()} == {part.name for part in store.manifest.parts}


async def test_a_kill_before_the_file_was_moved_aside_does_not_remove_it(store: Store) -> None:
    await store.write(START, {"wan1": 1})
    store.maintain(START)
    (part,) = store.parts(Kind.SAMPLES)
    flip_a_bit(store, part)
    damaged = (store.parts_folder / part.name).read_bytes()
    quarantine(store.folder, [(part, "was changed")], 7)
    (store.folder / "quarantine" / part.name).replace(store.parts_folder / part.name)
    store.maintain(START + MINUTE)
    assert (store.folder / "quarantine" / part.name).read_bytes() == damaged
    assert list(store.parts_folder.iterdir()) == []


async def test_what_was_set_aside_goes_when_its_days_are_over(store: Store) -> None:
    await store.write(START, {"wan1": 1})
    store.maintain(START)
    quarantine(store.folder, [(store.parts(Kind.SAMPLES)[0], "was changed")], 7)
    for day in range(1, 96):
        store.maintain(START + day * DAY)
    assert len(set_aside(store)) == len(store.manifest.quarantined) == 1
    store.maintain(START + 96 * DAY)
    assert set_aside(store) == []
    assert store.manifest.quarantined == ()


async def test_what_cannot_be_read_just_now_is_not_called_damaged(store: Store) -> None:
    await store.write(START, {"wan1": 1})
    store.maintain(START)
    (part,) = store.parts(Kind.SAMPLES)
    path = store.parts_folder / part.name
    path.rename(store.folder / "elsewhere")
    path.mkdir()
    with pytest.raises(StoreError, match="cannot be read: Is a directory; check the folder's rights") as raised:
        store.maintain(START + MINUTE)
    assert raised.value.retryable
    path.rmdir()
    (store.folder / "elsewhere").rename(path)
    assert store.maintain(START + MINUTE).quarantined == 0
    assert store.parts(Kind.SAMPLES) == [part]


async def test_quarantine_is_refused_while_another_process_maintains(store: Store) -> None:
    await store.write(START, {"wan1": 1})
    store.maintain(START)
    holds = (
        "import fcntl, os, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX);"
        "f.write(str(os.getpid())); f.flush(); print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", holds, str(store.folder / "writer.lock")]
    other = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    assert other.stdout is not None
    await other.stdout.readline()
    with pytest.raises(StoreError, match=f"being maintained by process {other.pid}; .* try again"):
        quarantine(store.folder, [(store.parts(Kind.SAMPLES)[0], "was changed")], 7)
    other.kill()
    await other.communicate()
    assert len(quarantine(store.folder, [(store.parts(Kind.SAMPLES)[0], "was changed")], 7)) == 1
    assert quarantine(store.folder, [(store.manifest.quarantined[0].part, "was changed")], 7) == []


async def test_a_damaged_roll_up_of_expired_samples_is_lost_and_its_day_stays_as_it_is(store: Store) -> None:
    await store.write(START, {"wan1": 1})
    store.retention = Retention(raw_days=1)
    for day in range(1, 4):
        store.maintain(START + day * DAY + 3 * HOUR)
    before = store.manifest
    assert [part.kind for part in before.parts] == [Kind.HOURS, Kind.DAYS]
    quarantine(store.folder, [(before.parts[0], "was changed")], 7)
    assert store.manifest.rolled == before.rolled
    assert store.maintain(START + 3 * DAY + 4 * HOUR).rolled_days == 0


def test_a_run_checks_a_bounded_share_of_the_parts_in_turn() -> None:
    def part(number: int, size: int) -> Part:
        return Part(
            kind=Kind.SAMPLES,
            day=20_000,
            first=number,
            last=number,
            slice=0,
            rows=1,
            size=size,
            sha256="",
            start=0,
            end=0,
            first_key="a",
            last_key="a",
        )

    half = SCRUBBED_BYTES // 2
    one, two, three, huge = part(1, half), part(2, half), part(3, half), part(4, 3 * SCRUBBED_BYTES)
    manifest = Manifest(9, (three, one, huge, two))
    assert to_scrub(manifest) == [one, two]
    assert to_scrub(replace(manifest, scrubbed=two.name)) == [three]
    assert to_scrub(replace(manifest, scrubbed=three.name)) == [huge]
    assert to_scrub(replace(manifest, scrubbed=huge.name)) == [one, two]
    assert to_scrub(Manifest(9, (one,), scrubbed=one.name)) == [one]
    assert to_scrub(Manifest(0, ())) == []
