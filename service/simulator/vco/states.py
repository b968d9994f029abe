"""What a VCO answers about edges and links now, in the vendor's own shapes (Portal API v1, 5.x). Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from inventory.model import Access, LifeCycle, Link, LinkRole
from service.simulator.fleet import Premises
from service.simulator.vco.oddities import Json, Oddity, disfigured, ha_states, serials
from service.simulator.vco.world import (
    RETIRED_FOR,
    World,
    backup_state,
    booted,
    edge_id,
    edge_name,
    edge_state,
    enterprise_id,
    last_contact,
    link_id,
    link_mode,
    link_state,
    listed,
    logical_id,
    vco_time,
)

SOFTWARE = "5.2.3"
PARTS = frozenset({"site", "links", "recentLinks", "licenses"})
"""What an edge can be asked for with; other words of the vendor's are passed over."""


def links_of(world: World, premises: Premises) -> Iterator[Link]:
    """The links that are listed for an edge."""
    oddities = world.oddities(premises)
    if Oddity.NO_LINKS in oddities:
        return
    yield from listed(premises)
    if Oddity.STALE_LINK in oddities:
        yield stale_link(premises)


def stale_link(premises: Premises) -> Link:
    """A line that somebody took away long ago, at a port of its own."""
    first = premises.links[0]
    return replace(
        first,
        id=f"{premises.site.id}-wan9",
        interface="GE9",
        role=LinkRole.TERTIARY,
        orchestrator_link=f"0dd0dd00-{str(first.orchestrator_link)[9:]}",
        life_cycle=LifeCycle.RETIRED,
    )


def status_rows(world: World, premises: Premises, now: float) -> list[Json]:
    """monitoring/getEnterpriseEdgeLinkStatus: one row per link, the edge's fields repeated; an edge without links has
    one row with null link fields."""
    edge = _edge_fields(world, premises, now)
    rows = [{**edge, **_link_status(world, premises, link, now)} for link in links_of(world, premises)]
    rows = rows or [{**edge, **dict.fromkeys(_LINK_STATUS)}]
    return [disfigured(row, world.oddities(premises)) for row in rows]


_LINK_STATUS = (
    *("displayName", "isp", "interface", "internalId", "linkId", "linkState", "linkLastActive", "linkVpnState"),
    *("linkMode", "linkBackupState", "linkIpAddress", "linkIpV6Address"),
)


def _link_status(world: World, premises: Premises, link: Link, now: float) -> Json:
    state, active = link_state(world, premises, link, now)
    return {
        **_link_names(link),
        "linkId": link_id(premises, link),
        "linkState": state,
        "linkLastActive": vco_time(active),
        "linkVpnState": _vpn_state(state),
        "linkMode": link_mode(premises, link),
        "linkBackupState": backup_state(premises, link, state),
        "linkIpAddress": _address(premises, link),
        "linkIpV6Address": None,
    }


def _vpn_state(state: str) -> str:
    """The deprecated enumeration has DEAD where the others have DISCONNECTED."""
    return "DEAD" if state == "DISCONNECTED" else state


def _address(premises: Premises, link: Link) -> str:
    number = link_id(premises, link)
    return f"198.{18 + number // 62_500 % 2}.{number // 250 % 250}.{number % 250 + 1}"


def _edge_fields(world: World, premises: Premises, now: float) -> Json:
    active, standby = serials(premises.device.serials, world.oddities(premises))
    since = booted(world, premises)
    return {
        "enterpriseName": world.enterprise_name(enterprise_id(premises)),
        "enterpriseId": enterprise_id(premises),
        "enterpriseProxyId": None,
        "enterpriseProxyName": None,
        "edgeId": edge_id(premises),
        "edgeName": edge_name(premises),
        "edgeState": edge_state(world, premises, now),
        "edgeSystemUpSince": vco_time(since),
        "edgeServiceUpSince": vco_time(since + 64),
        "edgeLastContact": vco_time(last_contact(world, premises, now)),
        "edgeSerialNumber": active,
        "edgeHASerialNumber": standby,
        "edgeModelNumber": premises.device.model,
        "edgeLatitude": None,
        "edgeLongitude": None,
    }


def _link_names(link: Link) -> Json:
    rate = round((link.committed_down_bps or 0) / 1e6)
    return {
        "displayName": f"{(link.access or Access.DIA).value.upper()}-{link.carrier}-{rate}M",
        "isp": link.carrier,
        "interface": link.interface,
        "internalId": link.orchestrator_link,
    }


def next_hop(world: World, premises: Premises, link: Link) -> str:
    """A link's `logicalId`: the next hop's hardware address and a suffix; behind one router it is the same for all."""
    number = edge_id(premises) * 10
    if Oddity.SHARED_LOGICAL_ID not in world.oddities(premises):
        number = link_id(premises, link)
    return f"00:00:5e:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}:0000"


def link_object(world: World, premises: Premises, link: Link, now: float) -> Json:
    """The `link` object of the metrics and enterprise methods: other names than in the status rows."""
    state, active = link_state(world, premises, link, now)
    wireless = link.access is not None and link.access.wireless
    created = vco_time(world.start - 2 * RETIRED_FOR)
    return {
        **_link_names(link),
        "id": link_id(premises, link),
        "created": created,
        "edgeId": edge_id(premises),
        "logicalId": next_hop(world, premises, link),
        "macAddress": None,
        "overlayType": "IPv4",
        "ipAddress": _address(premises, link),
        "ipV6Address": None,
        "netmask": None,
        "networkSide": "WAN",
        "networkType": "WIRELESS" if wireless else "ETHERNET",
        "userOverride": 0,
        "org": link.carrier,
        "lat": None,
        "lon": None,
        "lastActive": vco_time(active),
        "state": state,
        "effectiveState": state,
        "backupState": backup_state(premises, link, state),
        "linkMode": link_mode(premises, link),
        "vpnState": _vpn_state(state),
        "lastEvent": created,
        "lastEventState": state,
        "alertsEnabled": 1,
        "operatorAlertsEnabled": 1,
        "serviceState": "IN_SERVICE",
        "serviceGroups": ["PUBLIC_WIRELESS" if wireless else "PUBLIC_WIRED"],
        "modified": vco_time(active),
    }


def edge_object(world: World, premises: Premises, now: float, parts: frozenset[str] = frozenset()) -> Json:
    """An edge as getEnterpriseEdges and getNetworkEnterprises have it; `parts` are some of PARTS."""
    active, standby = serials(premises.device.serials, world.oddities(premises))
    ha_state, ha_before = ha_states(standby is not None, world.oddities(premises))
    state, contact = edge_state(world, premises, now), vco_time(last_contact(world, premises, now))
    number, since = edge_id(premises), booted(world, premises)
    edge: Json = {
        "id": number,
        "created": vco_time(world.start - 2 * RETIRED_FOR),
        "enterpriseId": enterprise_id(premises),
        "siteId": number + 100_000,
        "name": edge_name(premises),
        "logicalId": logical_id("edge", number),
        "description": None,
        "customInfo": None,
        "serialNumber": active,
        "haSerialNumber": standby,
        "haState": ha_state,
        "haPreviousState": ha_before,
        "haLastContact": contact if standby else None,
        "edgeState": state,
        "edgeStateTime": vco_time(since + 64),
        "activationState": "ACTIVATED",
        "activationTime": vco_time(world.start - 2 * RETIRED_FOR),
        "alertsEnabled": 1,
        "operatorAlertsEnabled": 1,
        "lastContact": contact,
        "isLive": int(state == "CONNECTED"),
        "modelNumber": premises.device.model,
        "softwareVersion": SOFTWARE,
        "buildNumber": "R523-20231120-GA",
        "systemUpSince": vco_time(since),
        "serviceUpSince": vco_time(since + 64),
        "serviceState": "IN_SERVICE",
    }
    if "site" in parts:
        edge["site"] = _site(premises)
    for name in sorted(parts & {"links", "recentLinks"}):
        edge[name] = [link_object(world, premises, link, now) for link in _wished(world, premises, name)]
    if "licenses" in parts:
        edge["licenses"] = []
    shown: Json = disfigured(edge, world.oddities(premises))
    return shown


def _wished(world: World, premises: Premises, part: str) -> Iterator[Link]:
    """`recentLinks` leaves out what was not active in the last day; nothing here but retired lines is that old."""
    every = links_of(world, premises)
    return every if part == "links" else (link for link in every if link.life_cycle is not LifeCycle.RETIRED)


def _site(premises: Premises) -> Json:
    contact = premises.site.on_site_contact
    return {
        "streetAddress": premises.site.address,
        "city": premises.site.market,
        "timezone": premises.site.timezone,
        "contactName": contact.name if contact else None,
        "contactPhone": contact.phone if contact else None,
    }
