"""The settings of a Request Tracker."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from config.secrets import Secret
from triage.model import Severity
from triage.tickets.port import TicketStatus, TicketType
from triage.tickets.server import ServerSettings, Words


class FieldNames(BaseModel):
    """Names of the custom fields of tickets, as RT has them; an empty one is not written. `fingerprint` holds our key,
    by which a ticket is found again. Of a ticket that a person opens `site` and `circuit` say which site's it is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fingerprint: str = Field(default="Fingerprint", min_length=1)
    site: str = "Site"
    circuit: str = "Circuit ID"
    impact: str = "Impact"


class RequestTrackerSettings(ServerSettings):
    """`url` is RT's own, without /REST/2.0. `user` is the login of our user there, with its `token` or `password`."""

    kind: Literal["request_tracker"] = "request_tracker"
    user: str = Field(min_length=1)
    token: Secret | None = None
    password: Secret | None = None
    queue: str = Field(min_length=1, description="the queue in which tickets begin")
    queues: dict[str, str] = Field(
        default={}, description="RT's queue for a desk of the policy's hand_over, where they have different names"
    )
    fields: FieldNames = FieldNames()
    page: int = Field(default=100, ge=1, le=100, description="items asked for at once; RT gives at most 100")
    impacts: Words[TicketType] = Field(default={TicketType.OUTAGE: "Outage", TicketType.SERVICE_AFFECTING: "Degraded"})
    priorities: dict[Severity, int] = Field(
        default={Severity.CRITICAL: 100, Severity.MAJOR: 50, Severity.MINOR: 20},
        description="RT's own words: from 0 low, from 50 medium, from 100 high",
    )
    status_to: Words[TicketStatus] = Field(
        default={
            TicketStatus.ACKNOWLEDGED: "new",
            TicketStatus.IN_PROGRESS: "open",
            TicketStatus.PENDING: "stalled",
            TicketStatus.HELD: "stalled",
            TicketStatus.RESOLVED: "resolved",
            TicketStatus.CLOSED: "resolved",
            TicketStatus.CANCELLED: "rejected",
            TicketStatus.REJECTED: "rejected",
        },
        description="RT's status for each of ours",
    )
    status_of: dict[str, TicketStatus] = Field(
        default={
            "new": TicketStatus.ACKNOWLEDGED,
            "open": TicketStatus.IN_PROGRESS,
            "stalled": TicketStatus.PENDING,
            "resolved": TicketStatus.RESOLVED,
            "rejected": TicketStatus.REJECTED,
        },
        description="what each status of RT's life cycles means",
    )

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        if (self.token is None) == (self.password is None):
            raise ValueError("either the token or the password of `user`")
        return self

    @model_validator(mode="after")
    def _every_status_can_be_read_back(self) -> Self:
        unread = sorted(set(self.status_to.values()) - set(self.status_of))
        if set(self.priorities) != set(Severity):
            raise ValueError("priorities with a number for each severity")
        if unread:
            raise ValueError(f"status_of with each status that status_to writes; {', '.join(unread)} is missing")
        return self
