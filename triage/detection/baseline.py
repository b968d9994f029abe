"""What is ordinary for a link at this time of day: a robust centre and spread from its own past.

The one place for it: the nightly tables are filled by these functions over all bins, and whoever judges asks them,
naming the metric. What was learnt before is taken as it stands; what was not is computed from the past rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray
from triage.detection.habits import BINS, HALF_HOURS
from triage.detection.learnt import Baseline, LossRate
from triage.detection.segments import filled
from triage.detection.view import View

EVERY = np.arange(BINS)


def baseline(view: View, metric: str, *, floor: float | None = None, bins: NDArray[np.int64] | None = None) -> Baseline:
    """Median and spread of `metric` per bin, for these `bins` or those of the judged window.

    With `floor`, of the powers of ten of values no less than it: how traffic is compared. The spread is the wider of
    (p84 - median) and (p95 - median)/2.5 (both near a normal distribution's standard deviation), so that a one-sided
    tail counts. Each half hour is shrunk towards the link's all-day value, and where the past tells working days and
    days off apart, that of its own kind of day towards the half hour of all days. With thin history all is NaN.
    """
    if view.learnt is not None and metric in view.learnt.baselines:
        return view.learnt.baselines[metric]
    return view.once(("baseline", metric, floor, _key(bins)), lambda: _baseline(view, metric, floor, bins))


def _baseline(view: View, metric: str, floor: float | None, bins: NDArray[np.int64] | None) -> Baseline:
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
    weight = view.windows.global_weight
    for half_hour, own in _wanted(view, bins):
        hour = _shrunk(past[view.ordinary_rows(half_hour)], all_day, weight)
        centre[own], spread[own] = hour
        for wanted in own if view.tells_days_apart else ():
            rows = view.ordinary_rows(wanted, own_kind=True)
            centre[wanted], spread[wanted] = _shrunk(past[rows], hour, weight)
    return Baseline(centre, spread, all_day[0], samples)


def usual_traffic(view: View, metric: str, floor: float) -> float | None:
    """What the link ordinarily carries over the whole day, in bit/s, no less than `floor`; None where it is unknown."""
    usual = baseline(view, metric, floor=floor, bins=EVERY[:0]).all_day
    return None if np.isnan(usual) else float(10**usual)


def loss_rate(
    view: View, metric: str, lost: FloatArray, sent: FloatArray, *, bins: NDArray[np.int64] | None = None
) -> LossRate:
    """Ordinary loss rate (0 to 1) per bin, from packets `lost` and `sent` per past row of the view; never zero.

    Counts of the half hour are shrunk to the all-day rate, those of its own kind of day to the half hour's. Half a
    lost packet is added to the past (Jeffreys' prior for a Poisson count), as none seen is not none ever.
    """
    if view.learnt is not None and metric in view.learnt.loss:
        return view.learnt.loss[metric]
    return view.once(("loss", metric, _key(bins)), lambda: _loss_rate(view, filled(lost), filled(sent), bins))


def _loss_rate(view: View, lost: FloatArray, sent: FloatArray, bins: NDArray[np.int64] | None) -> LossRate:
    rate = np.full(BINS, np.nan)
    rows = view.all_ordinary_rows
    all_lost, all_sent = float(lost[rows].sum()), float(sent[rows].sum())
    if len(rows) < view.windows.thin_samples or not all_sent:
        return LossRate(rate, 0.0, 0.0)
    overall = (all_lost + 0.5) / (all_sent + 1)
    weight = view.windows.global_weight * all_sent / len(rows)
    for half_hour, own in _wanted(view, bins):
        hour = _rate(lost, sent, view.ordinary_rows(half_hour), overall, weight)
        rate[own] = hour
        for wanted in own if view.tells_days_apart else ():
            rate[wanted] = _rate(lost, sent, view.ordinary_rows(wanted, own_kind=True), hour, weight)
    return LossRate(rate, all_lost, all_sent)


def _key(bins: NDArray[np.int64] | None) -> bytes | None:
    return None if bins is None else bins.tobytes()


def _wanted(view: View, bins: NDArray[np.int64] | None) -> list[tuple[int, list[int]]]:
    """The half hours of the day that are asked for, each with those of its bins that are."""
    asked: dict[int, list[int]] = {}
    for wanted in np.unique(view.bins if bins is None else bins).tolist():
        asked.setdefault(wanted % HALF_HOURS, []).append(wanted)
    return list(asked.items())


def _rate(lost: FloatArray, sent: FloatArray, rows: NDArray[np.int64], towards: float, weight: float) -> float:
    return float((lost[rows].sum() + weight * towards) / (sent[rows].sum() + weight))


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
