"""What a sketch keeps of values, and how near the percentiles are that it gives."""

from __future__ import annotations

import math

import numpy as np
import pytest

from collector.measures import rank_of
from collector.store.sketch import GAMMA, LEAST, RELATIVE_ERROR, bins_of, percentiles, value_of


def bin_of(value: float) -> int:
    return int(bins_of(np.array([value]))[0])


def p(percent: int, *sketches: dict[float, int]) -> float:
    """A percentile of sketches of one owner, each given as values with how often they occurred."""
    bins = np.concatenate([bins_of(np.array(list(sketch))) for sketch in sketches])
    counts = np.array([count for sketch in sketches for count in sketch.values()], np.int32)
    return float(percentiles(bins, counts, np.array([0, len(bins)]), [percent])[0, 0])


def test_bins_grow_by_two_percent() -> None:
    """Masson et al., definition 4: gamma = (1 + a) / (1 - a); 1.01 / 0.99 = 1.0202..."""
    assert RELATIVE_ERROR == 0.01
    assert math.isclose(GAMMA, 1.020202020202, abs_tol=1e-12)


def test_a_value_lies_in_the_bin_that_arithmetic_by_hand_gives() -> None:
    """ln(100 / 1e-9) = 25.32844; ln(1.01 / 0.99) = 0.0200006667; 25.32844 / 0.0200006667 = 1266.38, so bin 1267."""
    assert bin_of(100.0) == 1267
    assert bin_of(-100.0) == -1267
    """ln(1e9) / 0.0200006667 = 20.723266 / 0.0200006667 = 1036.13."""
    assert bin_of(1.0) == 1037


def test_values_two_percent_apart_lie_in_neighbouring_bins_and_one_per_mille_apart_mostly_in_the_same() -> None:
    assert bin_of(50.0 * GAMMA) - bin_of(50.0) == 1
    assert bin_of(100.0) == bin_of(100.1)


def test_zero_has_a_bin_of_its_own_and_what_is_next_to_nothing_counts_as_zero() -> None:
    values = np.array([0.0, -0.0, 0.99 * LEAST, -0.99 * LEAST, 5e-324])
    assert bins_of(values).tolist() == [0, 0, 0, 0, 0]
    assert value_of(np.zeros(1, np.int32)).tolist() == [0.0]
    assert bin_of(LEAST) == 1
    assert bin_of(-LEAST) == -1


def test_no_float_is_too_large() -> None:
    """ln(1.797e308) = 709.7827; (709.7827 + 20.7233) / 0.0200006667 = 36524.08, so bin 36525."""
    largest = float(np.finfo(np.float64).max)
    assert value_of(bins_of(np.array([largest, -largest]))) == pytest.approx([largest, -largest], rel=RELATIVE_ERROR)
    assert bin_of(math.inf) == bin_of(largest) == 36_525


def test_bins_ascend_with_the_value_through_negatives_zero_and_positives() -> None:
    """dBm: -110 is weaker than -60."""
    bins = bins_of(np.array([-110.0, -60.0, -1e-3, 0.0, 1e-3, 1.0, 1e12])).tolist()
    assert bins == sorted(bins)
    assert len(set(bins)) == 7


def test_the_nearest_rank_of_33_values() -> None:
    """ceil(0.95 x 33 = 31.35) = 32, ceil(0.5 x 33 = 16.5) = 17, ceil(0.99 x 33 = 32.67) = 33."""
    count = np.array([33])
    assert [int(rank_of(count, percent)[0]) for percent in (50, 95, 99)] == [17, 32, 33]
    assert rank_of(np.array([1, 20, 100]), 95).tolist() == [1, 19, 95]


def test_added_sketches_give_the_percentile_of_all_their_values() -> None:
    """Day one: 19 x 10; day two: 13 x 20 and 500. Of 33 values the 17th is 10, the 32nd 20, the 33rd 500."""
    days = {10.0: 19}, {20.0: 13, 500.0: 1}
    assert p(50, *days) == pytest.approx(10, rel=0.01)
    assert p(95, *days) == pytest.approx(20, rel=0.01)
    assert p(99, *days) == pytest.approx(500, rel=0.01)


def test_the_rank_is_reached_with_the_last_value_of_a_bin_and_not_one_later() -> None:
    assert p(50, {1.0: 5, 2.0: 5}) == pytest.approx(1, rel=0.01)
    assert p(50, {1.0: 5, 2.0: 6}) == pytest.approx(2, rel=0.01)


def test_one_value_is_every_percentile() -> None:
    assert [p(percent, {-71.5: 1}) for percent in (50, 95, 99)] == pytest.approx([-71.5] * 3, rel=0.01)


def test_what_has_no_values_has_no_percentile_and_does_not_disturb_the_others() -> None:
    found = percentiles(bins_of(np.array([5.0, -7.0])), np.ones(2, np.int32), np.array([0, 1, 1, 2, 2]), [50])
    assert found[0] == pytest.approx([5.0, math.nan, -7.0, math.nan], rel=0.01, nan_ok=True)
    assert percentiles(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(1, np.int64), [50, 95, 99]).shape == (
        3,
        0,
    )


@pytest.mark.parametrize("limit", ["AT_ONCE", "CELLS_AT_ONCE"])
def test_what_is_worked_on_a_stretch_at_a_time_is_answered_as_at_once(
    limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.tile([1e12, 0.0, 1e-6], 50) * np.repeat(np.arange(1, 51), 3)
    sketches = bins_of(values), np.ones(150, np.int32), np.arange(0, 151, 3), [50, 95, 99]
    at_once = percentiles(*sketches)
    monkeypatch.setattr(f"collector.store.sketch.{limit}", 7)
    assert percentiles(*sketches).tolist() == at_once.tolist()
    assert at_once[2] == pytest.approx(1e12 * np.arange(1, 51), rel=0.01)
