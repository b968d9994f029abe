"""A simulated dashboard over real HTTP: two organizations, the first with pairs and second lines."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from config.clock import ManualClock
from service.simulator.meraki.asked import World
from service.simulator.meraki.fleet import Network, draw_organizations
from service.simulator.meraki.happenings import Happenings
from service.simulator.meraki.server import DashboardServer

NOON = datetime(2026, 3, 11, 12, 0, tzinfo=UTC)
KEY = "a-key-of-the-simulator"


@dataclass(frozen=True, slots=True)
class Running:
    server: DashboardServer
    url: str

    @property
    def happenings(self) -> Happenings:
        return self.server.world.happenings

    def networks(self, place: int = 0) -> tuple[Network, ...]:
        return self.server.world.organizations[place].networks


@pytest.fixture
async def dashboard() -> AsyncIterator[Callable[..., object]]:
    """Starts a dashboard with so many networks in each organization."""
    async with AsyncExitStack() as stack:

        async def start(*networks: int, seed: int = 1) -> Running:
            world = World(draw_organizations(seed, networks), Happenings(seed), set())
            server = DashboardServer(world, ManualClock(NOON), {KEY})
            listening = socket.socket()
            listening.bind(("127.0.0.1", 0))
            runner = await server.start(listening)
            stack.push_async_callback(runner.cleanup)
            return Running(server, f"http://127.0.0.1:{listening.getsockname()[1]}")

        yield start
