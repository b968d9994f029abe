"""What is written as a file says the same when it is read."""

from pathlib import Path
from typing import Any

import pytest

from inventory.changes import merged
from inventory.differences import proposed
from inventory.importing import read_inventory
from inventory.model import Client, Inventory, Site
from inventory.reconcile import reconciled
from inventory.written import inventory_text

EXAMPLE = Path(__file__).parents[2] / "config/examples/inventory.example.yaml"


def reread(folder: Path, inventory: Inventory, known: Inventory | None = None) -> Inventory:
    path = folder / "written.yaml"
    path.write_text(
        inventory_text(inventory, ["Written by a test.\nIn two lines: \x00\x1b[2J \u2028- id: none"]), encoding="utf-8"
    )
    return read_inventory(path, known)


def test_the_example_says_the_same_when_it_is_written_and_read(tmp_path: Path) -> None:
    example = read_inventory(EXAMPLE)
    assert reread(tmp_path, example) == example


@pytest.mark.parametrize(
    "name", ["0712", "no", "1e5", "12:30", "2026-01-01", "~", "- a", "a: b", "#1", "Müller & Söhne"]
)
def test_names_that_yaml_would_read_as_something_else_stay_names(tmp_path: Path, name: str) -> None:
    odd = Inventory.of([Client(id="c", name=name)], [Site(id="s", client="c", name=name, aliases=(name, "b"))])
    assert reread(tmp_path, odd) == odd


def test_proposals_imported_from_a_file_are_what_accepting_them_writes(
    inventory: Inventory, host: Any, tmp_path: Path
) -> None:
    edge = host.same().edges[0]
    listing = host.with_link(down_bps=200e6, isp="Eastern Light", interface="GE7")
    listing = host.of(*listing.edges, new_edge_like(edge))
    found = reconciled(listing, inventory)
    assert len(found) == 4
    items = proposed(inventory, found)
    after = merged(inventory, reread(tmp_path, items, inventory))
    assert after == merged(inventory, items)
    assert reconciled(listing, after) == []


def test_proposals_for_an_empty_inventory_bring_the_clients_too(host: Any, tmp_path: Path) -> None:
    found = reconciled(host.same(), Inventory())
    assert [each.acceptable for each in found] == [False]
    after = reread(tmp_path, proposed(Inventory(), found))
    assert set(after.clients) == {"acme-dental"}
    assert reconciled(host.same(), after) == []


def new_edge_like(edge: Any) -> Any:
    from dataclasses import replace

    lines = tuple(replace(line, id=f"new-{line.id}", interface=line.interface.upper()) for line in edge.links)
    return replace(edge, edge_id="811", name="River Road", serials=("VC8110",), links=lines, timezone="America/Denver")
