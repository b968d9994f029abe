"""One watched device: what is remembered of it between polls, and how one of its turns goes."""

from __future__ import annotations

import asyncio
import math
from array import array
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from collector.settings import SnmpSettings
from collector.snmp.agent import Agent
from collector.snmp.ask import Answer, Outcome
from collector.snmp.ber import Value
from collector.snmp.continuity import AgentClocks, Continuity, continuity
from collector.snmp.discovery import Discovery, discover
from collector.snmp.exchange import Delivered, Exchange, counters
from collector.snmp.gauges import Gauge, gauge_value
from collector.snmp.harvest import Clocks, Harvest
from collector.snmp.interfaces import Column, Row
from collector.snmp.lane import MOST_VARBINDS, LaneRow, plan, steady_columns
from collector.snmp.poller import SnmpPoller
from collector.snmp.profiles import Kind, Profiles
from collector.snmp.reading import Reading, read
from config.clock import Clock
from inventory.model import Device, Link

log = structlog.get_logger()

LEARNING_AT_ONCE = 256
FIND_AGAIN_SECONDS = 600.0
"""How often an interface that the device does not show is looked for again."""
YOUNG_SHARE, YOUNG_SECONDS = 1.5, 20.0
"""More than `continuity` allows for clocks that run wrong."""
READ_IN_FULL_SECONDS = 6 * 3600.0
"""An agent may have gained a column without a restart."""


@dataclass(frozen=True, slots=True)
class Common:
    """What all devices of a watch share."""

    settings: SnmpSettings
    profiles: Profiles
    poller: SnmpPoller
    clock: Clock
    harvest: Harvest
    learning: asyncio.Semaphore


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a turn ended. `rebooted` is the uptime in seconds when the device had started again; `restarted` is true
    when only its agent had."""

    answer: Answer
    milliseconds: float = 0.0
    rebooted: float | None = None
    restarted: bool = False


class WatchedDevice:
    """`poll` begins a turn, `ended` is called at its end; what was read lies in the harvest by then."""

    __slots__ = (
        "_common",
        "_counts",
        "_ended",
        "_every",
        "_exchange",
        "_found_at",
        "_full_at",
        "_known",
        "_learnt",
        "_most_varbinds",
        "_place",
        "_slot_ms",
        "_started",
        "_task",
        "_uptime",
        "agent",
        "device",
        "discovery",
        "links",
        "rows",
    )  # fmt: skip

    def __init__(
        self,
        common: Common,
        device: Device,
        agent: Agent,
        links: Mapping[int, Link],
        ended: Callable[[WatchedDevice, Ended], None],
    ) -> None:
        """`links` are by their row in the harvest."""
        self._common = common
        self._ended = ended
        self.device = device
        self.agent = agent
        self.links = tuple(links.values())
        self._place = {link.id: row for row, link in links.items()}
        self.rows: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self.discovery: Discovery | None = None
        self._exchange: Exchange | None = None
        self._known: tuple[float, Clocks] | None = None
        self._learnt: tuple[float, Clocks] | None = None
        self._uptime = -1
        self._found_at = self._full_at = -math.inf
        self._most_varbinds = MOST_VARBINDS
        self._counts: dict[str, float] = {}
        self._slot_ms = self._every = 0
        self._started = 0.0
        self._task: asyncio.Task[None] | None = None

    @property
    def missing(self) -> Sequence[Link]:
        """Links whose interface the device does not show."""
        found = self.discovery.rows if self.discovery else {}
        return [link for link in self.links if link.id not in found]

    @property
    def uptime_seconds(self) -> float | None:
        return None if self._uptime < 0 else self._uptime / 100

    def found(self) -> Mapping[str, Row]:
        """Rows by link id."""
        return self.discovery.rows if self.discovery else {}

    def readings(self) -> Mapping[str, Mapping[Column, int]]:
        """What the last poll read, by link id."""
        rows = set(self.rows.tolist())
        return {link: self._common.harvest.values(row) for link, row in self._place.items() if row in rows}

    @property
    def datagrams(self) -> int:
        return len(self._exchange.parts) if self._exchange else 1

    def poll(self, slot_ms: int, every: int) -> None:
        """Begin a turn for the slot of `every` seconds that begins at `slot_ms`."""
        self._begin(slot_ms, every)
        now = self._common.clock.monotonic()
        if self._exchange is None or now - self._full_at > READ_IN_FULL_SECONDS:
            self._learn()
        elif self.missing and now - self._found_at > FIND_AGAIN_SECONDS:
            self._learn(find=True)
        else:
            self._exchange.start(self._common.poller)

    def probe(self, slot_ms: int, every: int, answered: Callable[[Answer | None], None]) -> None:
        """Ask for sysUpTime alone, once; `answered` gets None when something came."""
        self._begin(slot_ms, every)

        def done(result: Delivered | Answer | None) -> None:
            silent = isinstance(result, Answer) and result.outcome is Outcome.TIMEOUT
            answered(result if silent and isinstance(result, Answer) else None)

        exchange = Exchange(self.agent, plan((), ()), done, attempts=1)
        self._run(self._place_and_start(exchange, answered))

    async def _place_and_start(self, exchange: Exchange, answered: Callable[[Answer | None], None]) -> None:
        unplaced = await exchange.place(self._common.poller)
        if unplaced is not None:
            answered(unplaced)
        else:
            exchange.start(self._common.poller)

    def _begin(self, slot_ms: int, every: int) -> None:
        self._slot_ms, self._every = slot_ms, every
        self._started = asyncio.get_running_loop().time()

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        self._task = asyncio.create_task(work)
        self._task.add_done_callback(self._broke_off)

    def _broke_off(self, task: asyncio.Task[None]) -> None:
        """A defect in one device's turn ends that turn alone, and is told."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("turn_failed", device=self.device.id, exc_info=error)
            self._end(Answer(outcome=Outcome.ERROR, detail="a defect of ours; see the log"))

    def _end(self, answer: Answer, *, rebooted: float | None = None, restarted: bool = False) -> None:
        took = (asyncio.get_running_loop().time() - self._started) * 1000
        self._ended(self, Ended(answer=answer, milliseconds=took, rebooted=rebooted, restarted=restarted))

    def _arrived(self, result: Delivered | Answer | None) -> None:
        """The steady state: everything came as planned, or the device is read in full again."""
        if isinstance(result, Answer):
            self._end(result)
            return
        assert self._exchange is not None  # noqa: S101 - it is what delivered
        parts = self._exchange.parts
        numbers = [counters(part, values) for part, values in zip(parts, result, strict=True)] if result else []
        uptime = result[0][0] if result and parts[0].numbers.start else -1
        if result is None or not isinstance(uptime, int) or uptime < self._uptime or None in numbers:
            self._learn(find=True)
            return
        now = self._common.clock.monotonic()
        if self._is_young(uptime, now):
            self._learn()
            return
        harvest = self._common.harvest
        for part, values, each in zip(parts, result, numbers, strict=True):
            if each:
                harvest.put(part.cells, each)
            for (row, gauge), value in zip(part.gauges, values[part.gauge_values], strict=True):
                self._measured(row, gauge, value)
        self._keep(now, (uptime, -1, -1, -1))
        self._end(OK)

    def _is_young(self, uptime: int, now: float) -> bool:
        """Whether sysUpTime alone leaves open if the agent started again since the last poll; its other clocks tell."""
        then = self._known[0] if self._known else now
        return 0 <= uptime < 100 * ((now - then) * YOUNG_SHARE + YOUNG_SECONDS)

    def _keep(self, moment: float, clocks: Clocks) -> None:
        self._uptime = clocks[0]
        self._known = (moment, clocks)
        self._common.harvest.polled(self.rows, moment, clocks, self._slot_ms, self._every)

    def _measured(self, row: int, gauge: Gauge, value: Value) -> None:
        """One gauge's value; of a count, how far it went since the last one."""
        number = gauge_value(gauge, value)
        if gauge.kind is Kind.COUNT:
            before, self._counts[gauge.oid] = self._counts.get(gauge.oid, math.nan), number
            number = number - before if number >= before else math.nan
        self._common.harvest.put_gauge(row, gauge.field, number)

    def _learn(self, *, find: bool = False) -> None:
        if find:
            self._found_at = -math.inf
        self._run(self._read_in_full())

    async def _read_in_full(self) -> None:
        async with self._common.learning:
            reading = await self._found_and_read()
        if reading.answer.outcome is not Outcome.OK:
            self._end(reading.answer)
            return
        rebooted, restarted = self._restart(reading)
        await self._prepare(reading)
        harvest = self._common.harvest
        for link, row in reading.rows.items():
            columns = steady_columns(row.values)
            harvest.expect(self._place[link], columns)
            harvest.put(
                harvest.cells(self._place[link], columns), array("Q", [row.values[column] for column in columns])
            )
        for link, values in reading.gauges.items():
            for gauge, value in values.items():
                self._measured(self._place[link], gauge, value)
        self._learnt = (reading.moment, reading.clocks)
        self._keep(reading.moment, reading.clocks)
        # An interface that shows its name and no number yet is asked for everything again.
        whole = all(row.values for row in reading.rows.values())
        self._full_at = self._common.clock.monotonic() if whole else -math.inf
        self._end(OK, rebooted=reading.clocks[0] / 100 if rebooted else None, restarted=restarted)

    async def _found_and_read(self) -> Reading:
        """Read the known rows. They are found first where they are not known, and again when one has gone."""
        common = self._common
        while True:
            finding = self.discovery is None or self._found_at == -math.inf
            if finding:
                discovery = await discover(common.poller, self.agent, self.links, common.profiles)
                if discovery.answer.outcome is not Outcome.OK:
                    return Reading(answer=discovery.answer)
                self.discovery, self._found_at = discovery, common.clock.monotonic()
            assert self.discovery is not None  # noqa: S101
            reading = await read(
                common.poller, self.agent, self.discovery.rows, self.discovery.gauges, common.clock, self._most_varbinds
            )
            self._most_varbinds = reading.most_varbinds
            if finding or not reading.vanished:
                return reading
            self._found_at = -math.inf

    def _restart(self, reading: Reading) -> tuple[bool, bool]:
        """Whether the device, or only its agent, started again since the last reading."""
        if self._known is None or self._learnt is None:
            return False, False
        moment, (uptime, *_) = self._known
        before = (uptime, *_advanced(self._learnt, moment)[1:])
        self._common.harvest.recall(self.rows, before)
        elapsed = np.array([reading.moment - moment])
        what = continuity(_clocks(before), _clocks(reading.clocks), elapsed)[0]
        return what == Continuity.REBOOTED, what == Continuity.AGENT_RESTARTED

    async def _prepare(self, reading: Reading) -> None:
        """Plan the datagrams of the steady state from what the agent answered."""
        assert self.discovery is not None  # noqa: S101 - it was just read by it
        rows = [
            _lane_row(self._place[link], self.discovery.rows[link], row.name, steady_columns(row.values))
            for link, row in reading.rows.items()
        ]
        gauges = [(self._place[link], gauge) for link, values in reading.gauges.items() for gauge in values]
        parts = plan(rows, gauges, reading.most_varbinds, uptime=reading.clocks[0] >= 0)
        exchange = Exchange(self.agent, parts, self._arrived)
        unplaced = await exchange.place(self._common.poller)
        self._exchange = None if unplaced else exchange
        # Before the first reading, so that a row with other columns than until now is not compared with itself.
        self.rows = np.array(sorted({row.place for row in rows} | {row for row, _ in gauges}), dtype=np.intp)


OK = Answer(outcome=Outcome.OK)


def _lane_row(place: int, row: Row, name: bytes | None, columns: Sequence[Any]) -> LaneRow:
    return LaneRow(place=place, index=row.index, columns=tuple(columns), name_column=row.column, name=name)


def _clocks(clocks: Clocks) -> AgentClocks:
    uptime, boots, seconds, host = (np.array([each]) for each in clocks)
    return AgentClocks(uptime=uptime, engine_boots=boots, engine_time=seconds, host_uptime=host)


def _advanced(learnt: tuple[float, Clocks], moment: float) -> Clocks:
    """What the agent's slower clocks, last read some time ago, showed at `moment` if they ran on."""
    then, (uptime, boots, seconds, host) = learnt
    passed = max(0.0, moment - then)
    return (
        uptime,
        boots,
        seconds if seconds < 0 else seconds + int(passed),
        host if host < 0 else (host + int(passed * 100)) % 2**32,
    )
