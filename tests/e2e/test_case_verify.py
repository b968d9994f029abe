"""`lineproof case show ID --verify` and `db audit` as people run them: exit code 1 and a name for what was altered."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytestmark = [pytest.mark.rim, pytest.mark.slow]


@pytest.fixture
def judged(house: Any, now: datetime) -> Any:
    """A lossy line's claim with its ticket, C-1 and T-1, and everything sealed into parts."""
    house.measure("store-114-wan1", now - timedelta(days=1), 1440, lossy_from=now - timedelta(minutes=30))
    house.measure("store-114-dsl", now - timedelta(days=1), 1440)
    since = (now - timedelta(minutes=30)).isoformat()
    done = house.lineproof("triage", "store-114", "--since", since, "--open-ticket", "--json")
    assert json.loads(done.stdout)["case"] == "C-1", done.stderr
    assert house.lineproof("store", "maintain").returncode == 0
    return house


def alter_one_sample(house: Any, at: datetime) -> None:
    """One lossy minute of the line becomes a good one, in its sealed part."""
    changed = 0
    for path in Path(house.folder).rglob("*.parquet"):
        frame = pl.read_parquet(path)
        if "received_after_ms" in frame.columns:
            hit = (pl.col("link") == "store-114-wan1") & (pl.col("time") == at)
            changed += frame.filter(hit).height
            frame.with_columns(pl.when(hit).then(0.0).otherwise("loss_pct").alias("loss_pct")).write_parquet(path)
    assert changed == 1


def test_what_was_altered_is_named_and_ends_with_1(judged: Any, now: datetime) -> None:
    untouched = judged.lineproof("case", "show", "C-1", "--verify")
    assert untouched.returncode == 0, untouched.stdout
    assert "judges V-1: Confirmed; packet loss on store-114-wan1" in untouched.stdout
    assert "WRONG" not in untouched.stdout
    assert "[store]" in untouched.stdout
    assert judged.lineproof("db", "audit").returncode == 0

    minute = now - timedelta(minutes=10)
    alter_one_sample(judged, minute)
    altered = judged.lineproof("case", "show", "C-1", "--verify")
    wrong = [line for line in altered.stdout.splitlines() if "WRONG" in line]
    assert altered.returncode == 1
    assert any(f"{minute:%Y-%m-%dT%H:%M}:00Z loss_pct: stored 0, in the pack 25" in line for line in wrong), wrong
    assert any("store-114-wan1 loss_pct mean: said 25 %, computed again" in line for line in wrong), wrong

    document = json.loads(judged.lineproof("case", "show", "C-1", "--verify", "--json").stdout)
    assert {check["used"] for check in document["verification"]} >= {"store", "records", "pack"}
    assert [one["kind"] for one in document["story"]][:2] == ["input", "verdict"]

    with closing(sqlite3.connect(judged.records)) as connection:
        connection.execute("UPDATE triage_audit SET actor = 'nobody' WHERE number = 2")
        connection.commit()
    trail = judged.lineproof("db", "audit")
    assert (trail.returncode, trail.stdout.strip()) == (1, "row 2 was changed after it was written")
