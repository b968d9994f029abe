"""The manager's inventory as a listing. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from collector.orchestrator.catalyst.places import Places
from collector.orchestrator.catalyst.rows import EDGE, DeviceRow, InterfaceRow, InventoryRow, WanRow
from inventory.listing import ListedEdge, ListedLink

WIRELESS = frozenset({"lte", "3g", "5g"})
"""Colours that name radio access. Any colour may be given to any line, so others say nothing."""


def listed_edges(
    devices: Sequence[DeviceRow],
    inventory: Iterable[InventoryRow],
    wan: Iterable[WanRow],
    interfaces: Iterable[InterfaceRow],
    places: Places,
) -> list[ListedEdge]:
    """Every edge that is listed as a device or in the manager's own inventory; one that is only there never came up.
    `edge_id` is what our inventory calls the edge, else its uuid."""
    rates = {(row.address, row.interface.casefold()): row for row in interfaces}
    links: dict[str, list[ListedLink]] = {}
    for row in wan:
        links.setdefault(row.address, []).append(_listed_link(row, rates))
    on_file = {row.uuid: row for row in inventory}
    edges = []
    for device in devices:
        if device.personality not in (EDGE, None):
            continue
        filed = on_file.pop(device.uuid or "", None)
        serial = (filed.serial if filed else None) or device.serial
        edges.append(
            ListedEdge(
                edge_id=places.edges.get(device.address) or device.uuid or device.address,
                name=device.name or "",
                model=device.model or (filed.model if filed else None) or "",
                serials=(serial,) if serial else (),
                links=tuple(links[device.address]) if device.address in links else None,
            )
        )
    never_up = (
        ListedEdge(
            edge_id=filed.uuid,
            name=filed.name or "",
            model=filed.model or "",
            serials=(filed.serial,) if filed.serial else (),
            activated=False,
        )
        for filed in on_file.values()
    )
    return [*edges, *never_up]


def _listed_link(row: WanRow, rates: Mapping[tuple[str, str], InterfaceRow]) -> ListedLink:
    configured = rates.get((row.address, (row.interface or "").casefold()))
    return ListedLink(
        id=row.colour,
        interface=row.interface,
        name=row.colour,
        down_bps=_rate(configured.down_bps) if configured else None,
        up_bps=_rate(configured.up_bps) if configured else None,
        wireless=True if row.colour.lower() in WIRELESS else None,
        backup=row.last_resort,
    )


def _rate(bps: float) -> float | None:
    return None if math.isnan(bps) else bps
