"""A carrier's trouble that is over, comes back, grows, and is a person's: what its parent case and ticket do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inventory.model import Inventory, Link, Ownership, Site
from triage.carrier_evidence import is_told, with_evidence
from triage.case_rules import case_rules
from triage.cases import Case, CaseStatus, Decision, Effect, EffectKind, Origin, Timer, TimerKind
from triage.decide import whose_to_resolve
from triage.follow_up import followed_up
from triage.group import ANYWHERE, Domain, Group, Trouble
from triage.life_cycle import reopened, suspected_again
from triage.model import Cause, Scope, Severity
from triage.parent_life import Moment, on_parent_timer
from triage.parents import regroup
from triage.policy_files import load_policy
from triage.reasons import Reason
from triage.tickets.port import TicketStatus
from triage.trouble_class import HandOver, TroubleClass

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULES = replace(
    case_rules(load_policy()), quarantine=timedelta(minutes=3), recovery=timedelta(minutes=20), reopen=24 * HOUR,
    close=72 * HOUR, resolve_by_day=timedelta(minutes=90), resolve_by_night=timedelta(minutes=90), resolves=3,
    hand_over={TroubleClass.CARRIER_WIDE: HandOver(queue="carrier", day=0 * HOUR, night=2 * HOUR)}, night=(0, 8),
)  # fmt: skip
EAST = Domain("Fiber", "east")
INVENTORY = Inventory.of(
    sites=[Site(id=f"s{n}", client="c", market="east", timezone="Asia/Kolkata") for n in range(1, 9)],
    links=[Link(id=f"l{n}", site=f"s{n}", carrier="Fiber") for n in range(1, 9)],
)
PARENT = Case(
    id="C-9", client="", site=EAST.site, status=CaseStatus.RESOLVED, origins=(Origin.MACHINE,),
    title="Fiber in east: line down at 5 sites", cause=Cause.LINK_DOWN, scope=Scope.CARRIER, severity=Severity.MAJOR,
    link=None, onset=NOON - 5 * HOUR, opened_at=NOON - 5 * HOUR, updated_at=NOON - 4 * HOUR, ended_at=NOON - 4 * HOUR,
    sites=5, told_sites=5, ticket="T-1", ticket_wanted=True, documented_at=NOON - 5 * HOUR, resolved_by_machine=True,
    hand_over_for="",
)  # fmt: skip
"""Resolved four hours ago."""
OPEN = replace(
    PARENT, status=CaseStatus.OPEN, ended_at=None, opened_at=NOON - HOUR, onset=NOON - HOUR,
    documented_at=NOON - HOUR, hand_over_for="carrier_wide", sites=3, told_sites=3, resolved_by_machine=False,
    title="Fiber in east: line down at 3 sites",
)  # fmt: skip


def moment(after: timedelta = timedelta(), number: int = 100) -> Moment:
    return Moment(now=NOON + after, rules=RULES, others=2, number=number, inventory=INVENTORY)


def child(number: int, status: CaseStatus = CaseStatus.SUSPECTED, **changes: object) -> Case:
    made = Case(
        id=f"C-{number}", client="c", site=f"s{number}", status=status, origins=(Origin.MACHINE,), title="",
        cause=Cause.LINK_DOWN, scope=Scope.LINK, severity=Severity.MAJOR, link=f"l{number}",
        onset=NOON - timedelta(minutes=2), opened_at=NOON, updated_at=NOON,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def children(*numbers: int, status: CaseStatus = CaseStatus.OPEN, **changes: object) -> list[Case]:
    return [child(number, status, parent="C-9", **changes) for number in numbers]


def group_of(*cases: Case, domain: Domain = EAST) -> Group:
    troubles = tuple(
        Trouble(case=one.id, site=one.site, carrier="Fiber", market="east", onset=one.onset or NOON, cause=one.cause,
                severity=one.severity)
        for one in cases
    )  # fmt: skip
    return Group(domain=domain, troubles=troubles)


STRUCK = [child(1), child(2), child(3)]


def found(
    cases: Sequence[Case] = STRUCK, ended: Sequence[Case] = (PARENT,), now: Moment | None = None
) -> list[Decision]:
    by_site: dict[str, list[Case]] = {}
    for case in ended:
        by_site.setdefault(case.site, []).append(case)
    return regroup(cases, [group_of(*cases)], now or moment(), by_site)


def parent_in(decisions: Sequence[Decision]) -> Decision:
    (one,) = [decision for decision in decisions if decision.case is not None and decision.case.is_parent]
    return one


def case_of(decision: Decision) -> Case:
    assert decision.case is not None
    return decision.case


def kinds(decision: Decision) -> list[EffectKind]:
    return [effect.kind for effect in decision.effects]


def due(timers: Sequence[Timer]) -> list[tuple[TimerKind, datetime]]:
    return [(timer.kind, timer.due_at) for timer in timers]


def again() -> Case:
    return case_of(parent_in(found()))


def test_what_is_back_within_the_hours_is_the_same_case_and_has_to_hold_first():
    decisions = found()
    suspected = parent_in(decisions)
    after = case_of(suspected)
    assert (after.id, after.status, after.ticket, after.ended_at) == (
        "C-9", CaseStatus.SUSPECTED, "T-1", NOON - 4 * HOUR,
    )  # fmt: skip
    assert (suspected.effects, suspected.cancelled) == ((), (TimerKind.CLOSE,))
    assert due(suspected.timers) == [(TimerKind.QUARANTINE, NOON + timedelta(minutes=3))]
    joined = {case_of(one).id: case_of(one).parent for one in decisions if one.reason is Reason.JOINED_PARENT}
    assert joined == {"C-1": "C-9", "C-2": "C-9", "C-3": "C-9"}


@pytest.mark.parametrize(("later", "case"), [(20 * HOUR, "C-9"), (20 * HOUR + timedelta(seconds=1), "C-100")])
def test_the_same_work_is_as_long_the_same_as_a_sites_own(later: timedelta, case: str):
    """Resolved four hours before noon, and 24 hours are the limit."""
    assert case_of(parent_in(found(now=moment(later)))).id == case


@pytest.mark.parametrize(
    ("before", "now", "case"),
    [
        (Cause.LINK_DOWN, Cause.SITE_DOWN, "C-9"),
        (Cause.LINK_DOWN, Cause.INSTABILITY, "C-9"),
        (Cause.LOSS, Cause.LATENCY, "C-9"),
        (Cause.LINK_DOWN, Cause.LOSS, "C-100"),
        (Cause.LOSS, Cause.LINK_DOWN, "C-100"),
    ],
)
def test_an_outage_and_a_poor_line_are_two_troubles(before: Cause, now: Cause, case: str):
    cases = [replace(one, cause=now) for one in STRUCK]
    assert case_of(parent_in(found(cases, [replace(PARENT, cause=before)]))).id == case


def test_what_nobody_objected_to_in_time_is_over():
    assert case_of(parent_in(found(ended=[replace(PARENT, status=CaseStatus.CLOSED)]))).id == "C-100"


def test_a_market_that_is_back_after_the_whole_carrier_was_down_is_the_whole_carriers_case():
    whole = replace(PARENT, site=Domain("Fiber", ANYWHERE).site)
    assert case_of(parent_in(found(ended=[whole]))).id == "C-9"
    own = replace(PARENT, id="C-8")
    assert case_of(parent_in(found(ended=[whole, own]))).id == "C-8"


def test_a_new_parents_number_is_not_used_up_by_one_that_is_taken_up_again():
    cells = [replace(child(n), id=f"C-{n + 10}") for n in (1, 2, 3)]
    other = replace(group_of(*cells), domain=Domain("Zeta", "east"))
    decisions = regroup([*STRUCK, *cells], [group_of(*STRUCK), other], moment(), {EAST.site: [PARENT]})
    parents = {case_of(one).site: case_of(one).id for one in decisions if one.reason is Reason.CARRIER_WIDE}
    assert parents == {EAST.site: "C-9", "carrier:Zeta@east": "C-100"}


@pytest.mark.parametrize(
    ("onset", "parents"),
    [
        (PARENT.onset, []),
        (NOON - 4 * HOUR, []),
        (NOON - 4 * HOUR + timedelta(seconds=1), ["C-9"]),
    ],
)
def test_what_a_person_has_ended_is_not_opened_again_for_the_very_same_trouble(onset: datetime, parents: list[str]):
    """Ended four hours before noon: what began until then is decided."""
    cases = [replace(one, onset=onset) for one in STRUCK]
    decisions = found(cases, [replace(PARENT, decided_by="Kim Lee")])
    assert [case_of(one).id for one in decisions if one.reason is Reason.CARRIER_WIDE] == parents
    assert bool(decisions) is bool(parents), "its sites stand alone"


def test_what_a_person_has_closed_is_decided_too():
    cases = [replace(one, onset=PARENT.onset) for one in STRUCK]
    assert found(cases, [replace(PARENT, status=CaseStatus.CLOSED, decided_by="Kim Lee")]) == []


def test_what_a_person_takes_up_again_is_theirs_to_resolve():
    watched = replace(OPEN, status=CaseStatus.MONITORING, next_action_at=NOON, decided_by="Kim Lee")
    decision = on_parent_timer(TimerKind.RECOVERY, watched, children(1, status=CaseStatus.MONITORING), moment())
    assert (decision.reason, decision.effects) == (Reason.PERSON_MUST_RESOLVE, ())
    assert case_of(decision).status is CaseStatus.MONITORING


def test_what_has_held_opens_the_same_ticket_again():
    struck = children(1, 2, 3, severity=Severity.CRITICAL)
    decision = on_parent_timer(TimerKind.QUARANTINE, again(), struck, moment(timedelta(minutes=3)))
    after = case_of(decision)
    assert decision.reason is Reason.REOPENED
    assert (after.status, after.reopened, after.ended_at, after.ticket) == (CaseStatus.OPEN, 1, None, "T-1")
    assert (after.title, after.sites) == ("Fiber in east: line down at 3 sites", 3), "as it is this time"
    assert (after.onset, after.severity) == (NOON - timedelta(minutes=2), Severity.CRITICAL)
    first, second = decision.effects
    assert (first.key, first.kind, first.status) == ("C-9:reopen:1", EffectKind.UPDATE_TICKET, TicketStatus.IN_PROGRESS)
    assert first.text.startswith("The trouble is back. Fiber in east: line down at 3 sites since 2026-03-03T11:58:00Z")
    assert second.severity is Severity.CRITICAL
    assert is_told(decision, NOON + timedelta(minutes=3)), "the evidence of its return goes with it"


def test_severity_and_title_that_a_person_has_set_stay():
    set_by = replace(again(), set_by_person=("severity", "title"), title="the dig in Elm Street")
    struck = children(1, 2, 3, severity=Severity.CRITICAL)
    decision = on_parent_timer(TimerKind.QUARANTINE, set_by, struck, moment())
    assert (case_of(decision).title, case_of(decision).severity) == ("the dig in Elm Street", Severity.MAJOR)
    assert kinds(decision) == [EffectKind.UPDATE_TICKET]
    assert regroup([case_of(decision), *struck], [], moment()) == []


def test_what_has_not_held_is_resolved_as_it_was():
    decision = on_parent_timer(TimerKind.QUARANTINE, again(), children(1, 2), moment(timedelta(minutes=3)))
    after = case_of(decision)
    assert (decision.reason, decision.effects) == (Reason.TROUBLE_DID_NOT_HOLD, ())
    assert (after.status, after.ended_at) == (CaseStatus.RESOLVED, PARENT.ended_at)
    assert (after.title, after.sites, after.onset) == (PARENT.title, PARENT.sites, PARENT.onset)
    assert due(decision.timers) == [(TimerKind.CLOSE, NOON + 68 * HOUR)], "72 hours after its end"


def test_what_could_not_be_looked_at_waits():
    unseen = children(1, 2, 3, status=CaseStatus.SUSPECTED)
    decision = on_parent_timer(TimerKind.QUARANTINE, again(), unseen, moment())
    assert (case_of(decision).status, decision.reason) == (CaseStatus.SUSPECTED, Reason.RECHECK_WITHOUT_DATA)


def test_a_site_with_a_ticket_hears_how_many_have_it_this_time():
    cases = [replace(STRUCK[0], ticket="T-7"), *STRUCK[1:]]
    (note,) = [effect for one in found(cases) for effect in one.effects]
    assert (note.ticket, note.kind) == ("T-7", EffectKind.NOTE_TICKET)
    assert "3 of the sites" in note.text, "five had it the time before"
    assert note.key == "C-1:parent:C-9:1", "said another time, as it is another time"


def test_what_is_looked_at_again_stays_as_it_was_until_it_has_held():
    """Its title, sites and severity are those of the time before, however many sites join meanwhile."""
    struck = children(*range(1, 9), status=CaseStatus.SUSPECTED, severity=Severity.CRITICAL)
    assert regroup([again(), *struck], [], moment(timedelta(minutes=1))) == []


def test_the_whole_carriers_trouble_takes_over_what_seemed_to_be_back_in_one_market():
    """Its ticket is resolved already and stays so."""
    cases = [again(), *children(1, 2, 3, status=CaseStatus.SUSPECTED), *(child(n) for n in range(4, 8))]
    wide = group_of(*cases[1:], domain=Domain("Fiber", ANYWHERE))
    changed = {case_of(one).id: one for one in regroup(cases, [wide], moment(timedelta(minutes=1)))}
    assert (case_of(changed["C-9"]).status, changed["C-9"].effects) == (CaseStatus.RESOLVED, ())
    assert {case_of(changed[f"C-{n}"]).parent for n in range(1, 8)} == {"C-100"}


def test_a_site_that_was_still_watched_and_is_back_is_the_carriers_again():
    watched = children(1, 2, 3, status=CaseStatus.MONITORING, onset=PARENT.onset)
    assert regroup([PARENT, *watched], [], moment(-3 * HOUR)) == [], "they stay with the parent that is over"
    back = [replace(one, status=CaseStatus.OPEN, onset=NOON) for one in watched]
    decisions = regroup([PARENT, *back], [group_of(*back)], moment(), {EAST.site: [PARENT]})
    assert [one.reason for one in decisions] == [Reason.CARRIER_WIDE]
    assert case_of(decisions[0]).id == "C-9"


def test_nothing_waits_for_a_parent_that_is_closed():
    closed = replace(PARENT, status=CaseStatus.CLOSED)
    (decision,) = regroup([closed, *children(1, status=CaseStatus.MONITORING)], [], moment())
    assert (decision.reason, case_of(decision).parent, case_of(decision).alone) == (Reason.LEFT_PARENT, None, False)


def test_one_site_that_is_back_alone_leaves_the_parent_and_may_be_the_carriers_another_time():
    back = child(1, CaseStatus.OPEN, parent="C-9", onset=NOON)
    (decision,) = regroup([PARENT, back], [], moment())
    assert (decision.reason, case_of(decision).parent, case_of(decision).alone) == (Reason.LEFT_PARENT, None, False)


def test_a_site_whose_trouble_goes_on_when_the_parent_ends_stands_alone_for_good():
    left = child(1, CaseStatus.OPEN, parent="C-9", onset=PARENT.ended_at)
    (decision,) = regroup([PARENT, left], [], moment())
    assert (case_of(decision).parent, case_of(decision).alone) == (None, True)


def test_a_site_without_a_ticket_of_its_own_is_its_parents_work_and_nobodys_besides():
    """It stood for longer than the machine resolves tickets after; the one that a person resolves is the parent's."""
    context = moment(5 * HOUR).context()
    part = child(1, CaseStatus.MONITORING, parent="C-9", documented_at=NOON)
    assert whose_to_resolve(part, context) is None
    assert whose_to_resolve(replace(part, ticket="T-2"), context) is Reason.STOOD_TOO_LONG
    assert whose_to_resolve(replace(part, parent=None), context) is Reason.STOOD_TOO_LONG
    assert whose_to_resolve(replace(part, decided_by="Kim Lee"), context) is Reason.PERSON_MUST_RESOLVE


def test_a_case_that_is_back_with_its_carrier_stays_its_child():
    context = moment().context()
    ended = replace(child(1), status=CaseStatus.RESOLVED, ended_at=NOON, parent="C-4")
    suspected = suspected_again(ended, context)
    assert suspected.parent is None, "the parent of then"
    assert reopened(replace(suspected, parent="C-9"), CaseStatus.OPEN, context).parent == "C-9"
    assert reopened(ended, CaseStatus.OPEN, context).parent is None


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"documented_at": NOON - timedelta(minutes=90)}, Reason.RECOVERY_HELD),
        ({"documented_at": NOON - timedelta(minutes=91)}, Reason.STOOD_TOO_LONG),
        ({"resolved_before": 2}, Reason.RECOVERY_HELD),
        ({"resolved_before": 3}, Reason.RESOLVED_TOO_OFTEN),
    ],
)
def test_a_parent_is_resolved_by_the_gates_of_every_case(changes: dict[str, object], why: Reason):
    watched = replace(OPEN, status=CaseStatus.MONITORING, next_action_at=NOON, **changes)  # type: ignore[arg-type]
    decision = on_parent_timer(TimerKind.RECOVERY, watched, children(1, status=CaseStatus.MONITORING), moment())
    assert decision.reason is why
    assert (kinds(decision) == [EffectKind.RESOLVE_TICKET]) is (why is Reason.RECOVERY_HELD)
    assert is_told(decision, NOON) is (why is Reason.RECOVERY_HELD), "the whole of it goes to the ticket at its end"
    assert case_of(decision).resolved_by_machine is (why is Reason.RECOVERY_HELD), "it counts to the next time's gate"


@pytest.mark.parametrize(("troubled", "status"), [(1, CaseStatus.RESOLVED), (2, CaseStatus.OPEN)])
def test_what_is_troubled_when_the_time_to_recover_is_over_decides(troubled: int, status: CaseStatus):
    watched = replace(OPEN, status=CaseStatus.MONITORING, next_action_at=NOON)
    decision = on_parent_timer(TimerKind.RECOVERY, watched, children(*range(1, troubled + 1)), moment())
    assert case_of(decision).status is status


def test_a_parent_that_is_left_to_a_person_holds_back_no_sites_ticket():
    stood = replace(OPEN, status=CaseStatus.MONITORING, documented_at=NOON - 2 * HOUR)
    given = case_of(on_parent_timer(TimerKind.RECOVERY, stood, children(1), moment()))
    left = replace(given, next_action="wait for word of Fiber INC0042", next_action_at=NOON + HOUR)
    cases = [left, *children(1), *children(2, 3, status=CaseStatus.MONITORING)]
    (decision,) = regroup(cases, [], moment())
    assert (case_of(decision).id, case_of(decision).parent, case_of(decision).alone) == ("C-1", None, False)
    (back,) = regroup([left, *children(1, 2)], [], moment())
    assert (case_of(back).id, back.reason) == ("C-9", Reason.RECOVERY_BROKEN), "two at once are the carrier's"
    (watched,) = regroup([case_of(back), *children(1)], [], moment(HOUR))
    assert not regroup([case_of(watched), *children(1)], [], moment(HOUR)), "watched anew, it stands for its sites"


@pytest.mark.parametrize(("sites", "heard"), [(4, False), (5, False), (6, True)])
def test_a_ticket_hears_when_twice_the_sites_have_it(sites: int, heard: bool):
    (decision,) = regroup([OPEN, *children(*range(1, sites + 1))], [], moment())
    after = case_of(decision)
    assert (decision.reason, after.sites) == (Reason.TROUBLE_CHANGED, sites)
    assert kinds(decision) == ([EffectKind.NOTE_TICKET] if heard else [])
    assert is_told(decision, NOON) is heard
    assert after.told_sites == (sites if heard else 3)
    assert regroup([after, *children(*range(1, sites + 1))], [], moment(HOUR)) == [], "said once"


def test_a_ticket_gets_the_worse_severity_with_the_reason_beside_it():
    (decision,) = regroup([OPEN, *children(1, 2), *children(3, severity=Severity.CRITICAL)], [], moment())
    note, graded = decision.effects
    assert "Severity: critical." in note.text
    assert (graded.kind, graded.severity, graded.text) == (EffectKind.UPDATE_TICKET, Severity.CRITICAL, "")
    assert is_told(decision, NOON)


def test_sites_of_the_time_before_do_not_count_to_a_trouble_that_is_back():
    back = replace(OPEN, onset=NOON - timedelta(minutes=2), reopened=1)
    before = children(4, 5, 6, 7, status=CaseStatus.MONITORING, onset=NOON - 5 * HOUR)
    assert regroup([back, *children(1, 2, 3), *before], [], moment()) == []


@pytest.mark.parametrize(("minutes", "heard"), [(19, False), (20, True)])
def test_what_comes_and_goes_while_it_is_watched_brings_evidence_no_more_often_than_it_is_watched(
    minutes: int, heard: bool
):
    watched = replace(
        OPEN, status=CaseStatus.MONITORING, next_action_at=NOON, documented_at=NOON - timedelta(minutes=minutes)
    )
    (decision,) = regroup([watched, *children(1, 2, 3)], [], moment())
    assert (decision.reason, kinds(decision)) == (Reason.RECOVERY_BROKEN, [EffectKind.NOTE_TICKET])
    assert is_told(decision, NOON) is heard


def held(inventory: Inventory = INVENTORY) -> Decision:
    suspected = replace(PARENT, status=CaseStatus.SUSPECTED, ended_at=None, ticket=None, ticket_wanted=False)
    at = replace(moment(timedelta(hours=10)), inventory=inventory)  # 22:00 UTC, 03:30 in Kolkata
    return on_parent_timer(TimerKind.QUARANTINE, suspected, children(1, 2, 3), at)


def with_site(number: int, **changes: object) -> Inventory:
    changed = {f"s{number}": replace(INVENTORY.sites[f"s{number}"], **changes)}  # type: ignore[arg-type]
    return replace(INVENTORY, sites={**INVENTORY.sites, **changed})


def test_it_is_planned_by_day_or_night_where_most_of_its_sites_are():
    by_night = held()
    assert due(by_night.timers) == [(TimerKind.HAND_OVER, NOON + timedelta(hours=12))]
    one_elsewhere = held(with_site(1, timezone="UTC"))
    assert due(one_elsewhere.timers) == due(by_night.timers)
    elsewhere = replace(with_site(1, timezone="UTC"), sites={
        **INVENTORY.sites, **{f"s{n}": replace(INVENTORY.sites[f"s{n}"], timezone="UTC") for n in (1, 2)}
    })  # fmt: skip
    assert due(held(elsewhere).timers) == [(TimerKind.HAND_OVER, NOON + timedelta(hours=10))]


def handed(parent: Case, inventory: Inventory = INVENTORY) -> Decision:
    at = replace(moment(), inventory=inventory)
    return on_parent_timer(TimerKind.HAND_OVER, parent, children(1, 2, 3), at)


def test_it_goes_to_the_carriers_desk():
    decision = handed(replace(OPEN, hand_over_at=NOON))
    (effect,) = decision.effects
    assert (decision.reason, effect.queue, case_of(decision).queue) == (Reason.HANDED_OVER, "carrier", "carrier")
    assert effect.text == (
        "Handed over to carrier at 2026-03-03 17:30 IST: Fiber in east: line down at 3 sites since 2026-03-03 16:30 "
        "IST, and so many at once are the carrier's."
    )


@pytest.mark.parametrize(("clients_own", "why"), [(3, Reason.CLIENTS_OWN_LINE), (2, Reason.HANDED_OVER)])
def test_one_line_of_ours_is_enough_to_call_the_carrier(clients_own: int, why: Reason):
    own = {f"l{n}": replace(INVENTORY.links[f"l{n}"], ownership=Ownership.CLIENT) for n in range(1, clients_own + 1)}
    inventory = replace(INVENTORY, links={**INVENTORY.links, **own})
    assert handed(replace(OPEN, hand_over_at=NOON), inventory).reason is why


def test_whoever_has_it_keeps_it():
    taken = replace(OPEN, owner="Kim Lee", set_by_person=("owner",), hand_over_at=NOON)
    assert handed(taken).reason is Reason.TAKEN_BY_PERSON
    (planned,) = regroup([replace(OPEN, hand_over_for=""), *children(1, 2, 3)], [], moment())
    assert [timer.kind for timer in planned.timers] == [TimerKind.HAND_OVER], "a person took it up again, and left it"
    assert regroup([replace(taken, hand_over_at=None, hand_over_for=""), *children(1, 2, 3)], [], moment()) == []


def test_a_plan_that_came_due_in_a_wait_goes_on_with_the_work():
    waited = replace(OPEN, hand_over_at=NOON - timedelta(minutes=1))
    (planned,) = regroup([waited, *children(1, 2, 3)], [], moment())
    assert due(planned.timers) == [(TimerKind.HAND_OVER, NOON)]
    assert regroup([replace(waited, hand_over_at=NOON), *children(1, 2, 3)], [], moment()) == [], "its timer fires now"


def test_a_line_of_ours_that_joins_the_clients_own_calls_for_a_plan():
    own = replace(OPEN, hand_over_for="carrier_wide of the client's own")
    (planned,) = regroup([own, *children(1, 2, 3)], [], moment())
    assert (case_of(planned).hand_over_for, due(planned.timers)) == ("carrier_wide", [(TimerKind.HAND_OVER, NOON)])
    assert regroup([replace(own, hand_over_at=NOON), *children(1, 2, 3)], [], moment()) == [], "its timer fires now"


def test_it_is_no_sites_plan():
    """A rule for sites would know neither its lines nor its clock."""
    wanting = replace(OPEN, hand_over_for="")
    decision = followed_up(Decision(case=wanting, reason=Reason.PERSON_ACTED), moment().context())
    assert (decision.case, decision.timers) == (wanting, ())


def test_its_end_forgets_the_plan():
    planned = replace(OPEN, status=CaseStatus.RESOLVED, ended_at=NOON, hand_over_at=NOON)
    after = followed_up(Decision(case=planned, reason=Reason.PERSON_ACTED), moment().context()).case
    assert after is not None
    assert (after.hand_over_at, after.hand_over_for) == (None, "")


def test_evidence_goes_before_the_end_and_after_the_word():
    def order(*of: EffectKind) -> list[EffectKind]:
        effects = tuple(Effect(key=f"C-9:{one}", kind=one, case="C-9") for one in of)
        told = Decision(case=OPEN, reason=Reason.REOPENED, effects=effects)
        return [one.kind for one in with_evidence(told, OPEN, "a" * 64).effects]

    attach = EffectKind.ATTACH_EVIDENCE
    assert order(EffectKind.RESOLVE_TICKET) == [attach, EffectKind.RESOLVE_TICKET]
    assert order(EffectKind.UPDATE_TICKET) == [EffectKind.UPDATE_TICKET, attach]
    assert order(EffectKind.OPEN_TICKET) == [EffectKind.OPEN_TICKET], "its answer brings the newest evidence"
