"""The minute's sweep: which lines deserve a look. Cheap, over the hot window of all lines at once; it only nominates,
the same judge that answers claims decides."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from collector.model import FactKind, FloatArray
from collector.store.hot import HotWindow
from collector.store.hot_facts import HotFacts, Run
from inventory.model import Inventory
from triage import sweep_rules
from triage.detection import loss, shift
from triage.detection.changes import TOLD, UP
from triage.detection.contact import FEWEST, LOST
from triage.detection.event import MINUTE
from triage.detection.facts import DISCONNECTED
from triage.model import Cause
from triage.policy import Policy
from triage.sweep_rules import Minutes

FIELDS = (
    *loss.METRICS, *shift.METRICS, "rx_bps", "tx_bps", "rx_capacity_bps", "tx_capacity_bps", "oper_up", "flaps",
)  # fmt: skip
KINDS = (*LOST, FactKind.LINK_STATE, FactKind.EVENT)
SLOT_MINUTES = 10
"""Room for the slot in which something began and the one in which it ended; orchestrators keep five-minute ones."""
SERIES_AT_ONCE = 8192
"""Rows of a field's matrix that are looked at together: bounds memory, not speed."""


def hot_minutes(policy: Policy) -> int:
    """The longest window that a rule of the sweep looks at: what is told of now may have ended the policy's
    `recovered_after_minutes` ago, and before that a limit needs its window, flapping its changes, lost traffic an
    hour; half an hour beside a fault says what is ordinary."""
    limits = (one.limits.window_minutes for one in policy.variants())
    flapping = policy.flapping.half_life_minutes * policy.flapping.changes
    longest = max(*limits, flapping, policy.windows.join_minutes, 60 + 30)
    return int(np.ceil(longest + policy.claims.recovered_after_minutes + SLOT_MINUTES))


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """What inventory and policy say of each link of a hot window: arrays of one value a link, NaN unknown."""

    down_bps: FloatArray
    up_bps: FloatArray
    latency_ms: FloatArray
    jitter_ms: FloatArray
    loss_pct: FloatArray
    window_minutes: FloatArray


def fleet_of(links: Sequence[str], inventory: Inventory, policy: Policy) -> Fleet:
    lines = [inventory.links[link] for link in links]
    limits = [policy.of(line, inventory.sites[line.site].client).limits for line in lines]
    return Fleet(
        down_bps=_column(line.committed_down_bps or np.nan for line in lines),
        up_bps=_column(line.committed_up_bps or np.nan for line in lines),
        latency_ms=_column(limit.latency_ms for limit in limits),
        jitter_ms=_column(limit.jitter_ms for limit in limits),
        loss_pct=_column(limit.loss_pct for limit in limits),
        window_minutes=_column(limit.window_minutes for limit in limits),
    )


def _column(values: Iterator[float]) -> FloatArray:
    return np.fromiter(values, np.float64)


def nominated(hot: HotWindow, fleet: Fleet, policy: Policy, now_ms: int) -> NDArray[np.bool_]:
    """Per link of the hot window whether its samples deserve a judgement at this moment.

    Whatever the judge would confirm there is among them, as far as the window shows what is ordinary for a line: the
    rules are no stricter than the detectors', and float32 is given a hair (`sweep_rules.HAIR`).
    """
    found = np.zeros(len(hot.links), dtype=bool)
    for name in hot.fields:
        measured = hot.measured(name)
        for first in range(0, len(measured), SERIES_AT_ONCE):
            rows = slice(first, first + SERIES_AT_ONCE)
            wanted = _looked_at(name, hot, rows, fleet, policy, now_ms // MINUTE)
            found[hot.link[measured[rows][wanted]]] = True
    return found


def _looked_at(name: str, hot: HotWindow, rows: slice, fleet: Fleet, policy: Policy, minute: int) -> NDArray[np.bool_]:
    series = hot.measured(name)[rows]
    link = hot.link[series]
    seen = Minutes(hot.matrix(name, minute, rows), hot.slot_minutes[series][:, None])
    window = fleet.window_minutes[link]
    if name in loss.METRICS:
        return sweep_rules.lossy(seen, fleet.loss_pct[link], window, policy)
    if name in shift.METRICS:
        slow = shift.METRICS[name] is Cause.LATENCY
        size, limit = (policy.latency, fleet.latency_ms) if slow else (policy.jitter, fleet.jitter_ms)
        return sweep_rules.slower(seen, size, limit[link], window, policy)
    if name in ("rx_bps", "tx_bps"):
        committed = fleet.down_bps[link] if name == "rx_bps" else fleet.up_bps[link]
        capacity = _capacity(hot, name.replace("bps", "capacity_bps"), series, committed, minute)
        return sweep_rules.full(seen, capacity, policy) | sweep_rules.gone(seen, policy)
    if name == "oper_up":
        return sweep_rules.port_down(seen, policy)
    if name == "flaps":
        return sweep_rules.flapping(seen, policy)
    return np.zeros(len(series), dtype=bool)


def _capacity(hot: HotWindow, name: str, series: NDArray[np.int32], committed: FloatArray, minute: int) -> FloatArray:
    """What was committed, else what was measured: the least that the window shows, a row a series."""
    capacity = committed.copy()
    row = hot.rows_of(name, series)
    asked = np.flatnonzero(np.isnan(committed) & (row >= 0))
    if len(asked):
        measured = hot.matrix(name, minute)[row[asked]].astype(np.float64)
        capacity[asked] = np.fmin.reduce(np.where(measured > 0, measured, np.nan), axis=1)
    return capacity[:, None]


def said_to_ail(facts: HotFacts, policy: Policy, now_ms: int) -> set[str]:
    """Links and devices of which a source says, or said until lately, that they are down or out of contact, and links
    whose state changed as often as the policy calls flapping."""
    lately = now_ms - int(policy.claims.recovered_after_minutes * MINUTE)
    changed = now_ms - int(max(policy.claims.recovered_after_minutes, policy.flapping.half_life_minutes) * MINUTE)
    found = set()
    for (subject, kind, _), runs in facts.runs():
        counted = {FactKind.LINK_STATE: _state_changes, FactKind.EVENT: _changes_told}.get(kind)
        if _was_lost(kind, runs, lately) or (counted and counted(runs, changed) >= policy.flapping.changes):
            found.add(subject)
    return found


def _was_lost(kind: FactKind, runs: Sequence[Run], lately: int) -> bool:
    value = DISCONNECTED if kind is FactKind.LINK_STATE else LOST.get(kind)
    enough = FEWEST.get(kind, 1)
    for place, run in enumerate(runs):
        over = place + 1 < len(runs) and runs[place + 1].begin <= lately
        if run.value == value and not over and (enough < 2 or run.repeated):
            return True
    return False


def _state_changes(runs: Sequence[Run], lately: int) -> int:
    """Changes between up and down as facts tell them, when the newest is recent; else none."""
    if len(runs) < 2 or runs[-1].begin < lately:
        return 0
    states = [UP[run.value] for run in runs if run.value in UP]
    return sum(before is not after for before, after in pairwise(states))


def _changes_told(runs: Sequence[Run], lately: int) -> float:
    """The most changes that events may tell of, when the newest is recent: a word said again counts without end."""
    told = [run for run in runs if run.value in _CHANGES]
    if not told or told[-1].end < lately:
        return 0
    return math.inf if any(run.repeated for run in told) else len(told)


_CHANGES = frozenset().union(*TOLD.values())


def sites_of(hot: HotWindow, wanted: NDArray[np.bool_], subjects: set[str], inventory: Inventory) -> set[str]:
    """The sites of these links of the hot window, and of these links and devices."""
    links = [hot.links[code] for code in np.flatnonzero(wanted).tolist()]
    found = {inventory.links[link].site for link in (*links, *subjects) if link in inventory.links}
    return found | {inventory.devices[one].site for one in subjects if one in inventory.devices}
