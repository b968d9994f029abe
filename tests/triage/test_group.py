"""Which troubles of a fleet are one trouble of a carrier, and the life of the parent case that stands for it."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inventory.model import Inventory, Link, Site
from triage.case_rules import case_rules
from triage.cases import (
    Case,
    CaseStatus,
    Decision,
    EffectKind,
    Origin,
    TimerKind,
)
from triage.group import ANYWHERE, Domain, Group, Population, Trouble, group
from triage.life_cycle import is_lately_resolved
from triage.model import Cause, Scope, Severity
from triage.parent_life import Moment, on_parent_timer
from triage.parents import populations_of, regroup, troubles_of
from triage.policy import CarrierPolicy
from triage.policy_files import load_policy
from triage.reasons import Reason
from triage.scope import Usual

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
POLICY = CarrierPolicy(minimum_sites=2, onset_minutes=20, usual_per_day=0.33, significance=0.005)
RULES = replace(
    case_rules(load_policy()),
    quarantine=timedelta(minutes=3),
    recheck=timedelta(minutes=1),
    recovery=timedelta(minutes=20),
    causes_without_ticket=frozenset({Cause.MANAGEMENT_LOST}),
    outage_quarantine=timedelta(minutes=3),
    resolve_by_day=timedelta(minutes=90),
    resolve_by_night=timedelta(minutes=180),
    night=(0, 8),
    resolves=3,
)
EAST = Domain("Fiber", "east")
WHOLE = Domain("Fiber", ANYWHERE)


def trouble(number: int, minutes: float = 0, market: str = "east", **changes: object) -> Trouble:
    """One of the carrier's sites in trouble since so many minutes after eleven."""
    values: dict[str, object] = {
        "case": f"C-{number}", "site": f"s{number}", "carrier": "Fiber", "market": market,
        "onset": NOON - timedelta(minutes=60 - minutes), "cause": Cause.LOSS, "severity": Severity.MAJOR,
    }  # fmt: skip
    return Trouble(**(values | changes))  # type: ignore[arg-type]


def small(sites: int, usual: Usual | None = None) -> dict[Domain, Population]:
    """A carrier that serves one market only."""
    population = Population(sites=sites, usual=usual or Usual())
    return {EAST: population, WHOLE: population}


def sites(found: tuple[Group, ...]) -> list[tuple[str, int]]:
    return [(one.domain.market, len(one.troubles)) for one in found]


def test_three_of_four_sites_within_minutes_are_one_trouble():
    troubles = [trouble(1), trouble(2, 8), trouble(3, 3)]
    (found,) = group(troubles, NOON, small(4), POLICY)
    assert found.domain.site == "carrier:Fiber@east"
    assert {one.site for one in found.troubles} == {"s1", "s2", "s3"}
    assert (found.onset, found.cause, found.severity) == (NOON - timedelta(minutes=60), Cause.LOSS, Severity.MAJOR)


def test_two_sites_are_two_troubles():
    assert group([trouble(1), trouble(2)], NOON, small(4), POLICY) == ()


def test_three_of_a_large_market_are_a_coincidence():
    # Two others among 16 in 40 minutes: 10.67 hours beside the prior's 72.73, p = .128, p squared = 1.6 %.
    troubles = [trouble(1), trouble(2, 8), trouble(3, 3)]
    assert group(troubles, NOON, small(17), POLICY) == ()


def test_a_week_without_troubles_makes_the_same_three_the_carriers():
    # The same beside 17 * 168 hours without an onset: p = 10.67 / (72.73 + 2856 + 10.67) = .0036.
    troubles = [trouble(1), trouble(2, 8), trouble(3, 3)]
    assert sites(group(troubles, NOON, small(17, Usual(onsets=0, hours=17 * 168)), POLICY)) == [("east", 3)]


def test_a_carrier_that_always_fails_needs_more():
    # Four sites with five troubles each in the week: 20 in 672 hours. Two others in 2 hours are 20 p, p = 2 / 746.7.
    # P(at least 2) is about (21 p)^2 / 2 = .0016; with forty each it is a coincidence: (161 p)^2 / 2 = .09.
    troubles = [trouble(1), trouble(2, 8), trouble(3, 3)]
    assert group(troubles, NOON, small(4, Usual(onsets=20, hours=672)), POLICY) != ()
    assert group(troubles, NOON, small(4, Usual(onsets=160, hours=672)), POLICY) == ()


@pytest.mark.parametrize(("apart", "grouped"), [(20, True), (20.1, False)])
def test_a_chain_of_onsets_is_one_trouble_only_while_each_has_enough_beside_it(apart: float, grouped: bool):
    troubles = [trouble(1), trouble(2, apart), trouble(3, 2 * apart)]
    assert bool(group(troubles, NOON, small(4), POLICY)) is grouped


def test_another_carriers_troubles_do_not_count():
    troubles = [trouble(1), trouble(2), trouble(3, carrier="Cell")]
    assert group(troubles, NOON, small(4) | {Domain("Cell", "east"): Population(sites=4)}, POLICY) == ()


def test_a_site_with_two_troubles_is_one_site():
    troubles = [trouble(1), trouble(2), trouble(3, site="s2")]
    assert group(troubles, NOON, small(4), POLICY) == ()


def test_a_carrier_that_fails_in_every_market_is_one_trouble():
    troubles = [trouble(n, n / 10, market=("east", "west", "north")[n % 3]) for n in range(30)]
    populations = {Domain("Fiber", market): Population(sites=12) for market in ("east", "west", "north")}
    assert sites(group(troubles, NOON, populations | {WHOLE: Population(sites=36)}, POLICY)) == [("*", 30)]


def test_a_carrier_that_fails_in_both_of_its_markets_is_one_trouble():
    troubles = [trouble(n, n / 10, market=("east", "west")[n % 2]) for n in range(12)]
    populations = {EAST: Population(sites=8), Domain("Fiber", "west"): Population(sites=8), WHOLE: Population(sites=16)}
    assert sites(group(troubles, NOON, populations, POLICY)) == [("*", 12)]


@pytest.mark.parametrize(("elsewhere", "grouped"), [(0, True), (1, False)])
def test_a_carrier_of_several_markets_is_asked_about_twice_and_each_answer_must_be_twice_as_sure(
    elsewhere: int, grouped: bool
):
    # Two of 7 others: 4.67 hours beside 72.73, p = .0603, p squared = .0036: below .005 and above .0025.
    populations = {EAST: Population(sites=8), WHOLE: Population(sites=8 + elsewhere)}
    assert bool(group([trouble(1), trouble(2), trouble(3)], NOON, populations, POLICY)) is grouped


def test_a_market_that_fails_is_not_the_whole_carriers_for_one_site_elsewhere():
    troubles = [*(trouble(n, n / 10) for n in range(10)), trouble(11, 1, market="west")]
    populations = {
        EAST: Population(sites=12),
        Domain("Fiber", "west"): Population(sites=12),
        WHOLE: Population(sites=24),
    }
    assert sites(group(troubles, NOON, populations, POLICY)) == [("east", 10)]


def test_ten_thousand_troubles_of_a_carrier_that_goes_dark_are_grouped_within_a_second():
    troubles = [trouble(n, n / 2_500, market=f"m{n % 50}") for n in range(10_000)]
    populations = {Domain("Fiber", f"m{n}"): Population(sites=400) for n in range(50)}
    began = time.process_time()
    found = group(troubles, NOON, populations | {WHOLE: Population(sites=20_000)}, POLICY)
    assert sites(found) == [("*", 10_000)]
    assert time.process_time() - began < 3.0  # a quiet machine needs half a second


@given(st.permutations([trouble(n, 7 * n % 30, market=("east", "west")[n % 2]) for n in range(12)]))
def test_the_order_of_troubles_changes_nothing(troubles: list[Trouble]):
    populations = {EAST: Population(sites=8), Domain("Fiber", "west"): Population(sites=8), WHOLE: Population(sites=16)}
    assert group(troubles, NOON, populations, POLICY) == group(sorted(troubles, key=str), NOON, populations, POLICY)


def test_populations_are_the_watched_sites_of_a_market_and_their_ended_cases():
    inventory = Inventory.of(
        sites=[
            Site(id=name, client="c", market=market) for name, market in (("a", "east"), ("b", "east"), ("c", "west"))
        ],
        links=[Link(id=f"{name}{n}", site=name, carrier="Fiber") for name in "abc" for n in range(2)],
    )
    found = populations_of(inventory, ["Fiber"], {"a": 3, "c": 1, "elsewhere": 9}, 10.0)
    assert found == {
        EAST: Population(sites=2, usual=Usual(onsets=3, hours=20.0)),
        Domain("Fiber", "west"): Population(sites=1, usual=Usual(onsets=1, hours=10.0)),
        WHOLE: Population(sites=3, usual=Usual(onsets=4, hours=30.0)),
    }


def child(number: int, status: CaseStatus = CaseStatus.SUSPECTED, **changes: object) -> Case:
    made = Case(
        id=f"C-{number}", client=f"client-{number}", site=f"s{number}", status=status, origins=(Origin.MACHINE,),
        title="", cause=Cause.LOSS, scope=Scope.LINK, severity=Severity.MAJOR, link=f"l{number}",
        onset=NOON - timedelta(minutes=60), opened_at=NOON, updated_at=NOON,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def moment(minutes: float = 0, number: int = 100) -> Moment:
    return Moment(now=NOON + timedelta(minutes=minutes), rules=RULES, others=2, number=number)


def east(*numbers: int) -> Group:
    return Group(domain=EAST, troubles=tuple(trouble(number) for number in numbers))


def after(cases: list[Case], decisions: list[Decision]) -> dict[str, Case]:
    changed = {one.case.id: one.case for one in decisions if one.case is not None}
    return {case.id: case for case in cases} | changed


def family(status: CaseStatus = CaseStatus.OPEN, *, well: int = 0) -> list[Case]:
    """A parent that stands, with three troubled children and some that are well again."""
    (found,) = (one.case for one in regroup([child(1), child(2), child(3)], [east(1, 2, 3)], moment()) if one.timers)
    assert found is not None
    if status is not CaseStatus.SUSPECTED:
        found = replace(found, ticket="T-1", ticket_wanted=True, hand_over_for="carrier_wide", told_sites=3)
    parent = replace(found, status=status, ended_at=None if status.is_open else NOON)
    troubled = [child(n, CaseStatus.OPEN, parent=parent.id) for n in range(1, 4 - well)]
    return [parent, *troubled, *(child(n, CaseStatus.MONITORING, parent=parent.id) for n in range(4 - well, 4))]


def test_a_new_group_is_a_suspected_parent_whose_children_point_at_it():
    decisions = regroup([child(1), child(2), child(3), child(4)], [east(1, 2, 3)], moment())
    (opened,) = [one for one in decisions if one.reason is Reason.CARRIER_WIDE]
    assert opened.case is not None
    assert (opened.case.id, opened.case.client, opened.case.site) == ("C-100", "", "carrier:Fiber@east")
    assert (opened.case.status, opened.case.scope, opened.case.sites) == (CaseStatus.SUSPECTED, Scope.CARRIER, 3)
    assert [(timer.kind, timer.due_at) for timer in opened.timers] == [
        (TimerKind.QUARANTINE, NOON + timedelta(minutes=3))
    ]
    joined = [one.case.id for one in decisions if one.reason is Reason.JOINED_PARENT and one.case]
    assert joined == ["C-1", "C-2", "C-3"]
    assert all(not one.effects for one in decisions)


def test_a_child_that_has_a_ticket_is_told_of_the_parent_there():
    decisions = regroup([child(1, CaseStatus.OPEN, ticket="T-9"), child(2), child(3)], [east(1, 2, 3)], moment())
    (note,) = [effect for one in decisions for effect in one.effects]
    assert (note.kind, note.ticket) == (EffectKind.NOTE_TICKET, "T-9")
    assert "3 of the sites" in note.text


def test_the_same_group_again_changes_nothing():
    cases = family()
    assert regroup(cases, [east(1, 2, 3)], moment(1)) == []


def test_a_site_that_suffers_later_joins_the_parent_that_stands():
    cases = [*family(), child(4)]
    decided = after(cases, regroup(cases, [east(1, 2, 3, 4)], moment(5)))
    assert decided["C-4"].parent == "C-100"
    assert (decided["C-100"].sites, decided["C-100"].title) == (4, "Fiber in east: packet loss at 4 sites")


def test_a_parent_opens_its_ticket_when_its_children_have_held():
    parent, *children = family(CaseStatus.SUSPECTED)
    decision = on_parent_timer(TimerKind.QUARANTINE, parent, children, moment(3))
    assert decision.case is not None
    assert decision.case.status is CaseStatus.OPEN
    (effect,) = decision.effects
    assert (effect.kind, effect.key) == (EffectKind.OPEN_TICKET, "C-100:ticket")
    assert "at 3 sites" in effect.title


def test_a_parent_whose_children_could_not_be_looked_at_waits():
    parent, *children = family(CaseStatus.SUSPECTED)
    unseen = [replace(one, status=CaseStatus.SUSPECTED) for one in children]
    decision = on_parent_timer(TimerKind.QUARANTINE, parent, unseen, moment(3))
    assert decision.reason is Reason.RECHECK_WITHOUT_DATA
    assert [timer.due_at for timer in decision.timers] == [NOON + timedelta(minutes=4)]
    assert decision.case is not None
    again = on_parent_timer(TimerKind.QUARANTINE, decision.case, unseen, moment(4))
    assert again.reason is Reason.STILL_WITHOUT_DATA
    assert [timer.due_at for timer in again.timers] == [NOON + timedelta(minutes=6)]


def test_a_parent_whose_children_did_not_hold_is_closed_without_a_ticket():
    parent, *children = family(CaseStatus.SUSPECTED)
    decision = on_parent_timer(TimerKind.QUARANTINE, parent, children[:2], moment(3))
    assert decision.case is not None
    assert (decision.case.status, decision.effects) == (CaseStatus.CLOSED, ())


@pytest.mark.parametrize(("well", "status"), [(1, CaseStatus.OPEN), (2, CaseStatus.MONITORING)])
def test_a_parent_is_watched_when_fewer_are_troubled_than_make_a_carriers_trouble(well: int, status: CaseStatus):
    cases = family(well=well)
    assert after(cases, regroup(cases, [], moment(30)))["C-100"].status is status


def test_a_trouble_that_returns_while_it_is_watched_opens_the_parent_again():
    cases = family(CaseStatus.MONITORING)
    (decision,) = regroup(cases, [], moment(30))
    assert decision.reason is Reason.RECOVERY_BROKEN
    assert decision.cancelled == (TimerKind.RECOVERY,)
    assert [effect.kind for effect in decision.effects] == [EffectKind.NOTE_TICKET]


def test_a_parent_that_stayed_well_is_resolved_with_its_ticket():
    parent, *children = family(CaseStatus.MONITORING, well=2)
    decision = on_parent_timer(TimerKind.RECOVERY, parent, children, moment(50))
    assert decision.case is not None
    assert decision.case.status is CaseStatus.RESOLVED
    assert [effect.kind for effect in decision.effects] == [EffectKind.RESOLVE_TICKET]


def test_children_of_a_resolved_parent_stand_alone_and_found_no_new_one():
    parent, *children = family(CaseStatus.RESOLVED)
    cases = [parent, *children]
    decided = after(cases, regroup(cases, [east(1, 2, 3)], moment(60)))
    assert {decided[one.id].parent for one in children} == {None}
    assert len(decided) == 4
    inventory = Inventory.of(
        sites=[Site(id=f"s{n}", client="c") for n in (1, 2, 3)],
        links=[Link(id=f"l{n}", site=f"s{n}", carrier="Fiber") for n in (1, 2, 3)],
    )
    assert len(troubles_of(children, inventory)) == 3
    assert troubles_of(list(decided.values()), inventory) == []


def test_a_trouble_of_the_whole_carrier_takes_over_what_was_only_suspected_of_a_market():
    cases = [*family(CaseStatus.SUSPECTED), *(child(n) for n in range(4, 8))]
    wide = Group(domain=WHOLE, troubles=tuple(trouble(n, market="east" if n < 4 else "west") for n in range(1, 8)))
    decided = after(cases, regroup(cases, [wide], moment(1, number=101)))
    assert decided["C-100"].status is CaseStatus.CLOSED
    assert decided["C-101"].site == "carrier:Fiber@*"
    assert {decided[f"C-{n}"].parent for n in range(1, 8)} == {"C-101"}


def told(decisions: list[Decision]) -> list[tuple[object, ...]]:
    return [(one.case, one.reason, one.effects, one.timers, one.cancelled, one.detail) for one in decisions]


def test_two_sites_beside_an_open_parent_found_no_other():
    cases = [*family(), child(4), child(5)]
    wide = Group(domain=WHOLE, troubles=tuple(trouble(n, market="east" if n < 4 else "west") for n in range(1, 6)))
    decided = after(cases, regroup(cases, [wide], moment(5, number=101)))
    assert "C-101" not in decided
    assert {decided[f"C-{n}"].parent for n in (1, 2, 3)} == {"C-100"}
    assert {decided[f"C-{n}"].parent for n in (4, 5)} == {None}


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (TimerKind.QUARANTINE, CaseStatus.OPEN),
        (TimerKind.QUARANTINE, CaseStatus.MONITORING),
        (TimerKind.RECOVERY, CaseStatus.OPEN),
        (TimerKind.RECOVERY, CaseStatus.SUSPECTED),
        (TimerKind.RECOVERY, CaseStatus.RESOLVED),
    ],
)
def test_a_timer_that_was_overtaken_changes_nothing(kind: TimerKind, status: CaseStatus):
    parent, *children = family(status)
    assert on_parent_timer(kind, parent, children, moment(30)).case is None


ONE_SITES = ("trouble", "well", "end")
THE_CARRIERS = ("carrier down", "carrier well")
steps = st.lists(
    st.tuples(
        st.sampled_from([*ONE_SITES, *THE_CARRIERS, *THE_CARRIERS, "timer", "timer", "timer", "person"]),
        st.integers(1, 9),
        st.none() | st.sampled_from([TimerKind.QUARANTINE, TimerKind.RECOVERY]),
        st.sampled_from([1, 1, 1, 5, 30, 90]),
    ),
    max_size=40,
)
"""What happens, at which site, which timer (none: the one that is due), and how many minutes later."""
Step = tuple[str, int, TimerKind | None, int]
ONCE_AND_OVER: list[Step] = [(what, 1, None, 5) for what in ("carrier down", "timer", "carrier well", "timer")]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([[], ONCE_AND_OVER]), steps)
def test_no_order_of_events_leaves_orphans_or_twins(begun: list[Step], later: list[Step]):
    """Nine sites in two markets; after each step the fleet is grouped as the engine does."""
    inventory = Inventory.of(
        sites=[Site(id=f"s{n}", client=f"client-{n}", market="east" if n < 5 else "west") for n in range(1, 10)],
        links=[Link(id=f"l{n}", site=f"s{n}", carrier="Fiber") for n in range(1, 10)],
    )
    rules = replace(RULES, reopen=timedelta(hours=1), close=timedelta(hours=9))
    known: dict[str, Case] = {}
    current: dict[int, str] = {}
    minute = 0

    def in_trouble(site: int, now: Moment, status: CaseStatus = CaseStatus.SUSPECTED) -> None:
        case = known.get(current.get(site, ""))
        if case is None or not case.status.is_open:
            case = child(site, status, id=f"C-{len(known) + 1}", onset=now.now)
        elif case.status is CaseStatus.MONITORING:
            case = replace(case, status=CaseStatus.OPEN, onset=now.now)
        else:
            case = replace(case, status=CaseStatus.OPEN)
        known[case.id] = case
        current[site] = case.id

    def is_child(case: Case) -> bool:
        return case.status.is_open and not case.is_parent

    for what, site, kind, minutes in [*begun, *later]:
        minute += minutes
        now = replace(moment(minute, number=len(known) + 1), rules=rules, inventory=inventory)
        case = known.get(current.get(site, ""))
        standing = [one for one in known.values() if one.status.is_open and one.is_parent]
        if what == "trouble":
            in_trouble(site, now)
        elif what == "carrier down":
            for struck in range(1, 5):
                in_trouble(struck, now, CaseStatus.OPEN)
        elif what == "carrier well":
            known |= {one.id: replace(one, status=CaseStatus.MONITORING) for one in known.values() if is_child(one)}
        elif what == "well" and case is not None and case.status.is_open:
            known[case.id] = replace(case, status=CaseStatus.MONITORING)
        elif what == "end" and case is not None:
            known[case.id] = replace(case, status=CaseStatus.RESOLVED)
        elif what == "timer" and standing:
            children = [one for one in known.values() if one.parent == standing[0].id and one.status.is_open]
            due = TimerKind.RECOVERY if standing[0].status is CaseStatus.MONITORING else TimerKind.QUARANTINE
            decision = on_parent_timer(kind or due, standing[0], children, now)
            known |= {decision.case.id: decision.case} if decision.case else {}
        elif what == "person" and standing:
            said = replace(standing[0], status=CaseStatus.RESOLVED, ended_at=now.now, decided_by="Kim")
            known[said.id] = said
        now = replace(now, number=len(known) + 1)
        seen = [one for one in known.values() if one.status.is_open]
        seen += [known[one] for one in {case.parent for case in seen} if one and not known[one].status.is_open]
        ended: dict[str, list[Case]] = {}
        for one in reversed(list(known.values())):
            if one.is_parent and not one.status.is_open:
                ended.setdefault(one.site, []).append(one)
        found = group(troubles_of(seen, inventory), now.now, populations_of(inventory, ["Fiber"], {}, 0.0), POLICY)
        decisions = regroup(seen, found, now, ended)
        assert told(regroup(seen, found, now, ended)) == told(decisions)
        numbers = [one.case.id for one in decisions if one.case is not None]
        assert len(numbers) == len(set(numbers))
        for one in (decision.case for decision in decisions if decision.reason is Reason.CARRIER_WIDE):
            assert one is not None
            lately = [old for old in ended.get(one.site, ()) if is_lately_resolved(old, now.now, rules.reopen)]
            assert one.id in known or not lately, "what is back so soon is the same case"
        known |= {one.case.id: one.case for one in decisions if one.case is not None}
        stand = [one for one in known.values() if one.status.is_open]
        assert len({(one.client, one.site) for one in stand}) == len(stand)
        for one in stand:
            parent = known[one.parent] if one.parent else None
            watched = one.status is CaseStatus.MONITORING
            assert parent is None or (parent.is_parent and (parent.status.is_open or watched))
            assert not (one.is_parent and one.parent)
            assert one.ended_at is None or (one.is_parent and one.status is CaseStatus.SUSPECTED)
        for one in known.values():
            if one.is_parent and not one.status.is_open:
                assert one.ended_at is not None
