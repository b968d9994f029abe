"""Documents as lines for a terminal. No figure is computed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from collector.model import FIELDS, FactKind
from collector.snmp.report import PollReport, at
from config.clock import rfc3339
from inventory.model import Site
from service.claims import ReadClaim, quoted, understood_parts
from service.documents import Looked, Newest, newest_samples
from service.storytelling import story_lines
from triage.cases import Case
from triage.formatting import local_time, quantity
from triage.intake import QUESTION_WORDS, Question
from triage.model import Cause, Finding, VerdictKind
from triage.ticket_wording import finding_sentence, local
from triage.words import CAUSE_WORDS, VERDICT_WORDS, metric_words

_FINDING = TypeAdapter(Finding)
_CASE = TypeAdapter(Case)
FACT_MEANINGS = {
    FactKind.EDGE_STATE: "contact between host and device; offline is no proof that the site is down",
    FactKind.LINK_STATE: "the line's state as the host has it; standby is well for a backup line",
    FactKind.HA_STATE: "the standby of the pair",
    FactKind.EVENT: "an event, in the host's words",
}


def understood_lines(read: ReadClaim, site: Site) -> Iterator[str]:
    """What was understood of the client's words, which of them said so, what is in doubt, and how to correct it."""
    found, claim = read.understood, read.claim
    if found is None:
        return
    yield f"Understood: {'; '.join(understood_parts(claim, found, site))}"
    if found.because:
        yield f"  from the words {quoted(found, 'symptom', 'also', 'service', 'since', 'until')}"
    for note in (*read.notes, *found.doubts):
        yield f"  note: {note}"
    yield "  correct it with --since and --symptom"


def verdict_lines(verdict: Mapping[str, Any], site: Site) -> Iterator[str]:
    """A verdict as a desk reads it out; times in the site's zone."""

    def moment(text: str | None) -> str:
        return local(datetime.fromisoformat(text), site.zone) if text else "now"

    yield f"{site.name or site.id}: {VERDICT_WORDS[VerdictKind(verdict['verdict'])]}."
    yield f"  {verdict['reason']}"
    if verdict["onset"]:
        ended = moment(verdict["end"]) if verdict["end"] else "still there"
        cause = CAUSE_WORDS[Cause(verdict["cause"])]
        yield f"  {cause} on {verdict['link']} ({verdict['direction']}), from {moment(verdict['onset'])}, {ended}"
        yield f"  severity {verdict['severity']}, scope {verdict['scope']}"
    for finding in verdict["findings"]:
        yield f"  - {finding_sentence(_FINDING.validate_python(finding))}"
    coverage = verdict["coverage"]
    newest = moment(coverage["newest"]) if coverage["newest"] else "never"
    yield (
        f"  measured {coverage['present']} of {coverage['expected']} samples, {coverage['pending']} still to come, "
        f"newest {newest}"
    )
    if verdict["rejudge_at"]:
        yield f"  what is missing is due by {moment(verdict['rejudge_at'])}"
    if verdict["runner_up"]:
        second = CAUSE_WORDS[Cause(verdict["runner_up"]["cause"])]
        yield f"  runner-up: {second}; {verdict['runner_up']['why_not']}"
    if verdict["detectable"]:
        least = ", ".join(
            f"{metric_words(name)} {quantity(value, FIELDS[name])}" for name, value in verdict["detectable"].items()
        )
        yield f"  a fault of this size would have been seen: {least}"
    yield from option_lines(verdict["options"])
    if verdict.get("case"):
        yield f"  case {verdict['case']}, ticket {verdict.get('ticket') or 'none'}"
    yield f"  evidence sha256 {verdict['evidence_sha256']}"


def option_lines(options: list[Mapping[str, Any]]) -> Iterator[str]:
    for option in options:
        after = option["utilisation_after_pct"]
        filled = ", ".join(f"{way} {value:.0f} %" for way, value in after.items() if value is not None)
        fit = "fits" if option["fit"] else f"does not fit: {option['reason']}"
        notes = [
            word for word, true in (("metered", option["metered"]), ("shared fate", option["shared_fate"])) if true
        ]
        yield (
            f"  relief {option['rank']}: {option['link']}, {fit}; after: {filled or 'unknown'}"
            + (f" ({', '.join(notes)})" if notes else "")
        )


def relief_lines(document: Mapping[str, Any]) -> Iterator[str]:
    where = document["link"] or "no link"
    yield f"{document['site']}: {document['cause']} on {where}; case {document['case'] or 'none'}"
    yield from (
        option_lines(document["options"]) if document["options"] else iter(["  no other link could take traffic"])
    )
    for proposal in document["proposals"]:
        decided = f" by {proposal['decided_by']}" if proposal["decided_by"] else ""
        yield f"  {proposal['id']} {proposal['from_link']} -> {proposal['to_link']}: {proposal['status']}{decided}"
        plan = proposal["plan"]
        if "error" in plan:
            yield f"    {plan['error']}"
            continue
        where = f" on {plan['host']}:{plan['port']} ({plan['platform']})" if plan["host"] else ""
        yield f"    {plan['kind']}{where}"
        for title, commands in (("would send", plan["commands"]), ("undo", plan["undo"]), ("verify", plan["verify"])):
            for command in commands:
                yield f"    {title}: {command}"


def case_lines(document: Mapping[str, Any]) -> Iterator[str]:
    case, zone = document["case"], ZoneInfo(document["timezone"])

    def told(text: str | None, otherwise: str) -> str:
        return local_time(datetime.fromisoformat(text), zone) if text else otherwise

    yield f"{case['id']}  {case['status']}  {case['severity'] or '-'}  {case['title']}"
    if document["children"]:
        yield f"  at {case['sites']} sites; their own cases: {', '.join(document['children'])}"
    elif case["parent"]:
        yield f"  part of {case['parent']}, a trouble of the carrier"
    yield f"  client {case['client'] or '-'}, site {case['site']}, reported by {', '.join(case['origins'])}"
    yield (
        f"  opened {told(case['opened_at'], '-')}, onset {told(case['onset'], '-')}, "
        f"ended {told(case['ended_at'], 'not yet')}"
    )
    when = told(case["next_action_at"], "")
    yield f"  owner {case['owner'] or 'nobody'}, next: {case['next_action'] or '-'}{f', {when}' if when else ''}"
    yield f"  ticket {case['ticket'] or 'none'}, evidence sha256 {case['evidence_sha256'] or '-'}"
    yield from asked_lines(case)
    yield from carrier_lines(_CASE.validate_python(case), zone)
    for verdict in document["verdicts"]:
        yield f"  {verdict['id']}: {verdict['verdict']}, {verdict['cause']} on {verdict['link']}; {verdict['reason']}"
    for proposal in document["proposals"]:
        yield f"  {proposal['id']}: {proposal['from_link']} -> {proposal['to_link']}, {proposal['status']}"
    yield from story_lines(document["story"], zone)
    head = document["audit_head"]
    yield f"  audit trail: {head['number']} rows, head sha256 {head['sha256']}"
    for check in document.get("verification", []):
        result = "verified" if check["ok"] else "WRONG"
        yield f"  {result}: {check['verdict']} {check['what']}: {check['detail']} [{check['used']}]"


def carrier_lines(case: Case, zone: tzinfo) -> Iterator[str]:
    """A case's carrier tickets, times in the site's zone."""

    def told(label: str, moment: datetime | None) -> str:
        return f", {label} {local_time(moment, zone)}" if moment is not None else ""

    for one in case.carrier_tickets:
        yield (
            f"  carrier {one.carrier} {one.number}{f' on {one.link}' if one.link else ''}: "
            f"opened {local_time(one.opened_at, zone)}{told('repair expected by', one.etr)}"
            f"{told('next update due', one.next_update_at)}{told('closed', one.closed_at)}"
        )
        known = {"repair": one.repair_contact, "account": one.account, "reason for outage": one.reason_for_outage}
        if any(known.values()):
            yield "    " + "; ".join(f"{name} {value}" for name, value in known.items() if value)


def asked_lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Of a case's or a claim's document: who is to be called back, and what a carrier will ask and nobody has said."""
    if document.get("call_back"):
        yield f"  {document['call_back']}"
    questions = [QUESTION_WORDS[Question(name)] for name in document.get("missing", ())]
    if questions:
        yield f"  the carrier will ask: {'; '.join(questions)}"


def poll_lines(report: PollReport) -> Iterator[str]:
    """A poll of one device: every value with its meaning, or why there is none."""
    where = at(report.address, report.port)
    yield f"{report.device} at {where}: {report.outcome} in {report.milliseconds:.1f} ms"
    if report.message:
        yield f"  {report.message}"
    if report.survey is not None and report.survey.profile is not None:
        system = report.survey.system
        yield f"  {system.name or 'no sysName'}: {' '.join(system.description.split()) or 'no sysDescr'}"
        yield f"  profile {report.survey.profile.name}, by sysObjectID {system.object_id or '(none)'}"
    for link, fields in report.measurements.items():
        known = ", ".join(
            f"{name} {value:g} {FIELDS[name]}".rstrip() for name, value in fields.items() if value == value
        )
        yield f"  {link}: {known or 'nothing measured'}"
    for link in report.missing:
        yield f"  {link}: the device shows no such interface"
    for value in report.values():
        subject = f"{value.link} ({value.interface})" if value.link else value.interface or value.row or report.device
        shown = "-" if value.value is None else str(value.value)
        yield f"  {subject:32} {value.name:28} {shown:>20} {value.unit:8} {value.meaning}  [{value.oid}]"
    for note in report.survey.notes if report.survey else ():
        yield f"  note: {note}"
    for reason, count in report.strays.items():
        yield f"  {count} datagram{'s' if count > 1 else ''} not taken: {reason}"


def looked_lines(looked: Looked) -> Iterator[str]:
    """What a device's orchestrator says of it now: the device, then line by line, everything with its meaning; or why
    it says nothing."""
    report = looked.report
    yield f"{looked.device} at the orchestrator {looked.orchestrator}:{'' if report else ' no answer'}"
    if report is None:
        yield f"  {looked.error}"
        return
    samples = {each.link: each for each in newest_samples(report.samples)}
    subjects = [*(fact.subject for fact in report.facts), *(figure.subject for figure in report.figures)]
    for subject in dict.fromkeys((looked.device, *subjects, *samples)):
        yield f"  {subject}"
        for fact in report.facts:
            if fact.subject == subject:
                meaning = "; ".join(filter(None, (fact.detail, FACT_MEANINGS.get(fact.kind, ""))))
                yield _value_line(fact.kind, fact.value, f"{rfc3339(fact.time)}; {meaning}".rstrip("; "))
        if subject in samples:
            yield from _sample_lines(samples[subject])
        for figure in report.figures:
            if figure.subject == subject:
                yield _value_line(figure.name, figure.value, figure.meaning)
    if not samples:
        yield "  no statistics of its lines"
    for note in report.notes:
        yield f"  note: {note}"


def _sample_lines(sample: Newest) -> Iterator[str]:
    span = f"{sample.seconds} s from {rfc3339(sample.start)}"
    yield _value_line("newest statistics", span if sample.fields else f"{span}: nothing was measured", "")
    for name, value in sample.fields.items():
        yield _value_line(name, quantity(value, FIELDS[name]), metric_words(name))


def _value_line(name: str, value: str, meaning: str) -> str:
    return f"    {name:32}  {value:28}  {meaning}".rstrip()
