"""What decisions leave in the records database, within the transaction of their input: many at once, as each statement
costs as much for one row as for a hundred."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from triage import bulk, inbox, repository, troubles
from triage.audit import Entry
from triage.audit_entries import of_decision, of_input, of_intent, of_verdict
from triage.cases import Timer, TimerKind
from triage.documents import verdict_document
from triage.matters import Decided
from triage.numbering import Numbers
from triage.reasons import QUIET


async def write(connection: AsyncConnection, decided: Sequence[Decided], digest: str, numbers: Numbers) -> list[Entry]:
    """Returns what the audit trail has to tell of it: the caller appends it before it commits."""
    told: list[Entry] = []
    for some in _of_different_cases(decided):
        told += await _write(connection, some, digest, numbers)
    return told


def _of_different_cases(decided: Sequence[Decided]) -> Iterator[Sequence[Decided]]:
    """In their order, cut where a case comes again: its second decision rests on what the first one wrote."""
    some: list[Decided] = []
    cases: set[str] = set()
    for one in decided:
        if one.case in cases:
            yield some
            some, cases = [], set()
        some.append(one)
        if one.case is not None:
            cases.add(one.case)
    yield some


async def _write(connection: AsyncConnection, decided: Sequence[Decided], digest: str, numbers: Numbers) -> list[Entry]:
    cases = [one.decision.case for one in decided if one.decision.case is not None]
    new = [case for case in cases if numbers.is_new(case)]
    await bulk.save_cases(connection, [case for case in cases if not numbers.is_new(case)], new)
    numbers.wrote(new)
    verdicts = await _verdicts(connection, decided, numbers)
    seen = [
        (one.decision.case, one.matter.judgement.verdict if one.matter.judgement else None, one.row.now)
        for one in decided
        if one.decision.case is not None
    ]
    await troubles.follow(connection, seen)
    for one in decided:
        if one.decision.proposal is not None:
            await repository.save_proposal(connection, one.decision.proposal)
    await _timers(connection, decided)
    effects = [(effect, one.row.now) for one in decided for effect in one.decision.effects]
    meant = await bulk.add_effects(connection, effects)
    told: list[Entry] = []
    for place, one in enumerate(decided):
        row, decision = one.row, one.decision
        if place in verdicts:
            told.append(verdicts[place])
        site = decision.case.site if decision.case is not None else one.matter.site
        if decision.reason not in QUIET:
            told.append(of_decision(row, decision, digest, site, one.matter.case))
        told += [of_intent(row, effect, site) for effect in decision.effects if next(meant)]
    return told


async def _verdicts(connection: AsyncConnection, decided: Sequence[Decided], numbers: Numbers) -> dict[int, Entry]:
    """What the trail tells of the judgements that are kept, by the place of their decision."""
    kept, told = [], {}
    for place, one in enumerate(decided):
        row, judged, case = one.row, one.decision.judged, one.decision.case
        if judged is None or case is None:
            continue
        document = verdict_document(
            judged.verdict, id=numbers.next_verdict(), case=case.id, evidence_sha256=judged.evidence_sha256
        )
        kept.append(bulk.verdict_row(case.id, row.seq, row.now, judged.evidence_sha256, document))
        told[place] = of_verdict(row, case.id, case.site, document)
    await bulk.save_verdicts(connection, kept)
    return told


async def _timers(connection: AsyncConnection, decided: Sequence[Decided]) -> None:
    ended: list[tuple[str, TimerKind]] = []
    begun: dict[tuple[str, TimerKind], Timer] = {}
    for one in decided:
        if one.case is not None:
            ended += [(one.case, kind) for kind in one.decision.cancelled]
        begun |= {(timer.case, timer.kind): timer for timer in one.decision.timers}
    await bulk.clear_timers(connection, list(dict.fromkeys([*ended, *begun])))
    await bulk.set_timers(connection, list(begun.values()))


def heard(row: inbox.Row, decided: Sequence[Decided]) -> list[Entry]:
    """What the audit trail says of the input itself, under the case that it came to."""
    first = next((one for one in decided if one.row is row), None)
    entry = of_input(row, first.case if first else None, first.matter.site if first else None)
    return [] if entry is None else [entry]
