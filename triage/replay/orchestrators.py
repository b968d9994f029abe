"""Orchestrators whose answers a scenario writes: the real adapters, over HTTP, at a host that says what it is told."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web

from collector.model import Cadence, Fact, SampleBatch, Source
from collector.orchestrator.opening import opened_orchestrator
from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.quota import Quota
from collector.orchestrator.watch import OrchestratorWatch
from collector.orchestrator.windows import floor_to
from collector.settings import OrchestratorKind
from collector.store.port import MeasurementStore
from config.clock import ManualClock, rfc3339
from inventory.model import Inventory
from triage.replay.bodies import OrchestratorAnswer
from triage.replay.vendors import BASES, CALLS, COOKIES, LOGINS, login_of, reading_of, settings_of

ORDER = ("states", "statistics", "events", "own_parts")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call that an adapter made, and the status that it met."""

    call: str
    status: int


@dataclass(slots=True)
class Read:
    """What came of one reading: the calls, what they meant, and what was wrong with them."""

    attempts: list[Attempt] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)
    rows: int = 0
    wrong: str = ""


class _Unhurried(Quota):
    """A quota that counts what the host asks for and waits for nothing: a scenario's clock stands still meanwhile."""

    async def take(self, *, urgent: bool = False) -> float:
        await super().take(urgent=urgent)
        return 0.0


class _Sink:
    """Hands over to the store, and remembers what. The host's port is another each time: its name stands for it."""

    def __init__(self, store: MeasurementStore, name: str) -> None:
        self._store = store
        self._name = name
        self.address = name
        self.read = Read()

    def named(self, text: str) -> str:
        return text.replace(self.address, self._name)

    async def samples(self, batch: SampleBatch) -> None:
        await self._store.write(batch)
        self.read.rows += len(batch)

    async def facts(self, facts: Sequence[Fact]) -> None:
        named = [replace(fact, detail=self.named(fact.detail)) for fact in facts]
        await self._store.write_facts(named)
        self.read.facts += named


class ScriptedHost:
    """One orchestrator: a host on loopback, the adapter that reads it, and the watch that hands over what it says."""

    def __init__(
        self, name: str, kind: OrchestratorKind, inventory: Inventory, clock: ManualClock, store: MeasurementStore
    ) -> None:
        self._name, self._kind = name, kind
        self._inventory, self._clock, self._store = inventory, clock, store
        self._sink = _Sink(store, name)
        self._answers: dict[str, deque[OrchestratorAnswer]] = {}
        self._logins: dict[str, deque[OrchestratorAnswer]] = {}
        self._runner: web.AppRunner | None = None

    async def open(self) -> None:
        application = web.Application(client_max_size=64 << 20)
        application.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self._sink.address = f"127.0.0.1:{port}"
        self._settings = settings_of(self._kind, f"http://127.0.0.1:{port}")
        quota = _Unhurried(3_600_000, burst=1000, penalty=0.0, clock=self._clock)
        self._orchestrator = opened_orchestrator(self._name, self._settings, self._inventory, self._clock, quota)
        self._watch = OrchestratorWatch(
            self._orchestrator, self._settings, self._inventory, self._clock, self._sink, self._store, quota
        )

    @property
    def cadence(self) -> Cadence:
        return Cadence(every=self._settings.tick, late=self._settings.late)

    async def read(self, answers: Sequence[OrchestratorAnswer], window: datetime | None) -> Read:
        """Have the adapter make the readings that these answers are part of."""
        self._sink.read = Read()
        self._answers = {}
        for answer in answers:
            kept = self._logins if answer.call in LOGINS else self._answers
            kept.setdefault(answer.call, deque()).append(answer)
        readings = {reading_of(answer.call) for answer in answers if answer.call not in LOGINS}
        for reading in ORDER:
            if reading in readings:
                await self._make(reading, window)
        return self._sink.read

    async def _make(self, reading: str, window: datetime | None) -> None:
        if reading == "statistics":
            await self._statistics(window)
            return
        steps = {
            "states": self._watch.read_states, "events": self._watch.read_events,
            "own_parts": self._watch.read_own_parts,
        }  # fmt: skip
        await steps[reading]()
        self._sink.read.wrong = self._sink.named(self._watch.health().detail)

    async def _statistics(self, window: datetime | None) -> None:
        tick = timedelta(seconds=self._settings.tick)
        due = floor_to(self._clock.now() - timedelta(seconds=self._settings.late), tick) - tick
        start = floor_to(window, tick) if window is not None else due
        try:
            batch = await self._orchestrator.statistics(start, start + tick)
        except OrchestratorError as error:
            self._sink.read.wrong = self._sink.named(str(error))
            return
        if len(batch):
            await self._sink.samples(batch)

    async def _answer(self, request: web.Request) -> web.Response:
        login = login_of(self._kind, request.path)
        if login is not None:
            return self._log_in(login)
        call = self._call(request.path)
        if call is None:
            return web.Response(status=404 if "token" not in request.path else 200, text="")
        waiting = self._answers.get(call)
        if not waiting:
            self._sink.read.attempts.append(Attempt(call, 404))
            return web.Response(status=404, text="not in the scenario")
        return self._said(call, waiting)

    def _log_in(self, login: str) -> web.Response:
        """As the scenario says; otherwise, and where it only says 200, everybody is let in."""
        session = {"Set-Cookie": f"{COOKIES[login]}; Path=/"}
        waiting = self._logins.get(login)
        if not waiting:
            return web.Response(headers=session)
        lets_in = waiting[0].status == 200 and not waiting[0].headers
        response = self._said(login, waiting)
        if lets_in:
            response.headers.update(session)
        return response

    def _said(self, call: str, waiting: deque[OrchestratorAnswer]) -> web.Response:
        answer = waiting.popleft() if len(waiting) > 1 else waiting[0]
        self._sink.read.attempts.append(Attempt(call, answer.status))
        body = answer.body if isinstance(answer.body, str) else json.dumps(answer.body)
        headers = {"Content-Type": "application/json", **answer.headers}
        return web.Response(status=answer.status, headers=headers, body=body.encode())

    def _call(self, path: str) -> str | None:
        base = BASES[self._kind]
        if not path.startswith(base):
            return None
        rest = path.removeprefix(base)
        return next((call for call, kind in CALLS.items() if kind is self._kind and _is(call, rest)), None)

    async def close(self) -> None:
        await self._orchestrator.close()
        if self._runner is not None:
            await self._runner.cleanup()


def _is(call: str, path: str) -> bool:
    """Whether a path is this call, whose ids stand in braces."""
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(call))
    return re.fullmatch(pattern, path) is not None


class Orchestrators:
    """The hosts of a scenario, each opened when it first answers."""

    def __init__(self, inventory: Inventory, clock: ManualClock, store: MeasurementStore) -> None:
        self._inventory, self._clock, self._store = inventory, clock, store
        self._hosts: dict[str, ScriptedHost] = {}

    async def read(self, answers: Sequence[OrchestratorAnswer], window: datetime | None) -> tuple[Read, Cadence]:
        """One reading of the host that gave these answers."""
        name = answers[0].orchestrator
        if name in self._hosts and any(answer.call in LOGINS for answer in answers):
            await self._hosts.pop(name).close()
        if name not in self._hosts:
            host = ScriptedHost(name, CALLS[answers[0].call], self._inventory, self._clock, self._store)
            await host.open()
            self._hosts[name] = host
        return await self._hosts[name].read(answers, window), self._hosts[name].cadence

    async def close(self) -> None:
        """Forget all sessions, and what was told before."""
        while self._hosts:
            await self._hosts.popitem()[1].close()


def fact_document(fact: Fact) -> dict[str, Any]:
    """A fact as an output line shows it."""
    return {
        "time": rfc3339(fact.time),
        "subject": fact.subject,
        "kind": fact.kind.value,
        "value": fact.value,
        "source": Source(fact.source).value,
        "detail": fact.detail,
    }
