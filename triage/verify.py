"""Computes a verdict's figures again, from the store's samples or the pack's. Pure; a figure that differs is named."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from collector.model import Fact, Series, Source
from triage.against_store import PACK, Held
from triage.evidence import Check, EvidencePack
from triage.model import Finding
from triage.recompute import FACTS, recompute, recompute_from_facts

_FINDING = TypeAdapter(Finding)
_FACT = TypeAdapter(Fact)

NAMED_BY_RECORDS = ("id", "case", "evidence_sha256")
"""Keys of a verdict that its pack, which was made before, cannot know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What figures are computed from: each series with where its rows are from, and the facts."""

    series: Mapping[tuple[str, Source], Held]
    facts: Sequence[Fact]
    facts_from: str = PACK


def from_pack(document: Mapping[str, Any]) -> Measured:
    held = {}
    for one in series_in(document):
        known = Check(what="samples", ok=True, detail="of the pack")
        held[one.link, one.source] = Held(series=one, used=PACK, check=known)
    return Measured(series=held, facts=facts_in(document))


def verify_pack(pack: EvidencePack, verdict: Mapping[str, Any], measured: Measured | None = None) -> list[Check]:
    """The pack's digest, the verdict in it against the recorded one, and each finding's value from `measured`: the
    store's samples, or by default the pack's own."""
    checks = [_digest(pack, verdict)]
    document = pack.document()
    checks += _as_recorded(document["verdict"], verdict)
    measured = measured or from_pack(document)
    devices = [device["id"] for device in document["devices"]]
    for kind, entries in (("", verdict["findings"]), ("beside: ", verdict["side_findings"])):
        checks += [_finding(kind, _FINDING.validate_python(entry), measured, devices) for entry in entries]
    return checks


def series_in(document: Mapping[str, Any]) -> list[Series]:
    return [series_of(entry) for entry in document["series"]]


def facts_in(document: Mapping[str, Any]) -> list[Fact]:
    return [_FACT.validate_python(entry) for entry in document["facts"]]


def _digest(pack: EvidencePack, verdict: Mapping[str, Any]) -> Check:
    same = pack.intact and verdict.get("evidence_sha256") == pack.sha256
    return Check(what="evidence pack", ok=same, detail=f"sha256 {pack.sha256}")


def _as_recorded(packed: Mapping[str, Any], recorded: Mapping[str, Any]) -> list[Check]:
    """A verdict in the records database that was changed after it was given no longer is the pack's."""
    differing = [
        f"{name}: recorded {recorded.get(name)!r}, in the pack {packed.get(name)!r}"
        for name in packed
        if name not in NAMED_BY_RECORDS and packed.get(name) != recorded.get(name)
    ]
    detail = "; ".join(differing) or "as in the pack"
    return [Check(what="verdict as recorded", ok=not differing, detail=detail, used="records")]


def _finding(kind: str, finding: Finding, measured: Measured, devices: Sequence[str]) -> Check:
    said, used = finding.value, measured.facts_from
    if finding.metric.startswith(FACTS):
        again = recompute_from_facts(finding, measured.facts, [finding.link, *devices])
    else:
        held = measured.series.get((finding.link, finding.source))
        again, used = (recompute(finding, held.series), held.used) if held is not None else (math.nan, PACK)
    return Check(
        what=f"{kind}{finding.link} {finding.metric} {finding.statistic}",
        ok=math.isclose(said, again, rel_tol=1e-6, abs_tol=1e-6),
        detail=f"said {said:.6g} {finding.unit}, computed again {again:.6g} {finding.unit}",
        used=used,
    )


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
