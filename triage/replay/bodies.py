"""The keys of a scenario file, as a person writes them; each kind of entry has its body."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, field_validator, model_validator

from collector.model import FIELDS, Source
from config.clock import EPOCH
from inventory.fields import Recurrence, Zone
from inventory.model import MaintenanceStatus
from triage.inputs import PersonAct
from triage.model import Severity, Symptom
from triage.replay.moments import moment_of
from triage.tickets.port import TicketStatus

KINDS = (
    "samples", "answer", "facts", "event", "poll", "claim", "maintenance", "person", "ticket_system", "actuator",
    "policy", "restart", "carrier",
)  # fmt: skip
Value = float | Literal["gap"] | None
_TIME = r"^(\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})|[+-]\d{1,4}:\d{2}:\d{2})$"


def _time(text: str) -> str:
    try:
        moment_of(text, EPOCH)
    except ValueError:
        raise ValueError("RFC 3339 with a zone, or +HH:MM:SS after the start") from None
    return text


Time = Annotated[str, AfterValidator(_time), Field(json_schema_extra={"pattern": _TIME})]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Samples(Body):
    """Measurements of one line by one source, a value a slot. A row becomes known at its slot's end, or at `at` where
    that is later."""

    link: str = Field(description="the line's id")
    source: Source = Field(description="who measured")
    every: int = Field(ge=1, description="seconds of a slot")
    from_: Time = Field(alias="from", description="start of the first slot: RFC 3339 or +HH:MM:SS")
    fields: Mapping[str, tuple[Value, ...]] = Field(
        description='a list for each measurement field, all of one length; null is "not measured", "gap" (in any '
        "field) an absent row"
    )
    repeat: int = Field(default=1, ge=1, description="play the lists so many times, one after the other")

    @field_validator("fields")
    @classmethod
    def _known_and_equally_long(cls, fields: Mapping[str, tuple[Value, ...]]) -> Mapping[str, tuple[Value, ...]]:
        unknown = sorted(fields.keys() - FIELDS.keys())
        if unknown:
            raise ValueError(f"measurement fields, not {', '.join(unknown)}")
        if len({len(values) for values in fields.values()}) != 1:
            raise ValueError("lists of one length for all fields")
        return fields


class OrchestratorAnswer(Body):
    """What an orchestrator's host answered. Answers to one host that stand one after the other at one `at` belong to
    one reading: the real adapter makes its calls and meets them, each call its own ones in their order. What a call is
    answered that the file does not name is 404; an answer other than 200 stands for repeated calls too. A log-in that
    is named ends the session: the next call logs in anew, as at first, and meets it until another is named."""

    orchestrator: str = Field(description="its name, as `orchestrator.name` of devices")
    call: str = Field(description="the vendor's method or path, as `lineproof check` shows it")
    status: int = Field(default=200, ge=100, le=599, description="HTTP status")
    headers: Mapping[str, str] = Field(default={}, description="HTTP headers")
    body: Any = Field(default=None, description="the body: text as it is, everything else as JSON")
    window: Time | None = Field(
        default=None, description="of statistics: start of the tick that is asked for; default the newest due one"
    )


class State(Body):
    """What a source says of one device or line."""

    state: str | None = Field(
        default=None,
        description="device: connected, degraded, offline, never_activated, disabled, unknown; line: stable, unstable, "
        "disconnected, standby, quiet, initial, unknown",
    )
    mode: str | None = Field(default=None, description="of a line: how it is used, for example ACTIVE or HOT_STANDBY")
    ha: str | None = Field(default=None, description="of a device: unconfigured, pending, ready, failed, unknown")
    last_seen: Time | None = Field(default=None, description="when the source last heard of it; kept with the state")


class Facts(Body):
    """States as a source told them."""

    source: Source = Field(description="who says it")
    complete: bool = Field(
        default=False, description="a device or line of this source that is absent here was absent there: unknown"
    )
    devices: Mapping[str, State] = Field(default={}, description="by device id")
    links: Mapping[str, State] = Field(default={}, description="by line id")


class Event(Body):
    """One event or trap."""

    id: str = Field(description="the source's id of it; the same event again changes nothing")
    source: Source = Field(description="who told it: orchestrator, or snmp for a trap")
    device: str = Field(description="the device's id")
    link: str | None = Field(default=None, description="the line that it is about")
    kind: str = Field(description="the source's word, for example LINK_DEAD")
    time: Time | None = Field(default=None, description="when it happened; default `at`, when it arrived")


class Poll(Body):
    """One poll of a device, and how long the device says it has been up."""

    device: str = Field(description="the device's id")
    source: Source = Field(default=Source.SNMP, description="who polled")
    outcome: Literal["ok", "timeout", "auth", "error"] = Field(description="how it went; says nothing of any line")
    uptime_s: float | None = Field(
        default=None, ge=0, description="seconds; less than at the poll before, by more than time explains: a restart"
    )


Said = Annotated[str, Field(max_length=500)]


class IntakeBody(Body):
    """What a carrier asks before it accepts a repair; what is left out nobody has said."""

    on_site_contact: Said = Field(default="", description="who is met on site")
    on_site_phone: Said = Field(default="", description="that person's phone number")
    on_site_email: Said = Field(default="", description="that person's mail address")
    on_site_hours: Said = Field(default="", description="when that person is there, the site's clock")
    access_hours: Said = Field(default="", description="when a technician gets in; default the site's")
    access_instructions: Said = Field(default="", description="how a technician gets in")
    dispatch_consent: bool | None = Field(default=None, description="a technician may be sent")
    charges_consent: bool | None = Field(default=None, description="the client pays where the fault is its own")
    charges_up_to: Said = Field(default="", description="up to what amount, as said")
    consent_by: Said = Field(default="", description="who gave the consents")
    intrusive_test_consent: bool | None = Field(default=None, description="tests may interrupt the service")
    intrusive_test_hours: Said = Field(default="", description="from when to when they may")
    power_checked: bool | None = Field(default=None, description="whether the equipment has power was looked at")
    rebooted: bool | None = Field(default=None, description="the equipment was rebooted")
    client_reference: Said = Field(default="", description="the client's own number for it")


class ClaimBody(Body):
    """What a client reports."""

    client: str = Field(description="the client's id; a claim for another's site is refused")
    site: str = Field(description="the site's id")
    symptom: Symptom = Field(default=Symptom.SLOW, description="what it is like for the client")
    since: Time | None = Field(default=None, description="since when; without it, about now")
    words: str = Field(default="", description="the client's own words")
    by: str = Field(default="", description="who reported it")
    reach: str = Field(default="", description="the phone number or mail address of who reported it")
    intake: IntakeBody = Field(default=IntakeBody(), description="what a carrier asks of a repair")


class Maintenance(Body):
    """A window in which troubles of these sites or lines are expected; known from `at` on."""

    id: str | None = Field(default=None, description="it takes the place of an earlier window of the same id")
    sites: tuple[str, ...] = Field(default=(), description="site ids")
    links: tuple[str, ...] = Field(default=(), description="line ids")
    start: Time = Field(description="RFC 3339 or +HH:MM:SS")
    end: Time = Field(description="RFC 3339 or +HH:MM:SS")
    recurrence: Recurrence = Field(default="", description="RFC 5545 rule by which the work comes again")
    timezone: Zone = Field(default="UTC", description="the zone whose wall clock the recurrence follows")
    status: MaintenanceStatus = Field(
        default=MaintenanceStatus.CONFIRMED, description="tentative and cancelled work suppresses nothing"
    )

    @model_validator(mode="after")
    def _of_something(self) -> Self:
        if not self.sites and not self.links:
            raise ValueError("`sites` or `links` that it is about")
        return self


class Newest(Body):
    """The newest case or proposal of a site."""

    site: str = Field(description="the site's id")
    kind: Literal["case", "proposal"] = Field(description="what of it")


class Person(Body):
    """What a named person decided."""

    who: str = Field(description="the person's name")
    does: PersonAct = Field(description="the act")
    target: str | Newest = Field(description="C-1 or P-1, or the newest of a site; of open: the site")
    note: str = Field(default="", description="the person's words")
    value: str = Field(
        default="",
        description="of assign: to whom; of move: the queue; of merge: the carrier's case; of hold: what it waits for, "
        "statistics, client, access, carrier or maintenance",
    )
    until: Time | None = Field(default=None, description="of hold: until when")
    severity: Severity | None = Field(default=None, description="of open: how bad it is")
    link: str | None = Field(default=None, description="of open: the line that it is about")
    ticket: bool = Field(default=False, description="of open: a ticket is wanted whatever is measured")
    existing_ticket: str = Field(default="", description="of open: a ticket that the person has opened there already")


class Reply(Body):
    """An answer of a far end."""

    status: int = Field(ge=100, le=599, description="HTTP status; below 500 and not 429: refused for good")
    body: Any = Field(default=None, description="what it said")


Outcome = Literal["ok", "http_500", "timeout_before", "timeout_after"] | Reply


class TicketChange(Body):
    """What a human changed in the ticket system itself."""

    ticket: str | None = Field(default=None, description="T-1; default the newest ticket")
    by: str = Field(default="somebody", description="who did it")
    status: TicketStatus | None = Field(default=None, description="the status that it was given")
    note: str | None = Field(default=None, description="a note that was added")
    owner: str | None = Field(default=None, description="who has it now; empty: nobody")
    queue: str | None = Field(default=None, description="the queue that it was moved to")
    severity: Severity | None = Field(default=None, description="the severity that it was given")


class TicketFarEnd(Body):
    """What the ticket system does with the next calls, and works afterwards; or what a human changed in it."""

    next: tuple[Outcome, ...] = Field(
        default=(), description="outcome of the next calls; timeout_after: done, and nobody knows"
    )
    change: TicketChange | None = Field(default=None, description="made by a human, behind our back")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if bool(self.next) == (self.change is not None):
            raise ValueError("either `next` or `change`")
        return self


class ActuatorFarEnd(Body):
    """What devices do with the next calls, and work afterwards."""

    next: tuple[Outcome, ...] = Field(min_length=1, description="outcome of the next calls, as of the ticket system")

    @model_validator(mode="before")
    @classmethod
    def _nothing_to_change(cls, given: object) -> object:
        if isinstance(given, dict) and "change" in given:
            raise ValueError("`next` alone: the dry run keeps no state of devices that a human could change")
        return given


class CarrierBody(Body):
    """What a carrier told of its own ticket; what is left out stays as it was told before."""

    case: str | None = Field(default=None, description="C-1; or `site`")
    outage: bool = Field(
        default=False, description="it tells of an outage at the `site`: the open case joins, or a new one is opened"
    )
    site: str | None = Field(default=None, description="the site whose newest case it is about; of a parent its `site`")
    who: str = Field(default="somebody", description="who wrote it down")
    number: str = Field(description="the carrier's ticket number")
    carrier: str = Field(default="", description="default the line's carrier")
    link: str | None = Field(default=None, description="the line it is about; default the case's")
    opened: Time | None = Field(default=None, description="default `at`")
    etr: Time | None = Field(default=None, description="estimated time of repair")
    next_update: Time | None = Field(default=None, description="when the carrier owes the next word")
    repair_contact: str = Field(default="", description="the carrier's repair phone or portal; default the line's")
    account: str = Field(default="", description="the account with the carrier; default the line's")
    reason_for_outage: str = Field(default="", description="why it was out, as the carrier says")
    closed: Time | None = Field(default=None, description="when the carrier closed it")

    @model_validator(mode="after")
    def _of_one_case(self) -> Self:
        if (self.case is None) == (self.site is None):
            raise ValueError("either `case` or `site`")
        if self.outage and self.site is None:
            raise ValueError("`site` with `outage`")
        return self


class Restart(Body):
    """The process ends and begins anew: all memory is lost, what was committed stays."""


class Entry(Body):
    """One thing that happened."""

    at: Time = Field(description="when it arrived")
    samples: Samples | None = Field(default=None, description="measurements")
    answer: OrchestratorAnswer | None = Field(default=None, description="an orchestrator's answer, read by its adapter")
    facts: Facts | None = Field(default=None, description="states as a source told them")
    event: Event | None = Field(default=None, description="an event or a trap")
    poll: Poll | None = Field(default=None, description="a poll's outcome")
    claim: ClaimBody | None = Field(default=None, description="what a client reports")
    maintenance: Maintenance | None = Field(default=None, description="a maintenance window becomes known")
    person: Person | None = Field(default=None, description="a person decides")
    ticket_system: TicketFarEnd | None = Field(default=None, description="the ticket system's next replies")
    actuator: ActuatorFarEnd | None = Field(default=None, description="the devices' next replies")
    policy: Mapping[str, Any] | None = Field(default=None, description="keys of the policy that change from now on")
    restart: Restart | None = Field(default=None, description="all memory is lost")
    carrier: CarrierBody | None = Field(default=None, description="what a carrier told of its own ticket")

    @property
    def kind(self) -> str:
        return next(name for name in KINDS if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(getattr(self, name) is not None for name in KINDS) != 1:
            raise ValueError(f"exactly one of {', '.join(KINDS)}")
        return self


class ScenarioFile(Body):
    """What happened, in order, and what must come of it."""

    scenario: Literal[1] = Field(description="the version of the format")
    id: str = Field(min_length=1, description="its name")
    start: AwareDatetime = Field(description="RFC 3339; offsets count from here")
    until: Time = Field(description="the last moment that is played")
    inventory: Mapping[str, Any] = Field(description="clients, sites, devices, links, maintenance, as in an inventory")
    policy: Mapping[str, Any] = Field(default={}, description="keys of the policy that differ from the one in force")
    history: tuple[Samples, ...] = Field(default=(), description="measurements that are known at the start")
    timeline: tuple[Entry, ...] = Field(default=(), description="in any order; of one `at` the first comes first")
    expect: tuple[Mapping[str, Any], ...] = Field(
        default=(), description="partial output lines that must come, in this order; others may come between them"
    )
    never: tuple[Mapping[str, Any], ...] = Field(default=(), description="partial output lines that must not come")

    def moment(self, text: str) -> datetime:
        """RFC 3339, or an offset from the start. Raises ValueError."""
        return moment_of(text, self.start)
