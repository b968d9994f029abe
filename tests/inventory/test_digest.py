"""The inventory's digest: another one whenever anything has changed, so that whoever watches need not load it all."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from config.database import Database
from inventory.model import Client, Device, DeviceRole, Inventory, Link, MaintenanceWindow, Site
from inventory.repository import inventory_digest, load_inventory, replace_inventory

FIRST = Inventory.of(
    clients=[Client(id="acme", name="Acme")],
    sites=[Site(id="store-1", client="acme", aliases=("1",))],
    devices=[Device(id="rtr-1", site="store-1", role=DeviceRole.ROUTER)],
    links=[Link(id="wan-1", site="store-1", device="rtr-1")],
)
MARCH = datetime(2026, 3, 1, tzinfo=UTC)
CHANGES = (
    Inventory.of(clients=[Client(id="acme", name="Acme Stores")]),
    Inventory.of(sites=[Site(id="store-1", client="acme", aliases=("1", "one"))]),
    Inventory.of(devices=[Device(id="rtr-1", site="store-1", role=DeviceRole.FIREWALL)]),
    Inventory.of(links=[Link(id="wan-1", site="store-1", device="rtr-1", carrier="Meridian")]),
    Inventory.of(maintenance=[MaintenanceWindow(id="M-1", start=MARCH, end=MARCH, sites=("store-1",))]),
)


async def test_every_change_changes_the_digest_and_nothing_else_does(tmp_path: Path) -> None:
    database = Database(tmp_path / "records.db")
    await database.create_all()
    async with database.writing() as connection:
        seen = [await inventory_digest(connection)]
        for change in (FIRST, *CHANGES):
            await replace_inventory(connection, change)
            seen.append(await inventory_digest(connection))
            before = await load_inventory(connection)
            await replace_inventory(connection, before)
            assert await inventory_digest(connection) == seen[-1]
    assert len(set(seen)) == len(seen)
    await database.close()
