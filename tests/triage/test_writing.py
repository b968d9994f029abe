"""What the decisions of one transaction leave, where one case has several of them: each rests on the one before."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from collector.model import Source
from config.database import Database
from triage import inbox, repository, tables
from triage.cases import Case, CaseStatus, Decision, Judged, Origin, Timer, TimerKind
from triage.evidence import EvidencePack
from triage.inputs import Tick
from triage.judging import Judgement
from triage.matters import Decided, settled
from triage.model import Cause, Direction, Finding, Scope, Severity, VerdictKind
from triage.numbering import numbers
from triage.reasons import Reason
from triage.writing import write

pytestmark = pytest.mark.rim

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = Database(tmp_path / "records.db", throwaway=True)
    await made.create_all()
    yield made
    await made.close()


def case(number: int, **changes: object) -> Case:
    known = Case(
        id=f"C-{number}", client="acme", site=f"store-{number}", status=CaseStatus.OPEN, origins=(Origin.MACHINE,),
        title="Packet loss", cause=Cause.LOSS, scope=Scope.LINK, severity=Severity.MAJOR, link=f"wan-{number}",
        onset=NOON, opened_at=NOON, updated_at=NOON,
    )  # fmt: skip
    return replace(known, **changes)  # type: ignore[arg-type]


async def written(database: Database, decisions: Sequence[tuple[Decision, Judgement | None]]) -> None:
    """By one input, within one transaction."""
    async with database.writing() as connection:
        seq = await inbox.put(connection, "tick:1", Tick(), NOON)
        row = inbox.Row(seq=seq, key="tick:1", now=NOON, input=Tick())
        decided = [Decided(row, replace(settled(one), judgement=seen), one) for one, seen in decisions]
        await write(connection, decided, "sha256:0", await numbers(connection))


def settles(known: Case, **what: object) -> tuple[Decision, None]:
    return Decision(case=known, reason=Reason.TROUBLE_HELD, **what), None  # type: ignore[arg-type]


async def timers(database: Database) -> list[tuple[int, str]]:
    async with database.reading() as connection:
        rows = await connection.execute(select(tables.timer.c.case_number, tables.timer.c.kind))
        return sorted((number, kind) for number, kind in rows)


async def test_what_a_second_decision_cancels_of_the_first_is_gone_and_another_case_s_stays(database: Database) -> None:
    first, second = (Timer(case=f"C-{number}", kind=TimerKind.CLOSE, due_at=NOON) for number in (1, 2))
    await written(
        database,
        [
            settles(case(1), timers=(first,)),
            settles(case(2), timers=(second,)),
            settles(case(1), cancelled=(TimerKind.CLOSE,)),
        ],
    )
    assert await timers(database) == [(2, "close")]


async def test_what_a_second_decision_sets_after_the_first_has_cancelled_it_stands(database: Database) -> None:
    again = Timer(case="C-1", kind=TimerKind.CLOSE, due_at=NOON)
    await written(database, [settles(case(1), cancelled=(TimerKind.CLOSE,)), settles(case(1), timers=(again,))])
    assert await timers(database) == [(1, "close")]


async def test_a_case_that_is_opened_and_changed_at_once_is_one_case_as_it_was_changed(database: Database) -> None:
    await written(database, [settles(case(1)), settles(case(1, title="Down", owner="Kim Lee"))])
    async with database.reading() as connection:
        (known,) = await repository.cases(connection)
    assert (known.id, known.title, known.owner) == ("C-1", "Down", "Kim Lee")


async def test_a_trouble_that_two_decisions_have_seen_is_one_that_began_with_the_earlier(
    database: Database, judged: Callable[..., Judged]
) -> None:
    def seen(minutes: int) -> tuple[Decision, Judgement]:
        finding = Finding(
            link="wan-1", source=Source.PROBE, metric="loss_pct", cause=Cause.LOSS, direction=Direction.DOWNLOAD,
            onset=NOON - timedelta(minutes=minutes), end=None, value=12.5, unit="%", baseline=None, threshold=1.0,
            rule="loss", statistic="mean", bad_samples=6,
        )  # fmt: skip
        verdict = replace(judged(VerdictKind.CONFIRMED).verdict, findings=(finding,))
        judgement = Judgement(verdict=verdict, pack=EvidencePack.of({}), ticket_title="", ticket_text="")
        return Decision(case=case(1), reason=Reason.TROUBLE_HELD), judgement

    await written(database, [seen(10), seen(30)])
    async with database.reading() as connection:
        onsets = list(await connection.scalars(select(tables.trouble.c.onset)))
    assert onsets == [int((NOON - timedelta(minutes=30)).timestamp() * 1000)]
