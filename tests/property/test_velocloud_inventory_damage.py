"""Whatever JSON a VCO answers about one edge, its gateways or its inventory: nothing raises, and nothing unusable
becomes a rate, a state or an id."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.model import FactKind
from collector.orchestrator.port import Figure
from collector.orchestrator.velocloud.configuration import configured_lines, line_of
from collector.orchestrator.velocloud.gateways import gateway_facts, gateway_rows
from collector.orchestrator.velocloud.listing import listed_edges, nameless_links
from collector.orchestrator.velocloud.looking import health_figures, line_figures
from collector.orchestrator.velocloud.quality import link_qualities, quality_figures
from collector.orchestrator.velocloud.rows import link_rows
from collector.orchestrator.velocloud.status import status_items
from inventory.listing import ListedEdge

NOW = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)
GATEWAY = {
    "id": 3, "name": "vcg-ex-1", "gatewayState": "CONNECTED", "serviceState": "IN_SERVICE", "connectedEdges": 412,
    "lastContact": "2026-03-03T14:02:31.000Z",
}  # fmt: skip
LINK = {
    "id": 5101, "internalId": "abc", "interface": "GE1", "displayName": "DIA", "isp": "Example Fiber",
    "lastActive": "2026-03-03T14:02:12.000Z", "state": "STABLE", "linkMode": "ACTIVE",
    "serviceGroups": ["PUBLIC_WIRED"],
}  # fmt: skip
EDGE = {
    "id": 702, "enterpriseId": 41, "name": "E", "modelNumber": "edge520", "serialNumber": "S1", "haSerialNumber": "S2",
    "activationState": "ACTIVATED", "edgeState": "CONNECTED", "links": [LINK],
    "site": {"streetAddress": "12 Main Street", "city": "Springfield", "timezone": "America/New_York"},
}  # fmt: skip
LINE = {
    "internalId": "abc", "name": "DIA", "mode": "PUBLIC", "type": "WIRED", "interfaces": ["GE1"], "isp": "Fiber",
    "upstreamMbps": "20", "downstreamMbps": "100", "bwMeasurement": "USER_DEFINED", "backupOnly": False,
}  # fmt: skip
SAMPLE = {"timestamp": 1772546580000, "before": {"0": 3, "1": 4, "2": 4}, "after": {"0": 4, "1": 4, "2": 4}}
QUALITY = {"totalScore": 9.4, "timeseries": [SAMPLE, SAMPLE]}
HEALTH = {
    "cpuPct": {"min": 6, "max": 44, "average": 12.4},
    "cpuCoreTemp": {"min": 41, "max": 63, "average": 52.0},
    "handoffQueueDrops": {"min": 0, "max": 0, "average": 0},
}

patient = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(
    ["", "0", "702", "0000-00-00 00:00:00", "2026-03-03T12:02:31.000Z", "31.5", "x" * 600, "NaN", "-1", "1e400",
     10**400, -1, "\ud800", "GE1", "abc", 1e308]
)  # fmt: skip
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


@st.composite
def damaged(draw: st.DrawFn, whole: Any) -> Any:
    """A valid value with keys missing, replaced or added at any depth, or something else altogether."""
    if draw(st.integers(0, 11)) == 0:
        return draw(anything)
    if isinstance(whole, dict):
        kept = {key: draw(damaged(value)) for key, value in whole.items() if draw(st.integers(0, 11))}
        return kept | draw(st.dictionaries(st.text(max_size=8), scalars, max_size=1))
    if isinstance(whole, list):
        return [draw(damaged(item)) for item in whole]
    return whole


def readable(figures: Sequence[Figure]) -> bool:
    """Every figure is text that can be printed and kept."""
    texts = [text for one in figures for text in (one.subject, one.name, one.value, one.meaning)]
    return all(text.encode() is not None for text in texts) and all(one.value for one in figures)


@patient
@given(rows=st.lists(damaged(GATEWAY), max_size=4))
def test_any_gateways_have_states_that_we_know(rows: list[Any]) -> None:
    facts = gateway_facts(gateway_rows(rows).rows, "vco", NOW)
    assert {fact.value for fact in facts} <= {"ok", "degraded", "down", "unknown"}
    assert all(fact.kind is FactKind.PART_STATE and fact.subject.startswith("vco/") for fact in facts)
    assert json.dumps([(fact.subject, fact.detail) for fact in facts], ensure_ascii=False).encode()


@patient
@given(rows=st.lists(damaged(EDGE), max_size=3))
def test_any_edges_are_listed_with_ids_and_nothing_invented(rows: list[Any]) -> None:
    edges = listed_edges(rows)
    for edge in edges:
        assert isinstance(edge, ListedEdge)
        assert edge.edge_id
        assert all(edge.serials)
        assert all(link.id for link in edge.links or ())
    assert repr(list(edges)).encode()
    left_out = sum(len(row["links"]) for row in rows if isinstance(row, dict) and isinstance(row.get("links"), list))
    assert nameless_links(rows) <= left_out


@patient
@given(rows=st.lists(damaged(LINE), max_size=3))
def test_any_configured_line_has_a_rate_above_zero_or_none(rows: list[Any]) -> None:
    lines = configured_lines(rows).rows
    rates = [rate for line in lines for rate in (line.down_bps, line.up_bps) if rate is not None]
    assert all(0 < rate <= 1e12 for rate in rates)
    assert readable([figure for line in lines for figure in line_figures(line, "line")])
    assert line_of(lines, "abc", "GE1") in (None, *lines)


@patient
@given(answer=st.dictionaries(st.sampled_from(["abc", "overallLinkQuality"]), damaged(QUALITY)))
def test_any_quality_is_in_words_that_we_know(answer: Mapping[object, object]) -> None:
    figures = [figure for row in link_qualities(answer) for figure in quality_figures(row, "line")]
    assert readable(figures)
    states = [figure.value.split(", ")[0] for figure in figures if figure.name != "QoE score"]
    assert set(states) <= {"good", "fair", "critical", "offline", "unknown"}


@patient
@given(answer=damaged(HEALTH).filter(lambda value: isinstance(value, dict)))
def test_any_health_is_figures_that_can_be_read(answer: Mapping[object, object]) -> None:
    figures = health_figures(answer, "edge")
    assert readable(figures)
    assert not any(word in figure.value for figure in figures for word in ("nan", "inf"))


@patient
@given(edge=damaged(EDGE).filter(lambda value: isinstance(value, dict)))
def test_any_edge_can_be_read_as_rows_of_links(edge: Mapping[object, object]) -> None:
    rows = status_items(edge, "41")
    assert rows
    assert all(row.edge and row.enterprise == "41" for row in link_rows(rows))
