"""Every ticket system as the same far end; a test that needs what a system lacks is not asked of it."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

import real_rt
from real_rt import RequestTrackerServer
from ticket_far_ends import FarEnd, systems

from triage.tickets.port import TicketSystem


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(*what): asked only of ticket systems that have it")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "far_end" not in metafunc.fixturenames:
        return
    needed = {name for mark in metafunc.definition.iter_markers("needs") for name in mark.args}
    asked = [
        pytest.param(name, marks=[pytest.mark.rim, *system.marks])
        for name, system in systems().items()
        if not needed & system.lacks
    ]
    metafunc.parametrize("far_end", asked, indirect=True)


@pytest.fixture
async def far_end(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FarEnd]:
    async with systems()[request.param].open(request, tmp_path) as opened:
        yield opened


@pytest.fixture
def tickets(far_end: FarEnd) -> TicketSystem:
    return far_end.tickets


@pytest.fixture(scope="session")
def request_tracker_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RequestTrackerServer]:
    if not real_rt.is_installed():
        message = "needs root and Debian's request-tracker5 rt5-db-sqlite rt5-standalone msmtp-mta"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(f"NOT TESTED against a real Request Tracker: {message}")
    with real_rt.running(tmp_path_factory.mktemp("rt")) as server:
        yield server
