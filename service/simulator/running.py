"""The simulator's processes: devices, reflectors and orchestrator, each by itself, and the control server over them.

All sockets are bound before the first process is forked, so that the inventory can name every port.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping
from ctypes import c_longlong
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.sharedctypes import RawArray
from pathlib import Path
from random import Random
from typing import Any

import uvloop

from config.clock import Clock
from service.simulator.behaviour import Surroundings
from service.simulator.control import Control
from service.simulator.faults import Plan
from service.simulator.fleet import LOOPBACK, Fleet
from service.simulator.inventory_file import inventory_yaml
from service.simulator.reflectors import Reflector, start_reflector
from service.simulator.snmp_agents import Agent, start_agent
from service.simulator.snmp_device import SimulatedDevice
from service.simulator.truth import Endpoints, Exchanged
from service.simulator.vco.accounts import Account, Door
from service.simulator.vco.server import HICCUP, VcoServer
from service.simulator.vco.troubles import Troubles
from service.simulator.vco.world import World

Role = Callable[[], Awaitable[None]]
RECEIVE_BUFFER = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    community: str
    token: str


@dataclass(frozen=True, slots=True)
class Sockets:
    """Bound and non-blocking: agents by device, reflectors by link."""

    agents: Mapping[str, socket.socket]
    reflectors: Mapping[str, socket.socket]
    orchestrator: socket.socket
    control: socket.socket


def bind(fleet: Fleet) -> Sockets:
    """One free port each for every agent, every reflector of a router's line, the orchestrator and the control."""
    return Sockets(
        agents={each.device.id: _bound(socket.SOCK_DGRAM) for each in fleet.premises},
        reflectors={
            link.id: _bound(socket.SOCK_DGRAM) for each in fleet.premises if not each.has_edge for link in each.wan
        },
        orchestrator=_bound(socket.SOCK_STREAM),
        control=_bound(socket.SOCK_STREAM),
    )


def _bound(kind: socket.SocketKind) -> socket.socket:
    made = socket.socket(socket.AF_INET, kind)
    if kind is socket.SOCK_DGRAM:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
    made.bind((LOOPBACK, 0))
    made.setblocking(False)
    return made


def port_of(bound: socket.socket) -> int:
    return int(bound.getsockname()[1])


class Counters:
    """The fields of `Exchanged`, in memory that the forked processes share; each is written by one process only."""

    def __init__(self) -> None:
        self._names = list(Exchanged.model_fields)
        self._cells: Any = RawArray(c_longlong, len(self._names))

    def add(self, name: str) -> None:
        self._cells[self._names.index(name)] += 1

    def exchanged(self) -> Exchanged:
        return Exchanged(**dict(zip(self._names, self._cells, strict=True)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A fleet with its ports, its plan, and the clock that all of its processes share."""

    seed: int
    fleet: Fleet
    plan: Plan
    clock: Clock
    sockets: Sockets
    credentials: Credentials
    counters: Counters

    def around(self, site: str) -> Surroundings:
        premises = next(each for each in self.fleet.premises if each.site.id == site)
        return Surroundings(premises.demand, premises.lines, self.plan.hits_at(site))

    async def devices(self) -> None:
        """Start every agent."""
        for each in self.fleet.premises:
            device = SimulatedDevice(each, self.around(each.site.id), self.clock.now().timestamp())
            await start_agent(
                Agent(device, self.credentials.community),
                self.sockets.agents[each.device.id],
                self.clock,
                Random(f"{self.seed}/{each.device.id}"),
                self._count_snmp if each.watched else self._count_unsubscribed,
            )

    def _count_snmp(self, answered: bool) -> None:
        self.counters.add("snmp_requests")
        if answered:
            self.counters.add("snmp_responses")

    def _count_unsubscribed(self, _answered: bool) -> None:
        self.counters.add("requests_to_unsubscribed")

    async def reflectors(self) -> None:
        """Start every reflector."""
        for link, listening in self.sockets.reflectors.items():
            site = link.rpartition("-")[0]
            chance = Random(f"{self.seed}/{link}")
            reflector = Reflector(link, self.around(site), self.clock, chance, self._count_probe)
            await start_reflector(reflector, listening)

    def _count_probe(self, echoed: bool) -> None:
        self.counters.add("probes_received")
        if echoed:
            self.counters.add("probes_echoed")

    async def orchestrator(self) -> None:
        troubles = Troubles(Random(f"{self.seed}/orchestrator"))
        troubles.begin(HICCUP, self.clock.now().timestamp())
        server = VcoServer(
            World.of(self.fleet, self.plan),
            self.clock,
            Door([Account(name="demo", token=self.credentials.token)]),
            troubles,
            on_request=lambda: self.counters.add("orchestrator_requests"),
        )
        await server.start(self.sockets.orchestrator)

    async def control(self) -> None:
        await Control(self.plan, self.clock, self.counters.exchanged).start(self.sockets.control)


def write_fleet(simulation: Simulation, folder: Path) -> None:
    """The inventory file, and then `endpoints.json`, whose presence says that everything is bound."""
    inventory = folder / "inventory.yaml"
    inventory.write_text(inventory_yaml(simulation.fleet.inventory()), encoding="utf-8")
    endpoints = Endpoints(
        inventory=str(inventory),
        orchestrator=f"http://{LOOPBACK}:{port_of(simulation.sockets.orchestrator)}",
        control=f"http://{LOOPBACK}:{port_of(simulation.sockets.control)}",
        over=datetime.fromtimestamp(simulation.plan.over, UTC),
    )
    fresh = folder / "endpoints.json.new"
    fresh.write_text(endpoints.model_dump_json(), encoding="utf-8")
    fresh.rename(folder / "endpoints.json")


def run(simulation: Simulation) -> None:
    """Fork a process for each role and serve until standard input closes or a signal ends this one."""
    lifeline, held = os.pipe()
    fork = multiprocessing.get_context("fork")
    roles = (simulation.devices, simulation.reflectors, simulation.orchestrator)
    children = [fork.Process(target=_child, args=(role, lifeline, held), daemon=True) for role in roles]
    for child in children:
        child.start()
    # Standard input is the lifeline of this process: it closes when whoever started it is gone.
    _serve(simulation.control, 0)
    os.close(held)
    for child in children:
        child.join(5)


def _child(role: Role, lifeline: int, held: int) -> None:
    os.close(held)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _serve(role, lifeline)


def _serve(role: Role, lifeline: int) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        over = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, over.set)
        await role()
        reader = loop.create_task(_closed(lifeline))
        reader.add_done_callback(lambda _: over.set())
        await over.wait()
        reader.cancel()

    uvloop.run(main())


async def _closed(lifeline: int) -> None:
    """Returns when the other end of a pipe is closed."""
    loop = asyncio.get_running_loop()
    stream = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(lifeline, "rb"))
    while await stream.read(1024):
        pass
