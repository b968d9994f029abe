"""The events of a VCO: what edges reported, and what the orchestrator missed. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from inventory.model import Link
from service.simulator.faults import FaultKind, Hit
from service.simulator.fleet import Premises
from service.simulator.vco.oddities import Json, Oddity, disfigured
from service.simulator.vco.requests import BadRequestError
from service.simulator.vco.states import edge_object, next_hop
from service.simulator.vco.world import (
    OFFLINE_AFTER,
    World,
    edge_id,
    edge_name,
    enterprise_id,
    heartbeat,
    vco_time,
)

NOTICE_SECONDS = 8.0
"""A link event travels with the edge's next heartbeat."""
PAGE = 2048

_OPERATIONS: Mapping[str, Callable[[str, Sequence[str]], bool]] = {
    "is": lambda text, values: text in values,
    "in": lambda text, values: text in values,
    "isNot": lambda text, values: text not in values,
    "is not": lambda text, values: text not in values,
    "notIn": lambda text, values: text not in values,
    "contains": lambda text, values: any(value in text for value in values),
    "notContains": lambda text, values: not any(value in text for value in values),
    "startsWith": lambda text, values: any(text.startswith(value) for value in values),
    "endsWith": lambda text, values: any(text.endswith(value) for value in values),
}


def events(world: World, enterprises: Iterable[int], start: float, end: float, now: float) -> list[Json]:
    """Every event in [start, end) that has happened by `now`, newest first, with all that any method tells of one."""
    found = []
    for each in world.edges(enterprises):
        happened = [event for hit in world.hits_at(each) for event in _events_of(each, hit, min(end, now))]
        happened += _pair_events(world, each)
        for moment, event, message, link in happened:
            if start <= moment < min(end, now):
                found.append((-moment, edge_id(each), _event(world, each, moment, event, message, link)))
    found.sort(key=lambda item: item[:2])
    return [event for _, _, event in found]


Happened = tuple[float, str, str, Link | None]


def _pair_events(world: World, premises: Premises) -> list[Happened]:
    """What a pair reports when its boxes change places, or when one is lost."""
    told = {
        Oddity.FAILED_OVER: ("HA_GOING_ACTIVE", "High availability: the standby is going active"),
        Oddity.STANDBY_LOST: ("HA_FAILED", "High availability: the standby does not answer"),
    }
    since = world.odd.get(edge_id(premises), {})
    return [(since[oddity], *words, None) for oddity, words in told.items() if oddity in since]


def _events_of(premises: Premises, hit: Hit, until: float) -> Iterator[Happened]:
    link = next(link for link in premises.links if link.id == hit.link)
    if hit.kind is FaultKind.MANAGEMENT_LOST:
        yield heartbeat(premises, hit.start) + OFFLINE_AFTER, "EDGE_DOWN", f"Edge {edge_name(premises)} is down", None
        back = heartbeat(premises, hit.end) + 30
        yield back, "EDGE_UP", f"Edge {edge_name(premises)} is up", None
        return
    if hit.kind is FaultKind.LINE_DOWN:
        spans = [(hit.start, hit.end)]
    elif hit.kind is FaultKind.FLAPPING:
        count = int((min(until, hit.end) - hit.start) // hit.period) + 1
        spans = [(hit.start + n * hit.period, hit.start + n * hit.period + hit.down_seconds) for n in range(count)]
    else:
        return
    for dead, alive in spans:
        yield dead + NOTICE_SECONDS, "LINK_DEAD", f"Link {link.interface} is now DEAD", link
        yield min(alive, hit.end) + NOTICE_SECONDS, "LINK_ALIVE", f"Link {link.interface} is no longer DEAD", link


def _event(world: World, premises: Premises, moment: float, event: str, message: str, link: Link | None) -> Json:
    detail = {"logicalId": next_hop(world, premises, link), "internalId": link.orchestrator_link} if link else None
    row = {
        "id": edge_id(premises) * 10_000_000 + int(moment) % 10_000_000,
        "eventTime": vco_time(moment),
        "event": event,
        "category": "EDGE" if event.startswith("EDGE") else "NETWORK",
        "severity": "ALERT" if event.endswith(("DEAD", "DOWN")) else "INFO",
        "message": message,
        "detail": json.dumps(detail) if detail else None,
        "edgeName": edge_name(premises),
        "edgeId": edge_id(premises),
        "enterpriseId": enterprise_id(premises),
        "enterpriseName": world.enterprise_name(enterprise_id(premises)),
        "enterpriseUsername": "",
        "segmentName": None,
    }
    shown: Json = disfigured(row, world.oddities(premises))
    return shown


_ONE_ENTERPRISE = ("edgeId", "enterpriseId", "enterpriseName")
"""What event/getEnterpriseEvents does not tell: readers have to go by the edge's name."""


def of_enterprise(found: Sequence[Json]) -> list[Json]:
    """As event/getEnterpriseEvents tells them."""
    return [{name: value for name, value in event.items() if name not in _ONE_ENTERPRISE} for event in found]


def of_network(world: World, found: Sequence[Json], now: float, *, detail: bool, edges: bool) -> list[Json]:
    """As monitoring/getAggregateEnterpriseEvents tells them."""
    rows = []
    for event in found:
        row = {**event, "detail": event["detail"] if detail else None}
        premises = world.edge(int(event["edgeId"])) if edges else None
        rows.append({**row, "edge": edge_object(world, premises, now)} if premises else row)
    return rows


def filtered(found: Sequence[Json], rules: Sequence[object]) -> list[Json]:
    """The events that meet every rule: `{field, op, values}`."""
    chosen = list(found)
    for rule in rules:
        if not isinstance(rule, dict) or rule.get("op") not in _OPERATIONS:
            raise BadRequestError("invalid filter")
        meets, values = _OPERATIONS[rule["op"]], [str(value) for value in rule.get("values") or []]
        chosen = [event for event in chosen if meets(str(event.get(str(rule.get("field"))) or ""), values)]
    return chosen


@dataclass(frozen=True, slots=True)
class Query:
    """A question for events. A page's link holds all of it and the next page's place; what is asked beside is
    ignored."""

    start: float
    end: float
    rules: Sequence[object] = ()
    limit: int = PAGE
    first: int = 0

    def link(self) -> str:
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode()

    @classmethod
    def of_link(cls, link: str) -> Query:
        try:
            return cls(**json.loads(base64.urlsafe_b64decode(link)))
        except (ValueError, TypeError):
            raise BadRequestError("invalid nextPageLink") from None


def page_of(rows: Sequence[Json], query: Query) -> Json:
    """`{data, metaData}`."""
    after = query.first + query.limit
    meta: Json = {"limit": query.limit, "more": after < len(rows)}
    if meta["more"]:
        meta["nextPageLink"] = replace(query, first=after).link()
    return {"metaData": meta, "data": rows[query.first : after]}
