"""What sources say in a scenario other than by measuring, as facts: states, events, polls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import numpy as np

from collector.model import Fact, FactKind, Source
from collector.snmp.continuity import TICKS, AgentClocks, Continuity, continuity
from config.clock import rfc3339
from inventory.model import Inventory
from triage.replay.bodies import Event, Facts, Poll, State
from triage.replay.moments import moment_of


def state_facts(facts: Facts, inventory: Inventory, now: datetime, start: datetime) -> list[Fact]:
    """Told states, of the moment at which they were told; where the answer was complete, what it left out is
    `unknown`: absent is not healthy. A kind that it does not speak of at all is left alone."""
    told: list[Fact] = []
    for states, kind, known in (
        (facts.devices, FactKind.EDGE_STATE, _devices(facts, inventory)),
        (facts.links, FactKind.LINK_STATE, _links(facts, inventory)),
    ):
        left_out = sorted(known - states.keys()) if facts.complete and states else []
        told += [Fact(now, name, kind, "unknown", facts.source, now, "not mentioned") for name in left_out]
        for name, state in states.items():
            if state.state is not None:
                told.append(Fact(now, name, kind, state.state, facts.source, now, _detail(state, start)))
            if state.ha is not None:
                told.append(Fact(now, name, FactKind.HA_STATE, state.ha, facts.source, now))
    return told


def event_fact(event: Event, now: datetime, start: datetime) -> Fact:
    """An event of the moment at which it happened, known from `now` on."""
    happened = moment_of(event.time, start) if event.time is not None else now
    return Fact(happened, event.link or event.device, FactKind.EVENT, event.kind, event.source, now, event.id)


class Polls:
    """Remembers how long each device was up at its last poll, as a collector does until it ends."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, Source], tuple[datetime, float]] = {}

    def facts(self, poll: Poll, now: datetime) -> Iterator[Fact]:
        """The outcome, and a restart where the uptime shows one against the poll before."""
        yield Fact(now, poll.device, FactKind.POLL_OUTCOME, poll.outcome, poll.source, now)
        if poll.uptime_s is None:
            return
        before = self._last.get((poll.device, poll.source))
        self._last[poll.device, poll.source] = (now, poll.uptime_s)
        if before is not None and _started_again(before[1], poll.uptime_s, (now - before[0]).total_seconds()):
            booted = now - timedelta(seconds=poll.uptime_s)
            yield Fact(booted, poll.device, FactKind.REBOOT, f"{poll.uptime_s:.0f}", poll.source, now)


def _started_again(before: float, uptime: float, elapsed: float) -> bool:
    """By sysUpTime alone, which wraps after 497 days."""

    def clocks(seconds: float) -> AgentClocks:
        silent = np.array([-1], dtype=np.int64)
        return AgentClocks(np.array([int(seconds * TICKS) % 2**32], dtype=np.int64), silent, silent, silent)

    return int(continuity(clocks(before), clocks(uptime), np.array([elapsed]))[0]) == Continuity.REBOOTED


def _devices(facts: Facts, inventory: Inventory) -> frozenset[str]:
    """The devices that this source could have told of: an orchestrator's are those that it manages, if any is named."""
    managed = {device.id for device in inventory.devices.values() if device.orchestrator is not None}
    ours = managed if facts.source is Source.ORCHESTRATOR and managed else set(inventory.devices)
    return frozenset(ours)


def _links(facts: Facts, inventory: Inventory) -> frozenset[str]:
    devices = _devices(facts, inventory)
    every: Mapping[str, object] = inventory.links
    if not devices:
        return frozenset(every)
    return frozenset(link.id for link in inventory.links.values() if link.device in devices and link.is_wan)


def _detail(state: State, start: datetime) -> str:
    seen = [f"last seen {rfc3339(moment_of(state.last_seen, start))}"] if state.last_seen is not None else []
    return "; ".join([*([f"mode {state.mode}"] if state.mode is not None else []), *seen])
