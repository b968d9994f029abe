"""Which device, link and site of ours the manager's system IPs, colours and interfaces mean. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from collector.orchestrator.catalyst.rows import DeviceRow, WanRow
from collector.orchestrator.directory import Directory
from inventory.model import Device

End = tuple[str, str]
"""One end of tunnels (a TLOC): system IP and colour."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The fleet as the manager last listed it. `edges` gives the inventory's edge id by system IP, `colours` and
    `interfaces` the pairing of a device's transports, `sites` the site of every system IP, ours or not."""

    known: Directory
    edges: Mapping[str, str]
    colours: Mapping[tuple[str, str], str]
    interfaces: Mapping[End, str]
    sites: Mapping[str, str]

    def device_at(self, address: str) -> Device | None:
        """Our device with a system IP."""
        edge = self.edges.get(address)
        return self.known.device_of(edge, None) if edge is not None else None

    def link_of(self, address: str, colour: str) -> str | None:
        """Our watched link of a colour: by the colour, else by the interface that has it."""
        edge = self.edges.get(address)
        link = self.known.link_of(edge, colour, self.interfaces.get((address, colour)))
        return link if link in self.known.watched_links else None

    def link_at(self, address: str, interface: str) -> str | None:
        """Our watched link at an interface."""
        colour = self.colours.get((address, interface.casefold()))
        link = self.known.link_of(self.edges.get(address), colour, interface)
        return link if link in self.known.watched_links else None


def places(devices: Sequence[DeviceRow], wan: Iterable[WanRow], known: Directory) -> Places:
    """A device is found by its uuid (its chassis number), else by its system IP, whichever the inventory names."""
    edges = {}
    for row in devices:
        identity = next((one for one in (row.uuid, row.address) if known.device_of(one, None) is not None), None)
        if identity is not None:
            edges[row.address] = identity
    named = [row for row in wan if row.interface is not None]
    return Places(
        known=known,
        edges=edges,
        colours={(row.address, str(row.interface).casefold()): row.colour for row in named},
        interfaces={(row.address, row.colour): str(row.interface) for row in named},
        sites={row.address: row.site for row in devices if row.site is not None},
    )
