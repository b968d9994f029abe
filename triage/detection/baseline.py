"""What is ordinary for a link at this time of day: a robust centre and spread from its own past."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray
from triage.detection.view import BINS, View


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """`centre` and `spread` for each half hour of the day (NaN where not asked for), the centre of the whole day,
    and the number of samples they rest on."""

    centre: FloatArray
    spread: FloatArray
    all_day: float
    samples: int

    def thin(self, view: View) -> bool:
        return self.samples < view.windows.thin_samples


def baseline(
    view: View, past: FloatArray, *, whole_day: bool = False, bins: NDArray[np.int64] | None = None
) -> Baseline:
    """Median and spread by half hour, for the half hours of the judged window, these `bins`, or the whole day.

    `past` holds a value per past row of the view. The spread is the wider of (p84 - median) and (p95 - median)/2.5
    (both near a normal distribution's standard deviation), so that a one-sided tail counts. Each hour is shrunk
    towards the link's all-day value. With thin history everything is NaN.
    """
    centre, spread = np.full(BINS, np.nan), np.full(BINS, np.nan)
    known = past[view.all_ordinary_rows]
    known = np.sort(known[~np.isnan(known)])
    samples = int(np.count_nonzero(~np.isnan(past)))
    if samples < view.windows.thin_samples or not len(known):
        return Baseline(centre, spread, np.nan, samples)
    all_day = _centre_and_spread(known)
    for wanted in range(BINS) if whole_day else np.unique(view.bins if bins is None else bins):
        values = past[view.ordinary_rows(int(wanted))]
        centre[wanted], spread[wanted] = _shrunk(values[~np.isnan(values)], all_day, view.windows.global_weight)
    return Baseline(centre, spread, all_day[0], samples)


def rate_baseline(view: View, lost: FloatArray, sent: FloatArray, *, whole_day: bool = False) -> FloatArray:
    """Ordinary loss rate (0 to 1) by half hour: counts of the hour, shrunk to the all-day rate; never zero.

    Half a lost packet is added to the past (Jeffreys' prior for a Poisson count), as none seen is not none ever.
    """
    rate = np.full(BINS, np.nan)
    rows = view.all_ordinary_rows
    total = float(np.nansum(sent[rows]))
    if len(rows) < view.windows.thin_samples or not total:
        return rate
    overall = (float(np.nansum(lost[rows])) + 0.5) / (total + 1)
    weight = view.windows.global_weight * total / len(rows)
    for wanted in range(BINS) if whole_day else np.unique(view.bins):
        hour = view.ordinary_rows(int(wanted))
        rate[wanted] = (np.nansum(lost[hour]) + weight * overall) / (np.nansum(sent[hour]) + weight)
    return rate


def _centre_and_spread(ordered: FloatArray) -> tuple[float, float]:
    middle, upper, high = (float(ordered[_rank(ordered, share)]) for share in (0.5, 0.84, 0.95))
    return middle, max(upper - middle, (high - middle) / 2.5)


def _rank(ordered: NDArray[np.float64], share: float) -> int:
    return min(len(ordered) - 1, int(share * len(ordered)))


def _shrunk(values: FloatArray, all_day: tuple[float, float], weight: float) -> tuple[float, float]:
    """The hour's own centre, drawn to the all-day one as far as it could be the same by chance (empirical Bayes),
    and a spread between the two, by number of samples. `weight` samples in a row count as one: they are alike."""
    if not len(values):
        return all_day
    centre, spread = _centre_and_spread(np.sort(values))
    apart, error = (centre - all_day[0]) ** 2, spread**2 * weight / len(values)
    own = apart / (apart + error) if apart else 0.0
    share = len(values) / (len(values) + weight)
    return own * centre + (1 - own) * all_day[0], share * spread + (1 - share) * all_day[1]
