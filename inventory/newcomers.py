"""What an edge or line that the inventory does not know would become in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from inventory.differences import Difference, DifferenceKind, Record, Setting, difference
from inventory.listing import ListedEdge, ListedLink, Listing
from inventory.model import (
    Access,
    Client,
    Device,
    DeviceRole,
    Inventory,
    LifeCycle,
    Link,
    LinkRole,
    OrchestratorIdentity,
    Site,
)
from inventory.sameness import free_id, id_from, letters, says_nothing
from inventory.wording import bit_rate, joined

VENDORS = {"velocloud": "VeloCloud", "catalyst": "Cisco", "meraki": "Cisco Meraki"}


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a new edge goes: a client and a site, which are proposed where the inventory does not have them."""

    client: Client
    site: Site
    client_known: bool
    site_known: bool


class Newcomers:
    """Proposals for one listing. Ids that it gives are free, also among each other."""

    def __init__(
        self, listing: Listing, edges: Sequence[ListedEdge], inventory: Inventory, holders: Mapping[str, Set[str]]
    ) -> None:
        """`edges` are the listing's, tidied; `holders` the clients whose devices each enterprise holds."""
        self._name = listing.orchestrator
        self._vendor = VENDORS.get(listing.vendor.casefold(), listing.vendor)
        self._inventory = inventory
        self._clients = dict(inventory.clients)
        self._site_ids = set(inventory.sites)
        self._device_ids = set(inventory.devices)
        self._link_ids = set(inventory.links)
        self._enterprise_names = _enterprise_names(edges)
        self._client_of = {
            enterprise: holders.get(enterprise) or _called(names, inventory)
            for enterprise, names in self._enterprise_names.items()
        }
        self._proposed_clients: dict[str, Client] = {}
        self._sites: dict[tuple[str, str], Site | None] = {}
        for site in inventory.sites.values():
            for name in {letters(one) for one in (site.id, site.name, *site.aliases)} - {""}:
                # A name that two sites answer to leads to neither.
                self._sites[site.client, name] = None if (site.client, name) in self._sites else site
        self._roles: dict[str, list[LinkRole]] = {}

    def place(self, edge: ListedEdge) -> Placed:
        """The client that has other edges of the enterprise, or is called like it, else one that is proposed; its site
        that is called like the edge, else one that is proposed."""
        client = self._known_client(edge)
        known = client is not None
        if client is None:
            client = self._proposed_client(edge)
        found = self._sites.get((client.id, letters(edge.name)))
        if found is not None:
            return Placed(client, found, known, found.id in self._inventory.sites)
        site = Site(
            id=free_id(id_from(edge.name, f"edge-{id_from(edge.edge_id, 'unnamed')}"), self._site_ids),
            client=client.id,
            name=edge.name or edge.edge_id,
            address=edge.address,
            timezone=edge.timezone or client.timezone,
        )
        self._site_ids.add(site.id)
        if letters(edge.name):
            self._sites.setdefault((client.id, letters(edge.name)), site)
        return Placed(client, site, known, False)

    def edge(
        self,
        edge: ListedEdge,
        placed: Placed,
        existing: Sequence[tuple[ListedLink, Link]],
        new: Sequence[ListedLink],
        stale: int,
    ) -> Difference:
        """A new edge with its lines; `existing` are lines of its site that it turns out to terminate."""
        device = Device(
            id=free_id(f"{placed.site.id}-edge", self._device_ids),
            site=placed.site.id,
            role=DeviceRole.SDWAN_EDGE,
            vendor=self._vendor,
            model=edge.model,
            serials=edge.serials,
            orchestrator=OrchestratorIdentity(name=self._name, edge_id=edge.edge_id, enterprise_id=edge.enterprise_id),
            life_cycle=LifeCycle.LIVE if edge.activated else LifeCycle.ORDERED,
        )
        self._device_ids.add(device.id)
        self._roles[device.id] = [link.role for _, link in existing]
        links = [self._link(edge, one, device) for one in sorted(new, key=_by_importance)]
        settings = [
            Setting("links", link.id, field, value)
            for one, link in existing
            for field, value in (
                ("device", device.id), ("orchestrator_link", one.id), ("interface", one.interface),
            )
            if value is not None
        ]  # fmt: skip
        client = () if placed.client_known else (placed.client,)
        site = () if placed.site_known else (placed.site,)
        added: list[Record] = [*client, *site, device, *links]
        return difference(
            DifferenceKind.NEW_EDGE,
            placed.site.id,
            edge.name or edge.edge_id,
            "not in the inventory" if placed.site_known else "neither the edge nor a site of its name",
            _edge_words(edge, [*(one for one, _ in existing), *new], stale),
            note=_note(placed, device, [*(link for _, link in existing), *links]),
            added=added,
            settings=settings,
            blocked="" if placed.client_known else _unplaced(edge),
        )

    def link(self, edge: ListedEdge, listed: ListedLink, device: Device) -> Difference:
        """A line that a known edge has beyond those of the inventory."""
        if device.id not in self._roles:
            here = [link for link in self._inventory.links_at(device.site) if link.device == device.id]
            self._roles[device.id] = [link.role for link in here if link.life_cycle is not LifeCycle.RETIRED]
        link = self._link(edge, listed, device)
        return difference(
            DifferenceKind.NEW_LINK,
            device.site,
            f"{device.id}:{listed.interface or listed.name or listed.id}",
            "not in the inventory",
            _link_words(listed),
            note=f"would become {link.id}",
            added=[link],
        )

    def _link(self, edge: ListedEdge, listed: ListedLink, device: Device) -> Link:
        name = id_from(listed.interface or listed.name or listed.id, "line")
        link = Link(
            id=free_id(f"{device.site}-{name}", self._link_ids),
            site=device.site,
            device=device.id,
            interface=listed.interface,
            orchestrator_link=listed.id,
            access=Access.LTE if listed.wireless else None,
            role=_role(listed, self._roles[device.id]),
            carrier=listed.isp if listed.isp and not says_nothing(listed.isp) else None,
            committed_down_bps=listed.down_bps,
            committed_up_bps=listed.up_bps,
            life_cycle=LifeCycle.LIVE if edge.activated else LifeCycle.ORDERED,
        )
        self._link_ids.add(link.id)
        self._roles[device.id].append(link.role)
        return link

    def _known_client(self, edge: ListedEdge) -> Client | None:
        found = self._client_of[edge.enterprise_id.casefold()]
        return self._clients[next(iter(found))] if len(found) == 1 else None

    def _proposed_client(self, edge: ListedEdge) -> Client:
        key = edge.enterprise_id.casefold()
        if key not in self._proposed_clients:
            name = next(iter(self._enterprise_names[key]), "")
            otherwise = id_from(f"{self._name}-{edge.enterprise_id}", "client")
            client_id = free_id(id_from(name, otherwise), self._clients)
            client = Client(id=client_id, name=name or client_id, timezone=edge.timezone or "UTC")
            self._proposed_clients[key] = self._clients[client_id] = client
        return self._proposed_clients[key]


def _enterprise_names(edges: Sequence[ListedEdge]) -> Mapping[str, Sequence[str]]:
    """Each enterprise's names in the order of its edges."""
    found: dict[str, dict[str, None]] = {}
    for edge in edges:
        names = found.setdefault(edge.enterprise_id.casefold(), {})
        if name := _enterprise_name(edge):
            names[name] = None
    return {enterprise: list(names) for enterprise, names in found.items()}


def _called(names: Sequence[str], inventory: Inventory) -> Set[str]:
    """The clients whose id or name is one of these."""
    wanted = {letters(name) for name in names} - {""}
    if not wanted:
        return frozenset()
    return {one.id for one in inventory.clients.values() if letters(one.id) in wanted or letters(one.name) in wanted}


def _enterprise_name(edge: ListedEdge) -> str:
    """The name without what some providers put behind it between bars, such as their own number of the client."""
    return edge.enterprise_name.partition("|")[0].strip()


def _by_importance(listed: ListedLink) -> tuple[bool, bool, str]:
    return bool(listed.backup), bool(listed.wireless), listed.interface or listed.id


def _role(listed: ListedLink, taken: Sequence[LinkRole]) -> LinkRole:
    """The first role that no other line of the edge has; a backup line is never the primary."""
    free = [role for role in (LinkRole.PRIMARY, LinkRole.SECONDARY) if role not in taken]
    if listed.backup and LinkRole.PRIMARY in free:
        free.remove(LinkRole.PRIMARY)
    return free[0] if free else LinkRole.TERTIARY


def _unplaced(edge: ListedEdge) -> str:
    enterprise = " ".join(filter(None, (edge.enterprise_id, _enterprise_name(edge))))
    return f"the inventory has no client for {f'enterprise {enterprise}' if enterprise else 'edges of this host'} yet"


def _note(placed: Placed, device: Device, links: Sequence[Link]) -> str:
    site = f"site {placed.site.id}" if placed.site_known else f"a new site {placed.site.id}"
    names = joined([link.id for link in links])
    return f"would become {device.id} at {site} of {placed.client.id}{f', with {names}' if names else ''}"


def _edge_words(edge: ListedEdge, links: Sequence[ListedLink], stale: int) -> str:
    box = " ".join(filter(None, (edge.model, joined(edge.serials)))) or "an edge without model and serial"
    if edge.links is None:
        lines = "its lines could not be read"
    else:
        lines = "; ".join(_link_words(one) for one in links) or "no line in use"
    left_out = f"; {stale} more not active for a month and left out" if stale else ""
    return f"{box}{'' if edge.activated else ', never activated'}: {lines}{left_out}"


def _link_words(listed: ListedLink) -> str:
    rates = f"{bit_rate(listed.down_bps)} down, {bit_rate(listed.up_bps)} up" if listed.down_bps else ""
    kind = ("wireless" if listed.wireless else "", "backup" if listed.backup else "")
    return ", ".join(filter(None, (listed.interface, listed.isp, rates, *kind))) or listed.id
