"""Somebody who works in a TMF621 server of the tests itself."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from stub_tmf621 import TroubleTickets, moment

from triage.tickets.port import TicketStatus


class TroubleTicketPerson:
    name = "anna"

    def __init__(self, server: TroubleTickets) -> None:
        self._server = server

    async def note(self, ticket: str, text: str) -> None:
        kept = self._server.tickets[ticket]
        written = {"@type": "Note", "author": self.name, "date": moment(), "text": text}
        self._server.replace(kept, {**kept, "note": [*kept.get("note", []), written]})

    async def change(self, ticket: str, *, status: TicketStatus | None = None, owner: str | None = None) -> None:
        kept = self._server.tickets[ticket]
        changed: dict[str, Any] = dict(kept)
        if status is not None:
            changed["status"] = status.value
        if owner is not None:
            who = {"id": owner, "@referredType": "Individual"}
            if self._server.version == 5:
                who = {"@type": "RelatedPartyRefOrPartyRoleRef", "partyOrPartyRole": {"@type": "PartyRef", **who}}  # type: ignore[dict-item]
            changed["relatedParty"] = [*kept.get("relatedParty", []), {"role": "assignee", **who}]
        self._server.replace(kept, changed)

    async def file(self, ticket: str, name: str) -> bytes:
        kept = self._server.tickets[ticket]["attachment"]
        return base64.b64decode(next(one["content"] for one in kept if one["name"] == name))

    async def with_key(self, external_id: str) -> Sequence[str]:
        return [
            ticket["id"]
            for ticket in self._server.tickets.values()
            if ticket.get("externalId") == external_id
            or external_id in [one["id"] for one in ticket.get("externalIdentifier", [])]
        ]
