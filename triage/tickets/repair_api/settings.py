"""The settings of a repair API."""

from __future__ import annotations

from typing import Literal

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field

from config.secrets import Secret
from triage.model import Severity
from triage.tickets.server import ServerSettings, Words


class Desk(BaseModel):
    """How a ticket line comes to a desk: by which result of its present task, and the task's name once it is there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    result: str
    task: str


class RepairApiSettings(ServerSettings):
    """`clients` are the system's numbers of our clients; `desks` its words for our queues, where they differ."""

    kind: Literal["repair_api"] = "repair_api"
    token_url: AnyHttpUrl
    client_id: str
    client_secret: Secret
    scope: str = "public_api"
    clients: dict[str, int]
    desks: dict[str, Desk] = Field(default={})
    severities: Words[Severity] = Field(
        default={Severity.CRITICAL: "1", Severity.MAJOR: "2", Severity.MINOR: "3"}, description="1 high to 4 low"
    )
    note_type: Literal["ADN", "CON"] = Field(default="CON", description="ADN: clients see our notes; CON: they do not")
    note_characters: int = Field(default=1499, ge=200, description="the longest note that is taken")
    readable_within: float = Field(default=60, gt=0, description="seconds until a new ticket's lines can be read")
    page: int = Field(default=100, ge=1, description="tickets asked for at once")
