"""The VCO methods that we call, and how often. Pure."""

from __future__ import annotations

from collector.orchestrator.directory import Directory
from collector.orchestrator.port import CallPlan
from collector.settings import OrchestratorSettings

EDGE_LINK_STATUS = "monitoring/getEnterpriseEdgeLinkStatus"
AGGREGATE_LINK_METRICS = "monitoring/getAggregateEdgeLinkMetrics"
NETWORK_ENTERPRISES = "network/getNetworkEnterprises"
EDGE_LINK_SERIES = "metrics/getEdgeLinkSeries"
ENTERPRISE_EVENTS = "event/getEnterpriseEvents"

MOST_TICKS = 1024
"""Ticks in one answer of getEdgeLinkSeries."""


def planned(settings: OrchestratorSettings, known: Directory) -> CallPlan:
    """The calls that these settings lead to."""
    pairs = any(len(device.serials) > 1 for device in known.devices.values())
    states = 3600 / settings.states_every
    ticks = 3600 / settings.tick
    calls = {
        EDGE_LINK_STATUS: states,
        NETWORK_ENTERPRISES: states if pairs else 0.0,
        AGGREGATE_LINK_METRICS: 2 * ticks,
        ENTERPRISE_EVENTS: ticks * len(known.enterprises()),
    }
    windows = -(-settings.history_days * 86400 // (MOST_TICKS * settings.tick))
    return CallPlan(
        hourly={method: count for method, count in calls.items() if count},
        at_first_contact=int(windows) * len(known.watched_devices),
        listing=0,
    )
