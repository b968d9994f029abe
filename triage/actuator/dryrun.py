"""The dry run: shows exactly what would be sent, sends nothing."""

from __future__ import annotations

from inventory.model import Device, Link
from triage.actuator.plan import ActuatorKind, ReroutePlan


class DryRun:
    """Implements Actuator without touching anything."""

    async def apply(self, plan: ReroutePlan) -> str:
        return transcript(plan, plan.commands)

    async def revert(self, plan: ReroutePlan) -> str:
        return transcript(plan, plan.undo)

    async def reboot_modem(self, link: Link, modem: Device | None) -> str:
        named = (
            f"{modem.id} ({modem.vendor} {modem.model})" if modem is not None else "the modem, of which nothing more"
        )
        known = "" if modem is not None else " is known"
        return f"DRY RUN, nothing was sent. To be rebooted: {named}{known}, of {link.id} at {link.site}"


def transcript(plan: ReroutePlan, commands: tuple[str, ...]) -> str:
    """What netmiko would send to which device, line by line, and what would be read back."""
    if plan.kind is ActuatorKind.MANUAL:
        return "\n".join(["DRY RUN, nothing was sent. For a person:", *commands])
    return "\n".join(
        [
            "DRY RUN, nothing was sent. netmiko would do:",
            f"ConnectHandler(device_type={plan.platform!r}, host={plan.host!r}, port={plan.port})",
            *(f"send_config_set: {command}" for command in commands),
            *(f"then read back: {command}" for command in plan.verify),
        ]
    )
