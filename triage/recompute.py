"""Computes a finding's figure again from the samples or facts it names; evidence and disputes stand on this."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from collector.model import Fact, FactKind, FloatArray, Series
from config.clock import epoch_ms, from_epoch_ms
from triage.detection import device
from triage.detection.changes import times_said
from triage.detection.contact import LOST
from triage.detection.facts import DISCONNECTED
from triage.model import Finding

FACTS = "fact:"
"""Metrics that begin so count facts of that kind instead of measuring."""

SAID = {
    **{FACTS + kind.value: frozenset({word}) for kind, word in ((FactKind.LINK_STATE, DISCONNECTED), *LOST.items())},
    **device.TOLD,
}
"""The statements that findings of each kind count; a reboot is one whatever its value."""

STATISTICS: Mapping[str, Callable[[FloatArray], float]] = {
    "median": lambda values: float(np.median(values)),
    "mean": lambda values: float(np.mean(values)),
    "max": lambda values: float(np.max(values)),
    "min": lambda values: float(np.min(values)),
    "sum": lambda values: float(np.sum(values)),
    "last": lambda values: float(values[-1]),
    "changes": lambda values: float(np.abs(np.diff(values)).sum()),
}


def recompute(finding: Finding, series: Series, until: int | None = None) -> float:
    """The finding's `statistic` of its `metric` over the measured samples that start in [onset, end).

    A finding that goes on (`end` None) reaches to `until` (epoch milliseconds; by default all that the series
    holds). NaN when nothing was measured there or the finding rests on facts. Raises ValueError when the series is
    of another link or source, or the statistic is unknown.
    """
    if (series.link, series.source) != (finding.link, finding.source):
        raise ValueError(f"the finding is about {finding.link} by {finding.source}, not {series.link} {series.source}")
    if finding.statistic not in STATISTICS:
        raise ValueError(f"no statistic is called {finding.statistic!r}; there are {', '.join(STATISTICS)}")
    end = until if finding.end is None else epoch_ms(finding.end)
    inside = series.time >= epoch_ms(finding.onset)
    if end is not None:
        inside &= series.time < end
    values = series.column(finding.metric)[inside]
    known = values[~np.isnan(values)]
    return STATISTICS[finding.statistic](known) if len(known) else math.nan


def recompute_from_facts(finding: Finding, facts: Sequence[Fact], subjects: Sequence[str]) -> float:
    """How many facts of the finding's kind and value its source stated about the subjects in [onset, end), or how
    often it said another state than before."""
    kind = FactKind(finding.metric.removeprefix(FACTS).partition("/")[0])
    own = [fact for fact in facts if fact.kind is kind and fact.source is finding.source and fact.subject in subjects]
    if finding.statistic == "changes":
        times = [from_epoch_ms(int(time)) for time in times_said(finding.metric, own, finding.source)]
    else:
        times = [fact.time for fact in own if finding.metric not in SAID or fact.value in SAID[finding.metric]]
    return float(sum(finding.onset <= time and (finding.end is None or time < finding.end) for time in times))
