"""The records database's schema: `lineproof db upgrade` brings it up to date; nothing else creates a table.

Alembic is loaded by `upgrade` alone: every process of the service asks `is_current` and should not carry it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from config.database import Database
from config.errors import ConfigurationError

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent / "alembic"


def alembic_config(connection: Connection | None = None) -> Config:
    from alembic.config import Config as AlembicConfig

    config = AlembicConfig()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The newest revision: they are numbered, and each file begins with its own."""
    return max(path.name.partition("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))


def _revision(connection: Connection) -> str | None:
    """The revision that the database says it has; None for one that was never upgraded."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return found


async def upgrade(database: Database) -> tuple[str | None, str | None]:
    """Bring the schema to this version's; returns the revisions before and after. Safe to call again."""
    from alembic import command

    def run(connection: Connection) -> tuple[str | None, str | None]:
        before = _revision(connection)
        command.upgrade(alembic_config(connection), "head")
        return before, _revision(connection)

    async with database.writing() as connection:
        return await connection.run_sync(run)


async def is_current(database: Database) -> None:
    """Raises ConfigurationError unless the schema is this version's."""
    async with database.reading() as connection:
        found = await connection.run_sync(_revision)
    if found != head():
        state = "is new" if found is None else f"has schema {found}, this version needs {head()}"
        raise ConfigurationError(f"the records database {state}; run `lineproof db upgrade`")
