"""What is ordinary for a link at this time of day: a robust centre and spread from its own past.

The one place for it: the nightly tables are filled by these functions over all bins, and whoever judges asks them,
naming the metric. What was learnt before is taken as it stands; what was not is computed from the past rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray
from triage.detection.habits import BINS
from triage.detection.learnt import Baseline, LossRate
from triage.detection.view import View


def baseline(
    view: View,
    metric: str,
    *,
    floor: float | None = None,
    whole_day: bool = False,
    bins: NDArray[np.int64] | None = None,
) -> Baseline:
    """Median and spread of `metric` per bin, for the bins of the judged window, these `bins`, or all of them.

    With `floor`, of the powers of ten of values no less than it: how traffic is compared. The spread is the wider of
    (p84 - median) and (p95 - median)/2.5 (both near a normal distribution's standard deviation), so that a one-sided
    tail counts. Each half hour is shrunk towards the link's all-day value, and where the past tells working days and
    days off apart, that of its own kind of day towards the half hour of all days. With thin history all is NaN.
    """
    if view.learnt is not None and metric in view.learnt.baselines:
        return view.learnt.baselines[metric]
    past = view.past_column(metric)
    if floor is not None:
        past = np.log10(np.maximum(past, floor))
    centre, spread = np.full(BINS, np.nan), np.full(BINS, np.nan)
    known = past[view.all_ordinary_rows]
    known = np.sort(known[~np.isnan(known)])
    samples = int(np.count_nonzero(~np.isnan(past[view.trains])))
    if samples < view.windows.thin_samples or not len(known):
        return Baseline(centre, spread, np.nan, samples)
    all_day = _centre_and_spread(known)
    for wanted in _wanted(view, bins, whole_day=whole_day):
        hour = _shrunk(past[view.ordinary_rows(wanted)], all_day, view.windows.global_weight)
        if view.tells_days_apart:
            hour = _shrunk(past[view.ordinary_rows(wanted, own_kind=True)], hour, view.windows.global_weight)
        centre[wanted], spread[wanted] = hour
    return Baseline(centre, spread, all_day[0], samples)


def loss_rate(view: View, metric: str, lost: FloatArray, sent: FloatArray, *, whole_day: bool = False) -> LossRate:
    """Ordinary loss rate (0 to 1) per bin, from packets `lost` and `sent` per past row of the view; never zero.

    Counts of the half hour are shrunk to the all-day rate, those of its own kind of day to the half hour's. Half a
    lost packet is added to the past (Jeffreys' prior for a Poisson count), as none seen is not none ever.
    """
    if view.learnt is not None and metric in view.learnt.loss:
        return view.learnt.loss[metric]
    rate = np.full(BINS, np.nan)
    rows = view.all_ordinary_rows
    all_lost, all_sent = float(np.nansum(lost[rows])), float(np.nansum(sent[rows]))
    if len(rows) < view.windows.thin_samples or not all_sent:
        return LossRate(rate, 0.0, 0.0)
    overall = (all_lost + 0.5) / (all_sent + 1)
    weight = view.windows.global_weight * all_sent / len(rows)
    for wanted in _wanted(view, None, whole_day=whole_day):
        hour = _rate(lost, sent, view.ordinary_rows(wanted), overall, weight)
        if view.tells_days_apart:
            hour = _rate(lost, sent, view.ordinary_rows(wanted, own_kind=True), hour, weight)
        rate[wanted] = hour
    return LossRate(rate, all_lost, all_sent)


def _wanted(view: View, bins: NDArray[np.int64] | None, *, whole_day: bool) -> list[int]:
    chosen: list[int] = list(range(BINS)) if whole_day else np.unique(view.bins if bins is None else bins).tolist()
    return chosen


def _rate(lost: FloatArray, sent: FloatArray, rows: NDArray[np.int64], towards: float, weight: float) -> float:
    return float((np.nansum(lost[rows]) + weight * towards) / (np.nansum(sent[rows]) + weight))


def _centre_and_spread(ordered: FloatArray) -> tuple[float, float]:
    middle, upper, high = (float(ordered[_rank(ordered, share)]) for share in (0.5, 0.84, 0.95))
    return middle, max(upper - middle, (high - middle) / 2.5)


def _rank(ordered: NDArray[np.float64], share: float) -> int:
    return min(len(ordered) - 1, int(share * len(ordered)))


def _shrunk(values: FloatArray, towards: tuple[float, float], weight: float) -> tuple[float, float]:
    """Centre and spread of the measured `values`, the centre drawn `towards` the more general one as far as it could
    be the same by chance (empirical Bayes), the spread between the two, by number of samples. `weight` samples in a
    row count as one: they are alike."""
    values = np.sort(values[~np.isnan(values)])
    if not len(values):
        return towards
    centre, spread = _centre_and_spread(values)
    apart, error = (centre - towards[0]) ** 2, spread**2 * weight / len(values)
    own = apart / (apart + error) if apart else 0.0
    share = len(values) / (len(values) + weight)
    return own * centre + (1 - own) * towards[0], share * spread + (1 - share) * towards[1]
