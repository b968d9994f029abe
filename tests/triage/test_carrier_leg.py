"""The carrier's side of a case: what is told is checked and merged, broken promises are raised, reasons are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from inventory.model import Link
from triage.carrier_leg import (
    LONGEST,
    due_at,
    is_overdue,
    on_carrier_told,
    on_carrier_update,
    watched,
    with_reasons,
)
from triage.cases import (
    CarrierTicket,
    Case,
    CaseStatus,
    Context,
    Decision,
    Origin,
    Pending,
    PendingWhy,
    TimerKind,
)
from triage.inputs import CarrierTold
from triage.model import Cause, Scope, Severity
from triage.reasons import Reason

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WAN = Link(
    id="wan1", site="s", carrier="Fiber", carrier_account="8100", carrier_repair_contact="+1 800 555 0100",
    underlying_carrier="Ducts",
)  # fmt: skip
LTE = Link(id="lte", site="s", carrier="Mobile")
Rules = Callable[..., Context]


def case(**changes: Any) -> Case:
    return replace(
        Case(
            id="C-1", client="acme", site="s", status=CaseStatus.OPEN, origins=(Origin.MACHINE,), title="s: loss",
            cause=Cause.LOSS, scope=Scope.LINK, severity=Severity.MAJOR, link="wan1", onset=NOON, opened_at=NOON,
            updated_at=NOON, ticket="T-1", ticket_wanted=True, next_action="work on the trouble",
        ),
        **changes,
    )  # fmt: skip


def told(number: str = "77", **said: Any) -> CarrierTold:
    return CarrierTold(case="C-1", who="Ana", **({"number": number} | said))


def at(minutes: float) -> datetime:
    return NOON + minutes * MINUTE


@pytest.fixture
def here(context: Rules) -> Rules:
    """A context at the site of `wan1` and `lte`; the clock is New York's."""

    def make(minutes: float = 0, **changes: Any) -> Context:
        return context(minutes, **({"links": (WAN, LTE), "link": WAN, "zone": ZoneInfo("America/New_York")} | changes))

    return make


def after(decision: Decision) -> Case:
    assert decision.case is not None, decision.detail
    return decision.case


def test_a_new_ticket_takes_from_the_line_what_nobody_said(here: Rules) -> None:
    [ticket] = after(on_carrier_told(case(), told(), here(5))).carrier_tickets
    assert ticket == CarrierTicket(
        number="77", carrier="Fiber", link="wan1", opened_at=at(5), repair_contact="+1 800 555 0100", account="8100"
    )
    [other] = after(on_carrier_told(case(), told(link="lte"), here(5))).carrier_tickets
    assert (other.carrier, other.link, other.account) == ("Mobile", "lte", "")
    [named] = after(on_carrier_told(case(), told(carrier="Ducts", account="9"), here(5))).carrier_tickets
    assert (named.carrier, named.account) == ("Ducts", "9")


def test_a_carriers_own_trouble_takes_its_ticket_in_utc(here: Rules) -> None:
    parent = case(client="", site="carrier:Fiber@east", link=None)
    decision = on_carrier_told(parent, told(etr=at(60)), here(5, links=(), link=None, zone=UTC))
    [ticket] = after(decision).carrier_tickets
    assert (ticket.carrier, ticket.link) == ("Fiber", None)
    assert decision.effects[0].text == (
        "The carrier Fiber has ticket 77, opened 2026-03-03 12:05 UTC. Fiber 77: repair is expected by "
        "2026-03-03 13:00 UTC."
    )
    refused = on_carrier_told(parent, told(link="wan1"), here(5, links=(), link=None))
    assert refused.reason is Reason.CARRIER_REFUSED


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"number": " \t"}, "a carrier's ticket has a number"),
        ({"number": "7" * 61}, "the number has more than 60 characters"),
        ({"reason_for_outage": "x" * 10_000}, "the reason for outage has more than 1000 characters"),
        ({"link": "wan9"}, "'wan9' is no line of s; its lines: wan1, lte"),
        ({"link": "x" * 10_000}, "is no line of s"),
        ({"opened_at": at(10) + timedelta(seconds=1)}, "cannot have been opened at 2026-03-03 07:10:01 EST"),
        ({"opened_at": datetime(1970, 1, 1, tzinfo=UTC)}, "check the year"),
        ({"etr": datetime(9999, 12, 31, tzinfo=UTC)}, "check the year"),
        ({"opened_at": at(0), "etr": at(0)}, "repair is expected at 2026-03-03 07:00 EST, which is not after"),
        ({"opened_at": at(0), "next_update_at": at(-1)}, "the next update is due at"),
        ({"opened_at": at(0), "closed_at": at(-1)}, "cannot have been closed"),
        ({"closed_at": at(11)}, "cannot have been closed"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_say_instead(here: Rules, said: dict[str, Any], why: str) -> None:
    decision = on_carrier_told(case(), told(**said), here(10))
    assert (decision.case, decision.reason, decision.effects) == (None, Reason.CARRIER_REFUSED, ())
    assert why in decision.detail
    assert len(decision.detail) < 400


def test_the_calendars_last_second_is_no_crash_east_of_greenwich(here: Rules) -> None:
    last = datetime.max.replace(tzinfo=UTC)
    decision = on_carrier_told(case(), told(etr=last), here(10, zone=ZoneInfo("Asia/Kolkata")))
    assert "check the year" in decision.detail


def test_nobody_tells_nothing(here: Rules) -> None:
    assert on_carrier_told(case(), replace(told(), who="\u200b "), here()).reason is Reason.CARRIER_REFUSED


def test_a_line_of_no_known_carrier_needs_its_carriers_name(here: Rules) -> None:
    bare = replace(WAN, carrier=None)
    refused = on_carrier_told(case(), told(), here(links=(bare,)))
    assert "name the carrier" in refused.detail
    assert after(on_carrier_told(case(), told(carrier="Fiber"), here(links=(bare,)))).carrier_tickets


def test_two_carriers_may_have_one_number(here: Rules) -> None:
    both = after(on_carrier_told(case(), told(), here(1)))
    both = after(on_carrier_told(both, told(carrier="Mobile", link="lte"), here(2)))
    assert [(one.carrier, one.number) for one in both.carrier_tickets] == [("Fiber", "77"), ("Mobile", "77")]
    assert "several carriers (Fiber, Mobile)" in on_carrier_told(both, told(etr=at(60)), here(3)).detail
    said = after(on_carrier_told(both, told(carrier="mobile", etr=at(60)), here(3)))
    assert [one.etr for one in said.carrier_tickets] == [None, at(60)]


def test_what_is_not_said_again_stays(here: Rules) -> None:
    first = after(on_carrier_told(case(), told(etr=at(60), account="9", opened_at=at(-5)), here(1)))
    [ticket] = after(on_carrier_told(first, told(reason_for_outage="cut"), here(2))).carrier_tickets
    assert (ticket.etr, ticket.account, ticket.opened_at) == (at(60), "9", at(-5))
    assert ticket.reason_for_outage == "cut"


def test_a_new_promise_replaces_those_that_have_passed_and_no_other(here: Rules) -> None:
    first = after(on_carrier_told(case(), told(next_update_at=at(30), etr=at(90)), here(1)))
    kept = after(on_carrier_told(first, told(next_update_at=at(60)), here(40)))
    assert [(one.next_update_at, one.etr) for one in kept.carrier_tickets] == [(at(60), at(90))]
    gone = after(on_carrier_told(kept, told(next_update_at=at(150)), here(120)))
    assert [(one.next_update_at, one.etr) for one in gone.carrier_tickets] == [(at(150), None)]
    silent = after(on_carrier_told(kept, told(account="9"), here(120)))
    assert [is_overdue(one, at(120)) for one in silent.carrier_tickets] == [True]


def test_a_promise_of_this_very_moment_has_passed_and_one_of_the_next_second_has_not(here: Rules) -> None:
    first = after(on_carrier_told(case(), told(next_update_at=at(30), etr=at(40)), here(1)))
    [ticket] = after(on_carrier_told(first, told(next_update_at=at(60)), here(40))).carrier_tickets
    assert ticket.etr is None
    [ticket] = after(on_carrier_told(first, told(etr=at(60)), here(29))).carrier_tickets
    assert ticket.next_update_at == at(30)


def test_word_without_a_promise_neither_silences_nor_hastens_the_next_reminder(here: Rules) -> None:
    standing = after(on_carrier_told(case(), told(next_update_at=at(30)), here(1)))
    raised = after(on_carrier_update(standing, here(30)))
    [timer] = on_carrier_told(raised, told(account="9"), here(40)).timers
    assert timer.due_at == at(90)


def test_word_that_comes_twice_is_one_note(here: Rules) -> None:
    first = on_carrier_told(case(), told(etr=at(60)), here(1))
    again = on_carrier_told(after(first), told(etr=at(60)), here(2))
    assert (len(first.effects), again.effects) == (1, ())
    assert again.reason is Reason.CARRIER_TOLD


def test_a_note_says_what_a_client_may_read(here: Rules) -> None:
    decision = on_carrier_told(case(), told(etr=at(60), account="SECRET-9", repair_contact="+1 900"), here(1))
    text = decision.effects[0].text
    assert "repair is expected by 2026-03-03 08:00 EST" in text
    assert not any(private in text for private in ("SECRET-9", "+1 900", "8100", "Ana"))


def test_two_tellings_are_two_notes_and_one_telling_is_one(here: Rules) -> None:
    """The key is the input's, so that a second try of one input writes nothing twice."""
    first = on_carrier_told(case(), told(etr=at(60)), here(1, input=41))
    second = on_carrier_told(after(first), told(etr=at(70)), here(1, input=42))
    keys = [effect.key for decision in (first, second) for effect in decision.effects]
    assert len(set(keys)) == 2


def test_without_a_ticket_of_our_own_there_is_no_note(here: Rules) -> None:
    assert on_carrier_told(case(ticket=None, ticket_wanted=False), told(), here()).effects == ()
    assert len(on_carrier_told(case(ticket=None), told(), here()).effects) == 1


@pytest.mark.parametrize(
    ("seconds", "reason"), [(-1, Reason.TROUBLE_ONGOING), (0, Reason.CARRIER_OVERDUE), (1, Reason.CARRIER_OVERDUE)]
)
def test_a_promise_is_broken_at_its_moment(here: Rules, seconds: int, reason: Reason) -> None:
    standing = after(on_carrier_told(case(), told(next_update_at=at(30)), here(1)))
    decision = on_carrier_update(standing, here(30 + seconds / 60))
    assert decision.reason is reason
    [timer] = decision.timers
    assert timer.kind is TimerKind.CARRIER_UPDATE
    assert timer.due_at == (at(30) if seconds < 0 else at(90) + timedelta(seconds=seconds))


def test_who_asks_is_told_what_and_the_ticket_says_so(here: Rules) -> None:
    standing = after(on_carrier_told(case(), told(next_update_at=at(30), etr=at(20)), here(1)))
    decision = on_carrier_update(standing, here(30))
    assert after(decision).next_action == "ask the carrier: Fiber 77 is overdue"
    assert decision.effects[0].text == (
        "Fiber 77 is overdue: an update was due at 2026-03-03 07:30 EST and repair was expected by "
        "2026-03-03 07:20 EST."
    )


def test_the_machines_next_step_is_not_talked_over(here: Rules) -> None:
    for changes in (
        {"status": CaseStatus.MONITORING},
        {"status": CaseStatus.PENDING, "pending": Pending(why=PendingWhy.CLIENT, since=NOON)},
    ):
        standing = after(on_carrier_told(case(**changes), told(next_update_at=at(30)), here(1)))
        decision = on_carrier_update(standing, here(30))
        assert decision.reason is Reason.CARRIER_OVERDUE
        assert after(decision).next_action == "work on the trouble"
    waits = Pending(why=PendingWhy.CARRIER, since=NOON)
    standing = after(on_carrier_told(case(status=CaseStatus.PENDING, pending=waits), told(etr=at(30)), here(1)))
    assert standing.next_action == "wait for word of Fiber 77"


def test_an_ended_case_is_raised_no_more_and_still_learns_the_reason(here: Rules) -> None:
    standing = after(on_carrier_told(case(), told(next_update_at=at(30)), here(1)))
    ended = replace(standing, status=CaseStatus.RESOLVED, resolution="The trouble has stayed gone.")
    assert on_carrier_update(ended, here(30)).reason is Reason.CASE_ENDED
    late = on_carrier_told(ended, told(closed_at=at(40), reason_for_outage="splice\nfailed"), here(2880))
    assert after(late).resolution == "The trouble has stayed gone.\nFiber 77: splice failed"
    assert (late.timers, late.cancelled) == ((), (TimerKind.CARRIER_UPDATE,))
    better = on_carrier_told(after(late), told(reason_for_outage="splice replaced"), here(2890))
    assert after(better).resolution == "The trouble has stayed gone.\nFiber 77: splice replaced"


def test_a_reason_of_a_ticket_that_is_open_is_no_resolution_yet() -> None:
    ticket = CarrierTicket(number="7", carrier="F", opened_at=NOON, reason_for_outage="cut")
    assert with_reasons("Ana: well", (ticket,)) == "Ana: well"
    assert with_reasons("", (replace(ticket, closed_at=NOON),)) == "F 7: cut"


def test_a_closed_ticket_owes_nothing_until_its_carrier_promises_again(here: Rules) -> None:
    standing = after(on_carrier_told(case(), told(etr=at(30)), here(1)))
    closed = on_carrier_told(standing, told(closed_at=at(20)), here(21))
    assert closed.timers == ()
    assert after(closed).next_action == "see whether the line is well: the carrier closed its ticket"
    again = on_carrier_told(after(closed), told(etr=at(90)), here(40))
    assert [timer.due_at for timer in again.timers] == [at(90)]
    assert "Fiber 77 is open again." in again.effects[0].text


def test_a_case_that_is_taken_up_again_watches_its_carriers(here: Rules) -> None:
    standing = after(on_carrier_told(case(), told(etr=at(30)), here(1)))
    back = watched(Decision(case=standing, reason=Reason.REOPENED), here(10))
    assert [(timer.kind, timer.due_at) for timer in back.timers] == [(TimerKind.CARRIER_UPDATE, at(30))]
    ended = replace(standing, status=CaseStatus.CLOSED)
    assert watched(Decision(case=ended, reason=Reason.REOPENED), here(10)).timers == ()


def test_texts_are_kept_on_one_line_and_as_long_as_they_may_be(here: Rules) -> None:
    longest = {name: "x" * length for name, length in LONGEST.items() if name not in ("who", "carrier")}
    [ticket] = after(on_carrier_told(case(), told(**longest), here(1))).carrier_tickets
    assert ticket.number == "x" * LONGEST["number"]
    [ticket] = after(on_carrier_told(case(), told(number="7\n7\x00", account="<b>\u202e9"), here(1))).carrier_tickets
    assert (ticket.number, ticket.account) == ("7 7", "<b> 9")


def test_carrier_tickets_of_before_still_load() -> None:
    old = {"number": "7", "carrier": "F", "opened_at": "2026-03-03T12:00:00Z"}
    assert TypeAdapter(CarrierTicket).validate_python(old).raised_at is None


moments = st.integers(1, 600)


@given(promises=st.tuples(st.none() | moments, st.none() | moments), reminder=st.integers(1, 120))
def test_each_promise_is_raised_when_it_breaks_and_never_more_often_than_that_and_the_reminder(
    promises: tuple[int | None, int | None], reminder: int
) -> None:
    """A clock is moved from due time to due time, as timers do."""
    update, etr = (at(one) if one is not None else None for one in promises)
    ticket = CarrierTicket(number="7", carrier="F", opened_at=NOON, next_update_at=update, etr=etr)
    raised: list[datetime] = []
    while (due := due_at(ticket, reminder * MINUTE)) is not None and due <= at(1000):
        assert is_overdue(ticket, due)
        assert not raised or due > raised[-1]
        raised.append(due)
        ticket = replace(ticket, raised_at=due)
    broken = {moment for moment in (update, etr) if moment is not None}
    assert broken <= set(raised)
    assert all(later in broken or later - earlier == reminder * MINUTE for earlier, later in pairwise(raised))
    assert due_at(replace(ticket, closed_at=at(1)), reminder * MINUTE) is None
