"""Other processes read an embedded store while one writes, seals, merges, rolls up and expires."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from dying_store import HOUR, LINKS, START, clock_at, entry_of, open_store

from collector.journal import Journal
from collector.model import Series
from collector.store.embedded import EmbeddedStore
from collector.store.manifest import Manifest, maintaining
from collector.store.port import StoreError
from collector.store.rows import Rows
from collector.store.tail import Tail
from config.clock import epoch_ms

pytestmark = pytest.mark.rim

ROOT = Path(__file__).parents[2]
HERE = str(Path(__file__).parent)

WRITER = f"""
import asyncio, sys
from pathlib import Path
sys.path.append({HERE!r})
from dying_store import write_and_maintain
asyncio.run(write_and_maintain(Path(sys.argv[1]), 0))
"""

READER = f"""
import asyncio, sys, time
from pathlib import Path
sys.path.append({HERE!r})
from dying_store import FIELDS, HOUR, LINKS, START, open_store
from datetime import timedelta
from collector.store.port import Aggregate

async def main():
    store, reads, newest, until = open_store(Path(sys.argv[1])), 0, 0, time.monotonic() + float(sys.argv[2])
    while time.monotonic() < until:
        end = START + timedelta(days=400)
        found = await store.window(LINKS, FIELDS, START, end)
        assert [series.link for series in found] == list(LINKS), "a link is missing"
        # Hour by hour without a hole, from the oldest day that is kept to the newest entry, the same for all links.
        hours = [sorted({{t // 3_600_000 for t in series.time.tolist()}}) for series in found]
        assert hours[0] == hours[1] == hours[2], "the links differ"
        assert hours[0] == list(range(hours[0][0], hours[0][-1] + 1)), "an hour is missing"
        assert all(len(set(series.time.tolist())) == len(series) for series in found), "a row stands twice"
        # Hours outlive the samples: at least twelve days of them are there in each answer.
        whole = await store.window(LINKS, FIELDS, START, end, HOUR, Aggregate.MAX)
        for series in whole:
            times = series.time.tolist()
            assert times == list(range(times[0], times[-1] + 1, 3_600_000)), "a rolled hour is missing"
            assert times[-1] >= newest, "what was there is gone"
            assert times[0] <= max(int(START.timestamp()) * 1000, times[-1] - 12 * 86_400_000), "hours are gone"
        newest = min(series.time[-1] for series in whole)
        facts = [int(fact.value) for fact in await store.facts(["router1"], START, end)]
        assert facts == list(range(facts[0], facts[-1] + 1)), "a fact is missing"
        reads += 1
    print("read", reads, newest, flush=True)
asyncio.run(main())
"""


@pytest.mark.slow
async def test_readers_in_other_processes_get_whole_answers_while_one_writes_seals_rolls_up_and_expires(
    tmp_path: Path,
) -> None:
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(tmp_path), stdout=subprocess.PIPE, cwd=ROOT
    )
    assert writer.stdout is not None
    runs = 0
    while runs < 10:
        line = await writer.stdout.readline()
        assert line, "the writer ended"
        runs += line.startswith(b"maintained")
    readers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", READER, str(tmp_path), "4", stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
        )
        for _ in range(4)
    ]
    drained = asyncio.create_task(writer.stdout.read())
    answers = await asyncio.gather(*(reader.communicate() for reader in readers))
    assert writer.returncode is None, "the writer was meant to live"
    writer.kill()
    lines = (await drained).decode().splitlines()
    await writer.wait()
    assert [error.decode()[-300:] for _, error in answers] == [""] * 4
    reads = [int(out.split()[1]) for out, _ in answers]
    assert min(reads) > 3, reads
    assert sum(line.startswith("maintained") for line in lines) > 3


async def test_a_reader_whose_manifest_was_replaced_meanwhile_reads_again(tmp_path: Path) -> None:
    """Between the reader's look at the manifest and at the journal, the writer seals and trims everything."""

    class SlowReader(EmbeddedStore):
        stale: Manifest | None = None

        def manifest(self) -> Manifest:
            stale, self.stale = self.stale, None
            return stale or super().manifest()

    writer = open_store(tmp_path)
    reader = SlowReader(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", 3)
    reader.stale = reader.manifest()
    await writer.journal.append(*entry_of(0))
    await writer.maintain(clock_at(0))
    (series,) = await reader.window(["wan1"], ["rtt_ms"], START, START + HOUR)
    assert series.column("rtt_ms").tolist() == [3.0, 4.0]
    await writer.close()
    await reader.close()


def hours_of(found: Sequence[Rows | Series]) -> list[int]:
    """Hours since START that these rows begin in."""
    return sorted({(time - epoch_ms(START)) // 3_600_000 for rows in found for time in rows.time.tolist()})


async def test_what_has_expired_is_not_answered_from_what_a_reader_once_read_in_the_journal(tmp_path: Path) -> None:
    writer, reader = open_store(tmp_path), open_store(tmp_path)
    end = START + 10 * timedelta(days=1)

    async def answer() -> tuple[list[int], list[str]]:
        found = await reader.window(["wan1"], ["rtt_ms"], START, end)
        return hours_of(found), [fact.value for fact in await reader.facts(["router1"], START, end)]

    await writer.journal.append(*entry_of(0))
    assert await answer() == ([0], ["0"])
    # The first day is over after 24 hours, and is kept for three more days.
    for hour in range(0, 108, 12):
        await writer.maintain(clock_at(hour))
    await writer.journal.append(*entry_of(101))
    assert await answer() == ([101], ["101"])
    await writer.close()
    await reader.close()


@pytest.mark.parametrize("follows", [False, True])
async def test_of_the_journal_only_what_is_in_no_part_yet_is_answered(tmp_path: Path, *, follows: bool) -> None:
    """Also when the parts' position lies within entries that were read at once, or reads them for the newest rows."""
    journal = Journal(tmp_path / "journal.sqlite")
    tail = Tail(journal)
    if follows:
        tail.follow()
    for n in range(4):
        await journal.append(*entry_of(n))
    for position in range(5):
        rows, facts = tail.after(position)
        assert hours_of(rows) == list(range(position, 4))
        assert [fact.value for fact in facts] == [str(n) for n in range(position, 4)]
    for n in range(4, 8):
        await journal.append(*entry_of(n))
    rows, facts = tail.after(6)
    assert (hours_of(rows), [fact.value for fact in facts]) == ([6, 7], ["6", "7"])
    journal.close()


async def test_a_second_process_that_maintains_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with (
        maintaining(store.folder),
        pytest.raises(StoreError, match=rf"being maintained by process {os.getpid()}; let only one"),
    ):
        await store.maintain(START)
    await store.maintain(START)
    await store.close()


SECOND = f"""
import asyncio, json, sys
from pathlib import Path
sys.path.append({HERE!r})
from dying_store import LINKS, FIELDS, START, HOUR, entry_of, open_store
from collector.store.port import StoreError

async def main():
    store, said = open_store(Path(sys.argv[1])), []
    try:
        await store.journal.append(*entry_of(1))
    except StoreError as error:
        said.append(str(error))
    found = await store.window(["wan1"], ["rtt_ms"], START, START + 24 * HOUR)
    print(json.dumps([said, [series.column("rtt_ms").tolist() for series in found]]))
asyncio.run(main())
"""


@pytest.mark.slow
async def test_a_second_process_that_writes_is_refused_by_name_and_may_read(tmp_path: Path) -> None:
    first = open_store(tmp_path)
    await first.journal.append(*entry_of(0))

    async def second() -> tuple[list[str], list[list[float]]]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", SECOND, str(tmp_path), stdout=subprocess.PIPE, cwd=ROOT
        )
        answer, _ = await process.communicate()
        said, rows = json.loads(answer)
        return said, rows

    said, rows = await second()
    assert len(said) == 1
    assert f"is being written by process {os.getpid()}" in said[0]
    assert rows == [[3.0, 4.0]]
    await first.close()
    said, rows = await second()
    assert said == []
    assert rows == [[3.0, 4.0, 10.0, 11.0]]


@pytest.mark.slow
async def test_a_writer_that_was_killed_holds_up_the_next_one_not_at_all(tmp_path: Path) -> None:
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITER, str(tmp_path), stdout=subprocess.PIPE, cwd=ROOT
    )
    assert writer.stdout is not None
    await writer.stdout.readline()
    writer.send_signal(signal.SIGKILL)
    await writer.communicate()
    began = time.monotonic()
    store = open_store(tmp_path)
    await store.journal.append(*entry_of(10_000))
    assert time.monotonic() - began < 5
    assert len(await store.window(LINKS, ["rtt_ms"], clock_at(9_999), clock_at(10_000))) == 3
    await store.close()


async def test_a_journal_that_does_not_belong_to_the_parts_is_refused(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    await store.journal.append(*entry_of(0))
    await store.maintain(START)
    await store.close()
    other = EmbeddedStore(Journal(tmp_path / "another.sqlite"), tmp_path / "store", 3)
    with pytest.raises(StoreError, match="do not belong together"):
        await other.window(["wan1"], ["rtt_ms"], START, START + HOUR)
    with pytest.raises(StoreError, match="do not belong together"):
        await other.maintain(START)
    await other.close()
