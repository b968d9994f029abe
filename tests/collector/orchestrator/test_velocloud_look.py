"""Everything that a VCO says of one edge, over real HTTP. Expected values by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from collector.model import FactKind
from collector.orchestrator.port import DeviceReport, OrchestratorError
from collector.orchestrator.quota import Quota
from collector.orchestrator.velocloud.adapter import VeloCloud
from collector.settings import OrchestratorSettings
from config.clock import ManualClock
from inventory.model import Inventory

pytestmark = pytest.mark.rim

NOW = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)
NOW_MS = 1772546580000
HOUR_MS = 3_600_000
EDGE = "edge/getEdge"
SERIES = "metrics/getEdgeLinkSeries"
QUALITY = "linkQualityEvent/getLinkQualityEvents"
HEALTH = "metrics/getEdgeStatusMetrics"
CONFIGURATION = "edge/getEdgeConfigurationModules"
PARTS = (EDGE, SERIES, QUALITY, HEALTH, CONFIGURATION)
DIA, LTE = "00000001-1111-4aaa-8aaa-0123456789ab", "00000001-2222-4aaa-8aaa-0123456789ab"


@pytest.fixture
async def vco(settings: OrchestratorSettings, inventory: Inventory) -> AsyncIterator[VeloCloud]:
    adapter = VeloCloud("vco1", settings, inventory, ManualClock(NOW), Quota(1_000_000, penalty=0.05))
    yield adapter
    await adapter.close()


def link(**changes: Any) -> Any:
    return {
        "id": 5101,
        "edgeId": 702,
        "logicalId": "00:00:5e:00:53:01:0000",
        "internalId": DIA,
        "interface": "GE1",
        "displayName": "DIA-Example-100M",
        "isp": "Example Fiber",
        "lastActive": "2026-03-03T14:02:12.000Z",
        "state": "STABLE",
        "backupState": "UNCONFIGURED",
        "linkMode": "ACTIVE",
        "serviceState": "IN_SERVICE",
    } | changes


def lte(**changes: Any) -> Any:
    spare = {"linkMode": "BACKUP", "state": "STANDBY", "backupState": "STANDBY"}
    return link(id=5102, internalId=LTE, interface="USB1", **spare) | changes


def edge(**changes: Any) -> Any:
    return {
        "id": 702,
        "enterpriseId": 41,
        "name": "ACME-0117",
        "edgeState": "CONNECTED",
        "lastContact": "2026-03-03T14:02:31.000Z",
        "modelNumber": "edge520",
        "serialNumber": "VC05990000117",
        "haSerialNumber": None,
        "haState": "UNCONFIGURED",
        "softwareVersion": "5.2.0.2",
        "serviceUpSince": "2026-02-01T08:11:04.000Z",
        "links": [link(), lte()],
    } | changes


def quality_sample(minute: int, before: dict[str, int], after: dict[str, int]) -> Any:
    return {"timestamp": NOW_MS - 60_000 * minute, "before": before, "after": after, "metadata": {"metrics": []}}


GOOD, FAIR, CRITICAL = 4, 3, 2


def quality(**changes: Any) -> Any:
    """Voice was critical 40 minutes ago, mended to fair; now it is fair, mended to good."""
    samples = [
        quality_sample(3, {"0": FAIR, "1": GOOD, "2": GOOD}, {"0": GOOD, "1": GOOD, "2": GOOD}),
        quality_sample(40, {"0": CRITICAL, "1": GOOD, "2": GOOD}, {"0": FAIR, "1": GOOD, "2": GOOD}),
        quality_sample(55, {"0": GOOD, "1": GOOD, "2": GOOD}, {"0": GOOD, "1": GOOD, "2": GOOD}),
    ]
    answer = {"totalScore": 9.44, "score": {"0": 8.3, "1": 10, "2": 10}, "sampleCount": 3, "timeseries": samples}
    return {DIA: answer | changes}


def health(**changes: Any) -> Any:
    return {
        "cpuPct": {"min": 6, "max": 44, "average": 12.4},
        "memoryPct": {"min": 38, "max": 62, "average": 50.0},
        "cpuCoreTemp": {"min": 41, "max": 63, "average": 52.0},
        "flowCount": {"min": 120, "max": 900, "average": 333.3},
        "tunnelCount": {"min": 3, "max": 9, "average": 6},
        "handoffQueueDrops": {"min": 0, "max": 0, "average": 0},
    } | changes


def configured(**changes: Any) -> Any:
    return {
        "internalId": DIA,
        "name": "DIA-Example-100M",
        "mode": "PUBLIC",
        "type": "WIRED",
        "interfaces": ["GE1"],
        "isp": "Example Fiber",
        "upstreamMbps": "20",
        "downstreamMbps": "100",
        "bwMeasurement": "USER_DEFINED",
        "backupOnly": False,
        "hotStandby": False,
    } | changes


def modules(*links: Any) -> Any:
    primary = {"name": "vcg-ex-1", "ipAddress": "192.0.2.21", "logicalId": "b1c6"}
    chosen = {"mode": "auto", "primaryDetail": primary, "secondaryDetail": {"name": "vcg-ex-2"}}
    return {
        "WAN": {"version": "1", "data": {"links": list(links), "networks": []}},
        "controlPlane": {"version": "1", "data": {"gatewaySelection": chosen}},
    }


def series() -> Any:
    rx = {"metric": "bytesRx", "startTime": NOW_MS - 63 * 60_000, "tickInterval": 300_000, "data": [37_500_000, None]}
    return [{"edgeId": 702, "linkId": 5101, "series": [rx], "link": link()}]


@pytest.fixture
def healthy(host: Any) -> Any:
    host.replies = {
        EDGE: [edge()],
        SERIES: [series()],
        QUALITY: [quality()],
        HEALTH: [health()],
        CONFIGURATION: [modules(configured(), configured(internalId=LTE, interfaces=["USB1"], type="WIRELESS"))],
    }
    return host


def values(report: DeviceReport, subject: str) -> dict[str, str]:
    return {figure.name: figure.value for figure in report.figures if figure.subject == subject}


def states(report: DeviceReport) -> dict[tuple[str, FactKind], str]:
    return {(fact.subject, fact.kind): fact.value for fact in report.facts}


async def test_a_look_is_five_calls_for_that_edge_alone(healthy: Any, vco: VeloCloud) -> None:
    report = await vco.look("edge-117")
    assert sorted(call.method for call in healthy.calls) == sorted(PARTS)
    assert all(702 in (call.body.get("edgeId"), call.body.get("id")) for call in healthy.calls)
    assert all(call.body["enterpriseId"] == 41 for call in healthy.calls)
    assert not report.notes


async def test_all_calls_of_a_look_go_before_background_polling(
    healthy: Any, settings: OrchestratorSettings, inventory: Inventory
) -> None:
    """A bucket of 40 calls, of which ten are kept for those who wait; on a clock that stands still nothing is added."""
    clock = ManualClock(NOW)
    vco = VeloCloud("vco1", settings, inventory, clock, Quota(7200, burst=40, clock=clock))
    healthy.replies["network/getNetworkGateways"] = [[]]
    for _ in range(30):
        await vco.own_parts()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(vco.own_parts(), 0.05)
    report = await asyncio.wait_for(vco.look("edge-117"), 5)
    await vco.close()
    assert not report.notes


async def test_edge_and_lines_stand_in_it_as_the_state_clock_would_tell_them(healthy: Any, vco: VeloCloud) -> None:
    report = await vco.look("edge-117")
    assert states(report) == {
        ("edge-117", FactKind.EDGE_STATE): "connected",
        ("store-117-dia", FactKind.LINK_STATE): "stable",
        ("store-117-lte", FactKind.LINK_STATE): "standby",
    }
    assert all(fact.time == NOW for fact in report.facts)
    assert values(report, "edge-117")["model"] == "edge520"
    assert values(report, "edge-117")["serial number"] == "VC05990000117"
    assert values(report, "edge-117")["up since"] == "2026-02-01T08:11:04Z"


async def test_lines_of_an_edge_without_contact_are_unknown_and_not_down(healthy: Any, vco: VeloCloud) -> None:
    healthy.replies[EDGE] = [edge(edgeState="OFFLINE", links=[link(state="DISCONNECTED")])]
    report = await vco.look("edge-117")
    assert states(report)["edge-117", FactKind.EDGE_STATE] == "offline"
    assert states(report)["store-117-dia", FactKind.LINK_STATE] == "unknown"


@pytest.mark.parametrize(("state", "expected"), [("READY", "ready"), ("FAILED", "failed"), ("A_NEW_WORD", "unknown")])
async def test_a_pair_shows_both_serials_and_its_state(healthy: Any, vco: VeloCloud, state: str, expected: str) -> None:
    healthy.replies[EDGE] = [edge(haSerialNumber="VC05990000118", haState=state)]
    report = await vco.look("edge-117")
    assert states(report)["edge-117", FactKind.HA_STATE] == expected
    assert values(report, "edge-117")["serial number"] == "VC05990000117"
    assert values(report, "edge-117")["standby's serial number"] == "VC05990000118"


async def test_what_the_host_does_not_mention_or_the_inventory_does_not_know_is_noted(
    healthy: Any, vco: VeloCloud
) -> None:
    healthy.replies[EDGE] = [edge(links=[link(), lte(internalId="another", interface="GE4")])]
    report = await vco.look("edge-117")
    assert "store-117-lte: the host does not mention it" in report.notes
    assert any("another at GE4" in note for note in report.notes)
    assert not any("edge-118" in note or "store-118" in note for note in report.notes)


async def test_an_edge_without_links_is_still_an_edge(healthy: Any, vco: VeloCloud) -> None:
    healthy.replies[EDGE] = [edge(links=None)]
    assert states(await vco.look("edge-117")) == {("edge-117", FactKind.EDGE_STATE): "connected"}


async def test_the_statistics_are_those_of_the_last_hour_rx_being_download(healthy: Any, vco: VeloCloud) -> None:
    report = await vco.look("edge-117")
    sent = healthy.called(SERIES)[0].body["interval"]
    assert sent == {"start": NOW_MS - HOUR_MS - 180_000, "end": NOW_MS - 180_000}
    assert list(report.samples.links) == ["store-117-dia"]
    assert report.samples.fields["rx_bps"].tolist() == [1_000_000.0]
    assert report.samples.time.tolist() == [NOW_MS - 63 * 60_000]


async def test_quality_of_experience_is_now_and_at_its_worst_before_and_after_remediation(
    healthy: Any, vco: VeloCloud
) -> None:
    report = await vco.look("edge-117")
    seen = values(report, "store-117-dia")
    assert seen["QoE score"] == "9.4 of 10"
    assert seen["QoE of voice, now"] == "good, before remediation fair"
    assert seen["QoE of voice, worst of the last hour"] == "fair, before remediation critical"
    assert seen["QoE of video, worst of the last hour"] == "good, before remediation good"
    (worst,) = [one for one in report.figures if one.name == "QoE of voice, worst of the last hour"]
    assert "25 ms latency, 7 ms jitter and 0.3 % loss; critical above 65 ms, 30 ms or 1 %" in worst.meaning
    assert worst.meaning.endswith("2026-03-03T13:23:00Z")
    assert healthy.called(QUALITY)[0].body["interval"] == {"start": NOW_MS - HOUR_MS, "end": NOW_MS}


async def test_an_offline_line_is_worse_than_a_critical_one_and_an_unknown_state_is_no_finding(
    healthy: Any, vco: VeloCloud
) -> None:
    samples = [
        quality_sample(1, {"0": 9}, {"0": 1}),
        quality_sample(2, {"0": CRITICAL}, {"0": CRITICAL}),
        quality_sample(3, {"0": 0}, {"0": 0}),
    ]
    healthy.replies[QUALITY] = [quality(timeseries=samples)]
    seen = values(await vco.look("edge-117"), "store-117-dia")
    assert seen["QoE of voice, now"] == "unknown"
    assert seen["QoE of voice, worst of the last hour"] == "offline, before remediation offline"
    assert "QoE of video, now" not in seen


async def test_all_links_together_stand_at_the_device_and_other_hosts_links_nowhere(
    healthy: Any, vco: VeloCloud
) -> None:
    together = {"totalScore": 10, "timeseries": [{"timestamp": NOW_MS, "after": {"0": GOOD}}]}
    healthy.replies[QUALITY] = [{"overallLinkQuality": together, "not ours": together}]
    report = await vco.look("edge-117")
    about = [figure for figure in report.figures if figure.name.startswith("QoE")]
    assert {figure.subject for figure in about} == {"edge-117"}
    assert {figure.value for figure in about} == {"10.0 of 10", "good"}
    assert all(figure.meaning.startswith("all links together") for figure in about)


@pytest.mark.parametrize("damage", [None, 7, {}, {"totalScore": "x", "timeseries": [{"timestamp": []}, 3]}, []])
async def test_damaged_quality_is_left_out(healthy: Any, vco: VeloCloud, damage: Any) -> None:
    healthy.replies[QUALITY] = [{DIA: damage}]
    report = await vco.look("edge-117")
    assert not [figure for figure in report.figures if figure.name.startswith("QoE")]
    assert not report.notes


async def test_the_edges_health_is_in_words_and_what_it_did_not_report_is_left_out(
    healthy: Any, vco: VeloCloud
) -> None:
    absent = {"min": None, "max": None, "average": None}
    healthy.replies[HEALTH] = [health(memoryPct=absent, cpuCoreTemp=None, flowCount={"max": 900}, tunnelCount="x")]
    seen = values(await vco.look("edge-117"), "edge-117")
    assert seen["CPU"] == "12 % on average, 44 % at most"
    assert seen["flows"] == "900 at most"
    assert seen["packets dropped at the handoff queue"] == "0 on average, 0 at most"
    assert not {"memory", "temperature", "tunnels", "tunnels over IPv6"} & seen.keys()


async def test_contracted_rates_are_down_and_up_as_the_host_writes_them(healthy: Any, vco: VeloCloud) -> None:
    report = await vco.look("edge-117")
    seen = values(report, "store-117-dia")
    assert seen["contracted rate"] == "100 Mbit/s down, 20 Mbit/s up"
    assert seen["kind of line"] == "wired, public"
    assert seen["ISP"] == "Example Fiber"
    (rate,) = [one for one in report.figures if (one.subject, one.name) == ("store-117-dia", "contracted rate")]
    assert rate.meaning == "as configured at the orchestrator, measured by USER_DEFINED"
    assert values(report, "store-117-lte")["kind of line"] == "wireless, public"
    assert values(report, "edge-117")["primary gateway"] == "vcg-ex-1, 192.0.2.21"
    assert values(report, "edge-117")["secondary gateway"] == "vcg-ex-2"


@pytest.mark.parametrize("nothing", ["", "0", None, "fast", -5, []])
async def test_a_rate_that_nobody_entered_is_absent_and_not_zero(healthy: Any, vco: VeloCloud, nothing: Any) -> None:
    healthy.replies[CONFIGURATION] = [modules(configured(upstreamMbps=nothing))]
    seen = values(await vco.look("edge-117"), "store-117-dia")
    assert seen["contracted rate"] == "100 Mbit/s down"


async def test_a_line_that_the_inventory_does_not_know_is_named_by_its_port(healthy: Any, vco: VeloCloud) -> None:
    healthy.replies[CONFIGURATION] = [modules(configured(internalId="another", interfaces=["GE6"], backupOnly=True))]
    seen = values(await vco.look("edge-117"), "edge-117 GE6")
    assert seen["kind of line"] == "wired, public, backup"


async def test_an_edge_without_a_wan_module_is_noted(healthy: Any, vco: VeloCloud) -> None:
    healthy.replies[CONFIGURATION] = [{}]
    (note,) = (await vco.look("edge-117")).notes
    assert "no WAN configuration" in note


@pytest.mark.parametrize("part", PARTS)
async def test_each_part_may_fail_alone_and_a_note_says_why(healthy: Any, vco: VeloCloud, part: str) -> None:
    healthy.replies[part] = [lambda *_: web.json_response({"error": {"message": "no such thing"}}, status=400)]
    report = await vco.look("edge-117")
    (note,) = report.notes
    assert part in note
    assert "no such thing" in note
    assert bool(report.facts) == (part != EDGE)
    assert bool(len(report.samples)) == (part != SERIES)
    assert report.figures


@pytest.mark.parametrize("part", [EDGE, QUALITY, HEALTH, CONFIGURATION])
async def test_an_answer_of_the_wrong_shape_is_a_note_too(healthy: Any, vco: VeloCloud, part: str) -> None:
    healthy.replies[part] = [[]]
    (note,) = (await vco.look("edge-117")).notes
    assert "not an object" in note


async def test_when_nothing_could_be_read_that_is_an_error(host: Any, vco: VeloCloud) -> None:
    host.replies = {part: [lambda *_: web.Response(status=503)] for part in PARTS}
    with pytest.raises(OrchestratorError, match="503"):
        await vco.look("edge-117")


async def test_a_device_that_is_no_edge_of_this_host_is_said(vco: VeloCloud) -> None:
    with pytest.raises(OrchestratorError, match="router-118 no edge at vco1"):
        await vco.look("router-118")


async def test_an_hour_without_statistics_is_an_empty_batch(healthy: Any, vco: VeloCloud) -> None:
    healthy.replies[SERIES] = [[]]
    report = await vco.look("edge-117")
    assert len(report.samples) == 0
    assert not report.notes
