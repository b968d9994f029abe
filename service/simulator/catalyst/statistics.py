"""What the manager has collected: app-route and interface readings, and events. Pure.

Each edge reads its tunnels every ten minutes at a moment of its own; the manager collects the readings at the next
round of its collection, from the edges that it has contact to.
"""

from __future__ import annotations

from collections.abc import Iterator

from service.simulator.catalyst.fabric import Edge, End, Fabric, Trouble, TroubleKind
from service.simulator.catalyst.records import Json, milliseconds

POLL = 600.0
ECHOES = 600
PARTS = 10
PROCESSING = 30.0


def phase(fabric: Fabric, edge: Edge) -> float:
    """When in each ten minutes an edge reads its tunnels."""
    return float(int(POLL * fabric.chance("phase", edge.address)))


def readings(fabric: Fabric, edge: Edge, start: float, end: float) -> Iterator[float]:
    """The moments in [start, end) at which an edge takes its readings."""
    moment = (start - phase(fabric, edge)) // POLL * POLL + phase(fabric, edge)
    while moment < end:
        if moment >= start:
            yield moment
        moment += POLL


def collected_at(moment: float, every: float) -> float:
    """When a reading of this moment is in the manager's database."""
    return (moment // every + 1) * every + PROCESSING


def app_route(fabric: Fabric, start: float, end: float, now: float, every: float) -> list[Json]:
    """approutestatsstatistics with `entry_time` in [start, end), as far as it is collected at `now`."""
    rows: list[Json] = []
    for near, far in fabric.tunnels():
        for moment in readings(fabric, near.edge, start, end):
            if collected_at(moment, every) <= now and fabric.reachable(near.edge.address, now):
                row = _tunnel(fabric, near, far, moment, every)
                if row:
                    rows.append(row)
    return rows


def _tunnel(fabric: Fabric, near: End, far: End, moment: float, every: float) -> Json | None:
    """A tunnel's reading. One that never was up in the interval has no row where its own end was not carrying."""
    parts = [fabric.loss(near, far, moment - POLL * (part + 0.5) / PARTS) for part in range(PARTS)]
    if fabric.shut(near, moment - 1) or fabric.asleep(near, moment - 1) or fabric.asleep(far, moment - 1):
        return None
    share = sum(parts) / PARTS
    chance = fabric.chance(near.edge.address, near.transport.colour, far.edge.address, far.transport.colour, moment)
    lost = ECHOES if share >= 1.0 else min(ECHOES, round(ECHOES * share))
    answered = lost < ECHOES
    name = f"{near.edge.address}:{near.transport.colour}-{far.edge.address}:{far.transport.colour}"
    return {
        "vdevice_name": near.edge.address,
        "vmanage_system_ip": near.edge.address,
        "host_name": near.edge.name,
        "device_model": near.edge.model,
        "siteid": near.edge.site,
        "tenant": "default",
        "entry_time": milliseconds(moment),
        "statcycletime": milliseconds(collected_at(moment, every)),
        "vip_idx": 1 + int(10_000 * chance),
        "id": f"{name}-{milliseconds(moment)}",
        "name": name,
        "local_system_ip": near.edge.address,
        "remote_system_ip": far.edge.address,
        "local_color": near.transport.colour,
        "remote_color": far.transport.colour,
        "tunnel_color": f"{near.transport.colour}:{far.transport.colour}",
        "proto": "IPSEC",
        "src_ip": "192.0.2.1",
        "dst_ip": "198.51.100.1",
        "src_port": 12346,
        "dst_port": 12346,
        "state": "Up" if answered else "Down",
        "app_probe_class": "None",
        "sla_class_list": "0",
        "sla_class_names": "__all_tunnels__",
        "total": ECHOES,
        "loss": lost,
        "loss_percentage": round(100.0 * lost / ECHOES, 3),
        "latency": round(fabric.round_trip(near, far) + 2.0 * chance) if answered else 0,
        "jitter": round(1.0 + 2.0 * chance) if answered else 0,
        "rx_pkts": 0,
        "tx_pkts": 0,
        "rx_octets": 0,
        "tx_octets": 0,
        "vqoe_score": 10,
    }


def interface_statistics(fabric: Fabric, start: float, end: float, now: float, every: float) -> list[Json]:
    """interfacestatistics with `entry_time` in [start, end), as far as it is collected at `now`: the transports, and
    the interface towards the site."""
    rows: list[Json] = []
    for edge in fabric.edges:
        if not fabric.reachable(edge.address, now):
            continue
        for moment in readings(fabric, edge, start, end):
            if collected_at(moment, every) <= now:
                rows += _interfaces(fabric, edge, moment, every)
    return rows


def rates(fabric: Fabric, end: End, moment: float) -> tuple[float, float]:
    """What a transport carries, in kbps: download and upload. Download is the greater."""
    if not fabric.carries(end, moment - 1):
        return (0.0, 0.0) if not fabric.line_up(end, moment - 1) else (2.0, 2.0)
    load = 0.05 + 0.3 * fabric.chance("load", end.edge.address, end.transport.colour, moment)
    return round(load * end.transport.down_kbps, 1), round(load * end.transport.down_kbps / 8, 1)


def _interfaces(fabric: Fabric, edge: Edge, moment: float, every: float) -> list[Json]:
    rows: list[Json] = []
    total = [0.0, 0.0]
    for one in edge.transports:
        end = End(edge, one)
        rx, tx = rates(fabric, end, moment)
        total = [total[0] + tx, total[1] + rx]
        rows.append(_interface(edge, one.interface, 0, "Down" if fabric.shut(end, moment) else "Up", rx, tx))
    rows.append(_interface(edge, "GigabitEthernet0/0/5", 10, "Up", total[0], total[1]))
    times = {"entry_time": milliseconds(moment), "statcycletime": milliseconds(collected_at(moment, every))}
    return [{**row, **times, "id": f"{row['interface']}-{edge.address}-{moment:.0f}"} for row in rows]


def _interface(edge: Edge, name: str, vpn: int, oper: str, rx: float, tx: float) -> Json:
    return {
        "vdevice_name": edge.address,
        "vmanage_system_ip": edge.address,
        "host_name": edge.name,
        "device_model": edge.model,
        "tenant": "default",
        "interface": name,
        "interface_type": "physical",
        "vpn_id": vpn,
        "af_type": "None",
        "admin_status": oper,
        "oper_status": oper,
        "rx_kbps": rx,
        "tx_kbps": tx,
        "rx_octets": round(rx * 1000 / 8 * POLL),
        "tx_octets": round(tx * 1000 / 8 * POLL),
        "bw_down": 1_000_000,
        "bw_up": 1_000_000,
        "down_capacity_percentage": round(rx / 10_000, 4),
        "up_capacity_percentage": round(tx / 10_000, 4),
        "rx_errors": 0,
        "tx_errors": 0,
        "rx_drops": 0,
        "tx_drops": 0,
    }


def events(fabric: Fabric, start: float, end: float, now: float) -> list[Json]:
    """deviceevents in [start, end)."""
    rows = [row for trouble in fabric.troubles for row in _events_of(fabric, trouble)]
    return sorted(
        (row for row in rows if milliseconds(start) <= int(str(row["entry_time"])) < milliseconds(min(end, now))),
        key=lambda row: (int(str(row["entry_time"])), str(row["id"])),
    )


def _events_of(fabric: Fabric, trouble: Trouble) -> Iterator[Json]:
    edge = fabric.edge(trouble.address)
    if edge is None:
        return
    for moment, state in ((trouble.start, "down"), (trouble.end, "up")):
        if trouble.kind in (TroubleKind.LINE_DOWN, TroubleKind.LINE_SHUT):
            for near, far in fabric.tunnels_of(edge.address):
                if trouble.colour in (None, near.transport.colour):
                    yield _event(edge, moment, "bfd-state-change", "BFD", _bfd(near, far, state))
        if trouble.kind is TroubleKind.LINE_SHUT:
            for one in edge.transports:
                if trouble.colour in (None, one.colour):
                    said = f"vpn-id=0; if-name={one.interface}; new-state={state}"
                    yield _event(edge, moment, "interface-state-change", "VPN", said)
        if trouble.kind is TroubleKind.UNREACHABLE:
            said = f"personality=vedge; peer-type=vmanage; new-state={state}"
            yield _event(edge, moment, "control-connection-state-change", "Control", said)
    if trouble.kind is TroubleKind.REBOOT:
        yield _event(edge, trouble.end, "system-reboot-complete", "System", "personality=vedge")


def _bfd(near: End, far: End, state: str) -> str:
    return "; ".join(
        (
            "proto=ipsec",
            f"local-system-ip={near.edge.address}",
            f"local-color={near.transport.colour}",
            f"remote-system-ip={far.edge.address}",
            f"remote-color={far.transport.colour}",
            f"new-state={state}",
            "deleted=false",
        )
    )


def _event(edge: Edge, moment: float, name: str, component: str, details: str) -> Json:
    return {
        "vmanage_system_ip": edge.address,
        "system_ip": edge.address,
        "host_name": edge.name,
        "device_type": "vedge",
        "entry_time": milliseconds(moment),
        "statcycletime": milliseconds(moment + 1),
        "eventname": name,
        "component": component,
        "severity_level": "major",
        "details": f"host-name={edge.name}; {details}",
        "id": f"{edge.address}-{name}-{milliseconds(moment)}-{len(details)}-{details[-60:]}",
        "tenant": "default",
    }
