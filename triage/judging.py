"""Reads the picture, judges it, and packs the evidence: what claim, sweep, timer and a read-only question share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog

from collector.model import Cadence, Source
from collector.store.port import MeasurementStore
from inventory.model import Inventory
from triage.baselines.folder import BaselineFolder
from triage.baselines.table import BaselineError
from triage.cases import Judged
from triage.detection.learnt import Learnt
from triage.detection.view import RECENT_DAYS
from triage.evidence import EvidencePack
from triage.healthy import NOTHING, Healthy, known_healthy
from triage.judge import judge, judged_from
from triage.model import Claim, Picture, Verdict, VerdictKind
from triage.pack import build_pack
from triage.peers import ExaminePeer, examine_peer, remembering
from triage.policy import Policy
from triage.reading import read_pictures
from triage.ticket_wording import ticket_text, ticket_title
from triage.troubles import TroublesOf

log = structlog.get_logger()

SITES_AT_ONCE = 50
"""Read together: bounds memory; with two weeks of minutes by two sources they are some 150 MB."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Judgement:
    """A verdict with its evidence and a ticket's words. It does not hold the picture: a sweep keeps many of these."""

    verdict: Verdict
    pack: EvidencePack
    ticket_title: str
    ticket_text: str
    healthy: Healthy = NOTHING

    def judged(self) -> Judged:
        return Judged(
            verdict=self.verdict,
            evidence_sha256=self.pack.sha256,
            title=self.ticket_title,
            text=self.ticket_text,
            healthy=self.healthy,
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
        return (await self._pictures([site], claim, now))[site]

    async def _pictures(self, sites: Sequence[str], claim: Claim | None, now: datetime) -> dict[str, Picture]:
        """In one read for all sites that look back as far."""
        since = claim.since if claim is not None and claim.since is not None else now
        lines = {site: [link.id for link in self.inventory.links_at(site) if link.watched] for site in sites}
        policies = {site: self.policy.of(None, self.inventory.sites[site].client, site) for site in sites}
        starts = {site: judged_from(claim, policies[site], now) for site in sites}
        learnt: dict[str, Mapping[Source, Learnt]] = {}
        for start in sorted(set(starts.values())):
            links = [link for site in sites if starts[site] == start for link in lines[site]]
            learnt |= await asyncio.to_thread(self._learnt, links, start)
        alike: dict[tuple[timedelta, timedelta], list[str]] = {}
        for site in sites:
            windows = policies[site].windows
            # Where it is known what is ordinary, only what a line does by itself now and then is looked up.
            days = RECENT_DAYS if learnt.keys() >= set(lines[site]) else windows.baseline_days
            around = timedelta(minutes=windows.sweep_minutes + windows.lookback_minutes)
            reach = around + max(timedelta(), now - since)
            alike.setdefault((timedelta(days=days) + reach, reach), []).append(site)
        found: dict[str, Picture] = {}
        for (history, reach), some in alike.items():
            links = [link for site in some for link in lines[site]]
            found |= await read_pictures(
                self.store,
                self.inventory,
                self.cadences,
                some,
                now,
                history=history,
                peer_history=reach,
                troubled=await self._troubles(links, now - history, now) if self._troubles is not None else {},
                learnt=learnt,
            )
        return found

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
        return self._judged(claim, await self.picture(site, claim, now), now, examine_peer)

    async def judge_each(
        self,
        sites: Sequence[str],
        now: datetime,
        standing: Collection[str] = (),
        examine: ExaminePeer | None = None,
    ) -> AsyncIterator[tuple[str, Callable[[], Judgement | None]]]:
        """As `judge` asks of each site whether anything is wrong there now, with few reads for many sites: each site,
        in any order, and how to judge it. Raises StoreError.

        `examine` looks at a peer, for whoever asks for more sites of the same moment later.
        Where nothing is wrong and no case is `standing`, there is no judgement: nothing would be written of it.
        """
        sites = sorted(sites, key=self._neighbours)
        examine = examine or remembering(examine_peer)
        for first in range(0, len(sites), SITES_AT_ONCE):
            pictures = await self._pictures(sites[first : first + SITES_AT_ONCE], None, now)
            while pictures:
                site = next(iter(pictures))
                wanted = site in standing
                yield site, partial(self._troubled, pictures.pop(site), now, examine, standing=wanted)
                await asyncio.sleep(0)

    def _neighbours(self, site: str) -> tuple[str, str, str]:
        """Sites that sort together have peers in common."""
        carriers = [link.fault_domain or "" for link in self.inventory.links_at(site)]
        return max(carriers, default=""), self.inventory.sites[site].market, site

    def _troubled(self, picture: Picture, now: datetime, examine: ExaminePeer, *, standing: bool) -> Judgement | None:
        verdict = judge(None, picture, self.policy, now, examine)
        if verdict.verdict is not VerdictKind.CONFIRMED and not standing:
            return None
        return self._packed(None, verdict, picture, now)

    def _judged(self, claim: Claim | None, picture: Picture, now: datetime, examine: ExaminePeer) -> Judgement:
        return self._packed(claim, judge(claim, picture, self.policy, now, examine), picture, now)

    def _packed(self, claim: Claim | None, verdict: Verdict, picture: Picture, now: datetime) -> Judgement:
        pack = build_pack(claim, verdict, picture, self.policy, now)
        policy = self.policy.of(None, picture.client.id, picture.site.id)
        troubled = verdict.verdict is VerdictKind.CONFIRMED
        return Judgement(
            verdict=verdict,
            pack=pack,
            ticket_title=ticket_title(verdict, picture),
            ticket_text=ticket_text(claim, verdict, picture, pack.sha256),
            healthy=NOTHING if troubled else known_healthy(picture, policy, now),
        )
