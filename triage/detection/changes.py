"""How often a link's state changed, by whichever source saw most of it: counters, a port's state, stated facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from collector.model import Fact, FactKind, FloatArray, Source, TimeArray
from config.clock import epoch_ms
from triage.detection.event import MINUTE
from triage.detection.view import View
from triage.model import Measured
from triage.policy import Policy

UP = {"stable": True, "unstable": True, "disconnected": False}
"""Whether a stated link state says that the line is up; the others say nothing of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """A pair of arrays for each source: when (epoch milliseconds, ascending), and how many changes then."""

    by_source: Sequence[tuple[TimeArray, FloatArray]] = ()

    def between(self, start: int, end: int) -> float:
        """Changes in [start, end) by the source that saw most: two sources see the same change, so none are added."""
        return max((float(count[(time >= start) & (time < end)].sum()) for time, count in self.by_source), default=0.0)


UNCHANGED = Changes()


def changes_of(measured: Measured, views: Sequence[View]) -> Changes:
    """Every source's state changes of one link, in the judged window for those that measure."""
    counted = [(view.time, counted_in(view)) for view in views if view.has("flaps") or view.has("oper_up")]
    sources = sorted({fact.source for fact in measured.facts if fact.kind is FactKind.LINK_STATE})
    return Changes([*counted, *(stated_by(measured.facts, source) for source in sources)])


def counted_in(view: View) -> FloatArray:
    """Per judged row: the changes that the source counted, else whether the port's state is not the one before."""
    state = view.column("oper_up")
    differs = np.abs(np.diff(state, prepend=state[:1])) if len(state) else state
    flaps = view.column("flaps")
    return np.nan_to_num(np.where(np.isnan(flaps), differs, flaps))


def stated_by(facts: Sequence[Fact], source: Source) -> tuple[TimeArray, FloatArray]:
    """When a source said of the link that it is up after having said that it is not, or the other way round."""
    known = sorted(fact for fact in facts if fact.kind is FactKind.LINK_STATE and fact.source is source)
    states = [(epoch_ms(fact.time), UP[fact.value]) for fact in known if fact.value in UP]
    time = [now for (_, before), (now, after) in pairwise(states) if after is not before]
    return np.array(time, dtype=np.int64), np.ones(len(time))


def groups(time: TimeArray, count: FloatArray, policy: Policy) -> list[tuple[int, int]]:
    """Rows [first, stop) of changes with little quiet between them, as many as the policy calls flapping."""
    if not len(time):
        return []
    apart = np.flatnonzero(np.diff(time) > policy.flapping.join_minutes * MINUTE) + 1
    edges = [0, *apart.tolist(), len(time)]
    return [(first, stop) for first, stop in pairwise(edges) if count[first:stop].sum() >= policy.flapping.changes]


def flapping_rule(policy: Policy) -> str:
    return f"at least {policy.flapping.changes} state changes, never {policy.flapping.join_minutes:g} minutes apart"
