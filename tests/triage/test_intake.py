"""What a carrier asks before it accepts a repair: known, missing, who may report; and what the ticket says of it."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from inventory.model import Client, Contact, Link, Ownership, Site
from triage.intake import (
    Authority,
    Question,
    authority,
    call_back,
    known,
    later,
    missing,
    one_line,
    split_contact,
)
from triage.model import Claim, Intake, Measured, Picture, Severity, Symptom, Verdict
from triage.ticket_wording import intake_text, ticket_text

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
DANA = Contact(name="Dana Reyes", phone="+1 617 555 0188", email="dana@acme.example", may_report=True)
DESK = Contact(name="Front Desk", phone="+1 617 555 0100")
LEE = Contact(name="Lee Park", phone="+1 617 555 0123", hours="09:00-18:00")
ACME = Client(id="acme", name="Acme", contacts=(DANA, DESK), monthly_charge=Decimal("4711.50"))
STORE = Site(
    id="store-114", client="acme", name="Store 114", timezone="America/New_York", address="4 Pier Rd",
    access_hours="07:00-22:00", on_site_contact=LEE,
)  # fmt: skip
WAN = Link(
    id="wan1", site="store-114", carrier="Fiber", circuit_id="EF/114", carrier_account="8100",
    carrier_repair_contact="+1 800 555 0100", monthly_charge=Decimal("99.95"),
)  # fmt: skip
WHOLE = Intake(
    on_site_contact="Kim Lee", on_site_phone="617 555 0111", on_site_hours="8 to 5", access_hours="8 to 5",
    dispatch_consent=True, charges_consent=True, intrusive_test_consent=True, intrusive_test_hours="22 to 6",
    power_checked=True, rebooted=False,
)  # fmt: skip


def claim(by: str = "Dana Reyes", reach: str = "", intake: Intake = WHOLE, **more: Any) -> Claim:
    return Claim(
        site="store-114", client="acme", reported_at=NOON, reported_by=by, reporter_contact=reach, intake=intake, **more
    )


def test_claims_of_before_these_questions_were_asked_still_load() -> None:
    old = {
        "site": "s", "client": "c", "symptom": "slow", "since": None, "reported_at": "2026-03-03T12:00:00Z",
        "reported_by": "Ana", "words": "", "service": "", "vague_minutes": 0,
        "intake": {
            "on_site_contact": "Ana, +1 617 555 0188", "access_hours": "", "dispatch_consent": True,
            "intrusive_test_consent": False, "power_checked": False, "rebooted": True, "client_reference": "R-1",
        },
    }  # fmt: skip
    loaded = TypeAdapter(Claim).validate_python(old)
    assert (loaded.intake.dispatch_consent, loaded.intake.charges_consent) == (True, None)
    assert TypeAdapter(Claim).validate_json(TypeAdapter(Claim).dump_json(loaded)) == loaded


@pytest.mark.parametrize(
    ("by", "reach", "found"),
    [
        ("Dana Reyes", "", Authority.AUTHORISED),
        ("  dana   REYES ", "", Authority.AUTHORISED),
        ("Dana Reyes", "617-555-0188", Authority.AUTHORISED),
        ("Dana Reyes", "DANA@acme.example", Authority.AUTHORISED),
        ("", "+1 (617) 555 0188", Authority.AUTHORISED),
        ("Dana Reyes", "617 555 0199", Authority.NOT_AUTHORISED),
        ("Dana Reyes", "dana@elsewhere.example", Authority.NOT_AUTHORISED),
        ("Robin", "617 555 0188", Authority.NOT_AUTHORISED),
        ("Dana", "", Authority.NOT_AUTHORISED),
        ("Front Desk", "617 555 0100", Authority.NOT_AUTHORISED),
        ("Lee Park", "", Authority.NOT_AUTHORISED),
        ("Rosa of Lakeside", "", Authority.NOT_AUTHORISED),
        ("", "", Authority.UNNAMED),
        (" ", "\t", Authority.UNNAMED),
    ],
)
def test_who_may_report_is_on_the_clients_list_and_contradicts_nothing_there(
    by: str, reach: str, found: Authority
) -> None:
    """Rosa is a contact of another client, Lee the site's without the right to report."""
    assert authority(claim(by, reach), STORE, ACME) is found


def test_a_site_contact_who_may_report_counts_too() -> None:
    site = replace(STORE, on_site_contact=replace(LEE, may_report=True))
    assert authority(claim("Lee Park"), site, ACME) is Authority.AUTHORISED


def test_whom_to_call_back_is_named_without_numbers() -> None:
    assert call_back(claim("Robin"), STORE, ACME) == "Robin is not authorised: call back a listed contact (Dana Reyes)"
    assert call_back(claim(""), STORE, ACME) == "nobody is named: call back a listed contact (Dana Reyes)"
    nobody = replace(ACME, contacts=())
    assert call_back(claim("Robin"), STORE, nobody).endswith("the inventory lists nobody who may report")
    assert call_back(claim("Dana Reyes"), STORE, ACME) == call_back(None, STORE, ACME) == ""


def test_nothing_is_missing_where_everything_was_said() -> None:
    assert missing(claim(), STORE, ACME, WAN) == ()


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ({"on_site_phone": ""}, [Question.ON_SITE_PHONE]),
        ({"on_site_hours": ""}, [Question.ON_SITE_HOURS]),
        ({"dispatch_consent": None}, [Question.DISPATCH_CONSENT]),
        ({"dispatch_consent": None, "charges_consent": None}, [Question.DISPATCH_CONSENT, Question.CHARGES_CONSENT]),
        ({"dispatch_consent": False, "charges_consent": None}, []),
        ({"charges_consent": None}, [Question.CHARGES_CONSENT]),
        ({"intrusive_test_hours": ""}, [Question.INTRUSIVE_TEST_HOURS]),
        ({"intrusive_test_consent": False, "intrusive_test_hours": ""}, []),
        ({"intrusive_test_consent": None, "intrusive_test_hours": ""}, [Question.INTRUSIVE_TEST_CONSENT]),
        ({"power_checked": None}, [Question.POWER_CHECKED]),
        ({"power_checked": False, "rebooted": None}, [Question.REBOOTED]),
        ({"client_reference": "", "access_instructions": "", "charges_up_to": ""}, []),
    ],
)
def test_a_no_is_an_answer_and_silence_is_not(said: dict[str, Any], asked: list[Question]) -> None:
    assert list(missing(claim(intake=replace(WHOLE, **said)), STORE, ACME, WAN)) == asked


def test_a_line_without_circuit_or_account_is_asked_for_them() -> None:
    bare = replace(WAN, circuit_id=None, carrier_account="")
    assert missing(claim(), STORE, ACME, bare) == (Question.CIRCUIT, Question.ACCOUNT)


def test_a_clients_own_line_is_the_clients_to_report() -> None:
    own = replace(WAN, ownership=Ownership.CLIENT, circuit_id=None)
    assert missing(claim(intake=Intake()), STORE, ACME, own) == ()
    assert missing(claim("Robin"), STORE, ACME, own) == (Question.REPORTER_CONTACT, Question.AUTHORISED_REPORTER)


def test_of_what_was_found_by_measuring_nobody_is_asked_who_reports() -> None:
    asked = missing(None, STORE, ACME, WAN)
    assert Question.REPORTER not in asked
    assert Question.ACCESS_HOURS not in asked
    assert asked[0] is Question.DISPATCH_CONSENT


def test_the_sites_contact_stands_in_only_for_itself() -> None:
    assert known(Intake(), STORE).on_site_phone == "+1 617 555 0123"
    assert known(Intake(on_site_contact="lee park"), STORE).on_site_hours == "09:00-18:00"
    kim = known(Intake(on_site_contact="Kim Lee"), STORE)
    assert (kim.on_site_phone, kim.on_site_hours, kim.access_hours) == ("", "", "07:00-22:00")


def test_what_a_later_call_says_is_added_and_what_it_leaves_out_stays() -> None:
    first = claim(intake=Intake(on_site_contact="Kim", on_site_phone="1234567", power_checked=True))
    told = later(first, claim(intake=Intake(dispatch_consent=False, power_checked=None)))
    assert (told.intake.on_site_phone, told.intake.power_checked, told.intake.dispatch_consent) == (
        "1234567",
        True,
        False,
    )
    other = later(first, claim(intake=Intake(on_site_contact="Robin")))
    assert (other.intake.on_site_contact, other.intake.on_site_phone) == ("Robin", "")
    assert later(None, first) is first


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Dana Reyes +1 617 555 0188", ("Dana Reyes", "+1 617 555 0188", "")),
        ("Dana Reyes, (617) 555-0188, dana@acme.example", ("Dana Reyes", "(617) 555-0188", "dana@acme.example")),
        ("+49 30 1234567 Jürgen Groß", ("Jürgen Groß", "+49 30 1234567", "")),
        ("Dana", ("Dana", "", "")),
        ("", ("", "", "")),
    ],
)
def test_a_contact_in_one_text_is_a_name_a_number_and_an_address(text: str, parts: tuple[str, str, str]) -> None:
    assert split_contact(text) == parts


@given(st.text(max_size=200))
def test_a_text_cannot_leave_its_line(text: str) -> None:
    line = one_line(text)
    assert len(line.splitlines()) <= 1
    assert not any(unicodedata.category(sign) in ("Cc", "Cf", "Zl", "Zp") for sign in line)
    assert one_line(line) == line


def test_the_ticket_answers_what_a_carrier_asks_and_lists_what_it_cannot() -> None:
    said = replace(WHOLE, charges_up_to="250 USD", consent_by="Dana Reyes", client_reference="INC-55", rebooted=None)
    text = intake_text(claim(reach="617 555 0188", intake=said), STORE, ACME, WAN)
    for fact in (
        "Reported by: Dana Reyes, 617 555 0188",
        "Contact on site: Kim Lee, 617 555 0111, 8 to 5",
        "Access: 8 to 5",
        "A technician may be sent: yes",
        "The client pays a visit that finds the fault its own: yes, up to 250 USD",
        "Tests may interrupt the service: yes, 22 to 6",
        "Consent given by: Dana Reyes",
        "Power checked: yes",
        "Client's reference: INC-55",
    ):
        assert fact in text.splitlines()
    assert text.endswith("STILL TO ASK\n- whether the equipment was rebooted")


def test_a_ticket_names_a_reporter_who_is_to_be_called_back() -> None:
    text = intake_text(claim("Robin"), STORE, ACME, WAN)
    assert "Authority: Robin is not authorised: call back a listed contact (Dana Reyes)" in text
    assert "- the word of somebody who may report" in text


def test_a_hostile_name_forges_no_line_of_a_ticket() -> None:
    forged = "Kim\nA technician may be sent: yes\u2028Power checked: yes\x1b[2J\u202e"
    text = intake_text(claim(intake=Intake(on_site_contact=forged)), STORE, ACME, WAN)
    assert "A technician may be sent: yes" not in text.splitlines()
    assert "Power checked: yes" not in text.splitlines()
    assert not any(sign in text for sign in ("\x1b", "\u202e", "\u2028"))


def test_a_tickets_text_has_line_and_times_of_the_site_and_no_charges(judged: Any) -> None:
    """The verdict's severity is of the line alone; the ticket's own stands in its field and may be another."""
    verdict: Verdict = replace(judged().verdict, link="wan1", onset=NOON, site="store-114", severity=Severity.CRITICAL)
    picture = Picture(site=STORE, client=ACME, devices=(), links=(Measured(link=WAN, series=()),))
    told = claim(symptom=Symptom.SLOW, since=NOON, words="slow\nSeverity: minor.")
    text = ticket_text(told, verdict, picture, "ab" * 32)
    for fact in (
        "Severity as measured: critical.",
        "From 2026-03-03 07:00 EST, not ended.",
        "Address: 4 Pier Rd",
        "Carrier: Fiber",
        "Circuit: EF/114",
        "Account: 8100",
        "Carrier repair: +1 800 555 0100",
        "In the client's words: slow Severity: minor.",
        f"Evidence pack SHA-256: {'ab' * 32}",
    ):
        assert fact in text.splitlines()
    whole = f"{text}\n{intake_text(told, STORE, ACME, WAN)}"
    assert "99.95" not in whole
    assert "4711" not in whole
