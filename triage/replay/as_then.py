"""What a back-test's engine is given in the place of an installation's: its judging, its sweep, the troubles known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from collector.model import Cadence, Source
from collector.store.port import MeasurementStore
from config.clock import rfc3339
from inventory.model import Inventory
from triage.baselines.folder import BaselineFolder
from triage.documents import verdict_document
from triage.evidence import EvidencePack
from triage.judging import Judgement, Judging
from triage.model import Claim, Picture, Verdict
from triage.policy import Policy
from triage.replay.arrivals import HistoryFollower
from triage.replay.recorded import Recorded
from triage.sweeping import Sweep, Swept
from triage.ticket_wording import ticket_text, ticket_title
from triage.troubles import Periods, TroublesOf

EVERY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Period:
    """What history is played, and of which sites (of all when None); `every` is whole minutes between two sweeps."""

    start: datetime
    until: datetime
    every: timedelta = EVERY
    sites: frozenset[str] | None = None
    inputs: Sequence[Recorded] = ()

    def has(self, site: str) -> bool:
        return self.sites is None or site in self.sites


class Noting(Judging):
    """Remembers what it last found at each site."""

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
        super().__init__(store, inventory, cadences, policy, baselines=baselines, troubles=troubles)
        self._seen: dict[str, tuple[datetime, Verdict]] = {}

    def _packed(self, claim: Claim | None, verdict: Verdict, picture: Picture, now: datetime) -> Judgement:
        """As everywhere, but for the evidence: nobody reads it here, and its samples would take a third of the time."""
        self._seen[picture.site.id] = now, verdict
        pack = EvidencePack.of({"made_at": rfc3339(now), "verdict": verdict_document(verdict, id="")})
        title, text = ticket_title(verdict, picture), ticket_text(claim, verdict, picture, pack.sha256)
        return Judgement(verdict=verdict, pack=pack, ticket_title=title, ticket_text=text)

    def seen(self, site: str, now: datetime) -> Verdict | None:
        """What was found at a site at this very moment."""
        at, verdict = self._seen.get(site, (None, None))
        return verdict if at == now else None


def only_of(inventory: Inventory, period: Period) -> Inventory:
    """The sites that are judged, whose lines are learnt."""
    sites = {name: site for name, site in inventory.sites.items() if period.has(name)}
    return replace(inventory, sites=sites, links={k: v for k, v in inventory.links.items() if v.site in sites})


def known_troubles(recorded: TroublesOf | None, own: TroublesOf, start: datetime) -> TroublesOf:
    """Those that were recorded before the back-test's start, and since then those of its own cases."""

    async def periods(links: Sequence[str], begin: datetime, end: datetime) -> Periods:
        found = dict(await own(links, begin, end))
        if recorded is not None and begin < start:
            for link, known in (await recorded(links, begin, min(start, end))).items():
                found[link] = sorted([*known, *found.get(link, ())])
        return found

    return periods


class SweepOf(Sweep):
    """All lines are followed, as blindness is a matter of the fleet; only the period's sites deserve a judgement."""

    def __init__(self, period: Period, follower: HistoryFollower) -> None:
        super().__init__(follower=follower)
        self._period = period
        self._last: tuple[datetime, Swept] | None = None

    async def look(self, judging: Judging, now: datetime, upto: int | None = None) -> Swept:
        """The same answer when asked again at the same moment."""
        if self._last is None or self._last[0] != now:
            swept = await super().look(judging, now, upto)
            sites = frozenset(site for site in swept.sites if self._period.has(site))
            self._last = now, replace(swept, sites=sites)
        return self._last[1]
