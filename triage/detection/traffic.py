"""What the traffic says: a line full of the client's own traffic, and traffic that is gone though the line is fine."""

from __future__ import annotations

import math

import numpy as np

from collector.model import FloatArray
from inventory.model import Link
from triage.detection.baseline import baseline
from triage.detection.event import MINUTE, Event, direction_of
from triage.detection.onset import refined
from triage.detection.segments import maximal_segments, runs
from triage.detection.view import View
from triage.model import Cause, Direction
from triage.policy import Policy


def capacity(view: View, link: Link, metric: str) -> FloatArray:
    """Per judged row, bit/s: what was committed, else what was measured. Zero or unknown is NaN, never "enough"."""
    committed = link.committed_down_bps if metric == "rx_bps" else link.committed_up_bps
    measured = view.column("rx_capacity_bps" if metric == "rx_bps" else "tx_capacity_bps")
    values = np.full(len(measured), float(committed)) if committed else measured
    return np.where(values > 0, values, np.nan)


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
            if (stop - first) * view.step >= policy.saturation.minimum_minutes * MINUTE or stop - first > 3:
                events.append(_saturation(view, link, metric, used, first, stop, policy))
    return events


def _saturation(view: View, link: Link, metric: str, used: FloatArray, first: int, stop: int, policy: Policy) -> Event:
    before = used[max(0, first - 8) : first]
    usual = float(np.nanmedian(before)) if np.any(~np.isnan(before)) else 0.0
    level = float(np.nanmedian(used[first:stop]))
    onset, end = refined(view.time, view.step, (used - usual) / (level - usual), first, stop)
    inside = (view.time >= onset) & (view.time < (view.now if end is None else end))
    values = view.column(metric)
    limit = float(np.nanmedian(capacity(view, link, metric)[first:stop])) * policy.saturation.utilisation_pct / 100
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
        rule=f"median of {metric} at or over {policy.saturation.utilisation_pct:g} % of the line's capacity",
        statistic="median",
        bad_samples=stop - first,
        weight=level / policy.saturation.utilisation_pct,
    )


def traffic_gone(view: View, metric: str, policy: Policy) -> list[Event]:
    """Stretches with many times less traffic than ordinary at this hour, on a scale of logarithms."""
    if not view.has(metric):
        return []
    floor = policy.traffic_gone.minimum_bps
    table = baseline(view, np.negative(np.log10(np.maximum(view.past_column(metric), floor))))
    usual, spread = table.centre[view.bins], table.spread[view.bins]
    now = np.negative(np.log10(np.maximum(view.column(metric), floor)))
    effect = np.maximum(math.log10(policy.traffic_gone.factor), policy.traffic_gone.spreads * spread)
    scores = np.clip(2 * (now - usual) / effect - 1, -1.0, 1.0)
    # Where ordinary is next to nothing, nothing can be missed.
    scores[-usual < math.log10(floor * policy.traffic_gone.factor)] = -1.0
    events = []
    for segment in maximal_segments(scores, policy.bad_samples - 0.1):
        rows = slice(segment.first, segment.stop)
        level = float(np.nanmedian(now[rows] - usual[rows]))
        if level < 0.9 * float(np.nanmedian(effect[rows])):
            continue
        values, ordinary = view.column(metric), 10**-usual
        share = (ordinary - values) / ordinary
        onset, end = refined(view.time, view.step, share, segment.first, segment.stop)
        inside = (view.time >= onset) & (view.time < (view.now if end is None else end))
        events.append(
            Event(
                link=view.link,
                source=view.source,
                metric=metric,
                cause=Cause.LAN,
                direction=Direction.BOTH,
                onset=onset,
                end=end,
                value=float(np.nanmedian(values[inside])),
                baseline=float(np.nanmedian(ordinary[rows])),
                threshold=float(np.nanmedian(10 ** -(usual + effect)[rows])),
                rule=f"median of {metric} many times below what is ordinary at this hour while the line is healthy",
                statistic="median",
                bad_samples=segment.stop - segment.first,
                weight=level / float(np.nanmedian(effect[rows])),
            )
        )
    return events


def port_down(view: View, policy: Policy) -> list[Event]:
    """Stretches in which the device says that the port is down (ifOperStatus other than up)."""
    state = view.column("oper_up")
    events = []
    for first, stop in runs(state == 0):
        if (stop - first) * view.step < policy.down.minimum_seconds * 1000:
            continue
        before = int(view.time[first - 1]) + view.step if first else int(view.time[first])
        onset = (before + int(view.time[first])) // 2
        end = None if stop == len(state) else int(view.time[stop - 1]) + view.step
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
                rule=f"oper_up 0 for at least {policy.down.minimum_seconds:g} s",
                statistic="max",
                bad_samples=stop - first,
                weight=50.0,
            )
        )
    return events


def flaps(view: View, policy: Policy) -> list[Event]:
    """Stretches with many state changes counted by the source, little quiet between them."""
    count = np.nan_to_num(view.column("flaps"))
    changed = np.flatnonzero(count > 0)
    if not len(changed):
        return []
    apart = np.diff(view.time[changed]) > policy.flapping.join_minutes * MINUTE
    events = []
    for group in np.split(changed, np.flatnonzero(apart) + 1):
        first, stop = int(group[0]), int(group[-1]) + 1
        total = float(count[first:stop].sum())
        if total < policy.flapping.changes or len(group) < 2:
            continue
        events.append(
            Event(
                link=view.link,
                source=view.source,
                metric="flaps",
                cause=Cause.INSTABILITY,
                direction=Direction.BOTH,
                onset=int(view.time[first]),
                end=None if stop == len(count) else int(view.time[stop - 1]) + view.step,
                value=total,
                baseline=0.0,
                threshold=float(policy.flapping.changes),
                rule=f"at least {policy.flapping.changes} state changes, "
                f"never {policy.flapping.join_minutes:g} minutes apart",
                statistic="sum",
                bad_samples=len(group),
                weight=total / policy.flapping.changes,
            )
        )
    return events
