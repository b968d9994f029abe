"""A journal that fills up: an alarm that stands, and only then loss, of the oldest samples, counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from collector.journal import Journal, Refused
from collector.journal_limit import JournalLimit, Measure, decide
from collector.model import Fact, FactKind, SampleBatch, Source
from config.clock import ManualClock, epoch_ms

NOW = datetime(2026, 3, 3, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LONG_AGO = NOW - timedelta(hours=1)
MB = 1_000_000


@pytest.mark.parametrize(
    ("size", "since", "measure"),
    [
        (799, None, Measure()),
        (800, None, Measure(alarm=NOW)),
        (999, None, Measure(alarm=NOW)),
        # Full at once: the alarm comes first, however full.
        (5000, None, Measure(alarm=NOW)),
        (1000, NOW - 10 * MINUTE + timedelta(seconds=1), Measure(alarm=NOW - 10 * MINUTE + timedelta(seconds=1))),
        (1000, NOW - 10 * MINUTE, Measure(alarm=NOW - 10 * MINUTE, shed=50)),
        (999, LONG_AGO, Measure(alarm=LONG_AGO)),
        (1200, LONG_AGO, Measure(alarm=LONG_AGO, shed=250)),
        # It ends well below where it began, so that it does not flap.
        (700, LONG_AGO, Measure(alarm=LONG_AGO)),
        (699, LONG_AGO, Measure()),
        # The clock was put back since the alarm: it has stood for nobody knows how long.
        (1200, NOW + MINUTE, Measure(alarm=NOW)),
    ],
)
def test_alarm_from_80_percent_and_loss_only_when_full_and_alarmed_for_ten_minutes(
    size: int, since: datetime | None, measure: Measure
) -> None:
    assert decide(size, 1000, since, NOW) == measure


pytestmark = pytest.mark.rim


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite")


async def fill(journal: Journal, megabytes: int) -> None:
    """Entries of one megabyte: 31,250 rows of 32 bytes, and a fact each."""
    n = 31_250
    time = np.arange(n, dtype=np.int64) + epoch_ms(NOW)
    fact = Fact(NOW, "edge", FactKind.EVENT, "LINK_DEAD", Source.SNMP, NOW)
    batch = SampleBatch(Source.SNMP, ["wan1"] * n, time, np.full(n, 60, np.int32), time, {"rtt_ms": np.ones(n)})
    for _ in range(megabytes):
        await journal.append([batch], [fact])


def shed(reader: str) -> float:
    return REGISTRY.get_sample_value("lineproof_journal_shed_rows_total", {"reader": reader}) or 0.0


async def test_a_full_journal_alarms_waits_sheds_and_says_how_much(journal: Journal) -> None:
    journal.advance("influx", 0)
    journal.advance("parts", 21)
    clock = ManualClock(NOW)
    limit = JournalLimit(journal, 20 * MB, clock)
    before = shed("influx")
    limit.check()
    assert (journal.alarm(), list(limit.problems())) == (None, [])
    await fill(journal, 21)
    with capture_logs() as logs:
        limit.check()
    assert [line["event"] for line in logs] == ["journal_nearly_full"]
    assert journal.alarm() == NOW
    assert journal.read(0)[0].rows == 31_251, "nothing goes while the alarm is young"
    (problem,) = limit.problems()
    assert problem.startswith("journal: 10")
    assert "% full since 2026-03-03T14:00:00Z, because influx is behind" in problem

    # Another process goes on where this one was killed.
    clock.move_to(NOW + 10 * MINUTE)
    limit = JournalLimit(journal, 20 * MB, clock)
    limit.check()
    assert journal.size() <= 0.95 * 20 * MB
    tally = journal.tallies("shed")["influx"]
    assert tally.rows % 31_250 == 0
    assert shed("influx") - before == tally.rows > 0
    entries = journal.read(0)
    gone = tally.rows // 31_250
    assert [entry.rows for entry in entries] == [1] * gone + [31_251] * (21 - gone)
    _, lost = limit.problems()
    assert lost == (
        f"journal: {tally.rows} rows since 2026-03-03T14:10:00Z (the last at 2026-03-03T14:10:00Z) went unseen by "
        "influx, because the journal was full"
    )

    # The reader catches up: the alarm ends, and what was lost stays a problem for a day, and counted for ever.
    journal.advance("influx", 21)
    journal.trim()
    clock.move_to(NOW + 11 * MINUTE)
    limit.check()
    assert journal.alarm() is None
    assert list(limit.problems()) == [lost]
    clock.move_to(NOW + 10 * MINUTE + timedelta(days=1))
    limit.check()
    assert list(limit.problems()) == []
    assert journal.tallies("shed")["influx"].rows == tally.rows


async def test_a_journal_full_of_facts_loses_none_of_them_and_says_so(journal: Journal) -> None:
    journal.advance("influx", 0)
    long = Fact(NOW, "edge", FactKind.EVENT, "LINK_DEAD", Source.SNMP, NOW, "x" * 3_000_000)
    await journal.append([], [long])
    journal.set_alarm(LONG_AGO)
    limit = JournalLimit(journal, 2 * MB, ManualClock(NOW))
    with capture_logs() as logs:
        limit.check()
    assert [line["event"] for line in logs] == ["journal_full_of_facts"]
    assert journal.read(0)[0].facts == (long,)


async def test_what_a_store_refused_is_a_problem_for_a_day(journal: Journal) -> None:
    clock = ManualClock(NOW)
    limit = JournalLimit(journal, 20 * MB, clock)
    await fill(journal, 1)
    (entry,) = journal.read(0)
    journal.set_aside("influx", 1, [Refused(1, "field type conflict", facts=entry.facts)], NOW)
    limit.check()
    assert list(limit.problems()) == [
        "journal: 1 rows since 2026-03-03T14:00:00Z (the last at 2026-03-03T14:00:00Z) were set aside because influx "
        "refused them: field type conflict"
    ]
    clock.move_to(NOW + timedelta(days=1))
    limit.check()
    assert list(limit.problems()) == []
