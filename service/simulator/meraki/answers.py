"""The operations of the Dashboard API v1, answered from the fleet, what happens to it, and the moment. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from service.simulator.meraki.asked import Asked, Json, zulu
from service.simulator.meraki.fleet import TARGETS, Network
from service.simulator.meraki.happenings import Happenings
from service.simulator.meraki.statistics import (
    change_history,
    loss_and_latency,
    loss_history,
    usage_by_network,
    usage_history,
)
from service.simulator.noise import seed_of

INTERFACES = ("wan1", "wan2", "cellular")
STALE_FOR = 3600.0


def organizations(asked: Asked) -> list[Json]:
    return [
        {"id": one.id, "name": one.name, "url": f"https://dashboard.example/o/{one.id}", "api": {"enabled": True}}
        for one in asked.world.organizations
    ]


def devices(asked: Asked) -> list[Json]:
    return [_device(serial, network) for serial, network in asked.appliances()]


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
        for serial, network in asked.appliances()
    ]
    return [row for row in rows if not statuses or row["status"] in statuses]


def uplink_statuses(asked: Asked) -> list[Json]:
    happenings = asked.world.happenings
    rows: list[Json] = []
    for serial, network in asked.appliances():
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
                "lastReportedAt": None if serial in happenings.never else zulu(reported),
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
