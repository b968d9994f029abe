"""What a named person decides on a page, as an input for the engine."""

from __future__ import annotations

from collections.abc import Sequence

from service.case_acts import LONGEST_NOTE, person, read_act, read_opening
from service.desk.claims import key_of
from service.desk.context import Form
from service.installation import Installation
from service.times import UsageError
from triage import inbox
from triage.acts import FITS
from triage.cases import Case
from triage.inputs import PersonAct, PersonActed

VALUES = {PersonAct.ASSIGN: "owner", PersonAct.HOLD: "why", PersonAct.MOVE: "queue", PersonAct.MERGE: "parent"}
"""The field of the form that says more of an act."""


async def enqueue_case_act(opened: Installation, form: Form, case: Case) -> int:
    """Returns the input's sequence number. Raises UsageError for a form that is not complete."""
    does = form.text("does")
    if does not in list(FITS):
        raise UsageError(f"{does!r} cannot be done to a case; choose one of the buttons")
    act = PersonAct(does)
    acted = await read_act(
        opened, case, act, form.text("who"), note=form.text("note"), value=form.text(VALUES.get(act, "")),
        until=form.text("until"),
    )  # fmt: skip
    return await inbox.enqueue(opened.database, key_of(form, "person"), acted, opened.clock.now())


async def enqueue_opening(opened: Installation, form: Form, site: str) -> int:
    """Returns the input's sequence number. Raises UsageError, NotFoundError, TicketError."""
    acted = await read_opening(
        opened, site, form.text("who"), form.text("title"), severity=form.text("severity"), link=form.text("link"),
        ticket=form.ticked("ticket"), existing_ticket=form.text("existing_ticket"),
    )  # fmt: skip
    return await inbox.enqueue(opened.database, key_of(form, "person"), acted, opened.clock.now())


async def enqueue_act(opened: Installation, form: Form, target: str, allowed: Sequence[PersonAct]) -> int:
    """Returns the input's sequence number. Raises UsageError for a form without a name or with another act."""
    who, does, note = person(form.text("who")), form.text("does"), form.text("note")
    if len(note) > LONGEST_NOTE:
        raise UsageError(f"a note has at most {LONGEST_NOTE} characters; shorten it")
    if does not in list(allowed):
        raise UsageError(f"{does!r} cannot be done here; choose one of {', '.join(allowed)}")
    happened = PersonActed(who=who, does=PersonAct(does), target=target, note=note)
    return await inbox.enqueue(opened.database, key_of(form, "person"), happened, opened.clock.now())
