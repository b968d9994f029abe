"""What an interface says of its speed, its state and its changes of state."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pytest

from collector.snmp.continuity import AgentClocks
from collector.snmp.interfaces import READ_COLUMNS, Column
from collector.snmp.rates import Readings, measure

Values = Mapping[Column, int]


def reading(values: Values, seconds: float = 0.0, *, absent: int = 7) -> Readings:
    """One row; `absent` is what stands where nothing was answered."""
    nobody = np.full(1, -1)
    return Readings(
        moment=np.array([seconds]),
        clocks=AgentClocks(np.array([100_000 + round(seconds * 100)]), nobody, nobody, nobody),
        values=np.array([[values.get(column, absent) for column in READ_COLUMNS]], dtype=np.uint64),
        there=np.array([[column in values for column in READ_COLUMNS]]),
    )


def measured(before: Values, now: Values, *, absent: int = 7) -> dict[str, float]:
    """Of a WAN port, a minute apart."""
    yes, every, none = np.array([True]), np.array([60.0]), np.array([math.nan])
    found = measure(
        reading(before, absent=absent),
        reading(now, 60.0, absent=absent),
        known=yes,
        wan=yes,
        every=every,
        committed_bps=none,
    )
    return {name: float(column[0]) for name, column in found.items()}


def answered(columns: Mapping[Column, int | None]) -> Values:
    return {column: value for column, value in columns.items() if value is not None}


@pytest.mark.parametrize(
    ("high", "low", "speed"),
    [
        (1_000, 1_000_000_000, 1e9),
        (10_000, 2**32 - 1, 1e10),
        (100, 10_000_000, 1e8),
        (100, 0, 1e8),
        (1, 0, 1e6),
        (100, None, 1e8),
        (0, 2_048_000, 2_048_000),
        (0, 64_000, 64_000),
        (None, 2_048_000, 2_048_000),
        (2**32 - 1, 2_048_000, 2_048_000),
        (2, 1_536_000, 1_536_000),  # a T1: ifHighSpeed is rounded to whole Mbit/s
        (2, 2_500_000, 2_500_000),
        (2, 2_500_001, 2e6),
        (2, 1_500_000, 1_500_000),
        (2, 1_499_999, 2e6),
        (2**32 - 1, 2**32 - 1, math.nan),
        (2**32, 2**32, math.nan),
        (None, 2**32 - 2, 4_294_967_294),
        (0, 0, math.nan),
        (None, 1, 1),
        (None, None, math.nan),
    ],
)
def test_a_speed_that_an_agent_does_not_know_is_not_zero(high: int | None, low: int | None, speed: float) -> None:
    found = measured({}, answered({Column.IF_HIGH_SPEED: high, Column.IF_SPEED: low}))
    assert found["rx_capacity_bps"] == pytest.approx(speed, nan_ok=True, rel=1e-12)
    assert found["tx_capacity_bps"] == pytest.approx(speed, nan_ok=True, rel=1e-12)


@pytest.mark.parametrize(
    ("status", "up"),
    [(0, math.nan), (1, 1), (2, 0), (3, 0), (4, math.nan), (5, math.nan), (6, 0), (7, 0), (8, math.nan)],
)
def test_if_oper_status_is_read_as_rfc_2863_means_it(status: int, up: float) -> None:
    assert measured({}, {Column.IF_OPER_STATUS: status})["oper_up"] == pytest.approx(up, nan_ok=True)


def test_an_if_oper_status_that_no_standard_knows_says_nothing() -> None:
    for status in (99, 2**63 + 1):
        assert math.isnan(measured({}, {Column.IF_OPER_STATUS: status})["oper_up"])


@pytest.mark.parametrize("absent", [1, 2])
def test_an_absent_if_oper_status_is_neither_up_nor_down(absent: int) -> None:
    found = measured({}, {}, absent=absent)
    assert (math.isnan(found["oper_up"]), math.isnan(found["flaps"])) == (True, True)


@pytest.mark.parametrize(
    ("before", "now", "count"),
    [
        ((1, 500), (1, 500), 0),
        ((1, 500), (2, 9_000), 1),
        ((2, 500), (1, 500), 1),  # an agent that does not keep ifLastChange
        ((1, 500), (1, 9_000), 2),  # down and up again between the readings
        ((1, None), (1, 9_000), 0),
        ((1, 500), (1, None), 0),
        ((1, None), (2, None), 1),
        ((None, 500), (1, 9_000), math.nan),
        ((1, 500), (None, 9_000), math.nan),
    ],
)
def test_flaps_are_the_fewest_changes_that_explain_both_readings(
    before: tuple[int | None, int | None], now: tuple[int | None, int | None], count: float
) -> None:
    columns = (Column.IF_OPER_STATUS, Column.IF_LAST_CHANGE)
    old, new = (answered(dict(zip(columns, values, strict=True))) for values in (before, now))
    assert measured(old, new)["flaps"] == pytest.approx(count, nan_ok=True)
