"""Computes a verdict's figures again from its evidence pack. Pure; a figure that differs is named."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from collector.model import Fact, Series, Source
from triage.evidence import EvidencePack
from triage.model import Finding
from triage.recompute import FACTS, recompute, recompute_from_facts

_FINDING = TypeAdapter(Finding)
_FACT = TypeAdapter(Fact)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    what: str
    ok: bool
    detail: str


def verify_pack(pack: EvidencePack, verdict: Mapping[str, Any]) -> list[Check]:
    """The pack's digest, and each finding's value from the pack's own samples."""
    same = pack.intact and verdict.get("evidence_sha256") == pack.sha256
    checks = [Check(what="evidence pack", ok=same, detail=f"sha256 {pack.sha256}")]
    document = pack.document()
    series = [series_of(entry) for entry in document["series"]]
    facts = [_FACT.validate_python(entry) for entry in document["facts"]]
    devices = [device["id"] for device in document["devices"]]
    for entry in verdict["findings"]:
        finding = _FINDING.validate_python(entry)
        said = finding.value
        if finding.metric.startswith(FACTS):
            again = recompute_from_facts(finding, facts, [finding.link, *devices])
        else:
            own = (one for one in series if one.link == finding.link and one.source is finding.source)
            again = next((recompute(finding, one) for one in own), math.nan)
        checks.append(
            Check(
                what=f"{finding.link} {finding.metric} {finding.statistic}",
                ok=math.isclose(said, again, rel_tol=1e-6, abs_tol=1e-6),
                detail=f"said {said:.6g} {finding.unit}, computed again {again:.6g} {finding.unit}",
            )
        )
    return checks


def series_of(entry: Mapping[str, Any]) -> Series:
    """A series of a pack as columns again; null is NaN."""
    return Series(
        link=entry["link"],
        source=Source(entry["source"]),
        time=np.asarray(entry["time"], dtype=np.int64),
        seconds=np.asarray(entry["seconds"], dtype=np.int32),
        received_at=np.asarray(entry["received_at"], dtype=np.int64),
        fields={
            name: np.asarray([math.nan if value is None else value for value in values], dtype=np.float64)
            for name, values in entry["fields"].items()
        },
    )
