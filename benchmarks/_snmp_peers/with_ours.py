"""Lineproof's poller on uvloop, its fast lane: an `Ask` for each device, made once and started again and again."""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence

import client
import fleet
import uvloop

from collector.snmp.agent import Agent, AuthProtocol, Community, Credential, PrivProtocol, User
from collector.snmp.ask import Answer, Ask, Outcome, Result
from collector.snmp.ber import Value
from collector.snmp.poller import SnmpPoller
from collector.snmp.template import Template
from collector.snmp.walk import walk

COMMUNITY = Community(fleet.COMMUNITY.encode())
USER = User(
    name=fleet.USER,
    auth=AuthProtocol.SHA1,
    auth_password=fleet.AUTH_PASSWORD,
    priv=PrivProtocol.AES128,
    priv_password=fleet.PRIV_PASSWORD,
)
UNPACED = 10**6
AT_ONCE = 40
"""Objects in one GET, about 1,000 octets of answer."""
Columns = Mapping[str, Mapping[str, Value]]


class Fleet:
    """The devices' asks, and where their answers go."""

    def __init__(
        self, is_wrong: Callable[[int, object], bool], how: Namespace, oids: Sequence[str], credential: Credential
    ) -> None:
        self.meter = client.Meter(lambda ask, values: is_wrong(self.numbers[ask], values))
        self.poller = SnmpPoller(timeout=how.timeout, retries=how.attempts - 1, packets_per_second=UNPACED)
        template = Template(oids)
        self.asks = [
            Ask(Agent(fleet.address(number), how.port, credential), template, self.take)
            for number in range(how.devices)
        ]
        self.numbers = {ask: number for number, ask in enumerate(self.asks)}
        self.left = 0
        self.waiting: deque[Ask] = deque()
        self.done = asyncio.Event()

    async def place(self) -> None:
        for ask in self.asks:
            await self.poller.place(ask)

    async def poll(self, polls: int, asks: Iterable[Ask], in_flight: int) -> None:
        """So many polls, the asks in turn, `in_flight` at a time."""
        self.left, self.waiting = polls, deque(asks)
        self.done.clear()
        for _ in range(min(in_flight, len(self.waiting))):
            self.poller.start(self.waiting.popleft())
        await self.done.wait()

    def take(self, ask: Ask, result: Result) -> None:
        if isinstance(result, Answer):
            if result.outcome is Outcome.OK:
                self.meter.took(ask, [varbind.value for varbind in result.varbinds])
            else:
                self.meter.failed += 1
        else:
            self.meter.took(ask, result)
        self.waiting.append(ask)
        self.left -= 1
        if self.left > 0:
            self.poller.start(self.waiting.popleft())
        elif not self.poller.in_flight():
            self.done.set()


async def main() -> None:
    how = client.arguments(timeout=2.0, attempts=3, dead_every=0, without_dead=0, reference="")
    kinds = {"get": get, "get-v3": get_v3, "await": awaited, "walk": table, "rows": known_rows, "dead": dead}
    await (kinds | {"silent": silent})[how.what](how)


async def get(how: Namespace) -> None:
    await measured(fleet.is_wrong, how, fleet.WAN_OIDS, COMMUNITY)


async def get_v3(how: Namespace) -> None:
    await measured(client.snmpd_check(how.reference), how, fleet.SNMPD_OIDS, USER)


async def measured(
    is_wrong: Callable[[int, object], bool], how: Namespace, oids: Sequence[str], credential: Credential
) -> None:
    ours = Fleet(is_wrong, how, oids, credential)
    meter = ours.meter
    await ours.place()
    for polls in (max(how.polls // 10, how.devices), how.polls):
        meter.begin()
        await ours.poll(polls, ours.asks, how.in_flight)
    meter.report()
    ours.poller.close()


async def awaited(how: Namespace) -> None:
    """The way of what is rare: `await poller.get`."""
    meter, poller = client.Meter(fleet.is_wrong), SnmpPoller(timeout=2.0, retries=2, packets_per_second=UNPACED)

    async def one(number: int) -> list[Value] | None:
        answer = await poller.get(Agent(fleet.address(number), how.port, COMMUNITY), fleet.WAN_OIDS)
        return [varbind.value for varbind in answer.varbinds] if answer.outcome is Outcome.OK else None

    await client.polled(meter, how, one)
    meter.report()
    poller.close()


async def table(how: Namespace) -> None:
    poller = SnmpPoller(timeout=2.0, retries=2, packets_per_second=UNPACED)

    async def one(number: int) -> Columns | None:
        read = await walk(poller, Agent(fleet.address(number), how.port, COMMUNITY), fleet.TABLE_COLUMNS)
        return read.columns if read.outcome is Outcome.OK else None

    def is_wrong(number: int, columns: Columns) -> bool:
        cells = {f"{column}.{row}": value for column, rows in columns.items() for row, value in rows.items()}
        return fleet.is_wrong_table(number, cells)

    meter = client.Meter(is_wrong)
    await client.polled(meter, how, one)
    meter.report(datagrams=poller.counts.sent / (meter.polls * 1.1))
    poller.close()


class Rows:
    """A device whose rows are known: as many GETs as its table needs, all in flight together."""

    def __init__(
        self, number: int, how: Namespace, templates: Sequence[Template], done: Callable[[Rows], None]
    ) -> None:
        agent = Agent(fleet.address(number), how.port, COMMUNITY)
        self.number = number
        self.asks = [Ask(agent, template, self.take) for template in templates]
        self.left = 0
        self.values: list[object] = []
        self.got: dict[Ask, list[object]] = {}
        self._done = done

    def take(self, ask: Ask, result: Result) -> None:
        self.got[ask] = [] if isinstance(result, Answer) else list(result)
        if len(self.got) == len(self.asks):
            self.values = [value for each in self.asks for value in self.got[each]]
            self.got.clear()
            self._done(self)


async def known_rows(how: Namespace) -> None:
    """The table again and again, once its rows are known."""
    oids = [f"{column}.{row}" for row in range(1, fleet.INTERFACES + 1) for column in fleet.TABLE_COLUMNS]
    templates = [Template(oids[start : start + AT_ONCE]) for start in range(0, len(oids), AT_ONCE)]
    poller = SnmpPoller(timeout=2.0, retries=2, packets_per_second=UNPACED)
    meter = client.Meter(lambda number, values: fleet.is_wrong_table(number, dict(zip(oids, values, strict=False))))
    left, over = 0, asyncio.Event()

    def done(device: Rows) -> None:
        nonlocal left
        meter.took(device.number, device.values)
        left -= 1
        if left > 0:
            begin(devices[(device.number + how.in_flight) % how.devices])
        elif not poller.in_flight():
            over.set()

    def begin(device: Rows) -> None:
        for ask in device.asks:
            poller.start(ask)

    devices = [Rows(number, how, templates, done) for number in range(how.devices)]
    for device in devices:
        for ask in device.asks:
            await poller.place(ask)
    for left in (how.devices, how.polls):  # noqa: B007 - `done` counts it down
        over.clear()
        meter.begin()
        for device in devices[: how.in_flight]:
            begin(device)
        await over.wait()
    meter.report(datagrams=len(templates))
    poller.close()


async def dead(how: Namespace) -> None:
    """Each device is asked again as soon as it answered or was given up."""
    ours = Fleet(fleet.is_wrong, how, fleet.WAN_OIDS, COMMUNITY)
    meter = ours.meter
    await ours.place()
    asked = [n for n in range(how.devices) if not (how.without_dead and fleet.is_dead(n, how.dead_every))]
    ended = time.perf_counter() + how.seconds

    def again(ask: Ask, result: Result) -> None:
        if isinstance(result, Answer):
            meter.failed += 1
        else:
            meter.took(ask, result)
        if time.perf_counter() < ended:
            ours.poller.start(ask)

    meter.begin()
    for number in asked:
        ours.asks[number].deliver = again
        ours.poller.start(ours.asks[number])
    await asyncio.sleep(how.seconds)
    meter.report()
    ours.poller.close()


async def silent(how: Namespace) -> None:
    """Every device in flight at once, none answers."""
    before = client.resident_kib()
    ours = Fleet(fleet.is_wrong, how, fleet.WAN_OIDS, COMMUNITY)
    meter = ours.meter
    await ours.place()
    placed, begun = client.resident_kib(), time.perf_counter()
    meter.begin()
    asked = asyncio.ensure_future(ours.poll(0, ours.asks, how.devices))
    await asyncio.sleep(how.timeout / 2)
    during, open_, in_flight = client.resident_kib(), client.descriptors(), ours.poller.in_flight()
    await asked
    if in_flight != how.devices or meter.failed != how.devices:
        raise SystemExit(f"{in_flight} of {how.devices} were in flight, {meter.failed} given up")
    figures = {"kib_a_device": (during - before) / how.devices, "kib_idle": (placed - before) / how.devices}
    meter.report(**figures, descriptors=open_, waited=time.perf_counter() - begun)
    ours.poller.close()


with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
