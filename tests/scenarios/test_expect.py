"""What meets an expectation: the table of `docs/scenarios.md`, row by row."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from triage.replay.expect import Expected, differences

START = datetime(2026, 3, 3, 11, tzinfo=UTC)
LINE = {
    "line": "verdict", "cause": "loss", "onset": "2026-03-03T11:10:00Z", "end": None, "habitual": False, "claims": 1,
    "says": "packet loss, no ticket", "cases": ["C-1"], "tickets": [],
    "findings": [{"cause": "loss", "value": 12.5}, {"cause": "jitter", "value": 30.0}],
}  # fmt: skip


@pytest.mark.parametrize(
    "wanted",
    [
        {"cause": "loss", "claims": 1, "habitual": False},
        {"end": None, "absent": None},
        {"onset": "+00:10:00"},
        {"onset": {"near": "+00:12:00", "within": 120}},
        {"onset": {"at_least": "+00:10:00", "at_most": "+00:10:00"}},
        {"claims": {"at_least": 1}},
        {"says": {"contains": "no ticket"}},
        {"findings": {"count": 2}},
        {"cases": ["C-1"], "tickets": []},
        {"findings": [{"cause": "jitter"}]},
        {"findings": [{"value": {"near": 12.4, "within": 0.1}}, {"value": {"at_most": 30}}]},
    ],
)
def test_met(wanted):
    assert list(differences(wanted, LINE, START)) == []


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"cause": "jitter"}, "cause is loss, not jitter"),
        ({"cause": None}, "cause is loss, not null"),
        ({"habitual": 0}, "habitual is false, not 0"),
        ({"onset": "+00:10:01"}, "onset is 2026-03-03T11:10:00Z, not 2026-03-03T11:10:01Z"),
        ({"onset": {"near": "+00:12:00", "within": 119}}, "not {near: +00:12:00, within: 119}"),
        ({"end": {"at_least": 0}}, "end is null, not {at_least: 0}"),
        ({"claims": {"at_most": 0}}, "claims is 1, not {at_most: 0}"),
        ({"says": {"contains": "a ticket"}}, "says is packet loss, no ticket, not {contains: a ticket}"),
        ({"findings": {"count": 1}}, "not {count: 1}"),
        ({"cases": ["C-1", "C-2"]}, "cases is [C-1], not [C-1, C-2]"),
        ({"tickets": ["T-1"]}, "tickets is [], not [T-1]"),
        ({"findings": [{"value": {"near": 12.4, "within": 0.09}}]}, "findings[0].value is 12.5"),
        ({"findings": [{"cause": "jitter"}, {"cause": "loss"}]}, "findings[1] stands in another order"),
        ({"tickets": [{"cause": "loss"}]}, "tickets is empty"),
    ],
)  # fmt: skip
def test_not_met(wanted, told):
    assert told in "; ".join(differences(wanted, LINE, START))


def came(*causes: str) -> list[dict[str, object]]:
    return [
        {"seq": place, "at": "2026-03-03T11:00:00Z", "line": "verdict", "reason": "claim_joined", "cause": cause}
        for place, cause in enumerate(causes, 1)
    ]


def said(expect: list[dict[str, object]], *causes: str) -> list[str]:
    return Expected("x.yaml", START, expect, [], {("expect", 0): 7, ("expect", 1): 9}).check(came(*causes))


def test_lines_are_expected_in_order_with_others_between_them():
    assert said([{"cause": "loss"}, {"cause": "jitter"}], "loss", "latency", "jitter") == []


def test_one_line_meets_one_expectation_only_and_none_that_comes_before_another():
    assert said([{"cause": "loss"}, {"cause": "loss"}], "loss")[0].startswith("x.yaml:9: nothing like {cause: loss}")
    late, nearest = said([{"cause": "jitter"}, {"cause": "loss"}], "loss", "jitter")
    assert late.endswith("came after seq 2")
    assert "comes too early" in nearest
