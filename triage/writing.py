"""What decisions leave in the records database, within the transaction of their input: many at once, as each statement
costs as much for one row as for a hundred."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlalchemy.ext.asyncio import AsyncConnection

from triage import bulk, inbox, repository, troubles
from triage.audit import Entry
from triage.audit_entries import of_decision, of_input, of_intent, of_verdict
from triage.cases import Decision, Timer, TimerKind
from triage.documents import verdict_document
from triage.matters import Matter
from triage.numbering import Numbers
from triage.reasons import QUIET

Decided = Sequence[tuple[Matter, Decision]]


async def write(
    connection: AsyncConnection, row: inbox.Row, decided: Decided, digest: str, numbers: Numbers
) -> list[Entry]:
    """Returns what the audit trail has to tell of it: the caller appends it before it commits."""
    told: list[Entry] = []
    for some in _of_different_cases(decided):
        told += await _write(connection, row, some, digest, numbers)
    return told


def _of_different_cases(decided: Decided) -> Iterator[Decided]:
    """In their order, cut where a case comes again: its second decision rests on what the first one wrote."""
    some: list[tuple[Matter, Decision]] = []
    cases: set[str] = set()
    for matter, decision in decided:
        about = _owner(matter, decision)
        if about in cases:
            yield some
            some, cases = [], set()
        some.append((matter, decision))
        if about is not None:
            cases.add(about)
    yield some


def _owner(matter: Matter, decision: Decision) -> str | None:
    return decision.case.id if decision.case is not None else matter.case


async def _write(
    connection: AsyncConnection, row: inbox.Row, decided: Decided, digest: str, numbers: Numbers
) -> list[Entry]:
    cases = [decision.case for _, decision in decided if decision.case is not None]
    new = [case for case in cases if numbers.is_new(case)]
    await bulk.save_cases(connection, [case for case in cases if not numbers.is_new(case)], new)
    numbers.wrote(new)
    verdicts = await _verdicts(connection, row, decided, numbers)
    seen = [
        (decision.case, matter.judgement.verdict if matter.judgement else None)
        for matter, decision in decided
        if decision.case is not None
    ]
    await troubles.follow(connection, seen, row.now)
    for _, decision in decided:
        if decision.proposal is not None:
            await repository.save_proposal(connection, decision.proposal)
    await _timers(connection, decided)
    effects = [effect for _, decision in decided for effect in decision.effects]
    meant = await bulk.add_effects(connection, effects, row.now)
    told: list[Entry] = []
    for place, (matter, decision) in enumerate(decided):
        if place in verdicts:
            told.append(verdicts[place])
        site = decision.case.site if decision.case is not None else matter.site
        if decision.reason not in QUIET:
            told.append(of_decision(row, decision, digest, site, matter.case))
        told += [of_intent(row, effect, site) for effect in decision.effects if next(meant)]
    return told


async def _verdicts(
    connection: AsyncConnection, row: inbox.Row, decided: Decided, numbers: Numbers
) -> dict[int, Entry]:
    """What the trail tells of the judgements that are kept, by the place of their decision."""
    kept, told = [], {}
    for place, (_, decision) in enumerate(decided):
        judged, case = decision.judged, decision.case
        if judged is None or case is None:
            continue
        document = verdict_document(
            judged.verdict, id=numbers.next_verdict(), case=case.id, evidence_sha256=judged.evidence_sha256
        )
        kept.append(bulk.verdict_row(case.id, row.seq, row.now, judged.evidence_sha256, document))
        told[place] = of_verdict(row, case.id, case.site, document)
    await bulk.save_verdicts(connection, kept)
    return told


async def _timers(connection: AsyncConnection, decided: Decided) -> None:
    ended: list[tuple[str, TimerKind]] = []
    begun: dict[tuple[str, TimerKind], Timer] = {}
    for matter, decision in decided:
        owner = _owner(matter, decision)
        if owner is not None:
            ended += [(owner, kind) for kind in decision.cancelled]
        begun |= {(timer.case, timer.kind): timer for timer in decision.timers}
    await bulk.clear_timers(connection, list(dict.fromkeys([*ended, *begun])))
    await bulk.set_timers(connection, list(begun.values()))


def heard(row: inbox.Row, decided: Decided) -> list[Entry]:
    """What the audit trail says of the input itself, under the case that it came to."""
    matter, decision = decided[0] if decided else (None, None)
    case = decision.case.id if decision and decision.case else matter.case if matter else None
    entry = of_input(row, case, matter.site if matter else None)
    return [] if entry is None else [entry]
