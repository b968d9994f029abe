"""Turns of devices that are reached over metered lines: reserved at their largest, settled by what really went."""

from __future__ import annotations

from dataclasses import dataclass

from collector.metering import Meter
from collector.snmp.agent import Agent
from collector.snmp.ask import Tally
from collector.snmp.budget import most_octets
from collector.snmp.poller import SnmpPoller


@dataclass(frozen=True, slots=True)
class _Reserved:
    octets: int
    at: float


class Charging:
    """Without a meter nothing is charged. `attempts` is how often a datagram is sent at most."""

    def __init__(self, meter: Meter | None, poller: SnmpPoller, attempts: int) -> None:
        self._meter = meter
        self._poller = poller
        self._attempts = attempts
        self._tallies: dict[str, Tally] = {}
        self._reserved: dict[str, _Reserved] = {}

    def follow(self, device: str, agent: Agent) -> bool:
        """Count this device's octets from now on, if any metered line is charged with them."""
        if self._meter is None or not self._meter.charges(device):
            return False
        self._tallies[device] = self._poller.tally(agent)
        return True

    def follows(self, device: str) -> bool:
        return device in self._tallies

    def may_send(self, device: str, datagrams: int, *, probe: bool, extra: bool, now: float) -> bool:
        """Whether the lines bear a turn of so many datagrams, after a probe where that comes first."""
        tally = self._tallies.get(device)
        if tally is None or self._meter is None:
            return True
        octets = most_octets(datagrams, self._attempts) + (most_octets(1, 1) if probe else 0)
        tally.taken()
        if not self._meter.reserve(device, octets, extra=extra):
            return False
        self._reserved[device] = _Reserved(octets, now)
        return True

    def settle(self, device: str) -> None:
        """The turn has ended."""
        reserved = self._reserved.pop(device, None)
        if reserved is not None and self._meter is not None:
            self._meter.settle(device, reserved.octets, self._tallies[device].taken(), reserved.at)
