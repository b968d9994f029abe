"""The `tickets` section of the settings: which ticket system is used, how fast, and whether anything leaves at all."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from triage.tickets.email.settings import EmailSettings
from triage.tickets.repair_api.settings import RepairApiSettings
from triage.tickets.request_tracker.settings import RequestTrackerSettings
from triage.tickets.servicenow.settings import ServiceNowSettings
from triage.tickets.tmf621.settings import Tmf621Settings


class BuiltinSettings(BaseModel):
    """Tickets in the records database; the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["builtin"] = "builtin"


System = Annotated[
    BuiltinSettings | RequestTrackerSettings | Tmf621Settings | ServiceNowSettings | RepairApiSettings | EmailSettings,
    Field(discriminator="kind"),
]


class TicketSettings(BaseModel):
    """`tickets: dry_run` is short for `tickets: {dry_run: true}`: all is decided, nothing leaves the process."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: System = BuiltinSettings()
    dry_run: bool = False
    calls_per_minute: int = Field(default=120, ge=1, description="the most calls a minute, whatever happens")
    look_seconds: float = Field(default=30, gt=0, description="between two looks for what people did there")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, given: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        return {"dry_run": True} if given == "dry_run" else given
