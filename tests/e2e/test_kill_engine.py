"""kill -9 of the engine: whatever it was doing, nothing is lost and nothing is done twice."""

from __future__ import annotations

import asyncio
import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "processes"))

from forking import Template

from config.clock import rfc3339
from config.database import Database
from triage import inbox
from triage.evidence_folder import EvidenceFolder
from triage.inputs import ClaimReported
from triage.model import Claim, Symptom

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DRIVER = Path(__file__).parent / "dying_engine.py"
FACTOR = 30.0
"""How many times as fast as real time the installation lives; three minutes' quarantine are six seconds."""
MOMENTS = (
    "a claim waits, its measurements are being read",
    "the evidence pack is written, nothing is committed",
    "the decision is about to be committed",
    "the decision is committed, nothing is performed",
    "the machine suspects something",
    "a timer is taken, its input is not committed",
    "a timer has become an input",
    "the row is trying, the ticket is not created",
    "the ticket is created, the row is not done",
    "the answer is about to be committed",
    "the answer is committed, the case does not know",
    "the first file is attached, the others are not",
)
CLAIMS = (
    ("store-114", True, Symptom.SLOW),
    ("store-114", True, Symptom.DROPS),
    ("store-300", False, Symptom.VOICE),
    ("store-114", False, Symptom.SLOW),
)
"""Site, whether a ticket is asked for, symptom; the last one comes when its site's ticket is open."""


def begin(house: Any, now: datetime) -> None:
    """A day's past and an hour's future: two lines lossy for half an hour, two well. Three claims wait."""
    for link in ("store-114-wan1", "store-207-wan1", "store-114-dsl", "store-300-wan1"):
        lossy = link in ("store-114-wan1", "store-207-wan1")
        since = now - timedelta(minutes=30) if lossy else None
        house.measure(link, now - timedelta(days=1), 1440 + 60, lossy_from=since)
    house.configure(clock={"start": rfc3339(now), "origin": time.time(), "factor": FACTOR})
    claim(house, now, 0, 1, 2)


def claim(house: Any, now: datetime, *numbers: int) -> None:
    asyncio.run(_claim(house, now, numbers))


async def _claim(house: Any, now: datetime, numbers: Sequence[int]) -> None:
    """As the desk does it: rows in the inbox, each with its own `now`."""
    database = Database(house.records)
    for number in numbers:
        site, ticket, symptom = CLAIMS[number]
        said = Claim(
            site=site, client="acme", symptom=symptom, since=now - timedelta(minutes=25), reported_at=now,
            words=f"call {number}",
        )  # fmt: skip
        await inbox.enqueue(database, f"claim:{number}", ClaimReported(claim=said, open_ticket=ticket), now)
    await database.close()


@pytest.fixture(scope="module")
def engines(environment: dict[str, str]) -> Iterator[Template]:
    """Engines that each die at a moment; like a supervisor's, one takes over the lease of the one before."""
    template = Template(DRIVER, {**environment, "LINEPROOF_SUPERVISED": "the test"})
    yield template
    template.stop()


def killed(engines: Template, house: Any, moment: str) -> None:
    engines.start(settings=house.settings, moment=moment)
    assert engines.ended(60) == -signal.SIGKILL, f"it was to die when {moment}"


def rows(house: Any, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(house.records, timeout=10)) as connection:
        return connection.execute(query).fetchall()


def finish(engines: Template, house: Any) -> None:
    """A last engine works everything off, and ends when it is asked to."""
    last = engines.start(settings=house.settings, moment="never")
    settled = (
        "SELECT (SELECT count(*) FROM triage_case WHERE ticket IS NOT NULL) = 2"
        " AND NOT EXISTS (SELECT * FROM triage_outbox WHERE status != 'done')"
        " AND NOT EXISTS (SELECT * FROM triage_inbox WHERE consumed_at IS NULL)"
    )
    deadline = time.monotonic() + 60
    while (code := engines.ended(0.1)) is None and rows(house, settled) != [(1,)] and time.monotonic() < deadline:
        pass
    assert code is None, f"it ended by itself: {code}"
    os.kill(last, signal.SIGTERM)
    assert engines.ended(15) == 0


def claims_verdicts(house: Any) -> dict[str, dict[str, Any]]:
    """What was said to each claim, by the inbox key."""
    query = (
        "SELECT i.key, v.document FROM triage_verdict v JOIN triage_inbox i ON i.seq = v.inbox_seq"
        " WHERE i.kind = 'claim' ORDER BY i.key"
    )
    found = rows(house, query)
    assert len(found) == len({key for key, _ in found}) == len(CLAIMS), "each claim has one verdict"
    told = {key: json.loads(document) for key, document in found}
    return {key: {**one, "id": "", "case": ""} for key, one in told.items()}


def check(house: Any) -> None:
    """Nothing lost: every claim and trouble has its case, ticket, files. Nothing doubled: exactly one of each."""
    cases = rows(house, "SELECT site, status, ticket IS NOT NULL, document FROM triage_case ORDER BY site")
    # On a slow machine the time that a recovery is watched has passed before the last engine is done.
    status = {"resolved": "monitoring"}
    assert [(site, status.get(now, now), ticketed) for site, now, ticketed, _ in cases] == [
        ("store-114", "open", 1), ("store-207", "open", 1), ("store-300", "monitoring", 0),
    ]  # fmt: skip
    assert [json.loads(case[3])["claims"] for case in cases] == [3, 0, 1]
    tickets = rows(house, "SELECT site, external_id, number FROM ticket ORDER BY site")
    assert [ticket[0] for ticket in tickets] == ["store-114", "store-207"]
    assert rows(house, "SELECT count(*) FROM triage_outbox WHERE status != 'done'") == [(0,)]
    assert rows(house, "SELECT count(*) FROM triage_inbox WHERE kind != 'tick' AND consumed_at IS NULL") == [(0,)]
    for twice in (
        "SELECT inbox_seq, case_number FROM triage_verdict GROUP BY 1, 2 HAVING count(*) > 1",
        "SELECT inbox_seq, site, case_number, reason FROM triage_audit WHERE kind = 'decision' GROUP BY 1, 2, 3, 4"
        " HAVING count(*) > 1",
        "SELECT ticket_number, sha256 FROM ticket_attachment GROUP BY 1, 2 HAVING count(*) > 1",
        "SELECT ticket_number, text FROM ticket_note GROUP BY 1, 2 HAVING count(*) > 1",
        "SELECT external_id FROM ticket GROUP BY 1 HAVING count(*) > 1",
    ):
        assert rows(house, twice) == [], twice
    check_evidence(house)


def check_evidence(house: Any) -> None:
    """Every verdict's pack is there and whole; each effect that attaches one has brought its three files."""
    folder = EvidenceFolder(house.folder / "var" / "evidence")
    for (digest,) in rows(house, "SELECT DISTINCT evidence_sha256 FROM triage_verdict"):
        assert folder.get(digest).intact
    attached = rows(house, "SELECT ticket_number, name FROM ticket_attachment")
    effects = rows(house, "SELECT document FROM triage_outbox WHERE kind = 'attach_evidence'")
    assert len(attached) == 3 * len(effects)
    noted = rows(house, "SELECT count(*) FROM triage_outbox WHERE kind = 'note_ticket'")
    assert rows(house, "SELECT count(*) FROM ticket_note") == noted


@pytest.fixture(scope="module")
def undisturbed(
    tmp_path_factory: pytest.TempPathFactory, build: Callable[[Path], Any], engines: Template, now: datetime
) -> dict[str, dict[str, Any]]:
    """What an engine that nobody disturbs says to the same claims."""
    house = build(tmp_path_factory.mktemp("undisturbed") / "house")
    begin(house, now)
    finish(engines, house)
    claim(house, now, 3)
    finish(engines, house)
    check(house)
    return claims_verdicts(house)


def test_killed_at_each_step_of_its_work_nothing_is_lost_and_nothing_doubled(
    house: Any, engines: Template, now: datetime, undisturbed: dict[str, dict[str, Any]]
) -> None:
    begin(house, now)
    for moment in MOMENTS:
        killed(engines, house, moment)
    claim(house, now, 3)
    killed(engines, house, "a note is added, the row is not done")
    finish(engines, house)
    check(house)
    assert claims_verdicts(house) == undisturbed


@pytest.mark.parametrize("seed", [1])
def test_killed_at_random_commits_nothing_is_lost_and_nothing_doubled(
    seed: int, house: Any, engines: Template, now: datetime, undisturbed: dict[str, dict[str, Any]]
) -> None:
    begin(house, now)
    chance = Random(seed)
    for _ in range(7):
        killed(engines, house, a_commit(chance))
    finish(engines, house)
    claim(house, now, 3)
    for _ in range(3):
        killed(engines, house, a_commit(chance))
    finish(engines, house)
    check(house)
    assert claims_verdicts(house) == undisturbed


def a_commit(chance: Random) -> str:
    """Before or after one of the first commits; the lease is the first, and renewed by each pass."""
    return f"{chance.choice(('before', 'after'))}:{chance.randint(1, 9)}"


DEMO_PATIENCE = 400
STORY = (0, 1, 8, 16, 26)
"""The engine of the demonstration is killed when it has decided or performed so many things, beginning to end, and
lived for a while: at 150 times real time each second without it is two and a half minutes of the story."""
LIFE = 3.5


def engine_events(log: Path) -> tuple[list[int], int]:
    """The engines started so far, by process id, and how many things they have decided and performed."""
    if not log.exists():
        return [], 0
    told = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
    engines = [one["pid"] for one in told if one["event"] == "started" and one["child"] == "engine"]
    return engines, sum(one["event"] in ("decided", "performed") for one in told)


@pytest.mark.alone
@pytest.mark.timeout(DEMO_PATIENCE + 20)
def test_a_demonstration_whose_engine_is_killed_five_times_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    out = tmp_path / "out"
    log = out / "installation" / "service.log"
    said = (tmp_path / "said").open("w+")
    arguments = ["demo", "--once", "--seed", "4", "--out", str(out), "--port", "0"]
    demo = subprocess.Popen([sys.executable, "-m", "service.cli", *arguments], stdout=said, stderr=said)
    deadline = time.monotonic() + DEMO_PATIENCE
    waiting, newest, met = list(STORY), 0, math.inf
    while demo.poll() is None and time.monotonic() < deadline:
        engines, done = engine_events(log)
        if engines and engines[-1] != newest:
            newest, met = engines[-1], time.monotonic()
        if waiting and done >= waiting[0] and time.monotonic() - met > LIFE:
            os.kill(newest, signal.SIGKILL)
            waiting.pop(0)
            met = math.inf
        time.sleep(0.02)
    demo.terminate()
    code = demo.wait(30)
    said.seek(0)
    told = said.read()
    said.close()
    assert waiting == [], f"the story was over before the engine was killed {len(STORY)} times\n{told}"
    assert code == 0, told
    assert json.loads((out / "result.json").read_text())["agree"]
    check_demonstration(out / "installation" / "data" / "records.db")


def check_demonstration(records: Path) -> None:
    """One open case a site, one ticket a case, everything decided once and done, every file attached once."""
    with closing(sqlite3.connect(records)) as connection:

        def ask(query: str) -> list[tuple[Any, ...]]:
            return connection.execute(query).fetchall()

        for wrong in (
            "SELECT site FROM triage_case WHERE open GROUP BY client, site HAVING count(*) > 1",
            "SELECT inbox_seq, case_number FROM triage_verdict GROUP BY 1, 2 HAVING count(*) > 1",
            "SELECT inbox_seq, site, case_number, reason FROM triage_audit WHERE kind = 'decision' GROUP BY 1, 2, 3, 4"
            " HAVING count(*) > 1",
            "SELECT external_id FROM ticket GROUP BY 1 HAVING count(*) > 1",
            "SELECT substr(external_id, 1, instr(external_id, ':')) FROM ticket GROUP BY 1 HAVING count(*) > 1",
            "SELECT ticket_number, text FROM ticket_note GROUP BY 1, 2 HAVING count(*) > 1",
            "SELECT seq FROM triage_inbox WHERE kind IN ('claim', 'person', 'timer') AND consumed_at IS NULL",
            "SELECT key, status FROM triage_outbox WHERE status != 'done'",
        ):
            assert ask(wrong) == [], wrong
        attached = "SELECT (SELECT count(*) FROM ticket_attachment), 3 * count(*) FROM triage_outbox WHERE kind = "
        ((files, expected),) = ask(f"{attached}'attach_evidence'")
        assert files == expected > 0
        ((notes, expected),) = ask(
            "SELECT (SELECT count(*) FROM ticket_note), count(*) FROM triage_outbox"
            " WHERE kind IN ('note_ticket', 'resolve_ticket', 'update_ticket') AND document ->> 'text' != ''"
        )
        assert notes == expected
