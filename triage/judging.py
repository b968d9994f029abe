"""Reads the picture, judges it, and packs the evidence: what claim, sweep, timer and a read-only question share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from collector.model import Cadence, Source
from collector.store.port import MeasurementStore
from inventory.model import Inventory
from triage.cases import Judged
from triage.evidence import EvidencePack
from triage.judge import judge
from triage.model import Claim, Picture, Verdict
from triage.pack import build_pack
from triage.policy import Policy
from triage.reading import read_picture
from triage.ticket_wording import ticket_text, ticket_title


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Judgement:
    """A verdict with its evidence and a ticket's words. It does not hold the picture: a sweep keeps many of these."""

    verdict: Verdict
    pack: EvidencePack
    ticket_title: str
    ticket_text: str

    def judged(self) -> Judged:
        return Judged(
            verdict=self.verdict,
            evidence_sha256=self.pack.sha256,
            title=self.ticket_title,
            text=self.ticket_text,
        )


class Judging:
    """Judges sites of one inventory by one policy; records nothing."""

    def __init__(
        self, store: MeasurementStore, inventory: Inventory, cadences: Mapping[Source, Cadence], policy: Policy
    ) -> None:
        self.store = store
        self.inventory = inventory
        self.cadences = cadences
        self.policy = policy

    async def picture(self, site: str, claim: Claim | None, now: datetime) -> Picture:
        """All that a judgement of `site` needs: the claimed time with its baseline, and the peers around it."""
        windows = self.policy.windows
        since = claim.since if claim is not None and claim.since is not None else now
        reach = timedelta(minutes=windows.sweep_minutes + windows.lookback_minutes) + max(timedelta(), now - since)
        return await read_picture(
            self.store,
            self.inventory,
            self.cadences,
            site,
            now,
            history=timedelta(days=windows.baseline_days) + reach,
            peer_history=reach,
        )

    async def judge(self, site: str, claim: Claim | None, now: datetime) -> Judgement:
        """The verdict on a claim about `site`, or on whether anything is wrong there now. Raises StoreError."""
        picture = await self.picture(site, claim, now)
        verdict = judge(claim, picture, self.policy, now)
        pack = build_pack(claim, verdict, picture, self.policy, now)
        return Judgement(
            verdict=verdict,
            pack=pack,
            ticket_title=ticket_title(verdict, picture),
            ticket_text=ticket_text(verdict, picture, pack.sha256),
        )
