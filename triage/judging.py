"""Reads the picture, judges it, and packs the evidence: what claim, sweep, timer and a read-only question share."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from collector.model import Cadence, Source
from collector.store.port import MeasurementStore
from config.clock import epoch_ms, from_epoch_ms
from inventory.model import Inventory
from triage.baselines.folder import BaselineFolder
from triage.baselines.table import BaselineError
from triage.cases import Judged
from triage.detection.learnt import Learnt
from triage.detection.view import RECENT_DAYS
from triage.evidence import EvidencePack
from triage.judge import judge, judged_from
from triage.model import Claim, Picture, Verdict
from triage.pack import build_pack
from triage.policy import Policy
from triage.reading import read_picture
from triage.ticket_wording import ticket_text, ticket_title
from triage.troubles import TroublesOf

log = structlog.get_logger()


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
        self,
        store: MeasurementStore,
        inventory: Inventory,
        cadences: Mapping[Source, Cadence],
        policy: Policy,
        *,
        baselines: BaselineFolder | None = None,
        troubles: TroublesOf | None = None,
    ) -> None:
        """Without `baselines` what is ordinary is computed at each judgement; without `troubles` none is known."""
        self.store = store
        self.inventory = inventory
        self.cadences = cadences
        self.policy = policy
        self.baselines = baselines
        self._troubles = troubles

    async def picture(self, site: str, claim: Claim | None, now: datetime) -> Picture:
        """All that a judgement of `site` needs: the claimed time with its baseline, and the peers around it."""
        policy = self.policy.of(None, self.inventory.sites[site].client, site)
        start = from_epoch_ms(judged_from(claim, policy, now))
        links = [link.id for link in self.inventory.links_at(site) if link.watched]
        learnt = await asyncio.to_thread(self._learnt, links, epoch_ms(start))
        # Where it is known what is ordinary, only what a line does by itself now and then is looked up.
        days = RECENT_DAYS if learnt.keys() >= set(links) else policy.windows.baseline_days
        since = claim.since if claim is not None and claim.since is not None else now
        around = timedelta(minutes=policy.windows.sweep_minutes + policy.windows.lookback_minutes)
        reach = around + max(timedelta(), now - since)
        history = timedelta(days=days) + reach
        return await read_picture(
            self.store,
            self.inventory,
            self.cadences,
            site,
            now,
            history=history,
            peer_history=reach,
            troubled=await self._troubles(links, now - history, now) if self._troubles is not None else {},
            learnt=learnt,
        )

    def _learnt(self, links: Sequence[str], start: int) -> Mapping[str, Mapping[Source, Learnt]]:
        """What was learnt of these links before `start`, by link and source; nothing where no table tells it."""
        found: dict[str, dict[Source, Learnt]] = {}
        try:
            stored = self.baselines.before(start, self.policy.taught_by) if self.baselines is not None else None
            for (link, source), known in (stored.of(links) if stored is not None else {}).items():
                found.setdefault(link, {})[source] = known
        except BaselineError as error:
            log.warning("baselines_unread", why=str(error), instead="computed from the samples before")
            return {}
        return found

    async def judge(self, site: str, claim: Claim | None, now: datetime) -> Judgement:
        """The verdict on a claim about `site`, or on whether anything is wrong there now. Raises StoreError."""
        picture = await self.picture(site, claim, now)
        verdict = judge(claim, picture, self.policy, now)
        pack = build_pack(claim, verdict, picture, self.policy, now)
        return Judgement(
            verdict=verdict,
            pack=pack,
            ticket_title=ticket_title(verdict, picture),
            ticket_text=ticket_text(claim, verdict, picture, pack.sha256),
        )
