"""Children of a carrier's trouble that are not looked at one by one a second time: their parent's second look stands
for theirs. Pure.

A parent is believed when more of its children than a few are still troubled on their second look (`WITNESSES`). Of the
others it is then known that their line is bad to this moment, that their first look found the carrier's trouble, and
that the carrier has it: to judge thousands of sites again would tell nothing new, and keep everything else waiting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from triage.case_parts import proposal_over
from triage.cases import Case, CaseStatus, Context, Decision, TimerKind
from triage.life_cycle import has_ticket, is_suspected_again, owing_word, passed, reopened
from triage.reasons import Reason
from triage.turns import Standing

WITNESSES = 50
"""So many children of a parent are looked at a second time by themselves: as many as a ticket names."""
BELIEVED = (CaseStatus.OPEN, CaseStatus.PENDING)
Way = tuple[str, str]
"""The line that can relieve a site, and how."""


def told_apart(
    cases: Sequence[Standing], with_second_look: Collection[str], struck: Collection[str]
) -> tuple[list[Standing], list[Standing]]:
    """Of the suspected cases that no second look is due for: those that their parent carries now, and those that need a
    look of their own, as their site is not `struck` any more, or nothing stands for them, or their parent has no other
    witness left and is not believed yet. The others wait."""
    status = {one.case: one.status for one in cases}
    witnessed = {one.parent for one in cases if one.case in with_second_look}
    called: Counter[str | None] = Counter()
    carried: list[Standing] = []
    alone: list[Standing] = []
    for one in cases:
        if one.status is not CaseStatus.SUSPECTED or one.is_parent or one.case in with_second_look:
            continue
        parent = status.get(one.parent) if one.parent is not None else None
        if one.site not in struck or parent not in (*BELIEVED, CaseStatus.SUSPECTED):
            alone.append(one)
        elif parent in BELIEVED:
            carried.append(one)
        elif one.parent not in witnessed and called[one.parent] < WITNESSES:
            called[one.parent] += 1
            alone.append(one)
    return carried, alone


def waits_for_parent(case: Case, before: int) -> bool:
    """Whether a case that joins a parent, behind so many other children, is left to the parent's second look."""
    return case.status is CaseStatus.SUSPECTED and before >= WITNESSES and not has_ticket(case)


def on_carried(case: Case, way: Way | None, context: Context) -> Decision:
    """The parent is believed, and this site is bad to this moment. `way`: the best fit option of its first look."""
    if case.status is not CaseStatus.SUSPECTED or case.parent is None or has_ticket(case):
        return Decision(case=None, reason=Reason.TROUBLE_ONGOING)
    again = is_suspected_again(case)
    begun = reopened(case, CaseStatus.OPEN, context) if again else passed(case, CaseStatus.OPEN, context.now)
    believed = replace(
        begun,
        documented_at=context.now,
        next_action="work on the trouble",
        next_action_at=None,
        ticket_withheld=case.cause not in context.rules.causes_without_ticket,
        looks_without_data=0,
    )
    after, timers = owing_word(believed, context)
    return Decision(
        case=after,
        reason=Reason.REOPENED if again else Reason.CARRIER_PARENT,
        timers=timers,
        cancelled=(TimerKind.QUARANTINE,),
        proposal=proposal_over(after, way, context),
        detail=f"{case.parent} stands for it, and its line is not well yet",
    )


def ways(options: Mapping[str, Sequence[Mapping[str, object]]]) -> dict[str, Way]:
    """By case the best fit option of its verdict, as the verdict is kept."""
    found: dict[str, Way] = {}
    for case, offered in options.items():
        best = next((one for one in offered if one["fit"]), None)
        if best is not None:
            found[case] = (str(best["link"]), str(best["action"]))
    return found
