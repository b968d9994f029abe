"""Found agrees with injected only when it is the right thing, at the right place and time, with the right tickets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from service.demo.compare import Answer, CaseFound, Row, VerdictFound, compare
from service.simulator.truth import Background, Exchanged, HitLine, InjectedFault, PhoneCall, Truth

ONSET = datetime(2026, 3, 11, 16, 0, tzinfo=UTC)
CALL = PhoneCall(
    id="call-1",
    at=ONSET + timedelta(minutes=40),
    client="bramley",
    site="bramley-101",
    symptom="slow",
    since=ONSET,
    by="Ines Falk",
    words="slow",
)
HIT = HitLine(site="bramley-101", link="bramley-101-wan1", start=ONSET, end=ONSET + timedelta(hours=2))
LOSS = InjectedFault(id="lossy", kind="loss", carrier=None, lines=(HIT,))
TRUTH = Truth(faults=(LOSS,), calls=(Background(call="call-1", fault="lossy"),))
RIGHT = VerdictFound(id="V-1", verdict="confirmed", cause="loss", scope="link", link="bramley-101-wan1", onset=ONSET)
CASE = CaseFound(
    id="C-1",
    site="bramley-101",
    status="open",
    cause="loss",
    link="bramley-101-wan1",
    onset=ONSET,
    origins=("machine", "client"),
    held=True,
    tickets=("T-1",),
)


def rows(
    *,
    truth: Truth = TRUTH,
    verdict: VerdictFound | None = RIGHT,
    cases: tuple[CaseFound, ...] = (CASE,),
    polls: int = 0,
) -> list[Row]:
    answers = [] if verdict is None else [Answer(call=CALL, first=verdict, final=verdict)]
    return compare(truth, answers, cases, Exchanged(requests_to_unsubscribed=polls))


def test_the_right_answers_and_one_ticket_agree() -> None:
    assert all(row.agrees for row in rows())


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (replace(RIGHT, verdict="recovered"), "recovered"),
        (replace(RIGHT, cause="latency"), "latency"),
        (replace(RIGHT, scope="carrier"), "carrier"),
        (replace(RIGHT, link="bramley-101-wan2"), "wan2"),
        (replace(RIGHT, onset=ONSET + timedelta(minutes=10, seconds=1)), "16:10"),
        (replace(RIGHT, onset=None), "no onset"),
    ],
)
def test_a_verdict_that_is_wrong_in_one_thing_does_not_agree_and_says_in_what(wrong: VerdictFound, named: str) -> None:
    row = rows(verdict=wrong)[0]
    assert not row.agrees
    assert any(named in why for why in row.wrong)


def test_an_onset_may_be_two_statistics_intervals_off() -> None:
    assert rows(verdict=replace(RIGHT, onset=ONSET - timedelta(minutes=10)))[0].agrees


def test_a_call_that_nobody_took_does_not_agree() -> None:
    assert not rows(verdict=None)[0].agrees


def test_a_fault_that_ended_twenty_minutes_before_the_call_must_be_called_recovered() -> None:
    def ended(minutes: int) -> Truth:
        line = HIT.model_copy(update={"end": CALL.at - timedelta(minutes=minutes)})
        return Truth(faults=(LOSS.model_copy(update={"lines": (line,)}),), calls=TRUTH.calls)

    assert rows(truth=ended(20), verdict=replace(RIGHT, verdict="recovered"))[0].agrees
    assert not rows(truth=ended(20))[0].agrees
    assert rows(truth=ended(19))[0].agrees


def test_a_complaint_about_nothing_must_not_be_confirmed() -> None:
    nothing = Truth(faults=(), calls=(Background(call="call-1", fault=None),))
    quiet = replace(RIGHT, verdict="not_substantiated", cause="none", onset=None)
    assert rows(truth=nothing, verdict=quiet, cases=())[0].agrees
    assert not rows(truth=nothing, cases=())[0].agrees


def test_an_answer_that_waited_for_data_counts_by_what_it_became() -> None:
    waited = replace(RIGHT, id="V-0", verdict="inconclusive", cause="no_data", onset=None)
    row = compare(TRUTH, [Answer(call=CALL, first=waited, final=RIGHT)], [CASE], Exchanged())[0]
    assert row.agrees
    assert row.found.startswith("inconclusive, then confirmed")


@pytest.mark.parametrize("tickets", [(), ("T-1", "T-2")])
def test_a_trouble_has_exactly_one_ticket(tickets: tuple[str, ...]) -> None:
    assert not rows(cases=(replace(CASE, tickets=tickets),))[1].agrees


def test_a_trouble_without_its_case_was_missed() -> None:
    assert not rows(cases=())[1].agrees
    assert not rows(cases=(replace(CASE, cause="jitter"),))[1].agrees


def test_a_case_on_another_line_or_from_another_time_is_not_the_one() -> None:
    assert not rows(cases=(replace(CASE, link="bramley-101-wan2"),))[1].agrees
    assert not rows(cases=(replace(CASE, onset=ONSET + timedelta(minutes=11)),))[1].agrees
    assert rows(cases=(replace(CASE, onset=ONSET + timedelta(minutes=10)),))[1].agrees


def test_a_row_names_cause_line_time_and_ticket() -> None:
    call, fault = rows(cases=(replace(CASE, onset=ONSET - timedelta(minutes=3)),))[:2]
    assert (call.when, call.injected) == ("16:40", "loss on wan1: confirmed")
    assert call.found == "confirmed: loss, wan1, onset +0 min, T-1"
    assert (fault.when, fault.injected) == ("16:00", "loss on wan1")
    assert fault.found == "C-1 open: loss, wan1, onset -3 min, T-1, seen by machine and client"


def test_lost_management_has_a_case_and_no_ticket() -> None:
    unmanaged = LOSS.model_copy(update={"kind": "management_lost"})
    truth = Truth(faults=(unmanaged,), calls=())
    case = replace(CASE, cause="management_lost", tickets=())
    assert rows(truth=truth, verdict=None, cases=(case,))[0].agrees
    assert not rows(truth=truth, verdict=None, cases=(replace(case, tickets=("T-1",)),))[0].agrees


def test_each_site_of_a_carrier_fault_needs_its_case() -> None:
    other = HIT.model_copy(update={"site": "bramley-108", "link": "bramley-108-wan1"})
    wide = LOSS.model_copy(update={"carrier": "Larkfield Fiber", "lines": (HIT, other)})
    truth = Truth(faults=(wide,), calls=())
    assert [row.agrees for row in rows(truth=truth, verdict=None)[:2]] == [True, False]
    both = (CASE, replace(CASE, id="C-2", site="bramley-108", link="bramley-108-wan1", tickets=("T-2",)))
    assert [row.agrees for row in rows(truth=truth, verdict=None, cases=both)[:3]] == [True, True, False]


def test_a_carrier_fault_is_one_case_and_one_ticket_that_stand_for_its_sites() -> None:
    other = HIT.model_copy(update={"site": "bramley-108", "link": "bramley-108-wan1"})
    wide = LOSS.model_copy(update={"carrier": "Larkfield Fiber", "lines": (HIT, other)})
    truth = Truth(faults=(wide,), calls=())
    parent = replace(
        CASE, id="C-3", site="carrier:Larkfield Fiber@east", link=None, origins=("machine",), tickets=("T-2",)
    )
    asked = replace(CASE, parent="C-3")
    waits = replace(CASE, id="C-2", site=other.site, link=other.link, origins=("machine",), tickets=(), parent="C-3")

    def agree(*cases: CaseFound) -> list[bool]:
        return [row.agrees for row in rows(truth=truth, verdict=None, cases=cases)]

    assert all(agree(asked, waits, parent))
    assert agree(asked, replace(waits, tickets=("T-3",)), parent)[1] is False
    assert agree(asked, waits, replace(parent, tickets=()))[2] is False
    assert agree(asked, waits, parent, replace(parent, id="C-4"))[2] is False
    assert agree(asked, replace(waits, parent=None), parent)[2] is False
    assert agree(asked, waits, parent, replace(parent, id="C-5", site="carrier:Other@east"))[3] is False


def test_a_trouble_that_nobody_injected_is_a_false_alarm() -> None:
    elsewhere = replace(CASE, id="C-9", site="bramley-108", tickets=())
    assert not rows(cases=(CASE, elsewhere))[2].agrees
    assert rows(cases=(CASE, replace(elsewhere, origins=("client",))))[2].agrees


def test_polling_a_site_that_is_not_subscribed_does_not_agree() -> None:
    assert not rows(polls=1)[-1].agrees
