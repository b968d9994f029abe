"""An orchestrator host, opened for a command: on the quota that the collector draws on too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from collector.orchestrator.opening import opened_orchestrator, quota_of
from collector.orchestrator.port import Orchestrator
from collector.settings import OrchestratorSettings
from config.errors import NotFoundError
from service.installation import Installation


def settings_of(installation: Installation, name: str) -> OrchestratorSettings:
    """Raises NotFoundError for a name that the settings do not have."""
    known = installation.settings.orchestrators
    if name not in known:
        has = f"they have {', '.join(sorted(known))}" if known else "they have none; add it there under orchestrators"
        raise NotFoundError(f"the settings have no orchestrator {name!r}; {has}")
    return known[name]


@asynccontextmanager
async def host_of(installation: Installation, name: str) -> AsyncIterator[Orchestrator]:
    """Raises NotFoundError, or ConfigurationError for settings that cannot be used."""
    settings = settings_of(installation, name)
    quota = quota_of(settings, installation.journal.path.parent)
    host = opened_orchestrator(name, settings, await installation.inventory(), installation.clock, quota)
    try:
        yield host
    finally:
        await host.close()
