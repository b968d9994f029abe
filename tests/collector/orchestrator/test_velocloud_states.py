"""What a VCO's states mean, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from collector.model import FactKind
from collector.orchestrator.port import OrchestratorError
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.adapter import VeloCloud
from collector.settings import OrchestratorSettings
from config.clock import ManualClock
from inventory.model import Device, DeviceRole, Inventory, LifeCycle, Link, OrchestratorIdentity

NOW = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)
STATUS = "monitoring/getEnterpriseEdgeLinkStatus"
HA = "network/getNetworkEnterprises"


@pytest.fixture
async def vco(settings: OrchestratorSettings, inventory: Inventory) -> AsyncIterator[VeloCloud]:
    adapter = VeloCloud("vco1", settings, inventory, ManualClock(NOW), Quota(1_000_000, penalty=0.05))
    yield adapter
    await adapter.close()


async def told(vco: VeloCloud, kind: FactKind) -> Any:
    report = await vco.states()
    return {fact.subject: fact for fact in report.facts if fact.kind is kind}


async def test_a_healthy_fleet_is_told_link_by_link(host: Any, vco: VeloCloud, fleet: list[Any]) -> None:
    host.replies[STATUS] = [fleet]
    report = await vco.states()
    assert {(fact.subject, fact.kind.value, fact.value) for fact in report.facts} == {
        ("edge-117", "edge_state", "connected"),
        ("edge-118", "edge_state", "connected"),
        ("store-117-dia", "link_state", "stable"),
        ("store-117-lte", "link_state", "standby"),
        ("store-118-cable", "link_state", "stable"),
    }
    assert {fact.time for fact in report.facts} == {NOW}
    assert not report.absent
    assert not report.unmapped
    assert host.called(STATUS)[0].body == {"enterprises": [41]}
    assert len(host.calls) == 1


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ("STABLE", "stable"),
        ("UNSTABLE", "unstable"),
        ("DISCONNECTED", "disconnected"),
        ("QUIET", "quiet"),
        ("INITIAL", "initial"),
        ("UNKNOWN", "unknown"),
        ("HIBERNATING", "unknown"),
        (None, "unknown"),
        (17, "unknown"),
    ],
)
async def test_each_link_state_has_its_word_and_a_new_one_is_unknown(
    host: Any, vco: VeloCloud, fleet: list[Any], said: Any, ours: str
) -> None:
    fleet[0]["linkState"] = said
    host.replies[STATUS] = [fleet]
    fact = (await told(vco, FactKind.LINK_STATE))["store-117-dia"]
    assert fact.value == ours
    assert (said if isinstance(said, str) else "no state") in fact.detail


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        ("DEGRADED", "degraded"),
        ("OFFLINE", "offline"),
        ("NEVER_ACTIVATED", "never_activated"),
        ("DISABLED", "disabled"),
        ("EXPIRED", "unknown"),
        (None, "unknown"),
    ],
)
async def test_each_edge_state_has_its_word(host: Any, vco: VeloCloud, fleet: list[Any], said: Any, ours: str) -> None:
    fleet[2]["edgeState"] = said
    host.replies[STATUS] = [fleet]
    fact = (await told(vco, FactKind.EDGE_STATE))["edge-118"]
    assert fact.value == ours
    assert (said or "no state") in fact.detail


@pytest.mark.parametrize(
    ("mode", "backup", "ours"),
    [
        ("BACKUP", "STANDBY", "standby"),
        ("HOTSTANDBY", "STANDBY", "standby"),
        ("ACTIVE", "STANDBY", "standby"),
        (None, None, "standby"),
        ("ACTIVE", "UNCONFIGURED", "unknown"),
        ("ACTIVE", None, "unknown"),
    ],
)
async def test_standby_is_how_a_backup_waits_and_nothing_healthy_for_a_line_that_should_work(
    host: Any, vco: VeloCloud, fleet: list[Any], mode: Any, backup: Any, ours: str
) -> None:
    fleet[0] |= {"linkState": "STANDBY", "linkMode": mode, "linkBackupState": backup}
    host.replies[STATUS] = [fleet]
    fact = (await told(vco, FactKind.LINK_STATE))["store-117-dia"]
    assert fact.value == ours
    assert "STANDBY" in fact.detail


async def test_a_row_that_lost_its_edges_state_leaves_it_to_the_edges_other_rows(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    fleet[0]["edgeState"] = 17
    host.replies[STATUS] = [fleet]
    assert (await told(vco, FactKind.EDGE_STATE))["edge-117"].value == "connected"


async def test_a_row_that_is_no_object_costs_the_others_nothing(host: Any, vco: VeloCloud, fleet: list[Any]) -> None:
    host.replies[STATUS] = [[None, fleet[0], 17, *fleet[1:], {"edgeId": {}}]]
    report = await vco.states()
    assert len(report.facts) == 5
    assert not report.absent


@pytest.mark.parametrize("edge_state", ["OFFLINE", "NEVER_ACTIVATED", "DISABLED", "EXPIRED"])
async def test_links_of_an_edge_without_contact_are_unknown_and_not_down(
    host: Any, vco: VeloCloud, fleet: list[Any], edge_state: str
) -> None:
    fleet[0] |= {"edgeState": edge_state, "linkState": "DISCONNECTED"}
    fleet[1] |= {"edgeState": edge_state, "linkState": "DISCONNECTED"}
    host.replies[STATUS] = [fleet]
    links = await told(vco, FactKind.LINK_STATE)
    assert links["store-117-dia"].value == links["store-117-lte"].value == "unknown"
    assert "DISCONNECTED" in links["store-117-dia"].detail
    assert links["store-118-cable"].value == "stable"


@pytest.mark.parametrize(
    ("last_active", "ours"), [("2026-02-01T14:03:00Z", "disconnected"), ("2025-05-03T09:00:00Z", "unknown")]
)
async def test_a_link_disconnected_for_months_is_a_leftover_and_not_an_outage(
    host: Any, vco: VeloCloud, fleet: list[Any], last_active: str, ours: str
) -> None:
    fleet[0] |= {"linkState": "DISCONNECTED", "linkLastActive": last_active}
    host.replies[STATUS] = [fleet]
    assert (await told(vco, FactKind.LINK_STATE))["store-117-dia"].value == ours


async def test_numbers_as_text_and_impossible_dates_cost_a_field_and_not_the_row(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    fleet[0] |= {"edgeId": "702", "enterpriseId": "41", "edgeLastContact": "0000-00-00 00:00:00", "linkLastActive": {}}
    host.replies[STATUS] = [fleet]
    report = await vco.states()
    facts = {fact.subject: fact for fact in report.facts}
    assert facts["store-117-dia"].value == "stable"
    assert "last contact unknown" in facts["edge-117"].detail
    assert "last active unknown" in facts["store-117-dia"].detail


async def test_an_edge_without_links_leaves_its_lines_absent(
    host: Any, vco: VeloCloud, fleet: list[Any], status_row: Any
) -> None:
    nothing = dict.fromkeys(["interface", "internalId", "linkId", "linkState", "linkLastActive", "linkMode"])
    host.replies[STATUS] = [[status_row(**nothing), fleet[2]]]
    report = await vco.states()
    assert ("edge-117", "connected") in {(fact.subject, fact.value) for fact in report.facts}
    assert list(report.absent) == ["store-117-dia", "store-117-lte"]
    assert not report.unmapped


async def test_an_edge_that_the_host_left_out_is_absent_with_its_lines(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    host.replies[STATUS] = [fleet[:2]]
    report = await vco.states()
    assert list(report.absent) == ["edge-118", "store-118-cable"]


async def test_an_empty_answer_for_a_known_fleet_is_a_fault_and_no_statement(host: Any, vco: VeloCloud) -> None:
    host.replies[STATUS] = [[]]
    with pytest.raises(OrchestratorError, match=r"empty list.*2 edges") as caught:
        await vco.states()
    assert caught.value.retryable
    assert caught.value.blame.value == "vendor"


async def test_what_the_inventory_does_not_know_is_named(
    host: Any, vco: VeloCloud, fleet: list[Any], status_row: Any
) -> None:
    host.replies[STATUS] = [
        [*fleet, status_row(edgeId=999, edgeName="NEW-SITE"), status_row(internalId="new", linkId=7, interface="GE7")]
    ]
    report = await vco.states()
    assert list(report.unmapped) == ["edge 999 NEW-SITE", "link new at GE7 of edge-117"]


async def test_an_edge_of_another_enterprise_is_never_taken_for_ours(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    fleet[2]["enterpriseId"] = 77
    host.replies[STATUS] = [fleet]
    report = await vco.states()
    assert "edge-118" in report.absent
    assert list(report.unmapped) == ["edge 703 ACME-0118"]


async def test_two_links_with_one_logical_id_stay_two(host: Any, vco: VeloCloud, fleet: list[Any]) -> None:
    for row in fleet:
        row["linkLogicalId"] = "00:00:5e:00:53:01:0000"
    fleet[0]["linkState"] = "DISCONNECTED"
    host.replies[STATUS] = [fleet]
    links = await told(vco, FactKind.LINK_STATE)
    assert (links["store-117-dia"].value, links["store-117-lte"].value) == ("disconnected", "standby")


async def test_of_a_replaced_line_at_the_same_port_the_one_active_last_counts(
    host: Any, vco: VeloCloud, fleet: list[Any], status_row: Any
) -> None:
    old = status_row(
        edgeId=703, internalId="old", linkId=1, interface="GE2", linkState="DISCONNECTED",
        linkLastActive="2026-03-01T00:00:00.000Z",
    )  # fmt: skip
    for rows in ([*fleet, old], [old, *fleet]):
        host.replies[STATUS] = [rows]
        assert (await told(vco, FactKind.LINK_STATE))["store-118-cable"].value == "stable"


async def test_a_line_whose_internal_id_we_know_is_found_by_nothing_else(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    fleet[0]["internalId"] = "00000001-9999-4aaa-8aaa-0123456789ab"
    host.replies[STATUS] = [fleet]
    report = await vco.states()
    assert list(report.absent) == ["store-117-dia"]


@pytest.mark.parametrize(
    ("ha", "edge_state", "ours"),
    [
        ("READY", "CONNECTED", "ready"),
        ("FAILED", "CONNECTED", "failed"),
        ("PENDING_INIT", "CONNECTED", "pending"),
        ("SPLIT_BRAIN", "CONNECTED", "unknown"),
        ("READY", "OFFLINE", "unknown"),
    ],
)
async def test_the_ha_state_of_a_pair_is_told_while_there_is_contact(
    host: Any, vco: VeloCloud, fleet: list[Any], ha: str, edge_state: str, ours: str
) -> None:
    for row in fleet[:2]:
        row |= {"edgeHASerialNumber": "VC05990000118", "edgeState": edge_state}
    host.replies[STATUS] = [fleet]
    host.replies[HA] = [[{"id": 41, "edges": [{"id": 702, "haState": ha}, {"id": 703, "haState": "UNCONFIGURED"}]}]]
    facts = await told(vco, FactKind.HA_STATE)
    assert {subject: fact.value for subject, fact in facts.items()} == {"edge-117": ours}
    assert ha in facts["edge-117"].detail


async def test_unreadable_ha_states_are_unknown_and_cost_nothing_else(
    host: Any, vco: VeloCloud, fleet: list[Any]
) -> None:
    fleet[0]["edgeHASerialNumber"] = "VC05990000118"
    host.replies[STATUS] = [fleet]
    report = await vco.states()
    assert {fact.value for fact in report.facts if fact.kind is FactKind.HA_STATE} == {"unknown"}
    assert len(report.facts) == 6


async def test_only_live_and_obliged_lines_become_facts_and_the_others_are_not_unmapped(
    host: Any, settings: OrchestratorSettings, fleet: list[Any]
) -> None:
    identity = OrchestratorIdentity(name="vco1", enterprise_id="41", edge_id="702")
    elsewhere = OrchestratorIdentity(name="vco2", enterprise_id="41", edge_id="703")
    inventory = Inventory.of(
        devices=[
            Device(id="d1", site="s", role=DeviceRole.SDWAN_EDGE, orchestrator=identity),
            Device(id="d2", site="s", role=DeviceRole.SDWAN_EDGE, orchestrator=elsewhere),
        ],
        links=[
            Link(id="live", site="s", device="d1", interface="GE1"),
            Link(id="retired", site="s", device="d1", interface="usb1", life_cycle=LifeCycle.RETIRED),
        ],
    )
    host.replies[STATUS] = [fleet]
    vco = VeloCloud("vco1", settings, inventory, ManualClock(NOW), Quota(1_000_000))
    report = await vco.states()
    await vco.close()
    assert {fact.subject for fact in report.facts} == {"d1", "live"}
    assert list(report.unmapped) == ["edge 703 ACME-0118"]
    assert not report.absent
