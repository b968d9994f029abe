"""The trouble policy: what counts as a fault. Data, not code; every decision names the hash of the one it used."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import config
from collector.model import Source, TimeArray
from config.errors import ConfigurationError
from config.yamlfile import faults_of, read_model
from inventory.model import Access
from triage.evidence import canonical_json
from triage.model import Cause

DEFAULT_POLICY = Path(config.__file__).parent / "policies" / "default.yaml"


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ClaimPolicy(_Section):
    search_margin_minutes: float = Field(ge=0)
    max_age_days: float = Field(gt=0)
    recovered_after_minutes: float = Field(ge=0)
    minimum_coverage: float = Field(gt=0, le=1)
    pending_minutes: float = Field(ge=0)
    onset_slack_minutes: float = Field(ge=0)
    covered_share: float = Field(gt=0, le=1)
    carrying_pct: float = Field(ge=0)


class WindowPolicy(_Section):
    lookback_minutes: float = Field(ge=0)
    sweep_minutes: float = Field(gt=0)
    baseline_days: float = Field(gt=0)
    time_of_day_minutes: float = Field(gt=0, le=720)
    global_weight: float = Field(ge=0)
    thin_samples: int = Field(ge=1)
    join_minutes: float = Field(gt=0)


class EffectSize(_Section):
    """A relative fault is at least all of these above the baseline."""

    minimum: float = Field(gt=0)
    share: float = Field(ge=0)
    daily_share: float = Field(ge=0)
    spreads: float = Field(ge=0)


class LossPolicy(_Section):
    minimum_pct: float = Field(gt=0, le=100)
    evidence: float = Field(gt=0)
    packets_probe: int = Field(ge=1)
    packets_other: int = Field(ge=1)


class HabitualPolicy(_Section):
    limit_share: float = Field(gt=0, le=1)
    alike: float = Field(gt=0, le=1)
    per_day: float = Field(gt=0)
    brief_samples: float = Field(ge=0)
    brief_per_day: float = Field(gt=0)

    def is_habitual(self, count: int, times: TimeArray, *, brief: bool) -> bool:
        """Whether `count` like events over the span of `times` (epoch milliseconds, not empty) are an everyday thing.

        A brief event is weak evidence, so fewer of its like excuse it.
        """
        days = max(1.0, float(times[-1] - times[0]) / 86_400_000)
        return count / days >= (self.brief_per_day if brief else self.per_day)


class DownPolicy(_Section):
    loss_pct: float = Field(gt=0, le=100)
    minimum_seconds: float = Field(gt=0)


class FlappingPolicy(_Section):
    changes: int = Field(ge=2)
    changes_with_loss: int = Field(ge=1)
    join_minutes: float = Field(gt=0)
    dispersion: float = Field(gt=1)


class SaturationPolicy(_Section):
    utilisation_pct: float = Field(gt=0, le=100)
    suffering: float = Field(ge=0)
    minimum_minutes: float = Field(ge=0)


class TrafficGonePolicy(_Section):
    factor: float = Field(gt=1)
    spreads: float = Field(ge=0)
    minimum_bps: float = Field(ge=0)
    moved_share: float = Field(gt=0, le=1)
    ill_share: float = Field(gt=0, le=1)


class CarrierPolicy(_Section):
    minimum_sites: int = Field(ge=1)
    onset_minutes: float = Field(gt=0)
    chance: float = Field(gt=0, lt=1)
    significance: float = Field(gt=0, lt=1)


class Limits(_Section):
    latency_ms: float = Field(gt=0)
    jitter_ms: float = Field(gt=0)
    loss_pct: float = Field(gt=0, le=100)
    window_minutes: float = Field(gt=0)


class AccessLimits(_Section):
    wired: Limits
    wireless: Limits


class OptionPolicy(_Section):
    headroom_pct: float = Field(gt=0)
    recent_minutes: float = Field(gt=0)
    cap_days: float = Field(ge=0)


class SourceOrder(_Section):
    quality: tuple[Source, ...]
    traffic: tuple[Source, ...]


class SeverityPolicy(_Section):
    critical_mos: float
    major_mos: float
    loss_robustness: float = Field(gt=0)


class CasePolicy(_Section):
    quarantine_seconds: float = Field(ge=0)
    recheck_seconds: float = Field(gt=0)
    recovery_minutes: float = Field(gt=0)
    causes_without_ticket: tuple[Cause, ...]


class Policy(_Section):
    """`config/policies/default.yaml` describes every key with its unit and source."""

    claims: ClaimPolicy
    windows: WindowPolicy
    latency: EffectSize
    jitter: EffectSize
    bad_samples: int = Field(ge=1)
    loss: LossPolicy
    habitual: HabitualPolicy
    down: DownPolicy
    flapping: FlappingPolicy
    saturation: SaturationPolicy
    traffic_gone: TrafficGonePolicy
    carrier: CarrierPolicy
    access: AccessLimits
    options: OptionPolicy
    sources: SourceOrder
    severity: SeverityPolicy
    cases: CasePolicy

    @cached_property
    def hash(self) -> str:
        """`sha256:` and the hex digest of the policy's canonical JSON."""
        return "sha256:" + hashlib.sha256(canonical_json(self.model_dump(mode="json"))).hexdigest()

    def limits(self, access: Access | None) -> Limits:
        """The limits of an access type; unknown counts as wired."""
        return self.access.wireless if access is not None and access.wireless else self.access.wired


def policy_hash(policy: Policy) -> str:
    """How every decision names the policy it used."""
    return policy.hash


def load_policy(path: Path | None = None) -> Policy:
    """The policy of a YAML file, the shipped one by default. Raises ConfigurationError naming every fault."""
    return read_model(path or DEFAULT_POLICY, Policy)


def merged(policy: Policy, changes: Mapping[str, Any], name: str = "policy") -> Policy:
    """The policy with some keys replaced, sections key by key. Raises ConfigurationError naming every fault."""
    try:
        return Policy.model_validate(_overlaid(policy.model_dump(mode="json"), changes))
    except ValidationError as error:
        faults = faults_of(error, name, {})
        raise ConfigurationError(f"{name} has {len(faults)} fault{'s' * (len(faults) != 1)}", faults) from None


def _overlaid(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in changes.items():
        inner = result.get(key)
        both_maps = isinstance(inner, Mapping) and isinstance(value, Mapping)
        result[key] = _overlaid(inner, value) if both_maps else value  # type: ignore[arg-type]
    return result
