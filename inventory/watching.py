"""Which tool sees what of a line, and what nobody sees. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from inventory.model import Device, LifeCycle, Link, LinkRole, Monitoring, Tool

SEES: Mapping[Tool, tuple[str, ...]] = {
    # ifOperStatus (RFC 2863) is the state of the device's port; it proves nothing beyond the modem.
    Tool.SNMP: ("port state", "traffic", "errors"),
    Tool.ORCHESTRATOR: ("line state", "traffic", "latency", "jitter", "loss"),
    Tool.PROBE: ("line state", "latency", "jitter", "loss"),
}
WANTED_OF_A_LINE = ("line state", "traffic", "errors", "latency", "jitter", "loss")
WANTED_OF_A_LAN_PORT = ("port state", "traffic", "errors")


@dataclass(frozen=True, slots=True)
class View:
    """One tool's view of a line; `lacks` says what is not set up when the tool was promised but cannot see."""

    tool: Tool
    sees: tuple[str, ...]
    lacks: str | None = None


@dataclass(frozen=True, slots=True)
class Watching:
    """How a line is watched. `reason` says why it is not watched at all, `unseen` what no tool sees."""

    reason: str | None
    views: tuple[View, ...]
    unseen: tuple[str, ...]


def watching(link: Link, device: Device | None) -> Watching:
    """How `link`, which ends at `device`, is watched.

    A monitoring obligation that names no tools leaves the choice open: every tool that is set up watches.
    """
    wanted = WANTED_OF_A_LINE if link.is_wan else WANTED_OF_A_LAN_PORT
    reason = _unwatched(link.life_cycle, link.monitoring)
    if reason:
        return Watching(reason, (), wanted)
    possible = tuple(tool for tool in Tool if _lacks(tool, link, device) is None)
    promised = link.monitoring.tools or possible
    views = tuple(_view(tool, link, device) for tool in promised)
    seen = {aspect for view in views for aspect in view.sees}
    return Watching(None, views, tuple(aspect for aspect in wanted if aspect not in seen))


def _unwatched(life_cycle: LifeCycle, monitoring: Monitoring) -> str | None:
    if not monitoring.subscribed:
        return "monitoring is not subscribed"
    return None if life_cycle is LifeCycle.LIVE else f"the line is {life_cycle}, not live"


def _view(tool: Tool, link: Link, device: Device | None) -> View:
    lacks = _lacks(tool, link, device)
    return View(tool, SEES[tool] if lacks is None else (), lacks)


def _lacks(tool: Tool, link: Link, device: Device | None) -> str | None:
    """What must be set up before `tool` can see the line; None when nothing is missing."""
    if tool is Tool.PROBE:
        return None if link.probe_target else "no probe target"
    if device is None:
        return "no device"
    unwatched = _unwatched(device.life_cycle, device.monitoring)
    if unwatched:
        return f"its device {device.id} is not watched"
    if tool is Tool.SNMP:
        return "no SNMP access to its device" if device.snmp is None else None if link.interface else "no interface"
    if link.role is LinkRole.LAN:
        return "an orchestrator sees WAN lines only"
    if device.orchestrator is None:
        return "no orchestrator identity of its device"
    return None if link.orchestrator_link or link.interface else "neither orchestrator_link nor interface"
