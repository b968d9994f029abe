"""What happens to the fleet: outages of appliances and faults of lines and targets, each over a stretch of time; and
from it what any appliance is, sends and measures at any minute. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from service.simulator.meraki.fleet import Line, Network
from service.simulator.noise import seed_of, uniform

MINUTE = 60
DORMANT_AFTER = 30 * 86400
LOSS, LATENCY, JITTER, LOAD = range(1, 5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """The dashboard has no contact to an appliance over [start, end) (epoch seconds)."""

    serial: str
    start: float
    end: float = float("inf")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """An uplink of a network loses `loss` per cent over [start, end), and everything at 100. Only towards `target`
    where one is given, only at `serial` where one is given."""

    network: str
    interface: str
    start: float
    end: float = float("inf")
    loss: float = 100.0
    target: str = ""
    serial: str = ""


@dataclass(slots=True)
class Happenings:
    """`stale` serials have stopped to report though the dashboard calls them online; `never` ones never came up."""

    seed: int
    outages: list[Outage] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    stale: set[str] = field(default_factory=set)
    never: set[str] = field(default_factory=set)

    def lost_since(self, serial: str, moment: float) -> float | None:
        """When contact to an appliance was lost that is without at `moment`."""
        if serial in self.never:
            return 0.0
        return next((one.start for one in self.outages if one.serial == serial and one.start <= moment < one.end), None)

    def status(self, serial: str, network: Network, moment: float) -> str:
        """The availability that the dashboard shows."""
        since = self.lost_since(serial, moment)
        if since is not None:
            return "dormant" if moment - since > DORMANT_AFTER else "offline"
        bad = any(self.uplink_status(serial, network, line, moment) == "failed" for line in network.lines)
        return "alerting" if bad else "online"

    def uplink_status(self, serial: str, network: Network, line: Line, moment: float) -> str:
        """`active` on the best line of the unit in charge, `ready` on all that wait, `failed` behind a whole fault."""
        if self._loss(serial, network, line, "", moment) >= 100:
            return "failed"
        charged = next((one for one in network.serials if self.lost_since(one, moment) is None), network.serials[0])
        working = [one for one in network.lines if self._loss(serial, network, one, "", moment) < 100]
        return "active" if serial == charged and working and working[0] is line else "ready"

    def _loss(self, serial: str, network: Network, line: Line, target: str, moment: float) -> float:
        """What faults add; without a `target` only those of the line itself."""
        return max(
            (
                fault.loss
                for fault in self.faults
                if fault.network == network.id
                and fault.interface == line.interface
                and fault.serial in ("", serial)
                and fault.target in ("", target)
                and fault.start <= moment < fault.end
            ),
            default=0.0,
        )

    def measured(
        self, serial: str, network: Network, line: Line, target: str, minute: int
    ) -> tuple[float, float | None, float | None] | None:
        """Loss in per cent, latency and jitter in ms of a minute (since 1970); None where nothing reached the
        dashboard."""
        moment = minute * MINUTE
        if self.lost_since(serial, moment) is not None:
            return None
        stream, index = seed_of(self.seed, serial, line.interface, target), np.array([minute])
        noise = {channel: float(uniform(stream, channel, index)[0]) for channel in (LOSS, LATENCY, JITTER)}
        usual = 0.0 if noise[LOSS] < 0.95 else round(4 * (noise[LOSS] - 0.95) / 0.05, 1)
        loss = max(self._loss(serial, network, line, target, moment), usual)
        if loss >= 100:
            return 100.0, None, None
        farther = 1.0 if target == network.targets[0] else 2.5
        return loss, round(line.latency * farther * (0.9 + 0.3 * noise[LATENCY]), 1), round(3 * noise[JITTER], 1)

    def octets(self, network: Network, line: Line, minutes: Sequence[int]) -> tuple[int, int]:
        """Bytes received and sent over a network's uplink in these minutes: of the unit in charge, if any is."""
        stream = seed_of(self.seed, network.id, line.interface)
        received = sent = 0.0
        for minute in minutes:
            moment = minute * MINUTE
            charged = next((one for one in network.serials if self.lost_since(one, moment) is None), None)
            if charged is None:
                continue
            share = {"active": 1.0, "ready": 0.02}.get(self.uplink_status(charged, network, line, moment), 0.0)
            load = share * line.load * (0.5 + float(uniform(stream, LOAD, np.array([minute]))[0]))
            received += line.down * 1000 / 8 * MINUTE * load
            sent += line.up * 1000 / 8 * MINUTE * load * 0.6
        return round(received), round(sent)

    def changes(self, network: Network, start: float, end: float) -> list[tuple[float, str, str, str]]:
        """(moment, serial, old status, new status) of the outages that begin or end in [start, end)."""
        found = []
        for outage in self.outages:
            if outage.serial in network.serials:
                if start <= outage.start < end:
                    found.append((outage.start, outage.serial, "online", "offline"))
                if start <= outage.end < end:
                    found.append((outage.end, outage.serial, "offline", "online"))
        return sorted(found)
