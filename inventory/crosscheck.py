"""What is wrong between the items of an inventory, each being right by itself. Pure.

A `Clash` names the item and field where a person would put it right.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import TypeVar
from zoneinfo import ZoneInfo

from inventory.model import Device, Inventory, LifeCycle, Link

Item = TypeVar("Item", Device, Link)


@dataclass(frozen=True, slots=True)
class Clash:
    """`section` and `id` name an item of an inventory file, `field` a key of it."""

    section: str
    id: str
    field: str
    value: str
    expected: str


def clashes(inventory: Inventory, written: Mapping[str, Set[str]]) -> list[Clash]:
    """Every contradiction between items.

    `written` holds, by section, the ids that stand in the file: where two items contradict each other the one in the
    file is named. Items of the file come last in `inventory`. References to nothing are not looked at here.
    """
    return [
        *_devices_elsewhere(inventory, written),
        *_shared_places(inventory),
        *_shared_aliases(inventory),
        *_backward_windows(inventory),
    ]


def _devices_elsewhere(inventory: Inventory, written: Mapping[str, Set[str]]) -> Iterator[Clash]:
    for link in inventory.links.values():
        device = inventory.devices.get(link.device or "")
        if device is None or device.site == link.site:
            continue
        if link.id in written["links"]:
            yield Clash(
                "links", link.id, "device", device.id, f"a device at {link.site}; {device.id} is at {device.site}"
            )
        else:
            yield Clash("devices", device.id, "site", device.site, f"{link.site}, where its link {link.id} is")


def _shared_places(inventory: Inventory) -> Iterator[Clash]:
    """Two things in use cannot have one place; what is retired keeps its record and frees its place."""
    links, devices = in_use(inventory.links.values()), in_use(inventory.devices.values())
    on_interface = (((link.device, link.interface), link.id) for link in links if link.interface)
    yield from _twice("links", "interface", on_interface, "an interface with one link")
    at_orchestrator = (((link.device, link.orchestrator_link), link.id) for link in links if link.orchestrator_link)
    yield from _twice("links", "orchestrator_link", at_orchestrator, "the orchestrator's id of one link")
    edges = (((d.orchestrator.name, d.orchestrator.edge_id), d.id) for d in devices if d.orchestrator)
    yield from _twice("devices", "orchestrator", edges, "an edge of the orchestrator that is one device")
    serials = ((serial, device.id) for device in devices for serial in device.serials)
    yield from _twice("devices", "serials", serials, "a serial number of one device")


def _shared_aliases(inventory: Inventory) -> Iterator[Clash]:
    """Two clients may number their stores alike; within one client an alias is one site."""
    aliases = (
        ((site.client, alias.casefold()), site.id) for site in inventory.sites.values() for alias in site.aliases
    )
    yield from _twice("sites", "aliases", aliases, "an alias of one of the client's sites, once")


def _backward_windows(inventory: Inventory) -> Iterator[Clash]:
    for window in inventory.maintenance:
        if window.end <= window.start:
            zone = ZoneInfo(window.timezone)
            start, end = window.start.astimezone(zone), window.end.astimezone(zone)
            yield Clash("maintenance", window.id, "end", str(end), f"a time after its start, {start}")


def _twice(
    section: str, field: str, taken: Iterable[tuple[tuple[object, ...] | str, str]], what: str
) -> Iterator[Clash]:
    owners: dict[Hashable, str] = {}
    for place, item in taken:
        if place in owners:
            value = str(place if isinstance(place, str) else place[-1])
            yield Clash(section, item, field, value, f"{what}; {owners[place]} has it already")
        owners.setdefault(place, item)


def in_use(items: Iterable[Item]) -> list[Item]:
    return [item for item in items if item.life_cycle is not LifeCycle.RETIRED]
