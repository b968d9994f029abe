"""What it costs to have samples on disk: our journal beside an append log, and beside itself with pages of 4 KiB.

    benchmarks/journal.py [--quick] [--json]

Batches of 300 and of 5,000 rows with nine fields are appended durably in turn, one here, one there, and then read back
by cursor, all of them and one at a time. All encode and decode entries the same way; appends leave the event loop. The
log is a file of length, CRC-32 and payload with one fdatasync for each append, once growing as it is written and once
with its space reserved beforehand, which spares the file system noting a new size each time. It has no readers in
other processes, no cursors, no trimming and no bound. The temporary folder (TMPDIR) must be on the disk that matters.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sqlite3
import struct
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import numpy as np
from _store_peers.fleet import FIELDS, START_MS, link_names, samples
from _store_peers.table import Row, beside

from collector.entries import decode, encode
from collector.journal import Journal
from collector.model import SampleBatch

OURS, SMALL_PAGES = "journal", "pages of 4 KiB"
LOG, RESERVED = "append log", "append log, reserved"
RESERVE = 64 << 20


class AppendLog:
    """The simplest journal that loses nothing: what does not carry its checksum at the end was never acknowledged."""

    _head = struct.Struct("<II")

    def __init__(self, path: Path, *, reserve: bool) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT)
        self._reserve = reserve
        self._end = self._reserved = 0

    async def append(self, batch: SampleBatch) -> None:
        await asyncio.to_thread(self._append, encode([batch], []))

    def _append(self, data: bytes) -> None:
        entry = self._head.pack(len(data), zlib.crc32(data)) + data
        if self._reserve and self._end + len(entry) > self._reserved:
            self._reserved += RESERVE
            os.posix_fallocate(self._file, self._reserved - RESERVE, RESERVE)
        os.pwrite(self._file, entry, self._end)
        os.fdatasync(self._file)
        self._end += len(entry)

    def positions(self) -> list[int]:
        """Where each entry begins."""
        found, at = [], 0
        while at < self._end:
            found.append(at)
            at += self._head.size + self._head.unpack(os.pread(self._file, self._head.size, at))[0]
        return found

    def read(self, at: int) -> tuple[int, int]:
        """Rows of the entry that begins at `at`, and where the next one begins."""
        length, checksum = self._head.unpack(os.pread(self._file, self._head.size, at))
        data = os.pread(self._file, length, at + self._head.size)
        if zlib.crc32(data) != checksum:
            raise SystemExit("the append log is damaged")
        return sum(map(len, decode(data)[0])), at + self._head.size + length

    def read_all(self) -> int:
        rows = at = 0
        while at < self._end:
            count, at = self.read(at)
            rows += count
        return rows

    def size(self) -> int:
        return self._end

    def close(self) -> None:
        os.close(self._file)


class OurJournal:
    """The journal; with another size of pages when its file was made so."""

    def __init__(self, path: Path, page: int | None = None) -> None:
        if page:
            with contextlib.closing(sqlite3.connect(path)) as made:
                made.execute(f"PRAGMA page_size = {page}")
                made.execute("PRAGMA auto_vacuum = INCREMENTAL")
                made.execute("CREATE TABLE made (page)")
        self._journal = Journal(path)

    async def append(self, batch: SampleBatch) -> None:
        await self._journal.append([batch], [])

    def positions(self) -> list[int]:
        """The cursor before each entry."""
        return list(range(self._journal.position()))

    def read(self, after: int) -> tuple[int, int]:
        (entry,) = self._journal.read(after, limit=1)
        return entry.rows, entry.seq

    def read_all(self) -> int:
        rows = after = 0
        while entries := self._journal.read(after):
            rows += sum(entry.rows for entry in entries)
            after = entries[-1].seq
        return rows

    def size(self) -> int:
        return self._journal.size()

    def close(self) -> None:
        self._journal.close()


Contender = AppendLog | OurJournal


def contenders(folder: Path) -> dict[str, Contender]:
    folder.mkdir()
    return {
        OURS: OurJournal(folder / "journal.sqlite"),
        LOG: AppendLog(folder / "growing.log", reserve=False),
        RESERVED: AppendLog(folder / "reserved.log", reserve=True),
        SMALL_PAGES: OurJournal(folder / "small-pages.sqlite", 4096),
    }


def in_turn(
    rounds: int, calls: dict[str, Callable[[], object]], clock: Callable[[], float] = time.perf_counter
) -> dict[str, list[float]]:
    """Milliseconds of each call of each; who begins goes round, since one's sync leaves the disk busy for the next."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    names = list(calls)
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            began = clock()
            calls[name]()
            times[name].append((clock() - began) * 1000)
    return times


def percentiles(name: str, times: dict[str, list[float]]) -> Iterator[Row]:
    for percent in (50, 99):
        found = {who: float(np.percentile(each, percent)) for who, each in times.items()}
        yield from beside(f"{name}, p{percent}", found.pop(OURS), "ms", found)


def compared(folder: Path, rows: int, appends: int, passes: int) -> Iterator[Row]:
    """Batches of so many rows: append each durably, then read."""
    made = samples(link_names(rows), START_MS, 21, rows).pieces(rows)
    batches = [piece.batch() for piece in made][:20]
    everyone = contenders(folder)
    size = f"{rows:,} rows x {len(FIELDS)} fields"
    with asyncio.Runner() as runner:

        def append(contender: Contender) -> Callable[[], object]:
            turn = cycle(batches)
            return lambda: runner.run(contender.append(next(turn)))

        calls = {name: append(contender) for name, contender in everyone.items()}
        work = {name: float(np.mean(each)) for name, each in in_turn(appends // 5, calls, time.process_time).items()}
        times = in_turn(appends, calls)
    yield from percentiles(f"append of {size}, durable", times)
    yield from beside(f"append of {size}, durable, mean", work.pop(OURS), "ms CPU", work)

    everything = in_turn(passes, {name: contender.read_all for name, contender in everyone.items()})
    read = {name: contender.read_all() for name, contender in everyone.items()}
    written = (appends + appends // 5) * rows
    if set(read.values()) != {written}:
        raise SystemExit(f"not everything was read back: {read} of {written} rows")
    rates = {name: read[name] / float(np.median(each)) / 1000 for name, each in everything.items()}
    yield from beside(f"read back, {size} an entry", rates.pop(OURS), "M rows/s", rates)

    def next_one(contender: Contender) -> Callable[[], object]:
        at = iter(contender.positions() * passes)
        return lambda: contender.read(next(at))

    times = in_turn(appends, {name: next_one(contender) for name, contender in everyone.items()})
    yield from percentiles(f"read the next entry, {size}", times)
    sizes = {name: contender.size() / written for name, contender in everyone.items() if name != RESERVED}
    yield from beside(f"on disk, {size} an entry", sizes.pop(OURS), "bytes/row", sizes)
    for contender in everyone.values():
        contender.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fifth of the appends: the p99 says less")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for rows, appends in ((300, 1500), (5_000, 400)):
            for row in compared(Path(folder) / str(rows), rows, appends // 5 if options.quick else appends, 5):
                found.append(row)
                if not options.json:
                    print(row.line(), flush=True)
    if options.json:
        print(json.dumps({"rows": [row.document() for row in found]}))


if __name__ == "__main__":
    main()
