"""What a carrier asks before it accepts a repair: what is known of it, what is not yet, and who may report. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import fields, replace
from enum import StrEnum
from typing import Any

from inventory.aliases import phone_digits, same_number
from inventory.model import Client, Contact, Link, Ownership, Site
from triage.contacts import ADDRESS, NUMBER
from triage.model import Claim, Intake


class Authority(StrEnum):
    """Whether the person who reports may do so for the client (CPNI: customer proprietary network information)."""

    AUTHORISED = "authorised"
    NOT_AUTHORISED = "not_authorised"
    UNNAMED = "unnamed"


class Question(StrEnum):
    """What a carrier's repair desk asks, in the order in which a ticket answers it."""

    REPORTER = "reporter"
    REPORTER_CONTACT = "reporter_contact"
    AUTHORISED_REPORTER = "authorised_reporter"
    CIRCUIT = "circuit"
    ACCOUNT = "account"
    ON_SITE_CONTACT = "on_site_contact"
    ON_SITE_PHONE = "on_site_phone"
    ON_SITE_HOURS = "on_site_hours"
    ACCESS_HOURS = "access_hours"
    DISPATCH_CONSENT = "dispatch_consent"
    CHARGES_CONSENT = "charges_consent"
    INTRUSIVE_TEST_CONSENT = "intrusive_test_consent"
    INTRUSIVE_TEST_HOURS = "intrusive_test_hours"
    POWER_CHECKED = "power_checked"
    REBOOTED = "rebooted"


QUESTION_WORDS = {
    Question.REPORTER: "who reports it",
    Question.REPORTER_CONTACT: "how to reach who reports it",
    Question.AUTHORISED_REPORTER: "the word of somebody who may report",
    Question.CIRCUIT: "the line's circuit id",
    Question.ACCOUNT: "the account with the carrier",
    Question.ON_SITE_CONTACT: "a contact on site",
    Question.ON_SITE_PHONE: "the phone number of the contact on site",
    Question.ON_SITE_HOURS: "when the contact is on site",
    Question.ACCESS_HOURS: "when a technician gets in",
    Question.DISPATCH_CONSENT: "whether a technician may be sent",
    Question.CHARGES_CONSENT: "whether the client pays a visit that finds the fault to be its own",
    Question.INTRUSIVE_TEST_CONSENT: "whether tests may interrupt the service",
    Question.INTRUSIVE_TEST_HOURS: "from when to when tests may interrupt the service",
    Question.POWER_CHECKED: "whether the equipment has power",
    Question.REBOOTED: "whether the equipment was rebooted",
}

LONGEST = {
    "words": 2000,
    "service": 120,
    "reported_by": 120,
    "reporter_contact": 120,
    "on_site_contact": 200,
    "on_site_phone": 60,
    "on_site_email": 200,
    "on_site_hours": 200,
    "access_hours": 200,
    "access_instructions": 500,
    "charges_up_to": 60,
    "consent_by": 120,
    "intrusive_test_hours": 200,
    "client_reference": 120,
}
"""Characters of each text of a claim and its intake."""

_FIELDS = frozenset(field.name for field in fields(Intake))


def known(intake: Intake, site: Site) -> Intake:
    """The intake, with what the inventory says of the site where nobody said otherwise.

    A person whom the client names is not given another's number: the site's contact fills in only for itself.
    """
    filled = replace(intake, access_hours=intake.access_hours or site.access_hours)
    person = site.on_site_contact
    if person is None or not (same_name(person.name, intake.on_site_contact) or not intake.on_site_contact):
        return filled
    return replace(
        filled,
        on_site_contact=intake.on_site_contact or person.name,
        on_site_phone=intake.on_site_phone or person.phone or "",
        on_site_email=intake.on_site_email or person.email or "",
        on_site_hours=intake.on_site_hours or person.hours or "",
    )


def missing(
    claim: Claim | None, site: Site, client: Client, link: Link | None, said: Intake | None = None
) -> tuple[Question, ...]:
    """What the line's carrier will ask and nobody has said; `claim` None: found by measuring, we report it ourselves,
    and `said` is what was answered since.

    A line on the client's own contract (BYOB) is reported by the client: its carrier asks us nothing. MEF 124 (trouble
    tickets between carriers) wants the product and a reporter's contact; the rest is what repair desks ask on the phone
    before they send somebody.
    """
    open_questions = set(_of_the_reporter(claim, site, client)) if claim is not None else set()
    if link is None or link.ownership is not Ownership.CLIENT:
        open_questions |= set(_of_the_repair(known(claim.intake if claim is not None else said or Intake(), site)))
        if link is not None and not link.circuit_id:
            open_questions.add(Question.CIRCUIT)
        if link is not None and not link.carrier_account:
            open_questions.add(Question.ACCOUNT)
    return tuple(question for question in Question if question in open_questions)


def _of_the_reporter(claim: Claim, site: Site, client: Client) -> Iterator[Question]:
    match authority(claim, site, client):
        case Authority.UNNAMED:
            yield Question.REPORTER
        case Authority.NOT_AUTHORISED:
            yield Question.AUTHORISED_REPORTER
            if not claim.reporter_contact:
                yield Question.REPORTER_CONTACT
        case Authority.AUTHORISED:
            listed = [one for one in authorised(site, client) if _is(one, claim)]
            if not claim.reporter_contact and not any(one.phone or one.email for one in listed):
                yield Question.REPORTER_CONTACT


def _of_the_repair(intake: Intake) -> Iterator[Question]:
    """The questions that a field of their name answers; who may not be sent is not asked for money, nor are hours
    wanted of tests that nobody allows."""
    idle = set()
    if intake.dispatch_consent is False:
        idle.add(Question.CHARGES_CONSENT)
    if not intake.intrusive_test_consent:
        idle.add(Question.INTRUSIVE_TEST_HOURS)
    for question in Question:
        if question.value in _FIELDS and question not in idle and getattr(intake, question.value) in ("", None):
            yield question


def authorised(site: Site, client: Client) -> tuple[Contact, ...]:
    """Who may open a repair for this site, as the client told it: those to call back."""
    people = (*([site.on_site_contact] if site.on_site_contact else []), *client.contacts)
    return tuple(person for person in people if person.may_report)


def authority(claim: Claim, site: Site, client: Client) -> Authority:
    """Whether who reports is on the client's list of those who may.

    47 CFR 64.2010: customer data is told only to whoever is authenticated; by telephone by calling back the number of
    record. A reporter matches a listed contact by name, phone or mail address, and nothing said may contradict it: a
    listed name with a number that is not that person's is to be called back.
    """
    if not claim.reported_by.strip() and not claim.reporter_contact.strip():
        return Authority.UNNAMED
    listed = any(_is(person, claim) for person in authorised(site, client))
    return Authority.AUTHORISED if listed else Authority.NOT_AUTHORISED


def _is(person: Contact, claim: Claim) -> bool:
    name, reach = claim.reported_by.strip(), claim.reporter_contact.strip()
    by_name = same_name(person.name, name) if name else None
    by_reach = _reaches(person, reach) if reach else None
    return False not in (by_name, by_reach) and True in (by_name, by_reach)


def _reaches(person: Contact, reach: str) -> bool | None:
    """Whether this is the person's own number or address; None where the list has none of the kind."""
    if "@" in reach:
        return None if not person.email else person.email.casefold() == reach.casefold()
    return None if not person.phone else same_number(phone_digits(person.phone), phone_digits(reach))


def same_name(one: str, other: str) -> bool:
    """Whether two names are written alike, but for case, spaces and how accents are encoded."""
    return _plain(one) == _plain(other) != ""


def _plain(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def call_back(claim: Claim | None, site: Site, client: Client) -> str:
    """What to heed about who reports, in words that name nobody's number; empty when nothing."""
    if claim is None:
        return ""
    found = authority(claim, site, client)
    if found is Authority.AUTHORISED:
        return ""
    names = ", ".join(dict.fromkeys(one_line(person.name) for person in authorised(site, client)))
    whom = f"call back a listed contact ({names})" if names else "the inventory lists nobody who may report"
    who = one_line(claim.reported_by) or "the reporter"
    return f"{who} is not authorised: {whom}" if found is Authority.NOT_AUTHORISED else f"nobody is named: {whom}"


def answered_fields(intake: Intake) -> tuple[str, ...]:
    """The names of what somebody has said."""
    return tuple(field.name for field in fields(Intake) if getattr(intake, field.name) not in ("", None))


def merged(first: Intake, then: Intake) -> Intake:
    """What is known after more was said. What was left out stays, but for how to reach a contact who is another one."""
    told: dict[str, Any] = {name: getattr(then, name) for name in answered_fields(then)}
    if then.on_site_contact and not same_name(then.on_site_contact, first.on_site_contact):
        told = {"on_site_phone": "", "on_site_email": "", "on_site_hours": ""} | told
    return replace(first, **told)


def later(first: Claim | None, then: Claim, said: Intake | None = None) -> Claim:
    """The claim that a case keeps after another one: the first, with what the later one says of the intake. `said` is
    what the case knew before its first claim."""
    if first is None:
        return then if said is None else replace(then, intake=merged(said, then.intake))
    return replace(first, intake=merged(first.intake, then.intake))


def split_contact(text: str) -> tuple[str, str, str]:
    """Name, phone number and mail address of "Dana Reyes, +1 617 555 0188"; what is not there is empty."""
    address = ADDRESS.search(text)
    rest = ADDRESS.sub(" ", text)
    number = NUMBER.search(rest)
    name = " ".join(NUMBER.sub(" ", rest).split()).strip(" ,;:/()<>-")
    return name, number[0].strip() if number else "", address[0] if address else ""


def tidy(intake: Intake) -> Intake:
    """Each text on one line."""
    texts: dict[str, Any] = {
        name: one_line(value) for name in _FIELDS if isinstance(value := getattr(intake, name), str)
    }
    return replace(intake, **texts)


def one_line(text: str) -> str:
    """Text that cannot break out of its line in a ticket: control characters and line ends become spaces."""
    return " ".join("".join(" " if unicodedata.category(sign) in _CONTROLS else sign for sign in text).split())


_CONTROLS = ("Cc", "Cf", "Zl", "Zp")
"""Unicode's controls, formats (that turn the writing direction), and separators of lines and paragraphs."""
