"""The evidence of a carrier's trouble: the onsets of its sites against coincidence, worked out by hand."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from triage.carrier_pack import build_carrier_pack, verify_carrier_pack
from triage.cases import Case, CaseStatus, Origin
from triage.evidence import EvidencePack
from triage.group import ANYWHERE, Domain, Population, Trouble
from triage.model import Cause, Scope, Severity
from triage.policy_files import load_policy
from triage.scope import Usual

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
POLICY = load_policy()
EAST = Domain("Example Fiber", "east")
PARENT = Case(
    id="C-9", client="", site=EAST.site, status=CaseStatus.OPEN, origins=(Origin.MACHINE,), title="4 sites",
    cause=Cause.LOSS, scope=Scope.CARRIER, severity=Severity.MAJOR, link=None, onset=NOON, opened_at=NOON,
    updated_at=NOON, sites=4,
)  # fmt: skip


def pack_of_site(number: int) -> EvidencePack:
    onset = f"2026-03-03T11:{20 + number}:00Z"
    return EvidencePack.of({"verdict": {"onset": onset, "findings": []}})


PACKS = {pack.sha256: pack for pack in map(pack_of_site, range(4))}
CHILDREN = [
    replace(
        PARENT, id=f"C-{number + 1}", client=("acme", "globex")[number % 2], site=f"shop-{number}", parent="C-9",
        link=f"shop-{number}-wan", evidence_sha256=digest,
    )
    for number, digest in enumerate(PACKS)
]  # fmt: skip
TROUBLES = [
    Trouble(
        case=f"C-{number + 1}", site=f"shop-{number}", carrier=EAST.carrier, market=EAST.market,
        onset=NOON - timedelta(minutes=40 - number), cause=Cause.LOSS, severity=Severity.MAJOR,
    )
    for number in range(4)
]  # fmt: skip
"""Onsets at 11:20, 11:21, 11:22 and 11:23."""
POPULATION = {EAST: Population(sites=11, usual=Usual(onsets=0, hours=0.0))}


def carrier_pack(parent: Case = PARENT, populations: Any = POPULATION) -> EvidencePack:
    return build_carrier_pack(parent, CHILDREN, TROUBLES, populations, POLICY, NOON)


def faults(pack: EvidencePack, digest: str | None = None, packs: Any = PACKS) -> list[str]:
    return [check.what for check in verify_carrier_pack(pack, digest or pack.sha256, packs.__getitem__) if not check.ok]


def test_the_arithmetic_is_that_of_the_claim():
    """Ten other sites over the minutes around 11:20; nothing is known of the carrier, so one onset is reckoned with in
    the days in which the policy expects one: shape 1, so P(at least k) = p^k with p = hours / (known + hours)."""
    (asked,) = carrier_pack().document()["asked"]
    near = POLICY.carrier.onset_minutes
    assert near >= 3, "all four lie beside the first"
    assert (asked["others"], asked["sites"], asked["window_minutes"]) == (3, 11, 2 * near)
    hours = 10 * 2 * near / 60
    p = hours / (24 / POLICY.carrier.usual_per_day + hours)
    assert asked["site_hours"] == pytest.approx(hours)
    assert asked["probability"] == pytest.approx(p**3)
    assert asked["needed"] <= 3


def test_of_other_clients_there_are_counts_and_digests():
    content = carrier_pack().content.decode()
    assert '"clients":2' in content
    assert not [name for name in ("acme", "globex", "shop-0") if name in content]


def test_an_untouched_pack_verifies():
    assert faults(carrier_pack()) == []


def test_a_trouble_of_the_whole_carrier_is_also_asked_of_the_rest():
    whole = Domain(EAST.carrier, ANYWHERE)
    populations = {**POPULATION, whole: Population(sites=40, usual=Usual(onsets=2, hours=1000.0))}
    pack = carrier_pack(replace(PARENT, site=whole.site), populations)
    rest = pack.document()["asked"][1]
    assert (rest["others"], rest["sites"]) == (0, 29), "all that is struck is in one market; 40 - 11 are elsewhere"
    assert faults(pack) == []


def changed(pack: EvidencePack, old: str, new: str) -> EvidencePack:
    content = pack.content.decode()
    assert old in content
    return EvidencePack(content.replace(old, new, 1).encode(), pack.sha256)


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"others":3', '"others":4', {"evidence pack", "coincidence in east"}),
        ('"usual":{"hours":0.0', '"usual":{"hours":90.0', {"evidence pack", "coincidence in east"}),
        ("T11:21:00Z", "T11:51:00Z", {"evidence pack", "coincidence in east", "onset of C-2"}),
    ],
)
def test_a_changed_figure_is_named(old: str, new: str, named: set[str]):
    assert set(faults(changed(carrier_pack(), old, new))) == named


def test_a_child_s_pack_that_is_gone_is_named():
    from config.errors import NotFoundError

    def gone(_digest: str) -> EvidencePack:
        raise NotFoundError("no evidence pack; restore it from a backup")

    pack = carrier_pack()
    found = verify_carrier_pack(pack, pack.sha256, gone)
    assert [check.what for check in found if not check.ok] == [f"onset of C-{number}" for number in (1, 2, 3, 4)]


def test_another_digest_than_the_case_names_is_told():
    assert faults(carrier_pack(), "0" * 64) == ["evidence pack"]


def test_ten_thousand_sites_are_reckoned_with_in_a_blink():
    """Onsets of 10,000 sites within four minutes: each of them has all others beside it."""
    many = [replace(TROUBLES[0], case=f"C-{n}", onset=NOON - timedelta(seconds=n / 42)) for n in range(10_000)]
    cases = [replace(CHILDREN[0], id=f"C-{n}") for n in range(10_000)]
    began = time.process_time()
    pack = build_carrier_pack(PARENT, cases, many, {EAST: Population(sites=20_000)}, POLICY, NOON)
    assert time.process_time() - began < 2.0  # a quiet machine needs a quarter of a second; each with each takes ten
    assert pack.document()["asked"][0]["others"] == 9_999


def test_a_site_beside_no_other_has_none():
    lonely = [replace(one, onset=NOON - timedelta(hours=place)) for place, one in enumerate(TROUBLES)]
    (asked,) = build_carrier_pack(PARENT, CHILDREN, lonely, POPULATION, POLICY, NOON).document()["asked"]
    assert (asked["others"], asked["window_minutes"]) == (0, 2 * POLICY.carrier.onset_minutes), "the first of equals"


@pytest.mark.parametrize(("seconds", "others"), [(0, 2), (1, 1)])
def test_how_far_apart_is_beside(seconds: int, others: int):
    """One begins as long before the second as the policy calls near, one as long after it, or a second longer; the
    fourth an hour before."""
    near, second = timedelta(minutes=POLICY.carrier.onset_minutes), NOON - timedelta(hours=2)
    onsets = (second - near, second, second + near + timedelta(seconds=seconds), second - timedelta(hours=1) - near)
    troubles = [replace(one, onset=onset) for one, onset in zip(TROUBLES, onsets, strict=True)]
    (asked,) = build_carrier_pack(PARENT, CHILDREN, troubles, POPULATION, POLICY, NOON).document()["asked"]
    assert asked["others"] == others
