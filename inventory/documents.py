"""The inventory as a person writes it: what may stand in a YAML file or a CSV row, checked and made into the model.

The keys are the names of `inventory.model`; the values may be written as people write them (`100M`, `50 GB`,
`08:00-18:00`). `config/examples/inventory.example.yaml` lists every key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar, Literal, Self, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from config.expected import Place, expectation, one_of
from config.yamlfile import shown
from inventory.fields import (
    Address,
    Day,
    Host,
    Hours,
    Identifier,
    Listed,
    Mail,
    Moment,
    Money,
    Port,
    ProbeTarget,
    Rate,
    Recurrence,
    Text,
    Volume,
    Zone,
    listed,
)
from inventory.model import (
    Access,
    Client,
    CommandLineAccess,
    Contact,
    Contract,
    Device,
    DeviceRole,
    Impact,
    LifeCycle,
    Link,
    LinkRole,
    MaintenanceSource,
    MaintenanceStatus,
    MaintenanceWindow,
    Monitoring,
    Notice,
    OrchestratorIdentity,
    Ownership,
    ReportWishes,
    Site,
    SnmpAccess,
    Tool,
)

Item = TypeVar("Item")


def _beside(value: Item, other: str, info: ValidationInfo) -> Item:
    """`value`, which makes sense only where the key `other` says something too."""
    if value is not None and info.data.get(other, "") is None:
        raise ValueError(f"`{other}` beside it")
    return value


class Document(BaseModel):
    """A mapping of the file; `made()` is the model's record with the same field names."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)
    record: ClassVar[type]

    @model_validator(mode="before")
    @classmethod
    def _empty_is_left_out(cls, value: object) -> object:
        """A key with nothing behind it, as `contacts:` before its list is written."""
        return {key: part for key, part in value.items() if part is not None} if isinstance(value, dict) else value

    def made(self, **instead: object) -> Any:  # noqa: ANN401 - an instance of `record`
        """The record, with the values of `instead` in place of the document's own."""
        values = {name: _made(getattr(self, name)) for name in type(self).model_fields}
        return self.record(**values | instead)


def _made(value: object) -> object:
    if isinstance(value, Document):
        return value.made()
    return tuple(map(_made, value)) if isinstance(value, tuple) else value


class ContactDocument(Document):
    record = Contact
    name: Text
    role: Text = ""
    phone: Text | None = None
    email: Mail | None = None
    hours: Text | None = None
    escalation_level: int = Field(default=1, ge=1, le=9)
    may_report: bool = False


class ReportWishesDocument(Document):
    record = ReportWishes
    monthly: bool = True
    formats: Listed[Literal["html", "pdf", "xlsx", "json"]] = ("html", "pdf")
    recipients: Listed[Mail] = ()


class ClientDocument(Document):
    record = Client
    id: Identifier
    name: Text = ""
    timezone: Zone = "UTC"
    contacts: tuple[ContactDocument, ...] = ()
    monthly_charge: Money | None = None
    currency: Text = Field(default="USD", pattern=r"^[A-Z]{3}$")
    reports: ReportWishesDocument = ReportWishesDocument()


class SiteDocument(Document):
    """`timezone` is the client's where it is left out."""

    record = Site
    id: Identifier
    client: Identifier
    name: Text = ""
    address: Text = ""
    market: Text = ""
    timezone: Zone | None = None
    business_hours: Hours = ()
    holidays: Listed[Day] = ()
    access_hours: Text = ""
    on_site_contact: ContactDocument | None = None
    aliases: Listed[Text] = ()


class MonitoringDocument(Document):
    record = Monitoring
    subscribed: bool = True
    service: Text = ""
    tools: Listed[Tool] = ()


class SnmpAccessDocument(Document):
    record = SnmpAccess
    credential: Text
    port: Port = 161


class OrchestratorIdentityDocument(Document):
    record = OrchestratorIdentity
    name: Text
    edge_id: Identifier
    enterprise_id: Identifier = ""


class CommandLineAccessDocument(Document):
    record = CommandLineAccess
    credential: Text
    platform: Text
    port: Port = 22


class DeviceDocument(Document):
    record = Device
    id: Identifier
    site: Identifier
    role: DeviceRole
    vendor: Text = ""
    model: Text = ""
    serials: Listed[Text] = ()
    management_address: Host | None = None
    snmp: SnmpAccessDocument | None = None
    orchestrator: OrchestratorIdentityDocument | None = None
    command_line: CommandLineAccessDocument | None = None
    life_cycle: LifeCycle = LifeCycle.LIVE
    monitoring: MonitoringDocument = MonitoringDocument()

    @field_validator("snmp", "command_line")
    @classmethod
    def _has_an_address(cls, value: Item, info: ValidationInfo) -> Item:
        return _beside(value, "management_address", info)


class ContractDocument(Document):
    record = Contract
    start: Day | None = None
    end: Day | None = None
    notice_days: int | None = Field(default=None, ge=0)

    @field_validator("end")
    @classmethod
    def _not_before_its_start(cls, end: date | None, info: ValidationInfo) -> date | None:
        start = info.data.get("start")
        if start and end and end < start:
            raise ValueError(f"a date at or after the start, {start}")
        return end


class LinkDocument(Document):
    record = Link
    id: Identifier
    site: Identifier
    device: Identifier | None = None
    interface: Text | None = None
    orchestrator_link: Text | None = None
    access: Access | None = None
    role: LinkRole = LinkRole.PRIMARY
    probe_target: ProbeTarget | None = None
    next_hop: Address | None = None
    carrier: Text | None = None
    underlying_carrier: Text | None = None
    circuit_id: Text | None = None
    service_number: Text | None = None
    carrier_account: Text | None = None
    carrier_repair_contact: Text | None = None
    committed_down_bps: Rate | None = None
    committed_up_bps: Rate | None = None
    ownership: Ownership = Ownership.PROVIDER
    metered: bool = False
    cap_bytes: Volume | None = None
    monthly_charge: Money | None = None
    contract: ContractDocument = ContractDocument()
    sla_profile: Text | None = None
    last_mile_group: Text | None = None
    life_cycle: LifeCycle = LifeCycle.LIVE
    monitoring: MonitoringDocument = MonitoringDocument()

    @field_validator("interface", "orchestrator_link")
    @classmethod
    def _on_a_device(cls, value: str | None, info: ValidationInfo) -> str | None:
        return _beside(value, "device", info)

    @field_validator("cap_bytes")
    @classmethod
    def _only_when_metered(cls, cap: int | None, info: ValidationInfo) -> int | None:
        if cap is not None and info.data.get("metered") is False:
            raise ValueError("`metered: true` beside a cap")
        return cap


class NoticeDocument(Document):
    record = Notice
    provider: Text = ""
    account: Text = ""
    id: Text = ""
    sequence: int = Field(default=0, ge=0)
    stamp: AwareDatetime | None = None
    circuits: Listed[Text] = ()
    impact: Impact | None = None


class MaintenanceDocument(Document):
    """A time without an offset is in `timezone`, which is that of the sites concerned where it is left out."""

    record = MaintenanceWindow
    id: Identifier
    start: Moment
    end: Moment
    sites: Listed[Identifier] = ()
    links: Listed[Identifier] = ()
    reason: Text = ""
    recurrence: Recurrence = ""
    timezone: Zone | None = None
    source: MaintenanceSource = MaintenanceSource.PERSON
    status: MaintenanceStatus = MaintenanceStatus.CONFIRMED
    notice: NoticeDocument = NoticeDocument()

    @model_validator(mode="after")
    def _names_what_it_touches(self) -> Self:
        if not self.sites and not self.links:
            raise ValueError("sites or links that the work touches")
        return self


SECTIONS: Mapping[str, type[Document]] = {
    "clients": ClientDocument,
    "sites": SiteDocument,
    "devices": DeviceDocument,
    "links": LinkDocument,
    "maintenance": MaintenanceDocument,
}

_REFERENCES = {
    "sites": {"client": "clients"},
    "devices": {"site": "sites"},
    "links": {"site": "sites", "device": "devices"},
    "maintenance": {"sites": "sites", "links": "links"},
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at one place of a document, before its file and line are known."""

    place: Place
    value: str
    expected: str


@dataclass(slots=True)
class Documents:
    """The items of a file, each under its index in its section.

    An item that is wrong in some keys stands here without them, so that its references can be checked too.
    """

    clients: dict[int, ClientDocument] = field(default_factory=dict)
    sites: dict[int, SiteDocument] = field(default_factory=dict)
    devices: dict[int, DeviceDocument] = field(default_factory=dict)
    links: dict[int, LinkDocument] = field(default_factory=dict)
    maintenance: dict[int, MaintenanceDocument] = field(default_factory=dict)


def references(raw: object) -> Iterator[tuple[Place, str, str]]:
    """Every place of a file that names another item, faulty or not, with that item's section and id."""
    for section, keys in _REFERENCES.items():
        for index, item in items_of(raw, section):
            for key, target in keys.items():
                names = listed(item.get(key))
                for name in names if isinstance(names, list) else ():
                    if isinstance(name, str | int):
                        yield (section, index, key), target, str(name).strip()


def items_of(raw: object, section: str) -> Iterator[tuple[int, Mapping[Any, Any]]]:
    """The items of a section of a file that are mappings, with their index."""
    items = raw.get(section) if isinstance(raw, Mapping) else None
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if isinstance(item, Mapping):
            yield index, item


def read_documents(raw: object) -> tuple[Documents, list[Problem]]:
    """The items of a whole file (`{clients: [..], sites: [..], ..}`), and every problem that one has by itself."""
    documents, problems = Documents(), []
    if not isinstance(raw, Mapping):
        return documents, [Problem((), _value((), raw), f"a mapping with {', '.join(SECTIONS)}")]
    for name, items in raw.items():
        if name not in SECTIONS:
            problems.append(Problem((name,), "", one_of(str(name), list(SECTIONS))))
        elif items is not None and not isinstance(items, list):
            problems.append(Problem((name,), _value((name,), items), "a list; begin each item with a dash"))
        else:
            for index, item in enumerate(items or ()):
                document = _read_item(SECTIONS[name], item, (name, index), problems)
                if document is not None:
                    getattr(documents, name)[index] = document
    return documents, problems


def _read_item(kind: type[Document], item: object, place: Place, problems: list[Problem]) -> Document | None:
    try:
        return kind.model_validate(item)
    except ValidationError as error:
        details = error.errors()
    for detail in details:
        where = (*place, *detail["loc"])
        value = "" if detail["type"] == "missing" else _value(where, detail["input"])
        problems.append(Problem(where, value, expectation(detail, kind)))
    wrong = {detail["loc"][0] for detail in details if detail["loc"]}
    if not isinstance(item, dict):
        return None
    try:
        return kind.model_validate({key: value for key, value in item.items() if key not in wrong})
    except ValidationError:
        return None


def _value(place: Place, value: object) -> str:
    """What stands at a place, where that is short enough to be shown."""
    return "" if value is None or isinstance(value, dict | list | Document) else shown(place, value)
