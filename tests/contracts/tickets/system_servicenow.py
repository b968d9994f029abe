"""A ServiceNow instance that behaves as documented; no real one was reached."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from stub_server import dead_ends, serving
from stub_servicenow import PASSWORD, USER, Instance
from ticket_far_ends import WRONG_SECRET, FarEnd, System

from triage.tickets.port import TicketStatus
from triage.tickets.servicenow.adapter import ServiceNowTickets
from triage.tickets.servicenow.settings import ServiceNowSettings

STATES = {TicketStatus.IN_PROGRESS: "2", TicketStatus.PENDING: "3", TicketStatus.RESOLVED: "6"}


class Agent:
    name = "anna"

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def _incident(self, number: str) -> dict[str, str]:
        return next(one for one in self._instance.tables["incident"] if one["number"] == number)

    async def note(self, ticket: str, text: str) -> None:
        assert self._instance.write(self._incident(ticket), {"work_notes": text}, self.name) is None

    async def change(self, ticket: str, *, status: TicketStatus | None = None, owner: str | None = None) -> None:
        body = {"close_code": "Solution provided", "close_notes": "done", "hold_reason": "1"}
        if status is not None:
            body["state"] = STATES[status]
        if owner is not None:
            users = self._instance.tables["sys_user"]
            body["assigned_to"] = next(one["sys_id"] for one in users if one["user_name"] == owner)
        assert self._instance.write(self._incident(ticket), body, self.name) is None

    async def file(self, ticket: str, name: str) -> bytes:
        sys_id = self._incident(ticket)["sys_id"]
        return next(
            content
            for record, content in self._instance.files
            if record["table_sys_id"] == sys_id and record["file_name"] == name
        )

    async def with_key(self, external_id: str) -> Sequence[str]:
        incidents = self._instance.tables["incident"]
        return [one["number"] for one in incidents if one["correlation_id"] == external_id]


def settings(url: str, **changes: object) -> ServiceNowSettings:
    return ServiceNowSettings.model_validate({"url": url, "username": USER, "password": PASSWORD, "page": 2, **changes})


@asynccontextmanager
async def opened(_request: pytest.FixtureRequest, _folder: Path) -> AsyncIterator[FarEnd]:
    instance = Instance()
    async with serving(instance.application()) as url, dead_ends() as ends:
        tickets = ServiceNowTickets(settings(url))
        others = {
            "away": ServiceNowTickets(settings(ends.away)),
            "refused": ServiceNowTickets(settings(url, password=WRONG_SECRET)),
            "silent": ServiceNowTickets(settings(ends.silent, timeout=0.5)),
        }
        yield FarEnd(tickets=tickets, person=Agent(instance), absent="INC9999999", **others)
        for one in (tickets, *others.values()):
            await one.close()


SYSTEM = System(open=opened)
