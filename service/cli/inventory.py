"""`lineproof inventory`, `lineproof poll` and `lineproof check`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from config.clock import rfc3339
from service.cli import maintenance
from service.cli.running import AsJson, SettingsFile, print_json, run, site_named

SHORTEST_EVERY = 5
"""As in collector.snmp.schedule, which is not imported for `--help`'s sake."""

app = typer.Typer(no_args_is_help=True, help="Who and what is there: clients, sites, devices, links.")
app.add_typer(maintenance.app, name="maintenance")


@app.command("import")
def import_inventory(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A YAML file, a CSV file, or a folder of CSV files.")
    ] = None,
    orchestrator: Annotated[
        str | None, typer.Option("--orchestrator", metavar="NAME", help="Compare with what this orchestrator has.")
    ] = None,
    accept: Annotated[
        str | None,
        typer.Option("--accept", metavar="all|ID[,ID...]", help="With --orchestrator: what to take, without asking."),
    ] = None,
    no_rates: Annotated[
        bool, typer.Option("--no-rates", help="With --orchestrator: leave out rates that take a call for each edge.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.yaml", help="With --orchestrator: write proposals to a file to edit."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")] = False,
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Import an inventory; of a file with any fault nothing is imported, and every fault is named.

    With --orchestrator the inventory is compared with what that host has, and you choose what to take of it; nothing
    is removed and nothing is overwritten that you did not accept.
    """
    if (file is None) == (orchestrator is None):
        raise typer.BadParameter("give either a FILE or --orchestrator NAME", param_hint="FILE")
    if file is not None:
        for name, given in (("--accept", accept), ("--no-rates", no_rates), ("--out", out)):
            if given:
                raise typer.BadParameter("it goes with --orchestrator NAME, not with a FILE", param_hint=name)
        run(_import(file, dry_run, config, as_json))
        return
    if accept is not None and not accept.strip(", "):
        raise typer.BadParameter("say all, or ids with commas between them", param_hint="--accept")
    if accept is not None and (dry_run or out is not None):
        raise typer.BadParameter("it writes; --dry-run and --out do not", param_hint="--accept")
    from service.cli.reconciling import Request, import_from_orchestrator

    request = Request(
        orchestrator=orchestrator or "",
        accept=accept,
        dry_run=dry_run,
        rates=not no_rates,
        out=out,
        as_json=as_json,
        config=config,
    )
    raise typer.Exit(import_from_orchestrator(request))


@app.command("show")
def show(
    site: Annotated[str, typer.Argument(metavar="SITE", help="Any alias: id, store number, phone, circuit, serial.")],
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """A site's full inventory: boxes and their roles, links, contracts, monitoring, contacts, open cases."""
    run(_show(site, config, as_json))


def poll(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="A device's id.")],
    faster: Annotated[
        int | None,
        typer.Option("--faster", metavar="SECONDS", min=SHORTEST_EVERY, help="Have it polled this often for a while."),
    ] = None,
    minutes: Annotated[int, typer.Option("--for", metavar="MINUTES", min=1, max=1440, help="How long.")] = 10,
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Ask a device once now, over SNMP and at its orchestrator: every value with its meaning. With --faster the running
    collector polls it more often for a while instead."""
    if faster is not None:
        raise typer.Exit(run(_faster(device, faster, minutes, config)))
    from service.cli.polling import poll_now

    raise typer.Exit(run(poll_now(device, config, as_json=as_json)))


def check(config: SettingsFile = None, as_json: AsJson = False) -> None:
    """Check settings and inventory, and show what would be polled and sent, before anything is."""
    raise typer.Exit(run(_check(config, as_json)))


async def _import(file: Path, dry_run: bool, config: Path | None, as_json: bool) -> None:
    from inventory.repository import import_file
    from service.installation import opened

    async with opened(config) as installation:
        changes = await import_file(installation.database, file, dry_run=dry_run)
    if as_json:
        print_json(asdict(changes))
        return
    from rich.console import Console

    from inventory.render import render_changes

    Console().print(render_changes(changes, dry_run=dry_run))


async def _show(text: str, config: Path | None, as_json: bool) -> None:
    from inventory.describe import OpenCase, sheet_document, site_sheet
    from service.installation import opened
    from triage import repository

    async with opened(config) as installation:
        site = await site_named(installation, text)
        async with installation.database.reading() as connection:
            found = await repository.cases(connection, client=site.client, site=site.id, only_open=True)
        cases = [OpenCase(id=case.id, status=case.status.value, title=case.title) for case in found]
        sheet = site_sheet(await installation.inventory(), site.id, cases, installation.clock.now())
    if as_json:
        print_json(sheet_document(sheet))
        return
    from rich.console import Console

    from inventory.render import render_sheet

    Console().print(render_sheet(sheet))


async def _faster(identity: str, every: int, minutes: int, config: Path | None) -> int:
    from collector.snmp.wishes import PollWish, wish
    from config.errors import NotFoundError
    from service.installation import opened

    async with opened(config) as installation:
        if identity not in (await installation.inventory()).devices:
            raise NotFoundError(f"no device is known as {identity!r}; `lineproof inventory show SITE` lists a site's")
        now = installation.clock.now()
        until = now + timedelta(minutes=minutes)
        async with installation.database.writing() as connection:
            await wish(connection, [PollWish(device=identity, every=every, until=until, reason="command line")], now)
    print(f"{identity} is polled each {every} s until {rfc3339(until)}, as far as its site's limits allow")
    return 0


async def _check(config: Path | None, as_json: bool) -> int:
    from netmiko.ssh_dispatcher import platforms

    from collector.plan import polling_plan
    from service.checking import mail_mismatches, mismatches
    from service.installation import opened
    from service.ticket_probe import ticket_faults

    async with opened(config) as installation:
        inventory = await installation.inventory()
        plan = polling_plan(inventory, installation.settings)
        missing = list(mismatches(inventory, installation.settings, platforms))
        if (intake := installation.settings.mail.intake) is not None:
            from circuit_maintenance_parser import SUPPORTED_PROVIDER_NAMES

            missing += mail_mismatches(inventory, intake.carriers, SUPPORTED_PROVIDER_NAMES)
        missing += await ticket_faults(installation.tickets, (await installation.judging()).policy)
    if as_json:
        print_json({**asdict(plan), "missing": missing})
    else:
        print("\n".join([*plan.lines(), *(f"FAULT: {sentence}" for sentence in missing)]))
    return 2 if missing else 0
