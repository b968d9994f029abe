"""`lineproof case carrier` and `case intake`: what a carrier told of its ticket, what the client answered for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli.intake_options import (
    AccessHours,
    ChargesUpTo,
    ConsentBy,
    Contact,
    ContactHours,
    DispatchConsent,
    Instructions,
    IntrusiveTests,
    PowerChecked,
    Rebooted,
    Reference,
)
from service.cli.running import AsJson, SettingsFile, print_json, run

if TYPE_CHECKING:
    from service.installation import Installation
    from triage.inputs import CarrierTold, IntakeTold

Told = Annotated[str, typer.Option(metavar="T", help="HH:MM or YYYY-MM-DD HH:MM in the site's zone, or RFC 3339.")]
Promised = Annotated[str, typer.Option(metavar="T", help="The same; HH:MM is the next time that the clock shows it.")]


def carrier(
    case: Annotated[
        str,
        typer.Argument(
            metavar="CASE|SITE", help="An id like C-12; or any alias of a site: the carrier tells of an outage there."
        ),
    ],
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

    With a site in place of a case the site's open case is meant; where none is open, one is opened: the carrier tells
    of an outage. What is left out stays as it was. A new --etr or --next-update replaces promises that have passed.
    """
    typed = {
        "number": number, "carrier": carrier_name, "link": link, "opened": opened, "etr": etr,
        "next_update": next_update, "repair_contact": contact, "account": account,
        "reason_for_outage": reason_for_outage, "closed": closed,
    }  # fmt: skip
    run(_carrier(case, by, typed, config, as_json))


def intake(
    case: Annotated[str, typer.Argument(metavar="CASE", help="An id like C-12.")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who writes it down.")],
    contact: Contact = "",
    contact_hours: ContactHours = "",
    access: AccessHours = "",
    instructions: Instructions = "",
    dispatch_consent: DispatchConsent = "",
    charges_up_to: ChargesUpTo = "",
    consent_by: ConsentBy = "",
    intrusive_tests: IntrusiveTests = "",
    power_checked: PowerChecked = None,
    rebooted: Rebooted = None,
    reference: Reference = "",
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Note what the client answered of what a carrier asks, without a new report; see docs/repairs.md.

    What is left out stays as it was.
    """
    typed = {
        "contact": contact, "contact_hours": contact_hours, "access": access, "instructions": instructions,
        "dispatch_consent": dispatch_consent, "charges_up_to": charges_up_to, "consent_by": consent_by,
        "intrusive_tests": intrusive_tests, "power_checked": power_checked, "rebooted": rebooted,
        "reference": reference,
    }  # fmt: skip
    run(_intake(case, by, typed, config, as_json))


async def _intake(identity: str, by: str, typed: Mapping[str, Any], config: Path | None, as_json: bool) -> None:
    from service.carrier_told import named
    from service.claims import checked_intake, typed_intake
    from service.installation import opened
    from triage.inputs import IntakeTold

    answers = checked_intake(typed_intake(**typed))
    async with opened(config) as installation:
        await _told(installation, IntakeTold(case=identity, who=named(by), intake=answers), as_json)


async def _carrier(identity: str, by: str, typed: Mapping[str, str], config: Path | None, as_json: bool) -> None:
    from service.carrier_told import read_told
    from service.cli.running import site_named
    from service.installation import opened
    from triage import repository

    async with opened(config) as installation:
        inventory = await installation.inventory()
        case = None
        if identity.startswith("C-") and identity not in inventory.sites:
            async with installation.database.reading() as connection:
                case = await repository.case_by_id(connection, identity)
            site = inventory.sites.get(case.site)
        else:
            site = await site_named(installation, identity)
        told = read_told(case, site, installation.clock.now(), by, **typed)
        await _told(installation, told, as_json)


async def _told(installation: Installation, told: CarrierTold | IntakeTold, as_json: bool) -> None:
    """Put it before the engine and print the case's repair. Raises NotFoundError, and LineproofError when refused."""
    from config.errors import LineproofError
    from service.cli.wording import asked_lines, carrier_lines
    from service.documents import case_document
    from service.submitting import new_key, submit
    from triage import repository
    from triage.reasons import Reason

    if told.case:
        async with installation.database.reading() as connection:
            await repository.case_by_id(connection, told.case)
    refusals = (Reason.CARRIER_REFUSED, Reason.PERSON_ACT_REFUSED, Reason.INPUT_FAILED)
    decisions = await submit(installation, new_key("carrier"), told)
    refused = [one.detail for one in decisions if one.reason in refusals]
    if refused:
        raise LineproofError(refused[0])
    inventory = await installation.inventory()
    identity = told.case or next(one.case for one in decisions if one.case)
    async with installation.database.reading() as connection:
        case = await repository.case_by_id(connection, identity)
    document = case_document(case, inventory)
    if as_json:
        print_json(document)
        return
    site = inventory.sites.get(case.site)
    zone = site.zone if site is not None else UTC
    print("\n".join((case.id, *carrier_lines(case, zone), *asked_lines(document))))
