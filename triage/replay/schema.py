"""What `lineproof replay --schema` prints: JSON Schema (draft 2020-12) of what goes in and comes out, the policy with
units and defaults, and every reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from triage.model import UnfitReason
from triage.policy import Policy
from triage.policy_files import DEFAULT_POLICY, load_policy
from triage.reasons import Reason
from triage.replay.bodies import ScenarioFile
from triage.replay.lines import BY_KIND, Played, SetVerdict
from triage.replay.sets import Scenario

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_KEY = re.compile(r"^(?P<indent> *)(?P<key>\w+):(?P<value>[^#]*)(?:#\s*(?P<comment>.*))?$")


def schema_document() -> dict[str, Any]:
    """`{scenario_file, scenario_set_line, output_line: {kind}, set_verdict, policy, reasons}`; each but the last is a
    schema of its own."""
    return {
        "$schema": DRAFT,
        "scenario_file": _schema(ScenarioFile, "A scenario file (.yaml)"),
        "scenario_set_line": _schema(Scenario, "A line of a scenario set's scenarios.jsonl"),
        "output_line": {
            kind: _schema(model, f"An output line of a scenario file: {kind}") for kind, model in BY_KIND.items()
        },
        "set_verdict": _schema(SetVerdict, "An output line of a scenario set"),
        "policy": policy_schema(),
        "reasons": {
            "decision": [reason.value for reason in Reason],
            "unfit": [reason.value for reason in UnfitReason],
            "played": [reason.value for reason in Played],
        },
    }


def policy_schema() -> dict[str, Any]:
    """The policy's keys with their defaults, and what the shipped policy's comments say of them: unit and reason."""
    schema = _schema(Policy, "The trouble policy, whole; a scenario's `policy` names the keys that differ")
    defaults = load_policy().model_dump(mode="json")
    said = comments(DEFAULT_POLICY.read_text(encoding="utf-8"))
    schema["properties"] = {
        name: _told(schema, name, one, defaults, said) for name, one in schema["properties"].items()
    }
    return schema


def comments(text: str) -> dict[str, str]:
    """What a policy file's comments say, by key (`section.key`, or `section` for one written on a line): the words
    behind a key, or the lines right below or above it. Pure."""
    found: dict[str, str] = {}
    section, above, last, before = "", "", "", ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            words = stripped.lstrip("# ")
            if not line.startswith(" ") and last and not above and last not in found:
                found[last] = words
            else:
                above = f"{above} {words}".strip()
            continue
        match = _KEY.match(line)
        if match is None:
            above, last = "", ""
            continue
        name = match["key"] if not match["indent"] else f"{section}.{match['key']}"
        section = section if match["indent"] else match["key"]
        words = " ".join(filter(None, [above, (match["comment"] or "").strip()]))
        if words:
            found[name] = found[before] if words == "the same" else words
        before = name
        above, last = "", "" if match["indent"] else name
    return found


def _told(
    schema: Mapping[str, Any], name: str, one: Mapping[str, Any], defaults: Mapping[str, Any], said: Mapping[str, str]
) -> dict[str, Any]:
    """A key of the policy with its default and words; a section's keys stand in it, each with its own."""
    told = {"description": said.get(name, name.replace("_", " ")), "default": defaults.get(name)}
    section = schema.get("$defs", {}).get(one.get("$ref", "").removeprefix("#/$defs/"))
    if section is None or not isinstance(defaults.get(name), dict):
        return {**one, **told}
    keys = {
        key: {
            **each,
            "description": said.get(f"{name}.{key}", told["description"]),
            "default": defaults[name].get(key),
        }
        for key, each in section["properties"].items()
    }
    return {**section, **told, "properties": keys}


def _schema(model: type[BaseModel], title: str) -> dict[str, Any]:
    return {"$schema": DRAFT, **model.model_json_schema(), "title": title}
