"""What every orchestrator's states mean, whatever the vendor."""

from __future__ import annotations

import pytest
from between import emptied, replaced, without
from hosts import Case

from collector.model import FactKind, Source
from collector.orchestrator.port import Orchestrator, OrchestratorError, StateReport
from config.errors import Blame

pytestmark = pytest.mark.rim

STATES = (FactKind.EDGE_STATE, FactKind.LINK_STATE)


def told(report: StateReport) -> dict[str, str]:
    return {fact.subject: fact.value for fact in report.facts if fact.kind in STATES}


async def test_every_edge_and_link_of_ours_is_told(case: Case, orchestrator: Orchestrator):
    report = await orchestrator.states()
    assert set(told(report)) == case.inventory.devices.keys() | case.inventory.links.keys()
    assert not report.absent
    assert not report.unmapped
    assert {fact.source for fact in report.facts} == {Source.ORCHESTRATOR}
    assert all(fact.time <= case.clock.now() == fact.received_at for fact in report.facts)


async def test_a_healthy_fleet_is_healthy(orchestrator: Orchestrator):
    assert set(told(await orchestrator.states()).values()) <= {"connected", "stable", "standby", "disconnected"}


async def test_an_edge_that_the_host_leaves_out_is_absent_with_its_links_and_the_others_are_told(
    case: Case, orchestrator: Orchestrator
):
    whole = told(await orchestrator.states())
    case.between.edit = without(ids_of(case))
    report = await orchestrator.states()
    gone = {case.edge.id, *case.links_of(case.edge.id)}
    assert set(report.absent) == gone
    assert told(report) == {subject: value for subject, value in whole.items() if subject not in gone}


def ids_of(case: Case) -> set[str]:
    """All that answers call the edge by."""
    edge = case.edge
    assert edge.orchestrator
    return {edge.orchestrator.edge_id, *edge.serials, *case.aliases(edge)}


async def test_an_empty_answer_for_a_known_fleet_is_a_fault_of_the_host_and_no_statement(
    case: Case, orchestrator: Orchestrator
):
    case.between.edit = emptied
    with pytest.raises(OrchestratorError, match="empty") as caught:
        await orchestrator.states()
    assert caught.value.retryable
    assert caught.value.blame is Blame.VENDOR


async def test_a_word_that_we_do_not_know_is_unknown_and_shown(case: Case, orchestrator: Orchestrator):
    case.between.edit = replaced(dict.fromkeys(case.vendor.words, "HIBERNATING"))
    report = await orchestrator.states()
    assert set(told(report).values()) == {"unknown"}
    assert any("HIBERNATING" in fact.detail for fact in report.facts)


async def test_states_take_a_handful_of_calls_whatever_the_fleet(case: Case, orchestrator: Orchestrator):
    await orchestrator.states()
    case.between.calls.clear()
    await orchestrator.states()
    assert len(case.between.calls) <= 4
