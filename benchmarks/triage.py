"""How often verdicts are right: scenario sets with known truth through `lineproof replay`, against what was asked for.

    benchmarks/triage.py [--quick] [--json] [--sets DIR...]

DIR is a folder with `scenarios.jsonl`, `series.parquet` and `truth.jsonl`; a name with "hard" in it is held against the
figures for hard sets. Without --sets those in a folder `triage-bench` beside the project are taken, where there is one.
Two pairs of sets are made here besides: on the kinds of lines that detection was worked on with, and on kinds held
back. --quick makes small ones. The peer's figures are a prototype's, on sets like the outside ones.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _triage_sets.making import make_set
from _triage_sets.scoring import Pair, accuracy_by, pairs_of, read, scores

ROOT = Path(__file__).resolve().parents[1]
SEED = 20_260_304


@dataclass(frozen=True, slots=True)
class Asked:
    """What a figure must reach on normal and on hard sets, and what a prototype reached elsewhere."""

    figure: str
    unit: str
    limit: tuple[float, float] | None = None
    peer: tuple[float, float] | None = None
    least: bool = False


ASKED = (
    Asked("verdict_accuracy", "share", (0.985, 0.96), (0.953, 0.927), least=True),
    Asked("false_confirm", "share", (0.01, 0.02), (0.041, 0.059)),
    Asked("missed", "share", (0.015, 0.04), (0.029, 0.061)),
    Asked("cause_macro_f1", "share", (0.97, 0.94), (0.937, 0.916), least=True),
    Asked("onset_median_min", "min", (1.5, 1.5), (1.4, 1.4)),
    Asked("onset_p90_min", "min", (6.0, 6.0), (12.3, 12.3)),
    Asked("bad_secondary_called_fit", "share", (0.01, 0.01), (0.055, 0.055)),
    Asked("severity_accuracy", "share", least=True),
    Asked("secondary_accuracy", "share", least=True),
)


def outside() -> list[Path]:
    """The sets of a folder `triage-bench` beside the project."""
    return sorted(path.parent for path in ROOT.parent.glob("*/triage-bench/*/truth.jsonl"))


def made(folder: Path, *, quick: bool) -> Iterator[Path]:
    """Our own sets, written to the folder."""
    for group in ("worked", "held"):
        for hard in (False, True):
            path = folder / f"made here, {group} lines{', hard' if hard else ''}"
            make_set(path, group=group, hard=hard, count=40 if quick else 300, seed=SEED)
            yield path


def answered(folder: Path) -> list[Pair]:
    """Truth and verdict of each scenario, by the command that users have."""
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "verdicts.jsonl"
        command = [sys.executable, "-m", "service.cli", "replay", str(folder), "--out", str(out)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"lineproof replay {folder} ended with {done.returncode}: {done.stderr.strip()}")
        return pairs_of(read(folder / "truth.jsonl"), read(out))


def rows_of(name: str, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    figures, hard = scores(pairs), "hard" in name
    rows = []
    for asked in ASKED:
        if asked.figure not in figures:
            continue
        value = figures[asked.figure]
        limit = asked.limit[hard] if asked.limit else None
        peer = asked.peer[hard] if asked.peer else None
        better = (value, peer or 0.0) if asked.least else (peer or 0.0, value)
        rows.append(
            {
                "name": f"{name}: {asked.figure}", "value": value, "unit": asked.unit,
                "peer": "prototype elsewhere" if peer is not None else None, "peer_value": peer,
                "ratio": better[0] / better[1] if peer is not None and better[1] else None,
                "limit": limit,
                "met": None if limit is None else value >= limit if asked.least else value <= limit,
            }
        )  # fmt: skip
    return rows


def told(name: str, pairs: Sequence[Pair], rows: Sequence[dict[str, Any]]) -> None:
    print(f"\n{name} ({len(pairs)} scenarios)")
    for row in rows:
        asked = "" if row["limit"] is None else f"asked {row['limit']:<6g} {'met' if row['met'] else 'NOT MET'}"
        peer = "" if row["peer_value"] is None else f"prototype {row['peer_value']:<6g}"
        print(
            f"  {row['name'].rpartition(': ')[2]:26s} {row['value']:8.3f} {row['unit']:5s} {asked:20s} {peer}".rstrip()
        )
    for what in ("kind", "background"):
        wrong = {
            group: (share, count)
            for group, (share, count) in accuracy_by(pairs, lambda truth, what=what: str(truth[what])).items()
            if share < 1
        }  # fmt: skip
        text = ", ".join(f"{group} {share:.2f} of {count}" for group, (share, count) in wrong.items())
        print(f"  not all right, by {what}: {text or 'none'}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--json", action="store_true")
    arguments.add_argument("--sets", nargs="+", type=Path, metavar="DIR")
    chosen = arguments.parse_args()
    table: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        given = chosen.sets or outside()
        if not given:
            print("no folder triage-bench beside the project: only sets made here are scored", file=sys.stderr)
        for path in (*given, *made(Path(folder), quick=chosen.quick)):
            pairs = answered(path)
            rows = rows_of(path.name, pairs)
            table += rows
            if not chosen.json:
                told(path.name, pairs, rows)
    if chosen.json:
        print(json.dumps({"rows": table}))


if __name__ == "__main__":
    main()
