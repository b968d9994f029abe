"""Two policies' outcomes of one period held against each other: which cases appear, vanish, move or change. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from triage.model import Cause
from triage.policy import Policy
from triage.replay.outcome import CaseOutcome, ClaimOutcome, Outcomes


class Kind(StrEnum):
    VANISHES = "vanishes"
    APPEARS = "appears"
    CHANGES = "changes"
    MOVES = "moves"


MOVED = ("onset", "end", "opened_at")
CHANGED = ("cause", "severity", "scope", "link", "ticket", "reopened")


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseDifference:
    """One case as it is under either policy, None where it is not; `fields` names what differs where it is in both."""

    kind: Kind
    old: CaseOutcome | None
    new: CaseOutcome | None
    fields: tuple[str, ...] = ()

    @property
    def case(self) -> CaseOutcome:
        """The case where there is only one of it, else the old one."""
        case = self.old or self.new
        if case is None:
            raise ValueError("a difference without any case")
        return case


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimDifference:
    """A claim that is answered otherwise."""

    old: ClaimOutcome
    new: ClaimOutcome


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Everything that differs: claims in the order of their reports, then cases by kind and opening."""

    claims: Sequence[ClaimDifference]
    cases: Sequence[CaseDifference]
    alike: int
    """Cases that are the same under both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What one policy made of a period. `suspicions` did not outlast their quarantine and are no cases."""

    cases: int
    suspicions: int
    tickets: int
    minutes: float
    """Of sites in trouble, a site counted once at a time, within the period."""
    by_cause: Mapping[str, int]
    by_client: Mapping[str, int]
    claims: Mapping[str, int]
    """How many were answered with which verdict."""


def compare(old: Outcomes, new: Outcomes) -> Comparison:
    """Cases of one client and site that overlap in time are the same case; of several the one that overlaps longest,
    each with one other at most."""
    before, after = _held(old.cases), _held(new.cases)
    partner = _paired(before, after, old.until)
    found: list[CaseDifference] = []
    alike = 0
    for case in before:
        other = partner.get(case.id)
        fields = () if other is None else _differing(case, other)
        if other is None:
            found.append(CaseDifference(kind=Kind.VANISHES, old=case, new=None))
        elif fields:
            kind = Kind.CHANGES if set(fields) & set(CHANGED) else Kind.MOVES
            found.append(CaseDifference(kind=kind, old=case, new=other, fields=fields))
        else:
            alike += 1
    taken = {other.id for other in partner.values()}
    found += [CaseDifference(kind=Kind.APPEARS, old=None, new=case) for case in after if case.id not in taken]
    found.sort(key=lambda one: (list(Kind).index(one.kind), one.case.opened_at, one.case.client, one.case.site))
    return Comparison(_answered_otherwise(old.claims, new.claims), found, alike)


def _held(cases: Iterable[CaseOutcome]) -> list[CaseOutcome]:
    return [case for case in cases if case.held]


def _paired(before: Sequence[CaseOutcome], after: Sequence[CaseOutcome], until: datetime) -> dict[str, CaseOutcome]:
    """The new case of each old one that has one, by the old one's id; the longest overlaps are settled first."""
    pairs = []
    for old in before:
        for new in after:
            if (old.client, old.site) == (new.client, new.site):
                overlap = min(_over(old, until), _over(new, until)) - max(old.begin, new.begin)
                if overlap >= timedelta():
                    pairs.append((-overlap, old.opened_at, new.opened_at, old, new))
    pairs.sort(key=lambda pair: pair[:3])
    partner: dict[str, CaseOutcome] = {}
    taken: set[str] = set()
    for *_, old, new in pairs:
        if old.id not in partner and new.id not in taken:
            partner[old.id] = new
            taken.add(new.id)
    return partner


def _over(case: CaseOutcome, until: datetime) -> datetime:
    return case.ended_at or until


def _differing(old: CaseOutcome, new: CaseOutcome) -> tuple[str, ...]:
    return tuple(name for name in (*MOVED, *CHANGED) if getattr(old, name) != getattr(new, name))


def _answered_otherwise(old: Sequence[ClaimOutcome], new: Sequence[ClaimOutcome]) -> list[ClaimDifference]:
    answers = {claim.key: claim for claim in new}
    pairs = [(claim, answers[claim.key]) for claim in old if claim.key in answers]
    return [
        ClaimDifference(old=before, new=after)
        for before, after in pairs
        if (before.verdict, _cause(before)) != (after.verdict, _cause(after))
    ]


def _cause(claim: ClaimOutcome) -> Cause | None:
    return claim.word.cause if claim.word is not None else None


def summary(outcomes: Outcomes, start: datetime) -> Summary:
    cases = _held(outcomes.cases)
    return Summary(
        cases=len(cases),
        suspicions=len(outcomes.cases) - len(cases),
        tickets=sum(case.ticket for case in cases),
        minutes=round(_in_trouble(cases, start, outcomes.until), 1),
        by_cause=_counted(case.cause.value for case in cases),
        by_client=_counted(case.client for case in cases),
        claims=_counted(claim.verdict for claim in outcomes.claims),
    )


def _counted(names: Iterable[str]) -> dict[str, int]:
    """The most frequent first, of equally frequent ones by name."""
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))


def _in_trouble(cases: Sequence[CaseOutcome], start: datetime, until: datetime) -> float:
    """Minutes in which a site was in trouble, summed over sites. A claim that nothing was found for is no trouble; a
    carrier's own case, which is no client's, stands for those of its sites."""
    troubled = [case for case in cases if case.client and case.cause not in (Cause.NONE, Cause.NO_DATA)]
    total = timedelta()
    reached: dict[tuple[str, str], datetime] = {}
    for case in sorted(troubled, key=lambda case: case.begin):
        place = (case.client, case.site)
        begin = max(case.begin, start, reached.get(place, start))
        end = case.last(until)
        if end > begin:
            total += end - begin
        reached[place] = max(end, begin)
    return total / timedelta(minutes=1)


def policy_changes(old: Policy, new: Policy) -> list[tuple[str, Any, Any]]:
    """(key, old value, new value) of what differs, in the policy's order; None where a side has no such key. Overrides
    go by their names."""
    before, after = _flat(old), _flat(new)
    keys = dict.fromkeys((*before, *after))
    return [(key, before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)]


def _flat(policy: Policy) -> dict[str, Any]:
    document = policy.model_dump(mode="json")
    document["overrides"] = {one["name"]: one for one in document["overrides"]}
    return dict(_leaves(document, ()))


def _leaves(value: Any, place: tuple[str, ...]) -> Iterable[tuple[str, Any]]:  # noqa: ANN401 - JSON
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*place, key))
    else:
        yield ".".join(place), value
