"""`lineproof store` as a person runs it: what it says, its exit codes, and what it leaves behind."""

from __future__ import annotations

import asyncio
import fcntl
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from collector.model import Fact, FactKind, SampleBatch, Source
from collector.settings import StoreSettings
from collector.store.opening import open_store

pytestmark = [pytest.mark.slow, pytest.mark.rim]

START = datetime(2026, 3, 3, tzinfo=UTC)
NOW = START + timedelta(days=1, hours=3)
Command = Callable[..., subprocess.CompletedProcess[str]]


def samples(link: str, minutes: int, rtt_ms: float) -> SampleBatch:
    at = round(START.timestamp() * 1000) + np.arange(minutes, dtype=np.int64) * 60_000
    fields = {"rtt_ms": np.full(minutes, rtt_ms), "loss_pct": np.zeros(minutes)}
    return SampleBatch(Source.PROBE, [link] * minutes, at, np.full(minutes, 60, np.int32), at + 61_000, fields)


async def fill(folder: Path) -> None:
    """An hour of two links and one fact, sealed and rolled up; three more minutes wait in the journal."""
    _, store = open_store(StoreSettings(), folder / "var")
    await store.write(samples("wan1", 60, 20.0))
    await store.write(samples("wan2", 60, 30.0))
    await store.write_facts([Fact(START, "router1", FactKind.EVENT, "LINK_DEAD", Source.ORCHESTRATOR, START)])
    await store.maintain(NOW)
    await store.write(samples("wan3", 3, 40.0))
    await store.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, commands: Any) -> Path:
    folder = tmp_path_factory.mktemp("made")
    # The clock stands at NOW: it goes on by a second in three years.
    clock = {"start": NOW.isoformat(), "origin": time.time(), "factor": 1e-8}
    (folder / "lineproof.yaml").write_text(yaml.safe_dump({"data": "var", "clock": clock}))
    assert commands.run("db", "upgrade", folder=folder).returncode == 0
    asyncio.run(fill(folder))
    return folder


@pytest.fixture
def house(made: Path, tmp_path: Path) -> Path:
    """A filled installation of this test's own."""
    return Path(shutil.copytree(made, tmp_path / "house"))


@pytest.fixture
def store(house: Path, commands: Any) -> Command:
    def command(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        done: subprocess.CompletedProcess[str] = commands.run("store", name, *arguments, folder=house)
        assert "Traceback" not in done.stderr
        return done

    return command


def document(done: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(done.stdout)


def part(house: Path, kind: str) -> Path:
    return min((house / "var" / "measurements" / "parts").glob(f"{kind}-*"))


def damage(path: Path) -> bytes:
    """Flip a bit in the middle; the bytes as they were."""
    good = path.read_bytes()
    content = bytearray(good)
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return good


def test_stats_tell_size_and_age_by_kind_and_day(store: Command) -> None:
    found = document(store("stats", "--json"))
    kinds = {kind["kind"]: kind for kind in found["kinds"]}
    assert kinds["samples"]["rows"] == 120
    assert (kinds["samples"]["oldest"], kinds["samples"]["newest"]) == ("2026-03-03T00:00:00Z", "2026-03-03T00:59:00Z")
    assert set(kinds) == {"samples", "facts", "hours", "days"}
    assert ("2026-03-03", "samples", 120) in [(day["day"], day["kind"], day["rows"]) for day in found["days"]]
    assert found["size"] == sum(day["size"] for day in found["days"])
    (reader,) = found["journal"]["readers"]
    assert (reader["name"], reader["waiting"], reader["rows_shed"], reader["rows_aside"]) == ("parts", 1, 0, 0)
    assert 0 < found["journal"]["size"] < found["journal"]["limit"]
    assert "links" not in found


def test_stats_by_link_tell_coverage_and_gaps(store: Command) -> None:
    """At 03:00 of the next day minutes up to 02:58 of it are due: 1,619 slots since midnight of the third."""
    links = {link["link"]: link for link in document(store("stats", "--links", "--json"))["links"]}
    assert {name: link["rows"] for name, link in links.items()} == {"wan1": 60, "wan2": 60, "wan3": 3}
    assert (links["wan1"]["present"], links["wan1"]["expected"]) == (60, 1619)
    assert (links["wan1"]["gaps"], links["wan1"]["longest_gap"]) == (1, 1559 * 60)


def test_stats_for_a_person_fit_a_screen(store: Command) -> None:
    said = store("stats", "--links").stdout
    assert max(map(len, said.splitlines())) <= 120
    assert len(said.splitlines()) <= 25
    assert "None" not in said


def test_verify_sets_aside_what_is_damaged_and_the_next_run_is_clean(store: Command, house: Path) -> None:
    path = part(house, "samples")
    good = damage(path)
    (told,) = document(store("verify", "--keep", "--json"))
    assert (told["file"], told["day"], told["set_aside"]) == (path.name, "2026-03-03", False)
    assert path.exists()
    found = store("verify")
    assert found.returncode == 1
    for word in (path.name, "2026-03-03", "wan1 to wan2", "SHA-256", "120 rows", "quarantine", "good copy"):
        assert word in found.stdout
    assert store("verify").returncode == 0
    assert path.name in store("stats").stdout
    path.write_bytes(good)
    assert store("maintain").returncode == 0
    assert document(store("stats", "--json"))["quarantined"] == []


def test_a_damaged_manifest_says_how_to_go_on(store: Command, house: Path) -> None:
    manifest = house / "var" / "measurements" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-40])
    for command in ("verify", "stats"):
        done = store(command)
        assert done.returncode == 1
        assert "manifest.json is damaged" in done.stderr
        assert "restore" in done.stderr


def test_maintain_tells_what_it_did_and_then_has_nothing_to_do(store: Command) -> None:
    first = document(store("maintain", "--json"))
    assert first["sealed_rows"] == 3
    again = store("maintain")
    assert (again.returncode, again.stdout.strip()) == (0, "nothing to do")


def test_maintain_finds_a_damaged_part_that_it_was_about_to_read(store: Command, house: Path) -> None:
    damage(part(house, "samples"))
    done = store("maintain", "--json")
    assert (done.returncode, document(done)["quarantined"]) == (1, 1)


def test_maintain_waits_for_the_upkeep_of_a_collector(store: Command, house: Path) -> None:
    with (house / "var" / "measurements" / "writer.lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        threading.Timer(2.0, fcntl.flock, (lock, fcntl.LOCK_UN)).start()
        assert store("maintain").returncode == 0


def test_maintain_says_who_holds_the_lock_for_long(store: Command, house: Path) -> None:
    with (house / "var" / "measurements" / "writer.lock").open("w+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()
        done = store("maintain")
    assert done.returncode == 1
    assert "process 4711" in done.stderr


def test_export_writes_what_is_asked_for(store: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = store("export", out, "--link", "wan2", "--since", "2026-03-03", "--until", "2026-03-03 00:10")
    assert done.returncode == 0
    (file,) = out.iterdir()
    frame = pl.read_parquet(file)
    assert (len(frame), set(frame["link"]), set(frame["rtt_ms"])) == (10, {"wan2"}, {30.0})
    everything = tmp_path / "everything"
    assert store("export", everything, "--format", "csv", "--what", "samples,facts,hours,days").returncode == 0
    assert sorted(path.name for path in everything.iterdir()) == [
        "days-2026-03.csv", "facts-2026-03-03.csv", "hours-2026-03.csv", "samples-2026-03-03.csv",
    ]  # fmt: skip
    assert len((everything / "samples-2026-03-03.csv").read_text().splitlines()) == 1 + 123


WRONG: list[tuple[list[str], int, str]] = [
    (["--format", "xml"], 2, "choose parquet or csv"),
    (["--what", "samples,moods"], 2, "'moods'.*samples,facts,hours,days"),
    (["--what", ","], 2, "choose any of"),
    (["--since", "last week"], 2, "is not a time"),
    (["--since", "2026-02-30"], 2, "is not a time"),
    (["--since", "2026-03-04", "--until", "2026-03-03"], 2, "is not before"),
    (["--link", "wan9"], 3, "nothing of 'wan9'"),
]


@pytest.mark.parametrize(("options", "code", "said"), WRONG)
def test_an_export_that_cannot_be_meant_is_refused(
    store: Command, tmp_path: Path, options: list[str], code: int, said: str
) -> None:
    done = store("export", tmp_path / "out", *options)
    assert done.returncode == code
    assert re.search(said, done.stderr)
    assert not list((tmp_path / "out").glob("*"))


def test_an_export_goes_neither_into_a_full_folder_nor_into_the_store(store: Command, house: Path) -> None:
    done = store("export", house)
    assert (done.returncode, "is not empty" in done.stderr) == (1, True)
    done = store("export", house / "var" / "measurements" / "parts")
    assert (done.returncode, "own data folder" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify"], "InfluxDB: its files are checked by its own tools"),
        (["stats", "--links"], "InfluxDB: `store stats --links` reads"),
        (["export", "out"], "say --since"),
        (["export", "out", "--since", "2026-03-03", "--what", "hours"], "leave hours and days out"),
    ],
)
def test_what_makes_no_sense_of_influxdb_is_said(house: Path, store: Command, arguments: list[str], said: str) -> None:
    settings = yaml.safe_load((house / "lineproof.yaml").read_text())
    settings["store"] = {"kind": "influx", "influx": {"url": "http://127.0.0.1:9"}}
    (house / "lineproof.yaml").write_text(yaml.safe_dump(settings))
    done = store(*arguments)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_stats_of_influxdb_tell_what_waits_while_it_is_away(house: Path, store: Command) -> None:
    settings = yaml.safe_load((house / "lineproof.yaml").read_text())
    settings["store"] = {"kind": "influx", "influx": {"url": "http://127.0.0.1:9"}}
    (house / "lineproof.yaml").write_text(yaml.safe_dump(settings))
    found = document(store("stats", "--json"))
    assert found["health"]["ok"] is False
    assert found["journal"]["position"] > 0


def test_a_damaged_manifest_is_made_anew_from_the_parts(store: Command, house: Path, tmp_path: Path) -> None:
    assert store("export", tmp_path / "before", "--format", "csv").returncode == 0
    before = document(store("stats", "--json"))
    assert store("verify", "--rebuild").returncode == 1, "one that is whole is left alone"
    manifest = house / "var" / "measurements" / "manifest.json"
    manifest.write_bytes(manifest.read_bytes()[:-40])
    part(house, "hours").rename(
        part(house, "hours").with_name("hours-2026-03-03-000000000099-000000000099-0000.parquet")
    )
    done = store("verify", "--rebuild")
    assert done.returncode == 0, done.stderr
    assert manifest.with_name("manifest.json.damaged").exists()
    assert document(store("stats", "--json"))["kinds"] == before["kinds"]
    assert store("maintain").returncode == 0
    assert store("export", tmp_path / "after", "--format", "csv").returncode == 0
    for path in (tmp_path / "before").iterdir():
        assert (tmp_path / "after" / path.name).read_text() == path.read_text()


def test_a_manifest_is_not_made_for_the_parts_of_another_journal(store: Command, house: Path) -> None:
    folder = house / "var" / "measurements"
    for path in (folder / "manifest.json", *folder.glob("journal.sqlite*")):
        path.unlink()
    done = store("verify", "--rebuild")
    assert (done.returncode, "it is not theirs" in done.stderr) == (1, True)
    assert part(house, "samples").exists()
