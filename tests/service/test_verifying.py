"""`case show --verify`: every figure computed again from the store; what differs is named, and what only came late."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sqlalchemy import update

from collector.model import Fact, FactKind, SampleBatch, Source
from config.clock import epoch_ms
from service.installation import Installation
from service.verifying import verdict_verified, verified
from triage import inbox, repository, tables
from triage.evidence import EvidencePack
from triage.inputs import ClaimReported
from triage.model import Claim

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 18, 52, tzinfo=UTC)
SINCE = NOW - timedelta(minutes=22)
"""The first line of store-114 loses 15 % from here on."""
WAN = "store-114-wan1"


@pytest.fixture
async def judged(installation: Installation) -> Installation:
    """A claim about store-114 is case C-1, with its verdict and pack."""
    await claim(installation)
    await installation.engine().work_off()
    return installation


async def claim(installation: Installation) -> None:
    said = Claim(site="store-114", client="acme", since=SINCE, reported_at=NOW, words="call me on +1 617 555 0100")
    await inbox.enqueue(installation.database, "claim:1", ClaimReported(claim=said, open_ticket=False), NOW)


async def wrong(installation: Installation) -> dict[str, str]:
    """What of C-1 no longer holds, by what it is."""
    return {check["what"]: check["detail"] for check in await verified(installation, "C-1") if not check["ok"]}


async def write(installation: Installation, at: datetime, received: datetime, **fields: float) -> None:
    time = np.array([epoch_ms(at)], dtype=np.int64)
    values = {name: np.array([value]) for name, value in fields.items()}
    batch = SampleBatch(
        Source.PROBE,
        [WAN],
        time,
        np.array([60], dtype=np.int32),
        np.array([epoch_ms(received)], dtype=np.int64),
        values,
    )
    await installation.store.write(batch)


async def pack_of(installation: Installation) -> Path:
    async with installation.database.reading() as connection:
        (verdict,) = await repository.verdicts_of(connection, "C-1")
    digest = verdict.evidence_sha256
    return installation.settings.data / "evidence" / digest[:2] / f"{digest}.json"


async def test_untouched_every_figure_is_the_same_and_comes_from_the_store(judged: Installation):
    checks = await verified(judged, "C-1")
    assert [check for check in checks if not check["ok"]] == []
    by_name = {check["what"]: check for check in checks}
    assert by_name[f"{WAN} loss_pct mean"]["detail"] == "said 15 %, computed again 15 %"
    assert by_name[f"{WAN} loss_pct mean"]["used"] == "store"
    again = {what.removeprefix("judged again: ") for what in by_name if what.startswith("judged again: ")}
    assert {"verdict", "onset", "coverage", "detectable", "options", "runner_up", "reason"} <= again
    assert not [check for check in checks if "not possible" in check["detail"]]


async def test_one_sample_that_was_altered_in_the_store_is_named_with_all_that_rests_on_it(judged: Installation):
    minute = NOW - timedelta(minutes=10)
    await write(judged, minute, minute + timedelta(seconds=61), loss_pct=0.0)
    found = await wrong(judged)
    assert "2026-03-03T18:42:00Z loss_pct: stored 0, in the pack 15" in found[f"samples of {WAN} by probe"]
    # Of 22 samples one is 0 now: 21 * 15 / 22 = 14.318...
    assert found[f"{WAN} loss_pct mean"] == "said 15 %, computed again 14.3182 %"
    assert "judged again: findings" in found


async def test_an_altered_sample_of_a_line_that_no_finding_is_about_is_named(judged: Installation):
    time = np.array([epoch_ms(NOW - timedelta(minutes=30))], dtype=np.int64)
    fields = {"rtt_ms": np.array([900.0])}
    batch = SampleBatch(Source.PROBE, ["store-114-lte"], time, np.array([60], dtype=np.int32), time + 61_000, fields)
    await judged.store.write(batch)
    assert "18:22:00Z rtt_ms: stored 900, in the pack 12" in (await wrong(judged))["samples of store-114-lte by probe"]


async def test_a_value_changed_inside_a_sealed_part_is_named(judged: Installation):
    await judged.store.maintain(NOW)
    found = [
        path for path in judged.settings.data.rglob("*.parquet") if "received_after_ms" in pl.read_parquet_schema(path)
    ]
    changed = 0
    for path in found:
        frame = pl.read_parquet(path)
        hit = (pl.col("link") == WAN) & (pl.col("time") == NOW - timedelta(minutes=5)) & (pl.col("source") == "probe")
        changed += frame.filter(hit).height
        frame.with_columns(pl.when(hit).then(7.0).otherwise(pl.col("loss_pct")).alias("loss_pct")).write_parquet(path)
    assert changed == 1
    found_wrong = await wrong(judged)
    assert "18:47:00Z loss_pct: stored 7, in the pack 15" in found_wrong[f"samples of {WAN} by probe"]
    assert f"{WAN} loss_pct mean" in found_wrong


async def test_a_sample_that_came_after_the_judgement_is_no_alteration(judged: Installation):
    minute = NOW - timedelta(minutes=10)
    await write(judged, minute, NOW + timedelta(minutes=2), loss_pct=0.0)  # measured again, better
    await write(judged, NOW - timedelta(seconds=30), NOW + timedelta(minutes=2), loss_pct=15.0)  # new
    checks = {check["what"]: check for check in await verified(judged, "C-1")}
    assert [what for what, check in checks.items() if not check["ok"]] == []
    assert "2 came after the judgement" in checks[f"samples of {WAN} by probe"]["detail"]
    assert checks[f"{WAN} loss_pct mean"]["detail"] == "said 15 %, computed again 15 %"
    assert "from the pack" in checks[f"{WAN} loss_pct mean"]["used"]


async def test_a_sample_slipped_into_the_past_is_named(judged: Installation):
    await write(judged, NOW - timedelta(minutes=90, seconds=30), NOW - timedelta(minutes=89), loss_pct=15.0)
    assert (
        "17:21:30Z: in the store, received in time, and not in the pack"
        in (await wrong(judged))[f"samples of {WAN} by probe"]
    )


async def test_a_fact_slipped_in_is_named(judged: Installation):
    then = NOW - timedelta(minutes=90)
    await judged.store.write_facts([Fact(then, WAN, FactKind.LINK_STATE, "disconnected", Source.ORCHESTRATOR, then)])
    assert "link_state disconnected: in the store" in (await wrong(judged))["facts"]


async def test_one_byte_of_the_pack_changed_is_named(judged: Installation):
    path = await pack_of(judged)
    path.write_bytes(path.read_bytes().replace(b"15.0", b"14.0", 1))
    assert "was changed after it was written" in (await wrong(judged))["evidence pack"]


async def test_a_pack_that_is_gone_is_named(judged: Installation):
    (await pack_of(judged)).unlink()
    assert "restore it from a backup" in (await wrong(judged))["evidence pack"]


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("severity", "minor", "severity: recorded 'minor', in the pack"),
        ("coverage", {"present": 1, "expected": 1, "pending": 0, "newest": None}, "coverage: recorded"),
        ("detectable", {}, "detectable: recorded {}"),
    ],
)
async def test_a_recorded_verdict_that_was_changed_no_longer_is_its_packs(
    judged: Installation, name: str, value: Any, told: str
):
    async with judged.database.writing() as connection:
        (verdict,) = await repository.verdicts_of(connection, "C-1")
        changed = {**verdict.document, name: value}
        await connection.execute(update(tables.verdict).values(document=changed))
    assert told in (await wrong(judged))["verdict as recorded"]


async def test_a_verdict_that_was_given_another_pack_no_longer_is_the_audit_trails(judged: Installation):
    async with judged.database.writing() as connection:
        await connection.execute(update(tables.verdict).values(evidence_sha256="0" * 64))
    assert "audit trail" in await wrong(judged)


async def test_expired_samples_are_taken_from_the_pack_and_it_says_so(judged: Installation, tmp_path: Path):
    """A hundred days later nothing of that day is kept: 95 days are, or 400 of so few links."""
    later = NOW + timedelta(days=410)
    judged.clock.move_to(later)
    await judged.store.maintain(later)
    await judged.store.maintain(later + timedelta(hours=7))
    checks = {check["what"]: check for check in await verified(judged, "C-1")}
    assert [check for check in checks.values() if not check["ok"]] == []
    mean = checks[f"{WAN} loss_pct mean"]
    assert (mean["detail"], mean["used"]) == ("said 15 %, computed again 15 %", "pack")
    assert "no longer stored, from the pack" in checks[f"samples of {WAN} by probe"]["detail"]
    assert checks["judged again: coverage"]["used"] == "pack"
    assert "samples before its window have expired" in checks["judged again"]["detail"]


async def test_a_pack_whose_policy_lacks_what_this_build_asks_is_not_judged_again_and_it_says_so(judged: Installation):
    async with judged.database.reading() as connection:
        (verdict,) = await repository.verdicts_of(connection, "C-1")
    document = judged.evidence.get(verdict.evidence_sha256).document()
    del document["policy"]["loss"]["minimum_pct"]
    document["software"]["lineproof"] = "0.0.9"
    older = EvidencePack.of(document)
    judged.evidence.put(older)
    checks = await verdict_verified(judged, replace(verdict, evidence_sha256=older.sha256))
    again = [check for check in checks if check.what.startswith("judged again")]
    assert [(check.what, check.ok, check.used) for check in again] == [("judged again", True, "neither")]
    assert "another build (0.0.9) judged it, and these rules do not read loss.minimum_pct" in again[0].detail
    assert f"{WAN} loss_pct mean" in {check.what for check in checks if check.ok and check.used == "store"}


async def test_a_pack_holds_no_phone_number_and_no_contact(judged: Installation):
    content = (await pack_of(judged)).read_text()
    assert "call me on [number]" in content
    assert not [
        name for name in ("555 0100", "Dana", "management_address", "credential", "monthly_charge") if name in content
    ]


async def test_every_key_of_a_pack_is_explained_in_the_docs(judged: Installation):
    text = (Path(__file__).parents[2] / "docs" / "evidence.md").read_text()
    assert [key for key in json.loads((await pack_of(judged)).read_bytes()) if f"`{key}`" not in text] == []


@pytest.mark.slow
async def test_two_processes_in_other_zones_and_languages_make_the_same_bytes(
    installation: Installation, tmp_path: Path
):
    await claim(installation)
    said = await asyncio.gather(
        _made_by_a_process(installation.settings.data, tmp_path / "one", TZ="Asia/Kolkata", LC_ALL="C.UTF-8"),
        _made_by_a_process(installation.settings.data, tmp_path / "two", TZ="America/St_Johns", PYTHONHASHSEED="7"),
    )
    assert said[0] == said[1]
    assert {name.rpartition(".")[2] for name in said[0]} >= {"html", "pdf", "json"}


async def _made_by_a_process(data: Path, copy: Path, **environment: str) -> dict[str, str]:
    shutil.copytree(data, copy)
    root = Path(__file__).parents[2]
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(root / "tests" / "processes" / "evidence_again.py"), str(copy), NOW.isoformat(),
        stdout=asyncio.subprocess.PIPE, env={"PYTHONPATH": str(root), **environment},
    )  # fmt: skip
    out, _ = await process.communicate()
    digests: dict[str, str] = json.loads(out.decode().splitlines()[-1])
    return digests
