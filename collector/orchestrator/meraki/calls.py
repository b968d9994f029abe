"""The operations of the Dashboard API v1 that we call, and how often. Pure.

Each is its path below `/api/v1/`; metrics and errors show it so, without ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from collector.orchestrator.directory import Directory
from collector.orchestrator.port import CallPlan, ClockName
from collector.settings import OrchestratorSettings

UPLINK_STATUSES = "organizations/{organization}/appliance/uplink/statuses"
AVAILABILITIES = "organizations/{organization}/devices/availabilities"
LOSS_AND_LATENCY = "organizations/{organization}/devices/uplinksLossAndLatency"
USAGE_BY_NETWORK = "organizations/{organization}/appliance/uplinks/usage/byNetwork"
CHANGE_HISTORY = "organizations/{organization}/devices/availabilities/changeHistory"

ORGANIZATIONS = "organizations"
DEVICES = "organizations/{organization}/devices"
NETWORKS = "organizations/{organization}/networks"
UPLINK_BANDWIDTH = "networks/{network}/appliance/trafficShaping/uplinkBandwidth"

LOSS_HISTORY = "devices/{serial}/lossAndLatencyHistory"
USAGE_HISTORY = "networks/{network}/appliance/uplinks/usageHistory"
TARGETS = "networks/{network}/appliance/connectivityMonitoringDestinations"
PERFORMANCE = "devices/{serial}/appliance/performance"
DEVICE = "devices/{serial}"

PAGE = 1000
"""Entries a page: the most that every paged operation takes."""
LONGEST_WINDOW = timedelta(minutes=5)
"""Of uplinksLossAndLatency: `t1 can be a maximum of 5 minutes after t0`."""
ORGANIZATION_LIMIT = 10
"""Calls a second that one organization takes, of all its applications together (Dashboard API, "Rate limit")."""
CLOCKS: Mapping[str, ClockName] = {
    UPLINK_STATUSES: "states",
    AVAILABILITIES: "states",
    LOSS_AND_LATENCY: "statistics",
    USAGE_BY_NETWORK: "statistics",
    CHANGE_HISTORY: "events",
}


def pieces(start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """[start, end) in windows that uplinksLossAndLatency can answer, ascending."""
    count = -(-(end - start) // LONGEST_WINDOW)
    return [(start + i * LONGEST_WINDOW, min(end, start + (i + 1) * LONGEST_WINDOW)) for i in range(count)]


def planned(settings: OrchestratorSettings, known: Directory) -> CallPlan:
    """The calls that these settings lead to; pages are counted by our own devices, an organization may have more."""
    organizations = known.enterprises()
    serials = {
        one: sum(
            max(1, len(device.serials))
            for device in known.devices.values()
            if device.orchestrator and device.orchestrator.enterprise_id == one
        )
        for one in organizations
    }
    pages = sum(-(-count // PAGE) for count in serials.values())
    states = 3600 / settings.states_every
    ticks = 3600 / settings.tick
    windows = -(-timedelta(seconds=settings.tick) // LONGEST_WINDOW)
    appliances = {
        edge: len({edge, *map(str.casefold, device.serials)})
        for edge, device in known.devices.items()
        if device.id in known.watched_devices
    }
    named = [*known.links.items(), *known.interfaces.items()]
    lines = {(edge, link) for (edge, _), link in named if edge in appliances and link in known.watched_links}
    past = sum(appliances[edge] for edge, _ in lines) + len({edge for edge, _ in lines})
    calls = {
        UPLINK_STATUSES: states * pages,
        AVAILABILITIES: states * pages,
        LOSS_AND_LATENCY: 2 * ticks * windows * len(organizations),
        USAGE_BY_NETWORK: 2 * ticks * len(organizations),
        CHANGE_HISTORY: ticks * len(organizations),
    }
    devices = len(known.devices)
    return CallPlan(
        hourly={method: count for method, count in calls.items() if count},
        at_first_contact=past if settings.history_days else 0,
        listing=1 + 3 * pages + devices if organizations else 1,
        clocks=CLOCKS,
        notes=(
            f"an organization takes {ORGANIZATION_LIMIT} calls a second of all its applications together",
            "the past costs a call for each line, appliance and target, of which one target is counted",
        ),
    )
