"""The minute's sweep: which lines deserve a look. Cheap, over the hot window of all lines at once; it only nominates,
the same judge that answers claims decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from collector.model import FloatArray
from collector.store.hot import HotWindow
from inventory.model import Inventory
from triage import sweep_rules, sweep_traffic
from triage.detection import loss, shift
from triage.detection.event import MINUTE
from triage.model import Cause
from triage.policy import Policy
from triage.sweep_minutes import Held, Mask, Minutes, line_policy
from triage.sweep_ordinary import Ordinary, half_hours, nothing_stored

FIELDS = (
    *loss.METRICS, *shift.METRICS, "rx_bps", "tx_bps", "rx_capacity_bps", "tx_capacity_bps", "oper_up", "flaps",
)  # fmt: skip
SLOT_MINUTES = 10
"""Room for the slot in which something began and the one in which it ended; orchestrators keep five-minute ones."""
SERIES_AT_ONCE = 8192
"""Rows of a field's matrix that are looked at together: bounds memory, not speed."""


def hot_minutes(policy: Policy) -> int:
    """The longest window that a rule of the sweep looks at on any line: what is told of now may have ended the policy's
    `recovered_after_minutes` ago, and before that a limit needs its window, flapping its changes, lost traffic an
    hour; half an hour beside a fault says what is ordinary. Overrides may meet on one line: of each key the most."""
    every = policy.variants()
    flapping = max(one.flapping.half_life_minutes for one in every) * _half_lives(
        max(one.flapping.changes for one in every)
    )
    limits, join = (one.limits.window_minutes for one in every), (one.windows.join_minutes for one in every)
    longest = max(*limits, *join, flapping, 60 + 30)
    return int(np.ceil(longest + max(one.claims.recovered_after_minutes for one in every) + SLOT_MINUTES))


def _half_lives(changes: int) -> float:
    """How far apart so many changes lie at most: from the ceiling to one change's worth, then one in each half-life."""
    return float(np.log2(changes - 1)) + changes - 2


@dataclass(frozen=True, slots=True, eq=False)
class Fleet:
    """What inventory and policy say of each link of a hot window: arrays of one value a link, NaN unknown.

    `policies[kind]` holds for a link; there are as many as the policy tells lines apart.
    """

    down_bps: FloatArray
    up_bps: FloatArray
    policies: Sequence[Policy]
    kind: NDArray[np.intp]


def fleet_of(links: Sequence[str], inventory: Inventory, policy: Policy) -> Fleet:
    lines = [inventory.links[link] for link in links]
    policies: dict[tuple[int, int], tuple[int, Policy]] = {}
    kind = np.empty(len(lines), dtype=np.intp)
    for place, line in enumerate(lines):
        client = inventory.sites[line.site].client
        own, whole = policy.of(line, client), policy.of(None, client, line.site)
        both = id(own), id(whole)
        if both not in policies:
            policies[both] = (len(policies), line_policy(own, whole))
        kind[place] = policies[both][0]
    return Fleet(
        down_bps=_column(line.committed_down_bps or np.nan for line in lines),
        up_bps=_column(line.committed_up_bps or np.nan for line in lines),
        policies=[one for _, one in policies.values()],
        kind=kind,
    )


def _column(values: Iterator[float]) -> FloatArray:
    return np.fromiter(values, np.float64)


def nominated(
    hot: HotWindow, fleet: Fleet, now_ms: int, stored: Mapping[str, Ordinary] = MappingProxyType({})
) -> NDArray[np.bool_]:
    """Per link of the hot window whether its samples deserve a judgement at this moment.

    `stored` says of fields what is ordinary for each of their series, in their order. Whatever the judge would confirm
    is among the nominees, as far as that or the window shows what is ordinary for a line: the rules are no stricter
    than the detectors', and float32 is given a hair (`HAIR`).
    """
    found = np.zeros(len(hot.links), dtype=bool)
    minute = now_ms // MINUTE
    _, block = half_hours(minute, hot.minutes)
    for name in hot.fields:
        measured = hot.measured(name)
        for first in range(0, len(measured) if name in _RULES else 0, SERIES_AT_ONCE):
            rows = slice(first, min(first + SERIES_AT_ONCE, len(measured)))
            ordinary = stored[name].some(rows) if name in stored else nothing_stored(rows.stop - first, block)
            wanted = _RULES[name](_Field(hot, fleet, name, minute, rows), ordinary)
            found[hot.link[measured[rows][wanted]]] = True
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Field:
    """Some series of one field of the hot window."""

    hot: HotWindow
    fleet: Fleet
    name: str
    minute: int
    rows: slice

    @property
    def series(self) -> NDArray[np.int32]:
        return self.hot.measured(self.name)[self.rows]

    @property
    def link(self) -> NDArray[np.int64]:
        return self.hot.link[self.series]

    def seen(self) -> Minutes:
        width = self.hot.slot_seconds[self.series] / 60
        return Minutes(
            self.hot.matrix(self.name, self.minute, self.rows),
            np.where(width < 1, width, np.floor(width)),
            Held(self.fleet.policies, self.fleet.kind[self.link]),
        )

    def capacity(self) -> FloatArray:
        """What was committed, else what was measured: the least that the window shows, one value a series."""
        committed = self.fleet.down_bps if self.name == "rx_bps" else self.fleet.up_bps
        capacity = committed[self.link]
        row = self.hot.rows_of(name := self.name.replace("bps", "capacity_bps"), self.series)
        asked = np.flatnonzero(np.isnan(capacity) & (row >= 0))
        if len(asked):
            measured = self.hot.matrix(name, self.minute, row[asked])
            capacity[asked] = np.fmin.reduce(np.where(measured > 0, measured, np.nan), axis=1)
        return capacity


def _lossy(field: _Field, _: Ordinary) -> Mask:
    return sweep_rules.lossy(field.seen())


def _later(field: _Field, ordinary: Ordinary) -> Mask:
    return sweep_rules.slower(
        field.seen(), lambda policy: policy.latency, lambda policy: policy.limits.latency_ms, ordinary
    )


def _unsteady(field: _Field, ordinary: Ordinary) -> Mask:
    return sweep_rules.slower(
        field.seen(), lambda policy: policy.jitter, lambda policy: policy.limits.jitter_ms, ordinary
    )


def _full_or_gone(field: _Field, ordinary: Ordinary) -> Mask:
    seen = field.seen()
    return sweep_rules.full(seen, field.capacity()) | sweep_traffic.gone(seen, ordinary)


def _down_or_unsteady(field: _Field, _: Ordinary) -> Mask:
    seen = field.seen()
    return sweep_rules.port_down(seen) | sweep_rules.unsteady_port(seen)


_RULES: Mapping[str, Callable[[_Field, Ordinary], Mask]] = {
    **dict.fromkeys(loss.METRICS, _lossy),
    **{name: _later if cause is Cause.LATENCY else _unsteady for name, cause in shift.METRICS.items()},
    "rx_bps": _full_or_gone,
    "tx_bps": _full_or_gone,
    "oper_up": _down_or_unsteady,
    "flaps": lambda field, _: sweep_rules.flapping(field.seen()),
}


def sites_of(hot: HotWindow, wanted: NDArray[np.bool_], subjects: set[str], inventory: Inventory) -> set[str]:
    """The sites of these links of the hot window, and of these links and devices."""
    links = [hot.links[code] for code in np.flatnonzero(wanted).tolist()]
    found = {inventory.links[link].site for link in (*links, *subjects) if link in inventory.links}
    return found | {inventory.devices[one].site for one in subjects if one in inventory.devices}
