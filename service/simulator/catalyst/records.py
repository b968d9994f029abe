"""What the manager answers of states and inventory, in its own words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from service.simulator.catalyst.fabric import Controller, Edge, End, Fabric

Json = dict[str, object]

SMARTS, MANAGERS = 2, 1
BOOTED = 40 * 86_400
HOUR = 3600.0
BANDS = {"GigabitEthernet": 1000, "Cellular": 100}


def milliseconds(moment: float) -> int:
    return round(moment * 1000)


def devices(fabric: Fabric, now: float) -> list[Json]:
    """/device: controllers and edges."""
    return [
        *(_controller(one, now) for one in fabric.controllers),
        *(_edge(fabric, one, now) for one in fabric.edges),
    ]


def _controller(one: Controller, now: float) -> Json:
    return {
        "deviceId": one.address,
        "system-ip": one.address,
        "host-name": one.name,
        "reachability": "reachable",
        "status": "normal",
        "personality": one.personality,
        "device-type": one.personality,
        "lastupdated": milliseconds(now - 20),
        "certificate-validity": "Valid",
        "uuid": one.uuid,
        "device-model": one.personality,
        "version": "20.12.4",
        "site-id": "1",
        "validity": "valid",
        "state": "green",
        "state_description": "All daemons up",
        "local-system-ip": one.address,
        "board-serial": one.uuid.replace("-", "")[-16:].upper(),
    }


def _edge(fabric: Fabric, edge: Edge, now: float) -> Json:
    there = fabric.reachable(edge.address, now)
    sessions = sum(fabric.carries(near, now) and fabric.carries(far, now) for near, far in _tunnels(fabric, edge))
    return {
        "deviceId": edge.address,
        "system-ip": edge.address,
        "host-name": edge.name,
        "reachability": "reachable" if there else "unreachable",
        "status": "normal",
        "personality": "vedge",
        "device-type": "vedge",
        "timezone": "UTC",
        "device-groups": ["No groups"],
        "lastupdated": milliseconds(now - 20 if there else now - HOUR),
        "bfdSessionsUp": sessions,
        "domain-id": "1",
        "board-serial": edge.serial,
        "certificate-validity": "Valid",
        "uuid": edge.uuid,
        "bfdSessions": str(sessions),
        "controlConnections": str(SMARTS + MANAGERS),
        "device-model": edge.model,
        "version": "17.12.04.0.1",
        "site-id": str(edge.site),
        "site-name": f"SITE_{edge.site}",
        "uptime-date": milliseconds(now - BOOTED),
        "validity": "valid",
        "state": "green",
        "state_description": "All daemons up",
        "local-system-ip": edge.address,
        "device-os": "next",
        "isDeviceGeoData": False,
    }


def _tunnels(fabric: Fabric, edge: Edge) -> Sequence[tuple[End, End]]:
    return list(fabric.tunnels_of(edge.address))


def wan_interfaces(fabric: Fabric, now: float, address: str | None = None) -> list[Json]:
    """ControlWanInterface, or device/control/waninterface of one device."""
    rows: list[Json] = []
    for edge in fabric.edges:
        if address not in (None, edge.address):
            continue
        there = fabric.reachable(edge.address, now)
        for number, one in enumerate(edge.transports):
            end = End(edge, one)
            up = fabric.line_up(end, now)
            rows.append(
                {
                    **_named(edge, number, now),
                    "vdevice-dataKey": f"{edge.address}-{number}",
                    "instance": 0,
                    "index": number,
                    "interface": one.interface,
                    "color": one.colour,
                    "carrier": "default",
                    "private-ip": f"192.0.2.{number + 1}",
                    "public-ip": f"198.51.100.{number + 1}",
                    "private-port": 12346,
                    "public-port": 12346,
                    "admin-state": "down" if fabric.shut(end, now) else "up",
                    "operation-state": "down" if fabric.shut(end, now) else "up",
                    "num-vsmarts": SMARTS if there and up else 0,
                    "num-vmanages": MANAGERS if there and up and not number else 0,
                    "weight": 1,
                    "preference": "0",
                    "last-resort": "true" if one.last_resort else "false",
                    "max-controllers": "0",
                    "restrict-str": "no",
                    "nat-type": "N",
                }
            )
    return rows


def bfd_sessions(fabric: Fabric, now: float, address: str | None = None) -> list[Json]:
    """BFDSessions, or device/bfd/sessions of one device."""
    rows: list[Json] = []
    for number, (near, far) in enumerate(fabric.tunnels()):
        if address not in (None, near.edge.address) or fabric.shut(near, now):
            continue
        if fabric.asleep(near, now) or fabric.asleep(far, now):
            continue
        up = fabric.carries(near, now) and fabric.carries(far, now)
        rows.append(
            {
                **_named(near.edge, number, now),
                "vdevice-dataKey": "-".join(
                    (near.edge.address, near.transport.colour, far.edge.address, far.transport.colour, "ipsec")
                ),
                "system-ip": far.edge.address,
                "site-id": far.edge.site,
                "local-color": near.transport.colour,
                "color": far.transport.colour,
                "src-ip": "192.0.2.1",
                "dst-ip": "198.51.100.1",
                "src-port": 12346,
                "dst-port": 12346,
                "proto": "ipsec",
                "state": "up" if up else "down",
                "detect-multiplier": "7",
                "tx-interval": 1000,
                "transitions": 0,
                "uptime-date": milliseconds(now - BOOTED),
            }
        )
    return rows


def interfaces(fabric: Fabric, now: float) -> list[Json]:
    """CEdgeInterface."""
    return [
        {
            **_named(edge, number, now),
            "ifname": one.interface,
            "if-admin-status": "if-state-down" if fabric.shut(End(edge, one), now) else "if-state-up",
            "if-oper-status": "if-oper-state-lower-layer-down"
            if fabric.shut(End(edge, one), now)
            else "if-oper-state-ready",
            "vpn-id": "0",
            "speed-mbps": str(next(speed for kind, speed in BANDS.items() if one.interface.startswith(kind))),
            "bandwidth-downstream": str(one.down_kbps),
            "bandwidth-upstream": str(one.down_kbps // 5),
            "auto-downstream-bandwidth": "0",
            "auto-upstream-bandwidth": "0",
            "ip-address": f"192.0.2.{number + 1}",
        }
        for edge in fabric.edges
        for number, one in enumerate(edge.transports)
    ]


def _named(edge: Edge, number: int, now: float) -> Json:
    return {
        "vdevice-name": edge.address,
        "vdevice-host-name": edge.name,
        "vmanage-system-ip": edge.address,
        "@rid": 3000 + number,
        "lastupdated": milliseconds(now - 20),
        "createTimeStamp": milliseconds(now - BOOTED),
    }


def edge_inventory(fabric: Fabric) -> list[Json]:
    """system/device/vedges: every edge, and one that was bought and never came up."""
    rows: list[Json] = [
        {
            "deviceType": "vedge",
            "uuid": edge.uuid,
            "chasisNumber": edge.uuid,
            "serialNumber": edge.serial,
            "deviceModel": edge.model,
            "system-ip": edge.address,
            "deviceIP": edge.address,
            "host-name": edge.name,
            "site-id": str(edge.site),
            "validity": "valid",
            "vedgeCertificateState": "certinstalled",
            "reachability": "reachable",
            "personality": "vedge",
        }
        for edge in fabric.edges
    ]
    spare: Json = {
        "deviceType": "vedge",
        "uuid": "C8200-1N-4T-SIMSPARE",
        "chasisNumber": "C8200-1N-4T-SIMSPARE",
        "serialNumber": "0BADCAFE",
        "deviceModel": "vedge-C8200-1N-4T",
        "validity": "valid",
        "vedgeCertificateState": "tokengenerated",
    }
    return [*rows, spare]


def system_status(edge: Edge, fabric: Fabric, now: float) -> list[Json]:
    """device/system/status of one device."""
    user = round(4 + 20 * fabric.chance("cpu", edge.address, now // 60), 2)
    return [
        {
            "vdevice-name": edge.address,
            "cpu_user": str(user),
            "cpu_system": "2.1",
            "cpu_idle": str(round(100 - 2.1 - user, 2)),
            "mem_used": "2860120",
            "mem_total": "8034240",
            "uptime": "40 days 00 hrs 00 min 00 sec",
        }
    ]


def local_properties(edge: Edge) -> list[Json]:
    """device/control/localproperties of one device."""
    return [
        {
            "vdevice-name": edge.address,
            "certificate-status": "Installed",
            "certificate-validity": "Valid",
            "certificate-not-valid-before": "Nov 01 00:00:00 2024 GMT",
            "certificate-not-valid-after": "Nov 01 00:00:00 2034 GMT",
            "number-active-wan-interfaces": str(len(edge.transports)),
        }
    ]
