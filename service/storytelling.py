"""The story of a case as the audit trail has it: who, what, why, in order; times in the site's zone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from config.clock import rfc3339
from service.desk.views.words import REASONS
from triage.audit import MACHINE, Kind, Recorded
from triage.model import Cause, VerdictKind
from triage.words import CAUSE_WORDS, VERDICT_WORDS

TIMES = ("since", "until", "etr", "next_update_at", "opened_at", "closed_at", "onset", "end")
QUIETLY = ("policy", "reported_at", "text_sha256", "at")
"""Told in the JSON alone: a line is for reading."""


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of a story: when, who, and what in words."""

    at: datetime
    actor: str
    words: str


def story_document(told: Recorded) -> dict[str, Any]:
    entry = told.entry
    return {
        "number": told.number,
        "at": rfc3339(entry.at),
        "kind": entry.kind.value,
        "reason": entry.reason,
        "actor": entry.actor,
        "site": entry.site,
        "document": dict(entry.document),
        "sha256": told.sha256,
    }


def in_words(story: Sequence[Mapping[str, Any]], zone: tzinfo) -> Iterator[Told]:
    for one in story:
        yield Told(datetime.fromisoformat(one["at"]).astimezone(zone), one["actor"], _said(one, zone))


def story_lines(story: Sequence[Mapping[str, Any]], zone: tzinfo) -> Iterator[str]:
    for told in in_words(story, zone):
        yield f"  {told.at:%Y-%m-%d %H:%M:%S %Z}  {told.actor:20}  {told.words}"


def _said(one: Mapping[str, Any], zone: tzinfo) -> str:
    document, reason = one["document"], one["reason"]
    match Kind(one["kind"]):
        case Kind.INPUT if reason == "claim":
            words = f": “{document['words']}”" if document.get("words") else ""
            return f"reports {document['symptom']}{_since(document, zone)}{words}"
        case Kind.INPUT:
            who = "" if one["actor"] != MACHINE else "somebody: "
            return f"{who}{reason.replace('_', ' ')}{_rest(document, zone)}"
        case Kind.VERDICT:
            cause = CAUSE_WORDS[Cause(document["cause"])]
            on = f" on {document['link']}" if document.get("link") else ""
            return (
                f"judges {document['id']}: {VERDICT_WORDS[VerdictKind(reason)]}; {cause}{on}; "
                f"evidence {document['evidence_sha256'][:16]}"
            )
        case Kind.DECISION:
            became = f" [{document['status']}]" if document.get("status") else ""
            detail = f" ({document['detail']})" if document.get("detail") else ""
            return f"decides{became}: {REASONS.get(reason, reason)}{detail}"
        case Kind.INTENT:
            return f"means to {reason.replace('_', ' ')}{_rest(document, zone)}"
        case Kind.ATTEMPT:
            return f"tries to {reason.replace('_', ' ')}, attempt {document['attempt']} ({document['key']})"
        case Kind.OUTCOME:
            done = document.get("effect", "").replace("_", " ")
            return f"{done}: {reason}{_rest(document, zone, but=('effect',))}"


def _since(document: Mapping[str, Any], zone: tzinfo) -> str:
    return f" since {_time(document['since'], zone)}" if document.get("since") else ""


def _rest(document: Mapping[str, Any], zone: tzinfo, but: Sequence[str] = ()) -> str:
    parts = [
        f"{name.replace('_', ' ')} {_time(value, zone) if name in TIMES else str(value)[:160]}"
        for name, value in document.items()
        if name not in (*QUIETLY, *but) and value not in (None, "")
    ]
    return f": {', '.join(parts)}" if parts else ""


def _time(text: str, zone: tzinfo) -> str:
    return f"{datetime.fromisoformat(text).astimezone(zone):%Y-%m-%d %H:%M %Z}"
