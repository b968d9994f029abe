"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ORDER = ["config", "inventory", "collector", "triage", "reports", "service"]


def imported(path: Path) -> Iterator[str]:
    """Top-level names of everything that a file imports, wherever the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").partition(".")[0]


@pytest.mark.parametrize("package", ORDER)
def test_imports_run_one_way_only(package: str):
    allowed = ORDER[: ORDER.index(package) + 1]
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in files
        for name in imported(path)
        if name in ORDER and name not in allowed
    ]
    assert wrong == []


def test_the_simulator_shares_no_code_with_what_it_tests():
    files = sorted((ROOT / "service" / "simulator").rglob("*.py"))
    assert files
    wrong = [str(path) for path in files if {"collector", "triage", "reports"} & set(imported(path))]
    assert wrong == []


@pytest.mark.parametrize("package", ["config", "inventory", "collector", "triage", "reports"])
def test_only_the_clock_asks_for_the_time(package: str):
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / package).rglob("*.py"))
        if path != ROOT / "config" / "clock.py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in ("now", "utcnow", "today", "time")
        and isinstance(node.value, ast.Name)
        and node.value.id in ("datetime", "date", "time")
    ]
    assert wrong == []
