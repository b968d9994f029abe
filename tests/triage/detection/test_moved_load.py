"""Statements about the queue that one line's failing makes on another. Times are minutes."""

from __future__ import annotations

import pytest

from collector.model import Source
from inventory.model import LinkRole
from triage.detection.event import MINUTE, Event
from triage.detection.moved_load import origin_of
from triage.model import Cause, Direction


def event(link: str, cause: Cause, onset: int, end: int) -> Event:
    return Event(
        link=link, source=Source.SNMP, metric="flaps", cause=cause, direction=Direction.BOTH, onset=onset * MINUTE,
        end=end * MINUTE, value=1.0, baseline=None, threshold=1.0, rule="", statistic="sum", bad_samples=2, weight=1.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("failing", "role", "explained"),
    [
        (event("wan1", Cause.INSTABILITY, 100, 200), LinkRole.SECONDARY, True),
        (event("wan1", Cause.LINK_DOWN, 100, 200), LinkRole.PRIMARY, True),
        (event("wan1", Cause.LOSS, 100, 200), LinkRole.SECONDARY, False),
        # Half of 120..180 with ten minutes at either edge: until 140 there are 30 of the 60 minutes, until 139 only 29.
        (event("wan1", Cause.LINK_DOWN, 100, 140), LinkRole.SECONDARY, True),
        (event("wan1", Cause.LINK_DOWN, 100, 139), LinkRole.SECONDARY, False),
        (event("wan2", Cause.INSTABILITY, 100, 200), LinkRole.SECONDARY, False),
    ],
)
def test_a_failing_line_of_the_same_or_a_better_rank_explains_the_queue(link, failing, role, explained):
    full = event("wan2", Cause.SATURATION, 120, 180)
    found = origin_of(full, [failing], [link("wan1"), link("wan2", role)], 240 * MINUTE)
    assert (found is failing) is explained


def test_a_lesser_lines_failing_explains_nothing_on_the_first(link):
    full = event("wan1", Cause.SATURATION, 120, 180)
    failing = event("wan2", Cause.LINK_DOWN, 100, 200)
    assert origin_of(full, [failing], [link("wan1"), link("wan2", LinkRole.SECONDARY)], 240 * MINUTE) is None
