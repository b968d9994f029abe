"""Scenario files: read and checked whole before anything is played."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from config.errors import ConfigurationError, Fault
from config.expected import Place, one_of
from config.yamlfile import faults_of, field_name, line_of, read_yaml
from inventory.importing import inventory_of
from inventory.model import Inventory
from triage.policy import Policy, merged
from triage.replay.bodies import Entry, ScenarioFile
from triage.replay.expect import ExpectationError, Expected, expectation_faults
from triage.replay.moments import moment_of
from triage.replay.vendors import CALLS

__all__ = ["Reading", "ScenarioFile", "read_scenario", "replay_file"]


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """A scenario file as read: `policy` is the one in force at its start."""

    scenario: ScenarioFile
    inventory: Inventory
    policy: Policy
    expected: Expected

    @property
    def start(self) -> datetime:
        return self.expected.start


def read_scenario(path: Path, policy: Policy) -> Reading:
    """The scenario with its inventory, policy and expectations. Raises ConfigurationError with every fault."""
    document, lines = read_yaml(path)
    name = str(path)
    try:
        scenario = ScenarioFile.model_validate(document)
    except ValidationError as error:
        faults = faults_of(error, name, lines, ScenarioFile)
        raise ConfigurationError(f"{path} is not a scenario file", faults) from None
    inside = {place[1:]: line for place, line in lines.items() if place[:1] == ("inventory",)}
    inventory = inventory_of(scenario.inventory, name, inside)
    found = [*_strangers(scenario, inventory), *_out_of_order(scenario)]
    faults = [Fault(name, line_of(lines, place), field_name(place), value, wanted) for place, value, wanted in found]
    faults += expectation_faults(name, "expect", scenario.expect, lines)
    faults += expectation_faults(name, "never", scenario.never, lines)
    used = _policies(scenario, policy, name, lines, faults)
    if faults:
        raise ConfigurationError(f"{path} has {len(faults)} fault{'s' * (len(faults) != 1)}", faults)
    start = moment_of("+00:00:00", scenario.start)
    return Reading(scenario, inventory, used, Expected(name, start, scenario.expect, scenario.never, lines))


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


def _policies(
    scenario: ScenarioFile, policy: Policy, name: str, lines: Mapping[Place, int], faults: list[Fault]
) -> Policy:
    """The policy at the start; every later change is tried too, so that none fails in the middle of the play."""
    used = later = policy
    changes: list[tuple[Place, Mapping[str, Any]]] = [(("policy",), scenario.policy)] if scenario.policy else []
    order = sorted(
        range(len(scenario.timeline)), key=lambda place: moment_of(scenario.timeline[place].at, scenario.start)
    )
    for place in order:
        change = scenario.timeline[place].policy
        if change is not None:
            changes.append((("timeline", place, "policy"), change))
    for where, change in changes:
        try:
            later = merged(later, change, name)
        except ConfigurationError as error:
            line = line_of(lines, where)
            faults += [
                Fault(name, line, f"{field_name(where)}.{one.field}", one.value, one.expected) for one in error.faults
            ]
            continue
        used = later if where == ("policy",) else used
    return used


def _strangers(scenario: ScenarioFile, inventory: Inventory) -> Iterator[tuple[Place, str, str]]:
    """Ids that the inventory does not have. A claim may name what it likes: refusing it is a rule of its own."""
    for index, samples in enumerate(scenario.history):
        yield from _unknown(("history", index, "link"), samples.link, inventory.links, "line")
    for index, entry in enumerate(scenario.timeline):
        for place, name, known, what in _named(entry, inventory):
            yield from _unknown(("timeline", index, entry.kind, *place), name, known, what)
        if entry.answer is not None:
            at: Place = ("timeline", index, "answer")
            hosts = {one.orchestrator.name for one in inventory.devices.values() if one.orchestrator}
            yield from _unknown((*at, "orchestrator"), entry.answer.orchestrator, hosts, "orchestrator of a device")
            yield from _unknown((*at, "call"), entry.answer.call, CALLS, "call of an adapter")


def _named(entry: Entry, inventory: Inventory) -> Iterator[tuple[Place, str, Mapping[str, object], str]]:
    links, devices, sites = inventory.links, inventory.devices, inventory.sites
    if entry.samples is not None:
        yield ("link",), entry.samples.link, links, "line"
    if entry.facts is not None:
        yield from ((("devices", name), name, devices, "device") for name in entry.facts.devices)
        yield from ((("links", name), name, links, "line") for name in entry.facts.links)
    if entry.event is not None:
        yield ("device",), entry.event.device, devices, "device"
        if entry.event.link is not None:
            yield ("link",), entry.event.link, links, "line"
    if entry.poll is not None:
        yield ("device",), entry.poll.device, devices, "device"
    if entry.maintenance is not None:
        yield from ((("sites", at), name, sites, "site") for at, name in enumerate(entry.maintenance.sites))
        yield from ((("links", at), name, links, "line") for at, name in enumerate(entry.maintenance.links))


def _unknown(place: Place, name: str, known: Any, what: str) -> Iterator[tuple[Place, str, str]]:  # noqa: ANN401
    if name not in known:
        yield place, name, f"a {what} of this scenario: {one_of(name, sorted(known))}" if known else f"no {what} at all"


def _out_of_order(scenario: ScenarioFile) -> Iterator[tuple[Place, str, str]]:
    """What lies before the start or after the end is never played, and a window that ends before it begins is none."""
    start, until = scenario.start, moment_of(scenario.until, scenario.start)
    for index, entry in enumerate(scenario.timeline):
        if not start <= moment_of(entry.at, start) <= until:
            yield ("timeline", index, "at"), entry.at, "a time from `start` to `until`"
        window = entry.maintenance
        if window is not None and moment_of(window.end, start) <= moment_of(window.start, start):
            yield ("timeline", index, "maintenance", "end"), window.end, "a time after its `start`"
