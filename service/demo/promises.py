"""What a story must have shown beside finding the faults, as rows that agree or not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from service.demo.compare import CaseFound, Part, Row
from triage.cases import Proposal, ProposalStatus

NOTHING_SENT = "nothing was sent"
"""What every dry run's transcript says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A case's figures, computed again from its evidence; `differing` names those that came out otherwise."""

    case: str
    figures: int
    differing: tuple[str, ...]


def promises(cases: Sequence[CaseFound], verified: Sequence[Verified], proposal: Proposal | None) -> list[Row]:
    return [_found_alone(cases), _evidence(verified), _relief(proposal)]


def _found_alone(cases: Sequence[CaseFound]) -> Row:
    """What only the machine saw has one ticket, and got it after it had held through quarantine."""
    alone = [case for case in cases if case.origins == ("machine",) and case.tickets]
    wrong = [f"{case.id} has {len(case.tickets)} tickets" for case in alone if len(case.tickets) > 1]
    wrong += [f"{case.id} has a ticket without quarantine" for case in alone if not case.held]
    return Row(
        part=Part.BESIDE,
        subject="nobody phoned",
        injected="one ticket each, after quarantine",
        found=f"{len(alone)} tickets: {' '.join(ticket for case in alone for ticket in case.tickets)}",
        wrong=tuple(wrong if alone else ["no ticket was opened without a person"]),
    )


def _evidence(verified: Sequence[Verified]) -> Row:
    figures = sum(each.figures for each in verified)
    wrong = [f"{each.case}: {what}" for each in verified for what in each.differing]
    wrong += [f"{each.case}: no figures" for each in verified if not each.figures]
    return Row(
        part=Part.BESIDE,
        subject="evidence",
        injected="every figure can be computed again",
        found=f"{figures} figures of {len(verified)} cases computed again, {len(wrong)} differ",
        wrong=tuple(wrong if verified else ["no case has evidence"]),
    )


def _relief(proposal: Proposal | None) -> Row:
    injected = "a re-route, approved by a person, as a dry run"
    if proposal is None:
        return Row(part=Part.BESIDE, subject="relief", injected=injected, found="none", wrong=("no proposal",))
    done = proposal.status is ProposalStatus.APPLIED and NOTHING_SENT in proposal.result
    lines = (proposal.from_link, proposal.to_link)
    short = " to ".join(line.removeprefix(f"{proposal.site}-") for line in lines)
    return Row(
        part=Part.BESIDE,
        subject=proposal.site,
        injected=injected,
        found=f"{proposal.id}: {short}, {proposal.status} by {proposal.decided_by}, transcript above",
        wrong=() if done and proposal.decided_by else (f"{proposal.id} is {proposal.status}",),
    )
