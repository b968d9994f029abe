"""The manager's resources that we call, and how often. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from collector.orchestrator.directory import Directory
from collector.orchestrator.port import CallPlan, ClockName
from collector.orchestrator.windows import AGAIN_AFTER
from collector.settings import OrchestratorSettings

DEVICES = "device"
WAN_INTERFACES = "data/device/state/ControlWanInterface"
BFD_SESSIONS = "data/device/state/BFDSessions"
APP_ROUTE = "data/device/statistics/approutestatsstatistics"
INTERFACE_STATISTICS = "data/device/statistics/interfacestatistics"
EVENTS = "data/device/statistics/deviceevents"
APP_ROUTE_OF_ONE = "statistics/approute/page"
INTERFACES_OF_ONE = "statistics/interface/page"
TUNNELS_NOW = "device/app-route/statistics"
STATUS_NOW = "device/system/status"
CONTROL_NOW = "device/control/localproperties"
"""Real-time resources: the manager asks the device itself, which the vendor allows for troubleshooting only."""
EDGE_INVENTORY = "system/device/vedges"
INTERFACES = "data/device/state/Interface"
IOS_XE_INTERFACES = "data/device/state/CEdgeInterface"

PAGE = 10_000
"""Rows of one answer: the most that the bulk resources give."""
TUNNELS_OF_A_LINK = 8
INTERFACES_OF_AN_EDGE = 12
"""Guesses for the plan; the host's own number of rows decides how many pages there really are."""
CLOCKS: Mapping[str, ClockName] = {
    DEVICES: "states",
    WAN_INTERFACES: "states",
    BFD_SESSIONS: "states",
    APP_ROUTE: "statistics",
    INTERFACE_STATISTICS: "statistics",
    EVENTS: "events",
}


def planned(settings: OrchestratorSettings, known: Directory) -> CallPlan:
    """The calls that these settings lead to, log-ins apart. Each page of a long answer is a call."""
    edges, links = len(known.devices), len(known.watched_links)
    states = 3600 / settings.states_every
    ticks = 3600 / settings.tick
    readings = 2 if settings.late < AGAIN_AFTER.total_seconds() else 1
    tunnels, interfaces = pages(links * TUNNELS_OF_A_LINK), pages(edges * INTERFACES_OF_AN_EDGE)
    return CallPlan(
        hourly={
            DEVICES: states,
            WAN_INTERFACES: states * pages(links),
            BFD_SESSIONS: states * tunnels,
            APP_ROUTE: readings * ticks * tunnels,
            INTERFACE_STATISTICS: readings * ticks * interfaces,
            EVENTS: ticks,
        },
        at_first_contact=2 * len(known.watched_devices) if settings.history_days else 0,
        listing=2 + pages(links) + 2 * pages(edges * INTERFACES_OF_AN_EDGE),
        clocks=CLOCKS,
        notes=(
            f"counted with {TUNNELS_OF_A_LINK} tunnels a line and {INTERFACES_OF_AN_EDGE} interfaces an edge, "
            f"{PAGE} rows a page; more of them are more pages",
        ),
    )


def pages(rows: int) -> int:
    """Answers that so many rows take; an empty one is an answer too."""
    return max(1, -(-rows // PAGE))
