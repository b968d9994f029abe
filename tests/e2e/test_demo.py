"""The demonstration, seed by seed: what was injected is found, and nothing else is."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PATIENCE = 400
"""Seconds; a story takes less than a minute on an idle machine and goes slower on a busy one."""


@pytest.mark.slow
@pytest.mark.timeout(PATIENCE + 20)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_everything_injected_is_found_and_nothing_else(seed: int, tmp_path: Path) -> None:
    arguments = ["demo", "--once", "--seed", str(seed), "--out", str(tmp_path / "out"), "--port", "0"]
    done = subprocess.run(
        [sys.executable, "-m", "service.cli", *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    written = tmp_path / "out"
    result = json.loads((written / "result.json").read_text())
    assert result["agree"]
    assert result["exchanged"]["snmp_responses"] > 1000
    assert result["exchanged"]["orchestrator_requests"] > 50
    assert result["exchanged"]["probes_echoed"] > 1000
    tickets = list((written / "tickets").iterdir())
    assert len(tickets) >= 8
    for ticket in tickets:
        kinds = {file.suffix for file in ticket.iterdir()}
        assert {".html", ".pdf", ".json"} <= kinds, ticket
    assert len(list((written / "reports").glob("*.pdf"))) == 3
    assert len(list((written / "verdicts").glob("*.json"))) == 9
