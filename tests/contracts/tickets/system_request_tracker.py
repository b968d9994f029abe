"""Debian's Request Tracker 5, one server for all tests of a session."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from real_rt import RequestTrackerServer, Technician
from ticket_far_ends import WRONG_SECRET, FarEnd, System

from triage.tickets.request_tracker.adapter import RequestTracker


@asynccontextmanager
async def opened(request: pytest.FixtureRequest, _folder: Path) -> AsyncIterator[FarEnd]:
    server: RequestTrackerServer = request.getfixturevalue("request_tracker_server")
    with socket.create_server(("127.0.0.1", 0)) as mute, socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        tickets = RequestTracker(server.settings())
        others = {
            "away": RequestTracker(server.settings(url=f"http://127.0.0.1:{nobody.getsockname()[1]}")),
            "refused": RequestTracker(server.settings(token=WRONG_SECRET)),
            "silent": RequestTracker(server.settings(url=f"http://127.0.0.1:{mute.getsockname()[1]}", timeout=0.5)),
        }
        yield FarEnd(tickets=tickets, person=Technician(server), absent="999999", queues=("noc", "carrier"), **others)
        for one in (tickets, *others.values()):
            await one.close()


SYSTEM = System(open=opened, marks=(pytest.mark.real, pytest.mark.slow))
