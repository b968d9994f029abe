"""The smallest fault that the measurement would have shown: what makes "not substantiated" worth something."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from triage.detection import loss, shift
from triage.detection.baseline import loss_rate
from triage.detection.link import QUALITY, Examined
from triage.model import Cause
from triage.policy import Policy

MINUTES = 30
"""The length of fault that is asked about."""


def detectable(examined: Examined, policy: Policy, since: int, until: int) -> Mapping[str, float]:
    """For each metric measured in [since, until): the smallest excess (ms) or loss rate (%) that half an hour of it
    would have shown, from the link's own spread and the packets really sent."""
    view = examined.view(policy.sources.quality, *QUALITY)
    if view is None:
        return {}
    inside = (view.time >= since) & (view.time < until)
    if not inside.any():
        return {}
    smallest: dict[str, float] = {}
    for metric, cause in shift.METRICS.items():
        if view.has(metric):
            size = policy.latency if cause is Cause.LATENCY else policy.jitter
            effect = shift.ordinary(view, metric, size).effect[inside]
            if not np.isnan(effect).all():
                smallest[metric.removesuffix("_ms") + "_ms"] = float(np.nanmedian(effect))
    for metric in loss.METRICS:
        if view.has(metric):
            whole = loss.counts(view, metric, policy)
            table = loss_rate(view, metric, whole.lost[view.past], whole.sent[view.past])
            sent = whole.sent[view.rows][inside]
            if table.known and not np.isnan(sent).all():
                packets = float(np.nanmean(sent)) * MINUTES * 60_000 / view.step
                ordinary = float(np.nanmedian(table.rate[view.bins][inside]))
                found = loss.smallest_detectable_pct(ordinary, packets, policy.loss.evidence)
                smallest[metric] = max(policy.loss.minimum_pct, found)
    return smallest
