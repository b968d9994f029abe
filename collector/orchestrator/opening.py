"""Which adapter speaks to which kind of orchestrator. Each is imported only where it is needed."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from collector.orchestrator.directory import Directory
from collector.orchestrator.port import CallPlan, Orchestrator
from collector.orchestrator.quota import Quota
from collector.settings import OrchestratorKind, OrchestratorSettings
from config.clock import Clock
from inventory.model import Inventory


def opened_orchestrator(
    name: str, settings: OrchestratorSettings, inventory: Inventory, clock: Clock, quota: Quota
) -> Orchestrator:
    """The adapter for a host. Nothing is called yet. Raises ConfigurationError for settings that cannot be used."""
    match settings.kind:
        case OrchestratorKind.VELOCLOUD:
            from collector.orchestrator.velocloud.adapter import VeloCloud

            return VeloCloud(name, settings, inventory, clock, quota)
        case OrchestratorKind.CATALYST:
            from collector.orchestrator.catalyst.adapter import Catalyst

            return Catalyst(name, settings, inventory, clock, quota)
        case OrchestratorKind.MERAKI:
            from collector.orchestrator.meraki.adapter import Meraki

            return Meraki(name, settings, inventory, clock, quota)


def planned_calls(settings: OrchestratorSettings, known: Directory) -> CallPlan:
    """What the host will be called. Pure."""
    match settings.kind:
        case OrchestratorKind.VELOCLOUD:
            from collector.orchestrator.velocloud import calls as velocloud

            return velocloud.planned(settings, known)
        case OrchestratorKind.CATALYST:
            from collector.orchestrator.catalyst import calls as catalyst

            return catalyst.planned(settings, known)
        case OrchestratorKind.MERAKI:
            from collector.orchestrator.meraki import calls as meraki

            return meraki.planned(settings, known)


def quota_of(settings: OrchestratorSettings, folder: Path) -> Quota:
    """The quota of a host, shared by all its accounts here and by every process that keeps its data in `folder`."""
    host = quote(f"{settings.url.host}_{settings.url.port}", safe="")
    return Quota(settings.calls_per_hour, folder / f"orchestrator-{host}.quota", burst=settings.burst)
