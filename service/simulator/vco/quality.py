"""Quality of experience as a VCO scores it, link by link. Pure.

Limits: Broadcom knowledge base 312376 (good 10, fair 5, critical 0; voice, video and transactional traffic). What a
link is after remediation is simulated as: loss is mended, the rest stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from service.simulator.fleet import Premises
from service.simulator.vco.metrics import edge_ticks
from service.simulator.vco.oddities import Json, disfigured
from service.simulator.vco.statistics import TICK, Ticks, Window
from service.simulator.vco.world import World

VOICE, VIDEO, TRANSACTIONAL = "0", "1", "2"
OFFLINE, UNKNOWN, RED, YELLOW, GREEN = range(5)
SCORES = {GREEN: 10.0, YELLOW: 5.0, RED: 0.0, OFFLINE: 0.0}
NO_ACTION, ERROR_CORRECTION = 0, 3
LIMITS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    VOICE: {"latencyMs": (25, 65), "jitterMs": (7, 30), "lossPct": (0.30, 1.00)},
    VIDEO: {"latencyMs": (25, 65), "jitterMs": (5, 10), "lossPct": (0.05, 0.10)},
    TRANSACTIONAL: {"latencyMs": (50, 80), "jitterMs": (200, 200), "lossPct": (1.00, 3.00)},
}
"""Each kind of traffic: above the first number a link is yellow, above the second red."""
_METRICS = ("latencyMsRx", "latencyMsTx", "jitterMsRx", "jitterMsTx", "lossPctRx", "lossPctTx")
"""In the order of the vendor's numbers 0 to 5."""
MOST_SAMPLES = 50


def state_of(traffic: str, metric: str, value: float) -> int:
    """Green, yellow or red by one metric (`latencyMsRx`...) for one kind of traffic."""
    fair, bad = LIMITS[traffic][metric[:-2]]
    return RED if value > bad else YELLOW if value > fair else GREEN


def link_quality(world: World, premises: Premises, window: Window, most: int | None) -> Json:
    """linkQualityEvent/getLinkQualityEvents: an object keyed by the links' internalId, and `overallLinkQuality`."""
    by_link = edge_ticks(world, premises, window)
    answer: Json = {}
    for link in premises.wan:
        samples = _samples(by_link[link.id], most or MOST_SAMPLES) if link.id in by_link else []
        if samples and link.orchestrator_link:
            answer[link.orchestrator_link] = _scored(samples)
    if answer:
        answer["overallLinkQuality"] = max(answer.values(), key=lambda each: float(each["totalScore"]))
    shown: Json = disfigured(answer, world.oddities(premises))
    return shown


def _samples(ticks: Ticks, most: int) -> list[Json]:
    there = np.flatnonzero(~np.isnan(ticks.values["bytesRx"]))
    if len(there) > most:
        there = there[np.linspace(0, len(there) - 1, most).astype(np.int64)]
    return [_sample(ticks, int(place)) for place in there]


def _sample(ticks: Ticks, place: int) -> Json:
    detail = {name: float(ticks.values[f"best{name[0].upper()}{name[1:]}"][place]) for name in _METRICS}
    mended = {name: 0.0 if name.startswith("loss") else value for name, value in detail.items()}
    metrics = [
        {
            "trafficType": int(traffic),
            "metric": number,
            "action": NO_ACTION if detail[name] == mended[name] else ERROR_CORRECTION,
            "beforeState": state_of(traffic, name, detail[name]),
            "afterState": state_of(traffic, name, mended[name]),
        }
        for traffic in LIMITS
        for number, name in enumerate(_METRICS)
    ]
    return {
        "timestamp": int(ticks.start[place]) * 1000,
        "before": {traffic: _worst(traffic, detail) for traffic in LIMITS},
        "after": {traffic: _worst(traffic, mended) for traffic in LIMITS},
        "metadata": {"detail": {name: round(value, 2) for name, value in detail.items()}, "metrics": metrics},
    }


def _worst(traffic: str, values: Mapping[str, float]) -> int:
    return min(state_of(traffic, name, value) for name, value in values.items())


def _scored(samples: Sequence[Json]) -> Json:
    score = {traffic: float(np.mean([SCORES[sample["after"][traffic]] for sample in samples])) for traffic in LIMITS}
    return {
        "totalScore": round(float(np.mean(list(score.values()))), 4),
        "score": {traffic: round(value, 4) for traffic, value in score.items()},
        "sampleCount": len(samples),
        "sampleLength": TICK * 1000,
        "distribution": {
            traffic: {
                str(state): round(sum(sample["after"][traffic] == state for sample in samples) / len(samples), 4)
                for state in range(5)
            }
            for traffic in LIMITS
        },
        "timeseries": list(samples),
    }
