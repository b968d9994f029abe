"""What nights have learnt, as the sweep's arrays: each line by its own clock, and read anew only when it must be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from collector.model import SampleBatch, Source
from collector.store.hot import HotWindow
from collector.store.rows import rows_of
from config.clock import epoch_ms
from triage.baselines.folder import BaselineFolder
from triage.baselines.table import StoredBaselines, frame_of
from triage.detection.learnt import Baseline, Learnt
from triage.sweep_stored import StoredOrdinary

pytestmark = pytest.mark.rim

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
LINKS = ("here", "nepal", "new")
ZONES = (UTC, ZoneInfo("Asia/Kathmandu"), UTC)


def stored(folder: Path, add: float = 0.0) -> StoredBaselines:
    """Of two lines the half hour's own number is ordinary, and nothing of a third."""
    number = np.tile(np.arange(48.0), 2) + add
    known = Baseline(number, np.full(96, 2.0), 24.0, 1000)
    learnt = {(link, Source.PROBE): Learnt("", 0, {"rtt_ms": known, "rx_bps": known}, {}) for link in LINKS[:2]}
    kept = BaselineFolder(folder)
    kept.publish([kept.put(frame_of(learnt))], epoch_ms(NOON) - 86_400_000, "policy", 9)
    newest = kept.newest()
    assert newest is not None
    return newest


def measured(hot: HotWindow, *links: str) -> None:
    at = np.full(len(links), epoch_ms(NOON) - 60_000)
    values = {"rtt_ms": np.full(len(links), 20.0), "rx_bps": np.full(len(links), 1e6)}
    batch = SampleBatch(Source.PROBE, links, at, np.full(len(links), 60, np.int32), at, values)
    hot.take_in(rows_of([batch]))


@pytest.fixture
def hot() -> HotWindow:
    hot = HotWindow(LINKS, ("rtt_ms", "rx_bps"), 60)
    hot.advance(epoch_ms(NOON) + 14 * 60_000)
    return hot


def test_each_line_by_its_own_clock_and_the_lesser_where_a_quarter_is_between(tmp_path, hot):
    """From 11:15 to 12:14 UTC three half hours are met: 22, 23 and 24. In Nepal it is 5:45 h later, so the half hours
    from 11:00 UTC are there from 16:45: 33 and 34, 34 and 35, 35 and 36."""
    measured(hot, *LINKS)
    ordinary = StoredOrdinary(ZONES, ((), (), ())).of(stored(tmp_path), hot, epoch_ms(NOON) + 14 * 60_000)
    assert ordinary["rtt_ms"].centre[:2].tolist() == [[22, 23, 24], [33, 34, 35]]
    assert ordinary["rx_bps"].centre[:2].tolist() == [[22, 23, 24], [34, 35, 36]]  # less traffic is what is looked for
    assert ordinary["rtt_ms"].stored.tolist() == [True, True, False]
    assert ordinary["rtt_ms"].block.tolist() == [0] * 15 + [1] * 30 + [2] * 15


def test_a_line_that_is_measured_for_the_first_time_is_looked_up_and_time_and_nights_go_on(tmp_path, hot):
    beside = StoredOrdinary(ZONES, ((), (), ()))
    measured(hot, "nepal")
    first = stored(tmp_path)
    assert beside.of(first, hot, epoch_ms(NOON))["rtt_ms"].stored.tolist() == [True]
    measured(hot, *LINKS)
    assert beside.of(first, hot, epoch_ms(NOON))["rtt_ms"].stored.tolist() == [True, True, False]
    # One minute before the next half hour the window fills two of them, and no new one is met.
    for minute, wanted in ((28, [22, 23, 24]), (29, [23, 24])):
        hot.advance(epoch_ms(NOON) + minute * 60_000)
        ordinary = beside.of(first, hot, epoch_ms(NOON) + minute * 60_000)["rtt_ms"]
        assert (ordinary.centre[1].tolist(), int(ordinary.block[-1]) + 1) == (wanted, len(wanted))
    later = epoch_ms(NOON + timedelta(minutes=30))
    hot.advance(later)
    assert beside.of(first, hot, later)["rtt_ms"].centre[1].tolist() == [23, 24, 25]
    assert beside.of(stored(tmp_path, add=100.0), hot, later)["rtt_ms"].centre[1].tolist() == [123, 124, 125]
