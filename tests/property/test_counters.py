"""Counters over every start, speed and gap."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from collector.snmp.counters import AGENT_CACHE_SECONDS, Continuity, continuity, difference

widths = st.sampled_from([32, 64])
gaps = st.floats(0.01, 3600)
speeds = st.floats(1, 5e10)


@given(st.data(), widths, gaps, speeds)
def test_what_was_really_carried_is_what_is_found(
    data: st.DataObject, bits: int, seconds: float, ceiling: float
) -> None:
    """Any start, wrap or not: a true amount within the line's possibility comes back exactly, or as not known."""
    start = data.draw(st.integers(0, 2**bits - 1))
    carried = data.draw(st.integers(0, math.floor(ceiling * seconds)))
    got = difference(start, (start + carried) % 2**bits, bits=bits, seconds=seconds, ceiling=ceiling)
    if ceiling * (seconds + AGENT_CACHE_SECONDS) < 2**bits:
        assert got.amount == carried
    else:
        assert math.isnan(got.amount)


@given(st.data(), widths, gaps, st.one_of(st.none(), speeds))
def test_no_difference_is_negative_or_beyond_the_line(
    data: st.DataObject, bits: int, seconds: float, ceiling: float | None
) -> None:
    before, now = (data.draw(st.integers(0, 2**bits - 1)) for _ in range(2))
    amount = difference(before, now, bits=bits, seconds=seconds, ceiling=ceiling).amount
    if not math.isnan(amount):
        assert amount >= 0
        assert ceiling is None or amount <= ceiling * (seconds + AGENT_CACHE_SECONDS)


@given(st.integers(-(2**70), 2**70), st.integers(-(2**70), 2**70), widths)
def test_values_outside_the_counter_say_nothing(before: int, now: int, bits: int) -> None:
    amount = difference(before, now, bits=bits, seconds=60, ceiling=1e9).amount
    if not (0 <= before < 2**bits and 0 <= now < 2**bits):
        assert math.isnan(amount)


@given(st.integers(0, 2**32 - 1), st.floats(0.25, 86_400), st.floats(-0.3, 0.3))
def test_an_agent_that_ran_on_was_never_rebooted(uptime: int, elapsed: float, our_error: float) -> None:
    now = round(uptime + elapsed * 100) % 2**32
    assert continuity(uptime, now, elapsed * (1 + our_error)) is Continuity.CONTINUOUS


@given(st.floats(3600, 400 * 86_400), st.floats(60, 3000), st.floats(0, 1))
def test_a_restart_since_the_last_reading_is_seen(uptime: float, elapsed: float, share: float) -> None:
    """Up again for less than a third of the time since the last reading, at least 15 s short of it."""
    up_again = min(elapsed * share / 3, elapsed / 2 - 15)
    assert continuity(round(uptime * 100), round(up_again * 100), elapsed) is Continuity.REBOOTED
