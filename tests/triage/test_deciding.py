"""The one transaction of the engine: what is wrong with one matter is not wrong with the others, and nothing twice."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from inventory.model import Client, Inventory, Site
from triage import inbox, repository
from triage.cases import Case, Context, Decision
from triage.deciding import Deciding
from triage.inputs import PersonAct, PersonActed
from triage.matters import Matter
from triage.reasons import Reason

pytestmark = pytest.mark.rim

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)
INVENTORY = Inventory.of([Client(id="acme", name="Acme")], [Site(id=name, client="acme") for name in "ab"], [], [], [])


def broken(_case: Case | None, _context: Context) -> Decision:
    raise ZeroDivisionError("a rule divides by the lines of a site that has none")


def well(_case: Case | None, _context: Context) -> Decision:
    return Decision(case=None, reason=Reason.CLAIM_REFUSED, detail="no line there")


async def test_a_defect_in_a_rule_sets_its_own_input_aside_and_a_second_commit_changes_nothing(office_of: Any):
    office = office_of(INVENTORY)
    await office.database.create_all()
    for key in ("person:1", "person:2"):
        acted = PersonActed(who="Kim Lee", does=PersonAct.ACKNOWLEDGE, target="C-1")
        await inbox.enqueue(office.database, key, acted, NOON)
    async with office.database.reading() as connection:
        first, second = await inbox.waiting(connection)
    told: list[str] = []
    deciding = Deciding(
        office.database, office.evidence, office.clock, ticketing="builtin",
        observer=lambda row, _site, decision: told.append(f"{row.key}: {decision.reason}"),
    )  # fmt: skip
    asked = [
        (first, [Matter(client="acme", site="a", decide=broken)]),
        (second, [Matter(client="acme", site="b", decide=well)]),
    ]
    for _ in range(2):
        await deciding.commit(asked, await office.judging())
    assert told == ["person:1: input_failed", "person:2: claim_refused"]
    async with office.database.reading() as connection:
        (failed,) = await repository.decisions_on(connection, first.seq)
        (refused,) = await repository.decisions_on(connection, second.seq)
        assert await inbox.waiting(connection) == []
    assert "ZeroDivisionError" in failed.detail
    assert refused.detail == "no line there"
