"""`lineproof case carrier`: what a carrier told of its own ticket about a case."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Annotated

import typer

from service.cli.running import AsJson, SettingsFile, print_json, run

Told = Annotated[str, typer.Option(metavar="T", help="HH:MM or YYYY-MM-DD HH:MM in the site's zone, or RFC 3339.")]
Promised = Annotated[str, typer.Option(metavar="T", help="The same; HH:MM is the next time that the clock shows it.")]


def carrier(
    case: Annotated[str, typer.Argument(metavar="CASE", help="An id like C-12; also a carrier-wide one.")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who writes it down.")],
    number: Annotated[str, typer.Option(metavar="N", help="The carrier's ticket number.")],
    carrier_name: Annotated[str, typer.Option("--carrier", metavar="C", help="Default: the line's carrier.")] = "",
    link: Annotated[str, typer.Option(metavar="ID", help="The line it is about; default: the case's.")] = "",
    opened: Told = "",
    etr: Promised = "",
    next_update: Promised = "",
    contact: Annotated[str, typer.Option(help="The carrier's repair phone or portal; default: the line's.")] = "",
    account: Annotated[str, typer.Option(help="The account with the carrier; default: the line's.")] = "",
    reason_for_outage: Annotated[str, typer.Option(metavar="WORDS", help="Why it was out, as the carrier says.")] = "",
    closed: Told = "",
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Note a carrier's ticket, or what is new of it: estimated time of repair, next update, why it was out, its end.

    What is left out stays as it was. A new --etr or --next-update replaces promises that have passed.
    """
    typed = {
        "number": number, "carrier": carrier_name, "link": link, "opened": opened, "etr": etr,
        "next_update": next_update, "repair_contact": contact, "account": account,
        "reason_for_outage": reason_for_outage, "closed": closed,
    }  # fmt: skip
    run(_carrier(case, by, typed, config, as_json))


async def _carrier(identity: str, by: str, typed: dict[str, str], config: Path | None, as_json: bool) -> None:
    from config.errors import LineproofError
    from service.carrier_told import read_told
    from service.cli.wording import carrier_lines
    from service.documents import case_document
    from service.installation import opened
    from service.submitting import new_key, submit
    from triage import repository
    from triage.reasons import Reason

    async with opened(config) as installation:
        inventory = await installation.inventory()
        async with installation.database.reading() as connection:
            case = await repository.case_by_id(connection, identity)
        site = inventory.sites.get(case.site)
        told = read_told(case, site, installation.clock.now(), by, **typed)
        decisions = await submit(installation, new_key("carrier"), told)
        refused = [one.detail for one in decisions if one.reason in (Reason.CARRIER_REFUSED, Reason.INPUT_FAILED)]
        if refused:
            raise LineproofError(refused[0])
        async with installation.database.reading() as connection:
            case = await repository.case_by_id(connection, identity)
    if as_json:
        print_json(case_document(case, inventory))
    else:
        print("\n".join(carrier_lines(case, site.zone if site is not None else UTC)))
