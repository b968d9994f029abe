"""The migrations make exactly the tables that the code declares."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import collector.tables
import inventory.tables
import triage.tables
from config.database import Database, metadata
from config.errors import ConfigurationError
from service.migrations import alembic_config, head, is_current, upgrade

pytestmark = pytest.mark.rim

DECLARED = (collector.tables, inventory.tables, triage.tables)


async def test_the_migrated_schema_is_the_declared_one(tmp_path: Path):
    database = Database(tmp_path / "records.db")
    assert await upgrade(database) == (None, head())
    async with database.reading() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
        )
    await database.close()
    assert differences == []


def test_the_newest_file_is_the_revision_that_alembic_would_upgrade_to():
    assert ScriptDirectory.from_config(alembic_config()).get_heads() == [head()]


async def test_upgrading_again_changes_nothing(tmp_path: Path):
    database = Database(tmp_path / "records.db")
    _, head = await upgrade(database)
    assert await upgrade(database) == (head, head)
    await is_current(database)
    await database.close()


async def test_a_new_database_says_which_command_makes_it(tmp_path: Path):
    database = Database(tmp_path / "records.db")
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
