"""Whether an agent ran on, over every uptime, interval and error of our clock; sysUpTime alone."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from collector.snmp.continuity import AgentClocks, Continuity, continuity

WRAP = 2**32
"""Of sysUpTime, in 1/100 s."""


def judged(before: int, now: int, elapsed: float) -> Continuity:
    nobody = np.full(1, -1)
    first, then = (AgentClocks(np.array([uptime]), nobody, nobody, nobody) for uptime in (before, now))
    return Continuity(continuity(first, then, np.array([elapsed]))[0])


@given(st.integers(0, WRAP - 1), st.floats(0.25, 86_400), st.floats(-0.3, 0.3))
def test_an_agent_that_ran_on_was_never_rebooted(uptime: int, elapsed: float, our_error: float) -> None:
    """However wrong our clock; and it is seen to have run on once it is older than the interval."""
    now = round(uptime + elapsed * 100)
    ours = elapsed * (1 + our_error)
    told = judged(uptime, now % WRAP, ours)
    assert told in (Continuity.CONTINUOUS, Continuity.DOUBTFUL)
    if now < WRAP and now / 100 > 1.1 * ours + 2.01:
        assert told is Continuity.CONTINUOUS
    if now >= WRAP and abs(our_error) < 0.09:
        assert told is Continuity.CONTINUOUS


@given(st.floats(3600, 400 * 86_400), st.floats(60, 3000), st.floats(0, 1))
def test_a_restart_since_the_last_reading_is_seen(uptime: float, elapsed: float, share: float) -> None:
    """Up again for less than a third of the time since the last reading, at least 15 s short of it."""
    up_again = min(elapsed * share / 3, elapsed / 2 - 15)
    assert judged(round(uptime * 100), round(up_again * 100), elapsed) is Continuity.REBOOTED


@given(st.floats(0, 400 * 86_400), st.floats(1, 86_400), st.floats(0, 1), st.floats(-0.05, 0.05))
def test_an_agent_that_started_again_never_seems_to_have_run_on(
    uptime: float, elapsed: float, share: float, our_error: float
) -> None:
    """Whenever it did, however young it was, and however soon it was back."""
    before, now = round(uptime * 100), round(elapsed * share * 100)
    assume(before != now)
    told = judged(before, now, elapsed * (1 + our_error))
    assert told in (Continuity.REBOOTED, Continuity.DOUBTFUL)
