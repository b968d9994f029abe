"""What a named person decides on a page, as an input for the engine."""

from __future__ import annotations

from collections.abc import Sequence

from service.desk.claims import key_of
from service.desk.context import Form
from service.installation import Installation
from service.times import UsageError
from triage import inbox
from triage.inputs import PersonAct, PersonActed

LONGEST_NAME = 120
LONGEST_NOTE = 2000


async def enqueue_act(opened: Installation, form: Form, target: str, allowed: Sequence[PersonAct]) -> int:
    """Returns the input's sequence number. Raises UsageError for a form without a name or with another act."""
    who, does, note = form.text("who"), form.text("does"), form.text("note")
    if not who:
        raise UsageError("a decision needs the name of the person who takes it; write yours and send it again")
    if len(who) > LONGEST_NAME or len(note) > LONGEST_NOTE:
        raise UsageError(f"a name has at most {LONGEST_NAME} characters, a note {LONGEST_NOTE}; shorten it")
    if does not in list(allowed):
        raise UsageError(f"{does!r} cannot be done here; choose one of {', '.join(allowed)}")
    happened = PersonActed(who=who, does=PersonAct(does), target=target, note=note)
    return await inbox.enqueue(opened.database, key_of(form, "person"), happened, opened.clock.now())
