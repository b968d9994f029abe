"""Values that the triage tests start from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from collector.journal import Journal
from collector.model import Cadence, SampleBatch, Source
from collector.store.embedded import EmbeddedStore
from config.clock import ManualClock, epoch_ms
from config.database import Database
from inventory.model import Inventory
from triage import inbox, repository
from triage.actuator.dryrun import DryRun
from triage.case_rules import case_rules
from triage.cases import Case, Context, Decision, Judged
from triage.engine import Engine
from triage.evidence import EvidenceFile, EvidencePack
from triage.evidence_folder import EvidenceFolder
from triage.healthy import NOTHING, Healthy
from triage.inputs import ClaimReported
from triage.judging import Judging
from triage.model import (
    Cause,
    Claim,
    Coverage,
    Direction,
    Option,
    Scope,
    Severity,
    Verdict,
    VerdictKind,
)
from triage.performer import Performer
from triage.policy_files import load_policy
from triage.tickets.builtin import BuiltinTickets

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
RULES = case_rules(load_policy())
FIVE_MINUTES = {Source.PROBE: Cadence(every=300, late=60)}


WELL = Healthy(measured=frozenset({"store-114-wan1"}))


class PackOnly:
    """Hands the pack itself over; the readable report has tests of its own."""

    async def render(self, pack: EvidencePack, case: str) -> tuple[EvidenceFile, ...]:
        return (EvidenceFile(f"evidence-{case}.json", "application/json", pack.content),)


class Office:
    """An engine and a performer that can be thrown away and made again on the same files; it is noon."""

    def __init__(
        self, folder: Path, inventory: Inventory, cadences: Mapping[Source, Cadence], records: str | Path
    ) -> None:
        self.known, self.cadences = inventory, cadences
        self.clock = ManualClock(NOON)
        self.database = Database(records)
        self.store = EmbeddedStore(Journal(folder / "journal.sqlite"), folder / "parts", 95)
        self.evidence = EvidenceFolder(folder / "evidence")
        self.tickets = BuiltinTickets(self.database, self.clock)
        self.decided: list[tuple[str, Decision]] = []
        self.restart()

    def restart(self) -> None:
        self.engine = Engine(
            self.database, self.judging, self.evidence, self.clock,
            observer=lambda _row, site, decision: self.decided.append((site, decision)),
        )  # fmt: skip
        self.performer = Performer(
            self.database, self.clock, self.tickets, PackOnly(), DryRun(), self.evidence, self.inventory
        )

    async def judging(self) -> Judging:
        return Judging(self.store, self.known, self.cadences, load_policy())

    async def inventory(self) -> Inventory:
        return self.known

    async def measure(self, links: str | Sequence[str], start: datetime, minutes: int, lost: int) -> None:
        """Twenty packets every five minutes, `lost` of them lost, 20 ms there and back."""
        links = [links] if isinstance(links, str) else links
        time = np.arange(epoch_ms(start), epoch_ms(start) + minutes * 60_000, 300_000, dtype=np.int64)
        count = len(time) * len(links)
        await self.store.write(
            SampleBatch(
                source=Source.PROBE,
                links=[link for link in links for _ in time],
                time=np.tile(time, len(links)),
                seconds=np.full(count, 300, dtype=np.int32),
                received_at=np.tile(time + 300_000, len(links)),
                fields={
                    "rtt_ms": 20 + np.arange(count) % 3 * 1.0,
                    "jitter_ms": np.full(count, 1.0),
                    "loss_pct": np.full(count, 5.0 * lost),
                    "sent": np.full(count, 20.0),
                    "lost": np.full(count, float(lost)),
                },
            )
        )

    async def work(self) -> None:
        await self.engine.fire_timers()
        while await self.engine.work_off() + await self.performer.perform_due():
            continue

    async def minute(self) -> None:
        await self.engine.tick()
        await self.work()

    async def minutes(self, first: int, last: int) -> None:
        """The minutes from `first` to `last` after noon, each with its timers, its sweep and all that follows."""
        for number in range(first, last + 1):
            self.clock.move_to(NOON + timedelta(minutes=number))
            await self.engine.fire_timers()
            await self.minute()

    async def report(self, key: str, claim: Claim, *, open_ticket: bool = True) -> int:
        """A claim goes into the inbox; its number there."""
        happened = ClaimReported(claim=claim, open_ticket=open_ticket)
        return await inbox.enqueue(self.database, key, happened, self.clock.now())

    async def cases(self, **about: object) -> list[Case]:
        async with self.database.reading() as connection:
            return await repository.cases(connection, **about)  # type: ignore[arg-type]


@pytest.fixture
def records(tmp_path: Path) -> str | Path:
    """Where the records database is; a module that tests on each kind gives `records_at` in its place."""
    return tmp_path / "records.db"


@pytest.fixture
async def office_of(tmp_path: Path, records: str | Path) -> AsyncIterator[Callable[..., Office]]:
    """Makes the test's office for an inventory; its files are gone with the test."""
    made: list[Office] = []

    def make(inventory: Inventory, cadences: Mapping[Source, Cadence] = FIVE_MINUTES) -> Office:
        made.append(Office(tmp_path, inventory, cadences, records))
        return made[-1]

    yield make
    for office in made:
        await office.store.close()
        await office.database.close()


@pytest.fixture
def noon() -> datetime:
    return NOON


@pytest.fixture
def context() -> Callable[..., Context]:
    """A context at noon plus some minutes: 3 minutes' quarantine, 20 minutes' recovery."""

    def make(minutes: float = 0, **changes: object) -> Context:
        values: dict[str, object] = {
            "now": NOON + timedelta(minutes=minutes),
            "rules": replace(
                RULES,
                quarantine=timedelta(minutes=3),
                recheck=timedelta(minutes=1),
                recovery=timedelta(minutes=20),
                causes_without_ticket=frozenset({Cause.MANAGEMENT_LOST}),
                outage_quarantine=timedelta(minutes=3),
                resolve_by_day=timedelta(minutes=90),
                resolve_by_night=timedelta(minutes=180),
                night=(0, 8),
                resolves=3,
                close=timedelta(hours=72),
                reopen=timedelta(hours=24),
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
        healthy: Healthy | None = None,
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
        return Judged(
            verdict=verdict,
            evidence_sha256=sha,
            title="store-114: packet loss",
            text="12.5 % lost",
            healthy=healthy or (NOTHING if kind is VerdictKind.INCONCLUSIVE else WELL),
        )

    return make
