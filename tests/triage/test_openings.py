"""A case that a person opens, or a carrier's notice of an outage: one a site, at once, and a person's to resolve."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory.model import Access, Link
from triage.cases import Case, CaseStatus, Decision, EffectKind, Origin, Pending, PendingWhy
from triage.decide import on_quarantine, on_recovery, on_trouble
from triage.inputs import CarrierTold, Opening, PersonAct, PersonActed
from triage.model import Cause, Severity, VerdictKind
from triage.openings import learnt_tickets, on_carrier_outage, on_opened
from triage.reasons import Reason

LINES = (
    Link(id="store-114-wan1", site="store-114", access=Access.BROADBAND, carrier="Meridian"),
    Link(id="store-114-lte", site="store-114", access=Access.LTE, carrier="Summit"),
)
WELL = (VerdictKind.NOT_SUBSTANTIATED, Cause.NONE, None)
NOTICE = CarrierTold(site="store-114", who="Meridian's notice", number="M-1", link="store-114-wan1")


def opens(words: str = "the shop is offline", who: str = "Kim", **said: object) -> PersonActed:
    return PersonActed(
        who=who, does=PersonAct.OPEN, target="store-114", note=words, opening=Opening(**said)  # type: ignore[arg-type]
    )  # fmt: skip


def kept(decision: Decision) -> Case:
    assert decision.case is not None
    return decision.case


def kinds(decision: Decision) -> list[EffectKind]:
    return [effect.kind for effect in decision.effects]


def test_a_person_opens_a_case_that_waits_for_no_second_look(context, judged):
    decision = on_opened(None, opens(), judged(*WELL), context(links=LINES))
    case = kept(decision)
    assert (case.status, case.origins, case.title) == (CaseStatus.OPEN, (Origin.PERSON,), "the shop is offline")
    assert case.evidence_sha256 == "a" * 64
    assert decision.effects == (), "nothing is measured, and no ticket was asked for"


def test_what_is_measured_gets_a_ticket_and_what_is_not_where_it_is_asked_for(context, judged):
    (opened,) = on_opened(None, opens(), judged(), context(links=LINES)).effects
    assert (opened.kind, opened.key, opened.title) == (EffectKind.OPEN_TICKET, "C-1:ticket", "the shop is offline")
    assert "Kim opened it: the shop is offline" in opened.text
    assert "12.5 % lost" in opened.text
    asked = on_opened(None, opens(ticket=True), judged(*WELL), context(links=LINES))
    assert kinds(asked) == [EffectKind.OPEN_TICKET]
    assert kinds(on_opened(None, opens(), judged(), context(links=LINES, in_maintenance=True))) == []


def test_a_suspected_trouble_that_a_person_reports_is_believed_at_once(context, judged):
    suspected = kept(on_trouble(None, judged(), context()))
    decision = on_opened(suspected, opens(), judged(), context(1, links=LINES))
    assert (kept(decision).id, kept(decision).status) == ("C-1", CaseStatus.OPEN)
    assert kept(decision).origins == (Origin.MACHINE, Origin.PERSON)
    assert kinds(decision) == [EffectKind.OPEN_TICKET]
    assert "store-114: packet loss" in kept(decision).title, "who joins a case does not rename it"


def test_the_ticket_of_an_open_case_hears_what_a_person_adds(context, judged):
    standing = replace(kept(on_opened(None, opens(), judged(), context(links=LINES))), ticket="T-1")
    decision = on_opened(standing, opens("phones too", severity=Severity.CRITICAL), judged(), context(9, links=LINES))
    assert kinds(decision) == [EffectKind.NOTE_TICKET, EffectKind.ATTACH_EVIDENCE, EffectKind.UPDATE_TICKET]
    assert "Kim reports it too: phones too" in decision.effects[0].text
    assert decision.effects[2].severity is Severity.CRITICAL
    assert kept(on_trouble(kept(decision), judged(cause=Cause.LINK_DOWN), context(14))).severity is Severity.CRITICAL


def test_a_person_names_the_line_of_what_nobody_measures(context, judged):
    said = opens(link="store-114-lte")
    assert kept(on_opened(None, said, judged(*WELL), context(links=LINES))).link == "store-114-lte"
    assert kept(on_opened(None, said, judged(), context(links=LINES))).link == "store-114-wan1", "what is measured"
    refused = on_opened(None, opens(link="wan9"), judged(), context(links=LINES))
    assert (refused.case, refused.reason) == (None, Reason.PERSON_ACT_REFUSED)
    assert "store-114-wan1, store-114-lte" in refused.detail


@pytest.mark.parametrize(("who", "words"), [(" ", "offline"), ("Kim", " ")])
def test_nobody_and_nothing_open_no_case(context, judged, who, words):
    assert on_opened(None, opens(words, who), judged(), context()).reason is Reason.PERSON_ACT_REFUSED


def test_a_ticket_that_exists_is_linked_and_no_second_one_opened(context, judged):
    acted = opens(existing_ticket="INC-7", ticket=True)
    decision = on_opened(None, acted, judged(), context(links=LINES))
    assert kept(decision).ticket == "INC-7"
    assert [(effect.kind, effect.ticket) for effect in decision.effects] == [
        (EffectKind.NOTE_TICKET, "INC-7"), (EffectKind.ATTACH_EVIDENCE, "INC-7"),
    ]  # fmt: skip
    assert learnt_tickets(acted, [decision]) == [("INC-7", "C-1", "C-1:linked")]
    later = on_trouble(kept(decision), judged(cause=Cause.LINK_DOWN), context(5))
    assert EffectKind.OPEN_TICKET not in kinds(later)
    again = on_opened(kept(decision), opens(existing_ticket="INC-8"), judged(), context(9, links=LINES))
    assert again.reason is Reason.PERSON_ACT_REFUSED
    another = on_opened(None, acted, judged(), context(links=LINES), "C-4")
    assert "INC-7 is the ticket of C-4" in another.detail
    assert learnt_tickets(acted, [another]) == []


def test_a_ticket_is_linked_to_a_case_that_had_none(context, judged):
    quiet = judged(cause=Cause.MANAGEMENT_LOST)
    standing = kept(on_quarantine(kept(on_trouble(None, quiet, context())), quiet, context(3)))
    decision = on_opened(standing, opens(existing_ticket="INC-7"), quiet, context(5, links=LINES))
    assert (kept(decision).id, kept(decision).ticket) == ("C-1", "INC-7")


def test_what_a_person_holds_stays_held_and_the_trouble_that_is_back_is_the_same_case(context, judged, noon):
    opened = kept(on_opened(None, opens(), judged(), context(links=LINES)))
    held = replace(opened, status=CaseStatus.PENDING, pending=Pending(why=PendingWhy.CLIENT, since=noon, by="Bo"))
    assert kept(on_opened(held, opens(), judged(), context(5, links=LINES))).pending == held.pending
    ended = replace(opened, status=CaseStatus.RESOLVED, ended_at=noon, ticket="T-1", ticket_wanted=True)
    again = on_opened(None, opens(), judged(), context(60, links=LINES, ended=ended, new_case_id="C-2"))
    assert (kept(again).id, kept(again).reopened) == ("C-1", 1)
    assert kinds(again) == [EffectKind.UPDATE_TICKET, EffectKind.ATTACH_EVIDENCE]
    other = on_opened(None, opens(), judged(*WELL), context(60, links=LINES, ended=ended, new_case_id="C-2"))
    assert kept(other).id == "C-2"


def test_a_carriers_outage_opens_a_case_with_the_carriers_ticket(context, judged):
    decision = on_carrier_outage(None, NOTICE, judged(*WELL), context(links=LINES))
    case = kept(decision)
    assert (case.status, case.origins, case.link) == (CaseStatus.OPEN, (Origin.CARRIER,), "store-114-wan1")
    assert [(one.carrier, one.number) for one in case.carrier_tickets] == [("Meridian", "M-1")]
    assert decision.reason is Reason.CARRIER_TOLD
    assert decision.effects == (), "the ticket comes with what is measured"
    measured = on_trouble(case, judged(), context(5))
    assert kinds(measured) == [EffectKind.OPEN_TICKET]


def test_a_carriers_outage_joins_what_is_open(context, judged):
    suspected = kept(on_trouble(None, judged(), context()))
    decision = on_carrier_outage(suspected, NOTICE, judged(), context(1, links=LINES))
    assert kept(decision).origins == (Origin.MACHINE, Origin.CARRIER)
    assert kinds(decision)[0] is EffectKind.OPEN_TICKET


@pytest.mark.parametrize("change", [{"link": "wan9"}, {"number": ""}])
def test_a_notice_that_cannot_be_so_opens_nothing(context, judged, change):
    decision = on_carrier_outage(None, replace(NOTICE, **change), judged(), context(links=LINES))
    assert (decision.case, decision.reason) == (None, Reason.CARRIER_REFUSED)


@pytest.mark.parametrize(("lines", "teller"), [(LINES[1:], "Summit"), (LINES, "the carrier")])
def test_an_outage_that_names_no_line_is_of_the_site_s_only_one(context, judged, lines, teller):
    decision = on_carrier_outage(None, replace(NOTICE, link=None), judged(*WELL), context(links=lines))
    assert kept(decision).title == f"{teller} tells of an outage: ticket M-1"


def test_a_carriers_ticket_that_is_closed_opens_nothing(context, judged, noon):
    decision = on_carrier_outage(None, replace(NOTICE, closed_at=noon), judged(), context(links=LINES))
    assert (decision.case, decision.reason) == (None, Reason.CARRIER_REFUSED)


@pytest.mark.parametrize("origin", [Origin.PERSON, Origin.CARRIER])
def test_the_machine_resolves_nothing_that_a_person_or_a_carrier_told_of(context, judged, origin: Origin):
    case = kept(on_quarantine(kept(on_trouble(None, judged(), context())), judged(), context(3)))
    told = replace(case, origins=(Origin.MACHINE, origin))
    well = judged(VerdictKind.RECOVERED)
    assert kept(on_trouble(case, well, context(10))).next_action == "resolve if the trouble stays gone"
    watched = kept(on_trouble(told, well, context(10)))
    assert watched.next_action == "see whether it stays gone; then a person resolves it"
    decision = on_recovery(watched, well, context(30))
    assert (kept(decision).status, decision.reason) == (CaseStatus.MONITORING, Reason.PERSON_MUST_RESOLVE)
