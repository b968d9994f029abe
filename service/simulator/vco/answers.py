"""What a VCO answers, in the vendor's own shapes (Portal API v1, 5.x). Pure: everything follows from the moment asked.

State is some 30 s old; an edge is OFFLINE when two heartbeats were missed; a link that went dark is UNSTABLE 65 s and
DISCONNECTED 95 s after its last contact (vendor knowledge base 381465). Statistics have their own, slower clock.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from config.clock import from_epoch_ms
from inventory.model import Access, LifeCycle, Link
from service.simulator.behaviour import Surroundings, conditions
from service.simulator.faults import FaultKind, Plan
from service.simulator.fleet import Fleet, Premises
from service.simulator.vco.statistics import TICK, Ticks, ticks_of

Json = dict[str, Any]
OFFLINE_AFTER, UNSTABLE_AFTER, DISCONNECTED_AFTER = 60.0, 65.0, 95.0
STATE_AGE = 30.0
LOOK_BACK = 600.0
UNSTABLE_LOSS_PCT = 10.0
"""A path with this much loss counts as UNSTABLE (vendor knowledge base 330702)."""
SHORTEST_SERIES = 15 * 60
"""A getEdgeLinkSeries window below this gives an empty array (seen in public code)."""
MOST_TICKS = 1024
SINCE_BOOT = 31 * 86_400


def vco_time(moment: float) -> str:
    """RFC 3339 with milliseconds and Z, as the vendor writes times."""
    return from_epoch_ms(round(moment * 1000)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What the orchestrator knows of: the edges of the fleet, under a plan."""

    fleet: Fleet
    plan: Plan

    def edges(self, enterprise: int | None = None) -> Iterator[Premises]:
        for each in self.fleet.premises:
            if each.has_edge and enterprise in (None, enterprise_id(each)):
                yield each

    def edge(self, edge: int) -> Premises | None:
        return next((each for each in self.edges() if edge_id(each) == edge), None)

    def around(self, premises: Premises) -> Surroundings:
        return Surroundings(premises.demand, premises.lines, self.plan.hits_at(premises.site.id))


def edge_id(premises: Premises) -> int:
    return int(premises.device.orchestrator.edge_id) if premises.device.orchestrator else 0


def enterprise_id(premises: Premises) -> int:
    return int(premises.device.orchestrator.enterprise_id) if premises.device.orchestrator else 0


def link_id(premises: Premises, link: Link) -> int:
    return 10 * edge_id(premises) + int(link.id[-1])


def _listed(premises: Premises) -> Iterator[Link]:
    """Every WAN link that the edge ever had: the orchestrator keeps listing what was taken out of service."""
    return (link for link in premises.links if link.is_wan)


def last_contact(world: World, premises: Premises, now: float) -> float:
    """When the edge's last heartbeat came in."""
    lost = [
        hit.start
        for hit in world.plan.hits_at(premises.site.id)
        if hit.kind is FaultKind.MANAGEMENT_LOST and hit.start <= now < hit.end
    ]
    return min([*lost, now - now % STATE_AGE])


def edge_state(world: World, premises: Premises, now: float) -> str:
    return "OFFLINE" if now - last_contact(world, premises, now) > OFFLINE_AFTER else "CONNECTED"


def link_state(world: World, premises: Premises, link: Link, now: float) -> tuple[str, float]:
    """The state as the orchestrator shows it, and when the link was last active."""
    if link.life_cycle is LifeCycle.RETIRED:
        return "DISCONNECTED", now - 300 * 86_400
    around = world.around(premises)
    line = next(line for line in around.lines if line.link == link.id)
    heard = last_contact(world, premises, now)
    times = np.arange(now - LOOK_BACK, now + 1, 5.0)
    condition = conditions(around, times)[link.id]
    alive = times[condition.up & (times <= heard)]
    active = float(alive[-1]) if len(alive) else now - LOOK_BACK
    silence = now - active
    if silence > DISCONNECTED_AFTER:
        return "DISCONNECTED", active
    if line.cold:
        return "STANDBY", active
    recent = slice(-24, None)
    if silence > UNSTABLE_AFTER or float(condition.loss_rx_pct[recent].mean()) >= UNSTABLE_LOSS_PCT:
        return "UNSTABLE", active
    return ("STANDBY" if _spare(premises, link, condition.rx_bps[-1]) else "STABLE"), active


def _spare(premises: Premises, link: Link, rx_bps: float) -> bool:
    """A metered line waits as hot standby: tunnels up, no user traffic. That state is healthy."""
    return link.metered and link is not premises.links[0] and rx_bps < 1_000_000


def link_status(world: World, now: float) -> list[Json]:
    """monitoring/getEnterpriseEdgeLinkStatus: one row per link, the edge's fields repeated."""
    return [_status_row(world, each, link, now) for each in world.edges() for link in _listed(each)]


def _status_row(world: World, premises: Premises, link: Link, now: float) -> Json:
    state, active = link_state(world, premises, link, now)
    return {
        **_edge_fields(world, premises, now),
        **_link_fields(link),
        "linkId": link_id(premises, link),
        "linkState": state,
        "linkLastActive": vco_time(active),
        "linkVpnState": state,
        "linkMode": _mode(premises, link),
        "linkBackupState": _backup_state(premises, link, state),
        "linkIpAddress": f"203.0.113.{edge_id(premises) % 250}",
        "linkIpV6Address": None,
    }


def _mode(premises: Premises, link: Link) -> str:
    cold = any(line.link == link.id and line.cold for line in premises.lines)
    spare = link.metered and link is not premises.links[0]
    return "BACKUP" if cold else "HOTSTANDBY" if spare else "ACTIVE"


def _backup_state(premises: Premises, link: Link, state: str) -> str:
    if _mode(premises, link) == "ACTIVE":
        return "UNCONFIGURED"
    return "STANDBY" if state == "STANDBY" else "ACTIVE"


def _edge_fields(world: World, premises: Premises, now: float) -> Json:
    serials = premises.device.serials
    booted = world.plan.start - SINCE_BOOT - edge_id(premises) * 977
    return {
        "enterpriseName": f"{_client_name(world, premises)}|{90000 + enterprise_id(premises)}|",
        "enterpriseId": enterprise_id(premises),
        "enterpriseProxyId": None,
        "enterpriseProxyName": None,
        "edgeId": edge_id(premises),
        "edgeName": premises.site.id.upper(),
        "edgeState": edge_state(world, premises, now),
        "edgeSystemUpSince": vco_time(booted),
        "edgeServiceUpSince": vco_time(booted + 64),
        "edgeLastContact": vco_time(last_contact(world, premises, now)),
        "edgeSerialNumber": serials[0],
        "edgeHASerialNumber": serials[1] if len(serials) > 1 else None,
        "edgeModelNumber": premises.device.model,
        "edgeLatitude": None,
        "edgeLongitude": None,
    }


def _client_name(world: World, premises: Premises) -> str:
    return next(client.name for client in world.fleet.clients if client.id == premises.site.client)


def _link_fields(link: Link) -> Json:
    rate = round((link.committed_down_bps or 0) / 1e6)
    return {
        "displayName": f"{(link.access or Access.DIA).value.upper()}-{link.carrier}-{rate}M",
        "isp": link.carrier,
        "interface": link.interface,
        "internalId": link.orchestrator_link,
    }


def aggregates(world: World, start: float, end: float, now: float) -> list[Json]:
    """monitoring/getAggregateEdgeLinkMetrics: means and sums over [start, end); a link without a readable tick there
    is not listed at all."""
    rows = []
    for each in world.edges():
        by_link = {ticks.link: ticks for ticks in ticks_of(each.device.id, world.around(each), start, end, now)}
        for link in each.wan:
            ticks = by_link.get(link.id)
            if ticks is not None and not np.isnan(ticks.values["bytesRx"]).all():
                rows.append(_aggregate_row(world, each, link, ticks, now))
    return rows


def _aggregate_row(world: World, premises: Premises, link: Link, ticks: Ticks, now: float) -> Json:
    row: Json = {"linkId": link_id(premises, link), "name": link.interface}
    for name, values in ticks.values.items():
        measured = values[~np.isnan(values)]
        summed = name.startswith(("bytes", "packets"))
        row[name] = int(measured.sum()) if summed else _figure(name, float(measured.mean()))
    row["totalBytes"] = row["bytesRx"] + row["bytesTx"]
    row["totalPackets"] = row["packetsRx"] + row["packetsTx"]
    return {**row, "signalStrength": 0, "state": 0, "link": _status_row(world, premises, link, now)}


def _figure(name: str, value: float) -> float | int:
    return round(value) if name.startswith(("bps", "bytes", "packets")) else round(value, 4)


def series(
    world: World, premises: Premises, start: float, end: float, metrics: Sequence[str], now: float
) -> list[Json]:
    """metrics/getEdgeLinkSeries: one object per link; `data` has null where nothing was received."""
    if end - start < SHORTEST_SERIES:
        return []
    end = min(end, start + MOST_TICKS * TICK)
    by_link = {ticks.link: ticks for ticks in ticks_of(premises.device.id, world.around(premises), start, end, now)}
    return [
        {
            "edgeId": edge_id(premises),
            "linkId": link_id(premises, link),
            "series": [_series(name, by_link[link.id]) for name in metrics if name in by_link[link.id].values],
            "link": link_object(world, premises, link, now),
        }
        for link in premises.wan
        if link.id in by_link
    ]


def _series(metric: str, ticks: Ticks) -> Json:
    data = [None if math.isnan(value) else _figure(metric, value) for value in ticks.values[metric].tolist()]
    known = [value for value in data if value is not None]
    return {
        "metric": metric,
        "startTime": int(ticks.start[0]) * 1000,
        "tickInterval": TICK * 1000,
        "data": data,
        "total": sum(known),
        "min": min(known, default=0),
        "max": max(known, default=0),
    }


def link_object(world: World, premises: Premises, link: Link, now: float) -> Json:
    """The `link` object of the metrics and enterprise methods: other names than in the status rows."""
    state, active = link_state(world, premises, link, now)
    wireless = link.access is not None and link.access.wireless
    return {
        **_link_fields(link),
        "id": link_id(premises, link),
        "edgeId": edge_id(premises),
        "logicalId": f"00:00:5e:00:53:{edge_id(premises) % 256:02x}:0000",
        "networkSide": "WAN",
        "networkType": "WIRELESS" if wireless else "ETHERNET",
        "ipAddress": f"203.0.113.{edge_id(premises) % 250}",
        "org": link.carrier,
        "lastActive": vco_time(active),
        "state": state,
        "effectiveState": state,
        "backupState": _backup_state(premises, link, state),
        "linkMode": _mode(premises, link),
        "vpnState": state,
        "serviceState": "IN_SERVICE",
        "serviceGroups": ["PUBLIC_WIRELESS" if wireless else "PUBLIC_WIRED"],
        "alertsEnabled": 1,
        "modified": vco_time(active),
    }
