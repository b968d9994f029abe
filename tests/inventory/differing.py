"""Helpers of the tests that compare a host with the inventory."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from inventory.changes import merged
from inventory.differences import Difference, DifferenceKind, outcome
from inventory.listing import ListedEdge, ListedLink
from inventory.model import (
    Device,
    Inventory,
    Link,
)


def changed(inventory: Inventory, item: Device | Link, **values: Any) -> Inventory:
    """The inventory with one item otherwise."""
    other = replace(item, **values)
    section = {"devices": [other]} if isinstance(other, Device) else {"links": [other]}
    return merged(inventory, Inventory.of(**section))  # type: ignore[arg-type]


def kinds(found: Sequence[Difference]) -> list[str]:
    return [each.kind.value for each in found]


def only(found: Sequence[Difference], kind: DifferenceKind) -> Difference:
    assert kinds(found) == [kind.value]
    return found[0]


def written(inventory: Inventory, found: Sequence[Difference]) -> Inventory:
    """The inventory after everything that can be accepted was."""
    return merged(inventory, outcome(inventory, [each for each in found if each.acceptable]).items)


def new_edge(**changes: Any) -> ListedEdge:
    return replace(
        ListedEdge(
            edge_id="811",
            enterprise_id="41",
            enterprise_name="Acme Dental|90001|",
            name="ACME-0811 River Road",
            model="edge610",
            serials=("VC8110",),
            address="811 River Road, Peoria, IL",
            timezone="America/Chicago",
            links=(
                ListedLink(id="r-2", interface="USB1", isp="Summit Wireless", wireless=True, backup=True),
                ListedLink(id="r-1", interface="GE1", isp="Valley Cable", down_bps=300e6, up_bps=20e6),
            ),
        ),
        **changes,
    )
