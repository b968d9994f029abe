"""Which of our devices a serial belongs to. Pure.

A warm-spare pair is two appliances of one network and one device of ours: it is found by either serial, and a unit
that was replaced by its network, so that no failover and no replacement loses the device.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from collector.orchestrator.directory import Directory


@dataclass(frozen=True, slots=True)
class Units:
    """`edges` gives the edge id, as the directory keys it, of a casefolded serial; `networks` that of a network, whose
    id is written as the host writes it."""

    edges: Mapping[str, str]
    networks: Mapping[str, str] = field(default_factory=dict)

    def edge_of(self, serial: str | None, network: str | None = None) -> str | None:
        """The edge of an appliance; of an unknown serial, or none, that of its network."""
        found = self.edges.get(serial.casefold()) if serial else None
        return found or (self.networks.get(network) if network else None)

    def serials_of(self, edge: str) -> list[str]:
        """As the host writes them, which is in capitals."""
        return sorted(serial.upper() for serial, owner in self.edges.items() if owner == edge.casefold())

    def uplinks_of(self, edge: str, known: Directory) -> dict[str, str]:
        """The name of the uplink behind each watched link of an edge."""
        named = {
            link: name
            for by in (known.interfaces, known.links)
            for (owner, name), link in by.items()
            if owner == edge.casefold() and (by is known.links or link not in known.keyed)
        }
        return {link: name for link, name in named.items() if link in known.watched_links}

    def network_of(self, edge: str) -> str | None:
        return next((network for network, owner in self.networks.items() if owner == edge.casefold()), None)


def units(known: Directory) -> Units:
    """What the inventory says: the edge id itself, and all serials of the device."""
    edges = {serial.casefold(): edge for edge, device in known.devices.items() for serial in device.serials}
    return Units({**edges, **{edge: edge for edge in known.devices}})


def learned(before: Units, appliances: Iterable[tuple[str, str | None]]) -> Units:
    """`before`, and what (serial, network) of the host's appliances add: the networks of our devices, and every other
    appliance there. A network has one appliance or one warm-spare pair; one with two devices of ours teaches nothing.
    """
    listed = [(serial.casefold(), network) for serial, network in appliances if network]
    owners: dict[str, set[str]] = {}
    for serial, network in listed:
        if serial in before.edges:
            owners.setdefault(network, set()).add(before.edges[serial])
    networks = {**before.networks, **{network: min(edges) for network, edges in owners.items() if len(edges) == 1}}
    for network, edges in owners.items():
        if len(edges) > 1:
            networks.pop(network, None)
    more = {serial: networks[network] for serial, network in listed if network in networks}
    return Units({**more, **before.edges}, networks)
