"""What the journal holds after the parts' position, decoded once and kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from collector.journal import Entry, Journal
from collector.model import Fact
from collector.store.newest import Newest
from collector.store.rows import IntArray, Rows, concatenated, rows_of

_FOLLOWED = 5_000
"""So many entries that are in parts by now are still read, to keep `newest` without a gap; beyond, parts are faster."""


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """Entries one after the other, `last` being the last one. `of_row[i]` is the entry of row i, `of_fact[i]` that of
    fact i."""

    last: int
    rows: Rows
    of_row: IntArray
    facts: tuple[Fact, ...]
    of_fact: IntArray

    def after(self, position: int) -> _Run:
        row, fact = (int(np.searchsorted(of, position, side="right")) for of in (self.of_row, self.of_fact))
        if not row and not fact:
            return self
        rows = self.rows.take(np.arange(row, len(self.rows)))
        return _Run(self.last, rows, self.of_row[row:].copy(), self.facts[fact:], self.of_fact[fact:].copy())


class Tail:
    """Follows the journal without a durable cursor. Not safe for threads at the same time.

    Runs are joined as they grow, so that there are few and each row is copied seldom. None reaches back beyond the
    parts' position: what is in parts may have expired since, and must not be answered from here.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._runs: list[_Run] = []
        self._read = 0
        self.newest: Newest | None = None

    def after(self, position: int) -> tuple[list[Rows], list[Fact]]:
        """Samples and facts of all entries after `position`, in the order in which they were written."""
        newest, gap = self.newest, False
        if position > self._read and (newest is None or position - self._read > _FOLLOWED):
            self._read, gap = position, True
        began = self._read
        self._runs = [run.after(position) for run in self._runs if run.last > position]
        while entries := self._journal.read(self._read, limit=5000):
            self._read = entries[-1].seq
            rows = rows_of([batch for entry in entries for batch in entry.batches])
            if newest is not None and not gap:
                newest.fold(rows)
            if self._read > position:
                self._add(_run_of(entries, rows).after(position))
        self._read = max(self._read, position)
        # Asked after reading: what was trimmed by now may have been gone when it was to be read.
        if newest is not None and (gap or self._journal.trimmed() > began):
            self.follow()
        return [run.rows for run in self._runs], [fact for run in self._runs for fact in run.facts]

    def follow(self) -> Newest:
        """Keep the newest rows, beginning anew with the entries after the position of the last `after`."""
        self.newest = Newest()
        for run in self._runs:
            self.newest.fold(run.rows)
        return self.newest

    def _add(self, run: _Run) -> None:
        self._runs.append(run)
        while len(self._runs) > 1 and _size(self._runs[-2]) < 2 * _size(self._runs[-1]):
            newer, older = self._runs.pop(), self._runs.pop()
            self._runs.append(
                _Run(
                    newer.last,
                    concatenated([older.rows, newer.rows]),
                    np.concatenate([older.of_row, newer.of_row]),
                    older.facts + newer.facts,
                    np.concatenate([older.of_fact, newer.of_fact]),
                )
            )


def _run_of(entries: Sequence[Entry], rows: Rows) -> _Run:
    """Entries, of which there is at least one, whose samples are `rows`."""
    numbers = np.array([entry.seq for entry in entries], np.int64)
    return _Run(
        int(numbers[-1]),
        rows,
        np.repeat(numbers, [sum(map(len, entry.batches)) for entry in entries]),
        tuple(fact for entry in entries for fact in entry.facts),
        np.repeat(numbers, [len(entry.facts) for entry in entries]),
    )


def _size(run: _Run) -> int:
    return len(run.rows) + len(run.facts) + 1
