"""API v2 of a VCO, as far as it is simulated: enterprises, edges, events, health, link quality and link series. Pure.

Written after the vendor's description (2021-05-01); it could not be compared with a real server.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.simulator.fleet import Premises
from service.simulator.vco import events, health, metrics, quality, records, states
from service.simulator.vco.accounts import Account, Role
from service.simulator.vco.events import PAGE, Query
from service.simulator.vco.oddities import Json
from service.simulator.vco.replies import Reply, json_reply, version2_error
from service.simulator.vco.requests import BadRequestError, moment
from service.simulator.vco.statistics import METRICS, Window
from service.simulator.vco.world import World, edge_id, enterprise_id, logical_id

BASE = "/api/sdwan/v2/"
TRAFFIC_NAMES = {quality.VOICE: "Voice", quality.VIDEO: "Video", quality.TRANSACTIONAL: "Trans"}
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
DEFAULT_SPAN = 12 * 3600


class _NotFoundError(Exception):
    """No such resource for this caller."""


@dataclass(frozen=True, slots=True)
class _Asked:
    world: World
    account: Account
    query: Mapping[str, str]
    now: float

    def enterprises(self) -> list[int]:
        return self.account.visible(self.world.register.by_enterprise)

    def enterprise(self, guid: str) -> int:
        for number in self.enterprises():
            if logical_id("enterprise", number) == guid.lower():
                return number
        raise _NotFoundError("enterprise")

    def edge(self, enterprise: int, guid: str) -> Premises:
        for each in self.world.edges([enterprise]):
            if logical_id("edge", edge_id(each)) == guid.lower():
                return each
        raise _NotFoundError("edge")

    def window(self) -> Window:
        start, end = self._milliseconds("start"), self._milliseconds("end")
        return Window(
            self.now - DEFAULT_SPAN if start is None else start,
            self.now if end is None else end,
            self.now,
            self.world.lateness,
        )

    def _milliseconds(self, name: str) -> float | None:
        text = self.query.get(name)
        if text is None:
            return None
        if not text.isdecimal():
            raise BadRequestError(f"{name} is not a 13-digit number of milliseconds")
        return moment(int(text))

    def names(self) -> list[str]:
        names = [name for name in self.query.get("metrics", "").split(",") if name]
        if unknown := [name for name in names if name not in METRICS and name not in health.EDGE_RANGES]:
            raise BadRequestError(f"unknown metric {unknown[0]}")
        return names


def template_of(path: str) -> str:
    """The path with `*` for each GUID, for counting."""
    return _GUID.sub("*", path.strip("/"))


def reply(path: str, query: Mapping[str, str], account: Account, world: World, now: float) -> Reply:
    """The answer to `GET /api/sdwan/v2/{path}`."""
    asked = _Asked(world, account, query, now)
    try:
        return json_reply(_found(asked, path.strip("/").split("/")))
    except _NotFoundError as error:
        return version2_error(404, "RESOURCE_NOT_FOUND", f"{error} not found")
    except BadRequestError as error:
        return version2_error(400, "VALIDATION_ERROR", str(error))


def _found(asked: _Asked, parts: list[str]) -> Json | list[Json]:
    match parts:
        case ["enterprises"]:
            if asked.account.role is Role.CUSTOMER:
                raise _NotFoundError("enterprises")
            return _collection(asked, "enterprises/", [_enterprise(asked, each) for each in asked.enterprises()])
        case ["enterprises", guid]:
            return _enterprise(asked, asked.enterprise(guid))
        case ["enterprises", guid, "edges"]:
            rows = [_edge(asked, each) for each in asked.world.edges([asked.enterprise(guid)])]
            return _collection(asked, f"enterprises/{guid}/edges/", rows)
        case ["enterprises", guid, "events"]:
            return _events(asked, asked.enterprise(guid))
        case ["enterprises", guid, "edges", edge]:
            return _edge(asked, asked.edge(asked.enterprise(guid), edge))
        case ["enterprises", guid, "edges", edge, *what]:
            part = _EDGE_PARTS.get("/".join(what))
            if part is not None:
                return part(asked, asked.edge(asked.enterprise(guid), edge))
    raise _NotFoundError("path")


def _collection(asked: _Asked, path: str, rows: list[Json]) -> Json:
    """At most 2,048 rows; `nextPageLink` is the place of the next one."""
    given = asked.query.get("nextPageLink", "0")
    if not given.isdecimal():
        raise BadRequestError("invalid nextPageLink")
    first, limit = int(given), _limit(asked)
    meta: Json = {"limit": limit, "more": first + limit < len(rows)}
    if meta["more"]:
        meta["nextPageLink"] = str(first + limit)
    return {"_href": f"{BASE}{path}", "metaData": meta, "data": rows[first : first + limit]}


def _limit(asked: _Asked) -> int:
    text = asked.query.get("limit", str(PAGE))
    if not text.isdecimal() or int(text) < 1:
        raise BadRequestError("invalid limit")
    return min(int(text), PAGE)


def _enterprise_href(number: int) -> str:
    return f"{BASE}enterprises/{logical_id('enterprise', number)}"


def _edge_href(premises: Premises) -> str:
    return f"{_enterprise_href(enterprise_id(premises))}/edges/{logical_id('edge', edge_id(premises))}"


def _plain(row: Json, left_out: frozenset[str]) -> Json:
    """A record of API v1 without its integer ids, and with flags as booleans."""
    flags = ("alertsEnabled", "operatorAlertsEnabled", "isLive", "userOverride")
    return {name: bool(value) if name in flags else value for name, value in row.items() if name not in left_out}


_IDS = frozenset({"id", "enterpriseId", "siteId", "edgeId", "networkId", "gatewayPoolId", "edgeCount"})


def _enterprise(asked: _Asked, number: int) -> Json:
    proxy = {"enterpriseProxyId", "enterpriseProxyName"}
    row = _plain(records.enterprise_row(asked.world, number), _IDS | proxy)
    return {"_href": _enterprise_href(number), **row}


def _edge(asked: _Asked, premises: Premises) -> Json:
    row = _plain(states.edge_object(asked.world, premises, asked.now), _IDS)
    return {
        "_href": _edge_href(premises),
        **row,
        "site": {"_href": f"{_edge_href(premises)}/site"},
        "enterprise": {"_href": _enterprise_href(enterprise_id(premises))},
        "links": [
            {"_href": f"{_edge_href(premises)}/links/{link.orchestrator_link}"}
            for link in states.links_of(asked.world, premises)
        ],
    }


def _events(asked: _Asked, enterprise: int) -> Json:
    link = asked.query.get("nextPageLink")
    window = asked.window()
    query = (
        Query(window.start, window.end, tuple(_rules(asked.query)), _limit(asked))
        if link is None
        else Query.of_link(link)
    )
    found = events.events(asked.world, [enterprise], query.start, query.end, asked.now)
    edges = {edge_id(each): each for each in asked.world.edges([enterprise])}
    rows = [
        {
            "_href": f"{_enterprise_href(enterprise)}/events/{event['id']}",
            **{name: event[name] for name in ("eventTime", "event", "category", "severity", "message", "detail")},
            "edge": {"_href": _edge_href(edges[int(event["edgeId"])])},
        }
        for event in events.filtered(found, query.rules)
    ]
    return {"_href": f"{_enterprise_href(enterprise)}/events", **events.page_of(rows, query)}


def _rules(query: Mapping[str, str]) -> list[Json]:
    """Filters such as `event[in]=LINK_DEAD,LINK_ALIVE`."""
    found = (re.fullmatch(r"(event|severity|message|detail)\[(\w+)\]", name) for name in query)
    return [
        {"field": each[1], "op": each[2], "values": query[each[0]].split(",")} for each in found if each is not None
    ]


def _health(asked: _Asked, premises: Premises) -> Json:
    summary = health.edge_summary(asked.world, premises, asked.window(), asked.names())
    return {"_href": f"{_edge_href(premises)}/healthStats", **summary}


def _link_quality(asked: _Asked, premises: Premises) -> list[Json]:
    found = quality.link_quality(asked.world, premises, asked.window(), None)
    return [
        {"link": _link(asked, premises, str(link.orchestrator_link)), **_scores(found[str(link.orchestrator_link)])}
        for link in premises.wan
        if link.orchestrator_link in found
    ]


def _scores(scored: Json) -> Json:
    """Before and after remediation, by kind of traffic."""
    samples = scored["timeseries"]
    return {
        f"score{when.capitalize()}{name}": round(
            sum(quality.SCORES[sample[when][traffic]] for sample in samples) / len(samples), 4
        )
        for when in ("after", "before")
        for traffic, name in TRAFFIC_NAMES.items()
    }


def _link_stats(asked: _Asked, premises: Premises) -> list[Json]:
    rows = metrics.edge_metrics(asked.world, premises, asked.window(), asked.names() or METRICS)
    return [_with_link(asked, premises, row, frozenset({"linkId", "state"})) for row in rows]


def _link_series(asked: _Asked, premises: Premises) -> list[Json]:
    rows = metrics.series(asked.world, premises, asked.window(), asked.names() or METRICS)
    return [_with_link(asked, premises, row, frozenset({"linkId", "edgeId"})) for row in rows]


def _with_link(asked: _Asked, premises: Premises, row: Json, left_out: frozenset[str]) -> Json:
    kept = {name: value for name, value in row.items() if name not in left_out}
    return {**kept, "link": _link(asked, premises, row["link"]["internalId"])}


def _link(asked: _Asked, premises: Premises, internal_id: str) -> Json:
    link = next(each for each in premises.wan if each.orchestrator_link == internal_id)
    row = _plain(states.link_object(asked.world, premises, link, asked.now), _IDS | {"vpnState", "serviceGroups"})
    return {
        "_href": f"{_edge_href(premises)}/links/{internal_id}",
        **row,
        "edge": {"_href": _edge_href(premises)},
    }


_EDGE_PARTS: Mapping[str, Callable[[_Asked, Premises], Json | list[Json]]] = {
    "healthStats": _health,
    "linkStats": _link_stats,
    "linkStats/timeSeries": _link_series,
    "linkQualityStats": _link_quality,
}
