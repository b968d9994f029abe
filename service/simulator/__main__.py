"""`python -m service.simulator`: a fleet on loopback, with everything that happens in it drawn from a seed.

The SNMP community and the orchestrator's token come from the environment variables LINEPROOF_DEMO_COMMUNITY and
LINEPROOF_DEMO_TOKEN. It ends when its standard input closes.
"""

from __future__ import annotations

import argparse
import os
from datetime import datetime
from pathlib import Path

from config.clock import ScaledClock
from service.simulator.fleet import draw_fleet
from service.simulator.plan import draw_rounds
from service.simulator.running import Counters, Credentials, Simulation, bind, port_of, run, write_fleet


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m service.simulator", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True, help="where inventory.yaml and endpoints.json go")
    parser.add_argument("--start", type=datetime.fromisoformat, required=True, help="the fleet's time at --origin")
    parser.add_argument("--origin", type=float, required=True, help="epoch seconds")
    parser.add_argument("--factor", type=float, required=True, help="how many times as fast as real time")
    parser.add_argument("--rounds", type=int, default=1, help="how many stories follow one another")
    given = parser.parse_args()
    fleet = draw_fleet(given.seed)
    plan = draw_rounds(given.seed, fleet, given.start.timestamp(), given.rounds)
    sockets = bind(fleet)
    fleet = fleet.with_ports(
        {device: port_of(bound) for device, bound in sockets.agents.items()},
        {link: port_of(bound) for link, bound in sockets.reflectors.items()},
    )
    simulation = Simulation(
        seed=given.seed,
        fleet=fleet,
        plan=plan,
        clock=ScaledClock(given.start, given.origin, given.factor),
        sockets=sockets,
        credentials=Credentials(
            community=os.environ["LINEPROOF_DEMO_COMMUNITY"], token=os.environ["LINEPROOF_DEMO_TOKEN"]
        ),
        counters=Counters(),
    )
    write_fleet(simulation, given.folder)
    run(simulation)


if __name__ == "__main__":
    main()
