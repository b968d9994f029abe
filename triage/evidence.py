"""The evidence pack: all that a verdict rests on, in one canonical JSON document, named by its SHA-256.

Ticket, report and dispute use the same pack; whoever holds it can compute every figure again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class EvidencePack:
    """`content` is the canonical JSON; `sha256` its hex digest.

    Top-level keys: `format` (1), `made_at`, `claim` (or null), `verdict` (as `triage --json`), `client`, `site`,
    `devices`, `links` (inventory excerpts), `policy` (the policy used, in full), `cadences`, `facts`, and
    `series`: a list of {link, source, seconds, unit_by_field, time: [epoch ms], received_at: [epoch ms],
    fields: {name: [number or null]}} over the judged window and the baseline day before it, and
    `baselines`: a list of {link, source, metric, version, time: [epoch ms], centre: [..], upper: [..]} over the window:
    the ordinary values themselves, so that no table of them is needed later.
    """

    content: bytes
    sha256: str

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> EvidencePack:
        content = canonical_json(document)
        return cls(content, hashlib.sha256(content).hexdigest())

    def document(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.content)
        return loaded

    @property
    def intact(self) -> bool:
        return hashlib.sha256(self.content).hexdigest() == self.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing computed or compared again. `used` says from what: the store, the pack, or the records."""

    what: str
    ok: bool
    detail: str
    used: str = "pack"


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    name: str
    media_type: str
    content: bytes


class EvidenceRenderer(Protocol):
    """Turns a pack into what people read. `reports/` implements it; `service/` hands it to the performer."""

    async def render(self, pack: EvidencePack, case: str) -> tuple[EvidenceFile, ...]:
        """The pack's HTML and PDF (same strings in both), and the pack itself as JSON."""


def canonical_json(document: object) -> bytes:
    """UTF-8, keys sorted, no spaces, no NaN: the same document always has the same bytes. Raises ValueError on NaN."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
