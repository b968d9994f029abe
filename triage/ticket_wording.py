"""What a ticket says: title and text from a verdict. Pure; times in the site's zone; absent is "not measured"."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from inventory.model import Link
from triage.model import Cause, Direction, Finding, Picture, Scope, Verdict, VerdictKind

CAUSE_WORDS = {
    Cause.LINK_DOWN: "line down",
    Cause.SITE_DOWN: "site down",
    Cause.LOSS: "packet loss",
    Cause.LATENCY: "high latency",
    Cause.JITTER: "high jitter",
    Cause.SATURATION: "line filled by the site's own traffic",
    Cause.INSTABILITY: "line going up and down",
    Cause.FAILOVER: "running on the slower line",
    Cause.LAN: "trouble behind the WAN (LAN side)",
    Cause.DEVICE: "device restarted",
    Cause.MANAGEMENT_LOST: "management contact lost, data flows",
    Cause.NO_DATA: "not measured",
    Cause.NONE: "nothing out of the ordinary",
}

VERDICT_WORDS = {
    VerdictKind.CONFIRMED: "Confirmed",
    VerdictKind.RECOVERED: "Was there, and has ended",
    VerdictKind.NOT_SUBSTANTIATED: "Not substantiated by what was measured",
    VerdictKind.INCONCLUSIVE: "Inconclusive: too little was measured",
}


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


def ticket_text(verdict: Verdict, picture: Picture, evidence_sha256: str) -> str:
    """Plain text of a ticket: verdict, times, findings with rule and figures, line data for the carrier, evidence."""
    zone = picture.site.zone
    lines = [f"{VERDICT_WORDS[verdict.verdict]}. {verdict.reason}"]
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


def finding_sentence(finding: Finding) -> str:
    """A finding as one sentence with its figures."""
    baseline = f", ordinarily {finding.baseline:g} {finding.unit}" if finding.baseline is not None else ""
    direction = f" ({finding.direction})" if finding.direction is not Direction.UNKNOWN else ""
    return (
        f"{finding.link}, {finding.source}: {CAUSE_WORDS[finding.cause]}{direction}: {finding.statistic} of "
        f"{finding.metric} {finding.value:.4g} {finding.unit}, limit {finding.threshold:.4g} {finding.unit}{baseline}; "
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
