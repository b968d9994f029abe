"""The operations of the Dashboard API v1, answered from the fleet, what happens to it, and the moment. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from service.simulator.meraki.fleet import TARGETS, Network, Organization
from service.simulator.meraki.happenings import MINUTE, Happenings
from service.simulator.noise import seed_of

Json = dict[str, object]
INTERFACES = ("wan1", "wan2", "cellular")
DAY = 86400.0
NEWEST_LOSS = 120.0
LONGEST_LOSS = 300.0
LOSS_RESOLUTIONS = (60, 600, 3600, 86400)
USAGE_RESOLUTIONS = (60, 300, 600, 1800, 3600, 86400)
STALE_FOR = 3600.0


class RefusedError(Exception):
    """`{"errors": [...]}` with a status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class World:
    """`missing` serials are in no answer."""

    organizations: Sequence[Organization]
    happenings: Happenings
    missing: set[str]

    def organization(self, id_: str) -> Organization:
        for one in self.organizations:
            if one.id == id_:
                return one
        raise RefusedError(404, "Not found")

    def network(self, id_: str) -> Network:
        for organization in self.organizations:
            for network in organization.networks:
                if network.id == id_:
                    return network
        raise RefusedError(404, "Not found")

    def of_serial(self, serial: str) -> Network:
        for organization in self.organizations:
            for one, network in organization.appliances():
                if one == serial and serial not in self.missing:
                    return network
        raise RefusedError(404, "Not found")


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: its parameters as (name, value) pairs, at `now` (epoch seconds)."""

    world: World
    id: str
    query: Sequence[tuple[str, str]]
    now: float

    def one(self, name: str) -> str | None:
        return next((value for key, value in self.query if key == name), None)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.query if key in (name, f"{name}[]")]

    def span(self, usual: float, longest: float, back: float) -> tuple[float, float]:
        """`t0` and `t1`, or the newest `timespan`."""
        t0, t1, timespan = self.one("t0"), self.one("t1"), self.one("timespan")
        if timespan is not None and (t0 or t1):
            raise RefusedError(400, "timespan cannot be used together with t0 and t1")
        end = self.now if t1 is None else _moment("t1", t1)
        if t0 is not None:
            start = _moment("t0", t0)
        else:
            start = end - (usual if timespan is None else _number("timespan", timespan))
        if end - start > longest + 1e-6:
            raise RefusedError(400, f"t1 can be a maximum of {longest:.0f} seconds after t0")
        if end <= start:
            raise RefusedError(400, "t1 must be after t0")
        if self.now - start > back:
            raise RefusedError(400, "t0 is further back than is kept")
        return start, end

    def resolution(self, allowed: Sequence[int]) -> int:
        value = _number("resolution", self.one("resolution") or "60")
        if value not in allowed:
            raise RefusedError(400, f"resolution must be one of {', '.join(map(str, allowed))}")
        return int(value)


def _moment(name: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(400, f"{name} must be a valid date") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RefusedError(400, f"{name} must be a number") from None


def zulu(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def organizations(asked: Asked) -> list[Json]:
    return [
        {"id": one.id, "name": one.name, "url": f"https://dashboard.example/o/{one.id}", "api": {"enabled": True}}
        for one in asked.world.organizations
    ]


def _appliances(asked: Asked) -> Iterator[tuple[str, Network]]:
    """Those that the filters of a call let through."""
    serials, networks, types = asked.all("serials"), asked.all("networkIds"), asked.all("productTypes")
    if types and "appliance" not in types:
        return
    for serial, network in asked.world.organization(asked.id).appliances():
        wanted = (not serials or serial in serials) and (not networks or network.id in networks)
        if wanted and serial not in asked.world.missing:
            yield serial, network


def devices(asked: Asked) -> list[Json]:
    return [_device(serial, network) for serial, network in _appliances(asked)]


def _device(serial: str, network: Network) -> Json:
    spare = network.paired and serial != network.serials[0]
    return {
        "serial": serial,
        "name": f"{network.name} {'spare' if spare else 'MX'}",
        "model": network.model,
        "networkId": network.id,
        "productType": "appliance",
        "address": network.address,
        "firmware": "wired-18-211-2",
        "lanIp": "192.168.128.1",
        "mac": "00:18:0a:" + ":".join(f"{byte:02x}" for byte in seed_of(serial).to_bytes(4, "big")[:3]),
    }


def device(asked: Asked) -> Json:
    return _device(asked.id, asked.world.of_serial(asked.id))


def networks(asked: Asked) -> list[Json]:
    organization = asked.world.organization(asked.id)
    return [
        {
            "id": one.id,
            "organizationId": organization.id,
            "name": one.name,
            "productTypes": ["appliance"],
            "timeZone": one.zone,
            "tags": [],
        }
        for one in organization.networks
    ]


def availabilities(asked: Asked) -> list[Json]:
    statuses = asked.all("statuses")
    rows: list[Json] = [
        {
            "serial": serial,
            "name": network.name,
            "mac": "00:18:0a:00:00:01",
            "network": {"id": network.id},
            "productType": "appliance",
            "status": asked.world.happenings.status(serial, network, asked.now),
            "tags": [],
        }
        for serial, network in _appliances(asked)
    ]
    return [row for row in rows if not statuses or row["status"] in statuses]


def uplink_statuses(asked: Asked) -> list[Json]:
    happenings = asked.world.happenings
    rows: list[Json] = []
    for serial, network in _appliances(asked):
        lost = happenings.lost_since(serial, asked.now)
        reported = asked.now - 20 if lost is None else lost
        if serial in happenings.stale:
            reported = asked.now - STALE_FOR
        # What it showed when it was last heard of stays.
        shown = reported - 1
        rows.append(
            {
                "networkId": network.id,
                "serial": serial,
                "model": network.model,
                "highAvailability": {
                    "enabled": network.paired,
                    "role": "primary" if serial == network.serials[0] else "spare",
                },
                "lastReportedAt": zulu(reported),
                "uplinks": [_uplink(happenings, serial, network, name, shown) for name in _listed(network)],
            }
        )
    return rows


def _listed(network: Network) -> list[str]:
    """Both wired ports are listed, connected or not; a modem only where there is one."""
    return [name for name in INTERFACES if name != "cellular" or "C" in network.model]


def _uplink(happenings: Happenings, serial: str, network: Network, interface: str, moment: float) -> Json:
    line = next((one for one in network.lines if one.interface == interface), None)
    if line is None:
        return {"interface": interface, "status": "not connected", "ip": None, "gateway": None, "publicIp": None}
    found: Json = {
        "interface": interface,
        "status": happenings.uplink_status(serial, network, line, moment),
        "ip": "198.51.100.7",
        "gateway": "198.51.100.1",
        "publicIp": "203.0.113.9",
        "primaryDns": "8.8.8.8",
        "secondaryDns": None,
        "ipAssignedBy": "dhcp",
    }
    if interface == "cellular":
        found |= {"provider": line.provider, "signalStat": {"rsrp": "-97", "rsrq": "-11"}, "connectionType": "lte"}
    return found


def loss_and_latency(asked: Asked) -> list[Json]:
    start, end = asked.span(LONGEST_LOSS, LONGEST_LOSS, 60 * DAY)
    if asked.one("t1") is None:
        start, end = start - NEWEST_LOSS, end - NEWEST_LOSS
    if asked.now - end < NEWEST_LOSS - 1e-6:
        raise RefusedError(400, "t1 can be at the latest 2 minutes into the past")
    uplink, ip = asked.one("uplink"), asked.one("ip")
    rows: list[Json] = []
    for serial, network in _appliances(asked):
        for line in network.lines:
            for target in network.targets:
                if uplink not in (None, line.interface) or ip not in (None, target):
                    continue
                points = []
                for minute, moment in _minutes(serial, start, end):
                    found = asked.world.happenings.measured(serial, network, line, target, minute)
                    if found is not None:
                        points.append({"ts": zulu(moment), "lossPercent": found[0], "latencyMs": found[1]})
                rows.append(
                    {
                        "networkId": network.id,
                        "serial": serial,
                        "uplink": line.interface,
                        "ip": target,
                        "timeSeries": points,
                    }
                )
    return rows


def _minutes(serial: str, start: float, end: float) -> Iterator[tuple[int, float]]:
    """Each minute that an appliance measures in [start, end), and the moment in it that is told."""
    second = seed_of(serial) % MINUTE
    for minute in range(int(start // MINUTE), int(end // MINUTE) + 1):
        if start <= minute * MINUTE + second < end:
            yield minute, minute * MINUTE + second


def loss_history(asked: Asked) -> list[Json]:
    network = asked.world.of_serial(asked.id)
    target, uplink = asked.one("ip"), asked.one("uplink") or "wan1"
    if target is None:
        raise RefusedError(400, "'ip' is required")
    if uplink not in ("wan1", "wan2", "wan3", "wan4", "cellular"):
        raise RefusedError(400, "'uplink' must be one of: 'wan1', 'wan2', 'wan3', 'cellular', 'wan4'")
    start, end = asked.span(DAY, 31 * DAY, 60 * DAY)
    every = asked.resolution(LOSS_RESOLUTIONS)
    line = next((one for one in network.lines if one.interface == uplink), None)
    rows: list[Json] = []
    for first in range(-(-int(start) // every) * every, int(end) - every + 1, every):
        found = None
        if line is not None and target in network.targets:
            found = asked.world.happenings.measured(asked.id, network, line, target, first // MINUTE)
        loss, latency, jitter = found or (None, None, None)
        rows.append(
            {
                "startTime": zulu(first),
                "endTime": zulu(first + every),
                "lossPercent": loss,
                "latencyMs": latency,
                "goodput": None if loss is None else 0,
                "jitter": jitter,
            }
        )
    return rows


def usage_by_network(asked: Asked) -> list[Json]:
    start, end = asked.span(DAY, 14 * DAY, 30 * DAY)
    minutes = range(-(-int(start) // MINUTE), int(end) // MINUTE)
    rows: list[Json] = []
    for network in asked.world.organization(asked.id).networks:
        uplinks = []
        for line in network.lines:
            received, sent = asked.world.happenings.octets(network, line, minutes)
            # Both units of a pair are told as one, by the interface.
            serial = network.serials[0]
            uplinks.append({"serial": serial, "interface": line.interface, "sent": sent, "received": received})
        if network.serials[0] not in asked.world.missing:
            rows.append({"networkId": network.id, "name": network.name, "byUplink": uplinks})
    return rows


def usage_history(asked: Asked) -> list[Json]:
    network = asked.world.network(asked.id)
    start, end = asked.span(600, 31 * DAY, 30 * DAY)
    every = asked.resolution(USAGE_RESOLUTIONS)
    rows: list[Json] = []
    for first in range(int(start) // every * every, int(end) - every + 1, every):
        uplinks = []
        for line in network.lines:
            minutes = range(first // MINUTE, (first + every) // MINUTE)
            received, sent = asked.world.happenings.octets(network, line, minutes)
            uplinks.append({"interface": line.interface, "sent": sent, "received": received})
        rows.append({"startTime": zulu(first), "endTime": zulu(first + every), "byInterface": uplinks})
    return rows


def change_history(asked: Asked) -> list[Json]:
    start, end = asked.span(DAY, 31 * DAY, 31 * DAY)
    rows: list[tuple[float, Json]] = []
    for network in asked.world.organization(asked.id).networks:
        for moment, serial, old, new in asked.world.happenings.changes(network, start, end):
            row: Json = {
                "ts": zulu(moment),
                "category": "status",
                "device": {
                    "serial": serial,
                    "name": network.name,
                    "productType": "appliance",
                    "model": network.model,
                },
                "network": {"id": network.id, "name": network.name, "tags": []},
                "details": {"old": [{"name": "status", "value": old}], "new": [{"name": "status", "value": new}]},
            }
            rows.append((moment, row))
    return [row for _, row in sorted(rows, key=lambda each: -each[0])]


def bandwidth(asked: Asked) -> Json:
    network = asked.world.network(asked.id)
    limits: dict[str, Json] = {name: {"limitUp": None, "limitDown": None} for name in INTERFACES}
    for line in network.lines:
        if line.limited:
            limits[line.interface] = {"limitUp": line.up, "limitDown": line.down}
    return {"bandwidthLimits": limits}


def destinations(asked: Asked) -> Json:
    network = asked.world.network(asked.id)
    rows = [{"ip": ip, "description": "chosen", "default": ip == TARGETS[0]} for ip in network.targets]
    return {"destinations": rows}


def performance(asked: Asked) -> Json:
    asked.world.of_serial(asked.id)
    return {"perfScore": 5 + seed_of(asked.id) % 40}


Answer = Callable[[Asked], list[Json] | Json]

OPERATIONS: Mapping[str, Answer] = {
    "organizations": organizations,
    "organizations/{id}/devices": devices,
    "organizations/{id}/networks": networks,
    "organizations/{id}/devices/availabilities": availabilities,
    "organizations/{id}/devices/availabilities/changeHistory": change_history,
    "organizations/{id}/appliance/uplink/statuses": uplink_statuses,
    "organizations/{id}/devices/uplinksLossAndLatency": loss_and_latency,
    "organizations/{id}/appliance/uplinks/usage/byNetwork": usage_by_network,
    "networks/{id}/appliance/uplinks/usageHistory": usage_history,
    "networks/{id}/appliance/trafficShaping/uplinkBandwidth": bandwidth,
    "networks/{id}/appliance/connectivityMonitoringDestinations": destinations,
    "devices/{id}": device,
    "devices/{id}/lossAndLatencyHistory": loss_history,
    "devices/{id}/appliance/performance": performance,
}
PAGED: Mapping[str, tuple[int, int]] = {
    "organizations": (3, 9000),
    "organizations/{id}/devices": (3, 5000),
    "organizations/{id}/networks": (3, 100_000),
    "organizations/{id}/devices/availabilities": (3, 1000),
    "organizations/{id}/devices/availabilities/changeHistory": (3, 1000),
    "organizations/{id}/appliance/uplink/statuses": (3, 1000),
}
"""The operations with pages, and how many entries may be asked for; the usual number is the vendor's 1,000 at most."""
