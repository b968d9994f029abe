"""What a ticket says: title and text from a verdict. Pure; times in the site's zone; absent is "not measured"."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from inventory.model import Client, Link, Site
from triage.formatting import quantity
from triage.intake import QUESTION_WORDS, call_back, known, missing, one_line
from triage.model import Claim, Direction, Finding, Intake, Picture, Scope, Verdict
from triage.words import CAUSE_WORDS, STATISTIC_WORDS, VERDICT_WORDS, metric_words, source_words


def local(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as people at the site say it, with the zone's abbreviation."""
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def ticket_title(verdict: Verdict, picture: Picture) -> str:
    """One line: site, what, on which line of which carrier."""
    link = _link(verdict, picture)
    where = f" on {link.id}" + (f" ({link.carrier})" if link.carrier else "") if link is not None else ""
    scope = ", shared by other sites of the carrier" if verdict.scope is Scope.CARRIER else ""
    name = picture.site.name or picture.site.id
    return f"{name}: {CAUSE_WORDS[verdict.cause]}{where}{scope}"


def ticket_text(claim: Claim | None, verdict: Verdict, picture: Picture, evidence_sha256: str) -> str:
    """Plain text of a ticket, in sections that a carrier's repair desk reads in a minute: what, since when, the line,
    what was measured. It names no charges; the intake follows it in the ticket that is opened (`intake_text`)."""
    zone = picture.site.zone
    what = [f"{VERDICT_WORDS[verdict.verdict]}. {verdict.reason[:1].upper()}{verdict.reason[1:]}"]
    if verdict.severity is not None:
        what.append(f"Severity as measured: {verdict.severity}.")
    if claim is not None:
        what.extend(reported(claim, zone))
    since = []
    if verdict.onset is not None:
        end = f" to {local(verdict.end, zone)}" if verdict.end is not None else ", not ended"
        since.append(f"From {local(verdict.onset, zone)}{end}.")
    link = _link(verdict, picture)
    coverage = verdict.coverage
    measured = [finding_sentence(finding) for finding in verdict.findings]
    measured.append(
        f"Measured: {coverage.present} of {coverage.expected} samples of the time in question"
        + (f", {coverage.pending} still to come." if coverage.pending else ".")
    )
    measured.append(f"Evidence pack SHA-256: {evidence_sha256}")
    return in_sections(
        ("", what),
        ("SINCE WHEN", since),
        ("WHERE", [*_place(picture.site), *(_line_data(link) if link is not None else [])]),
        ("MEASURED", measured),
    )


def in_sections(*sections: tuple[str, Sequence[str]]) -> str:
    """Blocks, each under its head if it has one; those without a line are left out."""
    return "\n\n".join("\n".join((head, *lines) if head else lines) for head, lines in sections if lines)


def reported(claim: Claim, zone: ZoneInfo) -> Iterator[str]:
    """What a client reports as it was understood, and in the words that it was said in."""
    affected = f" ({one_line(claim.service)})" if claim.service else ""
    since = f"since {local(claim.since, zone)}" if claim.since else "now"
    roughly = f", give or take {claim.vague_minutes} minutes" if claim.since and claim.vague_minutes else ""
    yield f"The client reports: {claim.symptom}{affected}, {since}{roughly}."
    if claim.words:
        yield f"In the client's words: {one_line(claim.words)}"


def intake_text(claim: Claim | None, site: Site, client: Client, link: Link | None, said: Intake | None = None) -> str:
    """The part of a ticket that a carrier asks for, with what is still to be asked. It alone names how people are
    reached."""
    asked = [f"- {QUESTION_WORDS[question]}" for question in missing(claim, site, client, link, said)]
    return in_sections(
        ("FOR THE CARRIER", [f"{name}: {told}" for name, told in intake_rows(claim, site, client, said).items()]),
        ("STILL TO ASK", asked),
    )


def intake_rows(claim: Claim | None, site: Site, client: Client, said: Intake | None = None) -> dict[str, str]:
    """What is known of the intake, by what it is called; what nobody said is left out. `said` stands in for a claim."""
    intake = known(claim.intake if claim is not None else said or Intake(), site)
    rows = {
        "Reported by": _listed(claim.reported_by, claim.reporter_contact) if claim is not None else "",
        "Authority": call_back(claim, site, client),
        "Contact on site": _listed(
            intake.on_site_contact, intake.on_site_phone, intake.on_site_email, intake.on_site_hours
        ),
        "Access": _listed(intake.access_hours, intake.access_instructions),
        "A technician may be sent": _answer(intake.dispatch_consent),
        "The client pays a visit that finds the fault its own": _answer(
            intake.charges_consent, f"up to {intake.charges_up_to}" if intake.charges_up_to else ""
        ),
        "Tests may interrupt the service": _answer(intake.intrusive_test_consent, intake.intrusive_test_hours),
        "Consent given by": intake.consent_by,
        "Power checked": _answer(intake.power_checked),
        "Equipment rebooted": _answer(intake.rebooted),
        "Client's reference": intake.client_reference,
    }
    return {name: told for name, text in rows.items() if (told := one_line(text))}


def _listed(*parts: str) -> str:
    return ", ".join(part for part in parts if part.strip())


def _answer(given: bool | None, more: str = "") -> str:
    if given is None:
        return ""
    return _listed("yes", more) if given else "no"


def finding_sentence(finding: Finding) -> str:
    """A finding as one sentence with its figures."""
    baseline = f", ordinarily {quantity(finding.baseline, finding.unit)}" if finding.baseline is not None else ""
    direction = f" ({finding.direction})" if finding.direction is not Direction.UNKNOWN else ""
    return (
        f"{finding.link}, {source_words(finding.source.value)}: {CAUSE_WORDS[finding.cause]}{direction}: "
        f"{metric_words(finding.metric)} {quantity(finding.value, finding.unit)} {STATISTIC_WORDS[finding.statistic]}, "
        f"limit {quantity(finding.threshold, finding.unit)}{baseline}; "
        f"{finding.bad_samples} bad samples. Rule: {finding.rule}"
    )


def _link(verdict: Verdict, picture: Picture) -> Link | None:
    return next((one.link for one in picture.links if one.link.id == verdict.link), None)


def _place(site: Site) -> list[str]:
    known = {"Site": site.name or site.id, "Address": site.address}
    return [f"{name}: {one_line(value)}" for name, value in known.items() if value]


def _line_data(link: Link) -> list[str]:
    known = {
        "Line": link.id,
        "Carrier": link.carrier,
        "Underlying carrier": link.underlying_carrier,
        "Circuit": link.circuit_id,
        "Service number": link.service_number,
        "Account": link.carrier_account,
        "Carrier repair": link.carrier_repair_contact,
    }
    return [f"{name}: {one_line(value)}" for name, value in known.items() if value]
