"""A suspected trouble is polled more often until its second look, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collector.snmp.wishes import wish, wishes
from config.database import Database
from inventory.model import Access, Client, Device, DeviceRole, Inventory, Link, Site
from triage.cases import Case, CaseStatus, Decision, Origin, Timer, TimerKind
from triage.closer_look import closer_looks
from triage.model import Cause, Scope
from triage.reasons import Reason

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
INVENTORY = Inventory.of(
    clients=[Client(id="acme", name="Acme")],
    sites=[Site(id="store-1", client="acme"), Site(id="store-2", client="acme")],
    devices=[
        Device(id="cpe-1", site="store-1", role=DeviceRole.ROUTER),
        Device(id="cpe-2", site="store-2", role=DeviceRole.ROUTER),
    ],
    links=[Link(id="wan1", site="store-1", access=Access.DIA)],
)


def decided(kind: TimerKind, site: str = "store-1", status: CaseStatus = CaseStatus.SUSPECTED) -> Decision:
    case = Case(
        id="C-1", client="acme", site=site, status=status, origins=(Origin.MACHINE,), title="loss", cause=Cause.LOSS,
        scope=Scope.LINK, severity=None, link="wan1", onset=NOON, opened_at=NOON, updated_at=NOON,
    )  # fmt: skip
    timer = Timer(case="C-1", kind=kind, due_at=NOON + timedelta(minutes=3))
    return Decision(case=case, reason=Reason.TROUBLE_SUSPECTED, timers=(timer,))


def test_the_devices_of_a_suspected_site_are_polled_faster_until_its_second_look():
    asked = closer_looks(decided(TimerKind.QUARANTINE), INVENTORY)
    assert [(one.device, one.every, one.until, one.reason) for one in asked] == [
        ("cpe-1", 10, NOON + timedelta(minutes=3), "C-1")
    ]


@pytest.mark.parametrize(
    "decision",
    [
        decided(TimerKind.RECOVERY, status=CaseStatus.MONITORING),
        decided(TimerKind.REJUDGE),
        decided(TimerKind.QUARANTINE, site="carrier:A@north"),
        Decision(case=None, reason=Reason.NOTHING_FOUND),
    ],
)
def test_nothing_else_is(decision):
    assert closer_looks(decision, INVENTORY) == []


@pytest.mark.rim
async def test_a_later_second_look_prolongs_the_wish_and_it_ends_with_it(tmp_path: Path):
    database = Database(tmp_path / "records.db")
    await database.create_all()
    for minutes in (0, 2):
        (asked,) = closer_looks(decided(TimerKind.QUARANTINE), INVENTORY)
        async with database.writing() as connection:
            await wish(connection, [asked], NOON + timedelta(minutes=minutes))
    async with database.reading() as connection:
        assert [one.device for one in await wishes(connection, NOON + timedelta(minutes=2))] == ["cpe-1"]
        assert await wishes(connection, NOON + timedelta(minutes=3)) == []
    await database.close()
