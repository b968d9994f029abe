"""Which software judged: its version, and a digest of the rules themselves, as a version may have many builds."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RULES = ("triage/*.py", "triage/detection/*.py", "triage/baselines/*.py", "collector/*.py", "inventory/*.py")
"""Where the rules are that a verdict can depend on."""


def software() -> Mapping[str, str]:
    """`{"lineproof": "1.2.3", "rules": "sha256:..."}`; the digest is over the source files, by their names."""
    return _BEGUN_WITH


def _rules(root: Path) -> str:
    digest = hashlib.sha256()
    for pattern in RULES:
        for path in sorted(root.glob(pattern)):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return f"sha256:{digest.hexdigest()}"


def _version() -> str:
    try:
        return version("lineproof")
    except PackageNotFoundError:
        return "not installed"


_BEGUN_WITH = {"lineproof": _version(), "rules": _rules(Path(__file__).parent.parent)}
"""Read as this process imports its rules: an upgrade beneath a running engine changes the files, and not what the
engine judges by until it is started again."""
