"""`lineproof triage` and `lineproof replay`."""

from __future__ import annotations

from collections.abc import Mapping
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
from service.cli.running import AsJson, SettingsFile, print_json, run, site_named

if TYPE_CHECKING:
    from service.claims import ReadClaim
    from service.installation import Installation
    from triage.model import Claim


def triage(
    site: Annotated[str, typer.Argument(metavar="SITE", help="Any alias: id, store number, phone, circuit, serial.")],
    since: Annotated[
        str,
        typer.Option(
            metavar="T",
            help="RFC 3339, `YYYY-MM-DD HH:MM` or `HH:MM` in the site's zone, or `now`; default as the words say.",
        ),
    ] = "",
    symptom: Annotated[str, typer.Option(help="slow, down, drops or voice; default as the words say, else slow")] = "",
    text: Annotated[
        str, typer.Option(metavar="WORDS", help="The client's own words, in English; what they say is shown.")
    ] = "",
    reported_at: Annotated[str | None, typer.Option(metavar="T", help="When it was reported; default now.")] = None,
    by: Annotated[str, typer.Option("--reported-by", "--by", metavar="NAME", help="Who reported it.")] = "",
    reporter_contact: Annotated[
        str, typer.Option(metavar="REACH", help="The reporter's phone number or mail address.")
    ] = "",
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
    open_ticket: Annotated[bool, typer.Option("--open-ticket", help="Record the claim and open a ticket.")] = False,
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Judge what a client reports against what was measured. Nothing is recorded without --open-ticket.

    What a carrier asks (--contact to --reference) goes into the ticket, so it is kept with --open-ticket only; see
    docs/repairs.md.
    """
    intake = {
        "contact": contact, "contact_hours": contact_hours, "access": access, "instructions": instructions,
        "dispatch_consent": dispatch_consent, "charges_up_to": charges_up_to, "consent_by": consent_by,
        "intrusive_tests": intrusive_tests, "power_checked": power_checked, "rebooted": rebooted,
        "reference": reference,
    }  # fmt: skip
    reporter = (by, reporter_contact)
    run(_triage(site, since, symptom, text, reported_at, reporter, intake, open_ticket, config, as_json))


def replay(
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="A scenario set's folder, or a .yaml file")
    ] = None,
    policy: Annotated[Path | None, typer.Option(metavar="FILE", help="The policy to judge by.")] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Another policy to compare it with; default the one in force.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write JSON Lines here; default stdout.")] = None,
    schema: Annotated[bool, typer.Option("--schema", help="Print the formats, policy keys and reasons.")] = False,
    since: Annotated[str | None, typer.Option("--from", metavar="T", help="History from here; default 7 days.")] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="History until here; default its newest.")] = None,
    site: Annotated[list[str] | None, typer.Option(metavar="SITE", help="Only this site; may be repeated.")] = None,
    client: Annotated[str | None, typer.Option(help="Only this client's sites.")] = None,
    every: Annotated[int, typer.Option(metavar="MINUTES", min=1, max=60, help="Between two sweeps of history.")] = 5,
    config: SettingsFile = None,
    as_json: AsJson = False,
) -> None:
    """Run the rules over recorded scenarios, or two policies over a scenario or over this installation's own history.

    Without PATH: which cases would appear, vanish or move under --policy. Nothing is recorded.
    """
    from service.replaying import replay_to
    from service.times import UsageError

    if schema:
        from triage.replay.schema import schema_document

        print_json(schema_document())
        return
    if path is not None and (since or until or site or client):
        raise UsageError("--from, --until, --site and --client choose among stored history; leave out PATH or them")
    if path is not None and against is None:
        run(replay_to(path, policy, out))
        return
    if policy is None:
        raise UsageError(
            "--against is what a policy is compared with; name that policy with --policy FILE"
            if against is not None
            else "name a scenario set's folder or a scenario file, or a policy to run over this installation's history "
            "(--policy FILE), or ask for --schema"
        )
    if out is not None:
        raise UsageError("a comparison goes to stdout; leave out --out, and write `--json > FILE`")
    from service.backtesting import Question
    from service.cli.comparing import compare

    question = Question(
        policy=policy, against=against, config=config, since=since, until=until, sites=tuple(site or ()),
        client=client, every=every,
    )  # fmt: skip
    compare(path, question, as_json=as_json)


async def _triage(
    site_text: str,
    since: str,
    symptom: str,
    text: str,
    reported_at: str | None,
    reporter: tuple[str, str],
    intake: Mapping[str, Any],
    open_ticket: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    from service.claims import read_claim, typed_intake, understood_document
    from service.installation import opened
    from triage.documents import verdict_document
    from triage.intake import call_back, missing

    by, reporter_contact = reporter
    async with opened(config) as installation:
        site = await site_named(installation, site_text)
        judging = await installation.judging()
        read = read_claim(
            site, judging.policy, installation.clock.now(), since=since, symptom=symptom, words=text,
            reported_by=by, reporter_contact=reporter_contact, reported_at=reported_at,
            intake=typed_intake(**intake),
        )  # fmt: skip
        claim = read.claim
        if not since:
            _heard_enough(read)
        if open_ticket:
            document = await _recorded(installation, claim)
        else:
            judgement = await judging.judge(site.id, claim, installation.clock.now())
            document = verdict_document(
                judgement.verdict, id="", case=await _open_case(installation, claim),
                evidence_sha256=judgement.pack.sha256,
            )  # fmt: skip
    client = judging.inventory.client_of(site.id)
    questions = missing(claim, site, client, judging.inventory.links.get(document["link"] or ""))
    warning = call_back(claim, site, client) if by or reporter_contact else ""
    document |= {"call_back": warning, "missing": [question.value for question in questions]}
    if as_json:
        print_json({**document, "understood": understood_document(read)})
    else:
        from service.cli.wording import asked_lines, understood_lines, verdict_lines

        print("\n".join((*understood_lines(read, site), *verdict_lines(document, site), *asked_lines(document))))


def _heard_enough(read: ReadClaim) -> None:
    """Without --since the words have to say something; a claim about nothing is not judged. Raises UsageError."""
    from service.times import UsageError

    add = "add --since (HH:MM, YYYY-MM-DD HH:MM or now)"
    if read.understood is None:
        raise UsageError(f"nobody says since when; {add}, or --text with the client's own words")
    if read.understood.since is None and read.understood.symptom is None:
        raise UsageError(
            f"the words say neither what is wrong nor since when; {add} and --symptom (slow, down, drops or voice)"
        )


async def _open_case(installation: Installation, claim: Claim) -> str | None:
    from triage import repository

    async with installation.database.reading() as connection:
        case = await repository.open_case(connection, claim.client, claim.site)
    return case.id if case is not None else None


async def _recorded(installation: Installation, claim: Claim) -> dict[str, Any]:
    """The verdict as the engine recorded it, with the case's ticket once the outbox has opened it."""
    from config.errors import LineproofError
    from service.submitting import new_key, submit, wait_for_ticket
    from triage import repository
    from triage.inputs import ClaimReported

    decisions = await submit(installation, new_key("claim"), ClaimReported(claim=claim, open_ticket=True))
    case = next((one.case for one in decisions if one.case is not None), None)
    if case is None:
        raise LineproofError("; ".join(one.detail or one.reason for one in decisions))
    ticket = await wait_for_ticket(installation, case)
    async with installation.database.reading() as connection:
        verdict = (await repository.verdicts_of(connection, case))[0]
    return {**verdict.document, "ticket": ticket}
