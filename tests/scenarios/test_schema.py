"""`lineproof replay --schema`: whoever writes scenarios finds every key, unit and reason there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from triage.policy_files import load_policy
from triage.reasons import Reason
from triage.replay.schema import DRAFT, comments, schema_document


@pytest.fixture(scope="module")
def document() -> Mapping[str, Any]:
    return schema_document()


def schemas(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name in ("scenario_file", "scenario_set_line", "set_verdict", "policy"):
        yield name, document[name]
    yield from document["output_line"].items()


def undescribed(schema: Mapping[str, Any], path: str) -> Iterator[str]:
    for name, one in schema.get("properties", {}).items():
        if not one.get("description"):
            yield f"{path}.{name}"
        yield from undescribed(one, f"{path}.{name}")
    if path != "policy":
        for name, one in schema.get("$defs", {}).items():
            yield from undescribed(one, f"{path}:{name}")


def test_every_key_says_what_it_means(document: Mapping[str, Any]):
    assert [path for name, schema in schemas(document) for path in undescribed(schema, name)] == []


def test_every_part_is_a_schema_by_itself(document: Mapping[str, Any]):
    for _, schema in schemas(document):
        assert schema["$schema"] == DRAFT
        assert schema["additionalProperties"] is False


def test_the_kinds_of_lines_are_those_of_the_contract(document: Mapping[str, Any]):
    assert set(document["output_line"]) == {
        "trouble", "verdict", "case", "ticket", "note", "handover", "reboot", "proposal", "alarm", "withheld", "call",
        "summary",
    }  # fmt: skip


def test_every_reason_is_listed(document: Mapping[str, Any]):
    assert set(document["reasons"]["decision"]) == set(Reason)
    assert "changed_at_far_end" in document["reasons"]["played"]


def test_the_policy_is_told_with_units_and_defaults(document: Mapping[str, Any]):
    keys = document["policy"]["properties"]
    margin = keys["claims"]["properties"]["search_margin_minutes"]
    assert margin["default"] == load_policy().claims.search_margin_minutes
    assert margin["description"].startswith("minutes; ")
    assert keys["latency"]["properties"]["minimum"]["description"].endswith("ms, shares, robust standard deviations")


def test_comments_behind_above_and_below_a_key_are_its_words():
    text = (
        "# the file's own words\n\na:\n  one: 1   # seconds; why\n  # above two\n  two: 2\n\n# on all of b\n"
        "b: {three: 3}    # ms\nc: {four: 4}    # the same\n\nd: {five: 5}\n# below\n"
    )
    assert comments(text) == {
        "a.one": "seconds; why", "a.two": "above two", "b": "on all of b ms", "c": "on all of b ms", "d": "below",
    }  # fmt: skip
