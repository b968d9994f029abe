"""Whatever JSON a VCO answers, nothing raises, and nothing unusable becomes a number."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from collector.model import FactKind, SampleBatch
from collector.orchestrator.directory import directory
from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.velocloud.event_facts import event_facts, event_rows
from collector.orchestrator.velocloud.mapping import edge_names, link_ids, state_report
from collector.orchestrator.velocloud.rows import (
    link_rows,
    read_edges,
    read_enterprise_edges,
    read_links,
    read_metrics,
    read_series,
)
from collector.orchestrator.velocloud.samples import joined, series_batch, statistics_batch
from collector.orchestrator.velocloud.session import Answer, document
from inventory.model import Device, DeviceRole, Inventory, Link, OrchestratorIdentity

START = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
END = START + timedelta(minutes=15)
TICK = timedelta(minutes=5)
NOW = START + timedelta(minutes=30)
KNOWN = directory(
    Inventory.of(
        devices=[
            Device(
                id="edge",
                site="s",
                role=DeviceRole.SDWAN_EDGE,
                orchestrator=OrchestratorIdentity(name="vco", enterprise_id="41", edge_id="702"),
            )
        ],
        links=[Link(id="line", site="s", device="edge", interface="GE1", orchestrator_link="abc")],
    ),
    "vco",
)
STATUS = {
    "enterpriseId": 41, "edgeId": 702, "edgeName": "E", "edgeState": "CONNECTED",
    "edgeLastContact": "2026-03-03T12:02:31.000Z", "edgeHASerialNumber": "S2", "interface": "GE1",
    "internalId": "abc", "linkId": 5101, "linkState": "STABLE", "linkLastActive": "2026-03-03T12:00:12Z",
    "linkMode": "ACTIVE",
}  # fmt: skip
METRICS = {
    "linkId": 5101, "bytesRx": 1000, "bytesTx": 1000, "bestLatencyMsRx": 10, "bestLatencyMsTx": 10,
    "bestJitterMsRx": 1, "bestJitterMsTx": 1, "bestLossPctRx": 1, "bestLossPctTx": 1,
    "bpsOfBestPathRx": 5, "bpsOfBestPathTx": 5, "link": STATUS,
}  # fmt: skip
SERIES = {
    "edgeId": 702,
    "linkId": 5101,
    "series": [{"metric": "bytesRx", "startTime": 1772539200000, "tickInterval": 300000, "data": [1, 2, 3]}],
    "link": {"id": 5101, "internalId": "abc", "interface": "GE1", "state": "STABLE"},
}
EVENT = {
    "eventTime": "2026-03-03T12:01:07.000Z", "event": "LINK_DEAD", "message": "Link GE1 is now DEAD",
    "detail": '{"internalId": "abc"}', "edgeName": "E",
}  # fmt: skip
ENTERPRISE = {"id": 41, "edges": [{"id": 702, "haState": "READY"}]}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(
    ["702", "41", "0000-00-00 00:00:00", "9999-99-99", "NaN", "-1", "1e400", 10**400, -1, "\ud800", "GE1", "abc", 1e308]
)  # fmt: skip
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


@st.composite
def damaged(draw: st.DrawFn, whole: dict) -> object:
    """A valid answer's object with keys missing, replaced or added, or something else altogether."""
    if draw(st.integers(0, 9)) == 0:
        return draw(anything)
    row = {key: value for key, value in whole.items() if draw(st.integers(0, 9))}
    for key in list(row):
        match draw(st.integers(0, 9)):
            case 0:
                row[key] = draw(anything)
            case 1 if isinstance(row[key], dict):
                row[key] = draw(damaged(row[key]))
            case 1 if isinstance(row[key], list):
                row[key] = [draw(damaged(item)) if isinstance(item, dict) else draw(anything) for item in row[key]]
    return row | draw(st.dictionaries(st.text(max_size=8), scalars, max_size=2))


def body(rows: object) -> bytes:
    return json.dumps(rows).encode()


def sound(batch: SampleBatch) -> bool:
    return all(
        not np.isinf(column).any() and not (column < 0).any() for column in batch.fields.values()
    ) and batch.links == ["line"] * len(batch)


@given(rows=st.lists(damaged(STATUS), max_size=4), enterprises=st.lists(damaged(ENTERPRISE), max_size=2))
def test_any_states_map_to_words_we_know(rows: Any, enterprises: Any) -> None:
    parsed = read_links(body(rows))
    edges = [*read_enterprise_edges(body(enterprises)), *read_edges(body(enterprises))]
    report = state_report(parsed.rows, edges, KNOWN, NOW)
    link_ids(parsed, KNOWN)
    edge_names(parsed)
    words = {"connected", "degraded", "offline", "never_activated", "disabled", "unknown"}
    words |= {"stable", "unstable", "disconnected", "standby", "quiet", "initial"}
    words |= {"unconfigured", "pending", "ready", "failed"}
    assert {fact.value for fact in report.facts} <= words
    assert {fact.subject for fact in report.facts} | set(report.absent) == {"edge", "line"}
    json.dumps([fact.detail for fact in report.facts], ensure_ascii=False).encode()


@given(rows=st.lists(damaged(METRICS), max_size=4))
def test_any_statistics_map_to_finite_figures_or_none(rows: Any) -> None:
    batch = statistics_batch(read_metrics(body(rows)).rows, KNOWN, {"5101": "line"}, START, END, NOW)
    assert sound(batch)
    assert len(batch) <= 1
    assert not (batch.fields["loss_rx_pct"] > 100).any()


@given(rows=st.lists(damaged(SERIES), max_size=3))
def test_any_history_maps_to_finite_figures_inside_the_window(rows: Any) -> None:
    batch = joined([series_batch(read_series(body(rows)).rows, KNOWN, "702", START, END, TICK, NOW)])
    assert sound(batch)
    assert all(1772539200000 <= time < 1772540100000 for time in batch.time)


@given(rows=st.lists(damaged(EVENT), max_size=4))
def test_any_events_map_to_facts_about_our_own(rows: Any) -> None:
    facts = event_facts(event_rows(rows, "41"), {("41", "E"): "702"}, KNOWN, NOW)
    assert {fact.subject for fact in facts} <= {"edge", "line"}
    assert all(fact.kind is FactKind.EVENT and fact.time.tzinfo for fact in facts)
    json.dumps([[fact.value, fact.detail] for fact in facts], ensure_ascii=False).encode()


@given(
    status=st.integers(100, 599), body=st.binary(max_size=40) | anything.map(lambda value: json.dumps(value).encode())
)
def test_any_answer_is_a_value_or_one_sentence(status: int, body: Any) -> None:
    said = ""
    try:
        document("vco.example", "area/method", Answer(status, {}, body))
    except OrchestratorError as error:
        said = str(error)
    assert said.startswith("vco.example answered area/method") if said else status == 200


@given(row=st.fixed_dictionaries({key: st.just(value) | anything for key, value in STATUS.items()}))
def test_what_is_damaged_is_counted(row: Any) -> None:
    parsed = link_rows([row])
    lost = not parsed.rows or (parsed.rows[0].state is None and row["linkState"] not in (None, ""))
    assert parsed.damaged or not lost
