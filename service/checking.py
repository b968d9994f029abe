"""What `lineproof check` finds before anything is sent: names that inventory and settings do not share, and plans that
no quota bears. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from collector.plan import orchestrator_plans
from collector.settings import CollectorSettings
from inventory.model import Inventory, LifeCycle
from inventory.notices import carriers_of
from triage.mail.settings import CarrierMailSettings


def mismatches(inventory: Inventory, settings: CollectorSettings, platforms: Collection[str]) -> Iterator[str]:
    """One sentence for each thing that the inventory names and the settings, or netmiko's `platforms`, do not have."""
    credentials, orchestrators = settings.snmp.credentials, settings.orchestrators
    live = [device for device in inventory.devices.values() if device.life_cycle is LifeCycle.LIVE]
    for device in live:
        if device.snmp is not None and device.snmp.credential not in credentials:
            yield (
                f"device {device.id} names the SNMP credential {device.snmp.credential!r}; "
                f"add it to the settings under snmp.credentials"
            )
        if device.orchestrator is not None and device.orchestrator.name not in orchestrators:
            yield (
                f"device {device.id} names the orchestrator {device.orchestrator.name!r}; "
                f"add it to the settings under orchestrators"
            )
        if device.command_line is not None and device.command_line.platform not in platforms:
            yield (
                f"device {device.id} names the platform {device.command_line.platform!r}, which netmiko does not know; "
                f"write one of its device types, such as cisco_ios"
            )
    named = {device.orchestrator.name for device in live if device.orchestrator is not None}
    for name in sorted(orchestrators.keys() - named):
        yield f"the settings have the orchestrator {name!r}, which no live device of the inventory names"
    for plan in orchestrator_plans(inventory, settings):
        if plan.exceeds_quota:
            together = f" together with {', '.join(plan.shares_quota_with)}" if plan.shares_quota_with else ""
            yield (
                f"orchestrator {plan.name}{together} needs {plan.percent_of_quota_together:.0f} % of the "
                f"{plan.quota_per_hour} calls an hour that it may be asked; lengthen states_every or statistics_every, "
                "or raise calls_per_hour as far as the host allows"
            )


def mail_mismatches(
    inventory: Inventory, carriers: Sequence[CarrierMailSettings], formats: Collection[str]
) -> Iterator[str]:
    """One sentence for each carrier whose notices could never mean a line, or never be read."""
    known = {name for link in inventory.links.values() for name in carriers_of(link)}
    for one in carriers:
        if one.carrier.casefold() not in known:
            yield f"mail.intake names the carrier {one.carrier!r}, which no line has; write it as the inventory does"
        if one.format != "generic" and one.format not in formats:
            yield (
                f"mail.intake reads {one.carrier}'s notices as {one.format!r}, which circuit-maintenance-parser does "
                f"not know; write generic, or one of {', '.join(sorted(formats))}"
            )
