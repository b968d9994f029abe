"""What a device's agent knows: counters that integrate what its lines carried, and its MIB view."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from inventory.model import Link
from service.simulator.behaviour import Surroundings, traffic
from service.simulator.fleet import Premises
from service.simulator.noise import seed_of
from service.simulator.snmp_wire import (
    COUNTER32,
    COUNTER64,
    GAUGE32,
    INTEGER,
    TIMETICKS,
    Oid,
    Value,
    name,
    number,
    text,
)

Reader = Callable[[], Value]

SYSTEM: Oid = (1, 3, 6, 1, 2, 1, 1)
IF_NUMBER: Oid = (1, 3, 6, 1, 2, 1, 2, 1, 0)
IF_TABLE: Oid = (1, 3, 6, 1, 2, 1, 2, 2, 1)
IF_X_TABLE: Oid = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1)
UP, DOWN = 1, 2
ETHERNET = 6
STEP = 10.0
MEAN_PACKET_BYTES = 900
UP_FOR = 40 * 86_400


@dataclass(slots=True)
class Octets:
    """What an interface has counted; in and out as the device sees them."""

    inward: float
    outward: float


@dataclass(slots=True)
class SimulatedDevice:
    """A device at the moment `now` (epoch seconds); `advance` moves it forward."""

    premises: Premises
    around: Surroundings
    now: float
    started: float = field(init=False)
    octets: dict[str, Octets] = field(default_factory=dict)
    up: dict[str, bool] = field(default_factory=dict)
    changed: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.started = self.now - UP_FOR - seed_of(self.premises.device.id) % 1_000_000
        for link in self.ports:
            seed = seed_of(link.id, "counters")
            self.octets[link.id] = Octets(seed * 977.0, seed * 311.0)
            self.up[link.id], self.changed[link.id] = True, self.started

    @property
    def ports(self) -> Sequence[Link]:
        """The interfaces in the order of their ifIndex: LAN first, as they are numbered on the box."""
        in_service = [link for link in self.premises.links if not link.is_wan or link in self.premises.wan]
        return sorted(in_service, key=lambda link: str(link.interface))

    def ticks_since(self, moment: float) -> int:
        """TimeTicks: hundredths of seconds between the start and `moment`, modulo 2^32 (RFC 3418)."""
        return int((moment - self.started) * 100) % 2**32

    def advance(self, now: float) -> None:
        """Count what went over each port since the last time. On a WAN port in-octets are the site's download."""
        if now <= self.now:
            return
        begins = np.arange(self.now, now, STEP)
        seconds = np.diff(np.append(begins, now))
        carried = traffic(self.around, begins + seconds / 2)
        download = upload = 0.0
        for link in self.premises.wan:
            line = carried[link.id]
            inward = float((line.rx_bps * seconds).sum()) / 8
            outward = float((line.tx_bps * seconds).sum()) / 8
            self._count(link, inward, outward)
            download, upload = download + inward, upload + outward
            if bool(line.up[-1]) != self.up[link.id]:
                self.up[link.id], self.changed[link.id] = bool(line.up[-1]), now
        for link in self.ports:
            if not link.is_wan:
                self._count(link, upload, download)
        self.now = now

    def _count(self, link: Link, inward: float, outward: float) -> None:
        self.octets[link.id].inward += inward
        self.octets[link.id].outward += outward


def mib_view(device: SimulatedDevice) -> Mapping[Oid, Reader]:
    """Every object instance of the device with how its value is read: system, ifTable and ifXTable (RFC 2863)."""
    view: dict[Oid, Reader] = {
        (*SYSTEM, 1, 0): _text(f"{device.premises.device.vendor} {device.premises.device.model}"),
        (*SYSTEM, 2, 0): _fixed(name((1, 3, 6, 1, 4, 1, 99999, 1))),
        (*SYSTEM, 3, 0): lambda: number(TIMETICKS, device.ticks_since(device.now)),
        (*SYSTEM, 4, 0): _text("noc@provider.example"),
        (*SYSTEM, 5, 0): _text(device.premises.device.id),
        (*SYSTEM, 6, 0): _text(device.premises.site.address),
        IF_NUMBER: _fixed(number(INTEGER, len(device.ports))),
    }
    for index, link in enumerate(device.ports, start=1):
        for column, reader in _if_columns(device, link, index).items():
            view[(*IF_TABLE, column, index)] = reader
        for column, reader in _if_x_columns(device, link).items():
            view[(*IF_X_TABLE, column, index)] = reader
    return view


def _if_columns(device: SimulatedDevice, link: Link, index: int) -> Mapping[int, Reader]:
    octets = device.octets[link.id]
    return {
        1: _fixed(number(INTEGER, index)),
        2: _text(str(link.interface)),
        3: _fixed(number(INTEGER, ETHERNET)),
        4: _fixed(number(INTEGER, 1500)),
        5: _fixed(number(GAUGE32, 1_000_000_000)),
        7: _fixed(number(INTEGER, UP)),
        8: lambda: number(INTEGER, UP if device.up[link.id] else DOWN),
        9: lambda: number(TIMETICKS, device.ticks_since(device.changed[link.id])),
        10: lambda: number(COUNTER32, int(octets.inward) % 2**32),
        11: lambda: number(COUNTER32, int(octets.inward / MEAN_PACKET_BYTES) % 2**32),
        13: _fixed(number(COUNTER32, 0)),
        14: _fixed(number(COUNTER32, seed_of(link.id, "errors") % 50)),
        16: lambda: number(COUNTER32, int(octets.outward) % 2**32),
        17: lambda: number(COUNTER32, int(octets.outward / MEAN_PACKET_BYTES) % 2**32),
        19: _fixed(number(COUNTER32, 0)),
        20: _fixed(number(COUNTER32, 0)),
    }


def _if_x_columns(device: SimulatedDevice, link: Link) -> Mapping[int, Reader]:
    octets = device.octets[link.id]
    return {
        1: _text(str(link.interface)),
        6: lambda: number(COUNTER64, int(octets.inward) % 2**64),
        7: lambda: number(COUNTER64, int(octets.inward / MEAN_PACKET_BYTES) % 2**64),
        10: lambda: number(COUNTER64, int(octets.outward) % 2**64),
        11: lambda: number(COUNTER64, int(octets.outward / MEAN_PACKET_BYTES) % 2**64),
        15: _fixed(number(GAUGE32, 1000)),
        18: _text(link.carrier or "local network"),
        19: _fixed(number(TIMETICKS, 0)),
    }


def _fixed(value: Value) -> Reader:
    return lambda: value


def _text(value: str) -> Reader:
    return _fixed(text(value))
