"""Dashboard answers read with suspicion: what is wrong becomes None or NaN and is counted, the rest is kept. Pure.

Names of fields are those of the Dashboard API v1; times are RFC 3339 in UTC, volumes bytes, rates kbit/s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from collector.model import FloatArray, TimeArray
from collector.orchestrator.record import Read, Record, Row, Rows, read_rows
from config.clock import epoch_ms

MOST_POINTS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class UplinkRow:
    interface: str
    status: str | None
    address: str | None
    public_address: str | None
    provider: str | None
    """Of a cellular uplink; the vendor tells no other line's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRow:
    """An appliance with its uplinks. `role` is `primary` or `spare`, as configured: it does not follow a failover."""

    serial: str
    network: str | None
    paired: bool
    role: str | None
    reported_at: datetime | None
    uplinks: Sequence[UplinkRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilityRow:
    serial: str
    network: str | None
    status: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSeries:
    """What one appliance measured over one uplink to one target: n points of a minute, ascending or not. NaN is "not
    measured"."""

    serial: str
    uplink: str
    target: str | None
    time: TimeArray
    loss: FloatArray
    latency: FloatArray
    jitter: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRow:
    """Bytes of one uplink over the window asked for; `sent` towards the Internet."""

    serial: str | None
    network: str | None
    interface: str
    sent: float
    received: float


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSlot:
    """Bytes of a network's uplink over [start, end)."""

    start: datetime
    end: datetime
    interface: str
    sent: float
    received: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """A device's status changed at `time`."""

    time: datetime
    serial: str
    network: str | None
    old: str | None
    new: str


def unit_rows(items: Sequence[object]) -> Rows[UnitRow]:
    """The rows of getOrganizationApplianceUplinkStatuses."""

    def read(record: Record) -> Read[UnitRow]:
        serial = record.text("serial")
        if serial is None:
            return None, 1
        pair = record.record("highAvailability")
        uplinks = read_rows(record.items("uplinks"), _uplink)
        row = UnitRow(
            serial=serial,
            network=record.text("networkId"),
            paired=pair.flag("enabled"),
            role=pair.text("role"),
            reported_at=record.moment("lastReportedAt"),
            uplinks=uplinks.rows,
        )
        return row, pair.damaged + uplinks.damaged

    return read_rows(items, read)


def _uplink(record: Record) -> Read[UplinkRow]:
    interface = record.text("interface")
    if interface is None:
        return None, 1
    row = UplinkRow(
        interface=interface,
        status=record.text("status"),
        address=record.text("ip"),
        public_address=record.text("publicIp"),
        provider=record.text("provider"),
    )
    return row, 0


def availability_rows(items: Sequence[object]) -> Rows[AvailabilityRow]:
    """The rows of getOrganizationDevicesAvailabilities."""

    def read(record: Record) -> Read[AvailabilityRow]:
        serial = record.text("serial")
        if serial is None:
            return None, 1
        network = record.record("network")
        row = AvailabilityRow(serial=serial, network=network.text("id"), status=record.text("status"))
        return row, network.damaged

    return read_rows(items, read)


def loss_rows(items: Sequence[object]) -> Rows[LossSeries]:
    """The rows of getOrganizationDevicesUplinksLossAndLatency."""

    def read(record: Record) -> Read[LossSeries]:
        serial, uplink = record.text("serial"), record.text("uplink")
        if serial is None or uplink is None:
            return None, 1
        return _series(serial, uplink, record.text("ip"), record.items("timeSeries"), ("ts",))

    return read_rows(items, read)


def history_series(items: Sequence[object], serial: str, uplink: str, target: str) -> Rows[LossSeries]:
    """getDeviceLossAndLatencyHistory, whose points older descriptions name otherwise."""
    series, damaged = _series(serial, uplink, target, items, ("startTime", "startTs"))
    return Rows([series], damaged)


def _series(
    serial: str, uplink: str, target: str | None, items: Sequence[object], times: Sequence[str]
) -> tuple[LossSeries, int]:
    def read(record: Record) -> Read[tuple[int, float, float, float]]:
        moment = next((found for found in map(record.moment, times) if found is not None), None)
        if moment is None:
            return None, 1
        loss = record.number("lossPercent", high=100.0)
        point = (epoch_ms(moment), loss, record.number("latencyMs", high=1e6), record.number("jitter", high=1e6))
        return point, 0

    points = read_rows(items[:MOST_POINTS], read)
    columns = np.array([point[1:] for point in points], dtype=np.float64).reshape(len(points), 3)
    series = LossSeries(
        serial=serial,
        uplink=uplink,
        target=target,
        time=np.array([point[0] for point in points], dtype=np.int64),
        loss=columns[:, 0],
        latency=columns[:, 1],
        jitter=columns[:, 2],
    )
    return series, points.damaged


def usage_rows(items: Sequence[object]) -> Rows[UsageRow]:
    """The rows of getOrganizationApplianceUplinksUsageByNetwork, one for each uplink."""

    def read(record: Record) -> Read[Sequence[UsageRow]]:
        network = record.text("networkId")

        def uplink(below: Record) -> Read[UsageRow]:
            serial, interface = below.text("serial"), below.text("interface")
            if interface is None or (serial is None and network is None):
                return None, 1
            sent, received = below.number("sent"), below.number("received")
            return UsageRow(serial=serial, network=network, interface=interface, sent=sent, received=received), 0

        rows = read_rows(record.items("byUplink"), uplink)
        return rows.rows, rows.damaged

    return _flat(read_rows(items, read))


def usage_slots(items: Sequence[object]) -> Rows[UsageSlot]:
    """The rows of getNetworkApplianceUplinksUsageHistory, one for each slot and uplink."""

    def read(record: Record) -> Read[Sequence[UsageSlot]]:
        start, end = record.moment("startTime"), record.moment("endTime")
        if start is None or end is None or end <= start:
            return None, 1

        def uplink(below: Record) -> Read[UsageSlot]:
            interface = below.text("interface")
            if interface is None:
                return None, 1
            sent, received = below.number("sent"), below.number("received")
            return UsageSlot(start=start, end=end, interface=interface, sent=sent, received=received), 0

        rows = read_rows(record.items("byInterface"), uplink)
        return rows.rows, rows.damaged

    return _flat(read_rows(items, read))


def _flat(groups: Rows[Sequence[Row]]) -> Rows[Row]:
    return Rows([row for group in groups for row in group], groups.damaged)


def change_rows(items: Sequence[object]) -> Rows[ChangeRow]:
    """The rows of getOrganizationDevicesAvailabilitiesChangeHistory that tell a status."""

    def read(record: Record) -> Read[ChangeRow]:
        time = record.moment("ts")
        device, network, details = record.record("device"), record.record("network"), record.record("details")
        serial = device.text("serial")
        old, new = _status(details, "old"), _status(details, "new")
        place = network.text("id")
        below = device.damaged + network.damaged + details.damaged + old[1] + new[1]
        if time is None or serial is None or new[0] is None:
            return None, below + (time is None or serial is None)
        return ChangeRow(time=time, serial=serial, network=place, old=old[0], new=new[0]), below

    return read_rows(items, read)


def _status(details: Record, when: str) -> tuple[str | None, int]:
    """The value that the list `[{"name": "status", "value": ...}]` gives."""

    def read(record: Record) -> Read[str]:
        name, value = record.text("name"), record.text("value")
        return (value, 0) if name == "status" else (None, 0)

    values = read_rows(details.items(when), read)
    return next(iter(values), None), values.damaged


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceRow:
    serial: str
    name: str | None
    model: str | None
    network: str | None
    address: str | None
    firmware: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRow:
    network: str
    name: str | None
    timezone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationRow:
    organization: str
    name: str | None


def device_rows(items: Sequence[object]) -> Rows[DeviceRow]:
    """The rows of getOrganizationDevices, and of getDevice."""

    def make(record: Record, serial: str) -> DeviceRow:
        return DeviceRow(
            serial=serial,
            name=record.text("name"),
            model=record.text("model"),
            network=record.text("networkId"),
            address=record.text("address"),
            firmware=record.text("firmware"),
        )

    return _named(items, "serial", make)


def network_rows(items: Sequence[object]) -> Rows[NetworkRow]:
    """The rows of getOrganizationNetworks."""

    def make(record: Record, network: str) -> NetworkRow:
        return NetworkRow(network=network, name=record.text("name"), timezone=record.text("timeZone"))

    return _named(items, "id", make)


def organization_rows(items: Sequence[object]) -> Rows[OrganizationRow]:
    """The rows of getOrganizations."""

    def make(record: Record, organization: str) -> OrganizationRow:
        return OrganizationRow(organization=organization, name=record.text("name"))

    return _named(items, "id", make)


def target_rows(items: Sequence[object]) -> Rows[str]:
    """The addresses of getNetworkApplianceConnectivityMonitoringDestinations."""
    return _named(items, "ip", lambda _, address: address)


def _named(items: Sequence[object], key: str, make: Callable[[Record, str], Row]) -> Rows[Row]:
    def read(record: Record) -> Read[Row]:
        name = record.identifier(key)
        return (None, 1) if name is None else (make(record, name), 0)

    return read_rows(items, read)


def bandwidth_limits(value: object, interfaces: Sequence[str]) -> tuple[Mapping[str, tuple[float, float]], int]:
    """(down, up) in kbit/s of getNetworkApplianceTrafficShapingUplinkBandwidth by interface, NaN for "no limit", and
    how many fields were unusable."""
    record = Record(value)
    limits = record.record("bandwidthLimits")
    damaged = record.damaged
    found = {}
    for interface in interfaces:
        one = limits.record(interface)
        found[interface] = (one.number("limitDown"), one.number("limitUp"))
        damaged += one.damaged
    return found, damaged + limits.damaged
