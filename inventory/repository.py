"""The inventory in the records database."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Table, bindparam, delete, insert, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from config.database import Database
from inventory import tables
from inventory.changes import Changes, diff, items_of
from inventory.differences import outcome
from inventory.importing import read_inventory
from inventory.listing import Listing
from inventory.model import Client, Device, Inventory, Link, MaintenanceWindow, Site
from inventory.reconcile import reconciled

# In the order in which foreign keys allow them to be written.
_KINDS: tuple[tuple[str, Table, TypeAdapter[Any]], ...] = (
    ("clients", tables.client, TypeAdapter(Client)),
    ("sites", tables.site, TypeAdapter(Site)),
    ("devices", tables.device, TypeAdapter(Device)),
    ("links", tables.link, TypeAdapter(Link)),
    ("maintenance", tables.maintenance, TypeAdapter(MaintenanceWindow)),
)


async def load_inventory(connection: AsyncConnection) -> Inventory:
    """The whole inventory, each kind ordered by id, maintenance by its start."""
    aliases: dict[str, list[str]] = {}
    for row in await connection.execute(select(tables.site_alias).order_by("site", "position")):
        aliases.setdefault(row.site, []).append(row.alias)
    kinds = []
    for section, table, adapter in _KINDS:
        order = (table.c.start, table.c.id) if section == "maintenance" else (table.c.id,)
        found = (await connection.execute(select(table).order_by(*order))).mappings()
        rows: list[dict[str, Any]] = [dict(row) for row in found]
        if section == "sites":
            rows = [{**row, "aliases": aliases.get(row["id"], ())} for row in rows]
        kinds.append([adapter.validate_python(row) for row in rows])
    return Inventory.of(*kinds)


async def inventory_digest(connection: AsyncConnection) -> str:
    """A digest of all inventory rows: another one when anything has changed; much cheaper than loading them."""
    digest = hashlib.sha256()
    for table in (*(table for _, table, _ in _KINDS), tables.site_alias):
        order = ", ".join(column.name for column in table.primary_key)
        rows = await connection.execute(text(f"SELECT * FROM {table.name} ORDER BY {order}"))  # noqa: S608
        digest.update(repr(rows.all()).encode())
    return digest.hexdigest()


async def replace_inventory(connection: AsyncConnection, inventory: Inventory) -> Changes:
    """Add the items of `inventory`, put them in the place of those with the same id, leave all others untouched.

    Writes within the caller's transaction, and only what differs. References must be right (`read_inventory`).
    """
    changes = diff(await load_inventory(connection), inventory)
    for section, table, adapter in _KINDS:
        items = items_of(inventory, section)
        added = [items[change.id] for change in changes.added if change.section == section]
        changed = [items[change.id] for change in changes.changed if change.section == section]
        if added:
            await connection.execute(insert(table), [_row(adapter, item) for item in added])
        if changed:
            statement = update(table).where(table.c.id == bindparam("key"))
            await connection.execute(statement, [{"key": item.id, **_row(adapter, item)} for item in changed])
        if section == "sites":
            await _write_aliases(connection, [*added, *changed])
    return changes


async def import_file(database: Database, path: Path, *, dry_run: bool) -> Changes:
    """Import a YAML or CSV file in one transaction, or with `dry_run` only tell what that would change.

    Raises ConfigurationError with every fault of the file; then nothing is imported.
    """
    async with database.reading() if dry_run else database.writing() as connection:
        known = await load_inventory(connection)
        inventory = read_inventory(path, known)
        return diff(known, inventory) if dry_run else await replace_inventory(connection, inventory)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What accepting differences wrote, and of those that were not written why, by id."""

    changes: Changes
    refused: Mapping[str, str]


async def accept_differences(database: Database, listing: Listing, wanted: Collection[str]) -> Acceptance:
    """Write the differences with these ids in one transaction, in which the listing is compared once more: what the
    inventory no longer has as it was when the id was given is not written."""
    async with database.writing() as connection:
        known = await load_inventory(connection)
        found = {each.id: each for each in reconciled(listing, known)}
        made = outcome(known, [found[name] for name in wanted if name in found and found[name].acceptable])
        changes = await replace_inventory(connection, made.items)
    refused = dict(made.refused)
    for name in wanted:
        if name not in found:
            refused[name] = "inventory and host no longer differ in this, or in another way than when it was shown"
        elif not found[name].acceptable:
            refused[name] = found[name].blocked or "this is told only; it is for you to settle, in the inventory's file"
    return Acceptance(changes, refused)


def _row(adapter: TypeAdapter[Any], item: object) -> dict[str, Any]:
    row: dict[str, Any] = adapter.dump_python(item, mode="json")
    row.pop("aliases", None)
    return row


async def _write_aliases(connection: AsyncConnection, sites: Sequence[Site]) -> None:
    table = tables.site_alias
    if sites:
        await connection.execute(delete(table).where(table.c.site == bindparam("key")), [{"key": s.id} for s in sites])
    rows = [
        {"site": site.id, "alias": alias, "position": position}
        for site in sites
        for position, alias in enumerate(site.aliases)
    ]
    if rows:
        await connection.execute(insert(table), rows)
