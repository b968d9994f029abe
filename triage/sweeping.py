"""The minute's sweep with its I/O: keeps the hot window full, and tells which sites deserve a judgement."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

import numpy as np
import structlog
from numpy.typing import NDArray

from collector.journal import Journal
from collector.model import FactKind, Source
from collector.store.hot import HotWindow
from collector.store.hot_follower import HotFollower, Watched
from config.clock import epoch_ms
from inventory.model import Inventory
from triage.baselines.table import BaselineError
from triage.blindness import Kinship, blind, heard, kinship_of, settled, silent_sources, sources_of, without_control
from triage.judge import judged_from
from triage.judging import Judging
from triage.policy import Policy
from triage.sweep import FIELDS, Fleet, fleet_of, hot_minutes, nominated, sites_of
from triage.sweep_facts import KINDS, MOMENTS, notable, policy_at, said_to_ail
from triage.sweep_ordinary import Ordinary
from triage.sweep_stored import StoredOrdinary

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Swept:
    """`sites` deserve a look. `blind` says why we see nothing ourselves, empty when we do; unless `settled`, we may
    only have begun."""

    sites: frozenset[str]
    blind: str
    settled: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Subjects:
    """What is watched by one inventory and one policy."""

    inventory: Inventory
    policy: Policy
    watched: Watched
    kinship: Kinship
    fleet: Fleet
    stored: StoredOrdinary


class Sweep:
    """Follows `journal`; without one the store is read anew at each look, or `follower` knows better."""

    def __init__(
        self,
        journal: Journal | None = None,
        follower: HotFollower | None = None,
        controls: Sequence[str] = (),
        lag: timedelta = timedelta(0),
    ) -> None:
        """`controls`: the subjects of our control probes, as the collector tells of them. `lag`: how long what was
        measured may take to us; our own lag is no silence."""
        self._lag = lag
        self._journal = journal
        self._controls = tuple(controls)
        self._follower = follower or HotFollower(journal)
        self._subjects: _Subjects | None = None

    @property
    def hot(self) -> HotWindow:
        return self._follower.window

    async def position(self) -> int:
        """The newest entry of the journal, which a tick names: what can be known by then. 0 without a journal."""
        return await asyncio.to_thread(self._journal.position) if self._journal is not None else 0

    async def keep_up(self, now: datetime) -> None:
        """Take in what the journal holds by now; for whoever comes by more often than a look is due."""
        await self._follower.keep_up(now)

    async def look(self, judging: Judging, now: datetime, upto: int | None = None) -> Swept:
        """All lines at this moment, by all journal entries up to `upto`. Raises StoreError."""
        subjects = self._subjects_of(judging)
        hot = await self._follower.follow(judging.store, subjects.watched, now, upto)
        wanted = await asyncio.to_thread(self._nominated, judging, subjects, hot, now)
        policy_of = partial(policy_at, judging.inventory, judging.policy)
        ailing = said_to_ail(self._follower.facts, policy_of, epoch_ms(now))
        why, silent = self._why_blind(subjects, judging, hot, now)
        return Swept(
            sites=frozenset(sites_of(hot, wanted, ailing, judging.inventory)),
            blind=why,
            settled=settled(silent, judging.cadences, self._follower.since or now, now),
        )

    async def struck(self, judging: Judging, now: datetime) -> frozenset[str]:
        """Of the sites whose samples deserve a look those that are bad to this moment, not only until lately; by what
        the last look took in."""
        subjects = self._subjects_of(judging)
        policies = [_told_of_now(policy) for policy in subjects.fleet.policies]
        subjects = replace(subjects, fleet=replace(subjects.fleet, policies=policies))
        wanted = await asyncio.to_thread(self._nominated, judging, subjects, self.hot, now)
        return frozenset(sites_of(self.hot, wanted, set(), judging.inventory))

    def _why_blind(
        self, subjects: _Subjects, judging: Judging, hot: HotWindow, now: datetime
    ) -> tuple[str, frozenset[Source]]:
        """Why we see nothing, empty when we do; and the sources whose silence it is."""
        said = [self._follower.facts.of(one, FactKind.SOURCE_STATE, Source.PROBE) for one in self._controls]
        cadence, lately = judging.cadences.get(Source.PROBE), now - self._lag
        if without_control(said, cadence, lately):
            return f"no control probe is answered: {', '.join(self._controls)}", silent_sources(said, cadence, lately)
        seen, sources = heard(hot, subjects.kinship, judging.cadences, lately), sources_of(hot)
        if not blind(seen):
            return "", sources
        silent, sites = int(np.count_nonzero(seen.known & ~seen.spoke)), int(np.count_nonzero(seen.known))
        return f"{silent} of {sites} sites went silent at once, more than any one carrier or market explains", sources

    def _subjects_of(self, judging: Judging) -> _Subjects:
        inventory, policy = judging.inventory, judging.policy
        known = self._subjects
        if known is not None and known.inventory is inventory and known.policy == policy:
            return known
        lines = sorted(inventory.watched_links(), key=lambda link: link.id)
        links = tuple(link.id for link in lines)
        watched = {link.site for link in lines}
        devices = tuple(sorted(device.id for device in inventory.devices.values() if device.site in watched))
        sites = [inventory.sites[link.site] for link in lines]
        self._subjects = _Subjects(
            inventory,
            policy,
            Watched(
                links,
                (*devices, *self._controls),
                FIELDS,
                (*KINDS, FactKind.SOURCE_STATE),
                hot_minutes(policy),
                notable,
                MOMENTS,
            ),
            kinship_of(lines, inventory),
            fleet_of(links, inventory, policy),
            StoredOrdinary([site.zone for site in sites], [site.holidays for site in sites]),
        )
        return self._subjects

    def _nominated(self, judging: Judging, subjects: _Subjects, hot: HotWindow, now: datetime) -> NDArray[np.bool_]:
        stored: Mapping[str, Ordinary] = {}
        try:
            table = (
                judging.baselines.before(judged_from(None, judging.policy, now), judging.policy.taught_by)
                if judging.baselines is not None
                else None
            )
            if table is not None:
                stored = subjects.stored.of(table, hot, epoch_ms(now))
        except BaselineError as error:
            log.warning("baselines_unread", why=str(error), instead="the best of the last hours")
        return nominated(hot, subjects.fleet, epoch_ms(now), stored)


def _told_of_now(policy: Policy) -> Policy:
    """As the policy, but what has ended is told of no more: neither for the time that a recovery is, nor for as long as
    a limit's window goes on to hold what was."""
    claims = policy.claims.model_copy(update={"recovered_after_minutes": 0.0})
    limits = policy.limits.model_copy(update={"window_minutes": 0.0})
    return policy.model_copy(update={"claims": claims, "limits": limits})
