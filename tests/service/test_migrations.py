"""The migrations make exactly the tables that the code declares."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

import collector.tables
import inventory.tables
import triage.tables
from config.database import Database, metadata
from config.errors import ConfigurationError
from service.migrations import alembic_config, head, is_current, upgrade
from triage import repository
from triage.audit import verify_chain

pytestmark = pytest.mark.rim

DECLARED = (collector.tables, inventory.tables, triage.tables)


async def test_the_migrated_schema_is_the_declared_one(records_at: str | Path):
    database = Database(records_at)
    assert await upgrade(database) == (None, head())
    async with database.reading() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
        )
    await database.close()
    assert differences == []


def test_the_newest_file_is_the_revision_that_alembic_would_upgrade_to():
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [head()]


async def test_upgrading_again_changes_nothing(records_at: str | Path):
    database = Database(records_at)
    _, head = await upgrade(database)
    assert await upgrade(database) == (head, head)
    await is_current(database)
    await database.close()


async def test_a_new_database_says_which_command_makes_it(records_at: str | Path):
    database = Database(records_at)
    with pytest.raises(ConfigurationError, match="lineproof db upgrade"):
        await is_current(database)
    await database.close()


async def test_a_database_of_another_version_says_which_it_has(tmp_path: Path):
    database = Database(tmp_path / "records.db")
    await upgrade(database)
    async with database.writing() as connection:
        await connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(ConfigurationError, match="has schema 9999, this version needs " + head()):
        await is_current(database)
    await database.close()


OLD_DECISIONS = (
    (1, 5, 1, "store-114", 1_772_539_200_000, "trouble_suspected", "sha256:1", ""),
    (2, 9, None, None, 1_772_539_260_000, "claim_refused", "sha256:1", "acme hat keine Filiale „7“"),
)


async def test_decisions_of_before_begin_the_audit_trail_and_come_back_from_it(records_at: str | Path):
    database = Database(records_at)
    await _to(database, "0003")
    async with database.writing() as connection:
        for row in OLD_DECISIONS:
            names = [f"column{place}" for place in range(len(row))]
            values = ", ".join(f":{name}" for name in names)
            told = text(f"INSERT INTO triage_decision VALUES ({values})")
            await connection.execute(told, dict(zip(names, row, strict=True)))
    await upgrade(database)
    async with database.reading() as connection:
        checked = await verify_chain(connection)
        (held,) = await repository.decisions_of(connection, site="store-114")
        (refused,) = await repository.decisions_on(connection, 9)
    assert (checked.ok, checked.rows) == (True, 2)
    assert (held.case, held.reason, held.policy) == ("C-1", "trouble_suspected", "sha256:1")
    assert (refused.case, refused.detail) == (None, "acme hat keine Filiale „7“")
    await _to(database, "0003")
    async with database.reading() as connection:
        kept = (await connection.exec_driver_sql("SELECT * FROM triage_decision ORDER BY number")).all()
    await database.close()
    assert [tuple(row) for row in kept] == list(OLD_DECISIONS)


async def _to(database: Database, revision: str) -> None:
    def run(connection: Connection) -> None:
        there = connection.dialect.has_table(connection, "alembic_version")
        move = command.downgrade if there else command.upgrade
        move(alembic_config(connection), revision)

    async with database.writing() as connection:
        await connection.run_sync(run)
