"""Reads the picture that a judgement looks at: measurements, facts, inventory. The only I/O of judging."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from types import MappingProxyType
from typing import Any

from collector.model import FIELDS, Cadence, Fact, Series, Source
from collector.store.port import MeasurementStore
from inventory.model import Inventory, Link
from triage.detection.learnt import Learnt
from triage.model import Measured, Picture
from triage.troubles import Periods

NOTHING: Mapping[str, Any] = MappingProxyType({})
PEER_LINKS = 40
"""How many other lines of a site's carriers are looked at: enough to see a shared fault, bounded for national ones."""


async def read_pictures(
    store: MeasurementStore,
    inventory: Inventory,
    cadences: Mapping[Source, Cadence],
    sites: Sequence[str],
    now: datetime,
    *,
    history: timedelta,
    peer_history: timedelta,
    troubled: Periods = NOTHING,
    learnt: Mapping[str, Mapping[Source, Learnt]] = NOTHING,
) -> dict[str, Picture]:
    """Everything known of the sites' links over `history`, and of their carriers' other lines over `peer_history`; by
    link when it is known to have been in trouble, and what each source has found ordinary before.

    All sites are read together, and a line that several have for a peer once: it is the same `Measured` to them. What
    has been learnt is of the sites' own lines alone: so a peer looks the same whoever else is asked for.
    """
    links = {site: [link for link in inventory.links_at(site) if link.watched] for site in sites}
    devices = {site: inventory.devices_at(site) for site in sites}
    ranked = cache(partial(_ranked, inventory))
    peers = {site: peers_of(inventory, site, links[site], ranked) for site in sites}
    all_peers = {link.id: link for site in sites for link in peers[site]}
    start, end = now - history, now + timedelta(milliseconds=1)
    own, others, facts = await asyncio.gather(
        read_measured(store, inventory, [link for site in sites for link in links[site]], start, end),
        read_measured(store, inventory, list(all_peers.values()), now - peer_history, end),
        store.facts([one.id for site in sites for one in devices[site]], now - peer_history, end),
    )
    own_of = {one.link.id: one for one in own}
    peer_of = {one.link.id: one for one in others}
    facts_of: dict[str, list[Fact]] = {}
    for fact in facts:
        facts_of.setdefault(fact.subject, []).append(fact)
    return {
        site: Picture(
            site=inventory.sites[site],
            client=inventory.client_of(site),
            devices=devices[site],
            links=[
                replace(own_of[link.id], troubled=troubled.get(link.id, ()), learnt=learnt.get(link.id, {}))
                for link in links[site]
            ],
            peers=[peer_of[link.id] for link in peers[site]],
            device_facts=[fact for device in devices[site] for fact in facts_of.get(device.id, ())],
            cadences=cadences,
            maintenance=inventory.work_on([site], [link.id for link in links[site]]),
        )
        for site in sites
    }


async def read_measured(
    store: MeasurementStore,
    inventory: Inventory,
    links: Sequence[Link],
    start: datetime,
    end: datetime,
    fields: Sequence[str] = tuple(FIELDS),
) -> Sequence[Measured]:
    """Samples (these `fields` of them) and facts of these links with start <= time < end, one Measured a link, in
    their order."""
    if not links:
        return []
    names = [link.id for link in links]
    series: dict[str, list[Series]] = {name: [] for name in names}
    for one in await store.window(names, fields, start, end):
        series[one.link].append(one)
    facts: dict[str, list[Fact]] = {name: [] for name in names}
    for fact in await store.facts(names, start, end):
        facts[fact.subject].append(fact)
    return [measured_of(inventory, link, series[link.id], facts[link.id]) for link in links]


def measured_of(inventory: Inventory, link: Link, series: Sequence[Series], facts: Sequence[Fact] = ()) -> Measured:
    """A link's samples and facts with what its site says of it."""
    site = inventory.sites[link.site]
    return Measured(
        link=link,
        series=series,
        facts=facts,
        client=site.client,
        market=site.market,
        zone=site.zone,
        holidays=site.holidays,
    )


def peers_of(
    inventory: Inventory, site: str, links: Sequence[Link], ranked: Callable[[str, str], Sequence[Link]] | None = None
) -> list[Link]:
    """Watched lines of the same carriers at other sites, a line a site and carrier: each carrier's share of the limit.

    Those of the same market come first. The rest of a carrier is a sample that is the same each time and leans to no
    client or region, as names do. `ranked` gives a carrier's lines as seen from a market, for whoever asks often.
    """
    ranked = ranked or partial(_ranked, inventory)
    market = inventory.sites[site].market
    carriers = dict.fromkeys(link.fault_domain for link in links if link.is_wan and link.fault_domain)
    chosen: list[tuple[int, int, Link]] = []
    for order, carrier in enumerate(carriers):
        near = [link for link in ranked(carrier, market) if link.site != site]
        chosen += [(place, order, link) for place, link in enumerate(near)]
    chosen.sort(key=lambda one: one[:2])
    return [link for _, _, link in chosen[:PEER_LINKS]]


def _ranked(inventory: Inventory, carrier: str, market: str) -> Sequence[Link]:
    """A carrier's watched lines, one a site, those of this market first: as many as a site and its peers can be."""
    lines: dict[str, Link] = {}
    for link in inventory.links_in_fault_domain(carrier):
        if link.watched:
            lines.setdefault(link.site, link)
    near = sorted(lines.values(), key=lambda link: (inventory.sites[link.site].market != market, _spread(link)))
    return near[: PEER_LINKS + 1]


def _spread(link: Link) -> int:
    """A number that has nothing to do with the name's order, and is the same in every process."""
    return zlib.crc32(link.site.encode())
