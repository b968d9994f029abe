"""What the traffic says: a line full of the client's own traffic, and traffic that is gone though the line is fine."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray
from inventory.model import Link
from triage.detection.baseline import baseline
from triage.detection.event import MINUTE, OUTAGE, Event, direction_of
from triage.detection.onset import extent
from triage.detection.segments import runs
from triage.detection.view import View
from triage.formatting import bit_rate
from triage.model import Cause, Direction
from triage.policy import Policy
from triage.words import metric_words


def capacity(view: View, link: Link, metric: str) -> FloatArray:
    """Per judged row, bit/s: what was committed, else what was measured. Zero or unknown is NaN, never "enough"."""
    committed = link.committed_down_bps if metric == "rx_bps" else link.committed_up_bps
    measured = view.column("rx_capacity_bps" if metric == "rx_bps" else "tx_capacity_bps")
    values = np.full(len(measured), float(committed)) if committed else measured
    return np.where(values > 0, values, np.nan)


def unknown_capacity(view: View, link: Link, inside: NDArray[np.bool_]) -> list[Direction]:
    """The directions whose traffic was measured in these judged rows, but whose capacity nobody tells."""
    return [
        direction_of(metric)
        for metric in ("rx_bps", "tx_bps")
        if not np.isnan(view.column(metric)[inside]).all() and np.isnan(utilisation(view, link, metric)[inside]).all()
    ]


def utilisation(view: View, link: Link, metric: str) -> FloatArray:
    """Per judged row, % of capacity; NaN where either is unknown."""
    return 100 * view.column(metric) / capacity(view, link, metric)


def saturations(view: View, link: Link, policy: Policy) -> list[Event]:
    """Stretches in which a direction is full. Whether anyone suffers from it is for the judge to say."""
    events = []
    for metric in ("rx_bps", "tx_bps"):
        used = utilisation(view, link, metric)
        full = np.nan_to_num(used) >= policy.saturation.utilisation_pct
        if len(full) > 2:
            full[1:-1] |= full[:-2] & full[2:]
        for first, stop in runs(full):
            event = _saturation(view, link, metric, used, first, stop, policy)
            events += [event] if event.value >= event.threshold else []
    return events


def _saturation(view: View, link: Link, metric: str, used: FloatArray, first: int, stop: int, policy: Policy) -> Event:
    before = used[max(0, first - 8) : first]
    usual = float(np.nanmedian(before)) if np.any(~np.isnan(before)) else 0.0
    level = float(np.nanmedian(used[first:stop]))
    usual = usual if usual < level else 0.0
    values = view.column(metric)
    limit = float(np.nanmedian(capacity(view, link, metric)[first:stop])) * policy.saturation.utilisation_pct / 100
    share = (used - usual) / (level - usual)
    onset, end = extent(view, share, first, stop, lambda rows: float(np.nanmedian(values[rows])) >= limit)
    inside = view.inside(onset, end)
    return Event(
        link=view.link,
        source=view.source,
        metric=metric,
        cause=Cause.SATURATION,
        direction=direction_of(metric),
        onset=onset,
        end=end,
        value=float(np.nanmedian(values[inside])),
        baseline=None,
        threshold=limit,
        rule=f"median {metric_words(metric)} at or over {policy.saturation.utilisation_pct:g} % of the "
        f"{_which_capacity(view, link, metric, inside, limit)}",
        statistic="median",
        bad_samples=stop - first,
        weight=level / policy.saturation.utilisation_pct,
    )


def traffic_gone(view: View, metric: str, policy: Policy) -> list[Event]:
    """Stretches in which traffic fell at once to a small part of what it was before, and of what this hour has.

    Both on a scale of logarithms. A fall that every evening brings is not below the hour's own ordinary traffic; a
    quiet day does not fall at once.
    """
    if not view.has(metric):
        return []
    floor = policy.traffic_gone.minimum_bps
    level = np.log10(np.maximum(view.column(metric), floor))
    table = baseline(view, metric, floor=floor)
    hour = table.centre[view.bins]
    effect = _effect(level, policy)
    before, after = _medians_around(level, max(2, int(60 * MINUTE / view.step)))
    falls = np.nan_to_num(np.minimum(before, hour) - after, nan=-1.0) if table.samples else before - after
    events: list[Event] = []
    first = 0
    while first < len(level):
        candidates = np.flatnonzero(falls[first:] >= effect)
        if not len(candidates):
            break
        row = first + int(candidates[0])
        row += int(np.argmax((level[max(0, row - 1)] - level)[row : row + 4])) if row else 0
        usual = min(float(before[row]), float(np.nan_to_num(hour[row], nan=np.inf)))
        stop = _until_back(level, row, usual, effect)
        measured = level[row:stop][~np.isnan(level[row:stop])]
        if len(measured) >= policy.bad_samples and usual - float(np.median(measured)) >= effect:
            event = _gone(view, metric, 10**usual, row, stop, policy)
            events += [event] if event.value <= event.threshold else []
        first = max(stop, row + 1)
    return events


def _which_capacity(view: View, link: Link, metric: str, inside: NDArray[np.bool_], limit: float) -> str:
    """Which of the line's capacities was used, and whether the line is not full by the other. What an orchestrator
    measured is of when its edge started, and may be old."""
    if not (link.committed_down_bps if metric == "rx_bps" else link.committed_up_bps):
        return "capacity that was measured"
    other = _measured_capacity(view, metric, inside)
    share = limit / float(np.nanmedian(capacity(view, link, metric)[inside]))
    if other is not None and float(np.nanmedian(view.column(metric)[inside])) < share * other:
        return f"committed rate; of the {bit_rate(other)} that were measured it would not be"
    return "committed rate"


def full_by_measured(view: View, link: Link, metric: str, inside: NDArray[np.bool_], policy: Policy) -> float | None:
    """The measured capacity in bit/s of which the line was full in these judged rows, though it was not by the
    committed rate; else None."""
    other, used = _measured_capacity(view, metric, inside), view.column(metric)[inside]
    committed = link.committed_down_bps if metric == "rx_bps" else link.committed_up_bps
    if other is None or not committed or np.isnan(used).all():
        return None
    share = float(np.nanmedian(used)) * 100 / policy.saturation.utilisation_pct
    return other if other <= share < committed else None


def _measured_capacity(view: View, metric: str, inside: NDArray[np.bool_]) -> float | None:
    measured = view.column("rx_capacity_bps" if metric == "rx_bps" else "tx_capacity_bps")[inside]
    known = measured[measured > 0]
    return float(np.median(known)) if len(known) else None


def _effect(level: FloatArray, policy: Policy) -> float:
    """The fall that counts, in powers of ten: the policy's factor, or more where samples jump about by themselves."""
    jumps = np.abs(np.diff(level[~np.isnan(level)]))
    usual = float(np.median(jumps)) * 1.4826 if len(jumps) else 0.0
    return max(math.log10(policy.traffic_gone.factor), policy.traffic_gone.spreads * usual)


def _medians_around(level: FloatArray, rows: int) -> tuple[FloatArray, FloatArray]:
    """Per row the median of the `rows` before it and of the three from it on; NaN where too few are measured."""
    padded = np.concatenate((np.full(rows, np.nan), level, np.full(3, np.nan)))
    behind = np.lib.stride_tricks.sliding_window_view(padded, rows)[: len(level)]
    ahead = np.lib.stride_tricks.sliding_window_view(padded, 3)[rows : rows + len(level)]
    return row_medians(behind), row_medians(ahead)


def row_medians(values: FloatArray) -> FloatArray:
    """The lower median of each row's measured values; NaN where none is. A sort puts NaN last, so a rank finds it."""
    count = np.count_nonzero(~np.isnan(values), axis=1)
    middle: FloatArray = np.sort(values, axis=1)[np.arange(len(values)), np.maximum(count - 1, 0) // 2]
    return middle


def _until_back(level: FloatArray, first: int, before: float, effect: float) -> int:
    """The row at which more of the traffic is back than not: the best-scoring prefix from the fall on."""
    scores = np.nan_to_num(np.clip(2 * (before - level[first:]) / effect - 1, -1.0, 1.0))
    return first + int(np.argmax(np.cumsum(scores))) + 1


def _gone(view: View, metric: str, before: float, first: int, stop: int, policy: Policy) -> Event:
    values = view.column(metric)
    least = before / policy.traffic_gone.factor
    share = (before - values) / before
    onset, end = extent(view, share, first, stop, lambda rows: float(np.nanmedian(values[rows])) <= least)
    value = float(np.nanmedian(values[view.inside(onset, end)]))
    return Event(
        link=view.link,
        source=view.source,
        metric=metric,
        cause=Cause.LAN,
        direction=Direction.BOTH,
        onset=onset,
        end=end,
        value=value,
        baseline=before,
        threshold=least,
        rule=f"median {metric_words(metric)} fell at once to a small part of the hour before, "
        "while the line is healthy",
        statistic="median",
        bad_samples=stop - first,
        weight=math.log10(before / max(value, policy.traffic_gone.minimum_bps / 10)),
    )


def port_down(view: View, policy: Policy) -> list[Event]:
    """Stretches in which the device says that the port is down (ifOperStatus other than up)."""
    state = view.column("oper_up")
    events = []
    for first, stop in runs(state == 0):
        # Two polls prove the time between them and no more: a flapping port can be down at both.
        proven = view.time[stop - 1] - view.time[first]
        if proven < policy.down.minimum_seconds * 1000 or stop - first < policy.bad_samples:
            continue
        before = int(view.time[first - 1]) + view.step if first else int(view.time[first])
        onset = (before + int(view.time[first])) // 2
        end = view.end_after(stop)
        events.append(
            Event(
                link=view.link,
                source=view.source,
                metric="oper_up",
                cause=Cause.LINK_DOWN,
                direction=Direction.BOTH,
                onset=onset,
                end=end,
                value=0.0,
                baseline=1.0,
                threshold=0.0,
                rule=f"port down (ifOperStatus) for at least {policy.down.minimum_seconds:g} s",
                statistic="max",
                bad_samples=stop - first,
                weight=OUTAGE,
            )
        )
    return events
