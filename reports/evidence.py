"""The evidence report: an evidence pack as people read it. Everything in it comes from the pack."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

from collector.model import FIELDS
from inventory.model import LinkRole
from reports.carrier_evidence import carrier_report
from reports.delivery import file_name, report_files
from reports.evidence_charts import QUALITY_METRICS, quality_figure, states_figure, traffic_figure
from reports.evidence_findings import finding_section, finding_sentence
from reports.evidence_relief import options_table, relief
from reports.formatting import bit_rate, duration, local_span, local_time, opening, percent, quantity, stated, yes_or_no
from reports.model import Attachment, Block, Cell, Column, Report, Row, Rows, Section, Table, Text, Tone
from reports.pack import PackClaim, PackDocument, PackLink, read_pack
from reports.words import ACCESS_WORDS
from triage.carrier_pack import is_carriers
from triage.detection.learnt import COMPUTED
from triage.evidence import EvidenceFile, EvidencePack
from triage.model import Direction, Scope, VerdictKind
from triage.words import CAUSE_WORDS, metric_words, source_words

TONES = {
    VerdictKind.CONFIRMED: Tone.BAD,
    VerdictKind.RECOVERED: Tone.WARNING,
    VerdictKind.NOT_SUBSTANTIATED: Tone.GOOD,
    VerdictKind.INCONCLUSIVE: Tone.UNKNOWN,
}


class ReportRenderer:
    """`triage.evidence.EvidenceRenderer`: HTML, PDF and the pack itself. `issuer` is who hands the report out."""

    def __init__(self, issuer: str = "Lineproof") -> None:
        self._issuer = issuer

    async def render(self, pack: EvidencePack, case: str) -> tuple[EvidenceFile, ...]:
        """Files evidence-CASE.html, .pdf and .json, the same bytes for the same pack. Raises ReportError."""
        return await asyncio.to_thread(evidence_files, pack, case, self._issuer)


def evidence_files(pack: EvidencePack, case: str, issuer: str = "Lineproof") -> tuple[EvidenceFile, ...]:
    """The report's HTML and PDF, and the pack. Raises ReportError."""
    return report_files(evidence_report(pack, case, issuer, with_samples=True))


def evidence_report(pack: EvidencePack, case: str, issuer: str = "Lineproof", *, with_samples: bool = False) -> Report:
    """What the pack says, for client, carrier and desk; `with_samples` as tables too, for the PDF to carry. Raises
    ReportError for a pack that cannot be read."""
    if is_carriers(pack):
        return carrier_report(pack, case, issuer)
    document = read_pack(pack)
    ident = f"evidence-{case}"
    name = f"{file_name(ident)}.json"
    return Report(
        id=ident,
        kind="Evidence report",
        title=f"Case {case}: {document.site.name or document.site.id}",
        subtitle=f"{document.client.name or document.client.id} – {CAUSE_WORDS[document.verdict.cause]}",
        issuer=issuer,
        headline=headline(document),
        tone=TONES[document.verdict.verdict],
        highlights=_highlights(document),
        meta=_meta(document),
        sections=tuple(_sections(document, pack, case, name)),
        footnotes=FOOTNOTES,
        footer=f"{ident} · made {local_time(document.made_at, document.site.zone)} · SHA-256 {pack.sha256[:16]}…",
        made_at=document.made_at,
        attachments=(
            Attachment(name, "application/json", pack.content, "The evidence pack that this report rests on"),
            *(samples_of(document, file_name(ident)) if with_samples else ()),
        ),
    )


def samples_of(document: PackDocument, ident: str) -> Iterator[Attachment]:
    """The pack's samples as tables. Inside the PDF, so that one document carries all; a copy of what the pack says."""
    from reports.samples import samples_csv, samples_parquet

    csv = samples_csv(document)
    yield Attachment(f"{ident}-samples.csv", "text/csv", csv, "The samples in the pack, as a table", "data")
    parquet = samples_parquet(document)
    media = "application/vnd.apache.parquet"
    yield Attachment(f"{ident}-samples.parquet", media, parquet, "The samples in the pack, as a table", "data")


def headline(document: PackDocument) -> str:
    """The verdict in one plain sentence."""
    verdict, zone = document.verdict, document.site.zone
    what = CAUSE_WORDS[verdict.cause]
    link = document.link(verdict.link)
    where = f" on {verdict.link}" + (f" ({link.carrier})" if link and link.carrier else "") if verdict.link else ""
    way = f", {verdict.direction}" if verdict.direction in (Direction.DOWNLOAD, Direction.UPLOAD) else ""
    shared = ", shared by other sites of the same carrier" if verdict.scope is Scope.CARRIER else ""
    when = f", {local_span(verdict.onset, verdict.end, zone)}" if verdict.onset else ""
    lead = "Confirmed" if document.claim else "Found by measurement"
    match verdict.verdict:
        case VerdictKind.CONFIRMED:
            return f"{lead}: {what}{where}{way}{shared}{when}."
        case VerdictKind.RECOVERED:
            return f"{lead}, and over: {what}{where}{way}{shared}{when}."
        case VerdictKind.NOT_SUBSTANTIATED:
            return (
                "We looked: at the time in question nothing was measured that is worse than ordinary for these lines."
            )
        case VerdictKind.INCONCLUSIVE:
            again = f" What is missing is due by {local_time(verdict.rejudge_at, zone)}." if verdict.rejudge_at else ""
            return f"Open: too little was measured to say whether something was wrong.{again}"


def _highlights(document: PackDocument) -> tuple[Row, ...]:
    """Of the first finding: measured, ordinary, threshold; without one, how much was measured."""
    coverage = document.verdict.coverage
    samples = Row("samples of the time in question", f"{coverage.present} of {coverage.expected}")
    if not document.verdict.findings:
        return (samples, Row("newest sample", local_time(coverage.newest, document.site.zone)))
    finding = document.verdict.findings[0]
    name = metric_words(finding.metric)
    return (
        Row(f"{name}, {finding.statistic}", quantity(finding.value, finding.unit), Tone.BAD),
        Row("ordinary at this hour", quantity(finding.baseline, finding.unit)),
        Row("threshold", quantity(finding.threshold, finding.unit)),
        samples,
    )


def _meta(document: PackDocument) -> tuple[Row, ...]:
    verdict, site, zone = document.verdict, document.site, document.site.zone
    link = document.link(verdict.link)
    line = ", ".join(part for part in (link.id, link.carrier, _access(link), link.circuit_id) if part) if link else ""
    rows = [
        Row("Client", document.client.name or document.client.id),
        Row("Site", " – ".join(part for part in (site.id, site.name) if part)),
        Row("Address", stated(site.address)),
    ]
    if line:
        rows.append(Row("Line", line))
    if verdict.onset:
        rows.append(Row("Degraded", local_span(verdict.onset, verdict.end, zone)))
    if verdict.severity:
        rows.append(Row("Severity", str(verdict.severity)))
    rows.append(Row("Made", local_time(document.made_at, zone)))
    return tuple(rows)


def _sections(document: PackDocument, pack: EvidencePack, case: str, name: str) -> Iterator[Section]:
    verdict = document.verdict
    if document.claim is not None:
        yield Section("What the client reported", tuple(_claimed(document, document.claim)))
    yield Section("What was measured", tuple(_measured(document)))
    for number, finding in enumerate(verdict.findings, 1):
        yield finding_section(document, finding, number)
    if not verdict.findings:
        yield from _looked_at(document)
    yield Section("All lines of the site", tuple(_lines(document)))
    if document.claim is not None:
        yield Section("For the carrier", (_intake(document, document.claim),))
    yield Section("How complete this is", tuple(_completeness(document)))
    if verdict.runner_up is not None:
        why_not = verdict.runner_up.why_not
        other = f"{opening(CAUSE_WORDS[verdict.runner_up.cause])}: {why_not}"
        yield Section("What else it could have been", (Text(other),))
    if verdict.side_findings:
        yield Section("Also seen", tuple(_aside(document)))
    if verdict.options:
        yield Section("Relief", (Text(relief(document)), options_table(document)))
    yield Section("How to verify this report", tuple(_verification(document, pack, case, name)))


def _claimed(document: PackDocument, claim: PackClaim) -> Iterator[Block]:
    zone = document.site.zone
    if claim.words:
        yield Text(claim.words, "quote")
    yield Rows(
        (
            Row("Symptom", str(claim.symptom)),
            Row("Affected", claim.service or "not said"),
            Row("Since", _since(claim, zone)),
            Row("Reported", f"{local_time(claim.reported_at, zone)} by {claim.reported_by or 'somebody unnamed'}"),
        )
    )


def _since(claim: PackClaim, zone: ZoneInfo) -> str:
    if claim.since is None:
        return "not said"
    roughly = f", give or take {duration(claim.vague_minutes * 60)}" if claim.vague_minutes else ""
    return f"{local_time(claim.since, zone)}{roughly}"


def _intake(document: PackDocument, claim: PackClaim) -> Rows:
    """What a carrier asks before it sends somebody."""
    intake = claim.intake
    upto = f"up to {intake.charges_up_to}" if intake.charges_up_to else ""
    return Rows(
        (
            Row("On-site contact", stated(intake.on_site_contact)),
            Row("Access to the site", stated(intake.access_hours or document.site.access_hours)),
            Row("How to get in", stated(intake.access_instructions)),
            Row("Power checked", yes_or_no(intake.power_checked)),
            Row("Equipment restarted", yes_or_no(intake.rebooted)),
            Row("Technician may be sent", yes_or_no(intake.dispatch_consent)),
            Row("Client pays for its own fault", yes_or_no(intake.charges_consent, upto)),
            Row("Intrusive tests allowed", yes_or_no(intake.intrusive_test_consent, intake.intrusive_test_hours)),
            Row("Consent given by", stated(intake.consent_by)),
            Row("Client's reference", stated(intake.client_reference)),
        )
    )


def _measured(document: PackDocument) -> Iterator[Block]:
    verdict = document.verdict
    if verdict.reason:
        reason = opening(verdict.reason)
        yield Text(reason if reason.endswith(".") else f"{reason}.")
    if verdict.habitual:
        yield Text("It is as bad as always at this hour: habitual for this line.")
    if not document.verdict.findings and verdict.verdict is VerdictKind.NOT_SUBSTANTIATED:
        yield Text(
            "The charts below show what was measured, so that you can see it for yourself. "
            "What could have been seen, and what not, stands under “How complete this is”."
        )


def _looked_at(document: PackDocument) -> Iterator[Section]:
    """Without a finding: quality and use of every line that was measured."""
    for number, link in enumerate(document.links, 1):
        blocks: list[Block] = []
        for series in document.series_of(link.id):
            present = [name for name in QUALITY_METRICS if any(v is not None for v in series.fields.get(name, ()))]
            blocks += [
                quality_figure(document, link, series, name, f"line-{number}-{series.source}-{name.replace('_', '-')}")
                for name in present
            ]
        blocks += _traffic(document, link, number)
        yield Section(link.id, tuple(blocks) or (Text("Nothing was measured on this line."),), level=2)


def _traffic(document: PackDocument, link: PackLink, number: int) -> list[Block]:
    for series in document.series_of(link.id):
        if any(v is not None for name in ("rx_bps", "tx_bps") for v in series.fields.get(name, ())):
            return [traffic_figure(document, link, series, f"traffic-{number}")]
    return []


def _lines(document: PackDocument) -> Iterator[Block]:
    yield states_figure(document, "states")
    yield Table(
        "What a carrier needs to find the circuit.",
        (
            Column("line", weight=1.5),
            Column("role, access", weight=1.1),
            Column("carrier", weight=1.2),
            Column("circuit", weight=1.5),
            Column("account", weight=1.3),
            Column("committed down", "right"),
            Column("committed up", "right"),
        ),
        tuple(_line(link) for link in document.links if link.role != LinkRole.LAN),
    )
    if document.verdict.findings:
        judged = {finding.link for finding in document.verdict.findings}
        for number, link in enumerate(document.links, 1):
            if link.id in judged:
                yield from _traffic(document, link, number)


def _line(link: PackLink) -> tuple[Cell, ...]:
    carrier = link.carrier + (f" over {link.underlying_carrier}" if link.underlying_carrier else "")
    texts = (
        link.id,
        ", ".join(
            part for part in (link.role, _access(link), "client's own" if link.ownership == "client" else "") if part
        ),
        stated(carrier),
        stated(link.circuit_id or link.service_number),
        stated(link.carrier_account),
        stated(None) if link.committed_down_bps is None else bit_rate(link.committed_down_bps),
        stated(None) if link.committed_up_bps is None else bit_rate(link.committed_up_bps),
    )
    return tuple(Cell(text) for text in texts)


def _completeness(document: PackDocument) -> Iterator[Block]:
    verdict, zone = document.verdict, document.site.zone
    coverage = verdict.coverage
    share = 100 * coverage.present / coverage.expected if coverage.expected else None
    rows = [
        Row(
            "Samples of the time in question", f"{coverage.present} of {coverage.expected} expected ({percent(share)})"
        ),
        Row("Still to come", str(coverage.pending)),
        Row("Newest sample", local_time(coverage.newest, zone)),
    ]
    if verdict.rejudge_at:
        rows.append(Row("Judged again", local_time(verdict.rejudge_at, zone)))
    for source, cadence in sorted(document.cadences.items()):
        rows.append(
            Row(
                f"Promised by {source_words(source)}", f"a value every {cadence.every} s, at most {cadence.late} s late"
            )
        )
    yield Rows(tuple(rows))
    if verdict.detectable:
        yield Text("The smallest fault that this measurement would have shown:")
        yield Rows(
            tuple(
                Row(metric_words(name), quantity(value, FIELDS.get(name, "")))
                for name, value in sorted(verdict.detectable.items())
            )
        )


def _aside(document: PackDocument) -> Iterator[Block]:
    for finding in document.verdict.side_findings:
        yield Text(f"{opening(CAUSE_WORDS[finding.cause])} on {finding.link}. {finding_sentence(document, finding)}")


def _verification(document: PackDocument, pack: EvidencePack, case: str, name: str) -> Iterator[Block]:
    yield Text(
        "Everything above was computed from one file, the evidence pack: claim, verdict, inventory excerpt, policy and "
        f"all samples. The PDF carries it as {name}, and the samples as tables beside it, CSV and Parquet. Whoever "
        "holds it can compute every figure again."
    )
    yield Rows(
        (
            Row("SHA-256 of the pack", pack.sha256),
            Row("Policy", stated(document.verdict.policy)),
            Row("What is ordinary", _ordinary(document.verdict.baseline)),
            Row("Software", _software(document.software)),
            Row("Pack made", local_time(document.made_at, document.site.zone)),
        )
    )
    yield Text(f"sha256sum {name}", "code")
    yield Text(f"lineproof case show {case} --verify", "code")


def _ordinary(version: str) -> str:
    return "computed from the samples before" if version == COMPUTED else stated(version)


def _software(named: Mapping[str, str]) -> str:
    return (
        f"Lineproof {named['lineproof']}, rules {named.get('rules', 'not named')}"
        if "lineproof" in named
        else stated("")
    )


def _access(link: PackLink) -> str:
    return ACCESS_WORDS.get(link.access, link.access)


FOOTNOTES = (
    "Times are local to the site, with the zone's abbreviation. Download is towards the site, upload away from it.",
    "Not measured is neither zero nor healthy: a gap in a chart is a time without any sample.",
    "A device that does not answer its poll is not a line that is down; line states are shown as not known then.",
    "Round-trip time and packet loss are two-way unless a direction is named (RFC 2681, RFC 7680); jitter as the "
    "source reports it (RFC 3550 where the source says nothing else).",
)
