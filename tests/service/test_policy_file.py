"""A changed policy file counts without a restart; a faulty one does not count at all."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from config.clock import ManualClock
from config.errors import ConfigurationError
from service.installation import INVENTORY_AGE, Installation
from triage.policy_files import load_policy

pytestmark = pytest.mark.rim
DOCUMENT = Path(__file__).parents[2] / "docs" / "policies.md"


@pytest.fixture
def own(installation: Installation, tmp_path: Path) -> tuple[Installation, Path, ManualClock]:
    file = tmp_path / "policy.yaml"
    file.write_text("loss: {minimum_pct: 3}\n")
    clock = ManualClock(installation.clock.now())
    settings = installation.settings.model_copy(update={"policy": file})
    return replace(installation, settings=settings, real_clock=clock), file, clock


async def least_loss(installation: Installation, clock: ManualClock) -> float:
    """The policy in force once the one in memory is too old."""
    clock.move_to(clock.now() + INVENTORY_AGE + timedelta(seconds=1))
    return (await installation.judging()).policy.loss.minimum_pct


async def test_a_changed_file_counts_within_seconds(own):
    installation, file, clock = own
    assert await least_loss(installation, clock) == 3
    file.write_text("loss: {minimum_pct: 4}\n")
    assert (await installation.judging()).policy.loss.minimum_pct == 3
    assert await least_loss(installation, clock) == 4


async def test_while_a_file_is_faulty_the_last_good_policy_holds_and_then_the_mended_one(own):
    installation, file, clock = own
    assert await least_loss(installation, clock) == 3
    file.write_text("loss: {minimun_pct: 4}\n")
    assert await least_loss(installation, clock) == 3
    file.unlink()
    assert await least_loss(installation, clock) == 3
    file.write_text("loss: {minimum_pct: 5}\n")
    assert await least_loss(installation, clock) == 5


async def test_nothing_starts_by_a_faulty_policy(own):
    installation, file, _ = own
    file.write_text("loss: {minimum_pct: [4]}\n")
    with pytest.raises(ConfigurationError) as raised:
        await installation.judging()
    assert [(fault.line, fault.field) for fault in raised.value.faults] == [(1, "loss.minimum_pct")]


def test_the_documents_example_is_a_policy(tmp_path):
    (example,) = re.findall(r"```yaml\n(# policy.yaml\n.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "policy.yaml"
    file.write_text(example)
    policy = load_policy(file)
    assert policy.latency.minimum == 25
    assert [override.name for override in policy.overrides[-2:]] == ["harbor-voice", "store-114-uplink"]
