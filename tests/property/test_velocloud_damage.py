"""Whatever JSON a VCO answers, nothing raises, and nothing unusable becomes a number."""

from __future__ import annotations

import contextlib
import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.http import NO_HEADERS
from collector.model import FactKind, SampleBatch
from collector.orchestrator.directory import directory
from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.velocloud.event_facts import event_facts, event_rows
from collector.orchestrator.velocloud.mapping import edge_names, link_ids, state_report
from collector.orchestrator.velocloud.rows import METRICS as ASKED
from collector.orchestrator.velocloud.rows import (
    link_rows,
    read_edges,
    read_enterprise_edges,
    read_links,
    read_metrics,
    read_series,
)
from collector.orchestrator.velocloud.samples import joined, series_batch, statistics_batch
from collector.orchestrator.velocloud.session import Answer, document, listed
from inventory.model import Device, DeviceRole, Inventory, Link, OrchestratorIdentity

# The first draw of arbitrary JSON takes its time on a busy machine.
patient = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
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
    ["", "702", "41", "0000-00-00 00:00:00", "2026-03-03T12:02:31.000Z", 702.0, "31.5", "x" * 600,
      "9999-99-99", "NaN", "-1", "1e400", 10**400, -1, "\ud800", "GE1", "abc", 1e308]
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


def not_strict(rows: list[Any]) -> bytes:
    """The same rows and one more, because of which the whole is JSON of Python's kind alone."""
    return json.dumps([*rows, math.nan]).encode()


def sound(batch: SampleBatch) -> bool:
    return all(
        not np.isinf(column).any() and not (column < 0).any() for column in batch.fields.values()
    ) and batch.links == ["line"] * len(batch)


@patient
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


@patient
@given(rows=st.lists(damaged(METRICS), max_size=4))
def test_any_statistics_map_to_finite_figures_or_none(rows: Any) -> None:
    batch = statistics_batch(read_metrics(body(rows)).rows, KNOWN, {"5101": "line"}, START, END, NOW)
    assert sound(batch)
    assert len(batch) <= 1
    assert not (batch.fields["loss_rx_pct"] > 100).any()


@patient
@given(rows=st.lists(damaged(SERIES), max_size=3))
def test_any_history_maps_to_finite_figures_inside_the_window(rows: Any) -> None:
    batch = joined([series_batch(read_series(body(rows)).rows, KNOWN, "702", START, END, TICK, NOW)])
    assert sound(batch)
    assert all(1772539200000 <= time < 1772540100000 for time in batch.time)


@patient
@given(rows=st.lists(damaged(EVENT), max_size=4))
def test_any_events_map_to_facts_about_our_own(rows: Any) -> None:
    facts = event_facts(event_rows(rows, "41"), {("41", "E"): "702"}, KNOWN, NOW)
    assert {fact.subject for fact in facts} <= {"edge", "line"}
    assert all(fact.kind is FactKind.EVENT and fact.time.tzinfo for fact in facts)
    json.dumps([[fact.value, fact.detail] for fact in facts], ensure_ascii=False).encode()


@patient
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


@patient
@given(row=st.fixed_dictionaries({key: st.just(value) | anything for key, value in STATUS.items()}))
def test_what_is_damaged_is_counted(row: Any) -> None:
    parsed = link_rows([row])
    lost = not parsed.rows or (parsed.rows[0].state is None and row["linkState"] not in (None, ""))
    assert parsed.damaged or not lost


READERS = [(read_links, STATUS), (read_metrics, METRICS), (read_series, SERIES), (read_edges, ENTERPRISE["edges"][0]),
           (read_enterprise_edges, ENTERPRISE)]  # fmt: skip


@pytest.mark.parametrize(("read", "whole"), READERS)
@patient
@given(data=st.data())
def test_a_row_is_the_same_whether_it_is_decoded_or_read_field_by_field(read: Any, whole: Any, data: Any) -> None:
    rows = data.draw(st.lists(damaged(whole) | st.just(whole), max_size=4))
    quick, slow = read(body(rows)), read(not_strict(rows))
    assert list(map(repr, quick.rows)) == list(map(repr, slow.rows))
    assert quick.damaged == slow.damaged - 1


@patient
@given(where=st.integers(0, 5), broken=damaged(STATUS))
def test_a_damaged_row_costs_the_others_nothing(where: int, broken: Any) -> None:
    rows: list[Any] = [STATUS] * 5
    sound_rows = list(read_links(body(rows)))
    rows.insert(where, broken)
    found = list(read_links(body(rows)))
    assert [row for row in found if row == sound_rows[0]][:5] == sound_rows
    assert 5 <= len(found) <= 6


@pytest.mark.parametrize("read", [read_links, read_metrics, read_series, read_edges, read_enterprise_edges])
def test_a_body_of_sound_rows_has_no_damage_even_where_numbers_are_text(read: Any) -> None:
    whole = next(row for each, row in READERS if each is read)
    as_text = {key: str(value) if isinstance(value, int | float) else value for key, value in whole.items()}
    for rows in ([whole] * 3, [as_text] * 3):
        found = read(body(rows))
        assert (len(found), found.damaged) == (3, 0)


def test_bytes_that_are_no_text_cost_a_name_its_letters_and_not_the_answer() -> None:
    broken = body([STATUS, STATUS | {"edgeName": "caf?"}]).replace(b"caf?", b"caf\xe9")
    one, other = read_links(broken)
    assert (one.edge_name, other.edge_name, other.state) == ("E", "caf\ufffd", "STABLE")


@patient
@given(body=st.binary(max_size=60) | anything.map(lambda value: json.dumps(value).encode()))
def test_whatever_is_no_list_is_a_value_error_and_every_list_has_rows_or_none(body: Any) -> None:
    try:
        listed = isinstance(json.loads(body.decode("utf-8", "replace")), list)
    except ValueError:
        listed = False
    with contextlib.nullcontext() if listed else pytest.raises(ValueError, match=r"."):
        read_links(body)


def test_a_list_is_not_looked_through_for_errors_which_the_vendor_tells_in_objects() -> None:
    unread = b" [" + b"x" * 100
    assert listed("vco.example", "area/method", Answer(200, NO_HEADERS, unread)) is unread


def ways(read: Any, row: Any) -> list[Any]:
    """The row as it is decoded and as it is read field by field, each with the number of its unusable fields."""
    quick, slow = read(body([row])), read(not_strict([row]))
    return [(*quick.rows, quick.damaged), (*slow.rows, slow.damaged - 1)]


@pytest.mark.parametrize(
    ("said", "ours"),
    [(0, 0.0), (100, 100.0), ("100", 100.0), (0.35, 0.35), ("0.35", 0.35)]
    + [(wrong, None) for wrong in (100.1, "100.1", -0.1, "-0.1", "many", "", True, [], {})],
)
def test_a_percentage_is_within_a_hundred_or_counted(said: Any, ours: float | None) -> None:
    for row, damaged in ways(read_metrics, METRICS | {"bestLossPctRx": said}):
        loss = row.values[ASKED.index("bestLossPctRx")]
        assert damaged == (ours is None)
        assert math.isnan(loss) if ours is None else loss == ours
        assert row.values[0] == 1000.0


@pytest.mark.parametrize(("metric", "highest"), [("bestLossPctTx", 100.0), ("bytesRx", 1e18)])
def test_a_tick_beyond_its_metrics_range_is_counted_and_the_others_stay(metric: str, highest: float) -> None:
    series = {"metric": metric, "startTime": 1772539200000, "tickInterval": 300000}
    for said in (highest * 1.01, -1, "many"):
        for row, damaged in ways(read_series, SERIES | {"series": [series | {"data": [highest, said, None, 0]}]}):
            assert damaged == 1
            assert np.isnan(row.series[0].values).tolist() == [False, True, True, False]


@pytest.mark.parametrize("key", ["edgeLastContact", "linkLastActive"])
@pytest.mark.parametrize("said", ["0000-00-00 00:00:00", "yesterday", 1e300, [], True])
def test_an_impossible_moment_is_none_and_counted(key: str, said: Any) -> None:
    for row, damaged in ways(read_links, STATUS | {key: said}):
        assert [row.edge_last_contact, row.last_active].count(None) == 1
        assert damaged == 1


@pytest.mark.parametrize("said", [-1, 10**18 + 1, 702.5, True, [], {}])
def test_an_impossible_id_is_none_and_counted(said: Any) -> None:
    for row, damaged in ways(read_links, STATUS | {"linkId": said}):
        assert (row.link, row.internal_id, damaged) == (None, "abc", 1)


@pytest.mark.parametrize("said", [{}, STATUS | {"edgeId": None}, STATUS | {"edgeId": ""}])
def test_a_row_without_an_edge_says_nothing_and_is_counted_once(said: Any) -> None:
    assert [(len(found), found.damaged) for found in (read_links(body([said])), link_rows([said]))] == [(0, 1), (0, 1)]


@pytest.mark.parametrize("said", [5101, "5101", 5101.0])
def test_an_id_is_the_same_as_number_and_as_text(said: Any) -> None:
    assert {(row.link, damaged) for row, damaged in ways(read_links, STATUS | {"linkId": said})} == {("5101", 0)}


def test_a_text_that_goes_on_and_on_is_cut() -> None:
    assert {row.edge_name for row, _ in ways(read_links, STATUS | {"edgeName": "x" * 501})} == {"x" * 500}
