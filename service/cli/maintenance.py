"""`lineproof inventory maintenance`: announced work, from people and calendars."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.running import AsJson, SettingsFile, print_json, run

if TYPE_CHECKING:
    from config.expected import Place
    from inventory.changes import Changes
    from inventory.model import Inventory, MaintenanceWindow

app = typer.Typer(no_args_is_help=True, help="Announced work: it suppresses new cases, and availability leaves it out.")

Sites = Annotated[str, typer.Option("--sites", metavar="ID[,ID...]", help="Sites that the work is at.")]
Links = Annotated[str, typer.Option("--links", metavar="ID[,ID...]", help="Lines that the work is on.")]
ZoneName = Annotated[
    str | None, typer.Option("--timezone", metavar="ZONE", help="IANA zone of times without one; default: the sites'.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")]


@app.command("list")
def list_windows(
    site: Annotated[str | None, typer.Argument(metavar="[SITE]", help="Any alias of one site.")] = None,
    past: Annotated[bool, typer.Option("--past", help="Work that is over too.")] = False,
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Announced work under way and to come, and the mails of carriers that need a person."""
    run(_list(site, past, config, as_json))


@app.command("import")
def import_calendar(
    file: Annotated[Path, typer.Argument(metavar="FILE.ics", help="An iCalendar file (RFC 5545).")],
    sites: Sites = "",
    links: Links = "",
    timezone: ZoneName = None,
    dry_run: DryRun = False,
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Take the events of a calendar as announced work. Without --sites or --links each event's own words say where:
    site ids and aliases, circuit ids, X-MAINTNOTE properties. What nobody knows is listed, and gives exit code 1."""
    raise typer.Exit(run(_import(file, _split(sites), _split(links), timezone, dry_run, config, as_json)))


@app.command("add")
def add(
    start: Annotated[str, typer.Option("--start", metavar="TIME", help="2026-12-05 01:00, of --timezone.")],
    end: Annotated[str, typer.Option("--end", metavar="TIME")],
    identity: Annotated[str, typer.Argument(metavar="ID", help="A name for it, such as the carrier's number.")],
    sites: Sites = "",
    links: Links = "",
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="What is done.")] = "",
    recurrence: Annotated[
        str, typer.Option("--recurrence", metavar="RRULE", help="FREQ=WEEKLY;BYDAY=SU, as in RFC 5545.")
    ] = "",
    timezone: ZoneName = None,
    tentative: Annotated[bool, typer.Option("--tentative", help="It may not come; it suppresses nothing.")] = False,
    config: SettingsFile = None,
) -> None:
    """Announce work, or put it in the place of that with the same ID."""
    document: dict[str, object] = {
        "id": identity,
        "start": start,
        "end": end,
        "reason": reason,
        "recurrence": recurrence,
        "timezone": timezone,
        "status": "tentative" if tentative else "confirmed",
    }
    run(_add(document, _split(sites), _split(links), config))


@app.command("cancel")
def cancel(
    identity: Annotated[str, typer.Argument(metavar="ID", help="As `list` shows it.")],
    config: SettingsFile = None,
) -> None:
    """Call announced work off: it suppresses and excuses nothing, and stays on record. Recurring work ends now."""
    run(_cancel(identity, config))


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


async def _list(name: str | None, past: bool, config: Path | None, as_json: bool) -> None:
    from config.clock import rfc3339
    from inventory.describe import work_words
    from inventory.maintenance import announced, at_site, upcoming
    from inventory.model import MaintenanceStatus
    from service.cli.running import site_named
    from service.installation import opened
    from triage.mail.aside import set_aside_mails

    async with opened(config) as installation:
        inventory, now = await installation.inventory(), installation.clock.now()
        windows = list(inventory.maintenance)
        if name is not None:
            windows = at_site(inventory, (await site_named(installation, name)).id)
        aside = set_aside_mails(installation.settings.data) if name is None else []
    shown = [(upcoming(window, now), window) for window in windows]
    due = [(span or (window.start, window.end), window) for span, window in shown if past or span is not None]
    due.sort(key=lambda one: (one[0], one[1].id))
    if as_json:
        print_json({
            "windows": [
                {
                    "id": window.id, "from": rfc3339(begins), "until": rfc3339(ends),
                    "under_way": begins <= now < ends, "counts": announced(window), "sites": list(window.sites),
                    "links": list(window.links), "status": window.status.value, "source": window.source.value,
                    "recurrence": window.recurrence, "timezone": window.timezone, "reason": window.reason,
                }
                for (begins, ends), window in due
            ],
            "mails_set_aside": [{"file": str(one.path), "why": one.why, "title": one.title} for one in aside],
        })  # fmt: skip
        return
    for (begins, ends), window in due:
        state = "under way" if begins <= now < ends else "over" if ends <= now else "to come"
        if window.status is MaintenanceStatus.CANCELLED:
            state = "called off"
        where = ", ".join([*window.sites, *window.links]) or "on no line that is known"
        print(f"{window.id}  {rfc3339(begins)} to {rfc3339(ends)}  {state}  {where}")
        print(f"  {work_words(window)}{f'; {window.reason}' if window.reason else ''}")
    for one in aside:
        print(f"NEEDS A PERSON: {one.title}\n  {one.why}\n  {one.path}")
    if aside:
        print("Settle each, for example with `lineproof inventory maintenance add`, then remove its .eml and .why.")
    if not due and not aside:
        print("no work is announced")


async def _import(
    file: Path,
    sites: tuple[str, ...],
    links: tuple[str, ...],
    zone: str | None,
    dry_run: bool,
    config: Path | None,
    as_json: bool,
) -> int:
    from dataclasses import asdict

    from config.errors import ConfigurationError
    from inventory.calendar_file import LARGEST, Target, read_calendar
    from inventory.changes import diff
    from inventory.quantities import checked_zone
    from inventory.repository import load_inventory, replace_inventory
    from service.installation import opened

    try:
        with file.open("rb") as opened_file:
            content = opened_file.read(LARGEST + 1)
        zone = checked_zone(zone) if zone is not None else None
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise ConfigurationError(f"--timezone {zone}: expected {error}") from None
    async with opened(config) as installation:
        database, now = installation.database, installation.clock.now()
        async with database.reading() if dry_run else database.writing() as connection:
            known = await load_inventory(connection)
            _check_known(known, sites, links)
            reading = read_calendar(content, known, Target(sites=sites, links=links, zone=zone), now)
            fresh = _of(reading.windows)
            changes = diff(known, fresh) if dry_run else await replace_inventory(connection, fresh)
    troubles = {"unmatched": reading.unmatched, "refused": reading.refused, "older": reading.older}
    if as_json:
        print_json({**asdict(changes), **troubles})
    else:
        _print_changes(changes, dry_run=dry_run)
        for what, sentences in troubles.items():
            for sentence in sentences:
                print(f"{what.upper() if what != 'older' else 'not newer than what is known'}: {sentence}")
    return 1 if reading.unmatched or reading.refused else 0


def _check_known(known: Inventory, sites: tuple[str, ...], links: tuple[str, ...]) -> None:
    from config.errors import NotFoundError

    for names, there, what in ((sites, known.sites, "site"), (links, known.links, "line")):
        for name in names:
            if name not in there:
                raise NotFoundError(f"no {what} has the id {name}; `lineproof inventory show` finds it by its alias")


def _option(place: Place) -> tuple[str, int | None, str]:
    """Where a fault of the work was typed."""
    return "the work", None, f"--{place[-1]}" if place and place[-1] != "id" else "ID"


async def _add(
    document: dict[str, object], sites: tuple[str, ...], links: tuple[str, ...], config: Path | None
) -> None:
    from inventory.importing import inventory_of
    from inventory.repository import load_inventory, replace_inventory
    from service.installation import opened

    async with opened(config) as installation, installation.database.writing() as connection:
        known = await load_inventory(connection)
        _check_known(known, sites, links)
        given = {key: value for key, value in document.items() if value not in (None, "")}
        given |= {"sites": list(sites), "links": list(links)}
        fresh = inventory_of({"maintenance": [given]}, "the work", locate=_option, known=known)
        changes = await replace_inventory(connection, fresh)
    _print_changes(changes, dry_run=False)


async def _cancel(identity: str, config: Path | None) -> None:
    from config.errors import NotFoundError
    from inventory.maintenance import announced, called_off, upcoming
    from inventory.model import MaintenanceStatus
    from inventory.notices import announcement
    from inventory.repository import load_inventory, replace_inventory
    from service.installation import opened

    async with opened(config) as installation, installation.database.writing() as connection:
        windows = {window.id: window for window in (await load_inventory(connection)).maintenance}
        if identity not in windows:
            raise NotFoundError(f"no work is announced as {identity}; `lineproof inventory maintenance list` has all")
        now = installation.clock.now()
        cancelled = called_off(windows[identity], now)
        await replace_inventory(connection, _of([cancelled]))
    off = cancelled.status is MaintenanceStatus.CANCELLED
    print(f"{identity} is cancelled{'' if off else '; the times that were stay left out of availability'}")
    for other in windows.values():
        of_the_same = other.notice.id and other.id != identity and announcement(other) == announcement(cancelled)
        if of_the_same and announced(other) and upcoming(other, now):
            print(f"{other.id} came with it and stays; `lineproof inventory maintenance cancel {other.id}` ends it too")


def _of(windows: list[MaintenanceWindow]) -> Inventory:
    from inventory.model import Inventory

    return Inventory.of(maintenance=windows)


def _print_changes(changes: Changes, *, dry_run: bool) -> None:
    from rich.console import Console

    from inventory.render import render_changes

    Console().print(render_changes(changes, dry_run=dry_run))
