"""A site's cases, whatever happens in whatever order: claims, troubles, timers, people, ticket systems, restarts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pydantic import TypeAdapter

from inventory.model import Access, Link
from triage.acts import FITS
from triage.case_rules import case_rules
from triage.cases import (
    Case,
    CaseStatus,
    Context,
    Decision,
    Effect,
    EffectKind,
    Judged,
    Origin,
    PendingWhy,
    Proposal,
    TimerKind,
)
from triage.decide import on_quarantine, on_recovery, on_trouble
from triage.decide_claims import on_claim, on_rejudge
from triage.due import RULES as DUE
from triage.follow_up import followed_up
from triage.healthy import Healthy
from triage.inputs import Answered, CarrierTold, ClaimReported, Opening, PersonAct, PersonActed, TicketChanged
from triage.life_cycle import ARROWS, last_meant
from triage.model import Cause, Claim, Coverage, Direction, Option, Scope, Severity, Verdict, VerdictKind
from triage.openings import on_carrier_outage, on_opened
from triage.policy_files import load_policy
from triage.reasons import Reason
from triage.respond import on_answer, on_person
from triage.ticket_changes import on_ticket_changed
from triage.tickets.port import TicketStatus

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
RULES = replace(case_rules(load_policy()), close=timedelta(hours=3), reopen=timedelta(hours=2))
CLAIM = Claim(site="store-114", client="acme", since=NOON, reported_at=NOON)
RELIEF = Option(
    rank=1, link="lte", action="steer_all", fit=True, reason=None, utilisation_after_rx_pct=None,
    utilisation_after_tx_pct=None, metered=False, shared_fate=False,
)  # fmt: skip
# What is drawn more often stands more often: a trouble that comes back is on the same line for the same cause.
KINDS = (*VerdictKind, VerdictKind.CONFIRMED, VerdictKind.RECOVERED)
LINES = ("wan1", "wan1", "wan1", "wan2")
CAUSES = (Cause.LINK_DOWN, Cause.LINK_DOWN, Cause.LINK_DOWN, Cause.LOSS, Cause.INSTABILITY, Cause.MANAGEMENT_LOST)
JUDGING = {TimerKind.QUARANTINE: on_quarantine, TimerKind.REJUDGE: on_rejudge, TimerKind.RECOVERY: on_recovery}
AS_STORED = TypeAdapter(Case)
ABOUT_CASES = [act for act in PersonAct if act in FITS]
OF_STATUS = {
    TimerKind.QUARANTINE: CaseStatus.SUSPECTED,
    TimerKind.RECOVERY: CaseStatus.MONITORING,
    TimerKind.PENDING: CaseStatus.PENDING,
    TimerKind.CLOSE: CaseStatus.RESOLVED,
}


@st.composite
def judgements(draw: st.DrawFn) -> tuple[VerdictKind, str, Cause, Severity, int, bool, str]:
    """What a look finds: its onset is so many minutes before it."""
    return (
        draw(st.sampled_from(KINDS)), draw(st.sampled_from(LINES)), draw(st.sampled_from(CAUSES)),
        draw(st.sampled_from(Severity)), draw(st.sampled_from([0, 10, 20, 60, 180])),
        draw(st.sampled_from([True, True, False])), draw(st.sampled_from("abc")) * 64,
    )  # fmt: skip


class CaseLife(RuleBasedStateMachine):
    """One site. The engine's part, which case an input is for and what it may know, is played as the engine does it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.inputs = 0
        self.cases: dict[str, Case] = {}
        self.proposals: dict[str, Proposal] = {}
        self.timers: dict[tuple[str, TimerKind], datetime] = {}
        self.outbox: dict[str, Effect] = {}
        self.ended_by_person: dict[str, tuple[str | None, Cause, datetime | None]] = {}

    def judged(self, drawn: tuple[VerdictKind, str, Cause, Severity, int, bool, str]) -> Judged:
        kind, link, cause, severity, minutes, healthy, digest = drawn
        verdict = Verdict(
            verdict=kind, cause=cause, scope=Scope.LINK, severity=severity, onset=self.now - timedelta(minutes=minutes),
            end=None, site="store-114", client="acme", link=link, direction=Direction.BOTH, habitual=False,
            coverage=Coverage(present=1, expected=1, pending=0, newest=NOON),
            rejudge_at=self.now + timedelta(minutes=9) if kind is VerdictKind.INCONCLUSIVE else None,
            findings=(), side_findings=(), runner_up=None, detectable={}, secondary_fit=None, options=(RELIEF,),
            policy="sha256:0", reason="",
        )  # fmt: skip
        well = Healthy(measured=frozenset(LINES) if healthy else frozenset())
        return Judged(verdict=verdict, evidence_sha256=digest, title="", text="", healthy=well)

    @property
    def standing(self) -> Case | None:
        return next((case for case in self.cases.values() if case.status.is_open), None)

    def context(self, case: Case | None, verdict: Verdict | None = None) -> Context:
        self.inputs += 1
        newest_first = list(reversed(self.cases.values()))
        return Context(
            now=self.now, input=self.inputs, rules=RULES, new_case_id=f"C-{len(self.cases) + 1}",
            new_proposal_id=f"P-{len(self.proposals) + 1}", proposal=self.proposals.get(case.id) if case else None,
            ended=last_meant(newest_first, verdict, self.now, RULES.reopen) if case is None else None,
            other=self.standing if case is not None and not case.status.is_open else None,
            links=tuple(Link(id=name, site="store-114", access=Access.BROADBAND) for name in ("wan1", "wan2")),
        )  # fmt: skip

    def take(
        self, decision: Decision, context: Context, *, person: bool = False, timer: TimerKind | None = None
    ) -> None:
        decision = followed_up(decision, context)
        assert isinstance(decision.reason, Reason)
        if decision.reason is Reason.PERSON_ACT_REFUSED:
            assert decision.detail
        after = decision.case
        if after is None:
            assert decision.reason is not Reason.TROUBLE_HELD
        else:
            before = self.cases.get(after.id)
            self.compare(before, after, person=person, timer=timer)
            self.cases[after.id] = AS_STORED.validate_json(AS_STORED.dump_json(after))
            assert self.cases[after.id] == after, "what is stored is what was decided"
            for kind in decision.cancelled:
                self.timers.pop((after.id, kind), None)
        for one in decision.timers:
            self.timers[(one.case, one.kind)] = one.due_at
        for effect in decision.effects:
            self.outbox.setdefault(effect.key, effect)
        if decision.proposal is not None:
            self.proposals[decision.proposal.case] = decision.proposal

    def compare(self, before: Case | None, after: Case, *, person: bool, timer: TimerKind | None) -> None:
        if before is None:
            assert after.status is not CaseStatus.RESOLVED
            return
        assert after.status is before.status or after.status in ARROWS[before.status]
        assert after.clock_stopped_seconds >= before.clock_stopped_seconds
        assert after.clock_stopped_seconds <= (self.now - after.opened_at).total_seconds()
        assert after.reopened - before.reopened in (0, 1)
        assert set(before.origins) <= set(after.origins)
        if not person and {Origin.PERSON, Origin.CARRIER} & {*before.origins} and before.status.is_open:
            assert after.status.is_open, "what a person or a carrier told of is a person's to resolve"
        if person:
            if not after.status.is_open and before.status is not after.status:
                self.ended_by_person[after.id] = (before.link, before.cause, before.onset)
            if after.status.is_open:
                self.ended_by_person.pop(after.id, None)
            return
        for name in before.set_by_person:
            assert getattr(after, name) == getattr(before, name), f"the machine has changed a person's {name}"
        if before.pending is not None and before.pending.by and timer is not TimerKind.PENDING:
            assert after.pending == before.pending, "what a person holds stays held"
        if before.decided_by is not None and before.status.is_open:
            assert after.status.is_open, "what a person took up again is a person's to end"
        if after.status.is_open:
            self.ended_by_person.pop(after.id, None)

    @rule(minutes=st.sampled_from([1, 5, 20, 60, 200]))
    def time_passes(self, minutes: int) -> None:
        """As far as the next timer at most: each is an input when it is due."""
        until = min([self.now + timedelta(minutes=minutes), *self.timers.values()])
        self.now = max(self.now, until)

    @rule(drawn=judgements(), wanted=st.booleans())
    def client_reports(self, drawn: tuple, wanted: bool) -> None:
        judged = self.judged(drawn)
        context = self.context(self.standing, judged.verdict)
        # A claim is a person's word: it may take up again what a person has ended.
        reported = ClaimReported(claim=CLAIM, open_ticket=wanted)
        self.take(on_claim(self.standing, reported, judged, context), context)

    @rule(
        drawn=judgements(), severity=st.none() | st.sampled_from(Severity), link=st.sampled_from([None, "wan2"]),
        ticket=st.booleans(), linked=st.sampled_from(["", "", "X-9"]),
    )  # fmt: skip
    def person_opens(
        self, drawn: tuple, severity: Severity | None, link: str | None, ticket: bool, linked: str
    ) -> None:
        judged, standing = self.judged(drawn), self.standing
        context = self.context(standing, judged.verdict)
        said = Opening(severity=severity, link=link, ticket=ticket, existing_ticket=linked)
        acted = PersonActed(who="Kim", does=PersonAct.OPEN, target="store-114", note="the shop called", opening=said)
        owner = next((case.id for case in self.cases.values() if linked and case.ticket == linked), None)
        decision = on_opened(standing, acted, judged, context, owner)
        self.reported(decision, Origin.PERSON, standing)
        self.take(decision, context, person=True)

    @rule(drawn=judgements(), number=st.sampled_from(["A-1", "A-2"]))
    def carrier_tells_of_an_outage(self, drawn: tuple, number: str) -> None:
        judged, standing = self.judged(drawn), self.standing
        context = self.context(standing, judged.verdict)
        told = CarrierTold(site="store-114", who="its notice", number=number, carrier="A", link="wan1")
        decision = on_carrier_outage(standing, told, judged, context)
        self.reported(decision, Origin.CARRIER, standing)
        # A notice is a person's word, as a claim is: it may take up again what a person has ended.
        self.take(decision, context)

    def reported(self, decision: Decision, origin: Origin, standing: Case | None) -> None:
        """A report joins what stands, is believed at once, and is remembered as whose it was."""
        after = decision.case
        if after is None:
            assert decision.reason is Reason.PERSON_ACT_REFUSED
            return
        assert standing is None or after.id == standing.id
        assert origin in after.origins
        assert after.status in (CaseStatus.OPEN, CaseStatus.PENDING)

    @rule(drawn=judgements())
    def sweep_looks(self, drawn: tuple) -> None:
        judged, case = self.judged(drawn), self.standing
        context = self.context(case, judged.verdict)
        decision = on_trouble(case, judged, context)
        verdict = judged.verdict
        for link, cause, onset in self.ended_by_person.values():
            same = (link, cause) == (verdict.link, verdict.cause) and onset is not None and verdict.onset is not None
            if case is None and same and abs(onset - verdict.onset) <= timedelta(minutes=15):
                assert decision.case is None, "a person has ended this very trouble"
        self.take(decision, context)

    @precondition(lambda self: any(due <= self.now for due in self.timers.values()))
    @rule(drawn=judgements())
    def timer_fires(self, drawn: tuple) -> None:
        (identity, kind), _ = min(self.timers.items(), key=lambda item: item[1])
        del self.timers[(identity, kind)]
        case, judged = self.cases[identity], self.judged(drawn)
        context = self.context(case)
        decision = DUE[kind](case, context) if kind in DUE else JUDGING[kind](case, judged, context)
        self.take(decision, context, timer=kind)

    @precondition(lambda self: self.cases)
    @rule(
        number=st.integers(1, 6), act=st.sampled_from(ABOUT_CASES), value=st.sampled_from(["", "Bo", *PendingWhy]),
        minutes=st.sampled_from([None, 0, 7, 90]), note=st.sampled_from(["", "said"]),
    )  # fmt: skip
    def person_acts(self, number: int, act: PersonAct, value: str, minutes: int | None, note: str) -> None:
        case = self.cases[f"C-{1 + number % len(self.cases)}"]
        until = None if minutes is None else self.now + timedelta(minutes=minutes)
        acted = PersonActed(who="Kim", does=act, target=case.id, value=value, until=until, note=note)
        context = self.context(case)
        decision = on_person(case, acted, context)
        if case.status not in FITS[act]:
            assert decision.reason is Reason.PERSON_ACT_REFUSED
        self.take(decision, context, person=True)

    @precondition(lambda self: any(case.ticket for case in self.cases.values()))
    @rule(
        number=st.integers(0, 5), status=st.none() | st.sampled_from(TicketStatus),
        owner=st.none() | st.sampled_from(["", "Bo"]), queue=st.none() | st.just("field"),
        severity=st.none() | st.sampled_from(Severity), note=st.sampled_from(["", "said"]),
    )  # fmt: skip
    def person_changes_the_ticket(self, number: int, **changes: object) -> None:
        opened = [case for case in self.cases.values() if case.ticket]
        case = opened[number % len(opened)]
        changed = TicketChanged(case=case.id, ticket=str(case.ticket), by="Bo", at=self.now, **changes)  # type: ignore[arg-type]
        context = self.context(case)
        decision = on_ticket_changed(case, changed, context)
        assert decision.effects == (), "the case follows; what a person wrote there is not written over"
        self.take(decision, context, person=True)

    @precondition(lambda self: any(one.kind is EffectKind.OPEN_TICKET for one in self.outbox.values()))
    @rule(number=st.integers(0, 5), ok=st.booleans())
    def ticket_system_answers(self, number: int, ok: bool) -> None:
        opening = [one for one in self.outbox.values() if one.kind is EffectKind.OPEN_TICKET]
        effect = opening[number % len(opening)]
        case = self.cases[effect.case]
        if case.ticket is not None:
            return
        ticket = f"T-{case.id}" if ok else None
        answered = Answered(key=effect.key, kind=effect.kind, case=case.id, ok=ok, ticket=ticket, text="")
        context = self.context(case)
        self.take(on_answer(case, answered, context), context)

    @invariant()
    def at_most_one_case_is_open(self) -> None:
        assert sum(case.status.is_open for case in self.cases.values()) <= 1

    @invariant()
    def one_ticket_a_case(self) -> None:
        opening = [one for one in self.outbox.values() if one.kind is EffectKind.OPEN_TICKET]
        assert all(one.key == f"{one.case}:ticket" for one in opening)

    @invariant()
    def pending_says_what_it_waits_for(self) -> None:
        for case in self.cases.values():
            assert (case.status is CaseStatus.PENDING) == (case.pending is not None)
            if case.pending is not None and case.pending.why is PendingWhy.STATISTICS and not case.pending.by:
                assert (case.id, TimerKind.REJUDGE) in self.timers, "statistics are waited for, and nobody looks"

    @invariant()
    def timers_are_for_what_needs_them(self) -> None:
        for identity, kind in self.timers:
            status = self.cases[identity].status
            assert status is OF_STATUS.get(kind, status)
            assert status.is_open or kind is TimerKind.CLOSE
        for case in self.cases.values():
            if case.status in (CaseStatus.SUSPECTED, CaseStatus.RESOLVED):
                wanted = TimerKind.QUARANTINE if case.status is CaseStatus.SUSPECTED else TimerKind.CLOSE
                assert (case.id, wanted) in self.timers, f"{case.id} would stay {case.status} for ever"

    @invariant()
    def what_has_ended_has_its_time(self) -> None:
        for case in self.cases.values():
            if not case.status.is_open:
                assert case.ended_at is not None
                assert case.next_update_at is None
            elif case.status is not CaseStatus.SUSPECTED:
                assert case.ended_at is None


CaseLife.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestCaseLife = CaseLife.TestCase
