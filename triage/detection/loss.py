"""Loss by counts of lost packets, and what kind of loss it is: a line that is down, one that flaps, a lossy one.

A single lost probe of 20 reads 5 %, so single samples prove nothing. Counts do: a scan statistic with the Poisson
likelihood of the link's own ordinary rate against a higher one (Kulldorff 1997).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from collector.model import FloatArray, Source
from triage.detection.baseline import EVERY, loss_rate
from triage.detection.changes import UNCHANGED, Changes
from triage.detection.event import MINUTE, OUTAGE, Event, direction_of
from triage.detection.onset import refined
from triage.detection.segments import Segment, best_segment, filled, maximal_segments, runs
from triage.detection.view import View
from triage.model import Cause, Direction
from triage.policy import Limits, Policy
from triage.words import metric_words

METRICS = ("loss_pct", "loss_rx_pct", "loss_tx_pct")
RATES = (0.025, 0.1, 0.3, 0.9)
"""Loss rates that the scan tries: a factor of about three apart covers every rate at little loss of power."""
HAIR = 1e-9
"""What sums may be off by, relative to them: whether there can be anything is answered before where it is."""


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    sent: FloatArray
    lost: FloatArray


def counts(view: View, metric: str, policy: Policy) -> Counts:
    """Packets sent and lost per row of the whole series; an unstated number sent is the policy's assumption."""
    assumed = policy.loss.packets_probe if view.source in (Source.PROBE, Source.IMPORT) else policy.loss.packets_other
    percent = view.series.column(metric)
    sent, lost = np.full(len(percent), float(assumed)), np.full(len(percent), np.nan)
    if metric == "loss_pct":
        sent = np.where(np.isnan(view.series.column("sent")), sent, view.series.column("sent"))
        lost = view.series.column("lost")
    lost = np.where(np.isnan(lost), percent * sent / 100, lost)
    sent = np.where(np.isnan(lost), np.nan, sent)
    return Counts(sent, lost)


def likelihood(lost: FloatArray, sent: FloatArray, ordinary: FloatArray, rate: float) -> FloatArray:
    """Log-likelihood ratio per row of the Poisson rates `rate` against `ordinary`; NaN counts as no evidence."""
    higher = np.maximum(rate, 3 * ordinary)
    return filled(lost * np.log(higher / ordinary) - sent * (higher - ordinary))


def scan(lost: FloatArray, sent: FloatArray, ordinary: FloatArray, evidence: float) -> list[Segment]:
    """Stretches that are lossier than ordinary, best first, each as long as its own loss rate makes most likely. One
    bad sample does not make one: without its worst row a stretch must still hold half the evidence."""
    found: list[Segment] = []
    if _most_evidence(lost, sent, ordinary) < evidence:
        return found
    own: dict[tuple[int, int], tuple[Segment, FloatArray]] = {}
    for rate in RATES:
        scores = likelihood(lost, sent, ordinary, rate)
        for segment in maximal_segments(scores, evidence):
            extent = segment.first, segment.stop
            if extent not in own:
                own[extent] = _at_its_own_rate(lost, sent, ordinary, segment)
            for each, by in ((segment, scores), own[extent]):
                worst = float(np.max(by[each.first : each.stop]))
                found += [each] if each.score >= evidence and each.score - worst >= evidence / 2 else []
    chosen: list[Segment] = []
    for segment in sorted(found, key=lambda each: -each.score):
        if all(segment.stop <= other.first or segment.first >= other.stop for other in chosen):
            chosen.append(segment)
    return chosen


def _most_evidence(lost: FloatArray, sent: FloatArray, ordinary: FloatArray) -> float:
    """What all rows together say at most for any higher rate: each for its own, at which its likelihood is greatest."""
    rows = np.flatnonzero(lost > sent * ordinary)
    seen, expected = lost[rows], (sent * ordinary)[rows]
    return float((seen * np.log(seen / expected) - (seen - expected)).sum()) * (1 + HAIR)


def _at_its_own_rate(
    lost: FloatArray, sent: FloatArray, ordinary: FloatArray, segment: Segment
) -> tuple[Segment, FloatArray]:
    """The most likely extent for the rate that the stretch itself shows, and the scores by it: with a rate that is too
    low, single packets lost long before and after would belong to it."""
    scores = np.empty(0)
    for _ in range(3):
        rows = slice(segment.first, segment.stop)
        rate = float(np.nansum(lost[rows]) / np.nansum(sent[rows]))
        scores = likelihood(lost, sent, ordinary, rate)
        inner = best_segment(scores[rows])
        shorter = Segment(segment.first + inner.first, segment.first + inner.stop, inner.score)
        settled = (shorter.first, shorter.stop) == (segment.first, segment.stop)
        segment = shorter
        if settled:
            break
    return segment, scores


def losses(view: View, metric: str, policy: Policy, limits: Limits, changes: Changes = UNCHANGED) -> list[Event]:
    """Every stretch of loss in the judged window, each named as link_down, instability or loss; `changes` tells how
    often any source saw the line's state change."""
    if not view.has(metric):
        return []
    whole = counts(view, metric, policy)
    sent, lost = whole.sent[view.rows], whole.lost[view.rows]
    table = loss_rate(view, metric, whole.lost[view.past], whole.sent[view.past])
    known = table.known
    # Without a past only the absolute limit is a yardstick: ordinary is then what just stays below it.
    ordinary = table.rate[view.bins] if known else np.full(len(sent), limits.loss_pct / 300)
    found = scan(lost, sent, ordinary, policy.loss.evidence)
    events = []
    for parts in _joined(view, found, Counts(sent, lost), policy, changes):
        often = partial(_all_as_often, view, metric, whole, policy, parts if known else ())
        rows = parts[0].first, parts[-1].stop
        event = _event(view, metric, Counts(sent, lost), ordinary, *rows, policy, changes, often=often)
        burst = event.cause is Cause.LOSS and event.lasted_at_most(policy.burst_minutes)
        event = replace(event, weak=burst and event.value < limits.loss_pct)
        if event.value >= event.threshold:
            events.append(event)
    certain = [event for event in events if not event.doubtful]
    over = _absolute(view, metric, policy, limits, ordinary)
    return events + [
        event
        for event in over
        if not any(known.overlap(event.onset, event.until(view.now), view.now) > 0 for known in certain)
    ]


def _absolute(view: View, metric: str, policy: Policy, limits: Limits, ordinary: FloatArray) -> list[Event]:
    """Stretches whose mean loss over the policy's window is at the limit, with loss in at least half of the samples:
    a line that always loses that much is unusable all the same."""
    values = view.column(metric)
    rows = max(2, int(limits.window_minutes * MINUTE / view.step))
    values = filled(values)
    if len(values) < rows or values.sum() * (1 + HAIR) < rows * limits.loss_pct:
        return []
    windows = np.lib.stride_tricks.sliding_window_view(values, rows)
    bad = (windows.mean(axis=1) >= limits.loss_pct) & ((windows > 0).mean(axis=1) >= 0.5)
    covered = np.convolve(bad, np.ones(rows)) > 0
    found = []
    for first, stop in runs(covered):
        if np.nanmean(view.column(metric)[first:stop]) < limits.loss_pct:
            # Windows around one peak share it: together they are thinner than each, so the worst one stands for them.
            first += int(np.argmax(windows[first : stop - rows + 1].mean(axis=1)))
            stop = first + rows
        if _more_than_chance(view, metric, policy, limits, ordinary, first, stop):
            found.append(_chronic(view, metric, policy, limits, ordinary, first, stop))
    return found


def _more_than_chance(
    view: View, metric: str, policy: Policy, limits: Limits, ordinary: FloatArray, first: int, stop: int
) -> bool:
    """Whether its loss is no chance peak of a line that ordinarily stays below the limit. Half of the scan's evidence
    will do, as the limit is a second witness."""
    if 100 * float(np.nanmean(ordinary[first:stop])) >= policy.habitual.limit_share * limits.loss_pct:
        return True
    seen = counts(view, metric, policy)
    rows = slice(view.rows.start + first, view.rows.start + stop)
    scores = likelihood(seen.lost[rows], seen.sent[rows], ordinary[first:stop], limits.loss_pct / 100)
    return float(scores.sum()) >= policy.loss.evidence / 2


def _chronic(
    view: View, metric: str, policy: Policy, limits: Limits, ordinary: FloatArray, first: int, stop: int
) -> Event:
    onset, end = int(view.time[first]), view.end_after(stop)
    value = float(np.nanmean(view.column(metric)[first:stop]))
    usual = 100 * float(np.nanmean(ordinary[first:stop]))
    return Event(
        link=view.link,
        source=view.source,
        metric=metric,
        cause=Cause.LOSS,
        direction=direction_of(metric),
        onset=onset,
        end=end,
        value=value,
        baseline=usual,
        threshold=limits.loss_pct,
        rule=f"mean {metric_words(metric)} at or over the limit of {limits.loss_pct:g} % "
        f"for {limits.window_minutes:g} minutes",
        statistic="mean",
        bad_samples=int(np.count_nonzero(view.column(metric)[first:stop] > 0)),
        weight=value / limits.loss_pct,
        habitual=usual >= policy.habitual.limit_share * limits.loss_pct,
    )


def _joined(
    view: View, found: Sequence[Segment], seen: Counts, policy: Policy, changes: Changes
) -> list[list[Segment]]:
    """Stretches of a line that goes on and off, with little quiet between them, are one."""
    joined: list[list[Segment]] = []
    for segment in sorted(found):
        if joined and view.time[segment.first] - view.time[joined[-1][-1].stop - 1] <= (
            policy.flapping.half_life_minutes * MINUTE
        ):
            rows = slice(joined[-1][0].first, segment.stop)
            flaps = changes.between(int(view.time[rows.start]), int(view.time[rows.stop - 1]) + view.step)
            alike = _on_and_off(seen.lost[rows], seen.sent[rows])
            if flaps >= policy.flapping.changes or alike >= policy.flapping.same_fate:
                joined[-1].append(segment)
                continue
        joined.append([segment])
    return joined


def _on_and_off(lost: FloatArray, sent: FloatArray) -> float:
    """How alike the fates of packets of one sample are (intraclass correlation): 0 when a line loses steadily, 1 when
    it is either up or down for the whole of each sample. From the variance of the counts over a binomial one."""
    known = ~np.isnan(lost) & (sent > 1)
    if np.count_nonzero(known) < 2:
        return 0.0
    lost, sent = lost[known], sent[known]
    mean = float(lost.sum() / sent.sum())
    if not 0 < mean < 1:
        return 0.0
    dispersion = float(np.mean((lost - sent * mean) ** 2 / (sent * mean * (1 - mean))))
    return (dispersion - 1) / (float(sent.mean()) - 1)


def _event(
    view: View,
    metric: str,
    seen: Counts,
    ordinary: FloatArray,
    first: int,
    stop: int,
    policy: Policy,
    changes: Changes,
    *,
    often: Callable[[], bool],
) -> Event:
    """`often`: whether the line loses as much by itself; what was long ago says nothing of an outage."""
    rate = seen.lost / seen.sent
    rows = slice(first, stop)
    usual = float(np.nanmean(ordinary[rows]))
    cause = _kind(view, seen, first, stop, policy, changes)
    mean = float(np.nansum(seen.lost[rows]) / np.nansum(seen.sent[rows]))
    if cause is Cause.LINK_DOWN:
        # Partial loss before an outage, and after it, is not the outage.
        dead = np.flatnonzero(100 * rate[rows] >= policy.down.loss_pct)
        first, stop = first + int(dead[0]), first + int(dead[-1]) + 1
    habitual = cause is Cause.LOSS and often()
    onset, end = _extent(view, rate, first, stop, mean, cause)
    inside = view.inside(onset, end)
    measured = view.column(metric)[inside]
    measured = measured[~np.isnan(measured)]
    value = float(measured.mean()) if len(measured) else 100 * mean
    smallest = max(policy.loss.minimum_pct, 300 * usual)
    # Below the rate at which the two Poisson likelihoods are equal, loss speaks for the ordinary rate.
    higher = max(RATES[0], 3 * usual)
    equal = 100 * (higher - usual) / math.log(higher / usual)
    return Event(
        link=view.link,
        source=view.source,
        metric=metric,
        cause=cause,
        direction=Direction.BOTH if cause is Cause.LINK_DOWN else direction_of(metric),
        onset=onset,
        end=end,
        value=value,
        baseline=100 * usual,
        threshold=max(policy.loss.minimum_pct, equal),
        rule="share of lost packets, too many for this link's own ordinary rate at this hour (Poisson scan)",
        statistic="mean",
        bad_samples=int(np.count_nonzero(rate[rows] > usual)),
        weight=OUTAGE if cause is Cause.LINK_DOWN else value / smallest,
        habitual=habitual,
        ordinary=habitual,
    )


def _kind(view: View, seen: Counts, first: int, stop: int, policy: Policy, changes: Changes) -> Cause:
    """Down when nothing came through for most of it, the first and last sample aside, which an outage covers in part;
    unstable when its state was seen to change, or its packets live and die together more than once."""
    lost, sent = seen.lost[first:stop], seen.sent[first:stop]
    known = ~np.isnan(lost)
    rate = lost[known] / sent[known]
    dead = 100 * rate >= policy.down.loss_pct
    longest = max((b - a for a, b in runs(dead)), default=0)
    inner = dead[1 - int(dead[0]) : len(dead) - 1 + int(dead[-1])] if len(dead) else dead
    if longest * view.step >= policy.down.minimum_seconds * 1000 and inner.mean() >= 0.5:
        return Cause.LINK_DOWN
    flaps = changes.between(int(view.time[first]), int(view.time[stop - 1]) + view.step)
    uneven = len(runs(rate >= rate.mean())) >= 2 and _on_and_off(lost, sent) >= policy.flapping.same_fate
    return Cause.INSTABILITY if flaps >= policy.flapping.changes_with_loss or uneven else Cause.LOSS


def _extent(view: View, rate: FloatArray, first: int, stop: int, mean: float, cause: Cause) -> tuple[int, int | None]:
    """A steady loss or an outage is placed inside its first and last sample; the scan's own edges serve the rest."""
    if cause is Cause.LINK_DOWN:
        return refined(view, rate, first, stop)
    end = view.end_after(stop)
    part = float(rate[first]) / mean
    early = (1 - part) * view.step if cause is Cause.LOSS and mean >= 0.2 and part < 0.9 and stop - first > 2 else 0
    return int(view.time[first] + early), end


def _all_as_often(view: View, metric: str, whole: Counts, policy: Policy, parts: Sequence[Segment]) -> bool:
    return bool(parts) and all(_as_often(view, metric, whole, policy, one) for one in parts)


def _as_often(view: View, metric: str, whole: Counts, policy: Policy, segment: Segment) -> bool:
    """Whether the link loses as much by itself, as often as the policy calls habitual."""
    times = view.series.time[view.past][view.recent]
    if not len(times):
        return False

    def by_itself() -> list[Segment]:
        lost, sent = whole.lost[view.past], whole.sent[view.past]
        ordinary = loss_rate(view, metric, lost, sent, bins=EVERY).rate[view.recent_bins]
        return scan(lost[view.recent], sent[view.recent], ordinary, policy.loss.evidence)

    alike = view.once(("scan", metric), by_itself)
    count = sum(each.score >= policy.habitual.alike * segment.score for each in alike)
    return policy.habitual.is_habitual(count, times, brief=False)


def smallest_detectable_pct(ordinary: float, sent: float, evidence: float) -> float:
    """The smallest loss rate in % that `sent` packets would have shown against an ordinary rate (0 to 1).

    Solves sent * (q ln(q/p) - (q - p)) = evidence for q by bisection: the expected log-likelihood ratio.
    """
    low, high = ordinary, 1.0
    if sent <= 0 or sent * (math.log(1 / ordinary) - (1 - ordinary)) < evidence:
        return 100.0
    for _ in range(40):
        middle = (low + high) / 2
        if sent * (middle * math.log(middle / ordinary) - (middle - ordinary)) < evidence:
            low = middle
        else:
            high = middle
    return 100 * high
