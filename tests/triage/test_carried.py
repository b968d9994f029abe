"""Children of a carrier's trouble beyond the first fifty: their parent's second look stands for theirs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inventory.model import Access, Client, Inventory, Link, LinkRole, Site
from triage.carried import WITNESSES, on_carried, told_apart, waits_for_parent, ways
from triage.case_parts import new_case
from triage.cases import Case, CaseStatus, Origin, TimerKind
from triage.model import Cause
from triage.reasons import Reason
from triage.sweeping import Sweep
from triage.turns import CHILDREN_EVERY, OPEN_CASES_EVERY, Standing, sites_to_judge

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
MANY = 70
STRUCK = [f"a-{number}" for number in range(MANY)]
WELL = [f"b-{number}" for number in range(MANY)]
INVENTORY = Inventory.of(
    [Client(id="acme", name="Acme")],
    [Site(id=name, client="acme", market="east") for name in (*STRUCK, *WELL)],
    [],
    [
        *(Link(id=f"{name}-wan", site=name, access=Access.BROADBAND, carrier="Example Fiber") for name in STRUCK),
        *(Link(id=f"{name}-wan", site=name, access=Access.BROADBAND, carrier=f"of {name}") for name in WELL),
        Link(id="a-7-lte", site="a-7", access=Access.LTE, role=LinkRole.SECONDARY, carrier="Cell",
             committed_down_bps=5e7, committed_up_bps=2e7),
    ],
)  # fmt: skip


def standing(case: int, status: CaseStatus, parent: int | None = None, site: str = "", **changes: Any) -> Standing:
    kept = Standing(
        f"C-{case}", site or f"site-{case}", status, Cause.LINK_DOWN, None, f"C-{parent}" if parent else None, False
    )
    return kept._replace(**changes)


def of_carrier(case: int, status: CaseStatus) -> Standing:
    return standing(case, status, site="carrier:A@east", is_parent=True)


@pytest.mark.parametrize(
    ("parent", "struck", "is_carried", "is_alone"),
    [
        (of_carrier(1, CaseStatus.SUSPECTED), True, False, False),
        (of_carrier(1, CaseStatus.SUSPECTED), False, False, True),
        (of_carrier(1, CaseStatus.OPEN), True, True, False),
        (of_carrier(1, CaseStatus.PENDING), True, True, False),
        (of_carrier(1, CaseStatus.OPEN), False, False, True),
        (of_carrier(1, CaseStatus.MONITORING), True, False, True),
    ],
)
def test_a_child_waits_with_its_parent_is_carried_by_it_or_looked_at_alone(parent, struck, is_carried, is_alone):
    child, witness = standing(2, CaseStatus.SUSPECTED, parent=1), standing(3, CaseStatus.SUSPECTED, parent=1)
    carried, alone = told_apart([parent, child, witness], {"C-3"}, {child.site} if struck else set())
    assert (carried == [child], alone == [child]) == (is_carried, is_alone)


def test_a_suspected_case_whose_parent_has_ended_is_looked_at_alone():
    left, orphan = standing(2, CaseStatus.SUSPECTED), standing(3, CaseStatus.SUSPECTED, parent=9)
    assert told_apart([left, orphan], set(), {left.site, orphan.site}) == ([], [left, orphan])


def test_where_the_witnesses_of_a_suspected_parent_are_gone_the_next_fifty_are_looked_at():
    """All of its fifty were well at their second look; the others are bad still, and must not wait for ever."""
    parent = of_carrier(1, CaseStatus.SUSPECTED)
    waiting = [standing(number, CaseStatus.SUSPECTED, parent=1) for number in range(100, 100 + 2 * WITNESSES)]
    struck = {one.site for one in waiting}
    assert told_apart([parent, *waiting], set(), struck) == ([], waiting[:WITNESSES])
    assert told_apart([parent, *waiting], {waiting[-1].case}, struck) == ([], [])


def test_what_a_timer_brings_is_left_to_it():
    parent, child = of_carrier(1, CaseStatus.OPEN), standing(2, CaseStatus.SUSPECTED, parent=1)
    assert told_apart([parent, child], {"C-2"}, {child.site}) == ([], [])


@pytest.fixture
def child(context, judged) -> Case:
    made = new_case(Origin.MACHINE, judged(cause=Cause.LINK_DOWN), context())
    return replace(made, parent="C-9")


@pytest.mark.parametrize(("before", "waits"), [(0, False), (WITNESSES - 1, False), (WITNESSES, True)])
def test_the_first_fifty_are_looked_at_by_themselves(child, before, waits):
    assert waits_for_parent(child, before) is waits


def test_one_with_a_ticket_never_waits_for_its_parent(child):
    for other in (replace(child, ticket="T-1"), replace(child, status=CaseStatus.OPEN)):
        assert not waits_for_parent(other, WITNESSES)


def test_a_carried_child_is_open_without_a_ticket_and_proposes_its_way_out(child, context):
    decision = on_carried(child, ("store-114-lte", "steer_all"), context(4))
    after, proposal = decision.case, decision.proposal
    assert after is not None
    assert proposal is not None
    assert (after.status, after.ticket_withheld, after.ticket_wanted) == (CaseStatus.OPEN, True, False)
    assert (decision.reason, decision.effects, decision.judged) == (Reason.CARRIER_PARENT, (), None)
    assert (proposal.from_link, proposal.to_link, proposal.action) == ("store-114-wan1", "store-114-lte", "steer_all")


def test_only_a_suspected_child_is_carried(child, context):
    for other in (
        replace(child, parent=None),
        replace(child, status=CaseStatus.CLOSED),
        replace(child, ticket="T-1"),
    ):
        assert on_carried(other, None, context(4)).case is None


def test_a_carried_child_whose_trouble_is_back_is_the_same_case_again(child, context):
    decision = on_carried(replace(child, ended_at=NOON, resolution="gone"), None, context(4))
    assert decision.case is not None
    assert (decision.case.status, decision.case.parent, decision.case.reopened) == (CaseStatus.OPEN, "C-9", 1)
    assert (decision.case.ended_at, decision.case.resolution, decision.case.ticket_withheld) == (None, "", True)
    assert decision.reason is Reason.REOPENED


def test_the_best_fit_option_of_a_kept_verdict_is_the_way():
    options = [
        {"link": "dsl", "action": "steer_all", "fit": False},
        {"link": "lte", "action": "steer_all", "fit": True},
        {"link": "5g", "action": "steer_all", "fit": True},
    ]
    assert ways({"C-1": options, "C-2": options[:1]}) == {"C-1": ("lte", "steer_all")}


def turns_of(one: Standing, struck: set[str]) -> int:
    return sum(bool(sites_to_judge([one], {one.site}, struck, {one.site}, minute, 1)) for minute in range(60))


def test_what_its_carriers_case_stands_for_is_judged_rarely_while_it_is_not_well():
    """Of sixty minutes each fifth, as any open case; each thirtieth while the line is bad and a parent stands."""
    alone, child = standing(1, CaseStatus.OPEN), standing(1, CaseStatus.OPEN, parent=9)
    assert turns_of(alone, {alone.site}) == 60 // OPEN_CASES_EVERY
    assert turns_of(child, {child.site}) == 60 // CHILDREN_EVERY
    assert turns_of(child, set()) == 60 // OPEN_CASES_EVERY


def test_a_suspected_loss_is_looked_at_each_minute_for_what_is_worse_unless_a_carriers_case_stands_for_it():
    alone = standing(1, CaseStatus.SUSPECTED, cause=Cause.LOSS)
    child = alone._replace(parent="C-9")
    assert [sites_to_judge([one], {one.site}, set(), {one.site}, 7, 1) for one in (alone, child)] == [{"site-1"}, set()]


@pytest.mark.rim
async def test_what_was_bad_until_lately_deserves_a_look_and_is_not_struck(office_of: Any):
    """A quarter of an hour of silence each: one until 11:40, the other until now."""
    office = office_of(INVENTORY)
    lines = ["a-0-wan", "a-1-wan"]
    await office.measure(lines, NOON - timedelta(hours=6), 325, lost=0)
    for line, end in zip(lines, (-20, 0), strict=True):
        await office.measure(line, NOON - timedelta(minutes=35), 35 + end - 15, lost=0)
        await office.measure(line, NOON + timedelta(minutes=end - 15), 15, lost=20)
        await office.measure(line, NOON + timedelta(minutes=end), -end, lost=0)
    sweep, judging = Sweep(), await office.judging()
    assert {"a-0", "a-1"} <= (await sweep.look(judging, NOON)).sites
    assert await sweep.struck(judging, NOON) == {"a-1"}


@pytest.mark.rim
async def test_seventy_sites_of_a_carrier_are_open_with_one_ticket_and_fifty_second_looks(office_of: Any):
    office = office_of(INVENTORY)
    await office.database.create_all()
    lines = [f"{name}-wan" for name in STRUCK]
    await office.measure([*lines, *(f"{name}-wan" for name in WELL)], NOON - timedelta(hours=6), 350, lost=0)
    await office.measure("a-7-lte", NOON - timedelta(hours=6), 370, lost=0)
    await office.measure(lines, NOON - timedelta(minutes=10), 20, lost=20)
    await office.measure([f"{name}-wan" for name in WELL], NOON - timedelta(minutes=10), 20, lost=0)
    await office.minutes(0, 5)
    (parent,) = await office.cases(site="carrier:Example Fiber@east")
    children = await office.cases(parent=parent.id, limit=1000)
    assert {case.status for case in (parent, *children)} == {CaseStatus.OPEN}
    assert len(children) == MANY
    assert len(await office.tickets.list()) == 1
    held = [site for site, one in office.decided if one.reason is Reason.CARRIER_PARENT and one.judged is not None]
    carried = [site for site, one in office.decided if one.reason is Reason.CARRIER_PARENT and one.judged is None]
    assert len(held) == WITNESSES
    assert sorted([*held, *carried]) == sorted(STRUCK)
    assert not [one for _, one in office.decided for timer in one.timers if timer.kind is TimerKind.REJUDGE]
    assert [one.proposal.to_link for _, one in office.decided if one.proposal is not None] == ["a-7-lte"]


@pytest.mark.rim
async def test_children_that_were_well_before_their_parent_was_believed_are_closed_by_a_look_of_their_own(
    office_of: Any,
):
    office = office_of(INVENTORY)
    await office.database.create_all()
    lines = [f"{name}-wan" for name in (*STRUCK, *WELL)]
    await office.measure(lines, NOON - timedelta(hours=6), 350, lost=0)
    await office.measure(lines[:MANY], NOON - timedelta(minutes=10), 10, lost=20)
    await office.measure(lines[MANY:], NOON - timedelta(minutes=10), 10, lost=0)
    await office.minutes(0, 1)
    await office.measure(lines, NOON, 30, lost=0)
    await office.minutes(20, 24)
    assert await office.cases(only_open=True) == []
    assert await office.tickets.list() == []
