"""The manager's answers as rows and columns. Pure.

Which keys there are differs between releases and between the two families of edges (IOS XE and Viptela); the state
resources write them with hyphens, the statistics with underscores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from collector.model import FloatArray, TimeArray
from collector.orchestrator.catalyst.columns import Columns
from collector.orchestrator.record import Rows
from config.clock import from_epoch_ms

EDGE = "vedge"
"""`personality` of an edge, of either family; controllers are vmanage, vsmart and vbond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    """A device as /device lists it: an edge or a controller. `address` is its system IP, which all bulk answers name
    it by."""

    address: str
    uuid: str | None
    name: str | None
    personality: str | None
    reachability: str | None
    state: str | None
    said: str | None
    updated: datetime | None
    site: str | None
    model: str | None
    serial: str | None
    certificate: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WanRow:
    """A transport of an edge. `controllers` counts the control connections over it; None is "not told"."""

    address: str
    colour: str
    interface: str | None
    admin_up: bool | None
    up: bool | None
    controllers: int | None
    last_resort: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A tunnel's BFD session as one of its ends reports it."""

    address: str
    colour: str
    remote: str
    remote_colour: str
    up: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelReadings:
    """App-route statistics as columns of length n, one row for a tunnel and interval that ended at `end` (epoch ms).

    NaN is "not measured". `sent` counts the echo requests of the interval.
    """

    local: Sequence[str]
    local_colour: Sequence[str]
    remote: Sequence[str]
    remote_colour: Sequence[str]
    end: TimeArray
    sent: FloatArray
    loss_pct: FloatArray
    rtt_ms: FloatArray
    jitter_ms: FloatArray

    def __len__(self) -> int:
        return len(self.local)


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceReadings:
    """Interface statistics as columns of length n. Rx is what the interface received: at a transport, download."""

    address: Sequence[str]
    interface: Sequence[str]
    end: TimeArray
    rx_bps: FloatArray
    tx_bps: FloatArray
    down_kbps: FloatArray
    up_kbps: FloatArray

    def __len__(self) -> int:
        return len(self.address)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """`values` are the pairs `name=value` of its details."""

    time: datetime
    name: str
    address: str
    details: str

    @property
    def values(self) -> dict[str, str]:
        pairs = (part.partition("=") for part in self.details.split(";"))
        return {name.strip(): value.strip() for name, equals, value in pairs if equals}


UP, DOWN = frozenset({"up", "ready"}), frozenset({"down", "invalid", "inactive"})


def is_up(word: str | None) -> bool | None:
    """Whether a state says up (`Up`, `if-state-up`, `if-oper-state-ready`) or down; None for other words."""
    last = (word or "").lower().rpartition("-")[2]
    return True if last in UP else False if last in DOWN else None


def device_rows(items: Sequence[object]) -> Rows[DeviceRow]:
    """The rows of /device. One without a system IP says nothing that could be placed."""
    columns = Columns(items)
    names = (
        "uuid",
        "host-name",
        "personality",
        "reachability",
        "state",
        "state_description",
        "site-id",
        "device-model",
        "board-serial",
        "certificate-validity",
    )
    texts = [columns.text(name) for name in names]
    addresses = [a or b for a, b in zip(columns.text("system-ip"), columns.text("deviceId"), strict=True)]
    rows = []
    damaged = 0
    for address, updated, (uuid, name, personality, reachability, state, said, site, model, serial, certificate) in zip(
        addresses, columns.time("lastupdated").tolist(), zip(*texts, strict=True), strict=True
    ):
        if address is None:
            damaged += 1
            continue
        rows.append(
            DeviceRow(
                address=address,
                uuid=uuid,
                name=name,
                personality=personality,
                reachability=reachability,
                state=state,
                said=said,
                updated=from_epoch_ms(updated) if updated else None,
                site=site,
                model=model,
                serial=serial,
                certificate=certificate,
            )
        )
    return Rows(rows, columns.damaged + damaged)


def wan_rows(items: Sequence[object]) -> Rows[WanRow]:
    """The rows of ControlWanInterface."""
    columns = Columns(items)
    smarts, managers = columns.number("num-vsmarts"), columns.number("num-vmanages")
    controllers = np.nansum([smarts, managers], axis=0)
    untold = np.isnan(smarts) & np.isnan(managers)
    last_resort = [
        bool(a or b) for a, b in zip(columns.yes("last-resort"), columns.yes("last-resort-circuit"), strict=True)
    ]
    rows = []
    damaged = 0
    for i, (address, colour, interface, admin, operation) in enumerate(
        zip(
            columns.text("vdevice-name"),
            columns.text("color"),
            columns.text("interface"),
            columns.text("admin-state"),
            columns.text("operation-state"),
            strict=True,
        )
    ):
        if address is None or colour is None:
            damaged += 1
            continue
        rows.append(
            WanRow(
                address=address,
                colour=colour,
                interface=interface,
                admin_up=is_up(admin),
                up=is_up(operation),
                controllers=None if untold[i] else int(controllers[i]),
                last_resort=last_resort[i],
            )
        )
    return Rows(rows, columns.damaged + damaged)


def session_rows(items: Sequence[object]) -> Rows[Session]:
    """The rows of BFDSessions: `vdevice-name` reports, `system-ip` and `color` are the other end."""
    columns = Columns(items)
    keys = zip(
        columns.text("vdevice-name"),
        columns.text("local-color"),
        columns.text("system-ip"),
        columns.text("color"),
        columns.text("state"),
        strict=True,
    )
    rows = [
        Session(address=address, colour=colour, remote=remote, remote_colour=far, up=is_up(state))
        for address, colour, remote, far, state in keys
        if address is not None and colour is not None and remote is not None and far is not None
    ]
    return Rows(rows, columns.damaged + len(columns) - len(rows))


DEFAULT_PROBES = (None, "default")
"""The probe classes (`app_probe_class`) that measure a tunnel as a whole; others measure with other DSCP marks."""


def tunnel_readings(items: Sequence[object]) -> tuple[TunnelReadings, int]:
    """The rows of approutestatsstatistics, and how much of them was unusable.

    An interval without echo requests was not measured, though the manager writes zeros for it; with every request
    lost there is no round trip to tell of.
    """
    columns = Columns(items)
    ends = [columns.text(key) for key in ("local_system_ip", "local_color", "remote_system_ip", "remote_color")]
    end, sent = columns.time("entry_time"), columns.number("total")
    lost, loss = columns.number("loss"), columns.number("loss_percentage", high=100.0)
    rtt, jitter = columns.number("latency"), columns.number("jitter")
    with np.errstate(divide="ignore", invalid="ignore"):
        counted = np.where((sent > 0) & (lost <= sent), 100.0 * lost / sent, np.nan)
    loss = np.where(np.isnan(loss), counted, loss)
    measured = ~(sent == 0)
    loss = np.where(measured, loss, np.nan)
    answered = measured & ~(loss >= 100.0)
    named = np.array([None not in names for names in zip(*ends, strict=True)], dtype=bool)
    placed = named & (end > 0)
    wanted = np.array([word in DEFAULT_PROBES for word in columns.text("app_probe_class")], dtype=bool)
    keep = np.flatnonzero(placed & wanted)
    local, local_colour, remote, remote_colour = ([str(column[i]) for i in keep] for column in ends)
    readings = TunnelReadings(
        local=local,
        local_colour=local_colour,
        remote=remote,
        remote_colour=remote_colour,
        end=end[keep],
        sent=sent[keep],
        loss_pct=loss[keep],
        rtt_ms=np.where(answered, rtt, np.nan)[keep],
        jitter_ms=np.where(answered, jitter, np.nan)[keep],
    )
    return readings, columns.damaged + int((~placed).sum())


def interface_readings(items: Sequence[object]) -> tuple[InterfaceReadings, int]:
    """The rows of interfacestatistics (kbps of 1,000 bit/s), and how much of them was unusable. A row of IPv6 alone
    repeats the interface."""
    columns = Columns(items)
    address, interface = columns.text("vdevice_name"), columns.text("interface")
    end = columns.time("entry_time")
    rx, tx = columns.number("rx_kbps"), columns.number("tx_kbps")
    down, up = columns.number("bw_down"), columns.number("bw_up")
    # What is down carries nothing, but nobody counted there.
    running = np.array([is_up(word) is not False for word in columns.text("oper_status")], dtype=bool)
    rx, tx = np.where(running, rx, np.nan), np.where(running, tx, np.nan)
    placed = np.array([None not in names for names in zip(address, interface, strict=True)], dtype=bool) & (end > 0)
    wanted = np.array([(word or "").lower() != "ipv6" for word in columns.text("af_type")], dtype=bool)
    keep = np.flatnonzero(placed & wanted)
    readings = InterfaceReadings(
        address=[str(address[i]) for i in keep],
        interface=[str(interface[i]) for i in keep],
        end=end[keep],
        rx_bps=1000.0 * rx[keep],
        tx_bps=1000.0 * tx[keep],
        down_kbps=down[keep],
        up_kbps=up[keep],
    )
    return readings, columns.damaged + int((~placed).sum())


def event_rows(items: Sequence[object]) -> Rows[EventRow]:
    """The rows of deviceevents. An event without a name, a time or a device says nothing."""
    columns = Columns(items)
    keys = zip(
        columns.time("entry_time").tolist(),
        columns.text("eventname"),
        columns.text("system_ip"),
        columns.text("vmanage_system_ip"),
        columns.text("details"),
        strict=True,
    )
    rows = [
        EventRow(time=from_epoch_ms(time), name=name, address=address or also or "", details=details or "")
        for time, name, address, also, details in keys
        if time and name is not None and (address or also)
    ]
    return Rows(rows, columns.damaged + len(columns) - len(rows))
