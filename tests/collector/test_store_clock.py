"""A wall clock that jumps must not throw samples away."""

from __future__ import annotations

from collector.store.retention import held_until

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOW = 20_515 * DAY_MS


def upkeeps(*moments: int) -> list[bool]:
    """Whether expiry was held at each of these upkeeps, one after the other."""
    found, upkeep_at, held = [], 0, 0
    for moment in moments:
        held = held_until(upkeep_at, held, moment)
        upkeep_at = moment
        found.append(moment < held)
    return found


def test_upkeep_in_the_ordinary_course_is_never_held() -> None:
    assert upkeeps(NOW, NOW + HOUR_MS, NOW + HOUR_MS + DAY_MS) == [False, False, False]


def test_after_a_jump_forward_nothing_expires_for_six_hours() -> None:
    far = NOW + 100 * DAY_MS
    assert upkeeps(NOW, far, far + 3 * HOUR_MS, far + 6 * HOUR_MS - 1, far + 6 * HOUR_MS) == [
        False,
        True,
        True,
        True,
        False,
    ]


def test_a_clock_that_is_set_back_to_where_it_was_is_believed_at_once() -> None:
    assert upkeeps(NOW, NOW + 100 * DAY_MS, NOW + HOUR_MS) == [False, True, False]


def test_a_small_step_back_after_a_jump_does_not_end_the_wait() -> None:
    far = NOW + 100 * DAY_MS
    assert upkeeps(NOW, far, far - 1000, far + HOUR_MS) == [False, True, True, True]
