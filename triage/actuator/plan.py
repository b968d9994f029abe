"""What a re-route means on a router: the exact commands, how to undo them, and how to see that they took. Pure.

Traffic moves by making the default route over the troubled line worse than the one over the relief line: one command
replaces its administrative distance (RFC 4632 routing is unchanged, nothing is deleted first).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from inventory.model import Device, Link

ORDINARY_DISTANCE = 10
DEMOTED_DISTANCE = 250


class ActuatorKind(StrEnum):
    NETMIKO = "netmiko"
    MANUAL = "manual"
    """No command line is known for the device; the steps are for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReroutePlan:
    """`commands` are sent in configuration mode, in order; `undo` takes them back; `verify` is only read."""

    kind: ActuatorKind
    device: str
    platform: str
    host: str | None
    port: int | None
    commands: tuple[str, ...]
    undo: tuple[str, ...]
    verify: tuple[str, ...]


def reroute_plan(device: Device | None, troubled: Link, relief: Link) -> ReroutePlan:
    """The plan that moves the site's default route from `troubled` to `relief`."""
    name = device.id if device else "?"
    reachable = device is not None and device.command_line is not None and device.management_address is not None
    if device is None or device.command_line is None or not reachable or not troubled.next_hop:
        return _manual(name, troubled, relief)
    platform = device.command_line.platform
    route = _default_route(platform, troubled)
    if route is None:
        return _manual(name, troubled, relief)
    return ReroutePlan(
        kind=ActuatorKind.NETMIKO,
        device=device.id,
        platform=platform,
        host=device.management_address,
        port=device.command_line.port,
        commands=(f"{route} {DEMOTED_DISTANCE}",),
        undo=(f"no {route} {DEMOTED_DISTANCE}", f"{route} {ORDINARY_DISTANCE}"),
        verify=("show ip route 0.0.0.0", "show running-config | include ip route"),
    )


def _default_route(platform: str, link: Link) -> str | None:
    """The static default route over a link, in the platform's words (FRR and Cisco IOS reference manuals)."""
    if platform == "cisco_ios" or platform == "cisco_xe":
        return f"ip route 0.0.0.0 0.0.0.0 {link.interface or ''} {link.next_hop}".replace("  ", " ")
    if platform == "linux":
        return f"ip route 0.0.0.0/0 {link.next_hop} {link.interface or ''}".rstrip()
    return None


def _manual(device: str, troubled: Link, relief: Link) -> ReroutePlan:
    return ReroutePlan(
        kind=ActuatorKind.MANUAL,
        device=device,
        platform="",
        host=None,
        port=None,
        commands=(
            f"on {device}: prefer {_named(relief)} for all traffic of the site",
            f"on {device}: keep {_named(troubled)} as backup only",
        ),
        undo=(f"on {device}: prefer {_named(troubled)} again",),
        verify=(f"traffic leaves {_named(troubled)} and appears on {_named(relief)}",),
    )


def _named(link: Link) -> str:
    where = f" ({link.interface})" if link.interface else ""
    return f"{link.id}{where}"
