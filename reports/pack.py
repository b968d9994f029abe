"""Reads an evidence pack into typed values. A pack is a file that may come from anywhere, so it is checked here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, ValidationError, model_validator

from collector.model import Fact, FactKind, FloatArray, Series, Source, TimeArray
from reports.model import ReportError
from triage.evidence import EvidencePack
from triage.model import Cause, Direction, Finding, Scope, Severity, Symptom, VerdictKind
from triage.recompute import FACTS

FORMAT = 1

Words = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))]
"""Free text of the inventory; absent is empty."""
OptionalFloat = Annotated[float | None, BeforeValidator(lambda value: None if value is None else float(value))]


class _Part(BaseModel):
    """Keys that a later version adds are let pass; the pack itself travels along with the report."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class PackIntake(_Part):
    on_site_contact: Words = ""
    access_hours: Words = ""
    access_instructions: Words = ""
    dispatch_consent: bool | None = None
    charges_consent: bool | None = None
    charges_up_to: Words = ""
    consent_by: Words = ""
    intrusive_test_consent: bool | None = None
    intrusive_test_hours: Words = ""
    power_checked: bool | None = None
    rebooted: bool | None = None
    client_reference: Words = ""


class PackClaim(_Part):
    symptom: Symptom
    since: AwareDatetime | None = None
    reported_at: AwareDatetime
    reported_by: Words = ""
    words: Words = ""
    service: Words = ""
    vague_minutes: int = 0
    intake: PackIntake = PackIntake()


class PackCoverage(_Part):
    present: int
    expected: int
    pending: int
    newest: AwareDatetime | None = None


class PackFinding(_Part):
    link: str
    source: Source
    metric: str = ""
    cause: Cause
    direction: Direction
    onset: AwareDatetime
    end: AwareDatetime | None = None
    value: float
    unit: str
    baseline: OptionalFloat = None
    threshold: float
    rule: Words = ""
    statistic: str = ""
    bad_samples: int
    habitual: bool = False

    def finding(self) -> Finding:
        return Finding(**self.model_dump())

    @property
    def counts_facts(self) -> bool:
        """Whether it rests on what a source stated, not on samples."""
        return self.metric.startswith(FACTS)


class PackRunnerUp(_Part):
    cause: Cause
    why_not: str


class PackUtilisation(_Part):
    rx: OptionalFloat = None
    tx: OptionalFloat = None


class PackOption(_Part):
    rank: int
    link: str
    action: str
    fit: bool
    reason: str | None = None
    utilisation_after_pct: PackUtilisation = PackUtilisation()
    metered: bool = False
    shared_fate: bool = False


class PackVerdict(_Part):
    verdict: VerdictKind
    cause: Cause
    scope: Scope
    severity: Severity | None = None
    onset: AwareDatetime | None = None
    end: AwareDatetime | None = None
    link: str | None = None
    direction: Direction = Direction.UNKNOWN
    habitual: bool = False
    coverage: PackCoverage
    rejudge_at: AwareDatetime | None = None
    findings: tuple[PackFinding, ...] = ()
    side_findings: tuple[PackFinding, ...] = ()
    runner_up: PackRunnerUp | None = None
    detectable: Mapping[str, float] = {}
    secondary_fit: bool | None = None
    options: tuple[PackOption, ...] = ()
    policy: str = ""
    baseline: str = ""
    reason: Words = ""


class PackNamed(_Part):
    id: str
    name: Words = ""


class PackSite(PackNamed):
    address: Words = ""
    market: Words = ""
    timezone: str = "UTC"
    access_hours: Words = ""

    @property
    def zone(self) -> ZoneInfo:
        """The site's zone; UTC where the pack names one that does not exist."""
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            return ZoneInfo("UTC")


class PackDevice(_Part):
    id: str
    role: Words = ""
    vendor: Words = ""
    model: Words = ""
    serials: tuple[str, ...] = ()


class PackLink(_Part):
    id: str
    device: Words = ""
    interface: Words = ""
    access: Words = ""
    role: Words = ""
    carrier: Words = ""
    underlying_carrier: Words = ""
    circuit_id: Words = ""
    service_number: Words = ""
    carrier_account: Words = ""
    committed_down_bps: OptionalFloat = None
    committed_up_bps: OptionalFloat = None
    ownership: Words = ""
    metered: bool = False

    @property
    def wireless(self) -> bool:
        return self.access in ("lte", "5g", "satellite")


class PackFact(_Part):
    time: AwareDatetime
    subject: str
    kind: FactKind
    value: str
    source: Source
    received_at: AwareDatetime
    detail: Words = ""

    def fact(self) -> Fact:
        return Fact(**self.model_dump())


class PackSeries(_Part):
    """`seconds` is one slot length for all rows, or one for each."""

    link: str
    source: Source
    seconds: int | tuple[int, ...]
    time: tuple[int, ...]
    received_at: tuple[int, ...] = ()
    fields: Mapping[str, tuple[float | None, ...]]

    @model_validator(mode="after")
    def _columns_are_equally_long(self) -> PackSeries:
        lengths = {len(self.time), *map(len, self.fields.values())}
        if not isinstance(self.seconds, int):
            lengths.add(len(self.seconds))
        if len(lengths) > 1:
            raise ValueError("columns of equal length")
        return self

    @property
    def times(self) -> TimeArray:
        return np.asarray(self.time, dtype=np.int64)

    @property
    def lengths(self) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
        return np.broadcast_to(np.asarray(self.seconds, dtype=np.int32), (len(self.time),))

    def column(self, name: str) -> FloatArray:
        """A field's values, NaN where nothing was measured; all NaN for a field that this source never measured."""
        return _floats(self.fields.get(name, (None,) * len(self.time)))

    def series(self) -> Series:
        """As the collector has it, but for when each sample was received."""
        fields = {name: self.column(name) for name in self.fields}
        return Series(self.link, self.source, self.times, self.lengths, self.times, fields)


class PackBaseline(_Part):
    link: str
    source: Source
    metric: str
    time: tuple[int, ...]
    centre: tuple[float | None, ...]
    upper: tuple[float | None, ...]

    @property
    def times(self) -> TimeArray:
        return np.asarray(self.time, dtype=np.int64)

    @property
    def centres(self) -> FloatArray:
        return _floats(self.centre)

    @property
    def uppers(self) -> FloatArray:
        return _floats(self.upper)


class PackCadence(_Part):
    every: int
    late: int


class PackDocument(_Part):
    """A whole pack, as `triage.evidence.EvidencePack` describes it."""

    format: int
    made_at: AwareDatetime
    software: Mapping[str, str] = {}
    claim: PackClaim | None = None
    verdict: PackVerdict
    client: PackNamed
    site: PackSite
    devices: tuple[PackDevice, ...] = ()
    links: tuple[PackLink, ...] = ()
    cadences: Mapping[str, PackCadence] = {}
    facts: tuple[PackFact, ...] = ()
    series: tuple[PackSeries, ...] = ()
    baselines: tuple[PackBaseline, ...] = ()

    def link(self, ident: str | None) -> PackLink | None:
        return next((link for link in self.links if link.id == ident), None)

    def series_of(self, link: str, source: Source | None = None) -> list[PackSeries]:
        return [one for one in self.series if one.link == link and source in (None, one.source)]


def read_pack(pack: EvidencePack) -> PackDocument:
    """The pack's contents. Raises ReportError for a changed pack, another format, or a key that is not as it should."""
    if not pack.intact:
        raise ReportError(f"the evidence pack {pack.sha256[:16]}... was changed after it was made; use the original")
    try:
        document = PackDocument.model_validate_json(pack.content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the whole file"
        raise ReportError(f"the evidence pack {pack.sha256[:16]} cannot be read at {where}: {first['msg']}") from None
    if document.format != FORMAT:
        raise ReportError(f"the evidence pack has format {document.format}; this version reads format {FORMAT}")
    return document


def window_of(document: PackDocument) -> tuple[datetime, datetime]:
    """From the first sample of the pack to the end of the last, or the minute it was made when there is none."""
    starts = [one.time[0] for one in document.series if one.time]
    ends = [int(one.time[-1]) + int(one.lengths[-1]) * 1000 for one in document.series if one.time]
    first = min(starts, default=None)
    last = max(ends, default=None)
    if first is None or last is None:
        return document.made_at, document.made_at
    return datetime.fromtimestamp(first / 1000, UTC), datetime.fromtimestamp(last / 1000, UTC)


def _floats(values: Sequence[float | None]) -> FloatArray:
    return np.asarray([math.nan if value is None else value for value in values], dtype=np.float64)
