"""The "report trouble" form: what stands in it, whom it offers, what is to be heeded. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from config.clock import rfc3339
from inventory.model import Client, Contact, Site
from reports.formatting import local_time
from service.times import UsageError
from triage.model import Claim, Intake, Symptom

LONGEST = {
    "words": 2000,
    "reported_by": 120,
    "other_reporter": 120,
    "on_site_contact": 200,
    "access_hours": 200,
    "client_reference": 120,
}

TEXTS = (
    "symptom",
    "since",
    "words",
    "reported_by",
    "other_reporter",
    "on_site_contact",
    "access_hours",
    "client_reference",
)
TICKS = ("dispatch_consent", "intrusive_test_consent", "power_checked", "rebooted")
"""The fields of a Report: texts, and boxes that are ticked or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was typed, as typed: it stays in the form when something in it is refused."""

    symptom: str = Symptom.SLOW.value
    since: str = ""
    words: str = ""
    reported_by: str = ""
    other_reporter: str = ""
    on_site_contact: str = ""
    access_hours: str = ""
    client_reference: str = ""
    dispatch_consent: bool = False
    intrusive_test_consent: bool = False
    power_checked: bool = False
    rebooted: bool = False

    @property
    def reporter(self) -> str:
        return self.other_reporter or self.reported_by


@dataclass(frozen=True, slots=True)
class ReportForm:
    """The form for one site: what stands in it, whom it offers as reporters, and what is wrong with it."""

    site: Site
    client: Client
    report: Report
    contacts: tuple[Contact, ...]
    refusal: str = ""


def blank_report(site: Site) -> Report:
    """The form as it is opened: what the inventory knows stands in it already."""
    contact = site.on_site_contact
    named = ", ".join(part for part in (contact.name, contact.phone) if part) if contact else ""
    return Report(on_site_contact=named, access_hours=site.access_hours)


def report_form(site: Site, client: Client, report: Report, refusal: str = "") -> ReportForm:
    return ReportForm(site, client, report, contacts_of(site, client), refusal)


def contacts_of(site: Site, client: Client) -> tuple[Contact, ...]:
    """Whoever may phone: those who may report first, then by escalation level; each name once."""
    people = ([site.on_site_contact] if site.on_site_contact else []) + list(client.contacts)
    by_name: dict[str, Contact] = {}
    for person in people:
        if person.name not in by_name or person.may_report:
            by_name[person.name] = person
    return tuple(sorted(by_name.values(), key=lambda person: (not person.may_report, person.escalation_level)))


def reporter_warning(reporter: str, contacts: Sequence[Contact]) -> str:
    """What to heed about who reports (CPNI: only authorised people may open a repair); empty when nothing."""
    allowed = [person.name for person in contacts if person.may_report]
    if reporter in allowed:
        return ""
    who = f"{reporter} is not noted as someone who may report" if reporter else "Nobody is named as reporting"
    ask = f"; {', '.join(allowed)} may" if allowed else "; the inventory names nobody who may"
    return f"{who}{ask}."


def check_lengths(report: Report) -> None:
    """Raises UsageError for a text that is longer than a carrier's form would take."""
    for name, longest in LONGEST.items():
        if len(getattr(report, name)) > longest:
            raise UsageError(f"{name.replace('_', ' ')} is longer than {longest} characters; shorten it")


def intake_of(report: Report) -> Intake:
    return Intake(
        on_site_contact=report.on_site_contact,
        access_hours=report.access_hours,
        dispatch_consent=report.dispatch_consent,
        intrusive_test_consent=report.intrusive_test_consent,
        power_checked=report.power_checked,
        rebooted=report.rebooted,
        client_reference=report.client_reference,
    )


def hidden_fields(report: Report, claim: Claim) -> tuple[tuple[str, str], ...]:
    """The judged claim as form fields, `since` as the moment that it was taken for."""
    texts = {name: getattr(report, name) for name in TEXTS}
    texts["since"] = rfc3339(claim.since) if claim.since else ""
    return (*texts.items(), *((name, "yes") for name in TICKS if getattr(report, name)))


def asked_words(claim: Claim, site: Site) -> str:
    """What was judged, in words: to read back to the caller."""
    since = f"since {local_time(claim.since, site.zone)}" if claim.since else "now"
    return f"{claim.symptom}, {since}"
