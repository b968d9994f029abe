"""`lineproof case open`, `acknowledge`, `assign`, `hold` and so on: what a named person decides about a case."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.running import AsJson, SettingsFile, print_json, run

if TYPE_CHECKING:
    from inventory.model import Inventory
    from triage.cases import Case

CaseId = Annotated[str, typer.Argument(metavar="CASE", help="An id like C-12.")]
By = Annotated[str, typer.Option("--by", metavar="NAME", help="The name of the person who decides.")]
Note = Annotated[str, typer.Option(metavar="WORDS", help="Why; stands on the ticket too.")]


def open_(
    site: Annotated[str, typer.Argument(metavar="SITE", help="Any alias of the site.")],
    by: By,
    title: Annotated[str, typer.Option(metavar="WORDS", help="What is wrong.")],
    severity: Annotated[str, typer.Option(metavar="S", help="critical, major or minor; default: as measured.")] = "",
    link: Annotated[str, typer.Option(metavar="ID", help="The line it is about; default: the one in trouble.")] = "",
    ticket: Annotated[bool, typer.Option("--ticket", help="Open a ticket whatever is measured.")] = False,
    existing_ticket: Annotated[
        str, typer.Option(metavar="TICKET", help="The ticket that you have opened there already: it is taken for ours.")
    ] = "",
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Open a case of a site, or join its open one; the site is judged at once."""
    said = {"severity": severity, "link": link, "existing_ticket": existing_ticket}
    run(_open(site, by, title, said, ticket, config, as_json))


def acknowledge(case: CaseId, by: By, note: Note = "", config: SettingsFile = None, as_json: AsJson = False) -> None:
    """Take a case: its owner is who acknowledges it."""
    run(_act("acknowledge", case, by, config, as_json, note=note))


def assign(
    case: CaseId,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="Who is to have it.")],
    by: By,
    note: Note = "",
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Give a case to somebody."""
    run(_act("assign", case, by, config, as_json, note=note, value=owner))


def hold(
    case: CaseId,
    why: Annotated[
        str, typer.Argument(metavar="WHY", help="client or access (the clock stops), carrier, maintenance, statistics.")
    ],
    by: By,
    until: Annotated[str, typer.Option(metavar="T", help="RFC 3339, YYYY-MM-DD HH:MM or HH:MM at the site.")] = "",
    note: Note = "",
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Let a case wait; with --until, work goes on by itself then."""
    run(_act("hold", case, by, config, as_json, note=note, value=why, until=until))


def resume(case: CaseId, by: By, note: Note = "", config: SettingsFile = None, as_json: AsJson = False) -> None:
    """Go on with a case that waits."""
    run(_act("resume", case, by, config, as_json, note=note))


def resolve(case: CaseId, by: By, note: Note = "", config: SettingsFile = None, as_json: AsJson = False) -> None:
    """Resolve a case; it is closed when nobody objects in time."""
    run(_act("resolve", case, by, config, as_json, note=note))


def reopen(case: CaseId, by: By, note: Note = "", config: SettingsFile = None, as_json: AsJson = False) -> None:
    """Take up an ended case again, with its ticket."""
    run(_act("reopen", case, by, config, as_json, note=note))


def close(case: CaseId, by: By, note: Note = "", config: SettingsFile = None, as_json: AsJson = False) -> None:
    """Close a case for good."""
    run(_act("close", case, by, config, as_json, note=note))


def confirm(case: CaseId, by: By, note: Note = "", config: SettingsFile = None, as_json: AsJson = False) -> None:
    """The client confirms that it is well: the case is closed."""
    run(_act("confirm", case, by, config, as_json, note=note))


def move(
    case: CaseId,
    queue: Annotated[str, typer.Argument(metavar="QUEUE", help="The queue of the desk that is to work on it.")],
    by: By,
    note: Note = "",
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Move a case's ticket to another desk's queue."""
    run(_act("move", case, by, config, as_json, note=note, value=queue))


def merge(
    case: CaseId,
    parent: Annotated[str, typer.Argument(metavar="PARENT", help="The open case of a carrier's trouble.")],
    by: By,
    note: Note = "",
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a site's case part of a carrier's trouble."""
    run(_act("merge", case, by, config, as_json, note=note, value=parent))


def note(
    case: CaseId,
    words: Annotated[str, typer.Argument(metavar="WORDS", help="What is to stand on the ticket.")],
    by: By,
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Add a note to a case and its ticket."""
    run(_act("note", case, by, config, as_json, note=words))


ACTS = (acknowledge, assign, hold, resume, resolve, reopen, close, confirm, move, merge, note)


async def _open(
    site: str, by: str, title: str, said: Mapping[str, str], ticket: bool, config: Path | None, as_json: bool
) -> None:
    from service.case_acts import open_case, read_opening
    from service.cli.running import site_named
    from service.documents import case_document
    from service.installation import opened

    async with opened(config) as installation:
        where = (await site_named(installation, site)).id
        opening = await read_opening(installation, where, by, title, ticket=ticket, **said)
        case = await open_case(installation, opening)
        inventory = await installation.inventory()
    if as_json:
        print_json(case_document(case))
        return
    print(f"{case.title}\n{_stands(case, inventory)}")


async def _act(
    does: str,
    identity: str,
    by: str,
    config: Path | None,
    as_json: bool,
    *,
    note: str = "",
    value: str = "",
    until: str = "",
) -> None:
    from service.case_acts import act, read_act
    from service.documents import case_document
    from service.installation import opened
    from triage import repository
    from triage.inputs import PersonAct

    async with opened(config) as installation:
        async with installation.database.reading() as connection:
            case = await repository.case_by_id(connection, identity)
        acted = await read_act(installation, case, PersonAct(does), by, note=note, value=value, until=until)
        after = await act(installation, acted)
        inventory = await installation.inventory()
    if as_json:
        print_json(case_document(after))
        return
    print(_stands(after, inventory))


def _stands(case: Case, inventory: Inventory) -> str:
    """How the case stands after what was done: status, what comes next and when at the site, and whose it is."""
    from triage.formatting import local_time

    said = f"{case.id} is {case.status}"
    if case.next_action:
        site = inventory.sites.get(case.site)
        zone = site.zone if site is not None else UTC
        said += f", next: {case.next_action}"
        said += f", {local_time(case.next_action_at, zone)}" if case.next_action_at is not None else ""
    return said + (f"; owner {case.owner}" if case.owner else "")
