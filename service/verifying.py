"""Every figure of a case computed again: from the measurement store, or its packs once the samples have expired."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from collector.model import FIELDS
from config.clock import MILLISECOND, epoch_ms, from_epoch_ms
from config.errors import LineproofError
from service.installation import Installation
from triage import repository
from triage.against_store import Known, by_line, hold, hold_facts, known_of
from triage.audit import Kind, story
from triage.carrier_pack import verify_carrier_pack
from triage.evidence import Check
from triage.rejudge import Question, judged_again, unread
from triage.replay.history import between
from triage.repository import StoredVerdict
from triage.verify import Measured, facts_in, series_in, verify_pack

DAY_MS = timedelta(days=1) // MILLISECOND


async def verified(installation: Installation, identity: str) -> list[dict[str, Any]]:
    """Every figure of every verdict of a case, computed again; `ok` False where it differs, `used` says from what.

    Raises NotFoundError, and StoreError where the store cannot be read.
    """
    async with installation.database.reading() as connection:
        case = await repository.case_by_id(connection, identity)
        verdicts = await repository.verdicts_of(connection, case.id)
        told = await story(connection, case.id)
    named = {
        one.entry.document["id"]: one.entry.document["evidence_sha256"]
        for one in told
        if one.entry.kind is Kind.VERDICT
    }
    checks: list[dict[str, Any]] = []
    if case.is_parent and case.evidence_sha256 is not None:
        checks += [_document("carrier", check) for check in await _carrier_verified(installation, case.evidence_sha256)]
    for verdict in verdicts:
        found = [_in_the_trail(verdict, named), *await verdict_verified(installation, verdict)]
        checks += [_document(verdict.id, check) for check in found]
    return checks


async def _carrier_verified(installation: Installation, digest: str) -> list[Check]:
    try:
        pack = installation.evidence.get(digest)
    except LineproofError as error:
        return [Check(what="evidence pack", ok=False, detail=str(error))]
    return verify_carrier_pack(pack, digest, installation.evidence.get)


async def verdict_verified(installation: Installation, verdict: StoredVerdict) -> list[Check]:
    try:
        pack = installation.evidence.get(verdict.evidence_sha256)
    except LineproofError as error:
        return [Check(what="evidence pack", ok=False, detail=str(error))]
    document = pack.document()
    known = known_of(document, await _kept_from(installation), installation.lag)
    measured, compared = await held(installation, document, known)
    checks = [*verify_pack(pack, verdict.document, measured), *compared]
    if "window" not in document:  # packs of earlier versions do not tell all that they were judged by
        return checks
    try:
        question = Question.of(document)
    except ValidationError as error:
        return [*checks, unread(document, error)]
    inventory = await installation.inventory()
    again = await judged_again(question, measured, known, installation.store, inventory, installation.baselines)
    return [*checks, *again]


async def held(installation: Installation, document: Mapping[str, Any], known: Known) -> tuple[Measured, list[Check]]:
    """The pack's samples and facts as the store has them, and what of them is not as it was judged."""
    packed = series_in(document)
    end = from_epoch_ms(known.made_at)
    start = _start(document, end)
    links = [link["id"] for link in document["links"]]
    store = installation.store
    stored = by_line(await store.window(links, tuple(FIELDS), start, end))
    series, checks = {}, []
    unpacked = [between(one, 0, 0) for key, one in stored.items() if key not in by_line(packed)]
    for one in [*packed, *unpacked]:
        found = hold(one, stored.get((one.link, one.source)), known)
        series[one.link, one.source] = found
        checks.append(found.check)
    facts = facts_in(document)
    subjects = [*links, *(device["id"] for device in document["devices"])]
    told = await store.facts(subjects, start, end + MILLISECOND) if subjects else []
    known_then, check = hold_facts(facts, told, known)
    return Measured(series=series, facts=known_then, facts_from=check.used), [*checks, check]


def _start(document: Mapping[str, Any], end: datetime) -> datetime:
    if "window" in document:
        return datetime.fromisoformat(document["window"]["from"])
    times = [one["time"][0] for one in document["series"] if one["time"]]
    return min((from_epoch_ms(time) for time in times), default=end)


async def _kept_from(installation: Installation) -> datetime:
    """From when on the store has every sample that it was given; older whole days may have expired."""
    links = len((await installation.inventory()).links)
    today = epoch_ms(installation.clock.now()) // DAY_MS
    return from_epoch_ms((today - installation.settings.store.raw_days_of(links)) * DAY_MS)


def _in_the_trail(verdict: StoredVerdict, named: Mapping[str, str]) -> Check:
    """The audit trail names the pack too, so that a verdict cannot be given another one later."""
    digest = named.get(verdict.id)
    if digest is None:
        return Check(what="audit trail", ok=True, detail="it was given before there was an audit trail", used="records")
    same = digest == verdict.evidence_sha256
    return Check(what="audit trail", ok=same, detail=f"names evidence sha256 {digest}", used="records")


def _document(verdict: str, check: Check) -> dict[str, Any]:
    return {"verdict": verdict, "what": check.what, "ok": check.ok, "detail": check.detail, "used": check.used}
