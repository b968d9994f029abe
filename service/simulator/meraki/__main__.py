"""`python -m service.simulator.meraki`: a dashboard alone, with a fleet of its own, until it is interrupted.

It prints one line of JSON once it listens: its address, and where its inventory is. The API key is `simulated-key`,
which is no secret: everything is on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

import uvloop

from config.clock import SystemClock
from service.simulator.fleet import LOOPBACK
from service.simulator.inventory_file import inventory_lines
from service.simulator.meraki.asked import World
from service.simulator.meraki.fleet import Organization, draw_organizations
from service.simulator.meraki.happenings import Fault, Happenings, Outage
from service.simulator.meraki.inventory import inventory
from service.simulator.meraki.server import DashboardServer
from service.simulator.meraki.troubles import TroubleKind

KEY = "simulated-key"
DAY = 86400.0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m service.simulator.meraki", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--networks", type=int, nargs="+", default=[20, 5], help="networks of each organization")
    parser.add_argument("--faulty", type=float, default=0.1, help="share of the networks with a fault in this day")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--rate-limit", choices=("on", "off"), default="on")
    parser.add_argument(
        "--trouble", choices=[kind.value for kind in TroubleKind], action="append", default=[], help="of every call"
    )
    parser.add_argument("--name", default="meraki-simulated", help="of the orchestrator in the inventory")
    parser.add_argument("--inventory", type=Path, help="write the fleet's inventory to this file (YAML)")
    return parser.parse_args()


def draw_happenings(seed: int, organizations: Sequence[Organization], now: float, share: float) -> Happenings:
    """A day around `now` in which this share of the networks has an outage or a fault for some hours."""
    random = Random(f"{seed}/happenings")
    found = Happenings(seed)
    for organization in organizations:
        for network in organization.networks:
            if random.random() >= share:
                continue
            start = now + random.uniform(-DAY / 2, DAY / 2)
            end = start + random.uniform(0.5, 6) * 3600
            if random.random() < 0.4:
                found.outages.append(Outage(serial=network.serials[0], start=start, end=end))
            else:
                line, loss = random.choice(network.lines), random.choice((8.0, 20.0, 100.0))
                found.faults.append(
                    Fault(network=network.id, interface=line.interface, start=start, end=end, loss=loss)
                )
    return found


async def serve(given: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM."""
    clock = SystemClock()
    organizations = draw_organizations(given.seed, given.networks)
    happenings = draw_happenings(given.seed, organizations, clock.now().timestamp(), given.faulty)
    server = DashboardServer(World(organizations, happenings, set()), clock, {KEY}, limited=given.rate_limit == "on")
    for kind in given.trouble:
        server.troubles.begin(TroubleKind(kind))
    if given.inventory:
        given.inventory.write_text(inventory_lines(inventory(organizations, given.name)), encoding="utf-8")
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((LOOPBACK, given.port))
    runner = await server.start(listening)
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    told = {
        "url": f"http://{LOOPBACK}:{listening.getsockname()[1]}",
        "organizations": [one.id for one in organizations],
        "networks": sum(given.networks),
        "inventory": str(given.inventory) if given.inventory else None,
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    await over.wait()
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(serve(_arguments()))
