"""Scenario files: what happened, in order, as a person writes it down; checked whole before anything is played."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from collector.model import FIELDS, Source
from config.errors import ConfigurationError, Fault
from config.expected import Place
from config.yamlfile import faults_of, field_name, line_of, read_yaml
from inventory.importing import inventory_of
from inventory.model import Inventory
from triage.cases import PersonAct
from triage.model import Symptom
from triage.policy import Policy, merged
from triage.replay.expect import ExpectationError, Expected, expectation_faults
from triage.replay.moments import moment_of

KINDS = (
    "samples", "facts", "event", "poll", "claim", "maintenance", "person", "ticket_system", "actuator", "policy",
    "restart",
)  # fmt: skip
Value = float | Literal["gap"] | None


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Samples(_Body):
    """One value a slot from `from` on: null is "not measured", "gap" an absent row. `repeat` plays the lists again."""

    link: str
    source: Source
    every: int = Field(ge=1, description="seconds")
    from_: str = Field(alias="from", description="RFC 3339 or +HH:MM:SS after the scenario's start")
    fields: Mapping[str, tuple[Value, ...]]
    repeat: int = Field(default=1, ge=1)

    @field_validator("fields")
    @classmethod
    def _known_and_equally_long(cls, fields: Mapping[str, tuple[Value, ...]]) -> Mapping[str, tuple[Value, ...]]:
        unknown = sorted(fields.keys() - FIELDS.keys())
        if unknown:
            raise ValueError(f"measurement fields, not {', '.join(unknown)}")
        if len({len(values) for values in fields.values()}) != 1:
            raise ValueError("lists of one length for all fields")
        return fields


class State(_Body):
    state: str | None = None
    mode: str | None = None
    ha: str | None = None
    last_seen: AwareDatetime | None = None


class Facts(_Body):
    """States as a source told them. `complete`: a device or link that is absent here was absent there."""

    source: Source
    complete: bool = False
    devices: Mapping[str, State] = {}
    links: Mapping[str, State] = {}


class Event(_Body):
    id: str
    source: Source
    device: str
    link: str | None = None
    kind: str
    time: AwareDatetime | None = None


class Poll(_Body):
    device: str
    source: Source = Source.SNMP
    outcome: Literal["ok", "timeout", "auth", "error"]
    uptime_s: float | None = None


class ClaimBody(_Body):
    client: str
    site: str
    symptom: Symptom = Symptom.SLOW
    since: str | None = None
    words: str = ""
    by: str = ""


class Maintenance(_Body):
    sites: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    start: AwareDatetime
    end: AwareDatetime


class Newest(_Body):
    """The newest case or proposal of a site."""

    site: str
    kind: Literal["case", "proposal"]


class Person(_Body):
    who: str
    does: PersonAct
    target: str | Newest


class Answer(_Body):
    status: int
    body: str = ""


class FarEnd(_Body):
    """What a far end does with the next calls; afterwards it works."""

    next: tuple[Literal["ok", "http_500", "timeout_before", "timeout_after"] | Answer, ...]


class Restart(_Body):
    pass


class Entry(_Body):
    at: str
    samples: Samples | None = None
    facts: Facts | None = None
    event: Event | None = None
    poll: Poll | None = None
    claim: ClaimBody | None = None
    maintenance: Maintenance | None = None
    person: Person | None = None
    ticket_system: FarEnd | None = None
    actuator: FarEnd | None = None
    policy: Mapping[str, Any] | None = None
    restart: Restart | None = None

    @property
    def kind(self) -> str:
        return next(name for name in KINDS if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(getattr(self, name) is not None for name in KINDS) != 1:
            raise ValueError(f"exactly one of {', '.join(KINDS)}")
        return self


class ScenarioFile(_Body):
    scenario: Literal[1]
    id: str
    start: AwareDatetime
    until: str
    inventory: Mapping[str, Any]
    policy: Mapping[str, Any] = {}
    history: tuple[Samples, ...] = ()
    timeline: tuple[Entry, ...] = ()
    expect: tuple[Mapping[str, Any], ...] = Field(
        default=(), description="partial output lines that must come, in this order, others may come between them"
    )
    never: tuple[Mapping[str, Any], ...] = Field(default=(), description="partial output lines that must not come")

    def moment(self, text: str) -> datetime:
        """RFC 3339, or an offset from the start. Raises ValueError."""
        return moment_of(text, self.start)


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A scenario file as read: `policy` is the one in force at its start."""

    scenario: ScenarioFile
    inventory: Inventory
    policy: Policy
    expected: Expected


def read_scenario(path: Path, policy: Policy) -> Reading:
    """The scenario with its inventory, policy and expectations. Raises ConfigurationError with every fault."""
    document, lines = read_yaml(path)
    try:
        scenario = ScenarioFile.model_validate(document)
    except ValidationError as error:
        faults = faults_of(error, str(path), lines)
        raise ConfigurationError(f"{path} is not a scenario file", faults) from None
    faults = [_bad_time(path, lines, place, text) for place, text in _times(scenario) if not _is_time(scenario, text)]
    faults += expectation_faults(str(path), "expect", scenario.expect, lines)
    faults += expectation_faults(str(path), "never", scenario.never, lines)
    if faults:
        raise ConfigurationError(f"{path} has {len(faults)} fault{'s' * (len(faults) != 1)}", faults)
    inside = {place[1:]: line for place, line in lines.items() if place[:1] == ("inventory",)}
    inventory = inventory_of(scenario.inventory, str(path), inside)
    used = merged(policy, scenario.policy, str(path)) if scenario.policy else policy
    expected = Expected(str(path), scenario.moment("+00:00:00"), scenario.expect, scenario.never, lines)
    return Reading(scenario, inventory, used, expected)


async def replay_file(path: Path, policy: Policy) -> AsyncIterator[Mapping[str, Any]]:
    """What happened, line by line; the last line is the summary.

    Raises ConfigurationError before the first line, and ExpectationError after the last one where the file expects
    something else.
    """
    from triage.replay.play import play

    reading = read_scenario(path, policy)
    came: list[Mapping[str, Any]] = []
    async for line in play(reading.scenario, reading.inventory, reading.policy):
        came.append(line)
        yield line
    said = reading.expected.check(came)
    if said:
        raise ExpectationError("\n".join(said))


def number(value: Value) -> float:
    """A sample's value as a float: null and gaps are NaN."""
    return math.nan if value is None or value == "gap" else float(value)


def _times(scenario: ScenarioFile) -> list[tuple[Place, str]]:
    times: list[tuple[Place, str]] = [(("until",), scenario.until)]
    times += [(("history", index, "from"), samples.from_) for index, samples in enumerate(scenario.history)]
    for index, entry in enumerate(scenario.timeline):
        times.append((("timeline", index, "at"), entry.at))
        if entry.samples is not None:
            times.append((("timeline", index, "samples", "from"), entry.samples.from_))
        if entry.claim is not None and entry.claim.since is not None:
            times.append((("timeline", index, "claim", "since"), entry.claim.since))
    return times


def _is_time(scenario: ScenarioFile, text: str) -> bool:
    try:
        scenario.moment(text)
    except ValueError:
        return False
    return True


def _bad_time(path: Path, lines: Mapping[Place, int], place: Place, text: str) -> Fault:
    return Fault(str(path), line_of(lines, place), field_name(place), text, "RFC 3339 or +HH:MM:SS after the start")
