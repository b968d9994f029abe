"""Which adapter speaks to which kind of orchestrator."""

from __future__ import annotations

from pathlib import Path

from collector.orchestrator.directory import Directory
from collector.orchestrator.port import CallPlan, Orchestrator
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud import adapter as velocloud
from collector.orchestrator.velocloud import calls as velocloud_calls
from collector.settings import OrchestratorSettings
from config.clock import Clock
from inventory.model import Inventory


def opened_orchestrator(
    name: str, settings: OrchestratorSettings, inventory: Inventory, clock: Clock, quota: Quota
) -> Orchestrator:
    """The adapter for a host. Nothing is called yet. Raises ConfigurationError for settings that cannot be used."""
    return velocloud.VeloCloud(name, settings, inventory, clock, quota)


def quota_of(name: str, settings: OrchestratorSettings, folder: Path) -> Quota:
    """The quota of a host, shared by every process that keeps its data in `folder`."""
    return Quota(settings.calls_per_hour, folder / f"orchestrator-{name}.quota")


def planned_calls(settings: OrchestratorSettings, known: Directory) -> CallPlan:
    """What the host will be called. Pure."""
    return velocloud_calls.planned(settings, known)
