"""A VCO's answers about edges, their configuration and events. Pure; shapes of the Portal API v1."""

from __future__ import annotations

from collections.abc import Iterator

from inventory.model import Link
from service.simulator.faults import FaultKind, Hit
from service.simulator.fleet import Premises
from service.simulator.vco.answers import (
    OFFLINE_AFTER,
    Json,
    World,
    edge_id,
    edge_state,
    enterprise_id,
    last_contact,
    link_object,
    vco_time,
)

NOTICE_SECONDS = 8.0
"""A link event travels with the edge's next heartbeat."""


def enterprise_edges(world: World, enterprise: int | None, now: float, *, with_links: bool) -> list[Json]:
    """enterprise/getEnterpriseEdges."""
    return [_edge_object(world, each, now, with_links) for each in world.edges(enterprise)]


def network_enterprises(world: World, now: float, *, with_edges: bool) -> list[Json]:
    """network/getNetworkEnterprises: each enterprise with its edges, from which the HA states are read."""
    result = []
    for number, client in enumerate(world.fleet.clients):
        edges = enterprise_edges(world, 41 + number, now, with_links=False)
        row: Json = {"id": 41 + number, "name": f"{client.name}|{90041 + number}|", "edgeCount": len(edges)}
        result.append({**row, "edges": edges} if with_edges else row)
    return result


def _edge_object(world: World, premises: Premises, now: float, with_links: bool) -> Json:
    serials = premises.device.serials
    paired = len(serials) > 1
    state = edge_state(world, premises, now)
    edge: Json = {
        "id": edge_id(premises),
        "name": premises.site.id.upper(),
        "enterpriseId": enterprise_id(premises),
        "serialNumber": serials[0],
        "haSerialNumber": serials[1] if paired else None,
        "haState": "READY" if paired else "UNCONFIGURED",
        "haPreviousState": "UNCONFIGURED",
        "edgeState": state,
        "activationState": "ACTIVATED",
        "lastContact": vco_time(last_contact(world, premises, now)),
        "isLive": int(state == "CONNECTED"),
        "modelNumber": premises.device.model,
        "softwareVersion": "5.2.3",
        "serviceState": "IN_SERVICE",
        "logicalId": f"edge-{edge_id(premises)}-4aaa-8aaa",
        "site": {
            "streetAddress": premises.site.address,
            "city": premises.site.market,
            "timezone": premises.site.timezone,
            "contactName": premises.site.on_site_contact.name if premises.site.on_site_contact else None,
        },
    }
    if with_links:
        edge["links"] = [link_object(world, premises, link, now) for link in premises.links if link.is_wan]
    return edge


def configuration_modules(world: World, premises: Premises, now: float) -> Json:
    """edge/getEdgeConfigurationModules for the module WAN: the contracted rates are in here, as text."""
    links = [_wan_link(premises, link, now) for link in premises.wan]
    return {
        "WAN": {
            "version": str(round(world.plan.start * 1000)),
            "schemaVersion": "5.0.0",
            "type": "ENTERPRISE",
            "data": {"links": links, "networks": []},
        }
    }


def _wan_link(premises: Premises, link: Link, now: float) -> Json:
    wireless = link.access is not None and link.access.wireless
    cold = any(line.link == link.id and line.cold for line in premises.lines)
    return {
        "logicalId": f"00:00:5e:00:53:{edge_id(premises) % 256:02x}:0000",
        "internalId": link.orchestrator_link,
        "name": f"{link.carrier} {link.interface}",
        "discovery": "USER_DEFINED",
        "mode": "PUBLIC",
        "type": "WIRELESS" if wireless else "WIRED",
        "interfaces": [link.interface],
        "isp": link.carrier,
        "upstreamMbps": f"{(link.committed_up_bps or 0) / 1e6:g}",
        "downstreamMbps": f"{(link.committed_down_bps or 0) / 1e6:g}",
        "bwMeasurement": "USER_DEFINED",
        "dynamicBwAdjustmentEnabled": False,
        "backupOnly": cold,
        "hotStandby": link.metered and not cold,
        "minActiveLinks": 1,
        "staticSlaEnabled": False,
        "staticSLA": {"latencyMs": 0, "jitterMs": 0, "lossPct": 0},
        "lastActive": vco_time(now),
    }


def events(world: World, enterprise: int | None, start: float, end: float, now: float) -> list[Json]:
    """event/getEnterpriseEvents, newest first: what edges reported, and what the orchestrator missed."""
    found = []
    for each in world.edges(enterprise):
        for hit in world.plan.hits_at(each.site.id):
            for moment, event, message in _events_of(each, hit, min(end, now)):
                if start <= moment < min(end, now):
                    found.append((moment, _event(each, moment, event, message)))
    return [event for _, event in sorted(found, key=lambda item: -item[0])]


def _events_of(premises: Premises, hit: Hit, until: float) -> Iterator[tuple[float, str, str]]:
    interface = next(link.interface for link in premises.links if link.id == hit.link)
    if hit.kind is FaultKind.MANAGEMENT_LOST:
        yield hit.start + OFFLINE_AFTER, "EDGE_DOWN", f"Edge {premises.site.id.upper()} is down"
        return
    if hit.kind is FaultKind.LINE_DOWN:
        spans = [(hit.start, hit.end)]
    elif hit.kind is FaultKind.FLAPPING:
        count = int((min(until, hit.end) - hit.start) // hit.period) + 1
        spans = [(hit.start + n * hit.period, hit.start + n * hit.period + hit.down_seconds) for n in range(count)]
    else:
        return
    for dead, alive in spans:
        yield dead + NOTICE_SECONDS, "LINK_DEAD", f"Link {interface} is now DEAD"
        yield min(alive, hit.end) + NOTICE_SECONDS, "LINK_ALIVE", f"Link {interface} is no longer DEAD"


def _event(premises: Premises, moment: float, event: str, message: str) -> Json:
    return {
        "id": edge_id(premises) * 10_000_000 + int(moment) % 10_000_000,
        "eventTime": vco_time(moment),
        "event": event,
        "category": "EDGE" if event.startswith("EDGE") else "NETWORK",
        "severity": "ALERT" if event.endswith(("DEAD", "DOWN")) else "INFO",
        "message": message,
        "detail": None,
        "edgeName": premises.site.id.upper(),
        "enterpriseUsername": "",
    }
