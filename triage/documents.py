"""Verdicts and policies as JSON documents: the rim where our values become what files and programs read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from config.clock import rfc3339
from triage.model import Coverage, Finding, Option, Verdict


def verdict_document(
    verdict: Verdict,
    id: str,  # noqa: A002 - the field of the contract
    case: str | None = None,
    evidence_sha256: str | None = None,
) -> dict[str, Any]:
    """The JSON of `triage --json`, of the evidence pack and of `replay`. Fields are only ever added."""
    return {
        "id": id,
        "verdict": verdict.verdict.value,
        "cause": verdict.cause.value,
        "scope": verdict.scope.value,
        "severity": verdict.severity.value if verdict.severity else None,
        "onset": _time(verdict.onset),
        "end": _time(verdict.end),
        "site": verdict.site,
        "client": verdict.client,
        "link": verdict.link,
        "direction": verdict.direction.value,
        "habitual": verdict.habitual,
        "coverage": _coverage(verdict.coverage),
        "rejudge_at": _time(verdict.rejudge_at),
        "findings": [finding_document(finding) for finding in verdict.findings],
        "side_findings": [finding_document(finding) for finding in verdict.side_findings],
        "runner_up": {"cause": verdict.runner_up.cause.value, "why_not": verdict.runner_up.why_not}
        if verdict.runner_up
        else None,
        "detectable": {name: _rounded(value) for name, value in verdict.detectable.items()},
        "secondary_fit": verdict.secondary_fit,
        "options": [_option(option) for option in verdict.options],
        "policy": verdict.policy,
        "baseline": verdict.baseline,
        "reason": verdict.reason,
        "case": case,
        "evidence_sha256": evidence_sha256,
    }


def finding_document(finding: Finding) -> dict[str, Any]:
    """`value` is the `statistic` of `metric` over the samples of `link` and `source` that start in [onset, end)."""
    return {
        "link": finding.link,
        "source": finding.source.value,
        "metric": finding.metric,
        "cause": finding.cause.value,
        "direction": finding.direction.value,
        "onset": _time(finding.onset),
        "end": _time(finding.end),
        "value": _rounded(finding.value),
        "unit": finding.unit,
        "baseline": None if finding.baseline is None else _rounded(finding.baseline),
        "threshold": _rounded(finding.threshold),
        "rule": finding.rule,
        "statistic": finding.statistic,
        "bad_samples": finding.bad_samples,
        "habitual": finding.habitual,
    }


def _coverage(coverage: Coverage) -> dict[str, Any]:
    return {
        "present": coverage.present,
        "expected": coverage.expected,
        "pending": coverage.pending,
        "newest": _time(coverage.newest),
    }


def _option(option: Option) -> dict[str, Any]:
    return {
        "rank": option.rank,
        "link": option.link,
        "action": option.action,
        "fit": option.fit,
        "reason": option.reason.value if option.reason else None,
        "utilisation_after_pct": {
            "rx": None if option.utilisation_after_rx_pct is None else _rounded(option.utilisation_after_rx_pct),
            "tx": None if option.utilisation_after_tx_pct is None else _rounded(option.utilisation_after_tx_pct),
        },
        "metered": option.metered,
        "shared_fate": option.shared_fate,
    }


def _time(moment: datetime | None) -> str | None:
    return rfc3339(moment) if moment else None


def _rounded(value: float) -> float:
    """To a millionth: enough for every unit, and short to read."""
    return round(value, 6)
