"""kill -9 at any moment: what was acknowledged is found, once."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from collector.journal import Journal
from collector.model import Fact, FactKind, SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from collector.store.manifest import Manifest, read_manifest
from collector.store.port import StoreError

START = datetime(2026, 3, 3, 22, tzinfo=UTC)
LINKS = 6

WRITER = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_embedded_crash import START, entry_of
from collector.journal import Journal
from collector.store.embedded import EmbeddedStore

async def main():
    folder, first = Path(sys.argv[1]), int(sys.argv[3])
    store = EmbeddedStore(Journal(folder / "journal.sqlite"), folder / "store", 95)
    n = first
    async def write():
        nonlocal n
        while True:
            await store.journal.append(*entry_of(n))
            print(n, flush=True)
            n += 1
    async def maintain():
        while True:
            await store.maintain(START + timedelta(minutes=n))
            print("maintained", flush=True)
    await asyncio.gather(write(), maintain())
asyncio.run(main())
"""


def entry_of(n: int) -> tuple[list[SampleBatch], list[Fact]]:
    """Entry n: minute n of every link, whose value is n, and one fact. Runs over midnight after 120 entries."""
    moment = START + timedelta(minutes=n)
    at = np.full(LINKS, round(moment.timestamp() * 1000), np.int64)
    batch = SampleBatch(
        source=Source.PROBE,
        links=[f"wan{link}" for link in range(LINKS)],
        time=at,
        seconds=np.full(LINKS, 60, np.int32),
        received_at=at + 61_000,
        fields={"rtt_ms": np.full(LINKS, float(n))},
    )
    return [batch], [Fact(moment, "router1", FactKind.EVENT, str(n), Source.PROBE, moment)]


def write_until_killed(folder: Path, first: int, seconds: float) -> tuple[int, int]:
    """Let a real process write and maintain, then kill it; the last acknowledged entry, and how often it maintained."""
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", WRITER, str(folder), here, str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]) as process:
        assert process.stdout is not None
        said = [process.stdout.readline()]
        time.sleep(seconds)
        process.kill()
        said += process.stdout.read().splitlines()
    numbers = [int(line) for line in said if line.strip().isdigit()]
    return max(numbers), sum(line.strip() == "maintained" for line in said)


async def check(folder: Path, acknowledged: int) -> int:
    """Every acknowledged row and fact is found exactly once; the number of the newest entry found."""
    store = EmbeddedStore(Journal(folder / "journal.sqlite"), folder / "store", 95)
    links = [f"wan{link}" for link in range(LINKS)]
    until = START + timedelta(days=30)
    found = await store.window(links, ["rtt_ms"], START, until)
    assert [series.link for series in found] == links
    newest = len(found[0]) - 1
    # What was on its way when the process died may be there as well, but whole.
    assert acknowledged <= newest <= acknowledged + 1
    for series in found:
        assert series.column("rtt_ms").tolist() == list(range(newest + 1))
    facts = await store.facts(["router1"], START, until)
    assert [int(fact.value) for fact in facts] == list(range(newest + 1))
    await store.close()
    return newest


@pytest.mark.slow
async def test_a_killed_writer_loses_and_doubles_nothing(tmp_path: Path) -> None:
    moments = random.Random(2026)
    newest, maintained = -1, 0
    for _ in range(10):
        acknowledged, times = await asyncio.to_thread(
            write_until_killed, tmp_path, newest + 1, moments.uniform(0.0, 0.8)
        )
        maintained += times
        newest = await check(tmp_path, acknowledged)
    assert maintained > 5, "the writer was meant to be killed around maintenance"
    store = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", 95)
    await store.maintain(START + timedelta(days=3))
    named = {part.name for part in read_manifest(tmp_path / "store" / "manifest.json").parts}
    assert {path.name for path in (tmp_path / "store" / "parts").iterdir()} == named
    await store.close()
    assert await check(tmp_path, newest) == newest


STEPS = ["after_parts", "after_manifest", "after_cursor", "after_merge_parts", "after_merge_manifest", "before_trim"]

DIES = """
import asyncio, os, signal, sys
from datetime import timedelta
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_embedded_crash import START
import collector.store.sealing as sealing
from collector.journal import Journal
from collector.store.embedded import EmbeddedStore

step, manifests = sys.argv[3], 0
def die(): os.kill(os.getpid(), signal.SIGKILL)
write_manifest = sealing.write_manifest
def dying_write_manifest(path, manifest):
    global manifests
    manifests += 1
    if (step, manifests) in (("after_parts", 1), ("after_merge_parts", 2)): die()
    write_manifest(path, manifest)
    if (step, manifests) in (("after_manifest", 1), ("after_merge_manifest", 2)): die()
sealing.write_manifest = dying_write_manifest
class DyingJournal(Journal):
    def advance(self, name, seq):
        super().advance(name, seq)
        if step == "after_cursor" and seq: die()
    def trim(self):
        if step == "before_trim": die()
        return super().trim()
folder = Path(sys.argv[1])
store = EmbeddedStore(DyingJournal(folder / "journal.sqlite"), folder / "store", 95)
asyncio.run(store.maintain(START + timedelta(hours=1)))
"""


@pytest.mark.slow
@pytest.mark.parametrize("step", STEPS)
async def test_killed_at_each_step_of_maintenance_nothing_is_lost_or_doubled(tmp_path: Path, step: str) -> None:
    store = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", 95)
    for n in range(4):
        await store.journal.append(*entry_of(n))
        if n == 1:
            await store.maintain(START)
    here = str(Path(__file__).parent)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DIES, str(tmp_path), here, step, cwd=Path(__file__).parents[2]
    )
    assert await process.wait() == -signal.SIGKILL
    assert await check(tmp_path, 3) == 3
    await store.maintain(START + timedelta(hours=1))
    assert await check(tmp_path, 3) == 3
    await store.close()


@pytest.mark.slow
async def test_readers_in_other_processes_see_everything_while_one_writes_and_maintains(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", WRITER, str(tmp_path), here, "0"]
    writer = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert writer.stdout is not None
    await writer.stdout.readline()
    store = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", 95)
    before, reads, until = 0, 0, time.monotonic() + 3
    while time.monotonic() < until:
        (series,) = await store.window(["wan3"], ["rtt_ms"], START, START + timedelta(days=30))
        assert series.column("rtt_ms").tolist() == list(range(len(series)))
        assert len(series) >= before
        before, reads = len(series), reads + 1
    writer.kill()
    await writer.communicate()
    await store.close()
    assert reads > 20
    assert before > 20


async def test_a_reader_whose_manifest_was_replaced_meanwhile_reads_again(tmp_path: Path) -> None:
    """Between the reader's look at the manifest and at the journal, the writer seals and trims everything."""

    class SlowReader(EmbeddedStore):
        stale: Manifest | None = None

        def manifest(self) -> Manifest:
            stale, self.stale = self.stale, None
            return stale or super().manifest()

    writer = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", 95)
    reader = SlowReader(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", 95)
    reader.stale = reader.manifest()
    await writer.journal.append(*entry_of(0))
    await writer.maintain(START)
    (series,) = await reader.window(["wan1"], ["rtt_ms"], START, START + timedelta(days=1))
    assert series.column("rtt_ms").tolist() == [0.0]
    await writer.close()
    await reader.close()


async def test_a_second_process_that_maintains_is_refused(tmp_path: Path) -> None:
    store = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", 95)
    with store._alone(), pytest.raises(StoreError, match=rf"being maintained by process {os.getpid()}; let only one"):
        await store.maintain(START)
    await store.maintain(START)
    await store.close()


async def test_a_journal_that_does_not_belong_to_the_parts_is_refused(tmp_path: Path) -> None:
    store = EmbeddedStore(Journal(tmp_path / "journal.sqlite"), tmp_path / "store", 95)
    await store.journal.append(*entry_of(0))
    await store.maintain(START)
    await store.close()
    other = EmbeddedStore(Journal(tmp_path / "another.sqlite"), tmp_path / "store", 95)
    with pytest.raises(StoreError, match="do not belong together"):
        await other.window(["wan1"], ["rtt_ms"], START, START + timedelta(days=1))
    with pytest.raises(StoreError, match="do not belong together"):
        await other.maintain(START)
    await other.close()
