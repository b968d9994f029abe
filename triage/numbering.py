"""The numbers that new cases, proposals and verdicts get within one transaction: read once, then counted."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from triage import tables
from triage.cases import Case, Decision
from triage.repository import number_of

_NEWEST = select(
    *(
        select(func.coalesce(func.max(table.c.number), 0)).scalar_subquery()
        for table in (tables.case, tables.proposal, tables.verdict)
    )
)


class Numbers:
    """A number is taken by the decision that uses it; it may be written later than the next one is taken."""

    def __init__(self, case: int, proposal: int, verdict: int) -> None:
        """The newest of each that are written."""
        self._case = self._written = case
        self._proposal = proposal
        self._verdict = verdict

    @property
    def case(self) -> str:
        """The id of the next new case."""
        return f"C-{self._case + 1}"

    @property
    def proposal(self) -> str:
        return f"P-{self._proposal + 1}"

    def took(self, decision: Decision) -> None:
        """What a decision has made new."""
        if decision.case is not None:
            self._case = max(self._case, number_of(decision.case.id))
        if decision.proposal is not None:
            self._proposal = max(self._proposal, number_of(decision.proposal.id))

    def next_verdict(self) -> str:
        self._verdict += 1
        return f"V-{self._verdict}"

    def is_new(self, case: Case) -> bool:
        """Whether this case is not written yet."""
        return number_of(case.id) > self._written

    def wrote(self, cases: Sequence[Case]) -> None:
        self._written = max([self._written, *(number_of(case.id) for case in cases)])


async def numbers(connection: AsyncConnection) -> Numbers:
    """As this transaction begins."""
    case, proposal, verdict = (await connection.execute(_NEWEST)).one()
    return Numbers(case, proposal, verdict)
