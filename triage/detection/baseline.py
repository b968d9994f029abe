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
    samples = int(np.count_nonzero(~np.isnan(past[view.trains])))
    wanted, half_hours = _wanted(view, bins)
    values, weight = np.append(past, np.nan), view.windows.global_weight
    centres, spreads, known = _centre_and_spread(values[view.rows_at_all_and_near(half_hours)])
    if samples < view.windows.thin_samples or not known[0]:
        return Baseline(centre, spread, np.nan, samples)
    if len(wanted):
        hour = _shrunk(centres[1:], spreads[1:], known[1:], centres[0], spreads[0], weight)
        centre[wanted], spread[wanted] = (each[np.searchsorted(half_hours, wanted % HALF_HOURS)] for each in hour)
        if view.tells_days_apart:
            own = _centre_and_spread(values[view.rows_near(wanted, own_kind=True)])
            centre[wanted], spread[wanted] = _shrunk(*own, centre[wanted], spread[wanted], weight)
    return Baseline(centre, spread, float(centres[0]), samples)


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
    wanted, half_hours = _wanted(view, bins)
    if len(wanted):
        lost, sent = np.append(lost, 0.0), np.append(sent, 0.0)
        hour = _rate(lost, sent, view.rows_near(half_hours), overall, weight)
        rate[wanted] = hour[np.searchsorted(half_hours, wanted % HALF_HOURS)]
        if view.tells_days_apart:
            rate[wanted] = _rate(lost, sent, view.rows_near(wanted, own_kind=True), rate[wanted], weight)
    return LossRate(rate, all_lost, all_sent)


def _key(bins: NDArray[np.int64] | None) -> bytes | None:
    return None if bins is None else bins.tobytes()


def _wanted(view: View, bins: NDArray[np.int64] | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The bins that are asked for, and their half hours of the day; both ascending, each once."""
    wanted = view.judged_bins if bins is None else np.unique(bins)
    return wanted, np.unique(wanted % HALF_HOURS)


def _rate(
    lost: FloatArray, sent: FloatArray, rows: NDArray[np.int64], towards: FloatArray | float, weight: float
) -> FloatArray:
    rate: FloatArray = (lost[rows].sum(axis=1) + weight * towards) / (sent[rows].sum(axis=1) + weight)
    return rate


def _centre_and_spread(values: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[np.int64]]:
    """Of each row of values: median, spread, and how many are measured. Both are NaN where none is."""
    ordered = np.sort(values, axis=1)  # NaN comes last
    known = np.count_nonzero(~np.isnan(values), axis=1)
    if not values.shape[1]:
        return np.full(len(values), np.nan), np.full(len(values), np.nan), known
    rows = np.arange(len(values))
    middle, upper, high = (ordered[rows, _rank(known, share)] for share in (0.5, 0.84, 0.95))
    return middle, np.maximum(upper - middle, (high - middle) / 2.5), known


def _rank(known: NDArray[np.int64], share: float) -> NDArray[np.int64]:
    return np.maximum(np.minimum(known - 1, (share * known).astype(np.int64)), 0)


def _shrunk(
    centre: FloatArray,
    spread: FloatArray,
    known: NDArray[np.int64],
    towards: FloatArray,
    towards_spread: FloatArray,
    weight: float,
) -> tuple[FloatArray, FloatArray]:
    """Each centre drawn `towards` the more general one as far as it could be the same by chance (empirical Bayes), the
    spread between the two, by number of samples. `weight` samples in a row count as one: they are alike. Where none is
    known the general ones stand."""
    apart, error = (centre - towards) ** 2, spread**2 * weight / np.maximum(known, 1)
    own = np.divide(apart, apart + error, out=np.zeros_like(apart), where=apart > 0)
    share = known / (known + weight)
    return (
        np.where(known > 0, own * centre + (1 - own) * towards, towards),
        np.where(known > 0, share * spread + (1 - share) * towards_spread, towards_spread),
    )
