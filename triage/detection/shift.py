"""Latency and jitter: worse than ordinary for this hour for several samples, or over an absolute limit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray
from triage.detection.baseline import EVERY, baseline
from triage.detection.event import MINUTE, Event, direction_of
from triage.detection.habits import DAY
from triage.detection.learnt import Baseline
from triage.detection.onset import extent
from triage.detection.segments import Segment, filled, maximal_segments, runs
from triage.detection.view import View
from triage.model import Cause
from triage.policy import EffectSize, Limits, Policy
from triage.words import metric_words

METRICS = {
    "rtt_ms": Cause.LATENCY,
    "latency_rx_ms": Cause.LATENCY,
    "latency_tx_ms": Cause.LATENCY,
    "jitter_ms": Cause.JITTER,
    "jitter_rx_ms": Cause.JITTER,
    "jitter_tx_ms": Cause.JITTER,
}


HEIGHTS = (1.0, 3.0, 9.0)
"""Multiples of the smallest fault at which faults are looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Ordinary:
    """Per row: the ordinary value, the excess over it that is looked for, and the spread of single samples."""

    centre: FloatArray
    effect: FloatArray
    spread: FloatArray
    rise: FloatArray
    """How much more than over the whole day is ordinary at this hour."""


def ordinary(view: View, metric: str, size: EffectSize) -> Ordinary:
    """What is ordinary for each judged row."""
    table = baseline(view, metric)
    return _ordinary(table, view.bins, size)


def _ordinary(table: Baseline, bins: NDArray[np.int64], size: EffectSize) -> Ordinary:
    centre, spread = table.centre[bins], table.spread[bins]
    effect = np.maximum(np.maximum(size.minimum, size.share * centre), size.spreads / 2 * spread)
    return Ordinary(centre, effect, spread, np.maximum(0.0, centre - table.all_day))


def smallest_effect(usual: Ordinary, rows: slice, size: EffectSize) -> float:
    """The smallest median excess over `rows` that counts as a fault: a minimum in the metric's unit, a share of the
    ordinary value, a share of what this hour ordinarily adds to the day (no day is quite like the other), and a
    number of spreads, of which a median of many samples needs fewer (by the square root)."""
    centre, spread, rise = (float(np.nanmedian(each[rows])) for each in (usual.centre, usual.spread, usual.rise))
    fewer = max(1.0, (rows.stop - rows.start) / 2) ** 0.5
    return float(max(size.minimum, size.share * centre, size.daily_share * rise, size.spreads * spread / fewer))


def score(values: FloatArray, centre: FloatArray, effect: FloatArray) -> FloatArray:
    """From -1 (ordinary) over 0 (half the smallest fault) to 1 (all of it); one wild sample counts no more than 1."""
    return np.clip(2 * (values - centre) / effect - 1, -1.0, 1.0)


def shifts(view: View, metric: str, policy: Policy, limits: Limits) -> list[Event]:
    """Every relative and absolute degradation of a latency or jitter metric in the judged window."""
    if not view.has(metric):
        return []
    size, limit = (
        (policy.latency, limits.latency_ms) if METRICS[metric] is Cause.LATENCY else (policy.jitter, limits.jitter_ms)
    )
    usual = ordinary(view, metric, size)
    events = _relative(view, metric, policy, usual, size)
    over = _absolute(view, metric, policy, usual, limit, limits.window_minutes)
    certain = [event for event in events if not event.doubtful]
    return events + [event for event in over if not any(_covers(known, event, view.now) for known in certain)]


def _covers(known: Event, event: Event, now: int) -> bool:
    return known.overlap(event.onset, event.until(now), now) > 0


def _relative(view: View, metric: str, policy: Policy, usual: Ordinary, size: EffectSize) -> list[Event]:
    values = view.column(metric)
    events = []
    for segment in _segments(values, usual, policy.bad_samples - 0.1):
        rows = slice(segment.first, segment.stop)
        typical = float(np.nanmedian(values[rows] - usual.centre[rows]))
        smallest = smallest_effect(usual, rows, size)
        if typical < smallest / 2:
            continue
        weak = typical < smallest
        often = not weak and _as_often(view, metric, policy, size, segment, _height(values, usual, segment))
        event = _event(view, metric, segment, usual, typical / smallest, smallest / 2 if weak else smallest)
        often = often or (not weak and _as_yesterday(view, metric, policy, usual, segment, typical))
        short = event.lasted_at_most(policy.burst_minutes) or event.bad_samples < policy.bad_samples
        events.append(replace(event, weak=weak or short, ordinary=often, habitual=often))
    return events


def _segments(values: FloatArray, usual: Ordinary, minimum: float) -> list[Segment]:
    """Stretches of bad samples. Looked for at several heights, so that a strong fault is not joined to weak noise
    beside it, then grown over neighbours that are still bad (hysteresis: a high mark to begin, a low one to stay)."""
    if np.maximum(filled(score(values, usual.centre, usual.effect)), 0.0).sum() < minimum:
        return []  # at greater heights there is less
    excess = values - usual.centre
    found = [
        (height * segment.score, segment)
        for height in HEIGHTS
        for segment in maximal_segments(score(values, usual.centre, height * usual.effect), minimum)
    ]
    chosen: list[Segment] = []
    for _, segment in sorted(found, key=lambda each: -each[0]):
        grown = _grown(segment, excess, usual.effect)
        if all(grown.stop <= other.first or grown.first >= other.stop for other in chosen):
            chosen.append(grown)
    return chosen


def _grown(segment: Segment, excess: FloatArray, effect: FloatArray) -> Segment:
    """With the neighbours above half the smallest fault and a quarter of this one: a strong fault does not reach over
    the hours of a slightly longer path."""
    first, stop = segment.first, segment.stop
    low = score(excess, np.zeros(1), np.maximum(effect, float(np.nanmedian(excess[first:stop])) / 2))
    while first > 0 and low[first - 1] > 0:
        first -= 1
    while stop < len(low) and low[stop] > 0:
        stop += 1
    own = score(excess[first:stop], np.zeros(1), effect[first:stop])
    return Segment(first, stop, float(np.nansum(own)))


def _event(view: View, metric: str, segment: Segment, usual: Ordinary, weight: float, smallest: float) -> Event:
    values = view.column(metric)
    excess = values - usual.centre
    share = excess / float(np.nanmedian(excess[segment.first : segment.stop]))
    onset, end = extent(
        view, share, segment.first, segment.stop, lambda rows: float(np.nanmedian(excess[rows])) >= smallest
    )
    inside = view.inside(onset, end)
    value = float(np.nanmedian(values[inside]))
    # The hour's ordinary value moves while the fault lasts: what is compared is the median excess over it.
    ordinary_value = value - float(np.nanmedian(excess[inside]))
    return Event(
        link=view.link,
        source=view.source,
        metric=metric,
        cause=METRICS[metric],
        direction=direction_of(metric),
        onset=onset,
        end=end,
        value=value,
        baseline=ordinary_value,
        threshold=min(value, ordinary_value + smallest),  # equal but for rounding
        rule=f"median {metric_words(metric)} over what is ordinary for this link at this hour, "
        f"by at least {smallest:.1f} ms",
        statistic="median",
        bad_samples=int(np.count_nonzero(values[inside] > ordinary_value + smallest / 2)),
        weight=weight,
    )


def _height(values: FloatArray, usual: Ordinary, segment: Segment) -> float:
    rows = slice(segment.first, segment.stop)
    return float(np.nanmedian((values[rows] - usual.centre[rows]) / usual.effect[rows]))


def _as_often(view: View, metric: str, policy: Policy, size: EffectSize, segment: Segment, height: float) -> bool:
    """Whether the link shows runs like this one by itself, as often as the policy calls habitual."""
    past, times = view.past_column(metric)[view.recent], view.series.time[view.past][view.recent]
    if not len(times):
        return False

    def by_itself() -> list[tuple[float, float]]:
        usual = _ordinary(baseline(view, metric, bins=EVERY), view.recent_bins, size)
        found = _segments(past, usual, policy.bad_samples - 0.1)
        return [(each.score, _height(past, usual, each)) for each in found]

    alike = policy.habitual.alike
    count = sum(
        score >= alike * segment.score and like >= alike * height
        for score, like in view.once(("segments", metric), by_itself)
    )
    return policy.habitual.is_habitual(count, times, brief=segment.score < policy.habitual.brief_samples)


def _as_yesterday(view: View, metric: str, policy: Policy, usual: Ordinary, segment: Segment, typical: float) -> bool:
    """Whether it was there before the window began and the same hours of the day before were as bad: a path that went
    another way days ago is no slower than the client knows it."""
    if segment.first > 0:
        return False
    time = view.series.time[view.past]
    begin, end = int(view.time[0]) - DAY, int(view.time[segment.stop - 1]) - DAY
    before = view.past_column(metric)[(time >= begin) & (time <= end)]
    if len(before) < policy.bad_samples or np.isnan(before).all():
        return False
    centre = float(np.nanmedian(usual.centre[segment.first : segment.stop]))
    return float(np.nanmedian(before)) - centre >= policy.habitual.alike * typical


def _absolute(
    view: View, metric: str, policy: Policy, usual: Ordinary, limit: float, window_minutes: float
) -> list[Event]:
    """Runs over the limit, with gaps of a sample bridged, of at least the window that the policy asks for."""
    values = view.column(metric)
    over = np.nan_to_num(values) >= limit
    bridged = over.copy()
    if len(over) > 2:
        bridged[1:-1] |= over[:-2] & over[2:]
    events = []
    for first, stop in runs(bridged):
        if (stop - first) * view.step < window_minutes * MINUTE or stop - first < policy.bad_samples:
            continue
        centre = np.nan_to_num(usual.centre[first:stop], nan=0.0)
        known = not np.isnan(usual.centre[first:stop]).all()
        onset = int(view.time[first])
        end = view.end_after(stop)
        value = float(np.nanmedian(values[first:stop]))
        ordinary_value = float(np.median(centre)) if known else None
        events.append(
            Event(
                link=view.link,
                source=view.source,
                metric=metric,
                cause=METRICS[metric],
                direction=direction_of(metric),
                onset=onset,
                end=end,
                value=value,
                baseline=ordinary_value,
                threshold=limit,
                rule=f"median {metric_words(metric)} over the limit of {limit:g} ms "
                f"for at least {window_minutes:g} minutes",
                statistic="median",
                bad_samples=int(np.count_nonzero(over[first:stop])),
                weight=value / limit,
                habitual=known and float(np.median(centre)) >= policy.habitual.limit_share * limit,
            )
        )
    return events
