"""`python -m service.simulator.vco`: a VCO alone, with a fleet of any size, until it is interrupted.

It prints one line of JSON once it listens: its addresses, and where its inventory is. Accounts, unless a token from
the environment is the only one wanted: `operator` and `customer` (who sees the first enterprise) log in with the
password `simulated`; the API token is `simulated-token`. Nothing here is a secret: everything is on loopback.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import ssl
import sys
from pathlib import Path
from random import Random

import uvloop

from config.clock import SystemClock
from service.simulator.fleet import LOOPBACK, Fleet
from service.simulator.inventory_file import inventory_lines
from service.simulator.vco.accounts import SESSION_LIFETIME, Account, Door, Role
from service.simulator.vco.big_fleet import FIRST_ENTERPRISE, draw_big_fleet, draw_troubled_sites
from service.simulator.vco.control import VcoControl
from service.simulator.vco.server import VcoServer
from service.simulator.vco.troubles import Troubles
from service.simulator.vco.world import World

PASSWORD, TOKEN = "simulated", "simulated-token"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m service.simulator.vco", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--edges", type=int, default=100)
    parser.add_argument("--links", type=int, help="in all; 2.5 for each edge unless given")
    parser.add_argument(
        "--faulty", type=float, default=0.01, help="share of the sites with a fault in the day around now"
    )
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0, help="where troubles are switched (docs/simulator.md)")
    parser.add_argument("--tls-certificate", type=Path, help="PEM file")
    parser.add_argument("--tls-key", type=Path, help="PEM file")
    parser.add_argument("--token-from-env", metavar="NAME", help="the environment variable with the only API token")
    parser.add_argument("--session-lifetime", type=float, default=SESSION_LIFETIME, help="seconds")
    parser.add_argument("--rate-limit", choices=("on", "off"), default="on")
    parser.add_argument("--name", default="vco-simulated", help="of the orchestrator in the inventory")
    parser.add_argument("--inventory", type=Path, help="write the fleet's inventory to this file (YAML)")
    given = parser.parse_args()
    if given.token_from_env and given.token_from_env not in os.environ:
        parser.error(f"the environment variable {given.token_from_env} is not set")
    return given


def accounts(token: str = TOKEN) -> list[Account]:
    """An operator with a password and an API token, and a customer with a password, of the first enterprise."""
    return [
        Account(name="operator", password=PASSWORD, token=token),
        Account(name="customer", role=Role.CUSTOMER, password=PASSWORD, enterprises=(FIRST_ENTERPRISE,)),
    ]


async def serve(given: argparse.Namespace, fleet: Fleet) -> None:
    """Serve until SIGINT or SIGTERM."""
    clock = SystemClock()
    now = clock.now().timestamp()
    token = os.environ[given.token_from_env] if given.token_from_env else TOKEN
    server = VcoServer(
        World.of(fleet, draw_troubled_sites(given.seed, fleet, now, given.faulty)),
        clock,
        Door(accounts(token), given.session_lifetime),
        Troubles(Random(f"{given.seed}/troubles")),
        limited=given.rate_limit == "on",
    )
    tls = None
    if given.tls_certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(given.tls_certificate, given.tls_key)
    listening, control = _bound(given.port), _bound(given.control_port)
    runners = [await server.start(listening, tls), await VcoControl(server).start(control)]
    over = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, over.set)
    scheme = "https" if tls else "http"
    told = {
        "url": f"{scheme}://{LOOPBACK}:{listening.getsockname()[1]}",
        "control": f"http://{LOOPBACK}:{control.getsockname()[1]}",
        "edges": len(fleet.premises),
        "links": sum(len(each.lines) for each in fleet.premises),
        "inventory": str(given.inventory) if given.inventory else None,
    }
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()
    await over.wait()
    for runner in runners:
        await runner.cleanup()


def _bound(port: int) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind((LOOPBACK, port))
    return made


def main() -> None:
    given = _arguments()
    links = given.links if given.links is not None else given.edges * 5 // 2
    fleet = draw_big_fleet(given.seed, given.edges, links, given.name)
    if given.inventory:
        given.inventory.write_text(inventory_lines(fleet.inventory()), encoding="utf-8")
    uvloop.run(serve(given, fleet))


if __name__ == "__main__":
    main()
