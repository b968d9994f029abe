"""Polls of several devices in any order, against a dictionary for each link that is worked off one by one."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.snmp.harvest import Harvest
from collector.snmp.interfaces import Column
from inventory.model import Link, LinkRole

DEVICES = ((0, 3), (2,), (), (1, 5, 4))
"""The rows of each device."""
LINKS = [
    Link(id=f"l{row}", site="s", interface=f"i{row}", role=LinkRole.LAN if row % 2 else LinkRole.PRIMARY)
    for row in range(6)
]
COUNTERS = (Column.IF_IN_ERRORS, Column.IF_OUT_DISCARDS, Column.IF_HC_IN_OCTETS, Column.IF_HC_OUT_OCTETS)
COLUMNS = (Column.IF_OPER_STATUS, *COUNTERS)
FIELDS = {
    Column.IF_IN_ERRORS: ("errors_rx", "errors_tx"),
    Column.IF_OUT_DISCARDS: ("discards_tx", "discards_rx"),
    Column.IF_HC_IN_OCTETS: ("rx_bps", "tx_bps"),
    Column.IF_HC_OUT_OCTETS: ("tx_bps", "rx_bps"),
}
"""Of a port that looks at the carrier, and of one that looks at the site."""
GAUGES = ("rsrp_dbm", "mos")
EVERY = 60
GAPS = (1, 10, 16, 60, 100, 149, 151, 400)
"""Seconds. A rate is known from a quarter of a slot to two and a half."""


@dataclass
class RowPoll:
    """What one poll shows of a row: values by column, absent ones not answered; gauges by field."""

    values: dict[Column, int]
    gauges: dict[str, float]


@dataclass
class Poll:
    device: int
    gap: int
    rows: list[RowPoll]
    damaged: bool


@st.composite
def polls(draw: st.DrawFn) -> Poll:
    device = draw(st.integers(0, len(DEVICES) - 1))
    rows = [
        RowPoll(
            draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        Column.IF_OPER_STATUS: st.sampled_from([1, 2]),
                        **dict.fromkeys(COUNTERS, st.integers(0, 1000)),
                    },
                )
            ),
            draw(st.dictionaries(st.sampled_from(GAUGES), st.floats(-140, 5, allow_nan=False), max_size=2)),
        )
        for _ in DEVICES[device]
    ]
    return Poll(device, draw(st.sampled_from(GAPS)), rows, draw(st.booleans()))


@dataclass
class Known:
    """A link's last reading: our moment, and its counters as they stood."""

    moment: int
    values: dict[Column, int]


@dataclass
class Ledger:
    """The dictionary for each link."""

    counters: dict[tuple[int, Column], int] = field(default_factory=dict)
    last: dict[int, Known] = field(default_factory=dict)
    due: dict[int, dict[str, float]] = field(default_factory=dict)

    def poll(self, row: int, moment: int, poll: RowPoll) -> dict[Column, int]:
        """Advance the counters by what the poll says; the values that an agent shows then."""
        shown = {}
        for column, value in poll.values.items():
            counted = self.counters.get((row, column), 0) + value
            shown[column] = value if column is Column.IF_OPER_STATUS else counted
            self.counters[row, column] = counted
        before = self.last.get(row)
        fields = dict(poll.gauges)
        if Column.IF_OPER_STATUS in shown:
            fields["oper_up"] = float(shown[Column.IF_OPER_STATUS] == 1)
        if before is not None and EVERY * 0.25 <= moment - before.moment <= EVERY * 2.5:
            if Column.IF_OPER_STATUS in shown and Column.IF_OPER_STATUS in before.values:
                fields["flaps"] = float(shown[Column.IF_OPER_STATUS] != before.values[Column.IF_OPER_STATUS])
            for column in COUNTERS:
                if column in shown and column in before.values:
                    rise = shown[column] - before.values[column]
                    per_second = column in (Column.IF_HC_IN_OCTETS, Column.IF_HC_OUT_OCTETS)
                    name = FIELDS[column][LINKS[row].role is LinkRole.LAN]
                    fields[name] = float(round(rise * 8 / (moment - before.moment)) if per_second else rise)
        self.last[row] = Known(moment, shown)
        self.due[row] = fields
        return shown

    def settle(self) -> dict[str, dict[str, float]]:
        """The fields of the links that were polled, none without any."""
        settled = {LINKS[row].id: fields for row, fields in self.due.items() if fields}
        self.due = {}
        return settled


def settled(harvest: Harvest) -> dict[str, dict[str, float]]:
    found = harvest.settle(0)
    if found is None:
        return {}
    assert [LINKS[row].id for row in found.rows] == list(found.batch.links)
    columns = {name: column.tolist() for name, column in found.batch.fields.items()}
    return {
        link: {name: column[at] for name, column in columns.items() if not math.isnan(column[at])}
        for at, link in enumerate(found.batch.links)
    }


@given(st.lists(polls() | st.none(), max_size=30))
def test_links_are_measured_as_if_each_were_alone(steps: list[Poll | None]) -> None:
    """None settles; a device that was polled since is settled before it is polled again."""
    harvest, ledger = Harvest(LINKS), Ledger()
    waiting: dict[int, int] = {}
    moment = 0
    for step in steps:
        if step is None or waiting.get(step.device) == harvest.round:
            assert settled(harvest) == ledger.settle()
        if step is None:
            continue
        moment += step.gap
        for row, poll in zip(DEVICES[step.device], step.rows, strict=True):
            shown = ledger.poll(row, moment, poll)
            if step.damaged:
                assert not harvest.put(harvest.cells(row, COLUMNS), [1, 2, 3, 4, -5])
            harvest.expect(row, tuple(shown))
            assert harvest.put(harvest.cells(row, tuple(shown)), list(shown.values()))
            for name, value in poll.gauges.items():
                harvest.put_gauge(row, name, value)
        rows = np.array(DEVICES[step.device], dtype=np.intp)
        uptime = (86_400 + moment) * 100
        harvest.polled(rows, float(moment), (uptime, -1, -1, -1), moment * 1000, EVERY)
        waiting[step.device] = harvest.round
    assert settled(harvest) == ledger.settle()
