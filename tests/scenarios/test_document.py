"""Every example of `docs/scenarios.md` is played: laid over the document's frame, it gives what it expects."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from triage.policy_files import load_policy
from triage.replay.bodies import KINDS
from triage.replay.files import read_scenario, replay_file

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "scenarios.md"
PARTS = re.findall(r"^## (.+?)$|^```yaml\n(.*?)^```$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, str]]:
    """The heading above each example, and the example laid over the frame, which is the first of them."""
    found, heading = [], ""
    for title, block in PARTS:
        heading = title or heading
        if block:
            found.append((heading, block))
    (_, frame), *others = found
    return [(heading, frame + block) for heading, block in others]


@pytest.mark.parametrize(("heading", "text"), examples(), ids=[heading for heading, _ in examples()])
async def test_an_example_gives_what_it_expects(heading: str, text: str, tmp_path: Path):
    path = tmp_path / "example.yaml"
    path.write_text(text, encoding="utf-8")
    assert read_scenario(path, load_policy()).expected.expect, f"the example under {heading!r} states nothing"
    async for _ in replay_file(path, load_policy()):
        pass


def test_there_is_an_example_of_every_kind_of_entry(tmp_path: Path):
    shown = set()
    for _, text in examples():
        path = tmp_path / "example.yaml"
        path.write_text(text, encoding="utf-8")
        shown |= {entry.kind for entry in read_scenario(path, load_policy()).scenario.timeline}
    assert set(KINDS) - shown == {"actuator"}, "which is written as `ticket_system` is"
