"""What a ticket says: title and text from a verdict. Pure; times in the site's zone; absent is "not measured"."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from inventory.model import Link
from triage.formatting import quantity
from triage.model import Claim, Direction, Finding, Picture, Scope, Verdict
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
    """Plain text of a ticket: verdict, what the client reported, times, findings with rule and figures, line data for
    the carrier, evidence."""
    zone = picture.site.zone
    lines = [f"{VERDICT_WORDS[verdict.verdict]}. {verdict.reason}"]
    if claim is not None:
        lines.extend(reported(claim, zone))
    if verdict.onset is not None:
        end = f" to {local(verdict.end, zone)}" if verdict.end is not None else ", not ended"
        lines.append(f"From {local(verdict.onset, zone)}{end}.")
    if verdict.severity is not None:
        lines.append(f"Severity: {verdict.severity}.")
    lines.extend(finding_sentence(finding) for finding in verdict.findings)
    link = _link(verdict, picture)
    if link is not None:
        lines.extend(_line_data(link))
    coverage = verdict.coverage
    lines.append(
        f"Measured: {coverage.present} of {coverage.expected} samples of the time in question"
        + (f", {coverage.pending} still to come." if coverage.pending else ".")
    )
    lines.append(f"Evidence pack SHA-256: {evidence_sha256}")
    return "\n".join(lines)


def reported(claim: Claim, zone: ZoneInfo) -> Iterator[str]:
    """What a client reports as it was understood, and in the words that it was said in."""
    affected = f" ({claim.service})" if claim.service else ""
    since = f"since {local(claim.since, zone)}" if claim.since else "now"
    roughly = f", give or take {claim.vague_minutes} minutes" if claim.since and claim.vague_minutes else ""
    yield f"The client reports: {claim.symptom}{affected}, {since}{roughly}."
    if claim.words:
        yield f"In the client's words: {claim.words}"


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


def _line_data(link: Link) -> list[str]:
    known = {
        "Carrier": link.carrier,
        "Underlying carrier": link.underlying_carrier,
        "Circuit": link.circuit_id,
        "Account": link.carrier_account,
        "Carrier repair": link.carrier_repair_contact,
    }
    return [f"{name}: {value}" for name, value in known.items() if value]
