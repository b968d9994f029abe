"""Outcomes out of the lines of a scenario file, so that two replays of one compare as two back-tests do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from config.clock import EPOCH
from triage.cases import CaseStatus
from triage.model import Cause, Finding, Scope, Severity, VerdictKind
from triage.reasons import Reason
from triage.replay.outcome import ANSWERS, CaseOutcome, ClaimOutcome, Outcomes, Word, first_telling

_FINDING = TypeAdapter(Finding)
_MOMENT = TypeAdapter(datetime | None)


def outcomes_of_lines(lines: Iterable[Mapping[str, Any]]) -> Outcomes:
    """What became of each case and claim; the last line tells the time until when."""
    reader = _Reader()
    until = EPOCH
    for line in lines:
        until = datetime.fromisoformat(line["at"])
        match line["line"]:
            case "trouble" | "verdict":
                reader.verdict(line, until)
            case "case":
                reader.case(line, until)
            case "withheld" if line["reason"] == Reason.CLAIM_REFUSED:
                reader.refused(line, until)
    return Outcomes(tuple(reader.cases.values()), tuple(reader.claims.values()), until)


class _Reader:
    def __init__(self) -> None:
        self.cases: dict[str, CaseOutcome] = {}
        self.claims: dict[str, ClaimOutcome] = {}
        self._said: dict[str, Mapping[str, Any]] = {}
        self._asked: dict[str, list[str]] = {}

    def verdict(self, line: Mapping[str, Any], at: datetime) -> None:
        case = line.get("case")
        if case is not None:
            self._said[case] = line
            known = self.cases.get(case)
            if known is not None and line["verdict"] in (VerdictKind.CONFIRMED, VerdictKind.RECOVERED):
                self.cases[case] = replace(known, end=_MOMENT.validate_python(line["end"]))
        if "input" in line:
            key = f"timeline[{line['input']}]"
            self.claims[key] = _claim(key, line, at)
            self._asked.setdefault(case or "", []).append(key)
        elif line["reason"] in ANSWERS:
            for key in self._asked.get(case or "", ()):
                known_claim = self.claims[key]
                if known_claim.word is not None and known_claim.word.verdict is VerdictKind.INCONCLUSIVE:
                    self.claims[key] = replace(known_claim, word=_word(line))

    def refused(self, line: Mapping[str, Any], at: datetime) -> None:
        key = f"timeline[{line['input']}]"
        self.claims[key] = ClaimOutcome(
            key=key, client=line.get("client", ""), site=line.get("site", ""), reported_at=at, first=None, word=None,
            refused=line.get("detail", ""),
        )  # fmt: skip

    def case(self, line: Mapping[str, Any], at: datetime) -> None:
        known = self.cases.get(line["case"])
        said = self._said.get(line["case"])
        status = CaseStatus(line["status"])
        onset = _MOMENT.validate_python(line.get("onset"))
        self.cases[line["case"]] = CaseOutcome(
            id=line["case"], client=line.get("client") or "", site=line.get("site") or "", link=line.get("link"),
            cause=Cause(line.get("cause") or Cause.NONE), scope=Scope(line.get("scope") or Scope.LINK),
            severity=Severity(line["severity"]) if line.get("severity") else None,
            onset=known.onset if known and known.onset else onset,
            end=known.end if known else _MOMENT.validate_python(said["end"]) if said else None,
            opened_at=known.opened_at if known else at, ended_at=None if status.is_open else at,
            held=status not in (CaseStatus.SUSPECTED, CaseStatus.CLOSED), ticket=line.get("ticket") is not None,
            reopened=(known.reopened if known else 0) + (line["reason"] == Reason.RECOVERY_BROKEN),
            word=first_telling(known.word if known else None, _word(said) if said else None),
        )  # fmt: skip


def _claim(key: str, line: Mapping[str, Any], at: datetime) -> ClaimOutcome:
    word = _word(line)
    return ClaimOutcome(key=key, client=line["client"], site=line["site"], reported_at=at, first=word, word=word)


def _word(line: Mapping[str, Any]) -> Word:
    findings = line["findings"]
    return Word(
        verdict=VerdictKind(line["verdict"]), cause=Cause(line["cause"]), reason=line["says"],
        finding=_FINDING.validate_python(findings[0]) if findings else None,
    )  # fmt: skip
