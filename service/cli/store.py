"""`lineproof store` and `lineproof db`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.running import AsJson, SettingsFile, print_json, run

if TYPE_CHECKING:
    from collector.store.embedded import EmbeddedStore
    from collector.store.port import MeasurementStore

app = typer.Typer(no_args_is_help=True, help="The measurement store: what is in it, whether it is whole.")
db_app = typer.Typer(no_args_is_help=True, help="The records database.")


@app.command("stats")
def stats(config: SettingsFile = None, as_json: AsJson = False) -> None:
    """How much is stored, since when, and what waits."""
    run(_stats(config, as_json))


@app.command("verify")
def verify(config: SettingsFile = None, as_json: AsJson = False) -> None:
    """Read every part and compare it with the manifest; exit code 1 when something is wrong."""
    raise typer.Exit(run(_verify(config, as_json)))


@app.command("maintain")
def maintain(config: SettingsFile = None, as_json: AsJson = False) -> None:
    """Seal, merge and expire now; the collector does it by itself while it runs."""
    run(_maintain(config, as_json))


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    form: Annotated[str, typer.Option("--format", help="parquet or csv")] = "parquet",
    config: SettingsFile = None,
) -> None:
    """Write everything as files that any tool reads."""
    run(_export(folder, form, config))


@db_app.command("upgrade")
def upgrade(config: SettingsFile = None) -> None:
    """Create or update the records database's tables."""
    run(_upgrade(config))


def _embedded(store: MeasurementStore) -> EmbeddedStore:
    """The store, if it is the embedded one. Raises ConfigurationError: InfluxDB has tools of its own."""
    from collector.store.embedded import EmbeddedStore as Embedded
    from config.errors import ConfigurationError

    if not isinstance(store, Embedded):
        raise ConfigurationError(
            "this looks after the embedded store; the settings name influx, which has its own tools"
        )
    return store


async def _stats(config: Path | None, as_json: bool) -> None:
    from collector.store.inspect import stats as stats_of
    from config.clock import rfc3339
    from service.installation import opened

    async with opened(config) as installation:
        found = stats_of(_embedded(installation.store))
    oldest, newest = (rfc3339(moment) if moment else None for moment in (found.oldest, found.newest))
    if as_json:
        document = asdict(found) | {"oldest": oldest, "newest": newest, "rows": found.rows, "size": found.size}
        print_json(document)
        return
    print(f"{found.rows} rows in parts from {oldest or '-'} to {newest or '-'}, {found.size / 1e6:.1f} MB in all")
    print(f"{found.waiting} journal entries not in parts yet, journal {found.journal_size / 1e6:.1f} MB")
    for day in found.days:
        print(f"  {day.day}  {day.kind:8} {day.parts:4} parts {day.rows:10} rows {day.size / 1e6:9.2f} MB")


async def _verify(config: Path | None, as_json: bool) -> int:
    from collector.store.inspect import verify as problems_of
    from service.installation import opened

    async with opened(config) as installation:
        problems = problems_of(_embedded(installation.store))
    if as_json:
        print_json([asdict(problem) for problem in problems])
    else:
        print(
            "\n".join(f"{each.file}: {each.what}" for each in problems)
            or "every part is whole and as the manifest says"
        )
    return 1 if problems else 0


async def _maintain(config: Path | None, as_json: bool) -> None:
    from service.installation import opened

    async with opened(config) as installation:
        report = asdict(await installation.store.maintain(installation.clock.now()))
    if as_json:
        print_json(report)
    else:
        print(", ".join(f"{name} {value}" for name, value in report.items()))


async def _export(folder: Path, form: str, config: Path | None) -> None:
    from datetime import UTC, datetime

    from collector.store.inspect import export as export_to
    from config.errors import ConfigurationError
    from service.installation import opened

    if form not in ("parquet", "csv"):
        raise ConfigurationError(f"--format {form!r}: choose parquet or csv")
    async with opened(config) as installation:
        since = datetime(1970, 1, 1, tzinfo=UTC)
        chosen: Literal["parquet", "csv"] = "csv" if form == "csv" else "parquet"
        for path in export_to(_embedded(installation.store), folder, since, installation.clock.now(), chosen):
            print(path)


async def _upgrade(config: Path | None) -> None:
    from config.database import Database
    from service.installation import find_settings
    from service.migrations import upgrade as upgrade_schema
    from service.settings import read_settings

    settings = read_settings(find_settings(config))
    settings.data.mkdir(parents=True, exist_ok=True)
    database = Database(settings.records or settings.data / "records.db")
    try:
        before, after = await upgrade_schema(database)
    finally:
        await database.close()
    print(f"records database: schema {before or 'empty'} -> {after}")
