"""Datagrams that answered nothing: each has a reason, and what is remembered of them is bounded."""

from __future__ import annotations

import time

import pytest

from collector.snmp.ber import Damage, DecodeError
from collector.snmp.message import FIRST_REQUEST_ID, LAST_REQUEST_ID
from collector.snmp.strays import DAMAGED, MOST_REMEMBERED, RECENT_IDS, Stray, Strays

HERE = ("192.0.2.1", 161)
NEWEST = FIRST_REQUEST_ID + 5_000_000


def said(strays: Strays, address: tuple[str, int] = HERE) -> tuple[Stray, str]:
    seen = strays.instead_of(address, 0.0)
    assert seen is not None
    return seen


@pytest.mark.parametrize(
    ("damage", "stray"),
    [
        (Damage.TRUNCATED, Stray.TRUNCATED),
        (Damage.OVERSIZED, Stray.OVERSIZED),
        (Damage.MALFORMED, Stray.MALFORMED),
    ],
)
def test_a_garbled_datagram_is_counted_by_its_damage(damage: Damage, stray: Stray) -> None:
    strays = Strays()
    strays.undecodable(HERE, DecodeError("the message is cut off", damage))
    assert strays.counts == {stray: 1}
    assert said(strays) == (stray, "a garbled datagram: the message is cut off; check the agent")


def test_damage_and_refusals_are_told_from_answers_that_lost_their_way() -> None:
    assert set(DAMAGED) == {Stray.TRUNCATED, Stray.OVERSIZED, Stray.MALFORMED, Stray.REFUSED}


def test_an_answer_from_elsewhere_is_remembered_for_the_one_that_was_asked() -> None:
    strays = Strays()
    strays.foreign(HERE, ("198.51.100.7", 40_000))
    assert strays.instead_of(("198.51.100.7", 40_000), 0.0) is None
    stray, detail = said(strays)
    assert stray is Stray.FOREIGN
    assert "sent by 198.51.100.7 port 40000" in detail


@pytest.mark.parametrize(
    ("request_id", "stray"),
    [
        (NEWEST, Stray.REPEATED),
        (NEWEST - 1, Stray.REPEATED),
        (NEWEST - RECENT_IDS + 1, Stray.REPEATED),
        (NEWEST - RECENT_IDS, Stray.UNASKED),
        (NEWEST + 1, Stray.UNASKED),
        (FIRST_REQUEST_ID - 1, Stray.UNASKED),
        (LAST_REQUEST_ID + 1, Stray.UNASKED),
        (0, Stray.UNASKED),
        (-5, Stray.UNASKED),
    ],
)
def test_a_request_id_that_was_given_out_lately_had_its_answer(request_id: int, stray: Stray) -> None:
    strays = Strays()
    strays.unasked(HERE, request_id, NEWEST)
    assert strays.counts == {stray: 1}
    assert said(strays)[0] is stray


@pytest.mark.parametrize(
    ("request_id", "stray"),
    [
        (LAST_REQUEST_ID, Stray.REPEATED),
        (LAST_REQUEST_ID - RECENT_IDS + 3, Stray.REPEATED),
        (LAST_REQUEST_ID - RECENT_IDS + 2, Stray.UNASKED),
        (FIRST_REQUEST_ID, Stray.REPEATED),
        (FIRST_REQUEST_ID + 2, Stray.UNASKED),
    ],
)
def test_request_ids_go_on_from_the_last_to_the_first(request_id: int, stray: Stray) -> None:
    """The newest is FIRST + 1, so two ids follow LAST."""
    strays = Strays()
    strays.unasked(HERE, request_id, FIRST_REQUEST_ID + 1)
    assert strays.counts == {stray: 1}


def test_an_answer_to_what_was_given_up_came_late_however_often_it_comes() -> None:
    strays = Strays()
    strays.gave_up(NEWEST - 7)
    for _ in range(2):
        strays.unasked(HERE, NEWEST - 7, NEWEST)
    strays.unasked(HERE, NEWEST - 8, NEWEST)
    assert strays.counts == {Stray.LATE: 2, Stray.REPEATED: 1}
    strays.gave_up(NEWEST - 9)
    strays.unasked(HERE, NEWEST - 9, NEWEST)
    assert "came after the request was given up" in said(strays)[1]


def test_only_what_came_since_the_question_explains_its_silence() -> None:
    strays = Strays()
    before = time.monotonic()
    strays.refused(HERE, "its digest is wrong")
    after = time.monotonic()
    assert strays.instead_of(HERE, after + 1) is None
    strays.refused(HERE, "its digest is wrong")
    assert strays.instead_of(HERE, before) == (Stray.REFUSED, "its digest is wrong")
    assert strays.counts == {Stray.REFUSED: 2}


def test_an_explanation_is_given_once() -> None:
    strays = Strays()
    strays.refused(HERE, "its digest is wrong")
    said(strays)
    assert strays.instead_of(HERE, 0.0) is None


def test_two_agents_at_one_address_are_told_apart_by_their_ports() -> None:
    strays = Strays()
    strays.refused(("192.0.2.1", 1161), "its digest is wrong")
    assert strays.instead_of(HERE, 0.0) is None
    assert said(strays, ("192.0.2.1", 1161))[1] == "its digest is wrong"


def test_flow_and_scope_of_an_ipv6_address_make_no_difference() -> None:
    strays = Strays()
    strays.refused(("2001:db8::1", 161, 7, 0), "its digest is wrong")
    assert strays.instead_of(("2001:db8::1", 161, 0, 0), 0.0) is not None


def test_the_last_that_came_is_what_is_said() -> None:
    strays = Strays()
    strays.refused(HERE, "first")
    strays.undecodable(HERE, DecodeError("second"))
    assert "second" in said(strays)[1]


def test_a_flood_from_everywhere_is_counted_and_not_kept() -> None:
    strays = Strays()
    for port in range(MOST_REMEMBERED + 500):
        strays.refused(("192.0.2.1", port), "spoofed")
        strays.gave_up(NEWEST - port)
    assert strays.counts[Stray.REFUSED] == MOST_REMEMBERED + 500
    assert len(strays._seen) == len(strays._given_up) == MOST_REMEMBERED
    assert strays.instead_of(("192.0.2.1", 499), 0.0) is None
    assert strays.instead_of(("192.0.2.1", 500), 0.0) is not None
    strays.unasked(HERE, NEWEST - 499, NEWEST)
    strays.unasked(HERE, NEWEST - 500, NEWEST)
    assert (strays.counts[Stray.REPEATED], strays.counts[Stray.LATE]) == (1, 1)
