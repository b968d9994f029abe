"""When a ticket goes to which desk, by class of trouble and the site's clock, and why it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import Access, LifeCycle, Link, LinkRole
from triage.case_rules import case_rules, graded, has_changed, needs_a_person, troubled_lines
from triage.cases import Case, CaseStatus, Context, Decision, EffectKind, Origin, Pending, PendingWhy, TimerKind
from triage.follow_up import followed_up
from triage.handover import on_hand_over
from triage.model import Cause, Direction, Finding, Scope, Severity
from triage.policy_files import load_policy
from triage.reasons import Reason
from triage.trouble_class import TroubleClass, trouble_class

POLICY = load_policy()
NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FIRST = Link(id="wan1", site="s", access=Access.BROADBAND, carrier="A")
SECOND = Link(id="wan2", site="s", access=Access.DSL, role=LinkRole.SECONDARY, carrier="B")
LAN = Link(id="lan", site="s", role=LinkRole.LAN)
BOTH = (FIRST, SECOND)


def open_case(cause: Cause = Cause.LINK_DOWN, **about: object) -> Case:
    values: dict[str, object] = {
        "id": "C-1", "client": "acme", "site": "s", "status": CaseStatus.OPEN, "origins": (Origin.MACHINE,),
        "title": "t", "cause": cause, "scope": Scope.LINK, "severity": Severity.MAJOR, "link": "wan1",
        "lines": ("wan1",), "onset": NOON - 10 * MINUTE, "opened_at": NOON, "updated_at": NOON, "ticket_wanted": True,
        "ticket": "T-1",
    }  # fmt: skip
    return Case(**(values | about))  # type: ignore[arg-type]


def at(now: datetime, zone: str = "UTC", link: Link = FIRST, **about: object) -> Context:
    values: dict[str, object] = {
        "now": now, "rules": case_rules(POLICY.of(link, "acme")), "new_case_id": "C-1", "new_proposal_id": "P-1",
        "zone": ZoneInfo(zone), "link": link, "links": BOTH,
    }  # fmt: skip
    return Context(**(values | about))  # type: ignore[arg-type]


def planned(case: Case, context: Context) -> tuple[Case, list[datetime]]:
    """The case after a decision that leaves it as it is, and when it is to be handed over."""
    decision = followed_up(Decision(case=case, reason=Reason.TROUBLE_HELD), context)
    assert decision.case is not None
    return decision.case, [one.due_at for one in decision.timers if one.kind is TimerKind.HAND_OVER]


@pytest.mark.parametrize(
    ("cause", "links", "kind"),
    [
        (Cause.SITE_DOWN, BOTH, TroubleClass.HARD_DOWN),
        (Cause.LINK_DOWN, (FIRST,), TroubleClass.HARD_DOWN),
        (Cause.LINK_DOWN, (FIRST, LAN), TroubleClass.HARD_DOWN),
        (Cause.LINK_DOWN, (FIRST, replace(SECOND, life_cycle=LifeCycle.RETIRED)), TroubleClass.HARD_DOWN),
        (Cause.LINK_DOWN, BOTH, TroubleClass.LINK_DOWN),
        (Cause.INSTABILITY, (FIRST,), TroubleClass.INSTABILITY),
        (Cause.LOSS, (FIRST,), TroubleClass.SERVICE_AFFECTING),
        (Cause.LAN, BOTH, TroubleClass.SERVICE_AFFECTING),
    ],
)
def test_a_site_whose_only_line_is_down_is_down(cause: Cause, links: tuple[Link, ...], kind: TroubleClass):
    assert trouble_class(cause, "wan1", links) is kind


# A provider's table: the whole site 1 minute; a line, and what affects the service, 90 by day and 180 by night.
@pytest.mark.parametrize(
    ("cause", "hour", "minutes"),
    [
        (Cause.SITE_DOWN, 12, 1), (Cause.SITE_DOWN, 3, 1), (Cause.LINK_DOWN, 12, 90), (Cause.LINK_DOWN, 3, 180),
        (Cause.LOSS, 12, 90), (Cause.LATENCY, 3, 180), (Cause.INSTABILITY, 3, 0),
    ],
)  # fmt: skip
def test_minutes_by_class_and_by_day_and_night(cause: Cause, hour: int, minutes: int):
    now = NOON.replace(hour=hour)
    assert planned(open_case(cause), at(now))[1] == [now + minutes * MINUTE]


# 07:59 is night, 08:00 is day: 10:59 and 09:30. Kolkata is 5:30 ahead of UTC: 02:29 UTC is 07:59 there. In New York the
# clocks went forward on 2026-03-08 at 02:00: 12:00 UTC is 08:00 EDT (07:00 by the hour before).
@pytest.mark.parametrize(
    ("zone", "moment", "minutes"),
    [
        ("UTC", "2026-03-03T07:59:59", 180), ("UTC", "2026-03-03T08:00:00", 90),
        ("UTC", "2026-03-03T23:59:59", 90), ("UTC", "2026-03-04T00:00:00", 180),
        ("Asia/Kolkata", "2026-03-03T02:29:59", 180), ("Asia/Kolkata", "2026-03-03T02:30:00", 90),
        ("America/New_York", "2026-03-07T12:00:00", 180), ("America/New_York", "2026-03-08T12:00:00", 90),
    ],
)  # fmt: skip
def test_day_and_night_are_the_sites(zone: str, moment: str, minutes: int):
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert planned(open_case(), at(now, zone))[1] == [now + minutes * MINUTE]


def test_which_desk_by_class_and_kind_of_line():
    def queue(cause: Cause, access: Access) -> str:
        line = replace(FIRST, access=access)
        case, _ = planned(open_case(cause), at(NOON, link=line, links=(line, SECOND)))
        handed = on_hand_over(case, at(NOON + 90 * MINUTE, link=line, links=(line, SECOND)))
        return handed.effects[0].queue or ""

    assert queue(Cause.LINK_DOWN, Access.BROADBAND) == "noc"
    assert queue(Cause.LOSS, Access.LTE) == "noc"
    assert queue(Cause.INSTABILITY, Access.BROADBAND) == "carrier"
    assert queue(Cause.INSTABILITY, Access.LTE) == "noc"


@pytest.mark.parametrize(("access", "minutes"), [(Access.DIA, 1), (Access.MPLS, 1), (Access.BROADBAND, 90)])
def test_a_dedicated_line_is_handed_over_as_a_whole_site_is(access: Access, minutes: int):
    line = replace(FIRST, access=access)
    assert planned(open_case(), at(NOON, link=line))[1] == [NOON + minutes * MINUTE]


def test_a_plan_is_made_once_and_brought_forward_by_worse_alone():
    case, first = planned(open_case(), at(NOON))
    assert first == [NOON + 90 * MINUTE]
    assert planned(case, at(NOON + 5 * MINUTE))[1] == []
    case, slower = planned(replace(case, cause=Cause.LOSS), at(NOON + 5 * MINUTE))
    assert slower == []
    case, worse = planned(replace(case, cause=Cause.SITE_DOWN), at(NOON + 10 * MINUTE))
    assert worse == [NOON + 11 * MINUTE]
    assert planned(replace(case, cause=Cause.LINK_DOWN), at(NOON + 10 * MINUTE))[1] == []


@pytest.mark.parametrize(
    "about",
    [{"owner": "Kim"}, {"set_by_person": ("queue",), "queue": "field"}, {"set_by_person": ("owner",)}],
    ids=["owner", "queue", "let go"],
)
def test_what_a_person_has_taken_is_neither_planned_nor_handed_over(about: dict[str, object]):
    assert planned(open_case(**about), at(NOON))[1] == []
    case, _ = planned(open_case(), at(NOON))
    decision = on_hand_over(replace(case, **about), at(NOON + 90 * MINUTE))  # type: ignore[arg-type]
    assert (decision.reason, decision.effects) == (Reason.TAKEN_BY_PERSON, ())


@pytest.mark.parametrize("status", [CaseStatus.SUSPECTED, CaseStatus.MONITORING, CaseStatus.PENDING])
def test_only_an_open_case_is_planned(status: CaseStatus):
    assert planned(open_case(status=status), at(NOON))[1] == []


def test_a_case_without_a_ticket_is_not_planned():
    assert planned(open_case(ticket=None, ticket_wanted=False), at(NOON))[1] == []
    assert planned(open_case(ticket=None), at(NOON))[1] == [NOON + 90 * MINUTE]


def test_a_hand_over_says_why_and_when_and_waits_for_the_ticket():
    case, _ = planned(open_case(ticket=None), at(NOON, "America/Chicago"))
    decision = on_hand_over(case, at(NOON + 90 * MINUTE, "America/Chicago"))
    (effect,) = decision.effects
    assert (effect.kind, effect.queue, effect.ticket) == (EffectKind.UPDATE_TICKET, "noc", None)
    assert effect.text == (
        "Handed over to noc at 2026-03-03 07:30 CST: line down since 2026-03-03 05:50 CST, and nobody has taken it."
    )
    assert decision.case is not None
    assert (decision.case.queue, decision.case.handed_over_at) == ("noc", NOON + 90 * MINUTE)
    assert planned(decision.case, at(NOON + 91 * MINUTE))[1] == []
    assert on_hand_over(decision.case, at(NOON + 92 * MINUTE)).effects == ()


def test_it_waits_while_the_case_is_pending():
    case, _ = planned(open_case(), at(NOON))
    until = NOON + 120 * MINUTE
    held = replace(case, status=CaseStatus.PENDING, pending=Pending(why=PendingWhy.CLIENT, since=NOON, until=until))
    waiting = on_hand_over(held, at(NOON + 90 * MINUTE))
    assert (waiting.reason, waiting.effects) == (Reason.HAND_OVER_POSTPONED, ())
    assert [one.due_at for one in waiting.timers] == [until]

    endless = replace(held, pending=Pending(why=PendingWhy.CLIENT, since=NOON))
    waiting = on_hand_over(endless, at(NOON + 90 * MINUTE))
    assert (waiting.reason, waiting.timers) == (Reason.HAND_OVER_POSTPONED, ())
    assert waiting.case is not None
    resumed = replace(waiting.case, status=CaseStatus.OPEN, pending=None)
    for minutes in (90, 200):
        assert planned(resumed, at(NOON + minutes * MINUTE))[1] == [NOON + minutes * MINUTE]


def test_it_waits_for_a_recovery_that_is_watched_and_not_for_one_that_a_person_has_to_understand():
    case, _ = planned(open_case(), at(NOON))
    watched = replace(case, status=CaseStatus.MONITORING, next_action_at=NOON + 100 * MINUTE)
    waiting = on_hand_over(watched, at(NOON + 90 * MINUTE))
    assert waiting.reason is Reason.HAND_OVER_POSTPONED
    assert [one.due_at for one in waiting.timers] == [NOON + 101 * MINUTE]
    left = on_hand_over(replace(watched, next_action_at=None), at(NOON + 101 * MINUTE))
    assert left.reason is Reason.HANDED_OVER


def test_an_end_forgets_the_plan_so_that_a_case_taken_up_again_has_its_own():
    case, _ = planned(open_case(), at(NOON))
    assert on_hand_over(replace(case, status=CaseStatus.RESOLVED), at(NOON)).reason is Reason.CASE_ENDED
    ended, none = planned(replace(case, status=CaseStatus.RESOLVED), at(NOON + 10 * MINUTE))
    assert none == []
    again, due = planned(replace(ended, status=CaseStatus.OPEN, reopened=1), at(NOON + 300 * MINUTE))
    assert due == [NOON + 390 * MINUTE]
    first = on_hand_over(case, at(NOON + 90 * MINUTE)).effects[0].key
    assert on_hand_over(again, at(NOON + 390 * MINUTE)).effects[0].key != first


@given(
    st.lists(
        st.tuples(
            st.integers(0, 300),
            st.sampled_from([Cause.LINK_DOWN, Cause.SITE_DOWN, Cause.LOSS, Cause.INSTABILITY]),
            st.sampled_from([CaseStatus.OPEN, CaseStatus.MONITORING, CaseStatus.PENDING]),
        ),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from(["UTC", "Asia/Kolkata", "America/New_York", "Pacific/Auckland"]),
)
def test_whatever_happens_a_plan_is_never_put_off_and_a_ticket_is_moved_once_a_queue(
    looks: list[tuple[int, Cause, CaseStatus]], zone: str
):
    """Each look is some minutes after the one before; a plan that is due is carried out."""
    case, now, keys = open_case(), NOON, []
    for minutes, cause, status in looks:
        now += minutes * MINUTE
        context = at(now, zone)
        if case.hand_over_at is not None and case.hand_over_at <= now:
            decision = followed_up(on_hand_over(case, context), context)
            keys += [one.key for one in decision.effects if one.queue]
            case = decision.case or case
        before = case.hand_over_at
        case, due = planned(replace(case, cause=cause, status=status), context)
        assert all(moment >= now for moment in due)
        if before is not None and case.hand_over_at is not None:
            assert case.hand_over_at <= before
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("cause", "links", "measured", "severity"),
    [
        (Cause.SITE_DOWN, BOTH, Severity.CRITICAL, Severity.CRITICAL),
        (Cause.LINK_DOWN, (FIRST,), Severity.CRITICAL, Severity.CRITICAL),
        (Cause.LINK_DOWN, BOTH, Severity.CRITICAL, Severity.MAJOR),
        (Cause.LINK_DOWN, BOTH, Severity.MINOR, Severity.MINOR),
        (Cause.LOSS, BOTH, Severity.CRITICAL, Severity.CRITICAL),
        (Cause.LOSS, BOTH, Severity.MINOR, Severity.MINOR),
        (Cause.DEVICE, BOTH, Severity.MINOR, Severity.MINOR),
    ],
)
def test_how_bad_a_ticket_is(judged: Callable[..., object], cause: Cause, links: tuple[Link, ...], measured: Severity,
                             severity: Severity):  # fmt: skip
    verdict = replace(judged(cause=cause, severity=measured).verdict, link="wan1")  # type: ignore[attr-defined]
    assert graded(verdict, None, at(NOON, links=links)) is severity


def finding(link: str, cause: Cause, *, over: bool = False, habitual: bool = False) -> Finding:
    from collector.model import Source

    return Finding(
        link=link, source=Source.PROBE, metric="loss_pct", cause=cause, direction=Direction.BOTH, onset=NOON,
        end=NOON if over else None, value=1, unit="%", baseline=0, threshold=1, rule="", statistic="mean",
        bad_samples=1, habitual=habitual,
    )  # fmt: skip


def test_a_line_that_is_down_lowers_nothing_while_another_part_is_open(judged: Callable[..., object]):
    down = replace(judged(cause=Cause.LINK_DOWN, severity=Severity.CRITICAL).verdict, link="wan1")  # type: ignore[attr-defined]
    lossy = replace(down, findings=(finding("wan1", Cause.LINK_DOWN), finding("wan2", Cause.LOSS)))
    case, context = open_case(Cause.LOSS, severity=Severity.CRITICAL), at(NOON)
    assert graded(lossy, case, context) is Severity.CRITICAL
    assert graded(down, case, context) is Severity.MAJOR
    assert graded(lossy, replace(case, severity=Severity.MINOR), context) is Severity.MAJOR
    assert graded(lossy, replace(case, status=CaseStatus.MONITORING), context) is Severity.MAJOR
    assert graded(down, replace(case, severity=Severity.MINOR, set_by_person=("severity",)), context) is Severity.MINOR


def test_a_trouble_has_changed_when_its_outage_reaches_another_line(judged: Callable[..., object]):
    down = replace(judged(cause=Cause.LINK_DOWN, severity=Severity.CRITICAL).verdict, link="wan1")  # type: ignore[attr-defined]
    case, context = open_case(), at(NOON)
    assert not has_changed(case, down, context)
    assert has_changed(case, replace(down, link="wan2"), context)
    assert has_changed(case, replace(down, findings=(finding("wan2", Cause.LINK_DOWN),)), context)
    loss = replace(down, cause=Cause.LOSS, severity=Severity.MAJOR, link="wan2")
    assert not has_changed(replace(case, cause=Cause.LOSS), loss, context)


def test_lines_in_trouble_are_those_with_something_wrong_now(judged: Callable[..., object]):
    down = replace(judged(cause=Cause.LINK_DOWN).verdict, link="wan1")  # type: ignore[attr-defined]
    findings = (
        finding("wan1", Cause.LINK_DOWN), finding("wan3", Cause.LOSS), finding("wan2", Cause.LINK_DOWN),
        finding("wan4", Cause.LOSS, over=True), finding("wan5", Cause.LOSS, habitual=True), finding("lan", Cause.LAN),
    )  # fmt: skip
    assert troubled_lines(replace(down, findings=findings)) == ("wan1", "wan2", "wan3")


@pytest.mark.parametrize(
    ("owner", "access", "person"),
    [
        ("Kim", Access.DIA, True), ("Kim", Access.MPLS, True), ("Kim", Access.BROADBAND, False),
        (None, Access.DIA, False), ("Kim", None, False),
    ],
)  # fmt: skip
def test_an_assigned_dedicated_line_is_never_resolved_by_the_machine(
    owner: str | None, access: Access | None, person: bool
):
    rules = case_rules(POLICY)
    why = needs_a_person(open_case(owner=owner, documented_at=NOON), rules, UTC, NOON, access)
    assert why is (Reason.ASSIGNED_LINE if person else None)
