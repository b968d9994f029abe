"""A policy over stored history: which cases it would have made, against another one, of samples drawn by hand.

The day of `installation` (2026-03-03, UTC), two days of history before, probes of 100 packets a minute:

    steep-wan1  3 % lost from 10:00 to 10:05, 12 % from 10:05 to 10:40
    faint-wan1  3 % lost from 10:00 to 10:40
    heard-wan1  3 % lost from 10:00 to 10:40, and its client calls at 10:30: slow since ten
    late-wan1   an orchestrator's slots of five minutes, known ten minutes after their end: 12 % lost from 10:00 to
                10:40; its client calls at 10:07: slow since ten

Rows are known a second after their minute. Sweeps are at whole multiples of five minutes, so at 10:05 the first three
or four minutes of a fault are there, and quarantine (three minutes) ends at 10:08.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from sqlalchemy import delete

from collector.model import Cadence, Fact, FactKind, SampleBatch, Source
from collector.settings import StoreSettings
from collector.store.opening import open_store
from collector.store.port import StoreError
from config.clock import ManualClock, epoch_ms
from config.database import Database, RecordsError
from inventory.model import Client, Inventory, Link, LinkRole, Site
from inventory.repository import replace_inventory
from service.backtesting import Progress, Question, compare_history, compare_scenario
from service.cli.backtest_wording import comparison_lines
from service.installation import opened
from service.migrations import upgrade
from triage import inbox, repository, tables
from triage.cases import Case, CaseStatus, Origin
from triage.inputs import ClaimReported, PersonAct, PersonActed
from triage.model import Cause, Claim, Scope, VerdictKind
from triage.replay.as_then import Period
from triage.replay.backtest import Installed, backtest
from triage.replay.history import AsOf, History
from triage.replay.recorded import recorded_inputs

pytestmark = [pytest.mark.slow, pytest.mark.rim]

DAY = datetime(2026, 3, 3, tzinfo=UTC)
BEGIN = DAY - timedelta(days=2)
NOON = DAY + timedelta(hours=12)
SITES = (("steep", "acme"), ("faint", "acme"), ("heard", "borg"), ("late", "borg"))
FILES = Path(__file__).parent / "files"


def at(text: str) -> datetime:
    hour, minute = text.split(":")
    return DAY + timedelta(hours=int(hour), minutes=int(minute))


def samples(link: str, lost: dict[tuple[str, str], int], *, slot: int = 60, late: int = 1) -> SampleBatch:
    """Rows of `slot` seconds from BEGIN to NOON, known `late` seconds after their end; of 100 packets a row so many are
    lost between two times."""
    count = int((NOON - BEGIN).total_seconds()) // slot
    time_ms = epoch_ms(BEGIN) + np.arange(count, dtype=np.int64) * slot * 1000
    gone = np.zeros(count)
    for (start, end), packets in lost.items():
        gone[(time_ms >= epoch_ms(at(start))) & (time_ms < epoch_ms(at(end)))] = packets
    fields = {"rtt_ms": np.full(count, 20.0), "loss_pct": gone, "sent": np.full(count, 100.0), "lost": gone}
    source = Source.PROBE if slot == 60 else Source.ORCHESTRATOR
    known = time_ms + (slot + late) * 1000
    return SampleBatch(source, [link] * count, time_ms, np.full(count, slot, np.int32), known, fields)


def inventory() -> Inventory:
    return Inventory.of(
        clients=[Client(id="acme", name="Acme"), Client(id="borg", name="Borg")],
        sites=[Site(id=name, client=client, name=name.title(), timezone="America/Chicago") for name, client in SITES],
        links=[Link(id=f"{site}-wan1", site=site, role=LinkRole.PRIMARY, carrier=f"{site} net") for site, _ in SITES],
    )


async def made(folder: Path) -> None:
    clock = {"start": NOON.isoformat(), "origin": time.time(), "factor": 1e-8}
    (folder / "lineproof.yaml").write_text(yaml.safe_dump({"data": "var", "clock": clock}))
    (folder / "raised.yaml").write_text("loss: {minimum_pct: 5.0}\nlimits: {loss_pct: 20.0}\n")
    (folder / "same.yaml").write_text("# nothing is laid over the shipped policy\n")
    (folder / "faulty.yaml").write_text("loss:\n  minimum_pct: much\n")
    (folder / "var").mkdir()
    database = Database(folder / "var" / "records.db")
    try:
        await upgrade(database)
        async with database.writing() as connection:
            await replace_inventory(connection, inventory())
        await recorded_by_people(database)
    finally:
        await database.close()
    journal, store = open_store(StoreSettings(), folder / "var")
    steep = samples("steep-wan1", {("10:00", "10:05"): 3, ("10:05", "10:40"): 12})
    faint, heard = (samples(f"{site}-wan1", {("10:00", "10:40"): 3}) for site in ("faint", "heard"))
    late = samples("late-wan1", {("10:00", "10:40"): 12}, slot=300, late=600)
    await journal.append([steep, faint, heard, late], [])
    await store.maintain(NOON)
    await store.close()


async def recorded_by_people(database: Database) -> None:
    for site, moment in (("late", "10:07"), ("heard", "10:30")):
        claim = Claim(site=site, client="borg", since=at("10:00"), reported_at=at(moment))
        await inbox.enqueue(database, f"claim:{site}", ClaimReported(claim=claim, open_ticket=True), at(moment))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    asyncio.run(made(folder))
    return folder


@pytest.fixture
def installation(filled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(filled, tmp_path / "installation"))


async def compared(folder: Path, policy: str, **question: Any) -> dict[str, Any]:
    asked = Question(
        policy=folder / policy, config=folder / "lineproof.yaml", since="2026-03-03T09:55:00Z",
        until="2026-03-03T11:15:00Z", **question,
    )  # fmt: skip
    return await compare_history(asked, Progress(ManualClock(NOON), print))


def hashes(folder: Path) -> dict[str, str]:
    """Of every file but what SQLite keeps beside a database that is read: its shared memory, and an empty log."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".db-shm" and not path.name.endswith("-shm") and path.stat().st_size
    }


@pytest.fixture(scope="module")
def raised(filled: Path) -> dict[str, Any]:
    """The shipped policy against one with limits of 5 % for loss, 20 % over half an hour; nothing of the installation
    may change by it."""
    before = hashes(filled)
    document = asyncio.run(compared(filled, "raised.yaml"))
    assert hashes(filled) == before
    return document


def case_of(document: dict[str, Any], site: str) -> dict[str, Any]:
    (found,) = [case for case in document["cases"] if case["site"] == site]
    return dict(found)


def test_the_faint_case_vanishes_under_a_raised_limit_with_the_figure_that_made_it(raised: dict[str, Any]) -> None:
    """3 of 100 packets a minute: 3 % against the limit of 2 %, and below the one of 5 %."""
    assert raised["policy_changes"] == [
        {"key": "loss.minimum_pct", "old": 2.0, "new": 5.0},
        {"key": "limits.loss_pct", "old": 8.0, "new": 20.0},
    ]
    gone = case_of(raised, "faint")
    old = gone["old"]
    assert (gone["difference"], gone["new"]) == ("vanishes", None)
    assert (old["cause"], old["onset"], old["end"]) == ("loss", "2026-03-03T10:00:00Z", "2026-03-03T10:40:00Z")
    assert (old["opened_at"], old["ticket"]) == ("2026-03-03T10:05:00Z", True)
    finding = old["word"]["finding"]
    assert (finding["value"], finding["threshold"]) == (pytest.approx(3.0), 2.0)
    assert (gone["other"]["verdict"], gone["suspected_only"]) == ("not_substantiated", False)


def test_the_strong_case_stays_and_is_opened_when_its_mean_passes_the_raised_limit(raised: dict[str, Any]) -> None:
    """Known at 10:05 are four minutes of 3 %: enough for 2 %, not for 5 %. At 10:10 there are nine, 5 * 3 and 4 * 12 of
    900 packets: 7 %."""
    later = case_of(raised, "steep")
    old, new = later["old"], later["new"]
    assert (later["difference"], later["fields"]) == ("moves", ["opened_at"])
    assert old["onset"] == new["onset"] == "2026-03-03T10:00:00Z"
    assert (old["opened_at"], new["opened_at"]) == ("2026-03-03T10:05:00Z", "2026-03-03T10:10:00Z")
    assert old["end"] == new["end"] == "2026-03-03T10:40:00Z"
    assert new["word"]["finding"]["value"] == pytest.approx(7.0)


def test_a_claim_that_would_be_answered_otherwise_comes_with_both_words(raised: dict[str, Any]) -> None:
    (claim,) = raised["claims"]
    assert (claim["site"], claim["reported_at"]) == ("heard", "2026-03-03T10:30:00Z")
    assert (claim["old"]["verdict"], claim["new"]["verdict"]) == ("confirmed", "not_substantiated")
    assert claim["old"]["word"]["finding"]["value"] == pytest.approx(3.0)
    assert claim["new"]["word"]["finding"] is None
    case = case_of(raised, "heard")
    assert (case["difference"], case["old"]["cause"], case["new"]["cause"]) == ("changes", "loss", "none")


def test_the_summary_counts_cases_and_minutes_of_sites_in_trouble(raised: dict[str, Any]) -> None:
    """Old: four times 40 minutes. New: the steep and the late line; the call about `heard` still makes a case, which is
    no trouble."""
    old, new = raised["summary"]["old"], raised["summary"]["new"]
    assert (old["cases"], new["cases"]) == (4, 3)
    assert (old["minutes_in_trouble"], new["minutes_in_trouble"]) == (160, 80)
    assert (old["by_client"], new["by_client"]) == ({"acme": 2, "borg": 2}, {"borg": 2, "acme": 1})
    assert (old["claims"], new["claims"]) == ({"confirmed": 2}, {"confirmed": 1, "not_substantiated": 1})
    assert raised["alike"] == 1


async def test_statistics_that_had_not_arrived_then_are_not_seen_until_they_had(installation: Path) -> None:
    """At 10:07 the newest slot that is known is that of 09:50 (ended 09:55, known 10:05): nothing can be said of the
    claimed time. The claim is judged again by itself, and then the loss is there."""
    async with opened(installation / "lineproof.yaml", read_only=True) as house:
        judging = await house.judging()
        async with house.database.reading() as connection:
            inputs = await recorded_inputs(connection, at("09:00"), NOON)
        period = Period(start=at("10:00"), until=at("11:00"), sites=frozenset({"late"}), inputs=inputs)
        installed = Installed(store=house.store, inventory=judging.inventory, cadences=judging.cadences)
        async with backtest(installed, [judging.policy], period) as running:
            (outcomes,) = await running.play(lambda moment: None)
    claim = next(claim for claim in outcomes.claims if claim.site == "late")
    assert claim.first is not None
    assert (claim.first.verdict, claim.verdict) == (VerdictKind.INCONCLUSIVE, "confirmed")


async def test_as_of_a_moment_only_what_had_arrived_is_there(installation: Path) -> None:
    """Of the line whose slots are known ten minutes after their end: that of 10:00 to 10:05 from 10:15 on."""
    async with opened(installation / "lineproof.yaml", read_only=True) as house:
        clock = ManualClock(at("10:15") - timedelta(milliseconds=1))
        store = AsOf(History(house.store, house.settings.cadences()), clock)
        for moment, newest in ((clock.now(), "09:55"), (at("10:15"), "10:00")):
            clock.move_to(moment)
            (series,) = await store.window(["late-wan1"], ["loss_pct"], at("09:00"), NOON)
            assert int(series.time[-1]) == epoch_ms(at(newest))
        with pytest.raises(StoreError):
            await store.write(samples("late-wan1", {}))


async def test_a_fact_is_known_from_its_arrival_on(installation: Path) -> None:
    fact = Fact(at("10:00"), "edge", FactKind.EVENT, "LINK_DEAD", Source.ORCHESTRATOR, at("10:06"))
    _, writing = open_store(StoreSettings(), installation / "var")
    await writing.write_facts([fact])
    clock = ManualClock(at("10:05"))
    store = AsOf(History(writing, {}), clock)
    assert list(await store.facts(["edge"], at("09:00"), NOON)) == []
    clock.move_to(at("10:06"))
    assert list(await store.facts(["edge"], at("09:00"), NOON)) == [fact]
    await writing.close()


async def test_imported_samples_count_as_known_when_their_source_promises_them(installation: Path) -> None:
    """A file is read in one go long after; its slot of 10:00 to 10:01 is known at 10:02, with a minute's lateness."""
    batch = replace(samples("faint-wan1", {}), source=Source.IMPORT)
    _, writing = open_store(StoreSettings(), installation / "var")
    await writing.write(replace(batch, received_at=np.full(len(batch), epoch_ms(NOON))))
    clock = ManualClock(at("10:02"))
    store = AsOf(History(writing, {Source.IMPORT: Cadence(every=60, late=60)}), clock)
    found = await store.window(["faint-wan1"], ["rtt_ms"], at("09:00"), NOON)
    newest = {series.source: int(series.time[-1]) for series in found}
    assert newest[Source.IMPORT] == epoch_ms(at("10:00"))
    await writing.close()


async def test_an_installation_that_is_only_read_refuses_to_be_written(installation: Path) -> None:
    async with opened(installation / "lineproof.yaml", read_only=True) as house:
        with pytest.raises(StoreError, match="readonly"):
            await house.journal.append([samples("faint-wan1", {})], [])
        with pytest.raises(RecordsError, match="readonly"):
            async with house.database.writing() as connection:
                await connection.execute(delete(tables.inbox))


async def test_what_a_person_decided_is_about_the_case_that_stands_in_the_back_test(installation: Path) -> None:
    """In the installation's records the case of `faint` is C-7, as others came before; here it is another number."""
    database = Database(installation / "var" / "records.db")
    case = Case(
        id="C-7", client="acme", site="faint", status=CaseStatus.OPEN, origins=(Origin.MACHINE,), title="", link=None,
        cause=Cause.LOSS, scope=Scope.LINK, severity=None, onset=None, opened_at=at("10:04"), updated_at=at("10:04"),
    )  # fmt: skip
    async with database.writing() as connection:
        await repository.save_case(connection, case)
    resolved = PersonActed(who="Kim Lee", does=PersonAct.RESOLVE, target="C-7")
    await inbox.enqueue(database, "person:1", resolved, at("10:17"))
    await database.close()
    document = await compared(installation, "raised.yaml", sites=("faint",))
    first = case_of(document | {"cases": document["cases"][:1]}, "faint")["old"]
    assert (first["opened_at"], first["ended_at"]) == ("2026-03-03T10:05:00Z", "2026-03-03T10:17:00Z")


async def test_only_the_sites_asked_for_are_judged(installation: Path) -> None:
    document = await compared(installation, "raised.yaml", client="acme")
    assert (document["sites"], document["summary"]["old"]["by_client"]) == (2, {"acme": 2})
    assert document["claims"] == []


@pytest.mark.parametrize("width", [80, 120])
def test_a_person_reads_it_in_the_sites_own_time_within_the_terminal(raised: dict[str, Any], width: int) -> None:
    """10:00 UTC is 04:00 in Chicago in March before the clocks change."""
    lines = list(comparison_lines(raised, width))
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    assert "loss.minimum_pct  2 -> 5" in text
    assert "Cases that vanish: 1" in text
    assert "2026-03-03 04:00 CST  faint (acme): packet loss on faint-wan1" in text
    words = " ".join(text.split())
    assert "opened 04:05 CST -> 04:10 CST (+5 min)" in words
    assert "packet loss 3 % on average on faint-wan1 against 2 %" in words
    claims, vanish, move = (text.index(title) for title in ("Claims that", "Cases that vanish", "Cases that move"))
    assert claims < vanish < move


def test_a_fault_in_either_policy_is_named_with_its_line_and_nothing_runs(installation: Path, commands: Any) -> None:
    for wrong in (("--policy", "faulty.yaml"), ("--policy", "same.yaml", "--against", "faulty.yaml")):
        done = commands.run("replay", *wrong, folder=installation)
        assert (done.returncode, done.stdout) == (2, "")
        assert "faulty.yaml:2" in done.stderr
        assert "loss.minimum_pct" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--against", "same.yaml"), "--policy FILE"),
        ((), "--schema"),
        (("--policy", "same.yaml", "--from", "2026-03-03T11:00:00Z", "--until", "2026-03-03T10:00:00Z"), "--until"),
        (("--policy", "same.yaml", "--from", "yesterday-ish"), "is not a time"),
        (("--policy", "same.yaml", "--out", "x.json"), "--json"),
        (("set", "--policy", "same.yaml", "--site", "faint"), "leave out PATH"),
        (("nowhere", "--policy", "same.yaml", "--against", "same.yaml"), "neither"),
    ],
)
def test_bad_usage_says_what_to_do(installation: Path, commands: Any, arguments: tuple[str, ...], said: str) -> None:
    done = commands.run("replay", *arguments, folder=installation)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_site_or_client_that_does_not_exist_is_not_found(installation: Path, commands: Any) -> None:
    for option in (("--site", "nowhere"), ("--client", "nobody")):
        assert commands.run("replay", "--policy", "same.yaml", *option, folder=installation).returncode == 3


def test_the_command_prints_the_document_alone_on_stdout(installation: Path, commands: Any) -> None:
    done = commands.run(
        "replay", "--policy", "raised.yaml", "--against", "same.yaml", "--from", "2026-03-03T09:55:00Z", "--until",
        "2026-03-03T10:20:00Z", "--site", "faint", "--json", folder=installation,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert [case["difference"] for case in json.loads(done.stdout)["cases"]] == ["vanishes"]


async def test_a_scenario_file_is_compared_by_its_cases(tmp_path: Path) -> None:
    """Its loss is 25 % (5 of 20): under a limit of 40 % for any loss neither rule sees anything, and the claim finds
    nothing."""
    (tmp_path / "same.yaml").write_text("")
    (tmp_path / "deaf.yaml").write_text("loss: {minimum_pct: 40.0}\nlimits: {loss_pct: 40.0}\n")
    path = FILES / "loss-claimed-then-gone.yaml"
    document = await compare_scenario(path, tmp_path / "deaf.yaml", tmp_path / "same.yaml")
    (claim,) = document["claims"]
    assert (claim["old"]["verdict"], claim["new"]["verdict"]) == ("confirmed", "not_substantiated")
    (case,) = document["cases"]
    assert (case["difference"], case["old"]["cause"], case["new"]["cause"]) == ("changes", "loss", "none")
    assert (case["old"]["onset"], case["new"]["onset"]) == ("2026-03-03T11:30:00Z", None)


async def test_a_scenario_set_is_compared_by_its_verdicts(tmp_path: Path) -> None:
    """One line of five-minute slots: 3 % of 100 packets lost in the last hour."""
    folder = tmp_path / "set"
    folder.mkdir()
    scenario = {
        "id": "one", "now": NOON.isoformat(), "sample_seconds": 300,
        "inventory": {"clients": [{"id": "acme"}], "sites": [{"id": "faint", "client": "acme"}],
                      "links": [{"id": "faint-wan1", "site": "faint"}]},
        "claim": {"site": "faint", "client": "acme", "since": at("11:00").isoformat(), "reported_at": NOON.isoformat()},
    }  # fmt: skip
    (folder / "scenarios.jsonl").write_text(json.dumps(scenario) + "\n")
    batch = samples("faint-wan1", {("11:00", "12:00"): 3}, slot=300)
    pl.DataFrame(
        {
            "scenario": ["one"] * len(batch),
            "link": list(batch.links),
            "time": pl.Series(batch.time).cast(pl.Datetime("ms", "UTC")),
            **batch.fields,
        }
    ).write_parquet(folder / "series.parquet")
    (tmp_path / "same.yaml").write_text("")
    (tmp_path / "raised.yaml").write_text("loss: {minimum_pct: 5.0}\n")
    document = await compare_scenario(folder, tmp_path / "raised.yaml", tmp_path / "same.yaml")
    (differing,) = document["scenarios"]
    assert (differing["id"], differing["old"]["verdict"]) == ("one", "confirmed")
    assert differing["new"]["verdict"] == "not_substantiated"
    assert document["summary"]["old"] == {"scenarios": 1, "verdicts": {"confirmed": 1}, "causes": {"loss": 1}}
    assert "one: verdict confirmed -> not_substantiated" in "\n".join(comparison_lines(document, 100))


async def test_a_policy_against_itself_makes_no_difference(installation: Path) -> None:
    document = await compared(installation, "same.yaml")
    assert (document["policy_changes"], document["claims"], document["cases"]) == ([], [], [])
    assert document["summary"]["old"] == document["summary"]["new"]
    assert document["summary"]["old"]["cases"] == document["alike"] == 4


async def test_a_back_test_says_the_same_every_time(filled: Path, raised: dict[str, Any]) -> None:
    assert json.dumps(await compared(filled, "raised.yaml")) == json.dumps(raised)
