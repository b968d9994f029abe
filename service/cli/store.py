"""`lineproof store` and `lineproof db`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer

from service.cli.running import AsJson, SettingsFile, print_json, run

if TYPE_CHECKING:
    from collector.store.embedded import EmbeddedStore
    from collector.store.exporting import Wanted, Written
    from collector.store.inspect import LinkStats
    from service.installation import Installation

app = typer.Typer(no_args_is_help=True, help="The measurement store: what is in it, whether it is whole.")
db_app = typer.Typer(no_args_is_help=True, help="The records database.")

LOCK_WAIT = 10.0
"""Real seconds that `maintain` waits for the collector's own upkeep to end."""
KINDS = ("samples", "facts", "hours", "days")


@app.command("stats")
def stats(
    config: SettingsFile = None,
    by_link: Annotated[
        bool, typer.Option("--links", help="Each link too: coverage and gaps; reads the samples.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """How much is stored, since when, what was set aside, and what waits."""
    run(_stats(config, by_link, as_json))


@app.command("verify")
def verify(
    config: SettingsFile = None,
    keep: Annotated[bool, typer.Option("--keep", help="Only tell; set nothing aside.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="First make a damaged manifest anew.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check every part against the manifest and set aside what is damaged; exit code 1 when something was found."""
    raise typer.Exit(run(_verify(config, keep, rebuild, as_json)))


@app.command("maintain")
def maintain(config: SettingsFile = None, as_json: AsJson = False) -> None:
    """Seal, merge, roll up and expire now; the collector does it by itself while it runs. Exit code 1 when a damaged
    part was set aside."""
    raise typer.Exit(run(_maintain(config, as_json)))


@app.command("export")
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR")],
    form: Annotated[str, typer.Option("--format", help="parquet or csv")] = "parquet",
    links: Annotated[
        list[str] | None, typer.Option("--link", metavar="LINK", help="Only this one; repeatable.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="T", help="From this time on (UTC where no zone is given).")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="Up to this time; default now.")] = None,
    what: Annotated[str, typer.Option(help="Any of samples,facts,hours,days.")] = "samples,facts",
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that is not empty.")] = False,
    config: SettingsFile = None,
) -> None:
    """Write measurements as files that any tool reads, by day; those still in the journal are in."""
    run(_export(config, folder, form, links or [], since, until, what, force))


@db_app.command("upgrade")
def upgrade(config: SettingsFile = None) -> None:
    """Create or update the records database's tables."""
    run(_upgrade(config))


@db_app.command("audit")
def audit(
    head: Annotated[
        list[str] | None, typer.Option("--head", metavar="SHA256", help="A head that somebody wrote down.")
    ] = None,
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Walk the whole audit trail and hold it against the heads that were written down; exit code 1 at the first row
    that does not fit."""
    raise typer.Exit(run(_audit(config, head or [], as_json)))


async def _audit(config: Path | None, heads: Sequence[str], as_json: bool) -> int:
    from service.auditing import checked, read_heads, unknown_heads
    from service.installation import opened

    async with opened(config) as installation:
        folder = installation.settings.data
        found = await checked(installation.database, folder)
        unknown = await unknown_heads(installation.database, heads)
    fault = found.fault or "; ".join(f"no row has the digest {one}: the end was cut off or changed" for one in unknown)
    if as_json:
        print_json({**asdict(found), "fault": fault, "heads": len(read_heads(folder)) + len(heads)})
    else:
        print(fault or f"{found.rows} rows fit, head sha256 {found.head}")
    return 1 if fault else 0


def _embedded(installation: Installation, elsewhere: str) -> EmbeddedStore:
    """The store, if it is the embedded one. Raises ConfigurationError, saying what there is instead."""
    from collector.store.embedded import EmbeddedStore as Embedded
    from config.errors import ConfigurationError

    if not isinstance(installation.store, Embedded):
        raise ConfigurationError(f"the settings keep measurements in InfluxDB: {elsewhere}")
    return installation.store


async def _stats(config: Path | None, by_link: bool, as_json: bool) -> None:
    from collector.store.embedded import EmbeddedStore as Embedded
    from collector.store.inspect import journal_stats, stats_by_link
    from collector.store.inspect import stats as stats_of
    from service.cli.store_tables import LINK_HEADINGS, aligned, journal_lines, link_cells, stats_lines
    from service.installation import opened

    async with opened(config) as installation:
        store, now = installation.store, installation.clock.now()
        journal = journal_stats(installation.journal, installation.settings.store.journal_megabytes * 1_000_000)
        if not isinstance(store, Embedded):
            if by_link:
                _embedded(installation, "`store stats --links` reads an embedded store's files")
            health = await store.health()
            if as_json:
                print_json(_plain({"store": "influx", "health": asdict(health), "journal": asdict(journal)}))
            else:
                print("InfluxDB", "answers:" if health.ok else "does not answer:", health.detail)
                print("\n".join(journal_lines(journal, now)))
            return
        found = stats_of(store)
        each = list(stats_by_link(store, installation.settings.cadences(), now)) if by_link else []
    if as_json:
        document = {"store": "embedded", "folder": str(store.folder), "size": found.size, **asdict(found)}
        document |= {"journal": asdict(journal)}
        print_json(_plain(document | ({"links": [_link_document(one) for one in each]} if by_link else {})))
        return
    print(f"{store.folder}")
    print("\n".join(stats_lines(found)))
    print("\n".join(journal_lines(journal, now)))
    if each:
        print()
        print("\n".join(aligned([LINK_HEADINGS, *map(link_cells, each)], left=2)))


def _link_document(one: LinkStats) -> dict[str, Any]:
    return asdict(one) | {"coverage_percent": one.coverage_percent}


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a document holds
    """Times in RFC 3339 and spans in seconds, all through a document."""
    from config.clock import rfc3339

    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


async def _verify(config: Path | None, keep: bool, rebuild: bool, as_json: bool) -> int:
    from collector.store.inspect import verify as problems_of
    from collector.store.rebuilding import rebuild_manifest
    from service.cli.store_tables import problem_lines, remedy
    from service.installation import opened

    async with opened(config) as installation:
        store = _embedded(installation, "its files are checked by its own tools (`influxd inspect`, `influx_inspect`)")
        if rebuild:
            made = rebuild_manifest(store)
            told = [f"a new manifest names {made.parts} parts", *(f"{name} cannot be read" for name in made.unreadable)]
            print("; ".join(told), file=sys.stderr)
        problems = problems_of(store, None if keep else installation.real_clock.now())
        parts = len(store.manifest().parts)
    if as_json:
        print_json([asdict(problem) | {"remedy": remedy(problem)} for problem in problems])
    elif problems:
        print("\n".join(problem_lines(problems)))
    else:
        print(f"{parts} parts: every one is whole and as the manifest says")
    return 1 if problems else 0


async def _maintain(config: Path | None, as_json: bool) -> int:
    from collector.claim import holder_of
    from service.cli.store_tables import report_lines
    from service.installation import opened

    async with opened(config) as installation:
        clock = installation.real_clock
        until = clock.monotonic() + LOCK_WAIT
        lock = installation.settings.store.folder / "writer.lock"
        while holder_of(lock) is not None and clock.monotonic() < until:
            await clock.sleep(0.2)
        report = await installation.store.maintain(installation.clock.now())
    if as_json:
        print_json(asdict(report))
    else:
        print("\n".join(report_lines(report)))
    return 1 if report.quarantined else 0


async def _export(
    config: Path | None,
    folder: Path,
    form: str,
    links: Sequence[str],
    since: str | None,
    until: str | None,
    what: str,
    force: bool,
) -> None:
    from collector.store.embedded import EmbeddedStore as Embedded
    from collector.store.exporting import export as export_to
    from collector.store.exporting import open_folder
    from service.installation import opened
    from service.times import UsageError

    async with opened(config) as installation:
        wanted = _wanted(form, links, since, until, what, installation.clock.now())
        own = installation.settings.data.resolve()
        if folder.resolve().is_relative_to(own):
            raise UsageError(f"{folder} lies in the installation's own data folder {own}; name a folder outside of it")
        store = installation.store
        files = rows = 0
        if isinstance(store, Embedded):
            open_folder(folder, force=force)
            for written in export_to(store, folder, wanted):
                files, rows = files + 1, rows + written.rows
                _tell(written)
        else:
            if since is None:
                raise UsageError("InfluxDB is not asked how far back it reaches; say --since")
            if not {"samples", "facts"} >= wanted.kinds:
                raise UsageError("of InfluxDB samples and facts can be exported; leave hours and days out of --what")
            open_folder(folder, force=force)
            async for written in _exported_by_port(installation, folder, wanted):
                files, rows = files + 1, rows + written.rows
                _tell(written)
    print(f"{rows} rows in {files} files in {folder}" if files else f"nothing from that time: {folder} stays empty")


def _tell(written: Written) -> None:
    from service.cli.store_tables import rows_text

    print(f"{written.path}  {rows_text(written.rows)}", flush=True)


def _wanted(form: str, links: Sequence[str], since: str | None, until: str | None, what: str, now: datetime) -> Wanted:
    """What the options ask for. Raises UsageError, saying what to write instead."""
    from collector.store.exporting import Wanted as Asked
    from collector.store.manifest import Kind
    from config.clock import epoch_ms
    from service.times import UsageError

    if form not in ("parquet", "csv"):
        raise UsageError(f"--format {form!r}: choose parquet or csv")
    kinds = [name.strip() for name in what.split(",") if name.strip()]
    unknown = [name for name in kinds if name not in KINDS]
    if unknown or not kinds:
        raise UsageError(f"--what {(unknown or [what])[0]!r}: choose any of {','.join(KINDS)}")
    # A second later, so that what is being measured now is in.
    start, end = _moment(since, now) if since else 0, _moment(until, now) if until else epoch_ms(now) + 1000
    if start >= end:
        raise UsageError(f"--since {since} is not before --until {until or 'now'}; nothing lies between")
    return Asked(
        start=start,
        end=end,
        kinds=frozenset(map(Kind, kinds)),
        links=tuple(dict.fromkeys(links)),
        form="csv" if form == "csv" else "parquet",
    )


def _moment(text: str, now: datetime) -> int:
    from config.clock import epoch_ms
    from service.times import parse_moment

    day = text.strip()
    try:
        return epoch_ms(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC))
    except ValueError:
        return epoch_ms(parse_moment(text, ZoneInfo("UTC"), now))


async def _exported_by_port(installation: Installation, folder: Path, wanted: Wanted) -> AsyncIterator[Written]:
    from collector.store.exporting import export_by_port
    from config.errors import NotFoundError

    inventory = await installation.inventory()
    unknown = [link for link in wanted.links if link not in inventory.links]
    if unknown:
        raise NotFoundError(f"the inventory has no link {unknown[0]!r}; `lineproof inventory show SITE` lists a site's")
    links = wanted.links or tuple(inventory.links)
    subjects = wanted.links or (*inventory.links, *inventory.devices, *installation.settings.orchestrators)
    async for written in export_by_port(installation.store, folder, wanted, links, subjects):
        yield written


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
