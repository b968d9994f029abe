"""From what a person typed, and the client's own words, to a claim that can be judged; else one sentence why not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config.clock import rfc3339
from inventory.model import Site
from reports.formatting import duration, local_time
from service.times import UsageError, parse_moment
from triage.claim_words.understood import Because, Understood, understood
from triage.intake import LONGEST, one_line, split_contact, tidy
from triage.judge import check_claim
from triage.model import Claim, Intake, Symptom
from triage.policy import Policy
from triage.tickets.notes import printable

NOW = "now"
"""Typed for the time: since this moment, whatever the words say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadClaim:
    """The claim in UTC, what was understood of its words (None without words), and what a person should know of how
    the two came together: what was taken against the words, or because nobody said."""

    claim: Claim
    understood: Understood | None
    notes: tuple[str, ...]


def read_claim(
    site: Site,
    policy: Policy,
    now: datetime,
    *,
    since: str = "",
    symptom: str = "",
    service: str | None = None,
    words: str = "",
    reported_by: str = "",
    reporter_contact: str = "",
    reported_at: str | None = None,
    intake: Intake | None = None,
) -> ReadClaim:
    """What is typed wins over the words; what neither says is now, `slow`, and no service (None: as the words say).

    Raises UsageError for a symptom, time or age that cannot be, and for a text that no carrier's form would take.
    """
    intake = intake or Intake()
    words = printable(words)
    _check_texts(words=words, service=service or "", reported_by=reported_by, reporter_contact=reporter_contact)
    intake = checked_intake(intake)
    if symptom and symptom not in list(Symptom):
        raise UsageError(f"{symptom!r} is no symptom; say one of {', '.join(Symptom)}")
    # Whole seconds: an inbox row cuts its own `now`, and a claim about now must not lie after it.
    now = now.replace(microsecond=0)
    reported = parse_moment(reported_at, site.zone, now) if reported_at else now
    found = understood(words, reported, site) if words else None
    heard = found or Understood()
    typed = since.strip().lower()
    begun = heard.since if not typed else None if typed == NOW else parse_moment(since, site.zone, now)
    claim = Claim(
        site=site.id,
        client=site.client,
        symptom=Symptom(symptom) if symptom else heard.symptom or Symptom.SLOW,
        since=begun,
        reported_at=reported,
        reported_by=one_line(reported_by),
        reporter_contact=one_line(reporter_contact),
        words=words,
        service=heard.service if service is None else service,
        vague_minutes=(heard.vague_minutes or 0) if begun and begun == heard.since else 0,
        intake=intake,
    )
    refusal = check_claim(claim, policy, now, site.zone)
    if refusal is not None:
        raise UsageError(refusal.message)
    return ReadClaim(claim=claim, understood=found, notes=tuple(_notes(claim, found, site, symptom, typed)))


def _check_texts(**texts: str) -> None:
    for name, text in texts.items():
        if len(text) > LONGEST[name]:
            raise UsageError(f"{name.replace('_', ' ')} is longer than {LONGEST[name]} characters; shorten it")


def checked_intake(intake: Intake) -> Intake:
    """Each text on one line. Raises UsageError for one that no carrier's form would take."""
    _check_texts(**{name: getattr(intake, name) for name in LONGEST if hasattr(intake, name)})
    if intake.on_site_phone and not any(sign.isdigit() for sign in intake.on_site_phone):
        raise UsageError(f"{intake.on_site_phone!r} has no digit; give the phone number of the contact on site")
    if intake.on_site_email and "@" not in intake.on_site_email:
        raise UsageError(f"{intake.on_site_email!r} has no @; give the mail address of the contact on site")
    return tidy(intake)


def typed_intake(
    *,
    contact: str = "",
    contact_hours: str = "",
    access: str = "",
    instructions: str = "",
    dispatch_consent: str = "",
    charges_up_to: str = "",
    consent_by: str = "",
    intrusive_tests: str = "",
    power_checked: bool | None = None,
    rebooted: bool | None = None,
    reference: str = "",
) -> Intake:
    """The intake from a command's options: a contact as one text, an amount or hours as consent to what they are of.

    Raises UsageError for an answer that is neither yes nor no.
    """
    name, phone, email = split_contact(contact)
    tests = intrusive_tests.strip().lower()
    return Intake(
        on_site_contact=name,
        on_site_phone=phone,
        on_site_email=email,
        on_site_hours=contact_hours,
        access_hours=access,
        access_instructions=instructions,
        dispatch_consent=answer(dispatch_consent, "dispatch_consent"),
        charges_consent=True if charges_up_to.strip() else None,
        charges_up_to=charges_up_to,
        consent_by=consent_by,
        intrusive_test_consent=tests != "no" if tests else None,
        intrusive_test_hours="" if tests in ("yes", "no") else intrusive_tests,
        power_checked=power_checked,
        rebooted=rebooted,
        client_reference=reference,
    )


def answer(text: str, name: str) -> bool | None:
    """A question's answer as typed; None where nobody has asked it. Raises UsageError."""
    given = text.strip().lower()
    if given not in ("", "yes", "no"):
        raise UsageError(f"{name.replace('_', ' ')} is {text[:40]!r}; say yes or no, or nothing where nobody was asked")
    return None if not given else given == "yes"


def _notes(claim: Claim, found: Understood | None, site: Site, symptom: str, since: str) -> Iterator[str]:
    if found is None:
        return
    if not symptom and found.symptom is None:
        yield f"the words do not say what is wrong; {claim.symptom} is taken: is it {', '.join(Symptom)}?"
    if symptom and found.symptom is not None and claim.symptom not in (found.symptom, *found.others):
        yield f"{claim.symptom} is taken, the words say {found.symptom} ({quoted(found, 'symptom')})"
    if not since and found.since is None:
        yield "the words do not say since when; now is taken"
    if since and found.since is not None and claim.since != found.since:
        taken = local_time(claim.since, site.zone) if claim.since else NOW
        yield f"{taken} is taken, the words say {local_time(found.since, site.zone)} ({quoted(found, 'since')})"


def understood_parts(claim: Claim, found: Understood, site: Site) -> Iterator[str]:
    """What is taken, to be read back to the caller: symptom, service, since when."""
    also = " and ".join(other for other in (found.symptom, *found.others) if other and other is not claim.symptom)
    yield f"{claim.symptom}, also {also}" if also else claim.symptom.value
    if claim.service:
        yield claim.service
    since = f"since {local_time(claim.since, site.zone)}" if claim.since else "since now"
    roughly = f", give or take {duration(claim.vague_minutes * 60)}" if claim.since and claim.vague_minutes else ""
    ended = f" until {local_time(found.until, site.zone)}" if found.until and claim.since == found.since else ""
    yield f"{since}{ended}{roughly}"


def quoted(found: Understood, *what: str) -> str:
    """The client's words behind what was understood, each once."""
    return ", ".join(dict.fromkeys(f"“{one.words}”" for one in found.because if one.what in what))


def understood_document(read: ReadClaim) -> dict[str, Any] | None:
    """`understood` of `triage --json`: what the words say, and beside it what was `taken`. None without words."""
    found = read.understood
    if found is None:
        return None
    return {
        "symptom": found.symptom,
        "others": list(found.others),
        "since": rfc3339(found.since) if found.since else None,
        "until": rfc3339(found.until) if found.until else None,
        "vague_minutes": found.vague_minutes,
        "services": list(found.services),
        "because": [_because(one) for one in found.because],
        "doubts": list(found.doubts),
        "taken": {
            "symptom": read.claim.symptom,
            "since": rfc3339(read.claim.since) if read.claim.since else None,
            "service": read.claim.service,
        },
        "notes": list(read.notes),
    }


def _because(one: Because) -> dict[str, str]:
    return {"what": one.what, "value": one.value, "words": one.words}
