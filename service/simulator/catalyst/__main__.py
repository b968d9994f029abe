"""Serves a simulated manager by itself: python -m service.simulator.catalyst --port 8443 --branches 20."""

from __future__ import annotations

import argparse
import asyncio
import socket

from config.clock import SystemClock
from service.simulator.catalyst.fabric import fabric
from service.simulator.catalyst.server import ManagerServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="service.simulator.catalyst")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--branches", type=int, default=20)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    asyncio.run(_serve(options.port, options.branches, options.seed))


async def _serve(port: int, branches: int, seed: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        server = ManagerServer(fabric=fabric(branches, seed=seed), clock=SystemClock())
        runner = await server.start(listening)
        print(f"http://127.0.0.1:{listening.getsockname()[1]} user lineproof, password simulated", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()


if __name__ == "__main__":
    main()
