"""What fails says whether the same call can succeed later, and what to do when it cannot."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from contract_values import BINARY, new
from ticket_far_ends import WRONG_SECRET, FarEnd

from triage.tickets.port import TicketError, TicketSystem, TicketUpdate

pytestmark = pytest.mark.needs("network")

Call = Callable[[TicketSystem, str], Awaitable[object]]
CALLS: dict[str, Call] = {
    "find": lambda tickets, _: tickets.find("C-7:ticket"),
    "create": lambda tickets, _: tickets.create(new()),
    "add_note": lambda tickets, ticket: tickets.add_note(ticket, "C-7:note", "words"),
    "attach": lambda tickets, ticket: tickets.attach(ticket, BINARY),
    "update": lambda tickets, ticket: tickets.update(ticket, "C-7:update", TicketUpdate(text="words")),
    "show": lambda tickets, ticket: tickets.show(ticket),
}


@pytest.mark.parametrize("call", sorted(CALLS))
async def test_a_server_that_is_away_may_be_there_later(far_end: FarEnd, call: str) -> None:
    assert far_end.away is not None
    with pytest.raises(TicketError) as raised:
        await CALLS[call](far_end.away, far_end.absent)
    assert raised.value.retryable


@pytest.mark.parametrize("call", ["create", "show"])
async def test_a_server_that_never_answers_is_given_up_in_time(far_end: FarEnd, call: str) -> None:
    assert far_end.silent is not None
    with pytest.raises(TicketError) as raised:
        await CALLS[call](far_end.silent, far_end.absent)
    assert raised.value.retryable


@pytest.mark.parametrize("call", sorted(CALLS))
async def test_a_wrong_secret_is_said_with_what_to_do(far_end: FarEnd, call: str) -> None:
    assert far_end.refused is not None
    with pytest.raises(TicketError, match=r"check the (secret|token|password) in the settings"):
        await CALLS[call](far_end.refused, far_end.absent)


async def test_no_secret_stands_in_a_message(far_end: FarEnd) -> None:
    assert far_end.refused is not None
    with pytest.raises(TicketError) as raised:
        await far_end.refused.create(new())
    assert WRONG_SECRET not in str(raised.value)
