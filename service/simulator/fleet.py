"""A fleet drawn from a seed: the inventory as the provider knows it, and each line's character, which it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, time
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

from inventory.model import (
    Client,
    CommandLineAccess,
    Contact,
    Contract,
    Device,
    DeviceRole,
    Inventory,
    LifeCycle,
    Link,
    LinkRole,
    Monitoring,
    OpeningHours,
    OrchestratorIdentity,
    Site,
    SnmpAccess,
    Tool,
)
from service.simulator.behaviour import Character, Demand, Habit
from service.simulator.casting import (
    COMPANIES,
    EDGE_MODELS,
    GIGABYTE,
    MARKETS,
    MEGABIT,
    PRIMARY_CARRIERS,
    ROUTER_MODELS,
    SECONDARY_CARRIERS,
    WATCH_SERVICE,
    Carrier,
    Company,
    Market,
)
from service.simulator.noise import seed_of

SITES = 28
ORCHESTRATOR = "vco-demo"
CREDENTIAL = "fleet"
ROUTER_EVERY = 5
"""Every fifth site has a plain router; the others an SD-WAN edge."""
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Premises:
    """One site with its device, its WAN lines in order of their role, and the character of what runs there."""

    site: Site
    device: Device
    links: tuple[Link, ...]
    demand: Demand
    lines: tuple[Character, ...]

    @property
    def wan(self) -> tuple[Link, ...]:
        return tuple(link for link in self.links if link.is_wan and link.life_cycle is LifeCycle.LIVE)

    @property
    def has_edge(self) -> bool:
        return self.device.role is DeviceRole.SDWAN_EDGE

    @property
    def watched(self) -> bool:
        return self.device.monitoring.subscribed


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    clients: tuple[Client, ...]
    premises: tuple[Premises, ...]

    def inventory(self) -> Inventory:
        """What the provider has on file."""
        return Inventory.of(
            self.clients,
            [each.site for each in self.premises],
            [each.device for each in self.premises],
            [link for each in self.premises for link in each.links],
        )

    def with_ports(self, agents: Mapping[str, int], reflectors: Mapping[str, int]) -> Fleet:
        """The fleet with the SNMP port of each device and the probe port of each link that has one."""
        return replace(self, premises=tuple(_with_ports(each, agents, reflectors) for each in self.premises))


def _with_ports(premises: Premises, agents: Mapping[str, int], reflectors: Mapping[str, int]) -> Premises:
    access = SnmpAccess(credential=CREDENTIAL, port=agents[premises.device.id])
    links = tuple(
        replace(link, probe_target=f"udp://{LOOPBACK}:{reflectors[link.id]}") if link.id in reflectors else link
        for link in premises.links
    )
    return replace(premises, device=replace(premises.device, snmp=access), links=links)


def draw_fleet(seed: int) -> Fleet:
    """The fleet of a seed: 28 sites of 3 clients; an HA pair, a retired line, an unsubscribed site, a cold backup, and
    a line that is congested every evening are among them."""
    rng = Random(f"{seed}/fleet")
    places = list(range(SITES))
    rng.shuffle(places)
    premises = [_premises(rng, number, place) for number, place in enumerate(places)]
    return Fleet(clients=tuple(_client(company) for company in COMPANIES), premises=_with_oddities(rng, premises))


def _client(company: Company) -> Client:
    contacts = tuple(
        Contact(
            name=name,
            role=role,
            phone=f"+1 555 01{len(name):02d}",
            email=f"{name.split()[0].lower()}@{company.id}.example",
            hours="Mon-Fri 08:00-18:00",
            escalation_level=level,
            may_report=may_report,
        )
        for level, (name, role, may_report) in enumerate(company.people, start=1)
    )
    return Client(
        id=company.id,
        name=company.name,
        timezone=company.timezone,
        contacts=contacts,
        monthly_charge=Decimal(company.monthly_charge),
    )


def _premises(rng: Random, number: int, place: int) -> Premises:
    """`place` decides carrier, market and kind of device, so that each carrier has five sites in its home market."""
    company = COMPANIES[number % len(COMPANIES)]
    carrier_index, turn = place % len(PRIMARY_CARRIERS), place // len(PRIMARY_CARRIERS)
    market = MARKETS[carrier_index] if turn < 5 else MARKETS[(carrier_index + turn) % len(MARKETS)]
    site = _site(rng, company, market, number)
    edge = place % ROUTER_EVERY != 0
    device = _edge(rng, site, number) if edge else _router(rng, site, number)
    primary = _link(rng, device, PRIMARY_CARRIERS[carrier_index], 1, number)
    secondary = _link(rng, device, SECONDARY_CARRIERS[rng.randrange(3)], 2, number)
    demand = Demand(
        seed=seed_of(site.id, rng.random()),
        zone=ZoneInfo(site.timezone),
        share_down=rng.uniform(0.18, 0.42),
        share_up=rng.uniform(0.10, 0.30),
        weekend=company.weekend,
    )
    return Premises(
        site=site,
        device=device,
        links=(primary.link, secondary.link, _lan(device)),
        demand=demand,
        lines=(primary.character, secondary.character),
    )


def _site(rng: Random, company: Company, market: Market, number: int) -> Site:
    store = 101 + number * 7
    return Site(
        id=f"{company.id}-{store}",
        client=company.id,
        name=f"{company.name} {market.name} {store}",
        address=f"{rng.randint(10, 980)} {rng.choice(market.streets)}, {market.name}",
        market=market.name,
        timezone=market.timezone,
        business_hours=tuple(OpeningHours(weekday=day, opens=time(8), closes=time(18)) for day in range(6)),
        access_hours="Mon-Sat 08:00-17:30",
        on_site_contact=Contact(name=f"Duty manager {store}", role="site", phone=f"+1 555 02{number:02d}"),
        aliases=(f"store {store}", f"+1 {market.dialling} 555 01{number:02d}"),
    )


def _edge(rng: Random, site: Site, number: int) -> Device:
    return Device(
        id=f"{site.id}-edge",
        site=site.id,
        role=DeviceRole.SDWAN_EDGE,
        vendor="VeloCloud",
        model=rng.choice(EDGE_MODELS),
        serials=(f"VC{rng.randrange(10**6, 10**7)}{number:04d}",),
        management_address=LOOPBACK,
        orchestrator=OrchestratorIdentity(
            name=ORCHESTRATOR,
            enterprise_id=str(41 + [company.id for company in COMPANIES].index(site.client)),
            edge_id=str(700 + number),
        ),
        monitoring=Monitoring(service=WATCH_SERVICE, tools=(Tool.SNMP, Tool.ORCHESTRATOR)),
    )


def _router(rng: Random, site: Site, number: int) -> Device:
    return Device(
        id=f"{site.id}-rtr",
        site=site.id,
        role=DeviceRole.ROUTER,
        vendor="Cisco",
        model=rng.choice(ROUTER_MODELS),
        serials=(f"RL{rng.randrange(10**6, 10**7)}{number:04d}",),
        management_address=LOOPBACK,
        command_line=CommandLineAccess(credential="routers", platform="cisco_ios"),
        monitoring=Monitoring(service=WATCH_SERVICE, tools=(Tool.SNMP, Tool.PROBE)),
    )


@dataclass(frozen=True, slots=True)
class _Drawn:
    link: Link
    character: Character


def _link(rng: Random, device: Device, carrier: Carrier, position: int, number: int) -> _Drawn:
    down, up = rng.choice(carrier.rates_mbps)
    name = f"{device.site}-wan{position}"
    edge = device.role is DeviceRole.SDWAN_EDGE
    metered = carrier.access.wireless
    started = date(2024, rng.randint(1, 12), 1)
    link = Link(
        id=name,
        site=device.site,
        device=device.id,
        interface=f"GE{position + 2}" if edge else f"Gi0/0/{position - 1}",
        orchestrator_link=f"{rng.getrandbits(32):08x}-1111-4aaa-8aaa-{number:06d}{position:06d}" if edge else None,
        next_hop=None if edge else f"198.51.100.{4 * number + position}",
        access=carrier.access,
        role=LinkRole.PRIMARY if position == 1 else LinkRole.SECONDARY,
        carrier=carrier.name,
        circuit_id=f"{carrier.name[:2].upper()}/{carrier.access.value.upper()}/{rng.randrange(10**5, 10**6)}",
        service_number=f"LP{rng.randrange(10**6, 10**7)}",
        carrier_account=f"{rng.randrange(10**6, 10**7)}",
        carrier_repair_contact=f"+1 555 03{rng.randrange(100):02d}",
        committed_down_bps=float(down * MEGABIT),
        committed_up_bps=float(up * MEGABIT),
        metered=metered,
        cap_bytes=50 * GIGABYTE if metered else None,
        monthly_charge=Decimal(carrier.charge),
        contract=Contract(start=started, end=started.replace(year=2027), notice_days=60),
        monitoring=device.monitoring,
    )
    character = Character(
        link=name,
        seed=seed_of(name, rng.random()),
        down_bps=down * MEGABIT,
        up_bps=up * MEGABIT,
        latency_ms=rng.uniform(*carrier.latency_ms),
        jitter_ms=carrier.jitter_ms,
        noisy=carrier.noisy,
    )
    return _Drawn(link, character)


def _lan(device: Device) -> Link:
    edge = device.role is DeviceRole.SDWAN_EDGE
    return Link(
        id=f"{device.site}-lan",
        site=device.site,
        device=device.id,
        interface="GE1" if edge else "Gi0/1/0",
        role=LinkRole.LAN,
        monitoring=Monitoring(service=WATCH_SERVICE, tools=(Tool.SNMP,)),
    )


def _with_oddities(rng: Random, premises: list[Premises]) -> tuple[Premises, ...]:
    """Each oddity lands on a site of its own kind, none twice."""
    edges = [place for place, each in enumerate(premises) if each.has_edge]
    routers = [place for place, each in enumerate(premises) if not each.has_edge]
    rng.shuffle(edges)
    pair, retired, cold = edges[:3]
    evening = next(place for place in edges[3:] if "Cable" in str(premises[place].links[0].carrier))
    unsubscribed = rng.choice(routers)
    premises[pair] = _as_pair(premises[pair])
    premises[retired] = _with_retired_line(premises[retired])
    premises[cold] = _with_cold_backup(premises[cold])
    premises[evening] = _with_evenings(premises[evening])
    premises[unsubscribed] = _unsubscribed(premises[unsubscribed])
    return tuple(premises)


def _as_pair(premises: Premises) -> Premises:
    serial = premises.device.serials[0]
    return replace(premises, device=replace(premises.device, serials=(serial, f"{serial[:-4]}9{serial[-3:]}")))


def _with_retired_line(premises: Premises) -> Premises:
    """The line it had before: gone from service, still listed at the orchestrator as disconnected."""
    old = replace(
        premises.links[1],
        id=f"{premises.site.id}-wan3",
        interface="GE5",
        role=LinkRole.TERTIARY,
        orchestrator_link=f"0dd0dd00-{str(premises.links[1].orchestrator_link)[9:]}",
        circuit_id="OL/DSL/000417",
        service_number="LP0000417",
        life_cycle=LifeCycle.RETIRED,
    )
    return replace(premises, links=(*premises.links, old))


def _with_cold_backup(premises: Premises) -> Premises:
    return replace(premises, lines=(premises.lines[0], replace(premises.lines[1], cold=True)))


def _with_evenings(premises: Premises) -> Premises:
    habit = Habit(from_hour=19.0, to_hour=22.5, latency_ms=55.0, loss_pct=1.2)
    return replace(premises, lines=(replace(premises.lines[0], habit=habit), *premises.lines[1:]))


def _unsubscribed(premises: Premises) -> Premises:
    nobody = Monitoring(subscribed=False)
    return replace(
        premises,
        device=replace(premises.device, monitoring=nobody),
        links=tuple(replace(link, monitoring=nobody) for link in premises.links),
    )
