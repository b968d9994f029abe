"""A simulated overlay: hubs, branches, their transports and tunnels, and what goes wrong with them when. Pure.

Everything follows from the seed. Each branch has a tunnel from each of its transports to each transport of each hub
that it can reach: MPLS to MPLS, Internet to Internet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from random import Random
from zlib import crc32

from inventory.model import (
    Access,
    Client,
    Device,
    DeviceRole,
    Inventory,
    Link,
    LinkRole,
    OrchestratorIdentity,
    Site,
)

PRIVATE = frozenset({"mpls"})
SHAPES = (
    (("mpls", "GigabitEthernet0/0/0"), ("biz-internet", "GigabitEthernet0/0/1")),
    (("biz-internet", "GigabitEthernet0/0/0"), ("lte", "Cellular0/1/0")),
    (("mpls", "GigabitEthernet0/0/0"), ("public-internet", "GigabitEthernet0/0/1")),
)
ACCESS = {"mpls": Access.MPLS, "biz-internet": Access.DIA, "public-internet": Access.BROADBAND, "lte": Access.LTE}
DOWN_KBPS = {"mpls": 50_000, "biz-internet": 200_000, "public-internet": 500_000, "lte": 20_000}
ACCESS_MS = {"mpls": 4.0, "biz-internet": 6.0, "public-internet": 9.0, "lte": 28.0}


class TroubleKind(StrEnum):
    LINE_DOWN = "line_down"
    """The carrier is gone; the interface is up."""
    LINE_SHUT = "line_shut"
    """The interface is down, and its tunnels are listed no more."""
    LINE_LOSS = "line_loss"
    PATH_LOSS = "path_loss"
    """Loss between two lines that are both well; `towards` is the other end's system IP."""
    UNREACHABLE = "unreachable"
    """The device has lost its control connections; its tunnels carry on."""
    REBOOT = "reboot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """From `start` to `end` (epoch seconds); `size` is loss in percent. Without a colour it hits every transport."""

    kind: TroubleKind
    address: str
    start: float
    end: float
    colour: str | None = None
    size: float = 0.0
    towards: str | None = None

    def hits(self, address: str, colour: str | None, moment: float) -> bool:
        return self.address == address and self.colour in (None, colour) and self.start <= moment < self.end


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport:
    colour: str
    interface: str
    last_resort: bool = False

    @property
    def down_kbps(self) -> int:
        return DOWN_KBPS[self.colour]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    address: str
    uuid: str
    serial: str
    name: str
    site: int
    model: str
    hub: bool
    transports: tuple[Transport, ...]

    def transport(self, colour: str) -> Transport:
        return next(one for one in self.transports if one.colour == colour)


@dataclass(frozen=True, slots=True, kw_only=True)
class Controller:
    address: str
    uuid: str
    name: str
    personality: str


@dataclass(frozen=True, slots=True)
class End:
    edge: Edge
    transport: Transport


@dataclass(frozen=True, slots=True)
class Fabric:
    """The fleet and its troubles; `troubles` may be added to while it is served."""

    seed: int
    edges: tuple[Edge, ...]
    controllers: tuple[Controller, ...]
    troubles: list[Trouble] = field(default_factory=list)

    def edge(self, address: str) -> Edge | None:
        return next((edge for edge in self.edges if edge.address == address), None)

    def reachable(self, address: str, moment: float) -> bool:
        return not self._hit((TroubleKind.UNREACHABLE, TroubleKind.REBOOT), address, None, moment)

    def line_up(self, end: End, moment: float) -> bool:
        kinds = (TroubleKind.LINE_DOWN, TroubleKind.LINE_SHUT, TroubleKind.REBOOT)
        return not self._hit(kinds, end.edge.address, end.transport.colour, moment)

    def shut(self, end: End, moment: float) -> bool:
        return self._hit((TroubleKind.LINE_SHUT,), end.edge.address, end.transport.colour, moment)

    def carries(self, end: End, moment: float) -> bool:
        """Whether an end has its tunnels up, the far ends willing: a last-resort circuit only without the others."""
        if not self.line_up(end, moment):
            return False
        others = (End(end.edge, one) for one in end.edge.transports if one is not end.transport)
        return not end.transport.last_resort or not any(self.line_up(other, moment) for other in others)

    def asleep(self, end: End, moment: float) -> bool:
        """Whether an end is a last-resort circuit that waits: nobody lists tunnels to it."""
        return end.transport.last_resort and not self.carries(end, moment)

    def loss(self, near: End, far: End, moment: float) -> float:
        """The share of echoes that are lost on the way there and back."""
        if not (self.carries(near, moment) and self.carries(far, moment)):
            return 1.0
        survives = 1.0
        for trouble in self.troubles:
            for one, other in ((near, far), (far, near)):
                if not trouble.hits(one.edge.address, one.transport.colour, moment):
                    continue
                if trouble.kind is TroubleKind.LINE_LOSS or (
                    trouble.kind is TroubleKind.PATH_LOSS and trouble.towards == other.edge.address
                ):
                    survives *= 1.0 - trouble.size / 100.0
        return 1.0 - survives

    def round_trip(self, near: End, far: End) -> float:
        """Milliseconds there and back of an unhurried echo: both access lines and the distance of the sites."""
        sites = sorted((near.edge.site, far.edge.site))
        return ACCESS_MS[near.transport.colour] + ACCESS_MS[far.transport.colour] + 40.0 * self.chance("far", *sites)

    def tunnels(self) -> Iterator[tuple[End, End]]:
        """Every tunnel, once from each of its ends."""
        return iter(_meshed(self.edges))

    def tunnels_of(self, address: str) -> Iterator[tuple[End, End]]:
        return (pair for pair in self.tunnels() if pair[0].edge.address == address)

    def chance(self, *what: object) -> float:
        """A number in [0, 1) that belongs to these words and the seed."""
        return crc32("/".join(map(str, (self.seed, *what))).encode()) / 2**32

    def _hit(self, kinds: Iterable[TroubleKind], address: str, colour: str | None, moment: float) -> bool:
        return any(trouble.kind in kinds and trouble.hits(address, colour, moment) for trouble in self.troubles)

    def inventory(self, name: str, *, by_address: bool = False) -> Inventory:
        """What a provider would have written of this fleet; edges by uuid, or by system IP."""
        identity = {edge.address: edge.address if by_address else edge.uuid for edge in self.edges}
        return Inventory.of(
            clients=[Client(id="client", name="Simulated Client")],
            sites=[Site(id=f"site-{edge.site}", client="client") for edge in self.edges],
            devices=[
                Device(
                    id=edge.name,
                    site=f"site-{edge.site}",
                    role=DeviceRole.SDWAN_EDGE,
                    vendor="Cisco",
                    model=edge.model,
                    serials=(edge.serial,),
                    orchestrator=OrchestratorIdentity(name=name, edge_id=identity[edge.address]),
                )
                for edge in self.edges
            ],
            links=[
                Link(
                    id=f"{edge.name}-{one.colour}",
                    site=f"site-{edge.site}",
                    device=edge.name,
                    interface=one.interface,
                    orchestrator_link=one.colour,
                    access=ACCESS[one.colour],
                    role=LinkRole.SECONDARY if number else LinkRole.PRIMARY,
                )
                for edge in self.edges
                for number, one in enumerate(edge.transports)
            ],
        )


@lru_cache(maxsize=4)
def _meshed(edges: tuple[Edge, ...]) -> Sequence[tuple[End, End]]:
    ends = [End(edge, one) for edge in edges for one in edge.transports]
    hubs = [end for end in ends if end.edge.hub]
    pairs = [
        (branch, hub)
        for branch in ends
        for hub in hubs
        if not branch.edge.hub and (branch.transport.colour in PRIVATE) == (hub.transport.colour in PRIVATE)
    ]
    return [*pairs, *((hub, branch) for branch, hub in pairs)]


def fabric(branches: int, *, hubs: int = 2, seed: int = 7) -> Fabric:
    """A fleet of so many branches and hubs."""
    random = Random(seed)
    edges = []
    for number in range(hubs + branches):
        hub = number < hubs
        shape = SHAPES[0] if hub else SHAPES[number % len(SHAPES)]
        model = "vedge-C8500-12X4QC" if hub else "vedge-C8200-1N-4T"
        serial = f"SIM{random.randrange(10**8):08d}"
        edges.append(
            Edge(
                address=f"10.255.{number // 250}.{number % 250 + 1}",
                uuid=f"C8{'500' if hub else '200'}-1N-4T-{serial}",
                serial=f"{random.getrandbits(32):08X}",
                name=f"hub-{number + 1}" if hub else f"branch-{number - hubs + 1:05d}",
                site=100 + number,
                model=model,
                hub=hub,
                transports=tuple(
                    Transport(colour=colour, interface=interface, last_resort=colour == "lte")
                    for colour, interface in shape
                ),
            )
        )
    controllers = tuple(
        Controller(address=f"10.254.0.{i}", uuid=f"00000000-0000-4000-8000-{i:012d}", name=name, personality=kind)
        for i, (name, kind) in enumerate(
            (("manager", "vmanage"), ("controller-1", "vsmart"), ("controller-2", "vsmart"), ("validator", "vbond")), 1
        )
    )
    return Fabric(seed, tuple(edges), controllers)
