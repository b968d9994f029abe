"""A comparison of two policies as documents: what `lineproof replay --against --json` prints. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from config.clock import rfc3339
from inventory.model import Inventory
from triage.documents import finding_document
from triage.policy import Policy
from triage.replay.difference import CaseDifference, Summary, compare, policy_changes, summary
from triage.replay.outcome import CaseOutcome, ClaimOutcome, Outcomes, Word

ANSWER = ("verdict", "cause", "scope", "severity", "link", "onset", "end")


def side_documents(old: Policy, new: Policy, old_name: str, new_name: str) -> dict[str, Any]:
    changes = policy_changes(old, new)
    return {
        "old": {"name": old_name, "policy": old.hash},
        "new": {"name": new_name, "policy": new.hash},
        "policy_changes": [{"key": key, "old": before, "new": after} for key, before, after in changes],
    }


def comparison_document(before: Outcomes, after: Outcomes, start: datetime, inventory: Inventory) -> dict[str, Any]:
    compared = compare(before, after)
    claims = [
        {
            **_place(inventory, pair.old.client, pair.old.site),
            "reported_at": rfc3339(pair.old.reported_at),
            "old": _claim(pair.old),
            "new": _claim(pair.new),
        }
        for pair in compared.claims
    ]
    return {
        "summary": {"old": _summary(summary(before, start)), "new": _summary(summary(after, start))},
        "alike": compared.alike,
        "claims": claims,
    }


def difference_document(
    one: CaseDifference, other: Word | None, inventory: Inventory, *, suspected: bool
) -> dict[str, Any]:
    return {
        "difference": one.kind.value,
        **_place(inventory, one.case.client, one.case.site),
        "fields": list(one.fields),
        "old": _case(one.old) if one.old is not None else None,
        "new": _case(one.new) if one.new is not None else None,
        "other": _word(other),
        "suspected_only": suspected,
    }


def _place(inventory: Inventory, client: str, site: str) -> dict[str, str]:
    known = inventory.sites.get(site)
    return {"client": client, "site": site, "zone": known.timezone if known is not None else "UTC"}


def _case(case: CaseOutcome) -> dict[str, Any]:
    return {
        "id": case.id,
        "link": case.link,
        "cause": case.cause.value,
        "scope": case.scope.value,
        "severity": case.severity.value if case.severity is not None else None,
        "onset": rfc3339(case.onset) if case.onset is not None else None,
        "end": rfc3339(case.end) if case.end is not None else None,
        "opened_at": rfc3339(case.opened_at),
        "ended_at": rfc3339(case.ended_at) if case.ended_at is not None else None,
        "ticket": case.ticket,
        "reopened": case.reopened,
        "word": _word(case.word),
    }


def _claim(claim: ClaimOutcome) -> dict[str, Any]:
    return {
        "verdict": claim.verdict,
        "first": claim.first.verdict.value if claim.first is not None else None,
        "refused": claim.refused or None,
        "word": _word(claim.word),
    }


def _word(word: Word | None) -> dict[str, Any] | None:
    if word is None:
        return None
    return {
        "verdict": word.verdict.value,
        "cause": word.cause.value,
        "reason": word.reason,
        "finding": finding_document(word.finding) if word.finding is not None else None,
    }


def _summary(each: Summary) -> dict[str, Any]:
    return {
        "cases": each.cases,
        "suspicions": each.suspicions,
        "tickets": each.tickets,
        "minutes_in_trouble": each.minutes,
        "by_cause": dict(each.by_cause),
        "by_client": dict(each.by_client),
        "claims": dict(each.claims),
    }


def verdicts_document(before: Sequence[Mapping[str, Any]], after: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Of a set: how often each verdict and cause was given, and the scenarios that are answered otherwise."""
    differing = [
        {"id": was["id"], "fields": fields, "old": _answer(was), "new": _answer(now)}
        for was, now in zip(before, after, strict=True)
        if (fields := [name for name in ANSWER if was[name] != now[name]])
    ]
    return {
        "summary": {"old": _tally(before), "new": _tally(after)},
        "alike": len(before) - len(differing),
        "scenarios": differing,
    }


def _answer(verdict: Mapping[str, Any]) -> dict[str, Any]:
    finding = verdict["findings"][0] if verdict["findings"] else None
    return {name: verdict[name] for name in ANSWER} | {"reason": verdict["reason"], "finding": finding}


def _tally(verdicts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def counted(name: str) -> dict[str, int]:
        found = [verdict[name] for verdict in verdicts]
        return {value: found.count(value) for value in sorted(set(found))}

    return {"scenarios": len(verdicts), "verdicts": counted("verdict"), "causes": counted("cause")}
