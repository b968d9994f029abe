"""`lineproof replay`: scenario sets and scenario files to JSON Lines."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from config.errors import ConfigurationError
from triage.policy import Policy
from triage.policy_files import load_policy
from triage.replay.expect import ExpectationError
from triage.replay.files import replay_file


async def replay_to(path: Path, policy_file: Path | None, out: Path | None) -> None:
    """Write one line for each verdict of a set, or for each thing that happened in a scenario file.

    Raises ConfigurationError for what is neither, and for every fault of what is; ExpectationError, when all is
    written, where a scenario file expects something else.
    """
    lines = _lines(path, policy_file)
    if out is None:
        async for line in lines:
            print(json.dumps(line, ensure_ascii=False))
        return
    # An older result stays until the new one is whole.
    scratch = out.with_name(f".{out.name}.new")
    unexpected: ExpectationError | None = None
    try:
        with scratch.open("w", encoding="utf-8") as target:
            try:
                async for line in lines:
                    print(json.dumps(line, ensure_ascii=False), file=target)
            except ExpectationError as error:
                unexpected = error
        scratch.replace(out)
    finally:
        scratch.unlink(missing_ok=True)
    if unexpected is not None:
        raise unexpected


async def _lines(path: Path, policy_file: Path | None) -> AsyncIterator[Mapping[str, Any]]:
    policy = load_policy(policy_file)
    if (path / "scenarios.jsonl").exists():
        from triage.replay.sets import replay_set

        for verdict in replay_set(path, policy):
            yield verdict
    elif path.is_dir():
        async for line in _of_folder(path, policy):
            yield line
    elif path.suffix in (".yaml", ".yml"):
        async for line in replay_file(path, policy):
            yield line
    elif not path.exists():
        raise ConfigurationError(f"{path} does not exist; name a scenario set's folder or a scenario file (.yaml)")
    else:
        raise ConfigurationError(f"{path} is neither a folder with scenarios.jsonl nor a .yaml scenario file")


async def _of_folder(folder: Path, policy: Policy) -> AsyncIterator[Mapping[str, Any]]:
    """Every scenario file below `folder`, each line naming its file; then what was not as expected, of all of them."""
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".yaml", ".yml"))
    if not files:
        raise ConfigurationError(f"{folder} holds neither scenarios.jsonl nor a .yaml scenario file")
    unexpected: list[str] = []
    for path in files:
        try:
            async for line in replay_file(path, policy):
                yield {"file": str(path.relative_to(folder)), **line}
        except ExpectationError as error:
            unexpected.append(str(error))
    if unexpected:
        raise ExpectationError("\n".join([*unexpected, f"{len(unexpected)} of {len(files)} files differ"]))
