"""Quality of experience as a VCO scores it, for people. Pure.

The limits behind the words: Broadcom knowledge base 312376.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from collector.orchestrator.port import Figure
from collector.orchestrator.record import Record, Rows, read_rows
from config.clock import rfc3339

OVERALL = "overallLinkQuality"
TRAFFIC = {"0": "voice", "1": "video", "2": "transactional traffic"}
LIMITS = {
    "0": "good to 25 ms latency, 7 ms jitter and 0.3 % loss; critical above 65 ms, 30 ms or 1 %",
    "1": "good to 25 ms latency, 5 ms jitter and 0.05 % loss; critical above 65 ms, 10 ms or 0.1 %",
    "2": "good to 50 ms latency, 200 ms jitter and 1 % loss; critical above 80 ms, 200 ms or 3 %",
}
STATES = {0: "offline", 1: "unknown", 2: "critical", 3: "fair", 4: "good"}
"""The vendor's offline, unknown, red, yellow and green."""
UNKNOWN = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySample:
    """States by kind of traffic: as the line was, and as the edge made it by its remediation."""

    time: datetime
    before: Mapping[str, int]
    after: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkQuality:
    """`key` is the link's internalId, or OVERALL. `score` from 0 to 10; None where the host gives none."""

    key: str
    score: float | None
    samples: Sequence[QualitySample]


def link_qualities(answer: Mapping[object, object]) -> Rows[LinkQuality]:
    """The links in an answer of linkQualityEvent/getLinkQualityEvents, an object with the links' ids as keys."""
    rows, damaged = [], 0
    for key, value in answer.items():
        record = Record(value)
        score = record.number("totalScore", high=10.0)
        samples = read_rows(record.items("timeseries"), _sample)
        damaged += record.damaged + samples.damaged
        ordered = sorted(samples, key=lambda sample: sample.time)
        rows.append(LinkQuality(key=str(key), score=None if math.isnan(score) else score, samples=ordered))
    return Rows(rows, damaged)


def _sample(record: Record) -> tuple[QualitySample | None, int]:
    time = record.moment("timestamp")
    if time is None:
        return None, 1
    before, after = record.record("before"), record.record("after")
    sample = QualitySample(time=time, before=_states(before), after=_states(after))
    return sample, before.damaged + after.damaged


def _states(record: Record) -> dict[str, int]:
    found = {traffic: record.whole(traffic) for traffic in TRAFFIC}
    return {traffic: state for traffic, state in found.items() if state in STATES and state is not None}


def quality_figures(row: LinkQuality, subject: str) -> list[Figure]:
    """What a link was like of late: the score, and for each kind of traffic its state now and at its worst, before
    remediation and after it."""
    about = "all links together, " if row.key == OVERALL else ""
    figures = []
    if row.score is not None:
        meaning = f"{about}the last hour, over voice, video and transactional traffic; 10 is good, 5 fair, 0 critical"
        figures.append(Figure(subject=subject, name="QoE score", value=f"{row.score:.1f} of 10", meaning=meaning))
    for traffic, words in TRAFFIC.items():
        seen = [sample for sample in row.samples if traffic in sample.after or traffic in sample.before]
        if not seen:
            continue
        worst = min(seen, key=lambda sample: _badness(sample, traffic))
        for name, sample in (("now", seen[-1]), ("worst of the last hour", worst)):
            figures.append(
                Figure(
                    subject=subject,
                    name=f"QoE of {words}, {name}",
                    value=_value(sample, traffic),
                    meaning=f"{about}{LIMITS[traffic]}; {rfc3339(sample.time)}",
                )
            )
    return figures


def _badness(sample: QualitySample, traffic: str) -> tuple[int, int]:
    """Worst first: after remediation, then before it. Unknown is no finding."""
    states = [each.get(traffic, UNKNOWN) for each in (sample.after, sample.before)]
    after, before = (len(STATES) if state == UNKNOWN else state for state in states)
    return after, before


def _value(sample: QualitySample, traffic: str) -> str:
    after = STATES[sample.after.get(traffic, UNKNOWN)]
    if traffic not in sample.before:
        return after
    return f"{after}, before remediation {STATES[sample.before[traffic]]}"
