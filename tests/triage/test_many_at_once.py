"""What is read and written for many cases at once, and where that has to be cut; what came while it was read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import cast

import numpy as np
import pytest

from collector.model import Series, Source
from triage.against_store import Known, hold
from triage.ahead import together
from triage.cases import Decision, TimerKind
from triage.inbox import Row
from triage.inputs import Tick, TimerDue
from triage.judging import Judgement
from triage.known import at_once
from triage.matters import Asked, Matter
from triage.reasons import Reason

SECOND = 1000
MADE_AT = 10_000 * SECOND


def matter(site: str, client: str = "acme") -> Asked:
    decision = Decision(case=None, reason=Reason.NOTHING_FOUND)
    row = Row(seq=1, key="tick:1", now=datetime(2026, 3, 3, tzinfo=UTC), input=Tick())
    return Asked(row, Matter(client=client, site=site, decide=lambda _case, _context: decision))


def test_a_site_that_comes_again_is_decided_after_its_first_decision_was_written() -> None:
    """The second decision has to see the case as the first one left it."""
    asked = [matter("a"), matter("b"), matter("a"), matter("a", "other"), matter("a")]
    sites = [[(one.matter.client, one.matter.site) for one in some] for some in at_once(asked)]
    assert sites == [[("acme", "a"), ("acme", "b")], [("acme", "a"), ("other", "a")], [("acme", "a")]]


def test_timers_that_were_judged_together_are_committed_together_and_in_their_order():
    now = datetime(2026, 3, 3, tzinfo=UTC)
    timers = [TimerDue(case=f"C-{number}", kind=TimerKind.QUARANTINE) for number in range(4)]
    inputs = [timers[0], timers[1], Tick(), timers[2], TimerDue(case="C-2", kind=TimerKind.HAND_OVER), timers[3]]
    rows = [Row(seq=seq, key=str(seq), now=now, input=one) for seq, one in enumerate(inputs)]
    ahead = {(f"C-{number}", now): cast("Judgement", object()) for number in range(3)}  # C-3 could not be judged
    assert [[row.seq for row in some] for some in together(rows, ahead)] == [[0, 1], [2], [3], [4], [5]]


def sample(value: float, received_at: int) -> Series:
    return Series(
        link="wan", source=Source.SNMP, time=np.array([0]), seconds=np.array([60], dtype=np.int32),
        received_at=np.array([received_at]), fields={"rx_bps": np.array([value])},
    )  # fmt: skip


@pytest.mark.parametrize(("lag", "altered"), [(0, True), (99 * SECOND, True), (101 * SECOND, False)])
def test_a_sample_corrected_on_its_way_to_the_judge_is_not_taken_for_an_altered_one(lag: int, altered: bool) -> None:
    """Corrected 220 s before the judgement: two minutes are allowed always, 100 s more only where measurements take
    that long to us."""
    known = Known(made_at=MADE_AT, until=MADE_AT, kept_from=0, lag=lag)
    held = hold(sample(1.0, MADE_AT - 500 * SECOND), sample(2.0, MADE_AT - 220 * SECOND), known)
    assert held.check.ok is not altered
