"""The VCO methods that we call, and how often. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

from collector.orchestrator.directory import Directory
from collector.orchestrator.port import CallPlan, ClockName
from collector.settings import OrchestratorSettings

EDGE_LINK_STATUS = "monitoring/getEnterpriseEdgeLinkStatus"
AGGREGATE_LINK_METRICS = "monitoring/getAggregateEdgeLinkMetrics"
AGGREGATE_EVENTS = "monitoring/getAggregateEnterpriseEvents"
NETWORK_ENTERPRISES = "network/getNetworkEnterprises"
NETWORK_GATEWAYS = "network/getNetworkGateways"
PROXY_ENTERPRISES = "enterpriseProxy/getEnterpriseProxyEnterprises"
OWN_ENTERPRISE = "enterprise/getEnterprise"
ENTERPRISE_EDGES = "enterprise/getEnterpriseEdges"
EDGE = "edge/getEdge"
EDGE_CONFIGURATION = "edge/getEdgeConfigurationModules"
EDGE_HEALTH = "metrics/getEdgeStatusMetrics"
EDGE_LINK_SERIES = "metrics/getEdgeLinkSeries"
LINK_QUALITY = "linkQualityEvent/getLinkQualityEvents"
ENTERPRISE_EVENTS = "event/getEnterpriseEvents"

EDGE_PAGE = 500
"""Edges in one answer of getEnterpriseEdges."""
MOST_TICKS = 1024
"""Ticks in one answer of getEdgeLinkSeries."""
HA_EVERY = 300
"""Seconds between two readings of HA states, which go with readings of states; one more after each switch of a pair."""
CLOCKS: Mapping[str, ClockName] = {
    EDGE_LINK_STATUS: "states",
    NETWORK_ENTERPRISES: "events",
    AGGREGATE_LINK_METRICS: "statistics",
    AGGREGATE_EVENTS: "events",
    ENTERPRISE_EVENTS: "events",
    NETWORK_GATEWAYS: "events",
}


def planned(settings: OrchestratorSettings, known: Directory) -> CallPlan:
    """The calls that these settings lead to."""
    pairs = any(len(device.serials) > 1 for device in known.devices.values())
    enterprises = len(known.enterprises())
    ticks = 3600 / settings.tick
    ha_every = math.ceil(HA_EVERY / settings.states_every) * settings.states_every
    calls = {
        EDGE_LINK_STATUS: 3600 / settings.states_every,
        NETWORK_ENTERPRISES: 3600 / ha_every if pairs else 0.0,
        AGGREGATE_LINK_METRICS: 2 * ticks,
        AGGREGATE_EVENTS: ticks if enterprises > 1 else 0.0,
        ENTERPRISE_EVENTS: ticks if enterprises == 1 else 0.0,
        NETWORK_GATEWAYS: ticks,
    }
    windows = -(-settings.history_days * 86400 // (MOST_TICKS * settings.tick))
    identities = [device.orchestrator for device in known.devices.values()]
    edges = Counter(one.enterprise_id for one in identities if one is not None)
    lists = 1 + sum(math.ceil(count / EDGE_PAGE) for count in edges.values())
    return CallPlan(
        hourly={method: count for method, count in calls.items() if count},
        at_first_contact=int(windows) * len(known.watched_devices),
        listing=lists + edges.total(),
        clocks=CLOCKS,
        notes=tuple(_notes(enterprises, ticks, 3600 / ha_every if pairs else 0.0, lists)),
    )


def _notes(enterprises: int, ticks: float, pairs: float, lists: int) -> Iterator[str]:
    yield f"of a listing {lists} calls are for the edges, the others for their rates, one for each edge"
    if enterprises > 1:
        each = ticks * enterprises
        yield f"an account that may not call {AGGREGATE_EVENTS} asks each enterprise: {each:g} calls an hour"
    if enterprises > 1 and pairs:
        yield (
            f"an account that may not call {NETWORK_ENTERPRISES} asks each enterprise that has pairs: "
            f"up to {pairs * enterprises:g} calls an hour"
        )
