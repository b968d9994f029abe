"""Whatever a host's answers have become on their way, nothing but an OrchestratorError leaves an adapter."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from random import Random
from typing import Any

import numpy as np
import pytest
from hosts import Case

from collector.model import FactKind
from collector.orchestrator.port import OrchestratorError

pytestmark = pytest.mark.rim

JUNK: list[Any] = [
    *(None, True, 0, -1, 1e300, 10**400, "", "0000-00-00 00:00:00", "NaN", "\ud800", "9999-99-99", [], {}, [[]]),
    *([None, 17], {"data": 1}, "x" * 2000, float("nan")),
]
WORDS = {
    FactKind.EDGE_STATE: {"connected", "degraded", "offline", "never_activated", "disabled", "unknown"},
    FactKind.LINK_STATE: {"stable", "unstable", "disconnected", "standby", "quiet", "initial", "unknown"},
    FactKind.HA_STATE: {"unconfigured", "pending", "ready", "failed", "unknown"},
}


def damage(seed: int, share: float) -> Callable[[str, Any], Any]:
    """Keys go missing, values become something else, others are added: so many of all, the same for the same path."""

    def spoil(random: Random, value: Any) -> Any:
        if random.random() < share:
            return random.choice(JUNK)
        if isinstance(value, dict):
            kept = {name: spoil(random, each) for name, each in value.items() if random.random() >= share}
            return kept | ({"new": random.choice(JUNK)} if random.random() < share else {})
        return [spoil(random, each) for each in value] if isinstance(value, list) else value

    def edit(path: str, value: Any) -> Any:
        random = Random(f"{seed}{path}")
        return [spoil(random, each) for each in value] if isinstance(value, list) else spoil(random, value)

    return edit


@pytest.mark.parametrize("share", [0.02, 0.2])
@pytest.mark.parametrize("seed", range(6))
async def test_damaged_answers_are_states_that_we_know_and_figures_or_nothing(case: Case, seed: int, share: float):
    subjects = case.inventory.devices.keys() | case.inventory.links.keys()
    adapter = case.open()
    case.between.edit = damage(seed, share)
    with contextlib.suppress(OrchestratorError):
        report = await adapter.states()
        told = [fact for fact in report.facts if fact.kind in WORDS]
        assert all(fact.value in WORDS[fact.kind] for fact in told)
        assert {fact.subject for fact in told} | set(report.absent) <= subjects
        json.dumps([fact.detail for fact in report.facts], ensure_ascii=False).encode()
    start, end = case.window
    for ask in (adapter.statistics(start, end), adapter.history(case.edge.id, start, end)):
        with contextlib.suppress(OrchestratorError):
            batch = await ask
            assert set(batch.links) <= subjects
            for name, column in batch.fields.items():
                assert not np.isinf(column).any()
                assert not (column < 0).any()
                assert not (name.endswith("_pct") and (column > 100).any())
    with contextlib.suppress(OrchestratorError):
        events = await adapter.events(start, end)
        assert {fact.subject for fact in events} <= subjects
    with contextlib.suppress(OrchestratorError):
        await adapter.own_parts()
    with contextlib.suppress(OrchestratorError):
        await adapter.look(case.edge.id)
    with contextlib.suppress(OrchestratorError):
        await adapter.listing()
    await adapter.close()


@pytest.mark.parametrize("seed", range(6))
async def test_a_few_damaged_fields_cost_no_more_than_what_they_said(case: Case, seed: int):
    """Of edges that are alone: of a pair the other unit may say something else."""
    alone = {one.id for one in case.inventory.devices.values() if len(one.serials) < 2}
    alone |= {link.id for link in case.inventory.links.values() if link.device in alone}
    adapter = case.open()
    whole = await adapter.states()
    case.between.edit = damage(seed, 0.005)
    damaged = await adapter.states()
    before = {(fact.subject, fact.kind): fact.value for fact in whole.facts if fact.subject in alone}
    after = {(fact.subject, fact.kind): fact.value for fact in damaged.facts}
    different = {key for key in before if after.get(key) != before[key]}
    assert len(different) <= len(before) / 2
    assert {after.get(key) for key in different} <= {None, "unknown"}
    await adapter.close()
