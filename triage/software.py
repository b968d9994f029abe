"""Which software judged: its version, and a digest of the rules themselves, as a version may have many builds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RULES = ("triage/*.py", "triage/detection/*.py", "triage/baselines/*.py", "collector/*.py", "inventory/*.py")
"""Where the rules are that a verdict can depend on."""


@cache
def software() -> Mapping[str, str]:
    """`{"lineproof": "1.2.3", "rules": "sha256:..."}`; the digest is over the source files, by their names."""
    root = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for pattern in RULES:
        for path in sorted(root.glob(pattern)):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return {"lineproof": _version(), "rules": f"sha256:{digest.hexdigest()}"}


def _version() -> str:
    try:
        return version("lineproof")
    except PackageNotFoundError:
        return "not installed"
