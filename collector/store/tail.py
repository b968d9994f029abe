"""What the journal holds after the parts' position, decoded once and kept in memory."""

from __future__ import annotations

from dataclasses import dataclass

from collector.journal import Journal
from collector.model import Fact
from collector.store.newest import Newest
from collector.store.rows import Rows, concatenated, rows_of

_FOLLOWED = 5_000
"""So many entries that are in parts by now are still read, to keep `newest` without a gap; beyond, parts are faster."""


@dataclass(frozen=True, slots=True)
class _Run:
    last: int
    rows: Rows
    facts: tuple[Fact, ...]


class Tail:
    """Follows the journal without a durable cursor. Not safe for threads at the same time.

    Runs are joined as they grow, so that there are few and each row is copied seldom. A run may reach back beyond
    the parts' position; merging by identity makes that harmless.
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
        while entries := self._journal.read(self._read, limit=5000):
            self._read = entries[-1].seq
            rows = rows_of([batch for entry in entries for batch in entry.batches])
            if newest is not None and not gap:
                newest.fold(rows)
            self._add(_Run(self._read, rows, tuple(fact for entry in entries for fact in entry.facts)))
        self._read = max(self._read, position)
        self._runs = [run for run in self._runs if run.last > position]
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
            rows = concatenated([older.rows, newer.rows])
            self._runs.append(_Run(newer.last, rows, older.facts + newer.facts))


def _size(run: _Run) -> int:
    return len(run.rows) + len(run.facts) + 1
