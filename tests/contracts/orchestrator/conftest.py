"""Every orchestrator as the same case: our adapter, a simulated host, and something between them that tests spoil."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from hosts import HOSTS, Case

from collector.orchestrator.port import Orchestrator


@pytest.fixture(params=sorted(HOSTS))
async def case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    async with HOSTS[request.param]() as opened:
        yield opened


@pytest.fixture(params=["catalyst", "velocloud"])
async def session_case(request: pytest.FixtureRequest) -> AsyncIterator[Case]:
    """Hosts at which one logs in."""
    async with HOSTS[request.param]() as opened:
        yield opened


@pytest.fixture
async def orchestrator(case: Case) -> AsyncIterator[Orchestrator]:
    adapter = case.open()
    yield adapter
    await adapter.close()
