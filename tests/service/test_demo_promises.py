"""A story keeps its promises only with a ticket of the machine's own, figures that come out again, and a dry run."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from service.demo.compare import CaseFound
from service.demo.promises import Verified, promises
from triage.cases import Proposal, ProposalStatus

NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
CASE = CaseFound(
    id="C-1",
    site="bramley-101",
    status="open",
    cause="loss",
    link="bramley-101-wan1",
    onset=NOON,
    origins=("machine",),
    held=True,
    tickets=("T-1",),
)
FIGURES = Verified(case="C-1", figures=3, differing=())
PROPOSAL = Proposal(
    id="P-1",
    case="C-1",
    site="bramley-101",
    from_link="bramley-101-wan1",
    to_link="bramley-101-wan2",
    action="steer_all",
    status=ProposalStatus.APPLIED,
    proposed_at=NOON,
    decided_by="Ines Falk",
    decided_at=NOON,
    result="DRY RUN, nothing was sent. netmiko would do:",
)


def kept(
    case: CaseFound = CASE, figures: tuple[Verified, ...] = (FIGURES,), proposal: Proposal | None = PROPOSAL
) -> list[bool]:
    return [row.agrees for row in promises([case], figures, proposal)]


def test_all_are_kept() -> None:
    assert kept() == [True, True, True]


@pytest.mark.parametrize(
    "case",
    [
        replace(CASE, held=False),
        replace(CASE, tickets=("T-1", "T-2")),
        replace(CASE, tickets=()),
        replace(CASE, origins=("machine", "client")),
    ],
)
def test_the_machine_opens_one_ticket_by_itself_after_quarantine(case: CaseFound) -> None:
    assert kept(case=case) == [False, True, True]


@pytest.mark.parametrize("figures", [(), (replace(FIGURES, differing=("loss",)),), (replace(FIGURES, figures=0),)])
def test_every_figure_comes_out_again(figures: tuple[Verified, ...]) -> None:
    assert kept(figures=figures) == [True, False, True]


@pytest.mark.parametrize(
    "proposal",
    [
        None,
        replace(PROPOSAL, status=ProposalStatus.APPROVED),
        replace(PROPOSAL, result="done"),
        replace(PROPOSAL, decided_by=None),
    ],
)
def test_a_re_route_is_a_dry_run_that_somebody_approved(proposal: Proposal | None) -> None:
    assert kept(proposal=proposal) == [True, True, False]
