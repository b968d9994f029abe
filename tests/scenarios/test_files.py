"""Scenario files played through the real engine, outbox and performer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigurationError
from triage.policy_files import load_policy
from triage.replay.files import replay_file

FILES = Path(__file__).parent / "files"


async def played(path: Path) -> list[dict[str, Any]]:
    return [dict(line) async for line in replay_file(path, load_policy())]


@pytest.mark.slow
async def test_a_claim_meets_a_suspected_trouble_and_a_ticket_system_that_is_away():
    lines = await played(FILES / "loss-claimed-then-gone.yaml")
    verdict = next(line for line in lines if line["line"] == "verdict")
    assert (verdict["verdict"], verdict["cause"], verdict["onset"]) == ("confirmed", "loss", "2026-03-03T11:30:00Z")
    creates = [line["reason"] for line in lines if line["line"] == "call" and line["call"] == "create"]
    assert creates == ["http_500", "ok"]
    statuses = [line["status"] for line in lines if line["line"] == "proposal"]
    assert statuses == ["proposed", "approved", "applying", "applied"]
    assert lines[-1]["line"] == "summary"
    assert (lines[-1]["open_cases"], lines[-1]["tickets"]) == (["C-1"], ["T-1"])


@pytest.mark.slow
async def test_an_edge_offline_at_its_orchestrator_while_data_flow_is_no_outage_and_no_ticket():
    lines = await played(FILES / "management-lost-data-alive.yaml")
    (trouble,) = [line for line in lines if line["line"] == "trouble"]
    assert (trouble["cause"], trouble["severity"], trouble["onset"]) == (
        "management_lost", "minor", "2026-03-03T11:30:30Z",
    )  # fmt: skip
    assert {line["cause"] for line in lines if "cause" in line} == {"management_lost"}
    assert [line["reason"] for line in lines if line["line"] == "withheld"] == ["no_ticket_for_cause"]
    assert [line["status"] for line in lines if line["line"] == "case"] == ["suspected", "open", "monitoring"]
    assert (lines[-1]["tickets"], lines[-1]["calls"]) == ([], {})


@pytest.mark.slow
async def test_a_replay_gives_the_same_lines_every_time():
    path = FILES / "loss-claimed-then-gone.yaml"
    assert await played(path) == await played(path)


async def test_an_unknown_key_is_refused_with_its_line(tmp_path: Path):
    path = tmp_path / "wrong.yaml"
    path.write_text("scenario: 1\nid: x\nstart: '2026-03-03T11:00:00Z'\nuntil: '+01:00:00'\ninventory: {}\nextra: 1\n")
    with pytest.raises(ConfigurationError) as caught:
        await played(path)
    assert [(fault.line, fault.field) for fault in caught.value.faults] == [(6, "extra")]


async def test_a_time_that_is_none_is_named(tmp_path: Path):
    path = tmp_path / "wrong.yaml"
    path.write_text("scenario: 1\nid: x\nstart: '2026-03-03T11:00:00Z'\nuntil: tomorrow\ninventory: {}\n")
    with pytest.raises(ConfigurationError) as caught:
        await played(path)
    assert [(fault.line, fault.field, fault.value) for fault in caught.value.faults] == [(4, "until", "tomorrow")]
