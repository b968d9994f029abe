"""The records database's schema: `lineproof db upgrade` brings it up to date; nothing else creates a table."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from config.database import Database
from config.errors import ConfigurationError

FOLDER = Path(__file__).parent / "alembic"


def alembic_config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    return config


def _head() -> str | None:
    return ScriptDirectory.from_config(alembic_config()).get_current_head()


async def upgrade(database: Database) -> tuple[str | None, str | None]:
    """Bring the schema to this version's; returns the revisions before and after. Safe to call again."""

    def run(connection: Connection) -> tuple[str | None, str | None]:
        before = MigrationContext.configure(connection).get_current_revision()
        command.upgrade(alembic_config(connection), "head")
        return before, MigrationContext.configure(connection).get_current_revision()

    async with database.writing() as connection:
        return await connection.run_sync(run)


async def is_current(database: Database) -> None:
    """Raises ConfigurationError unless the schema is this version's."""
    async with database.reading() as connection:
        found = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    if found != _head():
        state = "is new" if found is None else f"has schema {found}, this version needs {_head()}"
        raise ConfigurationError(f"the records database {state}; run `lineproof db upgrade`")
