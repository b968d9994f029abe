"""What became of sites and claims under one policy: a ledger that is told each decision, and the outcomes in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from triage.cases import Case, CaseStatus, Decision
from triage.inbox import Row
from triage.inputs import ClaimReported
from triage.model import Cause, Claim, Finding, Scope, Severity, Verdict, VerdictKind
from triage.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """What was said of a site at one moment: the verdict's sentence and what carried it."""

    verdict: VerdictKind
    cause: Cause
    reason: str
    finding: Finding | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOutcome:
    """A case over its life. `onset` and `end` are the trouble's: the first onset that was known, the end as last seen;
    `ended_at` is when the case was resolved.

    `held`: it was more than a suspicion that did not outlast its quarantine. `word` is what it stands for: the first
    thing that was said of it and was not "too little was measured".
    """

    id: str
    client: str
    site: str
    link: str | None
    cause: Cause
    scope: Scope
    severity: Severity | None
    onset: datetime | None
    end: datetime | None
    opened_at: datetime
    ended_at: datetime | None
    held: bool
    ticket: bool
    reopened: int
    word: Word | None

    @property
    def begin(self) -> datetime:
        """When the trouble began, or was first spoken of."""
        return min(self.onset or self.opened_at, self.opened_at)

    def last(self, until: datetime) -> datetime:
        """When the trouble was over, at most `until`; `until` for one that still stands."""
        return min(self.end or self.ended_at or until, until)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimOutcome:
    """A client's claim: the first answer, and the one that a later look gave where there was one."""

    key: str
    client: str
    site: str
    reported_at: datetime
    first: Word | None
    word: Word | None
    refused: str = ""

    @property
    def verdict(self) -> str:
        return self.word.verdict.value if self.word is not None else "refused"


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """All that one policy made of a period; both ascending in time. `until` is the period's end."""

    cases: Sequence[CaseOutcome]
    claims: Sequence[ClaimOutcome]
    until: datetime


def first_telling(known: Word | None, word: Word | None) -> Word | None:
    """The first word that is more than "too little was measured", which anything stands for until then."""
    undecided = known is None or known.verdict is VerdictKind.INCONCLUSIVE
    return word if undecided and word is not None else known


def word_of(verdict: Verdict) -> Word:
    finding = verdict.findings[0] if verdict.findings else None
    return Word(verdict=verdict.verdict, cause=verdict.cause, reason=verdict.reason, finding=finding)


class Ledger:
    """Keeps the outcomes while an engine decides."""

    def __init__(self) -> None:
        self._cases: dict[str, CaseOutcome] = {}
        self._claims: dict[str, ClaimOutcome] = {}
        self._newest: dict[str, str] = {}
        self.standing: set[str] = set()
        """Cases that are open."""
        self._asked: dict[str, list[str]] = {}

    def decided(self, row: Row, site: str, decision: Decision, seen: Verdict | None) -> None:
        """Note what was decided on an input about a site; `seen` is what the look found, if there was one."""
        if decision.case is not None:
            self._note_case(decision.case, decision)
        if isinstance(row.input, ClaimReported):
            self._note_claim(row, row.input.claim, decision)
        elif decision.case is not None and decision.judged is not None:
            self._answer_again(decision.case.id, decision)
        self._note_end(site, seen)

    def outcomes(self, until: datetime) -> Outcomes:
        cases = sorted(self._cases.values(), key=lambda one: (one.opened_at, one.client, one.site))
        claims = sorted(self._claims.values(), key=lambda one: (one.reported_at, one.client, one.site, one.key))
        return Outcomes(cases, claims, until)

    def open_case(self, site: str) -> str | None:
        """The case that stands for a site, or stood there last."""
        return self._newest.get(site)

    def _note_case(self, case: Case, decision: Decision) -> None:
        known = self._cases.get(case.id)
        word = word_of(decision.judged.verdict) if decision.judged is not None else None
        self._newest[case.site] = case.id
        (self.standing.add if case.status.is_open else self.standing.discard)(case.id)
        self._cases[case.id] = CaseOutcome(
            id=case.id, client=case.client, site=case.site, link=case.link, cause=case.cause, scope=case.scope,
            severity=case.severity, onset=known.onset if known and known.onset else case.onset,
            end=known.end if known else None, opened_at=case.opened_at, ended_at=case.ended_at,
            held=(known is not None and known.held) or case.status not in (CaseStatus.SUSPECTED, CaseStatus.CLOSED),
            ticket=case.ticket_wanted,
            reopened=(known.reopened if known else 0) + (decision.reason in CAME_BACK),
            word=first_telling(known.word if known else None, word),
        )  # fmt: skip

    def _note_claim(self, row: Row, claim: Claim, decision: Decision) -> None:
        word = word_of(decision.judged.verdict) if decision.judged is not None else None
        if word is None and decision.reason not in REFUSED:
            return  # what else a claim brings, such as a reporter who may not report, is no answer to it
        refused = decision.detail if word is None else ""
        self._claims[row.key] = ClaimOutcome(
            key=row.key, client=claim.client, site=claim.site, reported_at=claim.reported_at, first=word, word=word,
            refused=refused,
        )  # fmt: skip
        if decision.case is not None:
            self._asked.setdefault(decision.case.id, []).append(row.key)

    def _answer_again(self, case: str, decision: Decision) -> None:
        """A claim that waited for statistics has its answer."""
        if decision.judged is None or decision.reason not in ANSWERS:
            return
        for key in self._asked.get(case, ()):
            known = self._claims[key]
            if known.word is not None and known.word.verdict is VerdictKind.INCONCLUSIVE:
                self._claims[key] = replace(known, word=word_of(decision.judged.verdict))

    def _note_end(self, site: str, seen: Verdict | None) -> None:
        case = self._cases.get(self._newest.get(site, ""))
        if case is None or case.ended_at is not None or seen is None:
            return
        if seen.verdict in (VerdictKind.CONFIRMED, VerdictKind.RECOVERED):
            self._cases[case.id] = replace(case, end=seen.end)


REFUSED = frozenset({Reason.CLAIM_REFUSED, Reason.INPUT_FAILED})
CAME_BACK = frozenset({Reason.RECOVERY_BROKEN, Reason.REOPENED})
ANSWERS = frozenset(
    {
        Reason.CLAIM_CONFIRMED,
        Reason.CLAIM_RECOVERED,
        Reason.CLAIM_NOT_SUBSTANTIATED,
        Reason.CLAIM_INCONCLUSIVE,
    }
)
"""Reasons with which a claim that was judged again is answered."""
