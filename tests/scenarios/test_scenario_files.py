"""Each scenario file under `files/` is one test: what it expects is what comes out, and nothing that it forbids."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from triage.policy_files import load_policy
from triage.replay.files import read_scenario, replay_file
from triage.replay.lines import BY_KIND

FILES = Path(__file__).parent / "files"
EVERY = sorted(FILES.rglob("*.yaml"))


def named(path: Path) -> str:
    return str(path.relative_to(FILES).with_suffix(""))


@pytest.fixture(scope="module")
def policy():
    return load_policy()


@pytest.mark.parametrize("path", EVERY, ids=named)
async def test_what_the_file_expects_comes_out(path: Path, policy):
    """And each line is one that the printed schema knows."""
    async for line in replay_file(path, policy):
        BY_KIND[line["line"]].model_validate_json(json.dumps(line))


@pytest.mark.parametrize("path", EVERY, ids=named)
def test_each_file_expects_something_and_says_why(path: Path, policy):
    assert read_scenario(path, policy).expected.expect, "a scenario file without `expect` states nothing"
    assert path.read_text().startswith("#"), "the first lines say which rule it is about, with the arithmetic"


def test_ids_are_files_names_and_none_comes_twice(policy):
    wrong = [path.name for path in EVERY if read_scenario(path, policy).scenario.id != path.stem]
    assert wrong == []
    assert len({path.stem for path in EVERY}) == len(EVERY)
