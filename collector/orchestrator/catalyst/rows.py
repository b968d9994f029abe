"""The manager's answers as rows and columns. Pure.

Which keys there are differs between releases and between the two families of edges (IOS XE and Viptela); the state
resources write them with hyphens, the statistics with underscores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

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


_IS_UP = {"up": True, "ready": True, "down": False, "invalid": False, "inactive": False}


def is_up(word: str | None) -> bool | None:
    """Whether a state says up (`Up`, `if-state-up`, `if-oper-state-ready`) or down; None for other words."""
    return _IS_UP.get((word or "").lower().rpartition("-")[2])


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


WAN_KEYS = (
    "vdevice-name",
    "color",
    "interface",
    "admin-state",
    "operation-state",
    "num-vsmarts",
    "num-vmanages",
    "last-resort",
    "last-resort-circuit",
)


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
    texts = (columns.text(key) for key in WAN_KEYS[:5])
    for i, (address, colour, interface, admin, operation) in enumerate(zip(*texts, strict=True)):
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


SESSION_KEYS = ("vdevice-name", "local-color", "system-ip", "color", "state")


def session_rows(items: Sequence[object]) -> Rows[Session]:
    """The rows of BFDSessions: `vdevice-name` reports, `system-ip` and `color` are the other end."""
    columns = Columns(items)
    keys = zip(*(columns.text(key) for key in SESSION_KEYS), strict=True)
    rows = [
        Session(address=address, colour=colour, remote=remote, remote_colour=far, up=is_up(state))
        for address, colour, remote, far, state in keys
        if address is not None and colour is not None and remote is not None and far is not None
    ]
    return Rows(rows, columns.damaged + len(columns) - len(rows))


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


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryRow:
    """An edge as the manager's inventory has it, whether it ever came up or not."""

    uuid: str
    address: str | None
    serial: str | None
    name: str | None
    model: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceRow:
    """An interface with its configured rates in bit/s; NaN is "not configured"."""

    address: str
    interface: str
    down_bps: float
    up_bps: float


def inventory_rows(items: Sequence[object]) -> Rows[InventoryRow]:
    """The rows of system/device/vedges."""
    columns = Columns(items)
    uuids = [a or b for a, b in zip(columns.text("uuid"), columns.text("chasisNumber"), strict=True)]
    texts = [columns.text(key) for key in ("system-ip", "serialNumber", "host-name", "deviceModel")]
    rows = [
        InventoryRow(uuid=uuid, address=address, serial=serial, name=name, model=model)
        for uuid, (address, serial, name, model) in zip(uuids, zip(*texts, strict=True), strict=True)
        if uuid is not None
    ]
    return Rows(rows, columns.damaged + len(columns) - len(rows))


def interface_rows(items: Sequence[object]) -> Rows[InterfaceRow]:
    """The rows of Interface and CEdgeInterface; `bandwidth-downstream` and `-upstream` are kbps, 0 is none."""
    columns = Columns(items)
    rates = zip(columns.number("bandwidth-downstream"), columns.number("bandwidth-upstream"), strict=True)
    rows = [
        InterfaceRow(
            address=address,
            interface=interface,
            down_bps=1000.0 * down if down > 0 else np.nan,
            up_bps=1000.0 * up if up > 0 else np.nan,
        )
        for address, interface, (down, up) in zip(
            columns.text("vdevice-name"), columns.text("ifname"), rates, strict=True
        )
        if address is not None and interface is not None
    ]
    return Rows(rows, columns.damaged + len(columns) - len(rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelNow:
    """A tunnel's app-route averages as the device itself gives them at this moment; NaN is "not told"."""

    colour: str
    remote: str
    remote_colour: str
    loss_pct: float
    rtt_ms: float
    jitter_ms: float


def tunnels_now(items: Sequence[object]) -> Rows[TunnelNow]:
    """The rows of device/app-route/statistics, one for each tunnel: those of its older polls are left out."""
    columns = Columns(items)
    names = zip(
        columns.text("local-color"), columns.text("remote-system-ip"), columns.text("remote-color"), strict=True
    )
    figures = zip(
        columns.number("mean-loss", high=100.0),
        columns.number("mean-latency"),
        columns.number("mean-jitter"),
        strict=True,
    )
    found: dict[tuple[str, str, str], TunnelNow] = {}
    damaged = columns.damaged
    for (colour, remote, remote_colour), (loss, rtt, jitter) in zip(names, figures, strict=True):
        if colour is None or remote is None or remote_colour is None:
            damaged += 1
            continue
        row = TunnelNow(
            colour=colour,
            remote=remote,
            remote_colour=remote_colour,
            loss_pct=float(loss),
            rtt_ms=float(rtt),
            jitter_ms=float(jitter),
        )
        found.setdefault((colour, remote, remote_colour), row)
    return Rows(list(found.values()), damaged)
