"""The evidence that a carrier's trouble is one: the onsets of its sites, and the arithmetic against chance. Pure.

Other clients' sites stand in it as numbers of cases and digests of their packs; who they are is in those packs alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np

from config.clock import epoch_ms, rfc3339
from config.errors import LineproofError
from triage.cases import Case
from triage.detection.event import MINUTE
from triage.evidence import Check, EvidencePack
from triage.group import ANYWHERE, Domain, Population, Trouble
from triage.policy import CarrierPolicy, Policy
from triage.scope import HOUR, Usual, coincidence, fewest_shared
from triage.software import software

KIND = "carrier"
FORMAT = 1


def is_carriers(pack: EvidencePack) -> bool:
    """Whether it is a carrier's trouble that the pack is of."""
    try:
        return pack.document().get("kind") == KIND
    except ValueError:
        return False


def build_carrier_pack(
    parent: Case,
    children: Sequence[Case],
    troubles: Sequence[Trouble],
    populations: Mapping[Domain, Population],
    policy: Policy,
    now: datetime,
) -> EvidencePack:
    """`children` are the sites' own cases, `troubles` what they stand for, one a child. A parent that is over has all
    that it ever stood for."""
    carrier, _, market = parent.site.removeprefix("carrier:").rpartition("@")
    cases = {child.id: child for child in children}
    ordered = sorted(troubles, key=lambda one: (one.onset, one.case))
    domain = Domain(carrier, market)
    asked = [_question(domain, ordered, populations.get(domain), now, policy.carrier)]
    if market == ANYWHERE:
        asked += _without_the_most_struck(domain, ordered, populations, now, policy.carrier)
    return EvidencePack.of(
        {
            "format": FORMAT,
            "kind": KIND,
            "made_at": rfc3339(now),
            "software": software(),
            "case": parent.id,
            "status": parent.status.value,
            "reopened": parent.reopened,
            "title": parent.title,
            "carrier": carrier,
            "market": market,
            "policy": policy.hash,
            "rules": policy.carrier.model_dump(mode="json"),
            "clients": len({child.client for child in children}),
            "children": [
                {
                    "case": one.case,
                    "market": one.market,
                    "onset": rfc3339(one.onset),
                    "cause": one.cause.value,
                    "severity": one.severity.value if one.severity else None,
                    "status": cases[one.case].status.value,
                    "evidence_sha256": cases[one.case].evidence_sha256,
                }
                for one in ordered
            ],
            "asked": asked,
        }
    )


def _question(
    domain: Domain, troubles: Sequence[Trouble], population: Population | None, now: datetime, policy: CarrierPolicy
) -> dict[str, Any]:
    population = population or Population(sites=len(troubles))
    onsets = [epoch_ms(trouble.onset) for trouble in troubles]
    sites = max(population.sites, len(troubles))
    usual = asdict(population.usual)
    where = domain.market if domain.market != ANYWHERE else "every market"
    return {"of": where, "sites": sites, "usual": usual, **_arithmetic(onsets, sites, population.usual, now, policy)}


def _without_the_most_struck(
    domain: Domain,
    troubles: Sequence[Trouble],
    populations: Mapping[Domain, Population],
    now: datetime,
    policy: CarrierPolicy,
) -> list[dict[str, Any]]:
    """What stays shared without the market that is struck most is the whole carrier's (`triage.group`)."""
    if not troubles:
        return []
    ((most, _),) = Counter(trouble.market for trouble in troubles).most_common(1)
    whole, one = populations.get(domain), populations.get(Domain(domain.carrier, most))
    if whole is None:
        return []
    rest = Population(sites=whole.sites - (one.sites if one else 0), usual=whole.usual)
    left = [trouble for trouble in troubles if trouble.market != most]
    return [{**_question(domain, left, rest, now, policy), "of": "every market but the one struck most"}]


def _arithmetic(
    onsets: Sequence[int], sites: int, usual: Usual, now: datetime, policy: CarrierPolicy
) -> dict[str, Any]:
    """Around the onset that has most others beside it: how many, how many would do, and how likely so many are."""
    near = int(policy.onset_minutes * MINUTE)
    onset = np.sort(np.array(onsets, dtype=np.int64))
    beside = np.searchsorted(onset, onset + near, "right") - np.searchsorted(onset, onset - near, "left") - 1
    most = int(beside.argmax()) if len(onset) else None  # the first of several
    core, others = (int(onset[most]), int(beside[most])) if most is not None else (epoch_ms(now), 0)
    minutes = (min(epoch_ms(now), core + near) - (core - near)) // MINUTE
    hours = (sites - 1) * minutes * MINUTE / HOUR
    return {
        "others": others,
        "window_minutes": minutes,
        "site_hours": hours,
        "needed": fewest_shared(sites - 1, hours, usual, policy, questions=2),
        "probability": coincidence(others, hours, usual, policy),
    }


def verify_carrier_pack(
    pack: EvidencePack, digest: str | None, child_pack: Callable[[str], EvidencePack]
) -> list[Check]:
    """The pack's digest, each child's onset against its own pack, and the arithmetic anew."""
    checks = [Check(what="evidence pack", ok=pack.intact and digest == pack.sha256, detail=f"sha256 {pack.sha256}")]
    document = pack.document()
    policy = CarrierPolicy.model_validate(document["rules"])
    now = datetime.fromisoformat(document["made_at"])
    checks += [_child(child, child_pack) for child in document["children"]]
    most = Counter(child["market"] for child in document["children"]).most_common(1)
    for place, asked in enumerate(document["asked"]):
        onsets = [
            epoch_ms(datetime.fromisoformat(child["onset"]))
            for child in document["children"]
            if place == 0 or child["market"] != most[0][0]
        ]
        again = _arithmetic(onsets, asked["sites"], Usual(**asked["usual"]), now, policy)
        differing = [
            f"{name}: said {asked[name]:.6g}, computed again {value:.6g}"
            for name, value in again.items()
            if not math.isclose(asked[name], value, rel_tol=1e-9)
        ]
        told = f"{asked['others']} others of {asked['sites'] - 1} sites, by chance {asked['probability']:.3g}"
        what = f"coincidence in {asked['of']}"
        checks.append(Check(what=what, ok=not differing, detail="; ".join(differing) or told))
    return checks


def _child(child: Mapping[str, Any], child_pack: Callable[[str], EvidencePack]) -> Check:
    what = f"onset of {child['case']}"
    if child["evidence_sha256"] is None:
        return Check(what=what, ok=True, detail="its case had no pack of its own yet")
    try:
        verdict = child_pack(child["evidence_sha256"]).document()["verdict"]
    except LineproofError as error:
        return Check(what=what, ok=False, detail=str(error))
    seen = [verdict["onset"], *(finding["onset"] for finding in verdict["findings"])]
    known = [datetime.fromisoformat(moment) for moment in seen if moment is not None]
    said = datetime.fromisoformat(child["onset"])
    # A case keeps the first onset that a verdict told; a later look may begin after it, not before.
    ok = bool(known) and said <= max(known)
    own = rfc3339(min(known)) if known else "none"
    return Check(what=what, ok=ok, detail=f"said {child['onset']}, its own pack {child['evidence_sha256'][:16]} {own}")
