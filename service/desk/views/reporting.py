"""The "report trouble" form: what stands in it, whom it offers, what is to be heeded. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from config.clock import rfc3339
from inventory.model import Client, Contact, Site
from reports.formatting import duration, local_time
from service.claims import NOW, answer, quoted
from triage.claim_words.understood import Understood, understood
from triage.intake import known
from triage.model import Claim, Intake
from triage.wall_clock import readings

HEARD = ("symptom", "since", "service")
"""What the client's words can say."""
INTAKE_TEXTS = (
    "on_site_contact",
    "on_site_phone",
    "on_site_email",
    "on_site_hours",
    "access_hours",
    "access_instructions",
    "charges_up_to",
    "consent_by",
    "intrusive_test_hours",
    "client_reference",
)
ANSWERS = ("power_checked", "rebooted", "dispatch_consent", "charges_consent", "intrusive_test_consent")
"""Questions that are answered by yes or no, or that nobody has asked."""
TEXTS = (
    *HEARD,
    *(f"read_{name}" for name in HEARD),
    "words",
    "reported_by",
    "other_reporter",
    "reporter_contact",
    *INTAKE_TEXTS,
    *ANSWERS,
)
"""The fields of a Report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was typed, as typed: it stays in the form when something in it is refused."""

    symptom: str = ""
    since: str = ""
    service: str = ""
    read_symptom: str = ""
    read_since: str = ""
    read_service: str = ""
    """What the words filled in last: a field that holds something else was typed by a person."""
    words: str = ""
    reported_by: str = ""
    other_reporter: str = ""
    reporter_contact: str = ""
    on_site_contact: str = ""
    on_site_phone: str = ""
    on_site_email: str = ""
    on_site_hours: str = ""
    access_hours: str = ""
    access_instructions: str = ""
    charges_up_to: str = ""
    consent_by: str = ""
    intrusive_test_hours: str = ""
    client_reference: str = ""
    power_checked: str = ""
    rebooted: str = ""
    dispatch_consent: str = ""
    charges_consent: str = ""
    intrusive_test_consent: str = ""

    @property
    def reporter(self) -> str:
        return self.other_reporter or self.reported_by


@dataclass(frozen=True, slots=True)
class Heard:
    """What the words say of a field and which words they are, to stand beside it; empty where nothing was said."""

    symptom: str = ""
    since: str = ""
    service: str = ""
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReportForm:
    """The form for one site: what stands in it, what its words say, whom it offers as reporters, what is wrong."""

    site: Site
    client: Client
    report: Report
    contacts: tuple[Contact, ...]
    heard: Heard
    refusal: str = ""


def blank_report(site: Site) -> Report:
    """The form as it is opened: what the inventory knows stands in it already."""
    there = known(Intake(), site)
    return Report(**{name: getattr(there, name) for name in INTAKE_TEXTS})


def report_form(site: Site, client: Client, report: Report, now: datetime, refusal: str = "") -> ReportForm:
    """The form with its words read as of `now`; a field that a person filled keeps what was typed."""
    found = understood(report.words, now, site)
    heard = _heard(found, site.zone) if report.words.strip() else Heard()
    return ReportForm(site, client, filled(report, found, site.zone), contacts_of(site, client), heard, refusal)


def filled(report: Report, found: Understood, zone: ZoneInfo) -> Report:
    """The form with what the words say in every field that no person has changed since they were last read."""
    said = {
        "symptom": found.symptom.value if found.symptom else "",
        "since": typed_time(found.since, zone) if found.since else "",
        "service": found.service,
    }
    for name, value in said.items():
        if getattr(report, name) == getattr(report, f"read_{name}"):
            report = replace(report, **{name: value, f"read_{name}": value})
    return report


def typed_time(moment: datetime, zone: ZoneInfo) -> str:
    """A moment as a person would type it at the site; with its zone in the hour that the clocks repeat."""
    local = moment.astimezone(zone)
    first, second = readings(local.date(), local.time(), zone)
    return f"{local:%Y-%m-%d %H:%M}" if first == second else rfc3339(moment)


def _heard(found: Understood, zone: ZoneInfo) -> Heard:
    symptom, since = "the words do not say what is wrong: which is it?", "the words do not say since when; empty: now"
    if found.symptom is not None:
        also = f"; also {' and '.join(found.others)}, from {quoted(found, 'also')}" if found.others else ""
        symptom = f"{found.symptom}, from {quoted(found, 'symptom')}{also}"
    if found.since is not None:
        ended = f" until {local_time(found.until, zone)}" if found.until else ""
        roughly = f", give or take {duration(found.vague_minutes * 60)}" if found.vague_minutes else ""
        since = f"{local_time(found.since, zone)}{ended}{roughly}, from {quoted(found, 'since', 'until')}"
    words = quoted(found, "service") or quoted(found, "symptom", "also")
    return Heard(symptom, since, f"{found.service}, from {words}" if found.services else "", found.doubts)


def contacts_of(site: Site, client: Client) -> tuple[Contact, ...]:
    """Whoever may phone: those who may report first, then by escalation level; each name once."""
    people = ([site.on_site_contact] if site.on_site_contact else []) + list(client.contacts)
    by_name: dict[str, Contact] = {}
    for person in people:
        if person.name not in by_name or person.may_report:
            by_name[person.name] = person
    return tuple(sorted(by_name.values(), key=lambda person: (not person.may_report, person.escalation_level)))


def intake_of(report: Report) -> Intake:
    """Raises UsageError for an answer that is neither yes nor no."""
    said: dict[str, Any] = {name: getattr(report, name) for name in INTAKE_TEXTS}
    said |= {name: answer(getattr(report, name), name) for name in ANSWERS}
    return Intake(**said)


def hidden_fields(report: Report, claim: Claim) -> tuple[tuple[str, str], ...]:
    """The judged claim as form fields, `since` as the moment that it was taken for."""
    texts = {name: getattr(report, name) for name in TEXTS}
    texts["symptom"] = claim.symptom.value
    texts["since"] = rfc3339(claim.since) if claim.since else NOW
    return tuple(texts.items())


def asked_words(claim: Claim, site: Site) -> str:
    """What was judged, in words: to read back to the caller."""
    since = f"since {local_time(claim.since, site.zone)}" if claim.since else "now"
    affected = f" ({claim.service})" if claim.service else ""
    return f"{claim.symptom}{affected}, {since}"
