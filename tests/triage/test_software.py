"""Which software judged: evidence names the rules that a process judges by, whatever lies on the disk by now."""

from __future__ import annotations

import shutil
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from triage import software


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder of software with one rule."""
    (tmp_path / "triage").mkdir()
    shutil.copy(software.__file__, tmp_path / "triage" / "software.py")
    (tmp_path / "triage" / "judge.py").write_text("LIMIT = 1\n")
    return tmp_path


def started(installed: Path) -> ModuleType:
    """The software as a process has it that starts now."""
    spec = spec_from_file_location("software_of_a_process", installed / "triage" / "software.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_upgrade_beneath_a_running_process_does_not_change_what_it_says_it_judged_by(installed: Path) -> None:
    before, running = started(installed).software(), started(installed)
    (installed / "triage" / "judge.py").write_text("LIMIT = 2\n")
    assert running.software() == before
    assert started(installed).software()["rules"] != before["rules"]
    assert started(installed).software()["lineproof"] == before["lineproof"]


def test_each_rule_and_its_name_counts(installed: Path) -> None:
    one = started(installed).software()["rules"]
    (installed / "triage" / "judge.py").rename(installed / "triage" / "judges.py")
    renamed = started(installed).software()["rules"]
    (installed / "inventory").mkdir()
    (installed / "inventory" / "model.py").write_text("")
    assert len({one, renamed, started(installed).software()["rules"]}) == 3
