"""Scenario sets: what is wrong with one is named by file, line and column before anything is judged."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from config.errors import ConfigurationError
from triage.replay.lines import SetVerdict
from triage.replay.sets import replay_set

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def scenario(**changes: Any) -> dict[str, Any]:
    """A claim at noon about a site with one line, slow since half past eleven."""
    return {
        "id": "one", "now": "2026-03-03T12:00:00Z", "sample_seconds": 300,
        "inventory": {
            "clients": [{"id": "acme"}], "sites": [{"id": "store", "client": "acme"}],
            "links": [{"id": "wan1", "site": "store", "access": "dia", "carrier": "A"}],
        },
        "claim": {"site": "store", "client": "acme", "since": "2026-03-03T11:30:00Z",
                  "reported_at": "2026-03-03T12:00:00Z"},
    } | changes  # fmt: skip


def rows(link: str = "wan1", *, days: int = 2, lossy: int = 6) -> pl.DataFrame:
    """Slots of five minutes until noon, of which the last `lossy` lost 5 of 20 probes."""
    count = days * 288
    lost = [0] * (count - lossy) + [5] * lossy
    return pl.DataFrame(
        {
            "scenario": ["one"] * count, "link": [link] * count,
            "time": [NOON - timedelta(minutes=5 * (count - place)) for place in range(count)],
            "rtt_ms": [20.0, 21.0] * (count // 2), "sent": [20] * count, "lost": lost,
            "loss_pct": [one * 5.0 for one in lost],
        }
    )  # fmt: skip


def written(folder: Path, lines: list[Any], series: pl.DataFrame | None = None) -> Path:
    text = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / "scenarios.jsonl").write_text("\n".join(text) + "\n")
    (rows() if series is None else series).write_parquet(folder / "series.parquet")
    return folder


def faults(folder: Path) -> list[tuple[str, str, str]]:
    with pytest.raises(ConfigurationError) as caught:
        list(replay_set(folder))
    return [(Path(one.file).name, one.field, one.value) for one in caught.value.faults]


def test_a_scenario_gives_one_verdict_under_its_id(tmp_path: Path):
    (verdict,) = replay_set(written(tmp_path, [scenario()]))
    assert (verdict["id"], verdict["verdict"], verdict["cause"]) == ("one", "confirmed", "loss")
    assert verdict["onset"] == "2026-03-03T11:30:00Z"
    SetVerdict.model_validate_json(json.dumps(verdict))


def test_every_fault_of_the_file_is_named_at_once(tmp_path: Path):
    wrong = scenario(id="two")
    wrong["claim"] = wrong["claim"] | {"site": "stor"}
    stranger = scenario(id="three")
    stranger["inventory"] = stranger["inventory"] | {"links": [{"id": "wan1", "site": "store", "carier": "A"}]}
    folder = written(tmp_path, [scenario(), scenario(extra=1, id="x"), wrong, stranger, scenario()])
    assert faults(folder) == [
        ("scenarios.jsonl:2", "extra", "1"),
        ("scenarios.jsonl:3", "claim.site", "stor"),
        ("scenarios.jsonl:4", "inventory.links[0].carier", "A"),
        ("scenarios.jsonl:5", "id", "one"),
    ]


def test_a_line_that_is_no_json_is_named(tmp_path: Path):
    ((where, _, _),) = faults(written(tmp_path, [scenario(), "{not json"]))
    assert where == "scenarios.jsonl:2"


def test_a_policy_with_an_unknown_key_is_refused(tmp_path: Path):
    folder = written(tmp_path, [scenario(policy={"limits": {"loss": 3}})])
    with pytest.raises(ConfigurationError, match=r"scenarios\.jsonl:1"):
        list(replay_set(folder))


def test_a_column_that_is_no_measurement_is_refused(tmp_path: Path):
    series = rows().rename({"loss_pct": "losspct"}).with_columns(sent=pl.lit("many"))
    assert faults(written(tmp_path, [scenario()], series)) == [
        ("series.parquet", "sent", "String"),
        ("series.parquet", "losspct", "Float64"),
    ]


def test_a_column_that_is_missing_is_named(tmp_path: Path):
    assert faults(written(tmp_path, [scenario()], rows().drop("time"))) == [("series.parquet", "time", "")]


def test_a_broken_series_file_is_named(tmp_path: Path):
    folder = written(tmp_path, [scenario()])
    (folder / "series.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(ConfigurationError, match=r"series\.parquet cannot be read"):
        list(replay_set(folder))


def test_a_set_without_its_file_is_named(tmp_path: Path):
    with pytest.raises(ConfigurationError, match=r"scenarios\.jsonl does not exist"):
        list(replay_set(tmp_path))


def test_what_was_not_measured_is_inconclusive_and_not_left_out(tmp_path: Path):
    """Of the second scenario no row is there at all: unknown is no fault, and not healthy."""
    other = scenario(id="two")
    answers = list(replay_set(written(tmp_path, [scenario(), other])))
    assert [(one["id"], one["verdict"]) for one in answers] == [("one", "confirmed"), ("two", "inconclusive")]


def test_the_order_of_rows_and_repeated_rows_change_nothing(tmp_path: Path):
    (straight,) = replay_set(written(tmp_path, [scenario()]))
    mixed = pl.concat([rows(), rows().tail(3)]).sort("lost", "rtt_ms")
    (other,) = replay_set(written(tmp_path, [scenario()], mixed))
    assert other == straight


def test_of_two_rows_for_one_slot_the_later_one_stands(tmp_path: Path):
    corrected = pl.concat([rows(), rows(lossy=0).tail(6)])
    (verdict,) = replay_set(written(tmp_path, [scenario()], corrected))
    assert verdict["verdict"] == "not_substantiated"


def test_an_inventory_may_say_all_that_an_inventory_says(tmp_path: Path):
    full = scenario()["inventory"]
    full["devices"] = [{"id": "edge", "site": "store", "role": "sdwan_edge"}]
    full["sites"][0]["business_hours"] = "mon-fri 08:00-18:00"
    (verdict,) = replay_set(written(tmp_path, [scenario(inventory=full)]))
    assert verdict["cause"] == "loss"
