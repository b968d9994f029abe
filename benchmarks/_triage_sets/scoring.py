"""Verdicts held against the truth of a scenario set: the figures of the product's accuracy.

The truth's `carrier_wide` is a verdict's scope `carrier`, and `site_down` counts as `link_down`. Where the truth holds
null, a field is not scored. Only `confirmed` and `recovered` say that a fault was there.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

Row = Mapping[str, Any]
Pair = tuple[Row, Row]
FOUND = ("confirmed", "recovered")
NO_ONSET = 1440.0
"""Minutes that an answer without an onset is off."""


def read(path: Path) -> dict[str, Row]:
    """Rows by id. Raises ValueError when one is there twice."""
    rows: dict[str, Row] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            row = json.loads(line)
            if row["id"] in rows:
                raise ValueError(f"{path}: {row['id']} is answered twice; keep one of both")
            rows[row["id"]] = row
    return rows


def pairs_of(truth: Mapping[str, Row], verdicts: Mapping[str, Row]) -> list[Pair]:
    """(truth, verdict) for each scenario. Raises ValueError when one is not answered."""
    if missing := [one for one in truth if one not in verdicts]:
        raise ValueError(f"{len(missing)} of {len(truth)} scenarios are not answered, the first: {missing[0]}")
    return [(row, verdicts[one]) for one, row in truth.items()]


def scores(pairs: Sequence[Pair]) -> dict[str, float]:
    """Every figure that these scenarios can give."""
    there = [(truth, said) for truth, said in pairs if truth["verdict"] in FOUND]
    absent = [(truth, said) for truth, said in pairs if truth["verdict"] not in FOUND]
    hits = [(truth, said) for truth, said in there if said["verdict"] in FOUND]
    onsets = [_off(truth, said) for truth, said in hits if truth["onset"]]
    causes = [(truth["cause"], said_cause(said)) for truth, said in pairs if truth["cause"] is not None]
    severities = [truth["severity"] == said.get("severity") for truth, said in hits if truth["severity"]]
    second = [(truth, said) for truth, said in pairs if truth["secondary_fit"] is not None]
    unfit = [said for truth, said in second if not truth["secondary_fit"]]
    figures = {
        "n": len(pairs),
        "verdict_accuracy": _share(truth["verdict"] == said["verdict"] for truth, said in pairs),
        "verdict_macro_f1": _macro_f1([(truth["verdict"], said["verdict"]) for truth, said in pairs]),
        "false_confirm": _share(said["verdict"] in FOUND for _, said in absent),
        "missed": _share(said["verdict"] not in FOUND for _, said in there),
        "cause_macro_f1": _macro_f1(causes) if causes else None,
        "onset_median_min": statistics.median(onsets) if onsets else None,
        "onset_p90_min": sorted(onsets)[min(len(onsets) - 1, int(0.9 * len(onsets)))] if onsets else None,
        "severity_accuracy": _share(severities) if severities else None,
        "secondary_accuracy": (
            _share(truth["secondary_fit"] == said.get("secondary_fit") for truth, said in second) if second else None
        ),
        "bad_secondary_called_fit": _share(said.get("secondary_fit") is True for said in unfit) if unfit else None,
    }
    return {name: value for name, value in figures.items() if value is not None}


def accuracy_by(pairs: Sequence[Pair], key: Callable[[Row], str]) -> dict[str, tuple[float, int]]:
    """Share of right verdicts and number of scenarios, by what `key` says of a truth."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for truth, said in pairs:
        groups[key(truth)].append(truth["verdict"] == said["verdict"])
    return {name: (_share(groups[name]), len(groups[name])) for name in sorted(groups)}


def said_cause(verdict: Row) -> str | None:
    if verdict.get("scope") == "carrier":
        return "carrier_wide"
    return "link_down" if verdict.get("cause") == "site_down" else verdict.get("cause")


def _off(truth: Row, said: Row) -> float:
    """Minutes between the true onset and the stated one."""
    if not said.get("onset"):
        return NO_ONSET
    one, other = (datetime.fromisoformat(row["onset"]) for row in (truth, said))
    return abs((one - other).total_seconds()) / 60


def _macro_f1(pairs: Sequence[tuple[Any, Any]]) -> float:
    """The mean F1 over the classes that are true somewhere."""
    f1 = []
    for label in {truth for truth, _ in pairs}:
        both = sum(truth == label == said for truth, said in pairs)
        either = sum((truth == label) + (said == label) for truth, said in pairs)
        f1.append(2 * both / either)
    return sum(f1) / len(f1)


def _share(answers: Iterable[bool]) -> float:
    known = list(answers)
    return sum(known) / max(len(known), 1)
