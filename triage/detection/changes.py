"""How often a link's state changed, by each source that can tell: counters, a port's state, stated facts, events.

Two sources, or two ways of one, see the same change, so their counts are never added up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter

import numpy as np

from collector.model import Fact, FactKind, FloatArray, Source, TimeArray
from config.clock import epoch_ms
from triage.detection.view import View
from triage.model import Measured

UP = {"stable": True, "unstable": True, "disconnected": False}
"""Whether a stated link state says that the line is up; the others say nothing of it."""
STATED = "fact:link_state"
TOLD: Mapping[str, frozenset[str]] = {
    "fact:event/line": frozenset({"LINK_DEAD", "LINK_ALIVE", "link-state-change"}),
    "fact:event/port": frozenset(
        {"EDGE_INTERFACE_DOWN", "EDGE_INTERFACE_UP", "EDGE_INTERFACE_CHANGED", "interface-state-change"}
    ),
}
"""Events each of which is one change of the line, or of its port. A port that goes down takes the line with it: the
same change told twice. One that follows its like is a change all the same, as what was between them got lost."""
WAYS: Mapping[FactKind, Sequence[str]] = {FactKind.LINK_STATE: (STATED,), FactKind.EVENT: tuple(TOLD)}


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The changes that one source saw in one way, arrays of one value a change or slot, ascending.

    `time` is when they were seen and `since` the moment after which they happened, in epoch milliseconds; `count` how
    many; `width` how long a slot is in milliseconds, 1 where moments are told.
    """

    source: Source
    metric: str
    time: TimeArray
    since: TimeArray
    count: FloatArray
    width: int


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Every way in which the changes of one link were seen."""

    seen: Sequence[Seen] = ()

    def between(self, start: int, end: int) -> float:
        """Changes in [start, end) as told by whoever saw most of them."""
        return max(
            (float(one.count[(one.time >= start) & (one.time < end)].sum()) for one in self.seen),
            default=0.0,
        )


UNCHANGED = Changes()


def changes_of(measured: Measured, views: Sequence[View]) -> Changes:
    """Every source's state changes of one link, in the judged window for those that measure."""
    spoke = {(fact.kind, fact.source) for fact in measured.facts}
    told = [_said(metric, measured.facts, source) for kind, source in sorted(spoke) for metric in WAYS.get(kind, ())]
    return Changes([seen for seen in (*map(_counted, views), *told) if len(seen.time)])


def _counted(view: View) -> Seen:
    """The slots in which the source counted changes; of one that counts none, those in which the port's state is not
    the last one known before."""
    if view.has("flaps"):
        count = np.nan_to_num(view.column("flaps"))
        changed = count > 0
        time = view.time[changed]
        return Seen(view.source, "flaps", time, time, count[changed], view.step)
    state = view.column("oper_up")
    known = ~np.isnan(state)
    time, differs = view.time[known], np.abs(np.diff(state[known]))
    changed = differs > 0
    return Seen(view.source, "oper_up", time[1:][changed], time[:-1][changed], differs[changed], view.step)


def _said(metric: str, facts: Sequence[Fact], source: Source) -> Seen:
    time = times_said(metric, facts, source)
    return Seen(source, metric, time, time, np.ones(len(time)), 1)


def times_said(metric: str, facts: Sequence[Fact], source: Source) -> TimeArray:
    """When a source told of a change of the link: in events of this family (`TOLD`), or by stating another state."""
    kind = FactKind.LINK_STATE if metric == STATED else FactKind.EVENT
    own = [fact for fact in facts if fact.kind is kind and fact.source is source]
    if metric == STATED:
        known = sorted((fact for fact in own if fact.value in UP), key=attrgetter("time", "value"))
        times = [epoch_ms(now.time) for before, now in pairwise(known) if UP[now.value] is not UP[before.value]]
    else:
        times = sorted(epoch_ms(fact.time) for fact in own if fact.value in TOLD[metric])
    return np.array(times, dtype=np.int64)
