"""All that can be learnt of one line by one source: what the nightly tables hold and evidence shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from triage.detection import loss, shift
from triage.detection.baseline import baseline, loss_rate
from triage.detection.learnt import COMPUTED, Baseline, Learnt, LossRate
from triage.detection.link import TRAFFIC
from triage.detection.view import View
from triage.policy import Policy


def learn(view: View, policy: Policy, bins: NDArray[np.int64], version: str = COMPUTED) -> Learnt:
    """What is ordinary at these bins for each metric that was measured before `view.start`; none that is unknown.

    What the view has learnt already is taken as it stands.
    """
    baselines: dict[str, Baseline] = {}
    rates: dict[str, LossRate] = {}
    known = view.learnt
    for metric in (*shift.METRICS, *TRAFFIC):
        if metric in view.series.fields or (known is not None and metric in known.baselines):
            floor = policy.traffic_gone.minimum_bps if metric in TRAFFIC else None
            one = baseline(view, metric, floor=floor, bins=bins)
            if not np.isnan(one.all_day):
                baselines[metric] = one
    for metric in loss.METRICS:
        if metric in view.series.fields or (known is not None and metric in known.loss):
            whole = loss.counts(view, metric, policy)
            rate = loss_rate(view, metric, whole.lost[view.past], whole.sent[view.past], bins=bins)
            if rate.known:
                rates[metric] = rate
    return Learnt(version if known is None else known.version, view.start, baselines, rates)
