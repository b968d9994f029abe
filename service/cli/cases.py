"""`lineproof case` and `lineproof ticket`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.outbox import ticket_outbox
from service.cli.running import AsJson, SettingsFile, print_json, run

case_app = typer.Typer(no_args_is_help=True, help="Cases: what is wrong at which site.")
ticket_app = typer.Typer(no_args_is_help=True, help="Tickets, and the outbox that opens them.")


@case_app.command("list")
def case_list(
    all_cases: Annotated[bool, typer.Option("--all", help="Ended ones too.")] = False,
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Open cases, the newest first."""
    run(_case_list(all_cases, config, as_json))


@case_app.command("show")
def case_show(
    case: Annotated[str, typer.Argument(metavar="ID")],
    verify: Annotated[bool, typer.Option("--verify", help="Compute every figure again, and the audit trail.")] = False,
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """A case with its verdicts, proposals and ticket, and its story in order. With --verify exit code 1 when a figure
    differs or the audit trail does not fit."""
    raise typer.Exit(run(_case_show(case, verify, config, as_json)))


@ticket_app.command("list")
def ticket_list(config: SettingsFile = None, as_json: AsJson = False) -> None:
    """Tickets, the newest first."""
    run(_ticket_list(config, as_json))


@ticket_app.command("show")
def ticket_show(
    ticket: Annotated[str, typer.Argument(metavar="ID")],
    save: Annotated[Path | None, typer.Option(metavar="DIR", help="Write the attachments there.")] = None,
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """A ticket with its notes and attachments."""
    run(_ticket_show(ticket, save, config, as_json))


ticket_app.command("outbox")(ticket_outbox)


async def _case_list(all_cases: bool, config: Path | None, as_json: bool) -> None:
    from service.documents import case_document
    from service.installation import opened
    from triage import repository

    async with opened(config) as installation:
        inventory = await installation.inventory()
        async with installation.database.reading() as connection:
            found = await repository.cases(connection, only_open=not all_cases)
    if as_json:
        print_json([case_document(case, inventory) for case in found])
        return
    if not found:
        print("no open cases" if not all_cases else "no cases")
    for case in found:
        print(f"{case.id:8} {case.status:11} {case.severity or '-':9} {case.site:20} {case.title}  {case.ticket or ''}")


async def _case_show(identity: str, verify: bool, config: Path | None, as_json: bool) -> int:
    from service.auditing import trail_check
    from service.casefile import read_case_file
    from service.installation import opened
    from service.verifying import verified

    async with opened(config) as installation:
        document: dict[str, Any] = await read_case_file(installation, identity)
        if verify:
            trail = await trail_check(installation.database, installation.settings.data)
            document["verification"] = [*await verified(installation, identity), trail]
    wrong = [check for check in document.get("verification", []) if not check["ok"]]
    if as_json:
        print_json(document)
    else:
        from service.cli.wording import case_lines
        from triage.tickets.notes import printable

        print(printable("\n".join(case_lines(document))))
    return 1 if wrong else 0


async def _ticket_list(config: Path | None, as_json: bool) -> None:
    from service.documents import known_ticket_document
    from service.installation import opened
    from service.tickets import known_tickets

    async with opened(config) as installation, installation.database.reading() as connection:
        found = await known_tickets(connection, installation.tickets.name)
    if as_json:
        print_json([known_ticket_document(ticket) for ticket in found])
        return
    if not found:
        print("no tickets")
    for each in found:
        print(
            f"{each.ticket:8} {each.status or 'not seen':13} {each.severity:9} {each.site:20} {each.case:8} {each.name}"
        )


async def _ticket_show(identity: str, save: Path | None, config: Path | None, as_json: bool) -> None:
    from service.documents import seen_ticket_document
    from service.installation import opened
    from service.tickets import saved_file, seen_ticket

    async with opened(config) as installation:
        seen = await seen_ticket(installation, identity)
        document = await seen_ticket_document(installation, seen)
        if save is not None and seen.ticket is not None:
            save.mkdir(parents=True, exist_ok=True)
            for one in seen.ticket.attachments:
                file = await saved_file(installation, identity, one.name)
                (save / Path(file.name).name).write_bytes(file.content)
    if as_json:
        print_json(document)
        return
    from service.cli.ticket_wording import ticket_lines
    from triage.tickets.notes import printable

    print(printable("\n".join(ticket_lines(seen))))
