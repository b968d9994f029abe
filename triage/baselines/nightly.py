"""Learns each night what is ordinary for every watched line, from the two weeks before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from collector.model import Series, Source
from collector.store.port import MeasurementStore
from config.clock import epoch_ms, from_epoch_ms
from inventory.maintenance import at_site, periods
from inventory.model import Inventory, Link
from triage.baselines.folder import BaselineFolder
from triage.baselines.table import StoredBaselines, TableFile, Version, frame_of
from triage.darkness import switched_off
from triage.detection import loss, shift
from triage.detection.baseline import EVERY
from triage.detection.event import MINUTE
from triage.detection.learning import learn
from triage.detection.learnt import Learnt
from triage.detection.link import TRAFFIC, views_of
from triage.model import Measured
from triage.policy import Policy
from triage.reading import measured_of
from triage.troubles import TroublesOf

HOUR = 2
"""The hour of the day, UTC, from which a night's table is due."""
LINKS_AT_ONCE = 16
"""Read together: two weeks of minutes by two sources are some 50 MB."""
LINKS_A_FILE = 64
"""A judgement reads the whole files of its links, a sweep some columns of all files."""
KEPT_DAYS = 9.0
"""Claims reach back a week, and so long a table may be asked for. What a verdict said is proven by its evidence, which
holds the ordinary values themselves."""
LEARNT_FROM = (*shift.METRICS, *loss.METRICS, *TRAFFIC, "sent", "lost")


def is_due(newest: StoredBaselines | None, policy: Policy, now: datetime) -> bool:
    """Whether it is time for a new table: there is none since the last night's HOUR, or the policy learns otherwise
    now."""
    night = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    night -= timedelta(days=1 if night > now else 0)
    return newest is None or newest.until < epoch_ms(night) or newest.taught_by != policy.taught_by


def learnt_of(
    measured: Measured, until: int, policy: Policy, excluded: Sequence[tuple[int, int]]
) -> Mapping[tuple[str, Source], Learnt]:
    """Everything that the samples before `until` (epoch milliseconds) teach of one line, outside the `excluded` periods
    and its known troubles. A source that measured too little has no entry."""
    own = policy.of(measured.link, measured.client)
    found = {(one.link, one.source): learn(one, own, EVERY) for one in views_of(measured, until, until, own, excluded)}
    return {line: learnt for line, learnt in found.items() if learnt.baselines or learnt.loss}


async def learn_fleet(
    store: MeasurementStore,
    inventory: Inventory,
    policy: Policy,
    folder: BaselineFolder,
    now: datetime,
    troubles: TroublesOf | None = None,
) -> Version:
    """Learn every watched line up to this minute and publish that as the newest version.

    A few lines are in memory at a time. Raises StoreError and BaselineError; the version before then stays.
    """
    until = epoch_ms(now) // MINUTE * MINUTE
    links = sorted(inventory.watched_links(), key=lambda link: link.id)
    files: list[TableFile] = []
    for first in range(0, len(links), LINKS_A_FILE):
        learnt: dict[tuple[str, Source], Learnt] = {}
        for some in _parts(links[first : first + LINKS_A_FILE], LINKS_AT_ONCE):
            learnt.update(await _learn_some(store, inventory, policy, some, until, troubles))
        if learnt:
            files.append(await asyncio.to_thread(folder.put, frame_of(learnt)))
    return folder.publish(files, until, policy.taught_by, KEPT_DAYS)


async def _learn_some(
    store: MeasurementStore,
    inventory: Inventory,
    policy: Policy,
    links: Sequence[Link],
    until: int,
    troubles: TroublesOf | None,
) -> dict[tuple[str, Source], Learnt]:
    names = [link.id for link in links]
    days = max(policy.of(link, inventory.sites[link.site].client).windows.baseline_days for link in links)
    start, end = from_epoch_ms(until) - timedelta(days=days), from_epoch_ms(until)
    troubled = await troubles(names, start, end) if troubles is not None else {}
    series: dict[str, list[Series]] = {name: [] for name in names}
    for one in await store.window(names, LEARNT_FROM, start, end):
        series[one.link].append(one)
    learnt: dict[tuple[str, Source], Learnt] = {}
    for link in links:
        excluded = periods(at_site(inventory, link.site), start, end)
        measured = replace(measured_of(inventory, link, series.pop(link.id)), troubled=troubled.get(link.id, ()))
        # A line that is dark while its site is closed does not teach that losing everything is ordinary.
        excluded += switched_off(inventory.sites[link.site], [measured], (), policy, until)
        learnt.update(learnt_of(measured, until, policy, excluded))
    return learnt


def _parts(links: Sequence[Link], size: int) -> Iterator[Sequence[Link]]:
    for first in range(0, len(links), size):
        yield links[first : first + size]
