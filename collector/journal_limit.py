"""How much may wait in the journal, and what happens when it is full: first an alarm, and only then loss, counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from collector.journal import Journal, Tally
from collector.metrics import JOURNAL_ALARM, JOURNAL_BYTES, JOURNAL_LIMIT, JOURNAL_SHED
from config.clock import Clock, rfc3339

log = structlog.get_logger()

ALARM_FROM = 0.8
CALM_BELOW = 0.7
"""An alarm ends only this far down, so that a journal at its limit does not raise it again and again."""
SHED_DOWN_TO = 0.95
ALARM_STANDS = timedelta(minutes=10)
"""For so long the alarm stands before anything goes; meanwhile the journal grows beyond its limit."""
CHECK_EVERY = 10.0
TOLD_FOR = timedelta(days=1)
"""How long what was shed, or set aside, stays a problem in the health; it stays counted."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What to do about the journal now: since when the alarm stands (None: there is none), and the bytes to shed."""

    alarm: datetime | None = None
    shed: int = 0


def decide(size: int, limit: int, alarm_since: datetime | None, now: datetime) -> Measure:
    """What a journal of `size` bytes asks for when it may have `limit`.

    From 80 % on there is an alarm. Full, and when that alarm has stood for ten minutes, down to 95 % goes. An alarm
    from the future was set before the clock was put back: it begins again now, rather than never to have stood.
    """
    if size < (ALARM_FROM if alarm_since is None else CALM_BELOW) * limit:
        return Measure()
    since = now if alarm_since is None or alarm_since > now else alarm_since
    full = size >= limit and now - since >= ALARM_STANDS
    return Measure(since, size - int(SHED_DOWN_TO * limit) if full else 0)


class JournalLimit:
    """Keeps the journal within `limit` bytes, and tells what was not taken from it. The alarm survives a restart."""

    def __init__(self, journal: Journal, limit: int, clock: Clock) -> None:
        """`clock` is the machine's: disks fill in real time, whatever clock the measurements run on."""
        self._journal, self._limit, self._clock = journal, limit, clock
        self._size = journal.size()
        self._alarm = journal.alarm()
        self._shed = journal.tallies("shed")
        self._lacking: list[str] = []
        self._slowest = "its reader"
        for reader in journal.cursors():
            JOURNAL_SHED.labels(reader)  # a counter that begins at 0 shows its first rise
        JOURNAL_LIMIT.set(limit)

    def check(self) -> None:
        """Look, raise or end the alarm, and shed. Blocks. Raises StoreError."""
        now = self._clock.now()
        self._size = self._journal.size()
        measure = decide(self._size, self._limit, self._alarm, now)
        if measure.alarm != self._alarm:
            self._journal.set_alarm(measure.alarm)
            if measure.alarm is not None:
                log.error("journal_nearly_full", size=self._size, limit=self._limit, **self._journal.cursors())
            else:
                log.info("journal_no_longer_full", size=self._size, limit=self._limit)
            self._alarm = measure.alarm
        if measure.shed:
            self._shed_samples(measure.shed, now)
        self._lacking = list(self._not_taken(now))
        cursors = self._journal.cursors()
        self._slowest = min(cursors, key=cursors.__getitem__, default="its reader")
        JOURNAL_BYTES.set(self._size)
        JOURNAL_ALARM.set(self._alarm is not None)

    def _shed_samples(self, least: int, now: datetime) -> None:
        rows = self._journal.shed(least, now)
        before, self._shed = self._shed, self._journal.tallies("shed")
        for reader, tally in self._shed.items():
            JOURNAL_SHED.labels(reader).inc(tally.rows - (before[reader].rows if reader in before else 0))
        self._size = self._journal.size()
        if rows:
            log.error("samples_shed", rows=rows, size=self._size, limit=self._limit)
        else:
            log.error("journal_full_of_facts", size=self._size, limit=self._limit)

    def _not_taken(self, now: datetime) -> Iterator[str]:
        for reader, tally in sorted(self._shed.items()):
            if now - tally.last < TOLD_FOR:
                yield f"journal: {_told(tally)} went unseen by {reader}, because the journal was full"
        for reader, tally in sorted(self._journal.tallies("aside").items()):
            if now - tally.last < TOLD_FOR:
                kept = self._journal.aside(reader)
                why = f": {kept[-1].reason}" if kept else ""
                yield f"journal: {_told(tally)} were set aside because {reader} refused them{why}"
        damaged = self._journal.aside("damaged")
        if damaged:
            yield f"journal: {len(damaged)} damaged entries were set aside; check this machine's disk and memory"

    def problems(self) -> Sequence[str]:
        """One sentence for the alarm, and one for each reader that lacks samples since a day."""
        if self._alarm is None:
            return self._lacking
        share = 100 * self._size / self._limit
        alarm = (
            f"journal: {share:.0f} % full since {rfc3339(self._alarm)}, because {self._slowest} is behind; full, it "
            "sheds its oldest samples: see to the store, or give `store.journal_megabytes` more"
        )
        return [alarm, *self._lacking]

    def detail(self) -> str:
        return f"{self._size / 1e6:.1f} of {self._limit / 1e6:.0f} MB"


def _told(tally: Tally) -> str:
    return f"{tally.rows} rows since {rfc3339(tally.first)} (the last at {rfc3339(tally.last)})"
