"""What a person does to a case, from what was typed on a page or a command line to the engine's input."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from config.errors import LineproofError
from service.installation import Installation
from service.submitting import new_key, submit
from service.times import UsageError, parse_ahead
from triage import repository
from triage.cases import Case, PendingWhy
from triage.inputs import Opening, PersonAct, PersonActed
from triage.model import Severity
from triage.reasons import Reason
from triage.tickets.notes import one_line, printable

_UTC = ZoneInfo("UTC")
LONGEST_NAME = 100
"""As long as the columns that names of people, queues and tickets stand in: PostgreSQL asks."""
LONGEST_NOTE = 2000
LONGEST_TITLE = 200


NEEDED: Mapping[PersonAct, str] = {
    PersonAct.ASSIGN: "say who is to have the case",
    PersonAct.MOVE: "name the queue that the case is to go to",
    PersonAct.MERGE: "name the case of the carrier's trouble; `lineproof case list` has it",
}
"""What is to be said where an act needs a value and has none."""


def person(who: str) -> str:
    """The name of whoever decides, on one line and without control characters. Raises UsageError for none."""
    name = one_line(who)
    if not name:
        raise UsageError("a decision needs the name of the person who takes it; write yours and send it again")
    if len(name) > LONGEST_NAME:
        raise UsageError(f"a name has at most {LONGEST_NAME} characters; shorten it")
    return name


async def read_act(
    opened: Installation, case: Case, does: PersonAct, who: str, *, note: str = "", value: str = "", until: str = ""
) -> PersonActed:
    """`until` is a time at the site, as people write it. Raises UsageError."""
    who, value, note = person(who), one_line(value), printable(note)
    if len(value) > LONGEST_NAME or len(note) > LONGEST_NOTE:
        raise UsageError(f"a name has at most {LONGEST_NAME} characters, a note {LONGEST_NOTE}; shorten it")
    if does in NEEDED and not value:
        raise UsageError(NEEDED[does])
    if does is PersonAct.NOTE and not note:
        raise UsageError("a note says something; write it")
    if does is PersonAct.HOLD and value not in list(PendingWhy):
        raise UsageError(f"a case waits for one of {', '.join(PendingWhy)}; say which")
    inventory = await opened.inventory()
    site = inventory.sites.get(case.site)
    ends = None
    if does is PersonAct.HOLD and until.strip():
        zone = site.zone if site is not None else _UTC
        ends = parse_ahead(until, zone, opened.clock.now())
        if ends <= opened.clock.now():
            raise UsageError(f"{until!r} is past at {case.site}; say until when it is to wait, or leave it out")
    return PersonActed(who=who, does=does, target=case.id, note=note, value=value, until=ends)


async def read_opening(
    opened: Installation,
    site: str,
    who: str,
    title: str,
    *,
    severity: str = "",
    link: str = "",
    ticket: bool = False,
    existing_ticket: str = "",
) -> PersonActed:
    """A case that a person opens. Raises UsageError, and NotFoundError for a ticket that its system does not have."""
    who, title, existing = one_line(who), one_line(title), one_line(existing_ticket)
    if not who or not title:
        raise UsageError("a case is opened by a named person, and says what is wrong; give both")
    if max(len(who), len(existing)) > LONGEST_NAME or len(title) > LONGEST_TITLE:
        raise UsageError(f"a name has at most {LONGEST_NAME} characters, a title {LONGEST_TITLE}; shorten it")
    if severity and severity not in list(Severity):
        raise UsageError(f"a severity is one of {', '.join(Severity)}, not {severity!r}")
    if existing:
        await opened.tickets.show(existing)
    said = Opening(
        severity=Severity(severity) if severity else None,
        link=link.strip() or None,
        ticket=ticket,
        existing_ticket=existing,
    )
    return PersonActed(who=who, does=PersonAct.OPEN, target=site, note=title, opening=said)


async def open_case(opened: Installation, acted: PersonActed) -> Case:
    """The site's case as it stands afterwards. Raises LineproofError when none can be opened."""
    decisions = await submit(opened, new_key("person"), acted)
    identity = next((one.case for one in decisions if one.case is not None), None)
    if identity is None:
        raise LineproofError(next((one.detail for one in decisions if one.detail), "the case was not opened"))
    async with opened.database.reading() as connection:
        return await repository.case_by_id(connection, identity)


async def act(opened: Installation, acted: PersonActed) -> Case:
    """The case as it stands afterwards. Raises LineproofError when the act does not fit it."""
    decisions = await submit(opened, new_key("person"), acted)
    refused = [one.detail for one in decisions if one.reason == Reason.PERSON_ACT_REFUSED]
    if refused:
        raise LineproofError(refused[0])
    async with opened.database.reading() as connection:
        return await repository.case_by_id(connection, acted.target)
