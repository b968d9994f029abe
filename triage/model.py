"""The words of triage: claim, finding, verdict, trouble, case, proposal. Frozen values; no I/O, no clock."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from enum import StrEnum

from collector.model import Cadence, Fact, Series, Source
from inventory.model import Client, Device, Link, MaintenanceWindow, Site
from triage.detection.learnt import COMPUTED, Learnt


class Symptom(StrEnum):
    SLOW = "slow"
    DOWN = "down"
    DROPS = "drops"
    VOICE = "voice"


class VerdictKind(StrEnum):
    CONFIRMED = "confirmed"
    RECOVERED = "recovered"
    NOT_SUBSTANTIATED = "not_substantiated"
    INCONCLUSIVE = "inconclusive"


class Cause(StrEnum):
    LINK_DOWN = "link_down"
    SITE_DOWN = "site_down"
    LOSS = "loss"
    LATENCY = "latency"
    JITTER = "jitter"
    SATURATION = "saturation"
    INSTABILITY = "instability"
    FAILOVER = "failover"
    LAN = "lan"
    DEVICE = "device"
    MANAGEMENT_LOST = "management_lost"
    NO_DATA = "no_data"
    NONE = "none"


class Scope(StrEnum):
    LINK = "link"
    SITE = "site"
    CARRIER = "carrier"


class Severity(StrEnum):
    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


class Direction(StrEnum):
    DOWNLOAD = "download"
    UPLOAD = "upload"
    BOTH = "both"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """What a carrier asks before it accepts a repair, as the client said it; hours are of the site's clock.

    Empty and None: nobody has said so yet, which is neither yes nor no.
    """

    on_site_contact: str = ""
    on_site_phone: str = ""
    on_site_email: str = ""
    on_site_hours: str = ""
    access_hours: str = ""
    access_instructions: str = ""
    dispatch_consent: bool | None = None
    """A technician may be sent."""
    charges_consent: bool | None = None
    """The client pays the visit where the fault proves to be its own."""
    charges_up_to: str = ""
    consent_by: str = ""
    """Who gave the consents."""
    intrusive_test_consent: bool | None = None
    """Tests may interrupt the service."""
    intrusive_test_hours: str = ""
    power_checked: bool | None = None
    rebooted: bool | None = None
    client_reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a client reports. `since` None means "now"; times are aware.

    `service` is what is affected (internet, phones), `vague_minutes` how far the client's `since` may be off by what
    was said ("this morning"); both as understood from `words`.
    """

    site: str
    client: str
    symptom: Symptom = Symptom.SLOW
    since: datetime | None = None
    reported_at: datetime
    reported_by: str = ""
    reporter_contact: str = ""
    """The phone number or mail address that the reporter can be reached at."""
    words: str = ""
    service: str = ""
    vague_minutes: int = 0
    intake: Intake = Intake()


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """One link with everything known of it over the window: a Series per source, its facts ascending in time.

    `client` says whose it is, as policies differ by client; `market` where its site is, as carriers fail by market;
    `zone` and `holidays` are its site's, whose days and hours its habits follow. `troubled` are the periods [from, to),
    in epoch milliseconds, of troubles that are already known: what was measured then says nothing of what is ordinary.
    `learnt` is what each source had found ordinary before the judged window.
    """

    link: Link
    series: Sequence[Series]
    facts: Sequence[Fact] = ()
    client: str = ""
    market: str = ""
    zone: tzinfo = UTC
    troubled: Sequence[tuple[int, int]] = ()
    holidays: Collection[date] = ()
    learnt: Mapping[Source, Learnt] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """All that a judgement looks at: the site's links, its devices' facts, and the other sites of its carriers.

    Series reach from the baseline's start to `now`; `cadences` tells which slots can be expected by now.
    """

    site: Site
    client: Client
    devices: Sequence[Device]
    links: Sequence[Measured]
    peers: Sequence[Measured] = ()
    device_facts: Sequence[Fact] = ()
    cadences: Mapping[Source, Cadence] = field(default_factory=dict)
    maintenance: Sequence[MaintenanceWindow] = ()

    @property
    def baseline(self) -> str:
        """The version of the stored baselines that its links are judged by; COMPUTED when by none."""
        versions = {learnt.version for measured in self.links for learnt in measured.learnt.values()}
        return min(versions, default=COMPUTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Slots of the claimed window: `expected` leaves the `pending` ones out; `newest` starts the newest one present."""

    present: int
    expected: int
    pending: int
    newest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One degradation of one link as one source saw it.

    `value` is the statistic compared with `threshold`, both in `unit`, and can be computed again from the samples
    [onset, end) of `link` and `source` in `metric`: `rule` says how, in words.
    """

    link: str
    source: Source
    metric: str
    cause: Cause
    direction: Direction
    onset: datetime
    end: datetime | None
    value: float
    unit: str
    baseline: float | None
    threshold: float
    rule: str
    statistic: str
    """How `value` comes from the samples: `median | mean | max | min | sum | last | share`."""
    bad_samples: int
    habitual: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerUp:
    cause: Cause
    why_not: str


class UnfitReason(StrEnum):
    """Why a link cannot take the traffic over."""

    DOWN = "down"
    DEGRADED = "degraded"
    NO_DATA = "no_data"
    NO_HEADROOM = "no_headroom"
    CAPACITY_UNKNOWN = "capacity_unknown"
    SHARED_FATE = "shared_fate"
    DATA_CAP = "data_cap"
    CONSENT_NEEDED = "consent_needed"
    NOT_LIVE = "not_live"
    NOTHING_TO_RELIEVE = "nothing_to_relieve"


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """A way to relieve the site: send its traffic over `link`. `utilisation_after_pct` None where unknown."""

    rank: int
    link: str
    action: str
    fit: bool
    reason: UnfitReason | None
    utilisation_after_rx_pct: float | None
    utilisation_after_tx_pct: float | None
    metered: bool
    shared_fate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The answer to a claim, or what the machine itself holds to be there (`claim` None).

    `onset`/`end` are the degradation's, not the claim's. `detectable` is the smallest fault of each metric that
    this measurement would have shown. `sources` names the samples relied on.
    """

    verdict: VerdictKind
    cause: Cause
    scope: Scope
    severity: Severity | None
    onset: datetime | None
    end: datetime | None
    site: str
    client: str
    link: str | None
    direction: Direction
    habitual: bool
    coverage: Coverage
    rejudge_at: datetime | None
    findings: tuple[Finding, ...]
    side_findings: tuple[Finding, ...]
    runner_up: RunnerUp | None
    detectable: Mapping[str, float]
    secondary_fit: bool | None
    options: tuple[Option, ...]
    policy: str
    baseline: str = COMPUTED
    """The version of the stored baselines it rests on, `sha256:...`; COMPUTED when from the samples before."""
    reason: str
    """One sentence for a person: why this verdict."""
