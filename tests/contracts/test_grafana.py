"""Every query of the dashboard that we ship, its variables filled in as Grafana does, against a real InfluxDB."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from aiohttp import ClientSession
from store_cases import HOUR, MINUTE, MORNING, fact, samples

from collector.model import FactKind, Source
from collector.store.influx import InfluxStore
from config.clock import epoch_ms

GRAFANA = Path(__file__).parents[2] / "deploy" / "grafana"
DASHBOARD: dict[str, Any] = json.loads((GRAFANA / "dashboards" / "lineproof.json").read_text(encoding="utf-8"))
PANELS: dict[str, dict[str, Any]] = {each["title"]: each for each in DASHBOARD["panels"] if each["type"] != "row"}
VARIABLES: dict[str, dict[str, Any]] = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
WAN1, LTE = "store-114-wan1", "store-114-lte"
END = MORNING + 10 * MINUTE

Points = dict[str, list[tuple[float, float | None]]]
"""By the series' name as shown: minutes after nine and values."""


def test_the_datasource_takes_its_secrets_from_the_environment_and_is_the_dashboards() -> None:
    (source,) = yaml.safe_load((GRAFANA / "provisioning/datasources/lineproof.yaml").read_text())["datasources"]
    assert source["secureJsonData"] == {"httpHeaderValue1": "Token $INFLUX_TOKEN"}
    assert (source["url"], source["database"]) == ("$INFLUX_URL", "$INFLUX_DATABASE")
    assert source["jsonData"]["version"] == "InfluxQL"
    used = {each["datasource"]["uid"] for each in PANELS.values()}
    assert used == {target["datasource"]["uid"] for each in PANELS.values() for target in each["targets"]}
    assert used == {source["uid"]}


def test_a_gap_is_drawn_as_a_gap() -> None:
    assert {each["fieldConfig"]["defaults"]["custom"]["spanNulls"] for each in PANELS.values()} == {False}
    assert all("fill(null)" in target["query"] for each in PANELS.values() for target in each["targets"])


def test_no_two_panels_lie_on_each_other() -> None:
    cells = [
        (x, y)
        for each in DASHBOARD["panels"]
        for x in range(each["gridPos"]["x"], each["gridPos"]["x"] + each["gridPos"]["w"])
        for y in range(each["gridPos"]["y"], each["gridPos"]["y"] + each["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)


def filled_in(query: str, start: int, end: int, links: tuple[str, ...] = (WAN1, LTE)) -> str:
    """The query with its variables: several links as `(a|b)`, escaped for a regular expression."""
    values = {
        "timeFilter": f"time >= {start}ms AND time <= {end}ms",
        "__interval": "1m",
        "tick": "5m",
        "site": "store-114",
        "link": "(" + "|".join(map(re.escape, links)) + ")",
        **{name: VARIABLES[name]["query"] for name in ("raw", "rollup")},
    }
    return re.sub(r"\$(\w+)", lambda found: values[found.group(1)], query)


async def asked(url: str, database: str, query: str) -> list[dict[str, Any]]:
    form = {"q": query, "db": database, "epoch": "ms"}
    async with ClientSession() as session, session.post(url + "/query", data=form) as answer:
        (result,) = (await answer.json())["results"]
    assert "error" not in result, (query, result)
    series: list[dict[str, Any]] = result.get("series", [])
    return series


@pytest.fixture
async def database(influx_proxy: Any, influx_bucket: str) -> str:
    """Ten minutes of two links of one site and one of another, with a gap at 09:03 to 09:05, and their roll-ups."""
    store = InfluxStore(influx_proxy.url, influx_proxy.token, influx_bucket)
    there = [0, 1, 2, 6, 7, 8, 9]
    traffic = {"rx_bps": 40e6, "tx_bps": 5e6, "rx_capacity_bps": 100e6, "tx_capacity_bps": 20e6, "oper_up": 1.0}
    probed = {"rtt_ms": 20.0, "jitter_ms": 2.0, "loss_pct": 1.0, "mos": 4.2}
    for link in (WAN1, LTE, "store-2-wan1"):
        await store.write(samples([(link, minute, traffic) for minute in there]))
        await store.write(samples([(link, minute, probed) for minute in there], Source.PROBE))
    lost = {"loss_pct": 100.0}
    await store.write(samples([(LTE, 9, lost)], Source.PROBE, received=9))
    one_way = {"loss_rx_pct": 0.5, "loss_tx_pct": 0.25, "jitter_rx_ms": 3.0, "jitter_tx_ms": 4.0, **traffic}
    ticks = samples([(WAN1, minute, one_way) for minute in (0, 5)], Source.ORCHESTRATOR)
    ticks.seconds[:] = np.int32(300)
    await store.write(ticks)
    await store.write_facts(
        [
            fact(0, kind=FactKind.POLL_OUTCOME, value="ok"),
            fact(1, kind=FactKind.POLL_OUTCOME, value="timeout"),
            fact(2, kind=FactKind.POLL_OUTCOME, value="ok"),
            fact(2, subject="vco", kind=FactKind.SOURCE_STATE, value="stale"),
        ]
    )
    await store.maintain(MORNING + timedelta(days=1))
    await store.close()
    return influx_bucket.partition("/")[0]


async def shown(url: str, database: str, title: str, start: int, end: int) -> Points:
    """What a panel shows, under the names it gives."""
    found: Points = {}
    for target in PANELS[title]["targets"]:
        for series in await asked(url, database, filled_in(target["query"], start, end)):
            tags = series.get("tags", {})
            name = re.sub(r"\$tag_(\w+)", lambda part, tags=tags: tags[part.group(1)], target["alias"])
            points = [((time - epoch_ms(MORNING)) / 60_000, value) for time, value in series["values"]]
            if any(value is not None for _, value in points):
                assert name not in found, "two series of one name"
                found[name] = points
    return found


P1, P2, S1, S2, O1 = f"{WAN1} probe", f"{LTE} probe", f"{WAN1} snmp", f"{LTE} snmp", f"{WAN1} orchestrator"


@pytest.mark.real
@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Round trip", {P1: {20}, P2: {20}}),
        (
            "Loss",
            {
                f"{P1} two-way": {1},
                f"{P2} two-way": {1, 100},
                f"{O1} download": {0.5},
                f"{O1} upload": {0.25},
            },
        ),
        ("Jitter", {f"{P1} two-way": {2}, f"{P2} two-way": {2}, f"{O1} download": {3}, f"{O1} upload": {4}}),
        ("Download", {S1: {40e6}, S2: {40e6}, O1: {40e6}, **{f"{each} capacity": {100e6} for each in (S1, S2, O1)}}),
        ("Upload", {S1: {5e6}, S2: {5e6}, O1: {5e6}, **{f"{each} capacity": {20e6} for each in (S1, S2, O1)}}),
        ("Download used", {S1: {40}, S2: {40}, O1: {40}}),
        ("Upload used", {S1: {25}, S2: {25}, O1: {25}}),
        ("Port up", {S1: {1}, S2: {1}, O1: {1}}),
        ("Estimated MOS", {P1: {4.2}, P2: {4.2}}),
        ("Samples by source", {"snmp": {3}, "probe": {3}, "orchestrator": {1}}),
        ("Polls by outcome", {"ok": {1}, "timeout": {1}}),
        ("What sources say of themselves", {"vco stale": {1}}),
    ],
)
async def test_a_panel_shows_its_links_and_nothing_else(
    influxd: Any, database: str, title: str, expected: dict[str, set[float]]
) -> None:
    found = await shown(influxd.url, database, title, epoch_ms(MORNING), epoch_ms(END) - 1)
    values = {name: {value for _, value in points if value not in (None, 0)} for name, points in found.items()}
    assert values == expected


@pytest.mark.real
async def test_a_gap_comes_as_null_and_an_orchestrators_ticks_stand_five_minutes_apart(
    influxd: Any, database: str
) -> None:
    found = await shown(influxd.url, database, "Download", epoch_ms(MORNING), epoch_ms(END) - 1)
    assert [minute for minute, value in found[S1] if value is None] == [3, 4, 5]
    assert [minute for minute, _ in found[O1]] == [0, 5]


@pytest.mark.real
async def test_availability_is_seconds_up_and_down_of_closed_days(influxd: Any, database: str) -> None:
    """Seven minutes were measured; of the second link the last one lost everything. SNMP's 40 Mbit/s say up, too."""
    start = epoch_ms(MORNING)
    found = await shown(influxd.url, database, "Up and down, by the hour", start, start + 3_600_000 - 1)
    assert found == {
        f"{P1} up": [(0, 420)],
        f"{P2} up": [(0, 360)],
        f"{P2} down": [(0, 60)],
        f"{S1} up": [(0, 420)],
        f"{S2} up": [(0, 420)],
        f"{O1} up": [(0, 600)],
    }


@pytest.mark.real
async def test_the_variables_offer_sites_and_the_links_of_the_chosen_one(influxd: Any, database: str) -> None:
    sites = await offered(influxd.url, database, "site")
    assert sites == {"store-114", "store-2"}
    assert await offered(influxd.url, database, "link") == {WAN1, LTE}


async def offered(url: str, database: str, name: str) -> set[str]:
    variable = VARIABLES[name]
    (series,) = await asked(url, database, filled_in(variable["query"], 0, epoch_ms(MORNING + HOUR)))
    values = [value for _, value in series["values"]]
    if variable["regex"]:
        matches = [re.match(variable["regex"].strip("/"), value) for value in values]
        values = [match.group(1) for match in matches if match]
    return set(values)


def test_every_panel_is_tried() -> None:
    (mark,) = [
        each
        for each in test_a_panel_shows_its_links_and_nothing_else.pytestmark  # type: ignore[attr-defined]
        if each.name == "parametrize"
    ]
    assert {title for title, _ in mark.args[1]} | {"Up and down, by the hour"} == set(PANELS)
