"""`lineproof poll DEVICE`: everything that a device, and the orchestrator that manages it, say now."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from collector.orchestrator.port import OrchestratorError
from collector.sink import NoSink
from collector.snmp.poller import SnmpPoller
from collector.snmp.report import PollOutcome, PollReport
from collector.snmp.watch import SnmpWatch
from config.errors import NotFoundError
from inventory.model import Device, Inventory
from service.cli.hosts import host_of
from service.cli.running import print_json
from service.cli.wording import looked_lines, poll_lines
from service.documents import Looked, looked_document, poll_document, unpolled_document
from service.installation import Installation, opened


async def poll_now(identity: str, config: Path | None, *, as_json: bool) -> int:
    """Ask over SNMP and at the orchestrator, whichever the inventory has; 0 when all that were asked answered."""
    async with opened(config) as installation:
        inventory = await installation.inventory()
        device = inventory.devices.get(identity)
        if device is None:
            raise NotFoundError(f"no device is known as {identity!r}; `lineproof inventory show SITE` lists a site's")
        report, looked = await asyncio.gather(_polled(installation, inventory, device), _looked(installation, device))
    if as_json:
        document = poll_document(report) if report else unpolled_document(identity)
        print_json({**document, "orchestrator": looked_document(looked) if looked else None})
    else:
        lines = [*(poll_lines(report) if report else ()), *(looked_lines(looked) if looked else ())]
        print("\n".join(lines))
    polled = report is None or report.outcome is PollOutcome.OK
    return 0 if polled and (looked is None or not looked.error) else 1


async def _polled(installation: Installation, inventory: Inventory, device: Device) -> PollReport | None:
    """None for a device without SNMP access that an orchestrator manages."""
    if device.snmp is None and device.orchestrator is not None:
        return None
    settings = installation.settings.snmp
    poller = SnmpPoller(timeout=settings.timeout, retries=settings.retries)
    watch = SnmpWatch(inventory, settings, installation.clock, NoSink(), poller, [device])
    try:
        report = await watch.poll_device(device, in_full=True)
    finally:
        poller.close()
    return replace(report, message=_nothing_to_ask(device)) if device.snmp is None else report


def _nothing_to_ask(device: Device) -> str:
    lacks = "snmp" if device.management_address else "management_address and snmp"
    return (
        f"the inventory gives device {device.id} neither SNMP access nor an orchestrator, so nobody can be asked; "
        f"add {lacks}, or orchestrator with name, edge_id and enterprise_id"
    )


async def _looked(installation: Installation, device: Device) -> Looked | None:
    """What the orchestrator says, or why it said nothing; None for a device that none manages."""
    if device.orchestrator is None:
        return None
    name = device.orchestrator.name
    try:
        async with host_of(installation, name) as host:
            return Looked(device.id, name, await host.look(device.id))
    except (OrchestratorError, NotFoundError) as error:
        return Looked(device.id, name, None, str(error))
