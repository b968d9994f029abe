"""One watched device: what is remembered of it between polls, and how one of its turns goes."""

from __future__ import annotations

import asyncio
import math
import time
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
from collector.snmp.exchange import Delivered, Exchange
from collector.snmp.gauges import Gauge, gauge_value
from collector.snmp.harvest import Clocks, Harvest
from collector.snmp.interfaces import Column, Row
from collector.snmp.lane import MOST_VARBINDS, LaneRow, Part, plan, steady_columns
from collector.snmp.poller import SnmpPoller
from collector.snmp.profiles import Kind, Profiles
from collector.snmp.reading import Reading, read
from collector.snmp.report import PollOutcome
from config.clock import Clock
from inventory.model import Device, Link

log = structlog.get_logger()

LEARNING_AT_ONCE = 256
DATAGRAMS_TO_LEARN = 40
"""What discovery of an ordinary device takes: who it is, its interfaces' names, its profile's tables, one full read."""
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
        "_ended_well",
        "_every",
        "_exchange",
        "_find",
        "_full_due",
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
        "followed",
        "links",
        "name",
        "round",
        "rows",
        "said",
        "said_at",
        "whole",
    )  # fmt: skip

    def __init__(
        self,
        common: Common,
        device: Device,
        agent: Agent,
        links: Mapping[int, Link],
        ended: Callable[[WatchedDevice, Ended], None],
        ended_well: Callable[[WatchedDevice, float], None],
    ) -> None:
        """`links` are by their row in the harvest. `ended_well` is called for a turn in the steady state that nobody
        follows, with its moment, `ended` for every other."""
        self._common = common
        self._ended = ended
        self._ended_well = ended_well
        self.device = device
        self.name = device.id
        self.agent = agent
        self.links = tuple(links.values())
        self._place = {link.id: row for row, link in links.items()}
        self.rows: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self.discovery: Discovery | None = None
        self._exchange: Exchange | None = None
        self._known = math.nan
        self._learnt: tuple[float, Clocks] | None = None
        self._uptime = -1
        self._full_due = -math.inf
        self._find = True
        self.round = -1
        self.whole = False
        self.followed = False
        """Somebody waits for the end of its turns, or pays for them by volume."""
        self.said: PollOutcome | None = None
        self.said_at = -math.inf
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
        """How many a turn takes at most, as far as it is known: a device that must be found takes more."""
        learning = DATAGRAMS_TO_LEARN if self._exchange is None or self._find else 0
        return learning + (len(self._exchange.parts) if self._exchange else 1)

    def poll(self, slot_ms: int, every: int, moment: float) -> None:
        """Begin a turn for the slot of `every` seconds that begins at `slot_ms`; `moment` is now, by our clock."""
        self._slot_ms, self._every = slot_ms, every
        if self.followed:
            self._started = time.monotonic()
        if moment < self._full_due and self._exchange is not None:
            self._exchange.start(self._common.poller)
        else:
            self._learn(find=bool(self.missing))

    def probe(self, slot_ms: int, every: int, answered: Callable[[Answer | None], None]) -> None:
        """Ask for sysUpTime alone, once; `answered` gets None when something came."""
        self._slot_ms, self._every = slot_ms, every
        self._started = time.monotonic()

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
        self._ended(self, Ended(answer=answer, milliseconds=self.milliseconds, rebooted=rebooted, restarted=restarted))

    @property
    def milliseconds(self) -> float:
        """Since the turn began, where it is followed."""
        return (time.monotonic() - self._started) * 1000

    def _arrived(self, result: Delivered | Answer | None) -> None:
        """The steady state: everything came as planned, or the device is read in full again."""
        if isinstance(result, Answer):
            self._end(result)
        elif result is None or self._exchange is None or not self._take(self._exchange.parts, result):
            self._learn(find=True)

    def _take(self, parts: Sequence[Part], delivered: Delivered) -> bool:
        """False when the agent seems to have started again, or a value is of another kind than it was."""
        common = self._common
        moment, harvest = common.clock.monotonic(), common.harvest
        uptime = delivered[0][0] if parts[0].numbers.start else -1
        if type(uptime) is not int or uptime < self._uptime or self._is_young(uptime, moment):
            return False
        for part, values in zip(parts, delivered, strict=True):
            if len(part.cells) and not harvest.put(part.cells, values[part.numbers]):
                return False
            if part.gauges:
                for (row, gauge), value in zip(part.gauges, values[part.gauge_values], strict=True):
                    self._measured(row, gauge, value)
        harvest.polled(self.rows, moment, (uptime, -1, -1, -1), self._slot_ms, self._every)
        self._uptime, self._known, self.round = uptime, moment, harvest.round
        if self.followed or not self.whole:
            self._end(OK)
        else:
            self._ended_well(self, moment)
        return True

    def _is_young(self, uptime: int, now: float) -> bool:
        """Whether sysUpTime alone leaves open if the agent started again since the last poll; its other clocks tell."""
        return 0 <= uptime < 100 * ((now - self._known) * YOUNG_SHARE + YOUNG_SECONDS)

    def _measured(self, row: int, gauge: Gauge, value: Value) -> None:
        """One gauge's value; of a count, how far it went since the last one."""
        number = gauge_value(gauge, value)
        if gauge.kind is Kind.COUNT:
            before, self._counts[gauge.oid] = self._counts.get(gauge.oid, math.nan), number
            number = number - before if number >= before else math.nan
        self._common.harvest.put_gauge(row, gauge.field, number)

    def _learn(self, *, find: bool = False) -> None:
        self._find = self._find or find
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
            harvest.put(harvest.cells(self._place[link], columns), [row.values[column] for column in columns])
        for link, values in reading.gauges.items():
            for gauge, value in values.items():
                self._measured(self._place[link], gauge, value)
        self._learnt = (reading.moment, reading.clocks)
        harvest.polled(self.rows, reading.moment, reading.clocks, self._slot_ms, self._every)
        self._uptime, self._known, self.round = reading.clocks[0], reading.moment, harvest.round
        # An interface that shows its name and no number yet is asked for everything again.
        whole = all(row.values for row in reading.rows.values())
        within = (FIND_AGAIN_SECONDS if self.missing else READ_IN_FULL_SECONDS) if whole else -math.inf
        self._full_due = self._common.clock.monotonic() + within
        self._end(OK, rebooted=reading.clocks[0] / 100 if rebooted else None, restarted=restarted)

    async def _found_and_read(self) -> Reading:
        """Read the known rows. They are found first where they are not known, and again when one has gone."""
        common = self._common
        while True:
            finding = self._find
            if finding:
                discovery = await discover(common.poller, self.agent, self.links, common.profiles)
                if discovery.answer.outcome is not Outcome.OK:
                    return Reading(answer=discovery.answer)
                self.discovery, self._find = discovery, False
            assert self.discovery is not None  # noqa: S101
            reading = await read(
                common.poller, self.agent, self.discovery.rows, self.discovery.gauges, common.clock, self._most_varbinds
            )
            self._most_varbinds = reading.most_varbinds
            if finding or not reading.vanished:
                return reading
            self._find = True

    def _restart(self, reading: Reading) -> tuple[bool, bool]:
        """Whether the device, or only its agent, started again since the last reading."""
        moment = self._known
        if self._learnt is None or math.isnan(moment):
            return False, False
        before = (self._uptime, *_advanced(self._learnt, moment)[1:])
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
        parts = plan(rows, gauges, reading.most_varbinds, uptime=reading.clocks[0] >= 0, tags=reading.tags)
        exchange = Exchange(self.agent, parts, self._arrived)
        unplaced = await exchange.place(self._common.poller)
        self._exchange = None if unplaced else exchange
        # Before the first reading, so that a row with other columns than until now is not compared with itself.
        self.whole = len(reading.rows) == len(self.links)
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
