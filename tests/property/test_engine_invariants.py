"""What holds for the whole engine, from samples in the journal to effects in the outbox, whatever the samples are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inventory.importing import inventory_of
from triage.policy_files import load_policy
from triage.replay.files import ScenarioFile
from triage.replay.play import play

START = "2026-03-03T11:00:00Z"
SLOTS = 12
ORDINARY: dict[str, float] = {"rtt_ms": 20, "jitter_ms": 1, "loss_pct": 0, "sent": 20, "lost": 0}
FAULTS: dict[str, dict[str, float | None]] = {
    "loss": {**ORDINARY, "loss_pct": 25, "lost": 5},
    "latency": {**ORDINARY, "rtt_ms": 120},
    "down": {"rtt_ms": None, "jitter_ms": None, "loss_pct": 100, "sent": 20, "lost": 20},
}


def inventory(*clients: str) -> dict[str, Any]:
    """A site a client, on one carrier: what the neighbour has could be taken for the carrier's."""
    return {
        "clients": [{"id": client} for client in clients],
        "sites": [{"id": f"site-{client}", "client": client} for client in clients],
        "links": [
            {"id": f"wan-{client}", "site": f"site-{client}", "access": "dia", "carrier": f"carrier-{client}"}
            for client in clients
        ],
    }


def samples(client: str, slots: list[dict[str, float | None]], first: int) -> dict[str, Any]:
    """Five-minute slots that have just ended, as one batch."""
    fields = {name: [slot.get(name) for slot in slots] for name in ORDINARY}
    begin, end = first * 5, (first + len(slots)) * 5
    return {
        "at": f"+{end // 60:02d}:{end % 60:02d}:00",
        "samples": {
            "link": f"wan-{client}", "source": "probe", "every": 300, "fields": fields,
            "from": f"+{begin // 60:02d}:{begin % 60:02d}:00",
        },
    }  # fmt: skip


def history(client: str) -> dict[str, Any]:
    fields = {name: [value] for name, value in ORDINARY.items()}
    return {
        "link": f"wan-{client}",
        "source": "probe",
        "every": 300,
        "from": "-06:00:00",
        "repeat": 72,
        "fields": fields,
    }


async def played(clients: tuple[str, ...], timeline: list[dict[str, Any]]) -> list[dict[str, Any]]:
    document = {
        "scenario": 1, "id": "x", "start": START, "until": "+01:30:00", "inventory": inventory(*clients),
        "history": [history(client) for client in clients], "timeline": timeline,
    }  # fmt: skip
    scenario = ScenarioFile.model_validate(document)
    return [dict(line) async for line in play(scenario, inventory_of(document["inventory"], "x", {}), load_policy())]


def told(lines: list[dict[str, Any]], *, without: frozenset[str] = frozenset()) -> list[dict[str, Any]]:
    """What was decided, by whatever place in the timeline it came from."""
    return [{name: value for name, value in line.items() if name not in {"input", "seq", *without}} for line in lines]


@st.composite
def courses(draw) -> list[dict[str, float | None]]:
    """A course of slots with one fault of some kind and length somewhere, or none."""
    slots: list[dict[str, float | None]] = [dict(ORDINARY) for _ in range(SLOTS)]
    fault = FAULTS[draw(st.sampled_from(sorted(FAULTS)))]
    first = draw(st.integers(0, SLOTS - 2))
    for row in range(first, min(SLOTS, first + draw(st.integers(0, SLOTS)))):
        slots[row] = dict(fault)
    return slots


def batches(client: str, slots: list[dict[str, float | None]]) -> list[dict[str, Any]]:
    return [samples(client, [slot], place) for place, slot in enumerate(slots)]


CLAIM = {"at": "+01:02:00", "claim": {"client": "acme", "site": "site-acme", "since": "+00:40:00"}}
SLOW = settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.slow
@pytest.mark.rim
@SLOW
@given(courses())
async def test_the_same_inputs_give_the_same_effects(slots):
    timeline = [*batches("acme", slots), CLAIM]
    assert await played(("acme",), timeline) == await played(("acme",), timeline)


@pytest.mark.slow
@pytest.mark.rim
@SLOW
@given(courses(), st.data())
async def test_splitting_a_batch_of_samples_or_repeating_it_changes_nothing(slots, data):
    """Two slots at a time as one batch, or as two that arrive at the same moment in any order, one of them twice."""
    pairs = [samples("acme", slots[row : row + 2], row) for row in range(0, SLOTS, 2)]
    split = []
    for row in range(0, SLOTS, 2):
        parts = [samples("acme", [slots[row + part]], row + part) for part in (0, 1)]
        arrived = [{**part, "at": pairs[row // 2]["at"]} for part in parts]
        again = data.draw(st.sampled_from(arrived))
        split += data.draw(st.permutations([*arrived, again]))
    assert told(await played(("acme",), [*pairs, CLAIM])) == told(await played(("acme",), [*split, CLAIM]))


@pytest.mark.slow
@pytest.mark.rim
@SLOW
@given(courses(), courses())
async def test_an_unrelated_clients_data_change_nothing_for_a_client(slots, others):
    alone = await played(("acme",), [*batches("acme", slots), CLAIM])
    beside = await played(("acme", "zebra"), [*batches("acme", slots), *batches("zebra", others), CLAIM])
    numbers = frozenset({"case", "ticket", "proposal", "key", "open_cases", "tickets", "calls", "text", "detail"})
    own = [line for line in beside if line.get("site") != "site-zebra"]
    mine = [line for line in told(alone, without=numbers) if "site" in line]
    assert [line for line in told(own, without=numbers) if "site" in line] == mine
