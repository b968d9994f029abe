"""Reads the picture that a judgement looks at: measurements, facts, inventory. The only I/O of judging."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from collector.model import FIELDS, Cadence, Fact, Series, Source
from collector.store.port import MeasurementStore
from inventory.model import Inventory, Link
from triage.model import Measured, Picture

PEER_LINKS = 40
"""How many other lines of a carrier are looked at: enough to see a shared fault, bounded for a national carrier."""


async def read_picture(
    store: MeasurementStore,
    inventory: Inventory,
    cadences: Mapping[Source, Cadence],
    site: str,
    now: datetime,
    *,
    history: timedelta,
    peer_history: timedelta,
) -> Picture:
    """Everything known of a site's links over `history`, and of its carriers' other lines over `peer_history`."""
    links = [link for link in inventory.links_at(site) if link.watched]
    devices = inventory.devices_at(site)
    start, end = now - history, now + timedelta(milliseconds=1)
    own, peers, device_facts = await asyncio.gather(
        read_measured(store, inventory, links, start, end),
        read_measured(store, inventory, _peers(inventory, site, links), now - peer_history, end),
        store.facts([device.id for device in devices], now - peer_history, end),
    )
    return Picture(
        site=inventory.sites[site],
        client=inventory.client_of(site),
        devices=devices,
        links=own,
        peers=peers,
        device_facts=device_facts,
        cadences=cadences,
        maintenance=[
            window
            for window in inventory.maintenance
            if site in window.sites or any(link.id in window.links for link in links)
        ],
    )


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
    return [
        Measured(
            link=link,
            series=series[link.id],
            facts=facts[link.id],
            client=inventory.sites[link.site].client,
            zone=inventory.sites[link.site].zone,
        )
        for link in links
    ]


def _peers(inventory: Inventory, site: str, links: Sequence[Link]) -> list[Link]:
    """Watched lines of the same carriers at other sites, those of the same market first."""
    market = inventory.sites[site].market
    carriers = {link.fault_domain for link in links if link.is_wan and link.fault_domain}
    others = [
        link
        for carrier in sorted(carriers)
        for link in inventory.links_in_fault_domain(carrier)
        if link.site != site and link.watched
    ]
    others.sort(key=lambda link: (inventory.sites[link.site].market != market, link.id))
    return others[:PEER_LINKS]
