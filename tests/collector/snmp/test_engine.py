"""The clock of an SNMP engine and its time window, by RFC 3414."""

from __future__ import annotations

import pytest

from collector.snmp.engine import Engine

ENGINE_ID = b"\x80\x00\x1f\x88\x04engine"
ENGINE = Engine(ENGINE_ID, boots=7, time=1000, heard_at=50.0)
"""At our 60.0 its clock is at 1010."""


@pytest.mark.parametrize(
    ("boots", "time", "expected"),
    [
        (7, 1001, Engine(ENGINE_ID, 7, 1001, 60.0)),
        (7, 1000, ENGINE),
        (7, 999, ENGINE),
        (7, 860, ENGINE),
        (7, 859, None),
        (8, 0, Engine(ENGINE_ID, 8, 0, 60.0)),
        (6, 2**31 - 1, None),
        (2**31 - 1, 1, None),
    ],
)
def test_the_window_is_150_seconds_behind_the_engines_clock(boots: int, time: int, expected: Engine | None):
    assert ENGINE.heard(boots, time, 60.0) == expected


def test_an_engine_whose_boots_have_come_to_their_end_is_never_in_the_window():
    assert Engine(ENGINE_ID, 2**31 - 1, 5, 50.0).heard(2**31 - 1, 6, 60.0) is None
    assert Engine(ENGINE_ID).heard(2**31 - 1, 6, 60.0) is None


def test_an_engines_clock_runs_on_and_stops_at_its_end():
    assert ENGINE.clock(50.0) == (7, 1000)
    assert ENGINE.clock(60.999) == (7, 1010)
    assert ENGINE._replace(time=2**31 - 2).clock(60.0) == (7, 2**31 - 1)
