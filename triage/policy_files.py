"""Policies as files: the shipped ones, and what an installation lays over them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import config
from config.errors import ConfigurationError, Fault
from config.expected import Place
from config.yamlfile import read_yaml
from triage.policy import Policy, checked, with_changes

SHIPPED = Path(config.__file__).parent / "policies"
"""`default.yaml` holds every key; the other files hold overrides for kinds of lines."""
DEFAULT_POLICY = SHIPPED / "default.yaml"


def load_policy(path: Path | None = None) -> Policy:
    """The shipped policy, or with a file the same with the file's keys laid over it.

    Raises ConfigurationError naming every fault of the file with its line.
    """
    return _shipped() if path is None else _laid_over(_shipped().model_dump(mode="json"), path)


@cache
def _shipped() -> Policy:
    policy = _laid_over({}, DEFAULT_POLICY)
    for path in sorted(SHIPPED.glob("*.yaml")):
        if path != DEFAULT_POLICY:
            policy = _laid_over(policy.model_dump(mode="json"), path)
    return policy


def _laid_over(base: Mapping[str, Any], path: Path) -> Policy:
    document, lines = read_yaml(path)
    changes: Any = {} if document is None else document
    if not isinstance(changes, Mapping):
        fault = Fault(str(path), 1, "", str(changes)[:60], "keys with values")
        raise ConfigurationError(f"{path} is no policy", [fault])
    whole = with_changes(base, changes)
    kept = len(whole.get("overrides", ())) - len(changes.get("overrides") or ())
    return checked(whole, str(path), {_moved(place, kept): line for place, line in lines.items()})


def _moved(place: Place, kept: int) -> Place:
    """Where a place of the file stands in the whole: its overrides come after those that it keeps."""
    if len(place) > 1 and place[0] == "overrides" and isinstance(place[1], int):
        return ("overrides", place[1] + kept, *place[2:])
    return place
