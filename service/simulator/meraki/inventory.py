"""The simulated fleet as an inventory: what a provider would have on file of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
from service.simulator.meraki.fleet import Network, Organization

ROLES = (LinkRole.PRIMARY, LinkRole.SECONDARY, LinkRole.TERTIARY)


def identifier(network: Network) -> str:
    return network.name.lower().replace(" ", "-")


def inventory(organizations: Sequence[Organization], orchestrator: str) -> Inventory:
    """A client for each organization, a site, a device and its lines for each network."""
    everything = [(one, network) for one in organizations for network in one.networks]
    return Inventory.of(
        [Client(id=f"client-{one.id}", name=one.name) for one in organizations],
        [
            Site(
                id=identifier(network),
                client=f"client-{one.id}",
                name=network.name,
                address=network.address,
                timezone=network.zone,
            )
            for one, network in everything
        ],
        [_device(network, one, orchestrator) for one, network in everything],
        [link for _, network in everything for link in _links(network)],
    )


def _device(network: Network, organization: Organization, orchestrator: str) -> Device:
    return Device(
        id=f"{identifier(network)}-mx",
        site=identifier(network),
        role=DeviceRole.SDWAN_EDGE,
        vendor="Cisco Meraki",
        model=network.model,
        serials=network.serials,
        orchestrator=OrchestratorIdentity(name=orchestrator, enterprise_id=organization.id, edge_id=network.serials[0]),
    )


def _links(network: Network) -> Iterator[Link]:
    for line, role in zip(network.lines, ROLES, strict=False):
        yield Link(
            id=f"{identifier(network)}-{line.interface}",
            site=identifier(network),
            device=f"{identifier(network)}-mx",
            interface=line.interface,
            orchestrator_link=line.interface,
            access=Access.LTE if line.interface == "cellular" else Access.BROADBAND,
            role=role,
            committed_down_bps=line.down * 1000.0,
            committed_up_bps=line.up * 1000.0,
        )
