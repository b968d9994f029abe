"""The collector's settings: what a person may write under `snmp`, `traps`, `orchestrators`, `probe`,
`metered` and `store`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyAddress,
    ValidationInfo,
    field_validator,
    model_validator,
)

from collector.model import Cadence, Source
from collector.snmp.agent import AuthProtocol, Community, Credential, PrivProtocol, User
from config.secrets import Secret


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


SHORTEST_PASSWORD = 8
"""RFC 3414, section 11.2."""


class SnmpCredential(_Section):
    """Either a community (SNMP v2c), or a user (SNMP v3) with the protocols and passwords of its level."""

    community: Secret | None = None
    user: str | None = Field(default=None, min_length=1, max_length=32)
    auth: AuthProtocol | None = None
    auth_password: Secret | None = None
    priv: PrivProtocol | None = None
    priv_password: Secret | None = None
    context: str = ""

    @model_validator(mode="after")
    def _one_version_and_a_whole_level(self) -> Self:
        if (self.community is None) == (self.user is None):
            raise ValueError("either a community (v2c) or a user (v3)")
        of_a_user = (self.auth, self.auth_password, self.priv, self.priv_password)
        if self.community is not None and any(each is not None for each in of_a_user):
            raise ValueError("auth and priv belong to a user (v3), not to a community")
        if (self.auth is None) != (self.auth_password is None) or (self.priv is None) != (self.priv_password is None):
            raise ValueError("auth together with auth_password, and priv together with priv_password")
        if self.priv is not None and self.auth is None:
            raise ValueError("auth beside priv: SNMP v3 has no privacy without authentication (RFC 3414)")
        for secret in (self.auth_password, self.priv_password):
            if secret is not None and len(secret.get_secret_value()) < SHORTEST_PASSWORD:
                raise ValueError(f"passwords of at least {SHORTEST_PASSWORD} characters (RFC 3414, section 11.2)")
        return self

    def credential(self) -> Credential:
        """As the poller takes it."""
        if self.community is not None:
            return Community(self.community.get_secret_value().encode())
        return User(
            name=self.user or "",
            auth=self.auth,
            auth_password=self.auth_password.get_secret_value() if self.auth_password else "",
            priv=self.priv,
            priv_password=self.priv_password.get_secret_value() if self.priv_password else "",
            context=self.context,
        )


class SnmpSettings(_Section):
    every: int = Field(default=60, ge=1, description="seconds between two polls of a device")
    timeout: float = Field(default=2.0, gt=0, description="real seconds to wait for an answer")
    retries: int = Field(default=2, ge=0)
    packets_per_second: int = Field(default=20_000, ge=1, description="requests sent in a second, to all devices")
    site_packets_per_second: float = Field(
        default=10.0, gt=0, description="requests sent to one site in a second, retries included"
    )
    profiles: Path | None = Field(default=None, description="a folder of profiles of your own, beside those that ship")
    credentials: dict[str, SnmpCredential] = {}


class TrapSettings(_Section):
    """Receiving traps and informs. Who may send: communities (v1, v2c), and users (v3) by their names under
    `snmp.credentials`."""

    enabled: bool = False
    listen: tuple[IPvAnyAddress, ...] = Field(default=(IPv4Address(0),), min_length=1, description="our addresses")
    port: int = Field(default=162, ge=0, le=65535)
    communities: tuple[Secret, ...] = ()
    users: tuple[str, ...] = ()
    forwarders: tuple[IPvAnyAddress, ...] = Field(
        default=(), description="senders that pass on others' traps; only of theirs is snmpTrapAddress believed"
    )
    per_source: float = Field(
        default=5.0, gt=0, description="datagrams a second from one device, ten times as many once"
    )
    overall: float = Field(default=100.0, gt=0, le=1000, description="notifications a second that are decoded")
    waiting: int = Field(default=1000, ge=1, description="notifications that may wait to be decoded")

    @model_validator(mode="after")
    def _somebody_may_send(self) -> Self:
        if self.enabled and not self.communities and not self.users:
            raise ValueError("communities or users, of which traps are taken; without any none would be")
        return self


class OrchestratorKind(StrEnum):
    VELOCLOUD = "velocloud"
    CATALYST = "catalyst"
    MERAKI = "meraki"


PACE_OF: Mapping[str, Mapping[str, int]] = {
    # Statistics no faster than every ten minutes, in ticks of five that may be ten late (VeloCloud API 5.x). The limit
    # itself is not published; one call a second is far below what operators report.
    OrchestratorKind.VELOCLOUD: {
        "tick": 300, "late": 600, "statistics_every": 600, "calls_per_hour": 3600, "burst": 60,
    },
    # 48 bulk requests a minute since 20.6, two at a time (API guide, "Rate Limits on Results"): 40, and 8 at once.
    # Readings come with the manager's collection, each half hour as far as is known, after half a tick.
    OrchestratorKind.CATALYST: {
        "tick": 600, "late": 2400, "statistics_every": 600, "calls_per_hour": 2400, "burst": 8, "in_flight": 2,
    },
    # 10 calls a second for an organization, 10 more once, of all its applications together (Dashboard API, "Rate
    # Limit"): a fifth of it.
    OrchestratorKind.MERAKI: {
        "tick": 300, "late": 300, "statistics_every": 300, "calls_per_hour": 7200, "burst": 10,
    },
}  # fmt: skip
"""What each vendor's limits and statistics ask for, where the settings say nothing else."""


class OrchestratorSettings(_Section):
    kind: OrchestratorKind = OrchestratorKind.VELOCLOUD
    url: AnyHttpUrl
    token: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    ca_file: Path | None = Field(default=None, description="certificates (PEM) to verify the host's own by")
    states_every: int = Field(default=60, ge=1, description="seconds between two readings of link states")
    statistics_every: int = Field(default=600, ge=1, description="seconds between two readings of statistics")
    tick: int = Field(default=300, ge=60, description="the vendor's statistics interval in seconds")
    late: int = Field(default=600, ge=0, description="seconds after a tick's end until its statistics must be there")
    history_days: float = Field(default=3.0, ge=0, le=14, description="how much of the past is read at first contact")
    calls_per_hour: int = Field(default=3600, ge=60, description="the quota: what we may call at most, all callers")
    burst: int = Field(default=60, ge=4, description="calls of the quota that may be made at once after a pause")
    in_flight: int = Field(default=4, ge=1, description="calls at the same time; the vendors ask for a handful")
    timeout: float = Field(default=60.0, gt=0, description="real seconds to wait for an answer")

    @model_validator(mode="before")
    @classmethod
    def _paced_as_its_vendor_asks(cls, given: object) -> object:
        if not isinstance(given, dict):
            return given
        kind = given.get("kind", OrchestratorKind.VELOCLOUD)
        return {**(PACE_OF.get(kind, {}) if isinstance(kind, str) else {}), **given}

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        by_password = self.username is not None and self.password is not None
        if self.kind is OrchestratorKind.MERAKI and self.token is None:
            raise ValueError("a token, which is the API key of the dashboard")
        if self.kind is OrchestratorKind.CATALYST and (not by_password or self.token is not None):
            raise ValueError("a username and a password")
        if (self.token is None) != by_password:
            raise ValueError("either a token, or a username and a password")
        return self

    @field_validator("url")
    @classmethod
    def _secrets_travel_encrypted(cls, url: AnyHttpUrl) -> AnyHttpUrl:
        if url.username is not None or url.password is not None:
            raise ValueError("a URL without user and password; they have keys of their own: username, password, token")
        if url.scheme == "http" and not is_loopback(url.host or ""):
            raise ValueError("a URL with https://, because token and password are sent there; http:// is for loopback")
        return url

    @field_validator("token", "password", mode="before")
    @classmethod
    def _secrets_stand_elsewhere(cls, value: object, info: ValidationInfo) -> object:
        url = info.data.get("url")
        in_the_open = isinstance(value, str) and not value.startswith(("env:", "file:"))
        if in_the_open and url is not None and not is_loopback(url.host or ""):
            raise ValueError("env:NAME or file:PATH; a secret itself has no place in the settings")
        return value


def is_loopback(host: str) -> bool:
    """Whether a URL's host is this machine's loopback (RFC 1122, 3.2.1.3; RFC 6761, 6.3; RFC 4291, 2.5.3)."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class ProbeSettings(_Section):
    enabled: bool = True
    every: int = Field(default=60, ge=1, description="seconds between two samples")
    packets: int = Field(default=20, ge=1, le=1000, description="packets in a sample, spread over it")
    timeout: float = Field(default=1.0, gt=0, description="real seconds after which a packet counts as lost")


class MeteredSettings(_Section):
    """What SNMP and probes together may take of a metered line in a calendar month (UTC), in both directions."""

    budget_mb: float = Field(default=250.0, gt=0, description="megabytes (10^6) a month and line")
    cap_percent: float = Field(default=5.0, gt=0, le=100, description="and not more than this share of its cap")


class InfluxSettings(_Section):
    url: AnyHttpUrl
    token: Secret | None = None
    org: str = "-"
    bucket: str = "wan/raw"


SMALL_FLEET = 2000
"""Up to so many links, 13 months of raw samples a minute are about 14 GB."""


def raw_days_for(links: int) -> int:
    """How many days of raw samples a fleet keeps by default: 13 months where that is small, else a quarter."""
    return 400 if links <= SMALL_FLEET else 95


class StoreSettings(_Section):
    kind: Literal["embedded", "influx"] = "embedded"
    folder: Path = Path("measurements")
    raw_days: int | None = Field(
        default=None, ge=1, description="days that raw samples are kept; default: 400 up to 2000 links, 95 beyond"
    )
    rollup_days: int = Field(default=761, ge=1, description="days that hourly and daily roll-ups are kept")
    journal_megabytes: int = Field(
        default=4096, ge=16, description="megabytes (10^6) that may wait in the journal for a store that is behind"
    )
    influx: InfluxSettings | None = None

    @model_validator(mode="after")
    def _influx_is_described(self) -> Self:
        if self.kind == "influx" and self.influx is None:
            raise ValueError("a section `influx` with url and token when kind is influx")
        return self

    def raw_days_of(self, links: int) -> int:
        """The days that raw samples are kept, as written or by the number of links."""
        return raw_days_for(links) if self.raw_days is None else self.raw_days


class CollectorSettings(_Section):
    snmp: SnmpSettings = SnmpSettings()
    traps: TrapSettings = TrapSettings()
    orchestrators: dict[str, OrchestratorSettings] = {}
    probe: ProbeSettings = ProbeSettings()
    metered: MeteredSettings = MeteredSettings()
    store: StoreSettings = StoreSettings()
    control_probes: tuple[str, ...] = Field(
        default=(), description="icmp://HOST or udp://HOST:PORT outside, which answer whatever our sites do"
    )

    @field_validator("control_probes")
    @classmethod
    def _targets_that_can_be_probed(cls, targets: tuple[str, ...]) -> tuple[str, ...]:
        for target in targets:
            parts = urlsplit(target)
            if parts.scheme not in ("icmp", "udp") or not parts.hostname or (parts.scheme == "udp") != bool(parts.port):
                raise ValueError(f"icmp://HOST or udp://HOST:PORT; {target!r} is neither")
        return targets

    @model_validator(mode="after")
    def _trap_users_are_described(self) -> Self:
        for name in self.traps.users:
            if name not in self.snmp.credentials or self.snmp.credentials[name].user is None:
                raise ValueError(f"a user (v3) under snmp.credentials for each of traps.users; {name!r} is none")
        return self

    def cadences(self) -> dict[Source, Cadence]:
        """When each source's slots are due. SNMP and probes are late by one poll at most.

        Orchestrators share the shortest of their ticks: a longer one stands for every slot that it spans, and its first
        slots come so much later.
        """
        orchestrators = self.orchestrators.values()
        tick = min((each.tick for each in orchestrators), default=300)
        return {
            Source.SNMP: Cadence(every=self.snmp.every, late=self.snmp.every),
            Source.PROBE: Cadence(every=self.probe.every, late=self.probe.every),
            Source.ORCHESTRATOR: Cadence(
                every=tick,
                late=max(
                    (each.late + each.statistics_every + each.tick - tick for each in orchestrators), default=1200
                ),
            ),
        }
