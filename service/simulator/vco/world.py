"""What a simulated VCO knows at a moment: its edges, their contact and states. Pure.

State is some 30 s old; an edge is OFFLINE when two heartbeats were missed; a link that went dark is UNSTABLE 65 s and
DISCONNECTED 95 s after its last contact (vendor knowledge base 381465).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid5

import numpy as np

from config.clock import from_epoch_ms
from inventory.model import Client, LifeCycle, Link
from service.simulator.behaviour import Surroundings, conditions
from service.simulator.faults import FaultKind, Hit, Plan
from service.simulator.fleet import Fleet, Premises
from service.simulator.vco.oddities import Oddity

HEARTBEAT = 30
OFFLINE_AFTER, UNSTABLE_AFTER, DISCONNECTED_AFTER = 60.0, 65.0, 95.0
LOOK_BACK = 600.0
UNSTABLE_LOSS_PCT = 10.0
"""A path with this much loss counts as UNSTABLE (vendor knowledge base 330702)."""
SINCE_BOOT = 31 * 86_400
RETIRED_FOR = 300 * 86_400
OFFLINE_PAIR_FOR = 3600
ACTIVE_WITHIN = 86_400
"""The vendor's `recentLinks`, and the aggregate metrics, know links with activity in the last day."""
_NAMES = UUID("5e000053-0000-4aaa-8aaa-000000000000")


def vco_time(moment: float) -> str:
    """RFC 3339 with milliseconds and Z, as the vendor writes times."""
    return from_epoch_ms(round(moment * 1000)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def logical_id(kind: str, number: int) -> str:
    """The GUID of an enterprise, an edge or a gateway."""
    return str(uuid5(_NAMES, f"{kind}/{number}"))


def edge_id(premises: Premises) -> int:
    return int(premises.device.orchestrator.edge_id) if premises.device.orchestrator else 0


def enterprise_id(premises: Premises) -> int:
    return int(premises.device.orchestrator.enterprise_id) if premises.device.orchestrator else 0


def link_id(premises: Premises, link: Link) -> int:
    return 10 * edge_id(premises) + int(link.id[-1])


def edge_name(premises: Premises) -> str:
    return premises.site.id.upper()


def listed(premises: Premises) -> Iterator[Link]:
    """Every WAN link that the edge ever had: the orchestrator keeps listing what was taken out of service."""
    return (link for link in premises.links if link.is_wan)


@dataclass(frozen=True, slots=True)
class Register:
    """The edges of a fleet under the vendor's ids, and the clients by enterprise id."""

    by_edge: Mapping[int, Premises]
    by_enterprise: Mapping[int, Sequence[Premises]]
    clients: Mapping[int, Client]

    @classmethod
    def of(cls, fleet: Fleet) -> Register:
        by_enterprise: dict[int, list[Premises]] = defaultdict(list)
        for each in fleet.premises:
            if each.has_edge:
                by_enterprise[enterprise_id(each)].append(each)
        named = {client.id: client for client in fleet.clients}
        return cls(
            by_edge={edge_id(each): each for edges in by_enterprise.values() for each in edges},
            by_enterprise=dict(sorted(by_enterprise.items())),
            clients={number: named[edges[0].site.client] for number, edges in sorted(by_enterprise.items())},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that answers follow from. `hits` by site; `hidden` edges are left out of every answer; statistics
    become readable `lateness` seconds later than usual; `odd` gives edges with oddities, each since some moment."""

    register: Register
    start: float
    hits: Mapping[str, Sequence[Hit]] = field(default_factory=dict)
    hidden: frozenset[int] = frozenset()
    lateness: float = 0.0
    odd: Mapping[int, Mapping[Oddity, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, fleet: Fleet, plan: Plan) -> World:
        hits: dict[str, list[Hit]] = defaultdict(list)
        for fault in plan.faults:
            for hit in fault.hits:
                hits[hit.site].append(hit)
        return cls(register=Register.of(fleet), start=plan.start, hits=hits)

    def edges(self, enterprises: Iterable[int] | None = None) -> Iterator[Premises]:
        """The edges of these enterprises, or all."""
        known = self.register.by_enterprise
        for number in known if enterprises is None else enterprises:
            for each in known.get(number, ()):
                if not self.hidden or edge_id(each) not in self.hidden:
                    yield each

    def edge(self, edge: int) -> Premises | None:
        return None if edge in self.hidden else self.register.by_edge.get(edge)

    def enterprise_name(self, enterprise: int) -> str:
        """The name as a provider writes it, with its own client number between bars."""
        return f"{self.register.clients[enterprise].name}|{90000 + enterprise}|"

    def hits_at(self, premises: Premises) -> Sequence[Hit]:
        return self.hits.get(premises.site.id, ())

    def oddities(self, premises: Premises) -> frozenset[Oddity]:
        return frozenset(self.odd.get(edge_id(premises), ())) if self.odd else frozenset()

    def around(self, premises: Premises) -> Surroundings:
        return Surroundings(premises.demand, premises.lines, self.hits_at(premises))

    def with_hits(self, added: Sequence[Hit]) -> World:
        """The world in which these hits happen too."""
        hits = dict(self.hits)
        for hit in added:
            hits[hit.site] = [*hits.get(hit.site, ()), hit]
        return replace(self, hits=hits)

    def quiet(self, premises: Premises, now: float) -> bool:
        """Whether nothing has happened to an edge lately: then its links are as always, and its last contact is all
        that changes in its answers from call to call."""
        lately = any(hit.start <= now and hit.end > now - LOOK_BACK for hit in self.hits_at(premises))
        return not lately and not self.oddities(premises)


def heartbeat(premises: Premises, now: float) -> float:
    """When the newest heartbeat of an edge with contact was sent: each edge has seconds of its own."""
    return now - (now - edge_id(premises) * 7) % HEARTBEAT


def last_contact(world: World, premises: Premises, now: float) -> float:
    """When the edge's last heartbeat came in."""
    lost = [
        hit.start
        for hit in world.hits_at(premises)
        if hit.kind is FaultKind.MANAGEMENT_LOST and hit.start <= now < hit.end
    ]
    if Oddity.OFFLINE_PAIR in world.oddities(premises):
        lost.append(now - OFFLINE_PAIR_FOR)
    return heartbeat(premises, min([*lost, now]))


def edge_state(world: World, premises: Premises, now: float) -> str:
    return "OFFLINE" if now - last_contact(world, premises, now) > OFFLINE_AFTER else "CONNECTED"


def booted(world: World, premises: Premises) -> float:
    return world.start - SINCE_BOOT - edge_id(premises) * 977 % SINCE_BOOT


def is_cold(premises: Premises, link: Link) -> bool:
    return any(line.link == link.id and line.cold for line in premises.lines)


def is_spare(premises: Premises, link: Link) -> bool:
    """A metered line that is not the first waits as hot standby: tunnels up, no user traffic."""
    return link.metered and link is not premises.links[0]


def link_state(world: World, premises: Premises, link: Link, now: float) -> tuple[str, float]:
    """The state as the orchestrator shows it, and when the link was last active."""
    if link.life_cycle is LifeCycle.RETIRED:
        return "DISCONNECTED", world.start - RETIRED_FOR
    heard = last_contact(world, premises, now)
    spare = is_cold(premises, link) or is_spare(premises, link)
    if now - heard > DISCONNECTED_AFTER:
        return "DISCONNECTED", heard
    if not any(hit.start <= now and hit.end > now - LOOK_BACK for hit in world.hits_at(premises)):
        return ("STANDBY" if spare else "STABLE"), heard
    times = np.arange(now - LOOK_BACK, now + 1, 5.0)
    condition = conditions(world.around(premises), times)[link.id]
    alive = times[condition.up & (times <= heard)]
    active = float(alive[-1]) if len(alive) else now - LOOK_BACK
    silence = now - active
    if silence > DISCONNECTED_AFTER:
        return "DISCONNECTED", active
    if is_cold(premises, link):
        return "STANDBY", active
    recent = slice(-24, None)
    if silence > UNSTABLE_AFTER or float(condition.loss_rx_pct[recent].mean()) >= UNSTABLE_LOSS_PCT:
        return "UNSTABLE", active
    return ("STANDBY" if spare and condition.rx_bps[-1] < 1_000_000 else "STABLE"), active


def link_mode(premises: Premises, link: Link) -> str:
    return "BACKUP" if is_cold(premises, link) else "HOTSTANDBY" if is_spare(premises, link) else "ACTIVE"


def backup_state(premises: Premises, link: Link, state: str) -> str:
    if link_mode(premises, link) == "ACTIVE":
        return "UNCONFIGURED"
    return "STANDBY" if state == "STANDBY" else "ACTIVE"
