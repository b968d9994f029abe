"""`lineproof replay`: scenario sets and scenario files to JSON Lines."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from config.errors import ConfigurationError
from triage.policy_files import load_policy


async def replay_to(path: Path, policy_file: Path | None, out: Path | None) -> None:
    """Write one line for each verdict of a set, or for each thing that happened in a scenario file.

    Raises ConfigurationError for what is neither, and for every fault of what is.
    """
    lines = _lines(path, policy_file)
    if out is None:
        async for line in lines:
            print(json.dumps(line, ensure_ascii=False))
        return
    # An older result stays until the new one is whole.
    scratch = out.with_name(f".{out.name}.new")
    try:
        with scratch.open("w", encoding="utf-8") as target:
            async for line in lines:
                print(json.dumps(line, ensure_ascii=False), file=target)
        scratch.replace(out)
    finally:
        scratch.unlink(missing_ok=True)


async def _lines(path: Path, policy_file: Path | None) -> AsyncIterator[Mapping[str, Any]]:
    policy = load_policy(policy_file)
    if path.is_dir():
        from triage.replay.sets import replay_set

        for verdict in replay_set(path, policy):
            yield verdict
    elif path.suffix in (".yaml", ".yml"):
        from triage.replay.files import replay_file

        async for line in replay_file(path, policy):
            yield line
    elif not path.exists():
        raise ConfigurationError(f"{path} does not exist; name a scenario set's folder or a scenario file (.yaml)")
    else:
        raise ConfigurationError(f"{path} is neither a folder with scenarios.jsonl nor a .yaml scenario file")


def schema_document() -> dict[str, Any]:
    """Input, output, policy (with its defaults) and all reasons, as JSON Schema where there is a model."""
    from triage.cases import Reason
    from triage.model import UnfitReason
    from triage.policy import Policy
    from triage.replay.files import ScenarioFile, line_schema
    from triage.replay.sets import Scenario

    return {
        "scenario_set_line": Scenario.model_json_schema(),
        "scenario_file": ScenarioFile.model_json_schema(),
        "output_line": line_schema(),
        "policy": {"schema": Policy.model_json_schema(), "defaults": load_policy().model_dump(mode="json")},
        "reasons": {"decision": [reason.value for reason in Reason], "unfit": [reason.value for reason in UnfitReason]},
    }
