"""The settings of a TMF621 server."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from pydantic import AnyHttpUrl, Field, model_validator

from config.secrets import Secret
from triage.model import Severity
from triage.tickets.port import TicketType
from triage.tickets.server import ServerSettings, Words


class Patching(StrEnum):
    """How lists are added to: by JSON Patch (RFC 6902), where nobody's note can be lost between our reading and our
    writing, or by JSON Merge Patch (RFC 7396), where the whole list is sent back with ours at its end."""

    JSON_PATCH = "json_patch"
    MERGE = "merge"


class Tmf621Settings(ServerSettings):
    """`url` ends in /tmf-api/troubleTicket/v5 or as the server has it. Either a bearer `token`, or `client_id` and
    `client_secret` with the `token_url`."""

    kind: Literal["tmf621"] = "tmf621"
    version: Literal[4, 5] = 5
    token_url: AnyHttpUrl | None = None
    token: Secret | None = None
    client_id: str = ""
    client_secret: Secret | None = None
    scope: str = ""
    author: str = Field(default="lineproof", description="the author of our notes, as the server shows it")
    patch: Patching | None = Field(default=None, description="default: json_patch in version 5, merge in version 4")
    page: int = Field(default=100, ge=1, description="tickets asked for at once")
    severities: Words[Severity] = Field(
        default={Severity.CRITICAL: "Critical", Severity.MAJOR: "Major", Severity.MINOR: "Minor"}
    )
    ticket_types: Words[TicketType] = Field(
        default={TicketType.OUTAGE: "outage", TicketType.SERVICE_AFFECTING: "serviceAffecting"}
    )
    owner_role: str = Field(default="assignee", description="the relatedParty's role that is the ticket's owner")
    queue_role: str = Field(default="assignmentGroup", description="the relatedParty's role that is its queue")

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        by_client = bool(self.client_id) and self.client_secret is not None and self.token_url is not None
        if (self.token is None) != by_client:
            raise ValueError("either a token, or client_id, client_secret and token_url")
        return self

    @property
    def patching(self) -> Patching:
        return self.patch or (Patching.JSON_PATCH if self.version == 5 else Patching.MERGE)
