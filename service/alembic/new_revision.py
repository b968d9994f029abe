"""Writes a new migration: the difference between the declared tables and what the migrations so far make."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from alembic import command
from sqlalchemy.engine import Connection

from config.database import Database
from service.migrations import FOLDER, alembic_config, upgrade


async def write_revision(message: str) -> None:
    number = len(list((FOLDER / "versions").glob("[0-9]*.py"))) + 1

    def autogenerate(connection: Connection) -> None:
        command.revision(alembic_config(connection), message=message, autogenerate=True, rev_id=f"{number:04}")

    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "records.db")
        await upgrade(database)
        async with database.writing() as connection:
            await connection.run_sync(autogenerate)
        await database.close()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit('usage: new_revision.py "what changes"')
    asyncio.run(write_revision(sys.argv[1]))
