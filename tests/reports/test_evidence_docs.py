"""What docs/evidence.md tells a third party to run does what it says, with nothing of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from reports.evidence import evidence_files

pytestmark = pytest.mark.rim

DOCS = Path(__file__).parents[2] / "docs" / "evidence.md"


def script() -> str:
    """The one block of code of the page that is Python."""
    text = DOCS.read_text()
    lines = text[text.index("    # pip install pypdf") :].splitlines()
    end = next(place for place, line in enumerate(lines) if line and not line.startswith("    "))
    return dedent("\n".join(lines[:end]))


def test_the_script_of_the_docs_computes_a_finding_from_the_pdf_alone(make_pack: Any, tmp_path: Path) -> None:
    pack = make_pack()
    (tmp_path / "report.pdf").write_bytes(evidence_files(pack, "C-7")[1].content)
    (tmp_path / "check.py").write_text(script())
    assert len(script().splitlines()) <= 24
    said = subprocess.run(
        [sys.executable, "-I", "check.py", "report.pdf"], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert f"sha256 {pack.sha256}" in said
    assert "store-114-wan1 loss_pct said 12.5 computed 12.5" in said
