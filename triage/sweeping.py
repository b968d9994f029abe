"""The minute's sweep with its I/O: keeps the hot window full, and tells which sites deserve a judgement."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.journal import Journal
from collector.store.hot import HotWindow
from collector.store.hot_follower import HotFollower, Watched
from config.clock import epoch_ms
from inventory.model import Inventory
from triage.blindness import blind, heard, settled
from triage.judging import Judging
from triage.policy import Policy
from triage.sweep import FIELDS, KINDS, Fleet, fleet_of, hot_minutes, nominated, said_to_ail, sites_of


@dataclass(frozen=True, slots=True)
class Swept:
    """`sites` deserve a look. `blind`: most sites are silent, so it is us; unless `settled`, we may only have begun."""

    sites: frozenset[str]
    blind: bool
    settled: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Subjects:
    """What is watched by one inventory and one policy."""

    inventory: Inventory
    policy: Policy
    watched: Watched
    sites: Sequence[str]
    fleet: Fleet


class Sweep:
    """Follows `journal`; without one the store is read anew at each look, or `follower` knows better."""

    def __init__(self, journal: Journal | None = None, follower: HotFollower | None = None) -> None:
        self._journal = journal
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
        wanted = await asyncio.to_thread(nominated, hot, subjects.fleet, epoch_ms(now))
        ailing = said_to_ail(self._follower.facts, judging.policy, epoch_ms(now))
        return Swept(
            sites=frozenset(sites_of(hot, wanted, ailing, judging.inventory)),
            blind=blind(heard(hot, subjects.sites, judging.cadences, now)),
            settled=settled(hot, judging.cadences, self._follower.since or now, now),
        )

    def _subjects_of(self, judging: Judging) -> _Subjects:
        inventory, policy = judging.inventory, judging.policy
        known = self._subjects
        if known is not None and known.inventory is inventory and known.policy == policy:
            return known
        lines = sorted(inventory.watched_links(), key=lambda link: link.id)
        links, sites = tuple(link.id for link in lines), tuple(link.site for link in lines)
        places = frozenset(sites)
        devices = tuple(sorted(device.id for device in inventory.devices.values() if device.site in places))
        watched = Watched(links, devices, FIELDS, KINDS, hot_minutes(policy))
        self._subjects = _Subjects(inventory, policy, watched, sites, fleet_of(links, inventory, policy))
        return self._subjects
