"""The settings of a ServiceNow instance."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from config.secrets import Secret
from triage.model import Severity
from triage.tickets.port import TicketStatus
from triage.tickets.server import ServerSettings, Words


class Urgency(BaseModel):
    """ServiceNow works out a priority of both: 1 high, 2 medium, 3 low."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    impact: Literal[1, 2, 3]
    urgency: Literal[1, 2, 3]


class ServiceNowSettings(ServerSettings):
    """`url` is the instance's. `username` is our user there, by whom our notes are known; its time zone must be GMT,
    for queries compare times in it. Beside it a `password`, or an OAuth `token`."""

    kind: Literal["servicenow"] = "servicenow"
    username: str
    password: Secret | None = None
    token: Secret | None = None
    table: str = Field(default="incident", pattern=r"^[a-z0-9_]+$")
    fields: dict[str, str] = Field(default={}, description="further fields of each new incident, such as category")
    caller: str = Field(default="", description="user name of the caller; many instances require one")
    group: str = Field(default="", description="the assignment group in which incidents begin")
    notes: Literal["work_notes", "comments"] = Field(default="work_notes", description="comments are seen by callers")
    close_code: str = Field(default="Solution provided", description="which an instance requires to resolve")
    hold_reason: str = Field(default="4", description="why an incident is on hold; 4: awaiting vendor")
    states: Words[TicketStatus] = Field(
        default={
            TicketStatus.ACKNOWLEDGED: "1",
            TicketStatus.IN_PROGRESS: "2",
            TicketStatus.PENDING: "3",
            TicketStatus.HELD: "3",
            TicketStatus.RESOLVED: "6",
            TicketStatus.CLOSED: "7",
            TicketStatus.CANCELLED: "8",
            TicketStatus.REJECTED: "8",
        }
    )
    urgencies: dict[Severity, Urgency] = Field(
        default={
            Severity.CRITICAL: Urgency(impact=1, urgency=1),
            Severity.MAJOR: Urgency(impact=2, urgency=2),
            Severity.MINOR: Urgency(impact=3, urgency=3),
        }
    )
    title_characters: int = Field(default=160, ge=40, description="what short_description holds; more is cut silently")
    text_characters: int = Field(default=4000, ge=200, description="what description and a note hold")
    key_characters: int = Field(default=100, ge=40, description="what correlation_id holds")
    page: int = Field(default=100, ge=1, description="records asked for at once")

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        if (self.token is None) == (self.password is None):
            raise ValueError("either a password or a token")
        if set(self.urgencies) != set(Severity):
            raise ValueError("urgencies for each severity")
        return self
