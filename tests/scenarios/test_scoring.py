"""The accuracy table's own scorer and set maker: figures by hand, and sets that are what their truth says."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import polars as pl
import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from _triage_sets.making import make_set
from _triage_sets.scoring import accuracy_by, pairs_of, read, scores

from triage.replay.sets import read_scenarios

ONSET = "2026-03-03T09:30:00Z"


def truth(verdict, cause, **fields):
    blank = {"onset": None, "severity": None, "secondary_fit": None, "kind": cause}
    return {"verdict": verdict, "cause": cause} | blank | fields


def said(verdict, cause, scope="link", **fields):
    return {"verdict": verdict, "cause": cause, "scope": scope, "onset": None, "severity": None} | fields


HAND = [
    # found, four minutes late, severity right, a bad second line called fit
    (truth("confirmed", "loss", onset=ONSET, severity="major", secondary_fit=False),
     said("confirmed", "loss", onset="2026-03-03T09:34:00+00:00", severity="major", secondary_fit=True)),
    # found as the other class, exact onset, severity wrong, second line right
    (truth("recovered", "link_down", onset=ONSET, severity="critical", secondary_fit=True),
     said("confirmed", "site_down", onset=ONSET, severity="minor", secondary_fit=True)),
    # found, without an onset
    (truth("confirmed", "carrier_wide", onset=ONSET), said("confirmed", "latency", "carrier")),
    # missed
    (truth("confirmed", "jitter", onset=ONSET), said("not_substantiated", "none")),
    # rightly nothing, falsely something, and not known
    (truth("not_substantiated", "none", secondary_fit=False), said("not_substantiated", "none", secondary_fit=None)),
    (truth("not_substantiated", "none"), said("recovered", "jitter", onset=ONSET)),
    (truth("inconclusive", "no_data"), said("inconclusive", "no_data")),
    (truth("inconclusive", None), said("not_substantiated", "none")),
]  # fmt: skip


def test_the_figures_are_those_worked_out_by_hand():
    found = scores(HAND)
    assert found["n"] == 8
    assert found["verdict_accuracy"] == 4 / 8
    assert found["false_confirm"] == 1 / 4
    assert found["missed"] == 1 / 4
    # Off by 4, by 0, and a day for the missing one: sorted 0, 4, 1440; rank int(.9 * 3) = 2.
    assert (found["onset_median_min"], found["onset_p90_min"]) == (4.0, 1440.0)
    assert found["severity_accuracy"] == 1 / 2
    assert found["secondary_accuracy"] == 1 / 3
    assert found["bad_secondary_called_fit"] == 1 / 2
    # loss 1, link_down 1, carrier_wide 1, no_data 1; jitter said once and never rightly: 0; none: 1 of (2 + 2) / 2.
    assert found["cause_macro_f1"] == pytest.approx((1 + 1 + 1 + 1 + 0 + 0.5) / 6)
    # confirmed 2 * 2 / (3 + 3), recovered 0, not_substantiated 2 * 1 / (2 + 3), inconclusive 2 * 1 / (2 + 1).
    assert found["verdict_macro_f1"] == pytest.approx((4 / 6 + 0 + 2 / 5 + 2 / 3) / 4)


def test_shares_are_told_by_what_the_truth_says():
    assert accuracy_by(HAND, lambda row: row["verdict"])["confirmed"] == (2 / 3, 3)


def test_an_answer_that_is_missing_or_there_twice_is_an_error(tmp_path):
    path = tmp_path / "verdicts.jsonl"
    path.write_text('{"id": "a"}\n{"id": "a"}\n')
    with pytest.raises(ValueError, match="a is answered twice"):
        read(path)
    with pytest.raises(ValueError, match="1 of 2 scenarios are not answered, the first: b"):
        pairs_of({"a": {}, "b": {}}, {"a": {}})


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        make_set(folder / name, group="held", hard=True, count=12, seed=seed)
    return folder


@pytest.mark.slow
def test_the_same_seed_makes_the_same_set_and_another_one_another(sets):
    one, again, other = ((sets / name / "truth.jsonl").read_text() for name in ("one", "again", "other"))
    assert one == again != other
    frames = [pl.read_parquet(sets / name / "series.parquet") for name in ("one", "again")]
    assert frames[0].equals(frames[1])


@pytest.mark.slow
def test_a_made_set_can_be_replayed_and_its_truth_fits_its_claims(sets):
    told = read(sets / "one" / "truth.jsonl")
    scenarios = [each.scenario for each in read_scenarios(sets / "one")]
    assert [scenario.id for scenario in scenarios] == list(told)
    for scenario in scenarios:
        row = told[scenario.id]
        assert scenario.claim.since < scenario.now
        assert (row["onset"] is not None) == (row["verdict"] in ("confirmed", "recovered"))
        assert (row["end"] is not None) == (row["verdict"] == "recovered")
    samples = pl.read_parquet(sets / "one" / "series.parquet")
    assert json.loads((sets / "one" / "scenarios.jsonl").read_text().splitlines()[0])["sample_seconds"] in (60, 300)
    assert samples["loss_pct"].max() <= 100
