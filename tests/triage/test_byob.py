"""A client's own line that is down: told once, reminded a day apart, never a desk's or a carrier's of ours; and modems
that are told to restart before anybody is sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import Access, Device, DeviceRole, Link, LinkRole, Ownership, Site
from triage.byob import is_clients_own, on_reminder
from triage.case_rules import case_rules
from triage.cases import Case, CaseStatus, Context, Decision, Effect, EffectKind, Origin, TimerKind
from triage.follow_up import followed_up
from triage.handover import on_hand_over
from triage.inputs import Answered
from triage.model import Cause, Scope, Severity
from triage.modems import has_modem, modem_of
from triage.policy_files import load_policy
from triage.reasons import Reason
from triage.respond import on_answer

POLICY = load_policy()
NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
OWN = Link(id="own", site="s", access=Access.BROADBAND, carrier="Cable Co", ownership=Ownership.CLIENT)
OURS = Link(id="ours", site="s", access=Access.DSL, role=LinkRole.SECONDARY, carrier="B")
LTE = Link(id="lte", site="s", device="modem", access=Access.LTE, role=LinkRole.SECONDARY, carrier="C")
MODEM = Device(id="modem", site="s", role=DeviceRole.MODEM)


def open_case(link: Link = OWN, cause: Cause = Cause.LINK_DOWN, **about: object) -> Case:
    values: dict[str, object] = {
        "id": "C-1", "client": "acme", "site": "s", "status": CaseStatus.OPEN, "origins": (Origin.MACHINE,),
        "title": "t", "cause": cause, "scope": Scope.LINK, "severity": Severity.MAJOR, "link": link.id,
        "lines": (link.id,), "onset": NOON - 10 * MINUTE, "opened_at": NOON, "updated_at": NOON, "ticket_wanted": True,
        "ticket": "T-1",
    }  # fmt: skip
    return Case(**(values | about))  # type: ignore[arg-type]


def at(now: datetime = NOON, links: tuple[Link, ...] = (OWN, OURS), devices: tuple[Device, ...] = ()) -> Context:
    return Context(
        now=now, rules=case_rules(POLICY), new_case_id="C-1", new_proposal_id="P-1", links=links, devices=devices,
        site=Site(id="s", client="acme", name="Store 1"),
    )  # fmt: skip


def after(case: Case, context: Context) -> Decision:
    """What a decision that leaves the case as it is brings by itself."""
    return followed_up(Decision(case=case, reason=Reason.TROUBLE_HELD), context)


def kept(decision: Decision) -> Case:
    assert decision.case is not None
    return decision.case


def of_kind(decision: Decision, kind: EffectKind) -> list[Effect]:
    return [effect for effect in decision.effects if effect.kind is kind]


def reminders(decision: Decision) -> list[datetime]:
    return [timer.due_at for timer in decision.timers if timer.kind is TimerKind.REMINDER]


@pytest.mark.parametrize(
    ("about", "own"),
    [
        ({}, True),
        ({"lines": ("own", "ours")}, False),
        ({"link": "ours", "lines": ("ours",)}, False),
        ({"cause": Cause.LOSS}, True),
        ({"cause": Cause.SITE_DOWN}, False),
        ({"cause": Cause.DEVICE}, False),
        ({"cause": Cause.LAN}, False),
        ({"link": "retired", "lines": ("retired",)}, False),
    ],
)
def test_one_line_of_ours_in_trouble_makes_it_ours(about: dict[str, object], own: bool):
    assert is_clients_own(replace(open_case(), **about), (OWN, OURS)) is own  # type: ignore[arg-type]


def test_the_client_is_told_once_what_is_down_and_whose_it_is():
    first = after(open_case(), at())
    (told,) = of_kind(first, EffectKind.TELL_CLIENT)
    assert told.text.startswith(
        "We have found that the line own (Cable Co) at Store 1 has been down since 2026-03-03 11:50"
    )
    assert told.text.endswith("remind you once a day while it is down.")
    assert reminders(first) == [NOON + 24 * HOUR]
    often = replace(at(), rules=replace(at().rules, client_reminder=6 * HOUR))
    assert of_kind(after(open_case(), often), EffectKind.TELL_CLIENT)[0].text.endswith(
        "remind you every 6 hours while it is down."
    )
    again = after(kept(first), at(NOON + 5 * MINUTE))
    assert (of_kind(again, EffectKind.TELL_CLIENT), reminders(again)) == ([], [])


@pytest.mark.parametrize(
    "case",
    [open_case(OURS), open_case(lines=("own", "ours")), open_case(cause=Cause.LOSS), open_case(cause=Cause.SITE_DOWN)],
    ids=["ours", "mixed", "slow", "site"],
)
def test_nobody_is_told_of_what_is_ours_or_not_down(case: Case):
    assert of_kind(after(case, at()), EffectKind.TELL_CLIENT) == []


def test_a_clients_own_line_goes_to_no_desk_and_the_reason_says_so():
    case = kept(after(open_case(), at()))
    decision = on_hand_over(case, at(NOON + 90 * MINUTE))
    assert (decision.reason, decision.effects) == (Reason.CLIENTS_OWN_LINE, ())
    still = after(kept(decision), at(NOON + 91 * MINUTE))
    assert [timer for timer in still.timers if timer.kind is TimerKind.HAND_OVER] == []


def test_when_a_line_of_ours_goes_down_too_the_ticket_is_handed_over_for_that():
    case = kept(on_hand_over(kept(after(open_case(), at())), at(NOON + 90 * MINUTE)))
    mixed = after(replace(case, lines=("own", "ours")), at(NOON + 100 * MINUTE))
    assert [timer.due_at for timer in mixed.timers if timer.kind is TimerKind.HAND_OVER] == [NOON + 190 * MINUTE]
    assert on_hand_over(kept(mixed), at(NOON + 190 * MINUTE)).reason is Reason.HANDED_OVER


@pytest.mark.parametrize(("minutes", "told"), [(24 * 60 - 1, False), (24 * 60, True)])
def test_a_reminder_comes_after_a_day_and_not_a_minute_sooner(minutes: int, told: bool):
    case = kept(after(open_case(), at()))
    decision = on_reminder(case, at(NOON + minutes * MINUTE))
    assert bool(decision.effects) is told
    due = NOON + (48 if told else 24) * HOUR
    assert reminders(decision) == [due]


def told(case: Case, key: str, now: datetime, *, ok: bool = True) -> Decision:
    """The mail's far end has answered."""
    said = Answered(key=key, kind=EffectKind.TELL_CLIENT, case="C-1", ok=ok, text="" if ok else "no such mailbox")
    return on_answer(case, said, at(now))


def test_what_the_client_is_told_and_reminded_of_stands_on_the_ticket_once_each():
    first = after(open_case(), at())
    (mail,) = of_kind(first, EffectKind.TELL_CLIENT)
    (noted,) = of_kind(first, EffectKind.NOTE_TICKET)
    assert noted.text == mail.text
    gone = told(kept(first), mail.key, NOON + MINUTE)
    assert of_kind(gone, EffectKind.NOTE_TICKET) == []
    reminded = on_reminder(kept(gone), at(NOON + 25 * HOUR))
    (second,) = of_kind(reminded, EffectKind.TELL_CLIENT)
    (other,) = of_kind(reminded, EffectKind.NOTE_TICKET)
    assert second.text == other.text
    assert second.text.startswith("This is to remind you:")
    assert len({mail.key, noted.key, second.key, other.key}) == 4


def test_a_reminder_counts_from_the_mail_that_went_out_not_from_when_it_was_meant():
    first = kept(after(open_case(), at()))
    gone = told(first, "C-1:own-line", NOON + 5 * HOUR)
    assert kept(gone).told_client_at == NOON + 5 * HOUR
    assert reminders(gone) == [NOON + 29 * HOUR]
    assert of_kind(on_reminder(kept(gone), at(NOON + 24 * HOUR)), EffectKind.TELL_CLIENT) == []


def test_a_mail_that_was_given_up_told_nobody():
    first = kept(after(open_case(), at()))
    lost = told(first, "C-1:own-line", NOON + HOUR, ok=False)
    assert (lost.reason, kept(lost).told_client_at) == (Reason.FAR_END_GAVE_UP, None)
    assert "tell the client that their own line is down" in kept(lost).next_action
    (next_day,) = of_kind(on_reminder(kept(lost), at(NOON + 24 * HOUR)), EffectKind.TELL_CLIENT)
    assert next_day.text.startswith("We have found that"), "it is no reminder of what was never said"
    assert next_day.key != "C-1:own-line"


def test_a_mail_that_a_dry_run_withholds_told_nobody():
    said = Answered(key="C-1:own-line", kind=EffectKind.TELL_CLIENT, case="C-1", ok=True, text="dry run", withheld=True)
    decision = on_answer(kept(after(open_case(), at())), said, at(NOON + HOUR))
    assert (decision.case, decision.effects) == (None, ())


def test_reminders_stop_with_the_case_and_wait_while_the_line_lives():
    case = kept(after(open_case(), at()))
    late = at(NOON + 25 * HOUR)
    ended = on_reminder(replace(case, status=CaseStatus.RESOLVED), late)
    assert (ended.reason, ended.effects, ended.timers) == (Reason.CASE_ENDED, (), ())
    watched = on_reminder(replace(case, status=CaseStatus.MONITORING), late)
    assert (watched.effects, reminders(watched)) == ((), [NOON + 25 * HOUR + 20 * MINUTE])
    mixed = on_reminder(replace(case, lines=("own", "ours")), late)
    assert (mixed.effects, reminders(mixed)) == ((), [NOON + 25 * HOUR + 20 * MINUTE])
    waiting = on_reminder(replace(case, status=CaseStatus.PENDING), late)
    assert waiting.reason is Reason.CLIENT_REMINDED


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2000),
            st.sampled_from([CaseStatus.OPEN, CaseStatus.MONITORING, CaseStatus.PENDING]),
            st.booleans(),
        ),
        max_size=20,
    )
)
def test_however_often_it_is_looked_at_two_mails_are_a_day_apart(looks: list[tuple[int, CaseStatus, bool]]):
    """Each look is some minutes after the one before; at some the timer of the reminder is due."""
    case, now, told, keys = open_case(), NOON, [], []
    for minutes, status, due in looks:
        now += minutes * MINUTE
        case = replace(case, status=status)
        decision = on_reminder(case, at(now)) if due else after(case, at(now))
        mails = of_kind(decision, EffectKind.TELL_CLIENT)
        told += [now for _ in mails]
        keys += [mail.key for mail in mails]
        case = decision.case or case
    assert all(later - earlier >= 24 * HOUR for earlier, later in pairwise(told))
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("link", "devices", "modem"),
    [
        (LTE, (MODEM,), True),
        (replace(LTE, device="edge"), (Device(id="edge", site="s", role=DeviceRole.SDWAN_EDGE), MODEM), True),
        (replace(LTE, device="edge"), (MODEM, replace(MODEM, id="other")), False),
        (LTE, (MODEM, replace(MODEM, id="other")), True),
        (LTE, (), False),
        (replace(LTE, orchestrator_link="00:27:04:12:34:56:0000"), (), True),
        (replace(LTE, orchestrator_link="0027.0412.3456"), (), True),
        (replace(LTE, orchestrator_link="00:27:05:12:34:56:0000"), (), False),
        (replace(LTE, device="edge"), (Device(id="edge", site="s", role=DeviceRole.ROUTER, serials=("00409D112233",)),),
         True),
        (replace(LTE, access=Access.BROADBAND), (MODEM,), False),
        (replace(LTE, access=None), (MODEM,), False),
    ],
)  # fmt: skip
def test_which_lines_have_a_modem(link: Link, devices: tuple[Device, ...], modem: bool):
    assert has_modem(link, devices, POLICY.modems.mac_prefixes) is modem


def test_two_modems_of_a_site_are_told_apart_by_their_lines():
    other = replace(MODEM, id="other")
    assert modem_of(LTE, (other, MODEM)) == MODEM
    assert modem_of(replace(LTE, device="edge"), (other, MODEM)) is None


def test_a_modem_restarts_once_and_half_an_hour_later_the_ticket_goes_to_who_repairs_it():
    context = at(links=(OURS, LTE), devices=(MODEM,))
    first = after(open_case(LTE), context)
    assert [(effect.key, effect.link) for effect in of_kind(first, EffectKind.REBOOT_MODEM)] == [
        ("C-1:reboot:0:lte", "lte")
    ]
    assert kept(first).hand_over_at == NOON + 30 * MINUTE
    again = after(kept(first), replace(context, now=NOON + 5 * MINUTE))
    assert of_kind(again, EffectKind.REBOOT_MODEM) == []
    handed = on_hand_over(kept(again), replace(context, now=NOON + 30 * MINUTE))
    assert (handed.reason, handed.effects[0].queue) == (Reason.HANDED_OVER, "wireless-repair")
    assert "was told to restart at 2026-03-03 12:00 UTC, and it is still down" in handed.effects[0].text


def test_another_line_of_the_case_has_its_own_restart_and_its_own_half_hour():
    other = replace(LTE, id="lte2", device="modem2")
    context = at(links=(OURS, LTE, other), devices=(MODEM, replace(MODEM, id="modem2")))
    case = kept(after(open_case(LTE), context))
    second = after(replace(case, link="lte2", lines=("lte2",)), replace(context, now=NOON + 20 * MINUTE))
    assert [effect.key for effect in of_kind(second, EffectKind.REBOOT_MODEM)] == ["C-1:reboot:0:lte2"]
    early = on_hand_over(kept(second), replace(context, now=NOON + 30 * MINUTE))
    assert early.reason is Reason.HAND_OVER_POSTPONED
    assert [timer.due_at for timer in early.timers] == [NOON + 50 * MINUTE]
    late = on_hand_over(kept(early), replace(context, now=NOON + 50 * MINUTE))
    assert late.effects[0].queue == "wireless-repair"


@pytest.mark.parametrize(
    "case",
    [
        open_case(LTE, Cause.LOSS), open_case(LTE, Cause.SITE_DOWN), open_case(OURS), open_case(LTE, owner="Kim"),
        open_case(LTE, status=CaseStatus.SUSPECTED), open_case(LTE, ticket=None, ticket_wanted=False),
    ],
    ids=["slow", "site down", "another line", "taken", "not held yet", "no ticket"],
)  # fmt: skip
def test_a_modem_restarts_for_nothing_else(case: Case):
    assert of_kind(after(case, at(links=(OURS, LTE), devices=(MODEM,))), EffectKind.REBOOT_MODEM) == []


def test_a_case_that_is_taken_up_again_restarts_its_modem_again():
    context = at(links=(OURS, LTE), devices=(MODEM,))
    case = kept(after(open_case(LTE), context))
    ended = kept(after(replace(case, status=CaseStatus.RESOLVED), context))
    again = after(replace(ended, status=CaseStatus.OPEN, reopened=1), replace(context, now=NOON + 3 * HOUR))
    assert [effect.key for effect in of_kind(again, EffectKind.REBOOT_MODEM)] == ["C-1:reboot:1:lte"]
