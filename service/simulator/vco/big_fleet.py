"""A provider's fleet of any size, for a VCO that is run alone: drawn from a seed, the same each time."""

from __future__ import annotations

from random import Random
from zoneinfo import ZoneInfo

from inventory.model import (
    Client,
    Device,
    DeviceRole,
    Link,
    LinkRole,
    Monitoring,
    OrchestratorIdentity,
    Site,
    Tool,
)
from service.simulator.behaviour import Character, Demand
from service.simulator.casting import EDGE_MODELS, MARKETS, MEGABIT, PRIMARY_CARRIERS, SECONDARY_CARRIERS
from service.simulator.faults import Fault, FaultKind, Hit, Plan
from service.simulator.fleet import Fleet, Premises
from service.simulator.noise import seed_of

EDGES_OF_A_CLIENT = 100
PAIR_EVERY, COLD_EVERY = 20, 50
"""Each 20th edge is an HA pair, each 50th has a last line whose tunnels are down until it is needed."""
MOST_LINKS = 6
FIRST_ENTERPRISE, FIRST_EDGE = 41, 700
ROLES = (LinkRole.PRIMARY, LinkRole.SECONDARY, LinkRole.TERTIARY)
_WATCHED = Monitoring(service="Managed line watch", tools=(Tool.ORCHESTRATOR,))


def draw_big_fleet(seed: int, edges: int, links: int, orchestrator: str) -> Fleet:
    """`edges` sites with one edge each and `links` lines in all, spread evenly; the orchestrator has this name in
    their inventory. Raises ValueError where an edge would have no line or more than six."""
    if not edges <= links <= MOST_LINKS * edges:
        raise ValueError(f"{edges} edges can have {edges} to {MOST_LINKS * edges} links, not {links}")
    rng = Random(f"{seed}/big fleet")
    clients = [_client(number) for number in range(-(-edges // EDGES_OF_A_CLIENT))]
    premises = [
        _premises(
            rng,
            number,
            clients[number // EDGES_OF_A_CLIENT],
            (number + 1) * links // edges - number * links // edges,
            orchestrator,
        )
        for number in range(edges)
    ]
    return Fleet(clients=tuple(clients), premises=tuple(premises))


def _client(number: int) -> Client:
    market = MARKETS[number % len(MARKETS)]
    return Client(id=f"client-{number:04d}", name=f"{market.name} Client {number}", timezone=market.timezone)


def _premises(rng: Random, number: int, client: Client, lines: int, orchestrator: str) -> Premises:
    market = MARKETS[number % len(MARKETS)]
    site = Site(
        id=f"s{number:06d}",
        client=client.id,
        name=f"{client.name} site {number}",
        market=market.name,
        timezone=market.timezone,
    )
    serial = f"VC{rng.randrange(10**6, 10**7)}{number:06d}"
    device = Device(
        id=f"{site.id}-edge",
        site=site.id,
        role=DeviceRole.SDWAN_EDGE,
        vendor="VeloCloud",
        model=EDGE_MODELS[rng.randrange(len(EDGE_MODELS))],
        serials=(serial, f"{serial}H") if number % PAIR_EVERY == 0 else (serial,),
        orchestrator=OrchestratorIdentity(
            name=orchestrator,
            enterprise_id=str(FIRST_ENTERPRISE + number // EDGES_OF_A_CLIENT),
            edge_id=str(FIRST_EDGE + number),
        ),
        monitoring=_WATCHED,
    )
    cold = number % COLD_EVERY == 1 and lines > 1
    drawn = [_line(rng, device, position, number, cold=cold and position == lines) for position in range(1, lines + 1)]
    demand = Demand(
        seed=seed_of(site.id, rng.random()),
        zone=ZoneInfo(site.timezone),
        share_down=rng.uniform(0.18, 0.42),
        share_up=rng.uniform(0.10, 0.30),
        weekend=0.5,
    )
    return Premises(
        site=site,
        device=device,
        links=tuple(link for link, _ in drawn),
        demand=demand,
        lines=tuple(character for _, character in drawn),
    )


def _line(rng: Random, device: Device, position: int, number: int, *, cold: bool) -> tuple[Link, Character]:
    carriers = PRIMARY_CARRIERS if position == 1 else SECONDARY_CARRIERS
    carrier = carriers[rng.randrange(len(carriers))]
    down, up = carrier.rates_mbps[rng.randrange(len(carrier.rates_mbps))]
    link = Link(
        id=f"{device.site}-wan{position}",
        site=device.site,
        device=device.id,
        interface=f"GE{position + 2}",
        orchestrator_link=f"{rng.getrandbits(32):08x}-1111-4aaa-8aaa-{number:06d}{position:06d}",
        access=carrier.access,
        role=ROLES[min(position, len(ROLES)) - 1],
        carrier=carrier.name,
        committed_down_bps=float(down * MEGABIT),
        committed_up_bps=float(up * MEGABIT),
        metered=carrier.access.wireless,
        monitoring=_WATCHED,
    )
    character = Character(
        link=link.id,
        seed=seed_of(link.id, rng.random()),
        down_bps=down * MEGABIT,
        up_bps=up * MEGABIT,
        latency_ms=rng.uniform(*carrier.latency_ms),
        jitter_ms=carrier.jitter_ms,
        noisy=carrier.noisy,
        cold=cold,
    )
    return link, character


_KINDS = (
    FaultKind.LINE_DOWN,
    FaultKind.LOSS,
    FaultKind.LATENCY,
    FaultKind.FLAPPING,
    FaultKind.MANAGEMENT_LOST,
)
DAY = 86_400.0


def draw_troubled_sites(seed: int, fleet: Fleet, start: float, share: float) -> Plan:
    """A day in which this share of the sites has a fault on its first line, some time and for some hours; `start` is
    within it."""
    rng = Random(f"{seed}/troubled sites")
    chosen = rng.sample(fleet.premises, round(share * len(fleet.premises)))
    faults = tuple(_fault(rng, number, each, start) for number, each in enumerate(chosen))
    return Plan(start=start, over=start + DAY, faults=faults, calls=())


def _fault(rng: Random, number: int, place: Premises, start: float) -> Fault:
    kind: FaultKind = rng.choice(_KINDS)
    began = start + rng.uniform(-DAY / 2, DAY / 2)
    strength = {FaultKind.LOSS: rng.uniform(8, 20), FaultKind.LATENCY: rng.uniform(80, 200)}.get(kind, 0.0)
    hit = Hit(
        kind=kind,
        site=place.site.id,
        link=place.links[0].id,
        start=began,
        end=began + rng.uniform(0.5, 6) * 3600,
        strength=strength,
        period=rng.uniform(190, 250),
        down_seconds=rng.uniform(70, 95),
    )
    return Fault(id=f"fault-{number}", kind=kind, hits=(hit,))
