"""Values that the triage tests start from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from triage.cases import CaseRules, Context, Judged
from triage.model import (
    Cause,
    Coverage,
    Direction,
    Option,
    Scope,
    Severity,
    Verdict,
    VerdictKind,
)

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)


@pytest.fixture
def noon() -> datetime:
    return NOON


@pytest.fixture
def context() -> Callable[..., Context]:
    """A context at noon plus some minutes: 3 minutes' quarantine, 20 minutes' recovery."""

    def make(minutes: float = 0, **changes: object) -> Context:
        values: dict[str, object] = {
            "now": NOON + timedelta(minutes=minutes),
            "rules": CaseRules(
                quarantine=timedelta(minutes=3),
                recheck=timedelta(minutes=1),
                recovery=timedelta(minutes=20),
                causes_without_ticket=frozenset({Cause.MANAGEMENT_LOST}),
            ),
            "new_case_id": "C-1",
            "new_proposal_id": "P-1",
        }
        return Context(**(values | changes))  # type: ignore[arg-type]

    return make


@pytest.fixture
def judged() -> Callable[..., Judged]:
    """A judgement of store-114's first line; a confirmed loss with one fit option unless told otherwise."""

    def make(
        kind: VerdictKind = VerdictKind.CONFIRMED,
        cause: Cause = Cause.LOSS,
        severity: Severity | None = Severity.MAJOR,
        rejudge_at: datetime | None = None,
        sha: str = "a" * 64,
        fit: bool = True,
    ) -> Judged:
        option = Option(
            rank=1, link="store-114-lte", action="steer_all", fit=fit, reason=None,
            utilisation_after_rx_pct=70.0, utilisation_after_tx_pct=20.0, metered=True, shared_fate=False,
        )  # fmt: skip
        verdict = Verdict(
            verdict=kind, cause=cause, scope=Scope.LINK, severity=severity, onset=NOON - timedelta(minutes=30),
            end=None, site="store-114", client="acme", link="store-114-wan1", direction=Direction.DOWNLOAD,
            habitual=False, coverage=Coverage(present=6, expected=6, pending=0, newest=NOON), rejudge_at=rejudge_at,
            findings=(), side_findings=(), runner_up=None, detectable={}, secondary_fit=True, options=(option,),
            policy="sha256:0", reason="loss of 12.5 % since 11:30",
        )  # fmt: skip
        return Judged(verdict=verdict, evidence_sha256=sha, title="store-114: packet loss", text="12.5 % lost")

    return make
