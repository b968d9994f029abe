"""The VCO methods that we call, and how often. Pure."""

from __future__ import annotations

from collector.orchestrator.directory import Directory
from collector.orchestrator.port import CallPlan
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

MOST_TICKS = 1024
"""Ticks in one answer of getEdgeLinkSeries."""
HA_EVERY = 300
"""Seconds between two readings of HA states, apart from those after an HA event."""


def planned(settings: OrchestratorSettings, known: Directory) -> CallPlan:
    """The calls that these settings lead to."""
    pairs = any(len(device.serials) > 1 for device in known.devices.values())
    enterprises = len(known.enterprises())
    ticks = 3600 / settings.tick
    calls = {
        EDGE_LINK_STATUS: 3600 / settings.states_every,
        NETWORK_ENTERPRISES: 3600 / max(HA_EVERY, settings.states_every) if pairs else 0.0,
        AGGREGATE_LINK_METRICS: 2 * ticks,
        AGGREGATE_EVENTS: ticks if enterprises > 1 else 0.0,
        ENTERPRISE_EVENTS: ticks if enterprises == 1 else 0.0,
        NETWORK_GATEWAYS: ticks,
    }
    windows = -(-settings.history_days * 86400 // (MOST_TICKS * settings.tick))
    edges = len(known.devices)
    notes = [f"a listing of the inventory without rates takes {1 + enterprises} of these calls, with them one an edge"]
    if enterprises > 1:
        each = ticks * enterprises
        notes.append(f"an account that may not call {AGGREGATE_EVENTS} asks each enterprise: {each:g} calls an hour")
    return CallPlan(
        hourly={method: count for method, count in calls.items() if count},
        at_first_contact=int(windows) * len(known.watched_devices),
        listing=1 + enterprises + edges,
        notes=tuple(notes),
    )
