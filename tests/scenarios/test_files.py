"""How scenario files are read and played: order, arrival, restarts, far ends, refusals. What the rules say of them is
in the files themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from config.errors import ConfigurationError
from triage.policy_files import load_policy
from triage.replay.bodies import Facts
from triage.replay.expect import ExpectationError
from triage.replay.files import read_scenario, replay_file
from triage.replay.saying import state_facts

FRAME = """\
scenario: 1
id: short
start: "2026-03-03T11:00:00Z"
until: "+00:06:00"
inventory:
  clients: [{id: acme}, {id: other}]
  sites: [{id: store, client: acme}]
  devices:
    - {id: edge, site: store, role: sdwan_edge, orchestrator: {name: host, enterprise_id: "41", edge_id: "702"}}
  links:
    - {id: wan1, site: store, device: edge, interface: GE1, orchestrator_link: wan1, access: dia, carrier: A}
    - {id: lte, site: store, device: edge, interface: GE2, access: lte, role: secondary, carrier: B}
"""
DOWN = '  - {at: "+00:01:00", facts: {source: orchestrator, links: {wan1: {state: disconnected}}}}\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "short.yaml"
    path.write_text(FRAME + text, encoding="utf-8")
    return path


async def played(folder: Path, timeline: str, more: str = "") -> list[dict[str, Any]]:
    path = written(folder, f"timeline:\n{timeline}{more}")
    return [dict(line) async for line in replay_file(path, load_policy())]


async def faults(folder: Path, text: str) -> list[tuple[int | None, str, str]]:
    with pytest.raises(ConfigurationError) as caught:
        [line async for line in replay_file(written(folder, text), load_policy())]
    first = FRAME.count("\n")
    return [((fault.line or 0) - first, fault.field, fault.value) for fault in caught.value.faults]


def of_kind(lines: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [line for line in lines if line["line"] == kind]


async def test_the_same_file_gives_the_same_bytes(tmp_path: Path):
    claim = '  - {at: "+00:04:00", claim: {client: acme, site: store, symptom: down, since: "+00:01:00"}}\n'
    first = json.dumps(await played(tmp_path, DOWN + claim))
    assert '"line": "ticket"' in first
    assert json.dumps(await played(tmp_path, DOWN + claim)) == first


async def test_a_restart_loses_nothing_that_was_committed(tmp_path: Path):
    claim = '  - {at: "+00:04:00", claim: {client: acme, site: store, symptom: down, since: "+00:01:00"}}\n'
    straight = await played(tmp_path, DOWN + claim)
    restarts = "".join(f'  - {{at: "{at}", restart: {{}}}}\n' for at in ("+00:03:30", "+00:04:00", "+00:05:00"))
    assert await played(tmp_path, DOWN + claim + restarts) == straight


async def test_entries_of_one_moment_happen_in_the_order_of_the_file(tmp_path: Path):
    """The window is known before the claim of the same moment, though both stand after a later entry."""
    later = '  - {at: "+00:03:00", claim: {client: other, site: store}}\n'
    now = '  - {at: "+00:02:00", claim: {client: other, site: store}}\n'
    lines = await played(tmp_path, later + now + now)
    assert [(line["at"][11:16], line["input"]) for line in of_kind(lines, "withheld")] == [
        ("11:02", 1), ("11:02", 2), ("11:03", 0),
    ]  # fmt: skip


async def test_a_row_is_known_when_its_slot_has_ended_and_not_before(tmp_path: Path):
    """Written down at the start: four slots of a minute. At 11:01:30 the first has ended, at 11:03:30 the third."""
    samples = (
        '  - {at: "+00:00:00", samples: {link: wan1, source: probe, every: 60, from: "+00:00:00", '
        "fields: {sent: [20, 20, 20, 20], lost: [5, 5, 5, 5], loss_pct: [25, 25, 25, 25]}}}\n"
    )
    claims = "".join(
        f'  - {{at: "+00:0{minute}:30", claim: {{client: acme, site: store, since: "+00:00:00"}}}}\n'
        for minute in (1, 3)
    )
    lines = await played(tmp_path, samples + claims)
    newest = [line["coverage"]["newest"] for line in of_kind(lines, "verdict") if line.get("input")]
    assert newest == ["2026-03-03T11:00:00Z", "2026-03-03T11:02:00Z"]


async def test_a_claim_for_another_clients_site_is_refused(tmp_path: Path):
    lines = await played(tmp_path, '  - {at: "+00:01:00", claim: {client: other, site: store, symptom: slow}}\n')
    (withheld,) = of_kind(lines, "withheld")
    assert (withheld["reason"], withheld["detail"]) == ("claim_refused", "other has no site store")
    assert lines[-1]["open_cases"] == []


async def test_a_restart_of_a_device_is_told_by_its_uptime_once(tmp_path: Path):
    """Up for 5,000 s, then 30 s: it started 30 s before the third poll. A fourth poll tells nothing new."""
    polls = "".join(
        f'  - {{at: "+00:0{minute}:00", poll: {{device: edge, outcome: ok, uptime_s: {uptime}}}}}\n'
        for minute, uptime in ((1, 5000), (2, 5060), (3, 30), (4, 90))
    )
    lines = await played(tmp_path, polls + '  - {at: "+00:05:00", claim: {client: acme, site: store, symptom: down}}\n')
    (verdict,) = [line for line in of_kind(lines, "verdict") if line.get("input") == 4]
    found = [*verdict["findings"], *verdict["side_findings"]]
    assert [one["onset"] for one in found if one["cause"] == "device"] == ["2026-03-03T11:02:30Z"]


async def test_a_ticket_whose_answer_got_lost_is_found_and_not_opened_twice(tmp_path: Path):
    far_end = '  - {at: "+00:01:00", ticket_system: {next: [timeout_after]}}\n'
    claim = '  - {at: "+00:04:00", claim: {client: acme, site: store, symptom: down, since: "+00:01:00"}}\n'
    lines = await played(tmp_path, DOWN + far_end + claim)
    calls = of_kind(lines, "call")
    assert [line["reason"] for line in calls if line["call"] == "create"] == ["timeout_after", "ok"]
    assert lines[-1]["tickets"] == ["T-1"]


async def test_what_a_human_changes_in_the_ticket_system_is_told(tmp_path: Path):
    claim = '  - {at: "+00:03:00", claim: {client: acme, site: store, symptom: down, since: "+00:01:00"}}\n'
    change = '  - {at: "+00:0%d:00", ticket_system: {change: {ticket: T-%d, by: Robin, status: closed}}}\n'
    lines = await played(tmp_path, DOWN + claim + change % (4, 1) + change % (5, 9))
    (changed,) = [line for line in of_kind(lines, "ticket") if line["reason"] == "changed_at_far_end"]
    assert (changed["ticket"], changed["status"], changed["by"]) == ("T-1", "closed", "Robin")
    (missing,) = [line for line in of_kind(lines, "withheld") if line["reason"] == "no_such_ticket"]
    assert "T-9" in missing["detail"]


async def test_an_act_about_a_case_that_there_is_not_is_set_aside_and_said(tmp_path: Path):
    lines = await played(tmp_path, '  - {at: "+00:01:00", person: {who: Kim, does: reopen, target: C-1}}\n')
    (alarm,) = of_kind(lines, "alarm")
    assert alarm["reason"] == "input_failed"
    assert "there is no case C-1" in alarm["detail"]


@pytest.mark.parametrize(("complete", "unknown"), [(True, ["lte"]), (False, [])])
def test_only_a_complete_answer_makes_what_it_does_not_name_unknown(complete: bool, unknown: list[str], tmp_path: Path):
    """And only of the kind that it speaks of: it names no device, so it says nothing of devices."""
    told = Facts.model_validate(
        {"source": "orchestrator", "complete": complete, "links": {"wan1": {"state": "stable"}}}
    )
    reading = read_scenario(written(tmp_path, ""), load_policy())
    facts = state_facts(told, reading.inventory, reading.start, reading.start)
    assert [fact.subject for fact in facts if fact.value == "unknown"] == unknown
    assert [fact.subject for fact in facts if fact.value == "stable"] == ["wan1"]


async def test_a_clock_that_stands_still_is_no_restart(tmp_path: Path):
    polls = "".join(
        f'  - {{at: "+00:0{minute}:00", poll: {{device: edge, outcome: ok, uptime_s: 5000}}}}\n' for minute in (1, 2)
    )
    lines = await played(tmp_path, polls + '  - {at: "+00:05:00", claim: {client: acme, site: store, symptom: down}}\n')
    assert "device" not in {one["cause"] for line in of_kind(lines, "verdict") for one in line["findings"]}


ANSWERS = {
    "catalyst": ("device", {"data": [{"system-ip": "702", "uuid": "702", "reachability": "unreachable",
                                      "status": "normal", "validity": "valid", "lastupdated": 1772535640000}]}),
    "meraki": ("organizations/{organization}/appliance/uplink/statuses",
               [{"networkId": "N_1", "serial": "702", "uplinks": [{"interface": "wan1", "status": "failed"}]}]),
}  # fmt: skip


@pytest.mark.parametrize("vendor", ANSWERS)
async def test_each_vendors_answers_go_through_its_own_adapter(vendor: str, tmp_path: Path):
    call, body = ANSWERS[vendor]
    answer = {"at": "+00:01:00", "answer": {"orchestrator": "host", "call": call, "body": body}}
    others = {
        "catalyst": [("data/device/state/ControlWanInterface", {"data": []}),
                     ("data/device/state/BFDSessions", {"data": []})],
        "meraki": [("organizations/{organization}/devices/availabilities",
                    [{"serial": "702", "status": "online"}])],
    }  # fmt: skip
    more = [
        {"at": "+00:01:00", "answer": {"orchestrator": "host", "call": name, "body": what}}
        for name, what in others[vendor]
    ]
    lines = await played(tmp_path, "".join(f"  - {json.dumps(entry)}\n" for entry in (answer, *more)))
    calls = [line for line in of_kind(lines, "call") if line["key"] == "host"]
    assert {line["reason"] for line in calls} == {"http_200"}
    told = {(fact["subject"], fact["kind"]): fact["value"] for fact in calls[-1]["facts"]}
    if vendor == "catalyst":
        assert told["edge", "edge_state"] == "offline"
    else:
        assert told["wan1", "link_state"] == "disconnected"


async def test_what_is_expected_and_does_not_come_is_told_with_its_place(tmp_path: Path):
    more = (
        "expect:\n  - {line: trouble, cause: loss}\n  - {line: summary, lines: {trouble: 1}}\n"
        "never:\n  - {line: trouble, cause: link_down}\n"
    )
    with pytest.raises(ExpectationError) as caught:
        await played(tmp_path, DOWN, more)
    first = FRAME.count("\n") + 2
    expected, nearest, unwanted = str(caught.value).splitlines()
    assert expected.endswith(f"short.yaml:{first + 2}: nothing like {{line: trouble, cause: loss}} came")
    assert "cause is link_down, not loss" in nearest
    assert f"short.yaml:{first + 5}: {{line: trouble, cause: link_down}} must not come" in unwanted


async def test_an_unknown_key_is_refused_with_its_line(tmp_path: Path):
    assert await faults(tmp_path, "extra: 1\n") == [(1, "extra", "1")]


async def test_a_time_that_is_none_is_named(tmp_path: Path):
    entry = 'timeline:\n  - {at: tomorrow, restart: {}}\n  - {at: "+01:00:00", restart: {}}\n'
    assert await faults(tmp_path, entry) == [(2, "timeline[0].at", "tomorrow")]
    late = 'timeline:\n  - {at: "+01:00:00", restart: {}}\n'
    assert await faults(tmp_path, late) == [(2, "timeline[0].at", "+01:00:00")]


async def test_what_the_inventory_does_not_have_is_named(tmp_path: Path):
    text = (
        "timeline:\n"
        '  - {at: "+00:00:00", samples: {link: wan9, source: probe, every: 9, from: "+00:00:00", fields: {mos: [1]}}}\n'
        '  - {at: "+00:00:00", facts: {source: orchestrator, links: {wan1: {state: stable}, wan8: {state: stable}}}}\n'
        '  - {at: "+00:00:00", poll: {device: edg, outcome: ok}}\n'
        '  - {at: "+00:00:00", answer: {orchestrator: host, call: monitoring/getEverything}}\n'
        '  - {at: "+00:00:00", policy: {limits: {loss: 3}}}\n'
    )
    assert await faults(tmp_path, text) == [
        (2, "timeline[0].samples.link", "wan9"),
        (3, "timeline[1].facts.links.wan8", "wan8"),
        (4, "timeline[2].poll.device", "edg"),
        (5, "timeline[3].answer.call", "monitoring/getEverything"),
        (6, "timeline[4].policy.limits.loss", "3"),
    ]


async def test_what_can_never_come_is_refused_as_an_expectation(tmp_path: Path):
    text = (
        "expect:\n  - {line: verdct}\n  - {line: verdict, findings: [{valu: 3}]}\n  - {line: case, onset: {near: 1}}\n"
        "never:\n  - {line: case, colour: red}\n"
    )
    assert await faults(tmp_path, text) == [
        (2, "expect[0].line", "verdct"),
        (3, "expect[1].findings[0].valu", ""),
        (4, "expect[2].onset", "near"),
        (6, "never[0].colour", ""),
    ]
