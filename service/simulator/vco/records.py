"""A VCO's answers about enterprises, and about an edge's configuration. Pure; shapes of the Portal API v1."""

from __future__ import annotations

from collections.abc import Sequence

from inventory.model import Link
from service.simulator.fleet import Premises
from service.simulator.vco.oddities import Json, disfigured
from service.simulator.vco.states import links_of, next_hop
from service.simulator.vco.world import RETIRED_FOR, World, is_cold, is_spare, logical_id, vco_time

NETWORK = 1
"""A VCO has one network, number 1."""
VCO_ADDRESS = "192.0.2.10"


def enterprise_row(world: World, enterprise: int) -> Json:
    client = world.register.clients[enterprise]
    return {
        "id": enterprise,
        "created": vco_time(world.start - 3 * RETIRED_FOR),
        "networkId": NETWORK,
        "gatewayPoolId": 1,
        "alertsEnabled": 1,
        "operatorAlertsEnabled": 1,
        "name": world.enterprise_name(enterprise),
        "domain": client.id,
        "logicalId": logical_id("enterprise", enterprise),
        "accountNumber": f"LP-{enterprise:06d}",
        "timezone": client.timezone,
        "enterpriseProxyId": None,
        "enterpriseProxyName": None,
        "edgeCount": sum(1 for _ in world.edges([enterprise])),
    }


def enterprise_rows(world: World, enterprises: Sequence[int]) -> list[Json]:
    """network/getNetworkEnterprises and enterpriseProxy/getEnterpriseProxyEnterprises, without the edges."""
    return [enterprise_row(world, each) for each in enterprises]


def aggregates(world: World, enterprises: Sequence[int]) -> Json:
    """monitoring/getAggregates: the enterprises, and how many edges each has."""
    rows = enterprise_rows(world, enterprises)
    counts = {str(row["id"]): row["edgeCount"] for row in rows}
    return {"edgeCount": sum(counts.values()), "edges": counts, "enterprises": rows}


def configuration_modules(world: World, premises: Premises, now: float, modules: Sequence[str]) -> Json:
    """edge/getEdgeConfigurationModules: of the modules only WAN; the contracted rates are in there, as text."""
    if modules and "WAN" not in modules:
        return {}
    links = [_wan_link(world, premises, link, now) for link in links_of(world, premises)]
    wan = {
        "version": str(round(world.start * 1000)),
        "schemaVersion": "5.0.0",
        "type": "ENTERPRISE",
        "data": {"links": links, "networks": []},
    }
    return {"WAN": disfigured(wan, world.oddities(premises))}


def _wan_link(world: World, premises: Premises, link: Link, now: float) -> Json:
    wireless = link.access is not None and link.access.wireless
    cold = is_cold(premises, link)
    return {
        "logicalId": next_hop(world, premises, link),
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
        "hotStandby": is_spare(premises, link) and not cold,
        "minActiveLinks": 1,
        "staticSlaEnabled": False,
        "staticSLA": {"latencyMs": 0, "jitterMs": 0, "lossPct": 0},
        "lastActive": vco_time(now),
    }
