"""Which slots are there, which are missing, and which may still come. Counted by hand; a slot is a minute here."""

from __future__ import annotations

import numpy as np
import pytest

from collector.measures import SlotCount, slot_count
from collector.model import Cadence

MINUTE = 60_000
CADENCE = Cadence(every=60, late=60)


def count(minutes: list[int], seconds: list[int], end: int, now: int) -> SlotCount:
    time = np.array(minutes, dtype=np.int64) * MINUTE
    return slot_count(time, np.array(seconds, dtype=np.int32), 0, end * MINUTE, CADENCE, now * MINUTE)


def test_an_absent_slot_is_pending_until_its_end_and_lateness_and_then_missing() -> None:
    assert count([0, 1], [60, 60], end=4, now=4) == SlotCount(present=2, expected=3, pending=1)
    assert count([0, 1], [60, 60], end=4, now=5) == SlotCount(present=2, expected=4, pending=0)


def test_a_slot_that_is_not_over_does_not_count() -> None:
    assert count([0], [60], end=4, now=1) == SlotCount(present=1, expected=1, pending=0)


@pytest.mark.parametrize(("seconds", "present"), [(59, 2), (60, 2), (119, 2), (120, 4), (180, 6)])
def test_a_row_of_a_device_that_is_polled_less_often_stands_for_every_slot_it_spans(seconds: int, present: int) -> None:
    assert count([0, 3], [seconds, seconds], end=6, now=20) == SlotCount(present=present, expected=6, pending=0)


def test_rows_of_faster_polling_make_one_slot() -> None:
    assert slot_count(
        np.array([0, 20_000, 40_000], dtype=np.int64), np.full(3, 20, np.int32), 0, MINUTE, CADENCE, 9 * MINUTE
    ) == SlotCount(present=1, expected=1, pending=0)
