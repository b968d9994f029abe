"""The trouble policy: what counts as a fault. Data, not code; every decision names the hash of the one it used."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from collector.model import Source, TimeArray
from config.errors import ConfigurationError, Fault
from config.expected import Place
from config.yamlfile import faults_of, field_name, line_of
from inventory.model import Access, Link, LinkRole, Ownership
from triage.evidence import canonical_json
from triage.model import Cause, Severity


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
    days_of_a_kind: int = Field(ge=1)
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
    half_life_minutes: float = Field(gt=0)
    same_fate: float = Field(gt=0, le=1)


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
    usual_per_day: float = Field(gt=0)
    significance: float = Field(gt=0, lt=1)


class Limits(_Section):
    latency_ms: float = Field(gt=0)
    jitter_ms: float = Field(gt=0)
    loss_pct: float = Field(gt=0, le=100)
    window_minutes: float = Field(gt=0)


class OptionPolicy(_Section):
    headroom_pct: float = Field(gt=0)
    recent_minutes: float = Field(gt=0)
    settled_minutes: float = Field(gt=0)
    cap_days: float = Field(ge=0)


class SourceOrder(_Section):
    quality: tuple[Source, ...]
    traffic: tuple[Source, ...]


class SeverityPolicy(_Section):
    critical_mos: float
    major_mos: float
    loss_robustness: float = Field(gt=0)


Hour = Annotated[int, Field(ge=0, le=24)]


class UpdateMinutes(_Section):
    critical: float = Field(gt=0)
    major: float = Field(gt=0)
    minor: float = Field(gt=0)


class OutageSeverities(_Section):
    hard_down: Severity
    link_down: Severity


class CasePolicy(_Section):
    quarantine_seconds: float = Field(ge=0)
    outage_quarantine_seconds: float = Field(ge=0)
    recheck_seconds: float = Field(gt=0)
    recheck_most_seconds: float = Field(gt=0)
    recovery_minutes: float = Field(gt=0)
    causes_without_ticket: tuple[Cause, ...]
    resolve_day_minutes: float = Field(gt=0)
    resolve_night_minutes: float = Field(gt=0)
    night_hours: tuple[Hour, Hour]
    resolves_per_day: int = Field(ge=0)
    close_hours: float = Field(gt=0)
    reopen_hours: float = Field(ge=0)
    update_minutes: UpdateMinutes
    carrier_reminder_minutes: float = Field(gt=0)
    severities: OutageSeverities
    reminder_hours: float = Field(gt=0)
    assigned_access: tuple[Access, ...]


class QueuePolicy(_Section):
    queue: str
    day_minutes: float = Field(ge=0)
    night_minutes: float = Field(ge=0)


class HandOverPolicy(_Section):
    carrier_wide: QueuePolicy
    hard_down: QueuePolicy
    link_down: QueuePolicy
    service_affecting: QueuePolicy
    instability: QueuePolicy


class ModemPolicy(_Section):
    mac_prefixes: tuple[Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){2,5}$")], ...]
    wait_minutes: float = Field(gt=0)
    queue: str = Field(min_length=1)


class Where(_Section):
    """Which lines an override is for: every key that is given must hold the line's value."""

    access: tuple[Access, ...] = ()
    ownership: tuple[Ownership, ...] = ()
    role: tuple[LinkRole, ...] = ()
    sla_profile: tuple[str, ...] = ()
    client: tuple[str, ...] = ()
    site: tuple[str, ...] = ()
    link: tuple[str, ...] = ()

    def meets(self, link: Link | None, site: str, client: str) -> bool:
        """Whether it is for this line; without a line, whether it is for the whole site."""
        known: dict[str, object] = {"client": client, "site": site}
        if link is not None:
            known |= {"access": link.access, "ownership": link.ownership, "role": link.role}
            known |= {"sla_profile": link.sla_profile, "link": link.id}
        return all(known.get(name) in wanted for name, wanted in self if wanted)

    @property
    def rank(self) -> int:
        """The more special one is laid over the more general: kind of access, contract, client, site, line."""
        return max((place for place, name in enumerate(_RANKS) if getattr(self, name)), default=0)


_RANKS = ("access", "ownership", "role", "sla_profile", "client", "site", "link")


class Override(_Section):
    """Other values for some lines; `name` is unique."""

    name: str
    where: Where
    change: Mapping[str, Any]


class Policy(_Section):
    """`config/policies/` describes every key with its unit and source."""

    claims: ClaimPolicy
    windows: WindowPolicy
    latency: EffectSize
    jitter: EffectSize
    bad_samples: int = Field(ge=1)
    burst_minutes: float = Field(ge=0)
    loss: LossPolicy
    habitual: HabitualPolicy
    down: DownPolicy
    flapping: FlappingPolicy
    saturation: SaturationPolicy
    traffic_gone: TrafficGonePolicy
    carrier: CarrierPolicy
    limits: Limits
    options: OptionPolicy
    sources: SourceOrder
    severity: SeverityPolicy
    cases: CasePolicy
    hand_over: HandOverPolicy
    modems: ModemPolicy
    overrides: tuple[Override, ...] = ()

    @cached_property
    def document(self) -> dict[str, Any]:
        """All of it as JSON. Whoever changes something copies it first."""
        return self.model_dump(mode="json")

    @cached_property
    def hash(self) -> str:
        """`sha256:` and the hex digest of the policy's canonical JSON."""
        return "sha256:" + hashlib.sha256(canonical_json(self.document)).hexdigest()

    @cached_property
    def taught_by(self) -> str:
        """A digest of all that it says of learning what is ordinary: tables learnt otherwise are of no use to it."""
        said = self.document
        teaching = {name: said[name] for name in _TEACHING}
        changes = [one for one in said["overrides"] if any(name in one["change"] for name in _TEACHING)]
        return hashlib.sha256(canonical_json({**teaching, "overrides": changes})).hexdigest()

    def of(self, link: Link | None, client: str = "", site: str = "") -> Policy:
        """What holds for a line of this client; without a line, for a site. Its hash is not the policy's own."""
        where = link.site if link is not None else site
        asked = tuple(self._said_of(name, link, where, client) for name in self._told_by)
        if asked not in self._known:
            if len(self._known) >= KINDS_KNOWN:
                self._known.clear()
            self._known[asked] = self._laid_over(link, where, client)
        return self._known[asked]

    @staticmethod
    def _said_of(name: str, link: Link | None, site: str, client: str) -> Hashable:
        return (
            site
            if name == "site"
            else client
            if name == "client"
            else link and getattr(link, "id" if name == "link" else name)
        )

    def _laid_over(self, link: Link | None, site: str, client: str) -> Policy:
        chosen = tuple(place for place, one in enumerate(self._ranked) if one.where.meets(link, site, client))
        if chosen not in self._laid:
            laid = self.document | {"overrides": ()}
            for place in chosen:
                laid = overlaid(laid, self._ranked[place].change)
            self._laid[chosen] = Policy.model_validate(laid)
        return self._laid[chosen]

    def variants(self) -> tuple[Policy, ...]:
        """What holds where no override does, and with each one alone."""
        base = self.document | {"overrides": ()}
        changes: list[Mapping[str, Any]] = [{}, *(one.change for one in self.overrides)]
        return tuple(Policy.model_validate(overlaid(base, change)) for change in changes)

    @cached_property
    def _ranked(self) -> tuple[Override, ...]:
        return tuple(sorted(self.overrides, key=lambda one: one.where.rank))

    @cached_property
    def _laid(self) -> dict[tuple[int, ...], Policy]:
        return {}

    @cached_property
    def _told_by(self) -> tuple[str, ...]:
        """By what the overrides tell lines apart."""
        return tuple(sorted({name for one in self.overrides for name, wanted in one.where if wanted}))

    @cached_property
    def _known(self) -> dict[Hashable, Policy]:
        """What holds for the kinds of lines that were asked for before."""
        return {}


KINDS_KNOWN = 10_000
_TEACHING = ("windows", "loss", "traffic_gone")


def policy_hash(policy: Policy) -> str:
    """How every decision names the policy it used."""
    return policy.hash


def merged(policy: Policy, changes: Mapping[str, Any], name: str = "policy") -> Policy:
    """The policy with some keys replaced, sections key by key; `overrides` are added, or replace those of their name.

    Raises ConfigurationError naming every fault.
    """
    return checked(with_changes(policy.model_dump(mode="json"), changes), name, {})


def checked(document: Mapping[str, Any], name: str, lines: Mapping[Place, int]) -> Policy:
    """The policy of a whole document. Raises ConfigurationError naming every fault, those of overrides too."""
    try:
        policy = Policy.model_validate(document)
    except ValidationError as error:
        raise _faulty(faults_of(error, name, lines, Policy), name) from None
    faults = []
    names: set[str] = set()
    for place, override in enumerate(policy.overrides):
        try:
            Policy.model_validate(overlaid(policy.model_dump(mode="json") | {"overrides": ()}, override.change))
        except ValidationError as error:
            for fault in faults_of(error, name, {}):
                where: Place = ("overrides", place, "change", *fault.field.split("."))
                faults.append(replace(fault, line=line_of(lines, where), field=field_name(where)))
        if override.name in names:
            where = ("overrides", place, "name")
            faults.append(Fault(name, line_of(lines, where), field_name(where), override.name, "a name of its own"))
        names.add(override.name)
    if faults:
        raise _faulty(faults, name)
    return policy


def _faulty(faults: list[Fault], name: str) -> ConfigurationError:
    return ConfigurationError(f"{name} has {len(faults)} fault{'s' * (len(faults) != 1)}", faults)


def with_changes(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """As `overlaid`, with overrides added instead of replaced as a whole."""
    result = overlaid(base, changes)
    added = changes.get("overrides")
    if isinstance(added, list | tuple):
        names = {one.get("name") for one in added if isinstance(one, Mapping)}
        result["overrides"] = [*(one for one in base.get("overrides", ()) if one["name"] not in names), *added]
    return result


def overlaid(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A document with some keys replaced; where both sides hold keys, key by key."""
    result = dict(base)
    for key, value in changes.items():
        inner = result.get(key)
        both_maps = isinstance(inner, Mapping) and isinstance(value, Mapping)
        result[key] = overlaid(inner, value) if both_maps else value  # type: ignore[arg-type]
    return result
