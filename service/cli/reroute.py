"""`lineproof reroute`: options of a site, and a named person's decision about a proposal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.running import AsJson, SettingsFile, print_json, run, site_named

app = typer.Typer(no_args_is_help=True, help="Re-routes: options, proposals, and what a person decides about them.")

ProposalId = Annotated[str, typer.Argument(metavar="PROPOSAL", help="An id like P-3.")]
Who = Annotated[str, typer.Option("--by", help="The name of the person who decides.")]


@app.command("options")
def options(
    site: Annotated[str, typer.Argument(metavar="SITE")], config: SettingsFile = None, as_json: AsJson = False
) -> None:
    """The site's other links as relief, ranked, and the proposals of its case with what would be sent."""
    run(_options(site, config, as_json))


@app.command("approve")
def approve(proposal: ProposalId, by: Who, config: SettingsFile = None) -> None:
    """Approve a proposal."""
    run(_decide("approve", proposal, by, config))


@app.command("refuse")
def refuse(proposal: ProposalId, by: Who, config: SettingsFile = None) -> None:
    """Refuse a proposal."""
    run(_decide("refuse", proposal, by, config))


@app.command("apply")
def apply(proposal: ProposalId, by: Who, config: SettingsFile = None) -> None:
    """Carry an approved proposal out; the dry run shows exactly what would be sent."""
    run(_decide("apply", proposal, by, config))


@app.command("revert")
def revert(proposal: ProposalId, by: Who, config: SettingsFile = None) -> None:
    """Take an applied proposal back."""
    run(_decide("revert", proposal, by, config))


async def _options(site_text: str, config: Path | None, as_json: bool) -> None:
    from service.installation import opened
    from service.relief import relief_document

    async with opened(config) as installation:
        site = await site_named(installation, site_text)
        document = await relief_document(installation, site.id)
    if as_json:
        print_json(document)
    else:
        from service.cli.wording import relief_lines

        print("\n".join(relief_lines(document)))


async def _decide(act: str, proposal: str, who: str, config: Path | None) -> None:
    from config.errors import LineproofError
    from service.installation import opened
    from service.submitting import new_key, settled_proposal, submit
    from triage import repository
    from triage.inputs import PersonAct, PersonActed
    from triage.reasons import Reason

    async with opened(config) as installation:
        async with installation.database.reading() as connection:
            await repository.proposal_by_id(connection, proposal)
        acted = PersonActed(who=who, does=PersonAct(act), target=proposal)
        decisions = await submit(installation, new_key("person"), acted)
        refused = [one.detail for one in decisions if one.reason == Reason.PERSON_ACT_REFUSED]
        if refused:
            raise LineproofError(refused[0])
        after: Any = await settled_proposal(installation, proposal)
    print(f"{after.id} is {after.status}")
    if after.result:
        print(after.result)
