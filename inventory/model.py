"""The typed inventory: what a provider has put where, for whom, on whose lines. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import ClassVar, TypeVar
from zoneinfo import ZoneInfo

Item = TypeVar("Item")


class LifeCycle(StrEnum):
    ORDERED = "ordered"
    LIVE = "live"
    SUSPENDED = "suspended"
    RETIRED = "retired"


class DeviceRole(StrEnum):
    SDWAN_EDGE = "sdwan_edge"
    ROUTER = "router"
    FIREWALL = "firewall"
    SWITCH = "switch"
    MODEM = "modem"


class Access(StrEnum):
    DIA = "dia"
    BROADBAND = "broadband"
    DSL = "dsl"
    LTE = "lte"
    FIVE_G = "5g"
    MPLS = "mpls"
    SATELLITE = "satellite"

    @property
    def wireless(self) -> bool:
        """Radio access: wider limits for latency and loss (MEF 23.2 tiers; operators' practice)."""
        return self in (Access.LTE, Access.FIVE_G, Access.SATELLITE)


class LinkRole(StrEnum):
    PRIMARY = "primary"
    SECONDARY = "secondary"
    TERTIARY = "tertiary"
    LAN = "lan"


class Ownership(StrEnum):
    PROVIDER = "provider"
    CLIENT = "client"
    """Bring your own broadband (BYOB): the client holds the contract with the carrier."""


class Tool(StrEnum):
    """What can watch a device or link; also the `source` of its samples."""

    SNMP = "snmp"
    ORCHESTRATOR = "orchestrator"
    PROBE = "probe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    name: str
    role: str = ""
    phone: str | None = None
    email: str | None = None
    hours: str | None = None
    escalation_level: int = 1
    may_report: bool = False
    """Whether this person may open a repair for the client (CPNI: customer proprietary network information)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportWishes:
    monthly: bool = True
    formats: tuple[str, ...] = ("html", "pdf")
    recipients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    id: str
    name: str
    timezone: str = "UTC"
    contacts: tuple[Contact, ...] = ()
    monthly_charge: Decimal | None = None
    currency: str = "USD"
    reports: ReportWishes = ReportWishes()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningHours:
    """Open on `weekday` (0 = Monday), in the site's zone; `closes` at or before `opens` is on the next day."""

    weekday: int
    opens: time
    closes: time


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    id: str
    client: str
    name: str = ""
    address: str = ""
    market: str = ""
    timezone: str = "UTC"
    business_hours: tuple[OpeningHours, ...] = ()
    holidays: tuple[date, ...] = ()
    access_hours: str = ""
    on_site_contact: Contact | None = None
    aliases: tuple[str, ...] = ()
    """Other names people use: store number, phone, service numbers."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitoring:
    """What was promised about watching: `subscribed` or not, under which service name, seen by which tools."""

    subscribed: bool = True
    service: str = ""
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SnmpAccess:
    """Where and how a device answers SNMP. `credential` is the name of a secret in the settings, never the secret."""

    credential: str
    port: int = 161


@dataclass(frozen=True, slots=True, kw_only=True)
class OrchestratorIdentity:
    """What an orchestrator calls this device; ids are unique only within one orchestrator host (`name`).

    `edge_id` is VeloCloud's edge id, Catalyst's device uuid or system IP, Meraki's serial; `enterprise_id` VeloCloud's
    enterprise or Meraki's organisation, empty where the host has one tenant.
    """

    name: str
    edge_id: str
    enterprise_id: str = ""
    __pydantic_config__: ClassVar[dict[str, bool]] = {"coerce_numbers_to_str": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLineAccess:
    """How netmiko reaches a device: its `device_type`, and the name of a secret in the settings."""

    credential: str
    platform: str
    port: int = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A CPE. A high-availability pair is one device with two serials."""

    id: str
    site: str
    role: DeviceRole
    vendor: str = ""
    model: str = ""
    serials: tuple[str, ...] = ()
    management_address: str | None = None
    snmp: SnmpAccess | None = None
    orchestrator: OrchestratorIdentity | None = None
    command_line: CommandLineAccess | None = None
    life_cycle: LifeCycle = LifeCycle.LIVE
    monitoring: Monitoring = Monitoring()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    start: date | None = None
    end: date | None = None
    notice_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One access line of one carrier at one device interface; role `lan` is the device's port towards the site.

    Rates are bit/s; `rx` is download, towards the site. `cap_bytes` is the monthly allowance of a metered line.
    """

    id: str
    site: str
    device: str | None = None
    interface: str | None = None
    orchestrator_link: str | None = None
    """What the device's orchestrator calls the link: VeloCloud's `internalId` (two links of one edge can share a
    logicalId), Catalyst's local colour, Meraki's uplink (`wan1`, `cellular`)."""
    access: Access | None = None
    role: LinkRole = LinkRole.PRIMARY
    probe_target: str | None = None
    """`icmp://HOST` or `udp://HOST:PORT` answered at or behind this line's far end."""
    next_hop: str | None = None
    """The carrier's router address on this line: the next hop of a default route over it."""
    carrier: str | None = None
    underlying_carrier: str | None = None
    circuit_id: str | None = None
    service_number: str | None = None
    carrier_account: str | None = None
    carrier_repair_contact: str | None = None
    committed_down_bps: float | None = None
    committed_up_bps: float | None = None
    ownership: Ownership = Ownership.PROVIDER
    metered: bool = False
    cap_bytes: int | None = None
    monthly_charge: Decimal | None = None
    contract: Contract = Contract()
    sla_profile: str | None = None
    last_mile_group: str | None = None
    """Lines that share a duct, pole or mast carry the same name here and fail together."""
    life_cycle: LifeCycle = LifeCycle.LIVE
    monitoring: Monitoring = Monitoring()

    @property
    def watched(self) -> bool:
        """Only live links under a monitoring obligation are watched."""
        return self.life_cycle is LifeCycle.LIVE and self.monitoring.subscribed

    @property
    def is_wan(self) -> bool:
        return self.role is not LinkRole.LAN

    @property
    def fault_domain(self) -> str | None:
        """The carrier whose network the line really runs on."""
        return self.underlying_carrier or self.carrier


class MaintenanceSource(StrEnum):
    PERSON = "person"
    CALENDAR = "calendar"
    CARRIER = "carrier"


class MaintenanceStatus(StrEnum):
    """Of announced work (NANOG BCOP maintenance notification standard, X-MAINTNOTE-STATUS)."""

    TENTATIVE = "tentative"
    CONFIRMED = "confirmed"
    IN_PROCESS = "in-process"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    RE_SCHEDULED = "re-scheduled"


class Impact(StrEnum):
    """What announced work does to a circuit (NANOG BCOP, X-MAINTNOTE-IMPACT)."""

    NO_IMPACT = "no-impact"
    REDUCED_REDUNDANCY = "reduced-redundancy"
    DEGRADED = "degraded"
    OUTAGE = "outage"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """The announcement that a window came by: a carrier's notice, or an event of a calendar (`id` is its UID).

    A later one has a higher (`sequence`, `stamp`) and replaces it (RFC 5546, 2.1.5). `circuits` are all that it names.
    """

    provider: str = ""
    account: str = ""
    id: str = ""
    sequence: int = 0
    stamp: datetime | None = None
    circuits: tuple[str, ...] = ()
    impact: Impact | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceWindow:
    """Announced work on `sites` or `links` over [start, end), and again by `recurrence`.

    `recurrence` is RFC 5545 text: an RRULE's value, or lines of RRULE, RDATE and EXDATE; empty for work that is done
    once. It follows the wall clock of `timezone`. What a window means: `inventory.maintenance`.
    """

    id: str
    start: datetime
    end: datetime
    sites: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    reason: str = ""
    recurrence: str = ""
    timezone: str = "UTC"
    source: MaintenanceSource = MaintenanceSource.PERSON
    status: MaintenanceStatus = MaintenanceStatus.CONFIRMED
    notice: Notice = Notice()


@dataclass(frozen=True)
class Inventory:
    """Everything at one moment, indexed. Built once, never changed; ids are unique within their kind."""

    clients: Mapping[str, Client] = field(default_factory=dict)
    sites: Mapping[str, Site] = field(default_factory=dict)
    devices: Mapping[str, Device] = field(default_factory=dict)
    links: Mapping[str, Link] = field(default_factory=dict)
    maintenance: tuple[MaintenanceWindow, ...] = ()

    @classmethod
    def of(
        cls,
        clients: Iterable[Client] = (),
        sites: Iterable[Site] = (),
        devices: Iterable[Device] = (),
        links: Iterable[Link] = (),
        maintenance: Iterable[MaintenanceWindow] = (),
    ) -> Inventory:
        return cls(
            {client.id: client for client in clients},
            {site.id: site for site in sites},
            {device.id: device for device in devices},
            {link.id: link for link in links},
            tuple(maintenance),
        )

    @cached_property
    def _links_by_site(self) -> Mapping[str, tuple[Link, ...]]:
        return _grouped(self.links.values(), lambda link: link.site)

    @cached_property
    def _devices_by_site(self) -> Mapping[str, tuple[Device, ...]]:
        return _grouped(self.devices.values(), lambda device: device.site)

    @cached_property
    def _links_by_fault_domain(self) -> Mapping[str, tuple[Link, ...]]:
        carried = [link for link in self.links.values() if link.is_wan and link.fault_domain]
        return _grouped(carried, lambda link: str(link.fault_domain))

    @cached_property
    def _work_on(self) -> Mapping[tuple[str, str], tuple[int, ...]]:
        """Places in `maintenance`, by kind and id of what the work is on."""
        groups: dict[tuple[str, str], list[int]] = {}
        for place, window in enumerate(self.maintenance):
            for name in (*(("site", site) for site in window.sites), *(("link", link) for link in window.links)):
                groups.setdefault(name, []).append(place)
        return {name: tuple(places) for name, places in groups.items()}

    def work_on(self, sites: Iterable[str], links: Iterable[str]) -> list[MaintenanceWindow]:
        """The windows that name any of these sites or links, each once, in their order, whether or not they count."""
        names = (*(("site", site) for site in sites), *(("link", link) for link in links))
        return [self.maintenance[place] for place in sorted({p for name in names for p in self._work_on.get(name, ())})]

    def links_at(self, site: str) -> tuple[Link, ...]:
        """Every link of a site, in the order of the inventory; empty for an unknown site."""
        return self._links_by_site.get(site, ())

    def devices_at(self, site: str) -> tuple[Device, ...]:
        return self._devices_by_site.get(site, ())

    def links_in_fault_domain(self, carrier: str) -> tuple[Link, ...]:
        """Every WAN link that really runs on this carrier's network."""
        return self._links_by_fault_domain.get(carrier, ())

    def watched_links(self) -> tuple[Link, ...]:
        return tuple(link for link in self.links.values() if link.watched)

    def client_of(self, site: str) -> Client:
        """The client of a site. Raises KeyError for an unknown site."""
        return self.clients[self.sites[site].client]


def _grouped(items: Iterable[Item], key: Callable[[Item], str]) -> dict[str, tuple[Item, ...]]:
    groups: dict[str, list[Item]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return {name: tuple(members) for name, members in groups.items()}
