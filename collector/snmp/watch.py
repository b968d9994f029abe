"""Polls every watched device, each in its turn, and hands over samples and poll outcomes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import structlog

from collector.echo import ping
from collector.metering import Meter
from collector.model import Fact, FactKind, Source
from collector.pacing import share_of_slot
from collector.settings import SnmpSettings
from collector.sink import Gatherer, Sink
from collector.snmp.agent import Agent, User
from collector.snmp.ask import Answer, Outcome
from collector.snmp.breaker import Breaker, Turn
from collector.snmp.charging import Charging
from collector.snmp.harvest import Harvest, Settled
from collector.snmp.intervals import Intervals, limits_of
from collector.snmp.polled import polled_devices, polled_links
from collector.snmp.poller import SnmpPoller
from collector.snmp.profile_files import load_profiles
from collector.snmp.rates import MEASURED_FIELDS
from collector.snmp.report import PollOutcome, PollReport, at, measured_of, outcome_of, silence
from collector.snmp.schedule import CLOSE_LOOK_EVERY, Due, Entry, Schedule
from collector.snmp.survey import survey
from collector.snmp.watched import LEARNING_AT_ONCE, Common, Ended, WatchedDevice
from config.clock import Clock, epoch_ms
from inventory.model import Device, Inventory, Link

log = structlog.get_logger()

LOOK_EVERY = 0.05
"""Seconds between two looks at whose turn it is; the turns of one look go out together."""
SETTLE_EVERY = 1.0
LONGEST_WAIT = 1.0
NAMES_SHOWN = 12
PINGS_AT_ONCE = 8
CLOSE_LOOK_SECONDS = 120.0
"""How long after a trap about a line: enough polls to see whether it is down or flapping."""
SAY_AGAIN_SECONDS = 300
"""An outcome that does not change is written this often, so that "still silent" and "no longer asked" differ."""


class SnmpWatch:
    """Polls until cancelled. Devices have their turns spread over the slot; a slow one delays no other.

    A failed poll yields no sample, only a fact about the device. Samples carry the start of the slot in which the
    turn was due, however late the answer.
    """

    def __init__(
        self,
        inventory: Inventory,
        settings: SnmpSettings,
        clock: Clock,
        sink: Sink,
        poller: SnmpPoller,
        devices: Sequence[Device] | None = None,
        *,
        planned: Intervals | None = None,
        meter: Meter | None = None,
    ) -> None:
        """`devices` are all that are under obligation, unless they are given. `planned` says how often each is polled
        (without it each in every slot), `meter` what may go over metered lines."""
        self._settings = settings
        self._clock = clock
        self._poller = poller
        watched = polled_devices(inventory) if devices is None else devices
        links = {device.id: polled_links(inventory, device) for device in watched}
        order = [link for name in sorted(links, key=share_of_slot) for link in links[name]]
        self._harvest = Harvest(order)
        self._rows = {link.id: row for row, link in enumerate(order)}
        self._common = Common(
            settings,
            load_profiles(settings.profiles),
            poller,
            clock,
            self._harvest,
            asyncio.Semaphore(LEARNING_AT_ONCE),
        )
        self._breaker = Breaker()
        self._charging = Charging(meter, poller, settings.retries + 1)
        self._unaskable: dict[str, str] = {}
        self._devices: dict[str, WatchedDevice] = {}
        self._waiters: dict[str, asyncio.Future[Ended]] = {}
        self._turned: dict[str, asyncio.Future[None]] = {}
        self._explaining: set[asyncio.Task[None]] = set()
        self._pinging = asyncio.Semaphore(PINGS_AT_ONCE)
        for name, of_device in links.items():
            self._know(inventory.devices[name], of_device)
        entries = planned.entries if planned else [self._entry(device) for device in self._devices.values()]
        self.schedule = Schedule([each for each in entries if each.key in self._devices], limits_of(settings))
        self.gatherer = Gatherer(Source.SNMP, MEASURED_FIELDS, sink, clock)
        self._polls = dict.fromkeys(PollOutcome, 0)
        self._polled_well = 0

    def _know(self, device: Device, links: Sequence[Link]) -> None:
        agent = self._agent(device)
        if isinstance(agent, str):
            self._unaskable[device.id] = agent
            return
        placed = {self._rows[link.id]: link for link in links}
        watched = WatchedDevice(self._common, device, agent, placed, self._ended, self._ended_well)
        watched.followed = self._charging.follow(device.id, agent)
        self._devices[device.id] = watched

    def _entry(self, device: WatchedDevice) -> Entry:
        return Entry(
            key=device.device.id,
            site=device.device.site,
            every=self._settings.every,
            datagrams=device.datagrams,
            octets=0,
        )

    async def run(self) -> None:
        """Poll every watched device once a slot until cancelled."""
        async with self.gatherer.handing_over():
            settling = asyncio.create_task(self._settle_now_and_then())
            try:
                await self._take_turns()
            finally:
                settling.cancel()
                for device in self._devices.values():
                    device.stop()
                self._settle()

    async def _take_turns(self) -> None:
        told = -math.inf
        while True:
            if self._clock.monotonic() - told >= SAY_AGAIN_SECONDS:
                told = self._clock.monotonic()
                for name, why in self._unaskable.items():
                    self._polls[PollOutcome.ERROR] += 1
                    self.gatherer.add_fact(replace(self._fact(name, PollOutcome.ERROR), detail=why))
                    log.warning("device_cannot_be_asked", device=name, why=why)
            now = self._clock.now().timestamp()
            for turn in self.schedule.due(now):
                self._begin(turn, now)
            wait = self.schedule.next_moment(now) - self._clock.now().timestamp()
            await self._clock.sleep(min(max(wait, 0.0), LONGEST_WAIT) + LOOK_EVERY)

    async def _settle_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(SETTLE_EVERY)
            self._settle()

    def _settle(self) -> Settled | None:
        settled = self._harvest.settle(epoch_ms(self._clock.now()))
        if settled is not None:
            self.gatherer.add_batch(settled.batch)
        return settled

    def _begin(self, turn: Due, now: float) -> None:
        device = self._devices[turn.key]
        if device.round == self._harvest.round:
            self._settle()
        if not self._breaker.remembers(turn.key) and not device.followed:
            device.poll(turn.slot_ms, turn.every, self._clock.monotonic())
            return
        worth = self._breaker.turn(turn.key, now)
        if worth is not Turn.REST and not self._charging.may_send(
            turn.key, device.datagrams, probe=worth is Turn.PROBE, extra=turn.extra, now=now
        ):
            worth = Turn.REST
        match worth:
            case Turn.REST:
                self.schedule.finished(turn.key)
            case Turn.PROBE:
                device.probe(turn.slot_ms, turn.every, lambda silent: self._probed(device, turn, silent))
            case Turn.POLL:
                device.poll(turn.slot_ms, turn.every, self._clock.monotonic())

    def _probed(self, device: WatchedDevice, turn: Due, silent: Answer | None) -> None:
        """A device that answers a probe gets its poll in the same turn."""
        if silent is None:
            self._breaker.answered(device.device.id)
            device.poll(turn.slot_ms, turn.every, self._clock.monotonic())
        else:
            self._ended(device, Ended(answer=silent))

    def _ended_well(self, device: WatchedDevice, moment: float) -> None:
        """The end of nearly every turn: only what must be done then."""
        self.schedule.finished(device.name)
        if self._breaker.remembers(device.name):
            self._breaker.answered(device.name)
        self._polled_well += 1
        if device.said is not PollOutcome.OK or moment - device.said_at >= SAY_AGAIN_SECONDS:
            self._say(device, PollOutcome.OK, "")

    def _ended(self, device: WatchedDevice, ended: Ended) -> None:
        name = device.name
        waiter = self._waiters.pop(name, None)
        if waiter is not None:
            waiter.set_result(ended)
            return
        self.schedule.finished(name)
        self._charging.settle(name)
        if ended.answer.outcome is Outcome.TIMEOUT:
            if self._breaker.unanswered(name, self._clock.now().timestamp(), self.schedule.every(name)):
                log.info("device_dead", device=name)
        else:
            self._breaker.answered(name)
        if ended.answer.outcome is Outcome.OK:
            self.schedule.weigh(name, device.datagrams)
        outcome = self._outcome(device, ended)
        self._polls[outcome] += 1
        if ended.rebooted is not None:
            self._say_reboot(name, ended.rebooted)
        # Each poll that failed is a fact, so that one can be told from many; the same good news only now and then.
        if outcome is not PollOutcome.OK or device.said is not outcome or self._long_ago(device):
            self._say(device, outcome, self._message(device, ended, outcome))
        turned = self._turned.pop(name, None)
        if turned is not None:
            turned.set_result(None)

    def _long_ago(self, device: WatchedDevice) -> bool:
        return self._clock.monotonic() - device.said_at >= SAY_AGAIN_SECONDS

    def _outcome(self, device: WatchedDevice, ended: Ended) -> PollOutcome:
        outcome = outcome_of(ended.answer.outcome, ended.answer.error_status)
        if outcome is PollOutcome.OK and device.links and not len(device.rows):
            return PollOutcome.ERROR
        return outcome

    def _message(self, device: WatchedDevice, ended: Ended, outcome: PollOutcome) -> str:
        if ended.answer.outcome is Outcome.OK:
            return _about_missing(device)
        if outcome is PollOutcome.TIMEOUT:
            return ended.answer.detail
        return f"{at(device.agent.address, device.agent.port)}: {ended.answer.detail}"

    def _say_reboot(self, name: str, uptime_seconds: float) -> None:
        now = self._clock.now()
        booted = now - timedelta(seconds=uptime_seconds)
        self.gatherer.add_fact(Fact(booted, name, FactKind.REBOOT, f"{uptime_seconds:.0f}", Source.SNMP, now))
        log.info("device_rebooted", device=name, uptime_seconds=uptime_seconds)

    def _say(self, device: WatchedDevice, outcome: PollOutcome, message: str) -> None:
        repeated = device.said is outcome and not self._long_ago(device)
        news = outcome is not (device.said or PollOutcome.OK)
        if not repeated:
            device.said, device.said_at = outcome, self._clock.monotonic()
        fact = self._fact(device.device.id, outcome)
        if outcome is PollOutcome.TIMEOUT and not repeated:
            self._explaining.add(task := asyncio.create_task(self._explain(device.device, fact, message)))
            task.add_done_callback(self._explaining.discard)
        else:
            self.gatherer.add_fact(replace(fact, detail=message))
        if news or (message and not repeated):
            log.info("poll_outcome", device=device.device.id, outcome=outcome, message=message)

    def _fact(self, name: str, outcome: PollOutcome) -> Fact:
        now = self._clock.now()
        return Fact(now, name, FactKind.POLL_OUTCOME, outcome.value, Source.SNMP, now)

    @property
    def polls(self) -> dict[PollOutcome, int]:
        """How many polls ended how since the start."""
        return self._polls | {PollOutcome.OK: self._polls[PollOutcome.OK] + self._polled_well}

    def faster(self, device: str, every: int, until: float) -> None:
        """Poll a device each `every` seconds until the epoch second `until`, as far as limits allow."""
        if device in self.schedule:
            self.schedule.faster(device, every, until)

    def look_closer(self, device: str) -> None:
        """Something was said about a device's lines: poll it faster for a while."""
        self.faster(device, CLOSE_LOOK_EVERY, self._clock.now().timestamp() + CLOSE_LOOK_SECONDS)

    def link_at(self, device: str, if_index: int) -> str | None:
        """The link whose interface has this ifIndex at a device, as far as it was polled."""
        found = self._devices[device].found() if device in self._devices else {}
        return next((link for link, row in found.items() if row.index == if_index), None)

    def tallies(self) -> dict[str, int]:
        """Datagrams since the start, by what became of them."""
        counts = self._poller.counts
        sent = {
            "sent": counts.sent,
            "received": counts.received,
            "retried": counts.retries,
            "given_up": counts.timeouts,
        }
        return sent | {stray.value: count for stray, count in self._poller.strays.counts.items()}

    @property
    def dead(self) -> int:
        """How many devices are only probed."""
        return self._breaker.dead

    async def turn(self, name: str, slot_ms: int) -> None:
        """One turn of a device outside the schedule, for that slot; returns when it has ended."""
        self._turned[name] = turned = asyncio.get_running_loop().create_future()
        self._devices[name].followed = True
        self._begin(Due(name, slot_ms, self.schedule.every(name)), self._clock.now().timestamp())
        await turned
        self._devices[name].followed = self._charging.follows(name)

    async def hand_over(self) -> None:
        """Give the sink what was measured and told up to now."""
        await asyncio.gather(*self._explaining)
        self._settle()
        await self.gatherer.flush()

    async def _explain(self, device: Device, fact: Fact, seen: str) -> None:
        """A device that did not answer, with what ping says of it."""
        async with self._pinging:
            message = await self._silence(device, seen)
        self.gatherer.add_fact(replace(fact, detail=message))

    async def _silence(self, device: Device, seen: str) -> str:
        address, port = device.management_address or "", device.snmp.port if device.snmp else 0
        watched = self._devices.get(device.id)
        version3 = watched is not None and isinstance(watched.agent.credential, User)
        return silence(address, port, await ping(address), seen, version3=version3)

    async def poll_device(self, device: Device, *, in_full: bool = False) -> PollReport:
        """One poll now; nothing is handed to the sink. Rates are known from the second call on. Not beside `run`.

        `in_full` reads everything else that the device shows as well.
        """
        address, port = device.management_address or "", device.snmp.port if device.snmp else 0
        watched = self._devices.get(device.id)
        if watched is None:
            why = self._unaskable[device.id]
            return PollReport(device=device.id, address=address, port=port, outcome=PollOutcome.ERROR, message=why)
        watched.followed = True
        waiter = self._waiters[device.id] = asyncio.get_running_loop().create_future()
        every = self._settings.every
        watched.poll(int(self._clock.now().timestamp() // every) * every * 1000, every, self._clock.monotonic())
        ended = await waiter
        watched.followed = False
        settled = self._harvest.settle(epoch_ms(self._clock.now()))
        outcome = self._outcome(watched, ended)
        message = self._message(watched, ended, outcome)
        if outcome is PollOutcome.TIMEOUT:
            message = await self._silence(device, message)
        answered = ended.answer.outcome is Outcome.OK
        there = watched.readings() if answered else {}
        seen = await survey(self._poller, watched.agent, self._common.profiles) if answered and in_full else None
        return PollReport(
            device=device.id,
            address=address,
            port=port,
            outcome=outcome,
            message=message,
            uptime_seconds=watched.uptime_seconds if answered else None,
            rebooted=ended.rebooted is not None,
            milliseconds=ended.milliseconds,
            rows={link: row for link, row in watched.found().items() if link in there},
            readings=there,
            measurements=measured_of(settled, there),
            missing=tuple(link.id for link in watched.missing),
            gauges=watched.discovery.gauges if watched.discovery else {},
            survey=seen if seen is not None and seen.answer.outcome is Outcome.OK else None,
            strays={stray.value: count for stray, count in self._poller.strays.counts.items()},
        )

    def _agent(self, device: Device) -> Agent | str:
        """Where and how to ask, or why it cannot be asked."""
        if device.management_address is None or device.snmp is None:
            return f"the inventory gives device {device.id} no management address or no SNMP access; add both"
        credential = self._settings.credentials.get(device.snmp.credential)
        if credential is None:
            name = device.snmp.credential
            return (
                f"device {device.id} names the SNMP credential {name!r}; add it to the settings under snmp.credentials"
            )
        return Agent(device.management_address, device.snmp.port, credential.credential())


def _about_missing(device: WatchedDevice) -> str:
    """Which interfaces of the inventory the device does not show, and what it shows instead."""
    if not device.missing:
        return ""
    names = device.discovery.names if device.discovery else ()
    wanted = ", ".join(f"{link.interface} (link {link.id})" for link in device.missing)
    shown = ", ".join(names[:NAMES_SHOWN]) + (", ..." if len(names) > NAMES_SHOWN else "")
    return f"the device has no single interface {wanted}; it shows: {shown or 'none'}; correct the link's interface"
