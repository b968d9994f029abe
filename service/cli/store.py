"""`lineproof store` and `lineproof db`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from service.cli.running import AsJson, SettingsFile, print_json, run

app = typer.Typer(no_args_is_help=True, help="The measurement store: what is in it, whether it is whole.")
db_app = typer.Typer(no_args_is_help=True, help="The records database.")


@app.command("stats")
def stats(config: SettingsFile = None, as_json: AsJson = False) -> None:
    """How much is stored, since when, and what waits."""
    run(_inspected("stats", config, as_json))


@app.command("verify")
def verify(config: SettingsFile = None, as_json: AsJson = False) -> None:
    """Read every part and compare it with the manifest; exit code 1 when something is wrong."""
    raise typer.Exit(run(_inspected("verify", config, as_json)))


@app.command("maintain")
def maintain(config: SettingsFile = None, as_json: AsJson = False) -> None:
    """Seal, merge and expire now; the collector does it by itself while it runs."""
    run(_maintained(config, as_json))


@app.command("export")
def export(folder: Annotated[Path, typer.Argument(metavar="DIR")], config: SettingsFile = None) -> None:
    """Write everything as Parquet files that any tool reads."""
    run(_exported(folder, config))


@db_app.command("upgrade")
def upgrade(config: SettingsFile = None) -> None:
    """Create or update the records database's tables."""
    run(_upgraded(config))


async def _inspected(what: str, config: Path | None, as_json: bool) -> int:
    from dataclasses import asdict

    from collector.store import inspect
    from service.installation import opened

    async with opened(config) as installation:
        report = await getattr(inspect, what)(installation.store)
    document = asdict(report)
    if as_json:
        print_json(document)
    else:
        for name, value in document.items():
            print(f"{name:24} {value}")
    return 0 if getattr(report, "ok", True) else 1


async def _maintained(config: Path | None, as_json: bool) -> None:
    from dataclasses import asdict

    from service.installation import opened

    async with opened(config) as installation:
        report = asdict(await installation.store.maintain(installation.clock.now()))
    if as_json:
        print_json(report)
    else:
        print(", ".join(f"{name} {value}" for name, value in report.items()))


async def _exported(folder: Path, config: Path | None) -> None:
    from collector.store import inspect
    from service.installation import opened

    async with opened(config) as installation:
        for path in await inspect.export(installation.store, folder):
            print(path)


async def _upgraded(config: Path | None) -> None:
    from config.database import Database
    from service.installation import find_settings
    from service.migrations import upgrade as upgrade_schema
    from service.settings import read_settings

    settings = read_settings(find_settings(config))
    settings.data.mkdir(parents=True, exist_ok=True)
    database = Database(settings.records or settings.data / "records.db")
    before, after = await upgrade_schema(database)
    await database.close()
    print(f"records database: schema {before or 'empty'} -> {after}")
