"""What one orchestrator host's ids mean to us. Pure; the same for every vendor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inventory.model import Device, Inventory, LifeCycle, Monitoring, Tool


@dataclass(frozen=True, slots=True)
class Directory:
    """Keys are casefolded: edge id, and (edge id, link id or interface)."""

    devices: Mapping[str, Device]
    links: Mapping[tuple[str, str], str]
    interfaces: Mapping[tuple[str, str], str]
    keyed: frozenset[str]
    """Links whose id at the host the inventory knows: only that finds them, a port may list a replaced line too."""
    watched_devices: frozenset[str]
    watched_links: frozenset[str]
    by_device: Mapping[str, Sequence[str]]

    def device_of(self, edge: str | None, enterprise: str | None) -> Device | None:
        """The device of an edge; None when it is unknown or belongs to another enterprise than ours does."""
        device = self.devices.get(edge.casefold()) if edge is not None else None
        identity = device.orchestrator if device else None
        if identity is None or (enterprise is not None and enterprise.casefold() != identity.enterprise_id.casefold()):
            return None
        return device

    def link_of(self, edge: str | None, link_id: str | None, interface: str | None) -> str | None:
        """Our link for the host's link id, else for the interface where the inventory names no link id."""
        if edge is None:
            return None
        edge = edge.casefold()
        by_id = self.links.get((edge, link_id.casefold())) if link_id else None
        by_interface = self.interfaces.get((edge, interface.casefold())) if interface else None
        return by_id or (None if by_interface in self.keyed else by_interface)

    def enterprises(self) -> list[str]:
        """Ids of the enterprises that our devices belong to, ascending; none where the host has one tenant."""
        ids = {device.orchestrator.enterprise_id for device in self.devices.values() if device.orchestrator}
        return sorted(ids - {""}, key=lambda one: (len(one), one))

    def links_of(self, device: str) -> Sequence[str]:
        """The watched links of a device that the host can tell of, ascending."""
        return self.by_device.get(device, ())


def directory(inventory: Inventory, orchestrator: str) -> Directory:
    """The part of the inventory that an orchestrator host manages."""
    devices = {
        device.orchestrator.edge_id.casefold(): device
        for device in inventory.devices.values()
        if device.orchestrator and device.orchestrator.name == orchestrator
    }
    edges = {device.id: edge for edge, device in devices.items()}
    links, interfaces, watched = {}, {}, set()
    by_device: dict[str, list[str]] = {}
    for link in inventory.links.values():
        edge = edges.get(link.device or "")
        if edge is None or not link.is_wan:
            continue
        if link.orchestrator_link:
            links[edge, link.orchestrator_link.casefold()] = link.id
        if link.interface:
            interfaces[edge, link.interface.casefold()] = link.id
        if link.watched and _seen(link.monitoring):
            watched.add(link.id)
            if link.orchestrator_link or link.interface:
                by_device.setdefault(link.device or "", []).append(link.id)
    return Directory(
        devices=devices,
        links=links,
        interfaces=interfaces,
        keyed=frozenset(links.values()),
        watched_devices=frozenset(
            device.id
            for device in devices.values()
            if device.life_cycle is LifeCycle.LIVE and device.monitoring.subscribed and _seen(device.monitoring)
        ),
        watched_links=frozenset(watched),
        by_device={device: sorted(found) for device, found in by_device.items()},
    )


def _seen(monitoring: Monitoring) -> bool:
    return not monitoring.tools or Tool.ORCHESTRATOR in monitoring.tools
