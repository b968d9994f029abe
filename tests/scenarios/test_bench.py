"""Scenario sets with known truth, where they lie beside the project: floors below which a change must not go.

The sets come with their own scorer; the engine never sees the truth.
"""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from _triage_sets.scoring import pairs_of, read
from _triage_sets.scoring import scores as own_scores

from collector.model import Source
from triage.model import Cause, Direction, Finding
from triage.recompute import recompute
from triage.replay.sets import read_scenarios, read_series, replay_set

BENCH = Path(__file__).resolve().parents[3] / "shared" / "triage-bench"

FLOORS = {
    "dev": {"verdict_accuracy": 0.985, "cause_macro_f1": 0.97, "severity_accuracy": 0.97, "secondary_accuracy": 0.97},
    "dev-hard": {
        "verdict_accuracy": 0.96,
        "cause_macro_f1": 0.94,
        "severity_accuracy": 0.95,
        "secondary_accuracy": 0.97,
    },
}
CEILINGS = {
    "dev": {"false_confirm": 0.01, "missed": 0.015, "onset_median_min": 1.5, "onset_p90_min": 6.0,
            "bad_secondary_called_fit": 0.011},
    "dev-hard": {"false_confirm": 0.02, "missed": 0.04, "onset_median_min": 1.5, "onset_p90_min": 6.0,
                 "bad_secondary_called_fit": 0.011},
}  # fmt: skip


@pytest.fixture(params=sorted(FLOORS))
def folder(request) -> Path:
    path = BENCH / request.param
    if not path.is_dir():
        pytest.skip(f"the scenario set ../shared/triage-bench/{request.param} is not there: scores are not checked")
    return path


@pytest.mark.slow
def test_scores_stay_above_their_floors_and_every_figure_recomputes(folder, tmp_path):
    answers = list(replay_set(folder))
    verdicts = tmp_path / "verdicts.jsonl"
    verdicts.write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    command = [sys.executable, str(BENCH / "score.py"), str(verdicts), str(folder / "truth.jsonl"), "--json"]
    scores = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    pairs = pairs_of(read(folder / "truth.jsonl"), read(verdicts))
    assert own_scores(pairs) == pytest.approx(scores)  # our scorer gives the same figures
    assert {name: scores[name] for name, floor in FLOORS[folder.name].items() if scores[name] < floor} == {}
    assert {name: scores[name] for name, most in CEILINGS[folder.name].items() if scores[name] > most} == {}
    seconds = {one.scenario.id: one.scenario.sample_seconds for one in read_scenarios(folder)}
    samples = read_series(folder / "series.parquet", seconds)
    for answer in answers:
        for document in answer["findings"]:
            finding = _finding(document)
            again = recompute(finding, samples[answer["id"]][finding.link])
            assert again == pytest.approx(finding.value, rel=1e-5, abs=1e-5), (answer["id"], document)


def _finding(document):
    times = {name: document[name] and datetime.fromisoformat(document[name]) for name in ("onset", "end")}
    kinds = {
        "source": Source(document["source"]),
        "cause": Cause(document["cause"]),
        "direction": Direction(document["direction"]),
    }
    return Finding(**{**document, **times, **kinds})
