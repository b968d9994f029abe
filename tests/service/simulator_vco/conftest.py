"""A VCO over real HTTP, with a fleet in which one site can be hit, and callers of every kind."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp
import pytest
import yarl
from pydantic import TypeAdapter

from config.clock import ManualClock, from_epoch_ms
from service.simulator.faults import Fault, FaultKind, Hit, Plan
from service.simulator.fleet import Premises, draw_fleet
from service.simulator.vco.accounts import Account, Door, Role
from service.simulator.vco.server import VcoServer
from service.simulator.vco.troubles import Trouble, Troubles
from service.simulator.vco.world import World

NOON = 1_773_230_400.0  # 2026-03-11T12:00:00Z
FLEET = draw_fleet(1)
PLAIN = [each for each in FLEET.premises if each.has_edge and not any(line.cold for line in each.lines)]
OPERATOR = {"Authorization": "Token operator-token"}


@dataclass(frozen=True, slots=True)
class Place:
    """A site of the fleet that tests hit, another one that they leave alone, and the HA pair."""

    site: Premises
    other: Premises
    pair: Premises


@pytest.fixture
def place() -> Place:
    pair = next(each for each in PLAIN if len(each.device.serials) == 2)
    site, other = [each for each in PLAIN if each is not pair][:2]
    return Place(site, other, pair)


@pytest.fixture
def world(place: Place) -> Callable[..., World]:
    """A world in which these faults of one site begin at noon."""

    def made(*kinds: FaultKind, until: float = NOON + 7200, **values: float) -> World:
        site, link = place.site.site.id, place.site.links[0].id
        hits = tuple(Hit(kind=kind, site=site, link=link, start=NOON, end=until, **values) for kind in kinds)
        faults = tuple(Fault(id=hit.kind, kind=hit.kind, hits=(hit,)) for hit in hits)
        return World.of(FLEET, Plan(start=NOON - 3600, over=NOON + 9000, faults=faults, calls=()))

    return made


@dataclass(slots=True)
class Host:
    """A running server, and a client that follows no redirects."""

    server: VcoServer
    clock: ManualClock
    session: aiohttp.ClientSession

    async def call(
        self, method: str, parameters: object = None, headers: Mapping[str, str] = OPERATOR
    ) -> tuple[int, Any]:
        """Status and JSON of a REST-like call."""
        body = json.dumps({} if parameters is None else parameters)
        path = f"/portal/rest/{method}"
        async with self.session.post(path, data=body, headers=headers, allow_redirects=False) as answer:
            return answer.status, json.loads(await answer.read())

    async def get(self, path: str, headers: Mapping[str, str] = OPERATOR) -> tuple[int, Any]:
        """Status and JSON of a call of API v2."""
        url = yarl.URL(f"/api/sdwan/v2/{path}", encoded=True)
        async with self.session.get(url, headers=headers, allow_redirects=False) as answer:
            return answer.status, json.loads(await answer.read())

    def begin(self, **trouble: Any) -> int:
        known = TypeAdapter(Trouble).validate_python(trouble)
        return self.server.troubles.begin(known, self.server.now())


def accounts(of: World) -> list[Account]:
    """An operator, a partner with two enterprises, and a customer who is the first of them."""
    first, second = list(of.register.by_enterprise)[:2]
    return [
        Account(name="op", password="op-word", token="operator-token"),
        _lesser("msp", Role.PARTNER, "partner-token", first, second),
        _lesser("own", Role.CUSTOMER, "customer-token", first),
    ]


def _lesser(name: str, role: Role, token: str, *enterprises: int) -> Account:
    return Account(name=name, role=role, password=f"{name}-word", token=token, enterprises=enterprises)


@pytest.fixture
async def start(world: Callable[..., World]) -> AsyncIterator[Callable[..., Any]]:
    """Starts hosts; their clock stands at noon and half an hour."""
    async with AsyncExitStack() as stack:

        async def started(of: World | None = None, lifetime: float = 86_400.0, **options: Any) -> Host:
            clock = ManualClock(from_epoch_ms(round((NOON + 1800) * 1000)))
            door = Door(accounts(of or world()), lifetime)
            server = VcoServer(of or world(), clock, door, Troubles(Random(1)), **options)
            listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            listening.bind(("127.0.0.1", 0))
            runner = await server.start(listening)
            stack.push_async_callback(runner.cleanup)
            base = f"http://127.0.0.1:{listening.getsockname()[1]}"
            session = aiohttp.ClientSession(base, cookie_jar=aiohttp.CookieJar(unsafe=True))
            await stack.enter_async_context(session)
            return Host(server, clock, session)

        yield started


@pytest.fixture
async def host(start: Callable[..., Any]) -> Host:
    return await start()
