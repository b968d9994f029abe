"""The methods of the Portal API: who may call each, and what it answers. Pure, apart from what `Sheets` keeps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from service.simulator.vco import events, health, metrics, quality, records, states
from service.simulator.vco.accounts import Role
from service.simulator.vco.events import PAGE, Query
from service.simulator.vco.oddities import Json
from service.simulator.vco.requests import BadRequestError, Request
from service.simulator.vco.sheets import Sheets

Answer = bytes | Json | list[Json]
"""JSON, rendered already where it is big."""

ANYBODY = frozenset(Role)
PROVIDERS = frozenset({Role.OPERATOR, Role.PARTNER})
OPERATORS = frozenset({Role.OPERATOR})


@dataclass(frozen=True, slots=True)
class Method:
    """`roles` as in the vendor's description (`x-privileges`)."""

    answer: Callable[[Request, Sheets], Answer]
    roles: frozenset[Role] = ANYBODY


def answer(request: Request, sheets: Sheets) -> Answer:
    """What the method answers. Raises BadRequestError."""
    method = METHODS.get(request.method)
    if method is None:
        raise BadRequestError(f"unknown method {request.method}")
    if request.account.role not in method.roles:
        raise BadRequestError(f"user does not have the privileges required to access [{request.method}]")
    return method.answer(request, sheets)


def _link_status(request: Request, sheets: Sheets) -> Answer:
    return sheets.link_status(request.world, request.enterprises(), request.now)


def _link_aggregates(request: Request, sheets: Sheets) -> Answer:
    return sheets.aggregates(request.world, request.enterprises(), request.window(), request.metrics())


def _enterprise_edges(request: Request, sheets: Sheets) -> Answer:
    return sheets.edges(request.world, [request.enterprise()], request.parts(), request.now)


def _enterprises(request: Request, sheets: Sheets) -> Answer:
    rows = records.enterprise_rows(request.world, request.enterprises())
    if "edges" not in request.parts():
        return rows
    return sheets.enterprises(request.world, rows, frozenset(), request.now)


def _enterprise(request: Request, _sheets: Sheets) -> Answer:
    return records.enterprise_row(request.world, request.enterprise())


def _aggregates(request: Request, _sheets: Sheets) -> Answer:
    return records.aggregates(request.world, request.enterprises())


def _link_metrics(request: Request, _sheets: Sheets) -> Answer:
    return metrics.edge_metrics(request.world, request.edge(), request.window(), request.metrics())


def _link_series(request: Request, _sheets: Sheets) -> Answer:
    if "interval" not in request.parameters:
        raise BadRequestError("interval is required")
    return metrics.series(request.world, request.edge(), request.window(), request.metrics())


def _edge(request: Request, _sheets: Sheets) -> Answer:
    parts = request.parts() & states.PARTS
    return states.edge_object(request.world, request.edge(), request.now, parts)


def _configuration(request: Request, _sheets: Sheets) -> Answer:
    modules = [str(name) for name in request.listed("modules")]
    return records.configuration_modules(request.world, request.edge(), request.now, modules)


def _enterprise_events(request: Request, _sheets: Sheets) -> Answer:
    query = _query(request)
    found = events.events(request.world, [request.enterprise()], query.start, query.end, request.now)
    edges = request.listed("edgeId")
    if edges:
        found = [event for event in found if event["edgeId"] in edges]
    return events.page_of(events.of_enterprise(events.filtered(found, query.rules)), query)


def _network_events(request: Request, _sheets: Sheets) -> Answer:
    filters = request.parameters.get("filter")
    if not isinstance(filters, dict) or "limit" not in filters:
        raise BadRequestError("filter.limit is required")
    query = _query(request)
    found = events.events(request.world, request.enterprises(), query.start, query.end, request.now)
    chosen = events.filtered(found, query.rules)
    told = events.of_network(
        request.world,
        chosen,
        request.now,
        detail=bool(request.parameters.get("detail")),
        edges="edges" in request.parts(),
    )
    return events.page_of(told, query)


def _query(request: Request) -> Query:
    filters = request.parameters.get("filter") or {}
    link = request.parameters.get("nextPageLink")
    if link is not None:
        return Query.of_link(str(link))
    rules, limit = (filters.get("rules") or [], filters.get("limit")) if isinstance(filters, dict) else (None, None)
    if not isinstance(rules, list) or not (limit is None or (isinstance(limit, int) and limit >= 0)):
        raise BadRequestError("invalid filter")
    window = request.window()
    return Query(window.start, window.end, rules, PAGE if limit is None else min(limit, PAGE))


def _quality(request: Request, _sheets: Sheets) -> Answer:
    return quality.link_quality(request.world, request.edge(), request.window(), request.integer("maxSamples"))


def _edge_health(request: Request, _sheets: Sheets) -> Answer:
    return health.edge_summary(request.world, request.edge(), request.window(), _names(request))


def _edges_health(request: Request, _sheets: Sheets) -> Answer:
    rows = [health.edge_row(request.world, each, request.now) for each in request.world.edges([request.enterprise()])]
    limit = request.integer("limit") or len(rows)
    return {"metaData": {"limit": limit, "more": limit < len(rows)}, "data": rows[:limit]}


def _gateways(request: Request, _sheets: Sheets) -> Answer:
    return health.gateways(request.world, request.now)


def _gateway_health(request: Request, _sheets: Sheets) -> Answer:
    return health.gateway_summary(request.world, _gateway(request), request.window(), _names(request))


def _gateway_edges(request: Request, _sheets: Sheets) -> Answer:
    return health.gateway_edges(request.world, _gateway(request), request.enterprises(), request.now)


def _addresses(request: Request, _sheets: Sheets) -> Answer:
    request.enterprise()
    return health.addresses()


def _gateway(request: Request) -> int:
    number = request.integer("gatewayId")
    if number not in health.GATEWAYS:
        raise BadRequestError("invalid gatewayId")
    return number


def _names(request: Request) -> list[str]:
    return [str(name) for name in request.listed("metrics")]


METHODS: Mapping[str, Method] = {
    "monitoring/getEnterpriseEdgeLinkStatus": Method(_link_status, PROVIDERS),
    "monitoring/getAggregateEdgeLinkMetrics": Method(_link_aggregates),
    "monitoring/getAggregateEnterpriseEvents": Method(_network_events, PROVIDERS),
    "monitoring/getAggregates": Method(_aggregates, PROVIDERS),
    "monitoring/getEnterpriseEdgeStatus": Method(_edges_health),
    "metrics/getEdgeLinkMetrics": Method(_link_metrics),
    "metrics/getEdgeLinkSeries": Method(_link_series),
    "metrics/getEdgeStatusMetrics": Method(_edge_health),
    "metrics/getGatewayStatusMetrics": Method(_gateway_health, PROVIDERS),
    "enterprise/getEnterprise": Method(_enterprise),
    "enterprise/getEnterpriseEdges": Method(_enterprise_edges),
    "enterprise/getEnterpriseEdgeList": Method(_enterprise_edges),
    "enterprise/getEnterpriseAddresses": Method(_addresses),
    "enterpriseProxy/getEnterpriseProxyEnterprises": Method(_enterprises, PROVIDERS),
    "network/getNetworkEnterprises": Method(_enterprises, OPERATORS),
    "network/getNetworkGateways": Method(_gateways, PROVIDERS),
    "gateway/getGatewayEdgeAssignments": Method(_gateway_edges, PROVIDERS),
    "edge/getEdge": Method(_edge),
    "edge/getEdgeConfigurationModules": Method(_configuration),
    "event/getEnterpriseEvents": Method(_enterprise_events),
    "linkQualityEvent/getLinkQualityEvents": Method(_quality),
}
