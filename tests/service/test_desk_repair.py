"""The repair at the desk: what a carrier asks goes from the form into ticket and case; what carriers told is kept."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from service.casefile import read_case_file
from service.cli.wording import case_lines
from triage import repository, tables
from triage.cases import Case, CaseStatus, Origin
from triage.model import Cause, Scope, Severity

pytestmark = pytest.mark.rim

CASE = Case(
    id="C-1", client="acme", site="store-114", status=CaseStatus.OPEN, origins=(Origin.MACHINE,), title="Pier: loss",
    cause=Cause.LOSS, scope=Scope.LINK, severity=Severity.MAJOR, link="store-114-wan1",
    onset=datetime(2026, 3, 3, 18, 30, tzinfo=UTC), opened_at=datetime(2026, 3, 3, 18, 35, tzinfo=UTC),
    updated_at=datetime(2026, 3, 3, 18, 35, tzinfo=UTC),
)  # fmt: skip
SAID = {
    "symptom": "slow", "since": "12:30", "reported_by": "Dana Reyes", "reporter_contact": "dana@acme.example",
    "on_site_contact": "Kim <b>Lee</b>", "on_site_phone": "+1 617 555 0142", "on_site_hours": "8 to 5",
    "access_hours": "07:00-22:00", "access_instructions": "ring at the dock", "dispatch_consent": "yes",
    "charges_consent": "yes", "charges_up_to": "250 USD", "consent_by": "Dana Reyes", "intrusive_test_consent": "no",
    "power_checked": "yes", "client_reference": "INC-55",
}  # fmt: skip


@pytest.fixture
async def standing(desk: Any) -> Any:
    async with desk.installation.database.writing() as connection:
        await repository.save_case(connection, CASE)
    return desk


async def told(desk: Any, case: str = "C-1", **said: str) -> str:
    """A carrier's word, noted; returns the page that follows."""
    status, where = await desk.post(f"/cases/{case}/carrier", **({"who": "Ana Ruiz", "number": "778"} | said))
    assert status == 303, where
    await desk.work()
    status, text = await desk.get(where)
    return str(text if status == 200 else (await desk.get(f"/cases/{case}"))[1])


async def test_what_was_asked_is_in_the_ticket_and_on_the_case_and_its_number_in_no_log(desk: Any) -> None:
    with capture_logs() as logs:
        await desk.post("/sites/store-114/claims", open_ticket="yes", **SAID)
        await desk.work()
    ticket = await desk.installation.tickets.show("T-1")
    for fact in (
        "Reported by: Dana Reyes, dana@acme.example",
        "Contact on site: Kim <b>Lee</b>, +1 617 555 0142, 8 to 5",
        "Access: 07:00-22:00, ring at the dock",
        "A technician may be sent: yes",
        "The client pays a visit that finds the fault its own: yes, up to 250 USD",
        "Tests may interrupt the service: no",
        "Client's reference: INC-55",
        "Circuit: MF/114//",
        "- the account with the carrier",
        "- whether the equipment was rebooted",
    ):
        assert fact in ticket.description.splitlines(), fact
    _, page = await desk.get("/cases/C-1")
    assert "Kim &lt;b&gt;Lee&lt;/b&gt;, +1 617 555 0142, 8 to 5" in page
    assert "The carrier will ask: 2 things are not known yet" in page
    assert "0142" not in str(logs)
    assert "dana@" not in str(logs)
    document = (await read_case_file(desk.installation, "C-1"))["case"]
    assert document["intake"]["dispatch_consent"] is True
    assert document["missing"] == ["account", "rebooted"]


async def test_the_pack_that_goes_to_carriers_names_no_number_and_no_address(desk: Any) -> None:
    await desk.post("/sites/store-114/claims", **SAID)
    await desk.work()
    async with desk.installation.database.reading() as connection:
        case = await repository.case_by_id(connection, "C-1")
    content = desk.installation.evidence.get(case.evidence_sha256).content
    assert b"ring at the dock" in content
    assert not [reach for reach in (b"0142", b"dana@") if reach in content]


async def test_a_report_of_somebody_who_may_not_is_taken_and_says_so(desk: Any) -> None:
    await desk.post("/sites/store-114/claims", open_ticket="yes", **(SAID | {"reported_by": "Front desk"}))
    await desk.work()
    _, page = await desk.get("/cases/C-1")
    assert "Front desk is not authorised: call back a listed contact (Dana Reyes)" in page
    assert "the report came from somebody who is not listed as one who may report" in page
    assert "- the word of somebody who may report" in (await desk.installation.tickets.show("T-1")).description


async def test_what_was_typed_of_the_intake_survives_a_refusal_and_goes_into_the_record_form(desk: Any) -> None:
    _, text = await desk.post("/sites/store-114/judge", **(SAID | {"since": "half past"}))
    assert 'name="on_site_phone" value="+1 617 555 0142"' in text
    assert re.search(r'name="dispatch_consent">.*?<option value="yes" selected', text, re.DOTALL)
    _, text = await desk.post("/sites/store-114/judge", **SAID)
    assert '<input type="hidden" name="access_instructions" value="ring at the dock">' in text
    assert '<input type="hidden" name="intrusive_test_consent" value="no">' in text
    assert "The client pays a visit that finds the fault its own: yes, up to 250 USD" in text


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("on_site_contact", "x" * 10_000, "On site contact is longer than 200 characters"),
        ("access_instructions", "x" * 501, "Access instructions is longer than 500 characters"),
        ("reporter_contact", "x" * 121, "Reporter contact is longer than 120 characters"),
        ("on_site_phone", "ask inside", "has no digit; give the phone number"),
        ("on_site_email", "kim at home", "has no @; give the mail address"),
        ("power_checked", "maybe", "say yes or no, or nothing where nobody was asked"),
    ],
)
async def test_what_no_carriers_form_would_take_is_one_sentence(
    desk: Any, rows: Callable[..., Any], field: str, value: str, sentence: str
) -> None:
    status, text = await desk.post("/sites/store-114/claims", **(SAID | {field: value}))
    assert status == 422
    assert sentence in text
    assert await rows(tables.inbox) == 0


async def test_a_carriers_word_stands_on_the_case_with_what_the_line_says(standing: Any) -> None:
    text = await told(standing, etr="16:00", next_update="2026-03-03 13:30")
    assert "Meridian 778" in text
    assert "2026-03-03 16:00 CST" in text
    assert "wait for word of Meridian 778" in text
    async with standing.installation.database.reading() as connection:
        [ticket] = (await repository.case_by_id(connection, "C-1")).carrier_tickets
    # 16:00 and 13:30 in Chicago, six hours behind; told at 18:52Z.
    assert (ticket.etr, ticket.next_update_at) == (
        datetime(2026, 3, 3, 22, 0, tzinfo=UTC),
        datetime(2026, 3, 3, 19, 30, tzinfo=UTC),
    )
    assert ticket.link == "store-114-wan1"


async def test_a_broken_promise_is_on_the_first_page_and_counted(standing: Any) -> None:
    await told(standing, next_update="13:30", repair_contact="<i>+1 800</i>")
    _, page = await standing.get("/")
    assert "Overdue carriers" not in page
    standing.clock.move_to(datetime(2026, 3, 3, 19, 30, tzinfo=UTC))
    await standing.work()
    _, page = await standing.get("/")
    assert "Overdue carriers" in page
    assert "Meridian 778 is overdue: an update was due at 2026-03-03 13:30 CST." in page
    assert "&lt;i&gt;+1 800&lt;/i&gt;" in page
    _, metrics = await standing.get("/metrics")
    assert "lineproof_overdue_carrier_tickets 1.0" in metrics
    _, case = await standing.get("/cases/C-1")
    assert "ask the carrier: Meridian 778 is overdue" in case
    assert "the carrier is overdue" in case


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"who": " "}, "give the name of the person"),
        ({"number": ""}, "has a number; give it"),
        ({"number": "7" * 10_000}, "Number is longer than 60 characters"),
        ({"opened": "13:00:00Z"}, "is not a time; write HH:MM"),
        ({"opened": "2026-03-03 13:00"}, "is in the future"),
        ({"etr": "soon"}, "is not a time; write HH:MM"),
        ({"etr": "0000-00-00 00:00"}, "is not a time; write HH:MM"),
    ],
)
async def test_what_cannot_be_read_is_refused_before_it_is_recorded(
    standing: Any, rows: Callable[..., Any], said: dict[str, str], sentence: str
) -> None:
    status, text = await standing.post("/cases/C-1/carrier", **({"who": "Ana", "number": "778"} | said))
    assert status == 422
    assert sentence in text
    assert await rows(tables.inbox) == 0


async def test_what_does_not_fit_is_refused_by_the_engine_and_says_why(standing: Any) -> None:
    text = await told(standing, link="clinic-1-wan1")
    assert "is no line of store-114; its lines: store-114-lte, store-114-wan1" in text
    assert '<a href="/cases/C-1">Back</a>' in text
    text = await told(standing, number="<script>alert(1)</script>", opened="12:00")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text
    assert (await standing.post("/cases/C-9/carrier", who="Ana", number="1"))[0] == 404


async def test_a_carriers_own_trouble_takes_times_in_utc(desk: Any) -> None:
    parent = replace(CASE, client="", site="carrier:Meridian@Boston", scope=Scope.CARRIER, link=None, sites=4)
    places = [("acme", "store-114"), ("acme", "store-207"), ("acme", "depot-9"), ("lakeside", "clinic-1")]
    children = [
        replace(CASE, id=f"C-{number}", client=client, site=site, parent="C-1", link=f"{site}-wan1")
        for number, (client, site) in enumerate(places, 2)
    ]
    async with desk.installation.database.writing() as connection:
        for each in (parent, *children):
            await repository.save_case(connection, each)
    text = await told(desk, etr="20:00")
    assert "Meridian 778" in text
    assert "2026-03-03 20:00 UTC" in text
    assert "For the carrier" not in text
    desk.clock.move_to(datetime(2026, 3, 3, 20, 0, tzinfo=UTC))
    await desk.work()
    _, text = await desk.get("/cases/C-1")
    assert "ask the carrier: Meridian 778 is overdue" in text
    assert "repair was expected by 2026-03-03 20:00 UTC" in text


async def test_the_command_line_tells_the_same(standing: Any) -> None:
    await told(standing, etr="16:00", reason_for_outage="splice case flooded", closed="12:50", opened="12:40")
    document = await read_case_file(standing.installation, "C-1")
    text = "\n".join(case_lines(document))
    assert "carrier Meridian 778 on store-114-wan1: opened 2026-03-03 12:40 CST" in text
    assert "closed 2026-03-03 12:50 CST" in text
    assert "reason for outage splice case flooded" in text
    assert document["case"]["resolution"] == "Meridian 778: splice case flooded"
    assert "dispatch_consent" in document["case"]["missing"]


async def test_what_the_client_answers_later_needs_no_new_report(standing: Any) -> None:
    status, where = await standing.post(
        "/cases/C-1/intake", who="Ana Ruiz", dispatch_consent="yes", on_site_contact="Kim", on_site_phone="617 555 0142"
    )
    assert status == 303
    await standing.work()
    await standing.get(where)
    _, page = await standing.get("/cases/C-1")
    assert "Kim, 617 555 0142" in page
    assert "what a carrier asks was answered (Ana Ruiz" in page
    document = (await read_case_file(standing.installation, "C-1"))["case"]
    assert "dispatch_consent" not in document["missing"]
    assert "charges_consent" in document["missing"]
    assert document["origins"] == ["machine"]


async def test_an_answer_reaches_the_ticket(desk: Any) -> None:
    await desk.post("/sites/store-114/claims", symptom="slow", since="12:30", open_ticket="yes")
    await desk.work()
    await desk.post("/cases/C-1/intake", who="Ana Ruiz", rebooted="no", access_instructions="ask\nfor the key")
    await desk.work()
    notes = [note.text for note in (await desk.installation.tickets.show("T-1")).notes]
    assert any("Equipment rebooted: no" in text and "Access: ask for the key" in text for text in notes)


async def test_the_first_claim_of_a_case_takes_over_what_was_answered_before(standing: Any) -> None:
    await standing.post("/cases/C-1/intake", who="Ana Ruiz", rebooted="no")
    await standing.work()
    await standing.post("/sites/store-114/claims", symptom="slow", since="12:30", power_checked="yes")
    await standing.work()
    intake = (await read_case_file(standing.installation, "C-1"))["case"]["intake"]
    assert (intake["rebooted"], intake["power_checked"]) == (False, True)


@pytest.mark.parametrize(
    ("said", "status"),
    [({"who": " ", "rebooted": "yes"}, 422), ({"who": "Ana", "rebooted": "perhaps"}, 422),
     ({"who": "Ana", "access_hours": "x" * 10_000}, 422), ({"who": "x" * 10_000, "rebooted": "no"}, 422)],
)  # fmt: skip
async def test_an_answer_that_cannot_be_is_refused(
    standing: Any, rows: Callable[..., Any], said: dict[str, str], status: int
) -> None:
    assert (await standing.post("/cases/C-1/intake", **said))[0] == status
    assert await rows(tables.inbox) == 0


async def test_nothing_answered_is_said_to_be_nothing(standing: Any) -> None:
    _, where = await standing.post("/cases/C-1/intake", who="Ana")
    await standing.work()
    _, text = await standing.get(where)
    assert "an answer is noted by a named person, and says something" in text
