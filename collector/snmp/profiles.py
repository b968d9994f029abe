"""What a profile is: which objects of a make of device say what, and to which devices it applies. Pure.

The files are in `config/profiles/`; `profile_files` reads them, `docs/snmp-profiles.md` says how to write one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from collector.snmp.interfaces import READ_COLUMNS, Column

GENERIC = "if-mib"
"""The profile of any device that has IF-MIB (RFC 2863); it always applies."""

SMALLEST_INTERVAL_MS, LONGEST_INTERVAL_MS = 0.0, 60_000.0
FIELD_RANGES: Mapping[str, tuple[float, float]] = {
    "rssi_dbm": (-130.0, -10.0),
    "rsrp_dbm": (-156.0, -31.0),
    "rsrq_db": (-43.0, 20.0),
    "sinr_db": (-23.0, 40.0),
    "rtt_ms": (SMALLEST_INTERVAL_MS, LONGEST_INTERVAL_MS),
    "jitter_ms": (SMALLEST_INTERVAL_MS, LONGEST_INTERVAL_MS),
    "latency_rx_ms": (SMALLEST_INTERVAL_MS, LONGEST_INTERVAL_MS),
    "latency_tx_ms": (SMALLEST_INTERVAL_MS, LONGEST_INTERVAL_MS),
    "jitter_rx_ms": (SMALLEST_INTERVAL_MS, LONGEST_INTERVAL_MS),
    "jitter_tx_ms": (SMALLEST_INTERVAL_MS, LONGEST_INTERVAL_MS),
    "loss_pct": (0.0, 100.0),
    "loss_rx_pct": (0.0, 100.0),
    "loss_tx_pct": (0.0, 100.0),
    "mos": (1.0, 5.0),
}
"""What a field can be at all; what lies outside was not measured. Radio: the reporting ranges of 3GPP TS 38.133
(SS-RSRP, SS-RSRQ, SS-SINR), which hold those of LTE (TS 36.133); RSSI has none there: a receiver's noise floor to
a transmitter beside it. MOS: ITU-T P.800."""


class Kind(StrEnum):
    GAUGE = "gauge"
    COUNT = "count"


class Holds(StrEnum):
    """What a table's index or column tells of a row, and so of the link that it belongs to."""

    IF_INDEX = "ifindex"
    INTERFACE = "interface"
    """The interface's ifName or ifDescr, or what the inventory calls it."""
    TARGET = "target"
    """The host of the link's probe target, as an address."""
    CARRIER = "carrier"
    """The name of the link's carrier, or of the one whose network it runs on."""


class By(StrEnum):
    INDEX = "index"
    COLUMN = "column"
    CELLULAR = "cellular"
    """The device's single cellular link and the table's single row with a value belong together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One way to tell which row is a link's.

    `column` is the OID of a column with the row's own index; with `via` its value is the index at which the column
    `via` holds what is compared. `pattern` picks its first group out of a text. `address_at` is where in an index,
    counted in sub-identifiers from 0, an InetAddress begins with its length.
    """

    by: By
    holds: Holds = Holds.IF_INDEX
    column: str | None = None
    via: str | None = None
    pattern: re.Pattern[str] | None = None
    address_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Factors:
    """A factor that depends on the row: the value of `column` there names it."""

    column: str
    by_value: Mapping[int, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueSpec:
    """One object. Its value is `number * scale + offset`, in `unit`, if that lies in `lowest..highest`.

    `sentinels` are raw numbers or texts that mean "not measured". `suffix` is what an instance's index ends with
    beyond the row's. `text` picks the number out of a text as its first group. `rows` keeps those rows alone whose
    index, spelled out, it matches. A value without `field` is shown to people and not stored.
    """

    name: str
    oid: str
    field: str | None = None
    unit: str = ""
    meaning: str = ""
    scale: float = 1.0
    factors: Factors | None = None
    offset: float = 0.0
    lowest: float = float("-inf")
    highest: float = float("inf")
    sentinels: tuple[float | str, ...] = ()
    text: re.Pattern[str] | None = None
    suffix: str = ""
    kind: Kind = Kind.GAUGE
    rows: re.Pattern[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """Objects with one index. `relations` are tried in their order; `label` is a column that names a row for people."""

    name: str
    values: tuple[ValueSpec, ...]
    index_is_text: bool = False
    relations: tuple[Relation, ...] = ()
    label: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Applies where every condition given holds; with none it always does.

    `object_id` is a prefix of sysObjectID, `description` is searched in sysDescr, `answers` are objects that must
    answer with a text or number in which the pattern is found.
    """

    object_id: str = ""
    description: re.Pattern[str] | None = None
    answers: tuple[tuple[str, re.Pattern[str]], ...] = ()

    @property
    def rank(self) -> tuple[int, bool, int]:
        """What a device answers when asked says more than its description, that more than its sysObjectID, and a
        longer sysObjectID more than a shorter one."""
        return len(self.answers), self.description is not None, len(self.object_id.split(".")) if self.object_id else 0

    def fits(self, system: System) -> bool:
        """Whether it may apply, before `answers` are asked."""
        prefix = self.object_id.split(".") if self.object_id else []
        if prefix and system.object_id.split(".")[: len(prefix)] != prefix:
            return False
        return self.description is None or self.description.search(system.description) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """What an agent says of itself (SNMPv2-MIB, RFC 3418). Empty where it does not answer."""

    object_id: str = ""
    description: str = ""
    name: str = ""


NOTHING_SAID = System()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    name: str
    about: str = ""
    rules: tuple[Rule, ...] = ()
    columns: tuple[Column, ...] = READ_COLUMNS
    tables: tuple[TableSpec, ...] = ()
    device: tuple[ValueSpec, ...] = ()
    """Scalars of the device as a whole, with their instance (.0)."""


@dataclass(frozen=True, slots=True)
class Profiles:
    """All profiles of an installation, by name; the generic one is always among them."""

    by_name: Mapping[str, Profile] = field(default_factory=dict)

    def candidates(self, system: System) -> list[tuple[Rule, Profile]]:
        """What may apply to this device, the most specific first; names decide between equals."""
        fitting = [(rule, profile) for profile in self.by_name.values() for rule in profile.rules if rule.fits(system)]
        return sorted(fitting, key=lambda each: (tuple(-int(part) for part in each[0].rank), each[1].name))

    def questions(self, system: System) -> tuple[str, ...]:
        """OIDs whose answers decide between the candidates; none where the device is told without them."""
        return tuple(dict.fromkeys(oid for rule, _ in self.candidates(system) for oid, _ in rule.answers))

    def choose(self, system: System, answers: Mapping[str, str] | None = None) -> Profile:
        """The most specific profile of a device; `answers` are the texts of what `questions` named."""
        said = answers or {}
        for rule, profile in self.candidates(system):
            if all(oid in said and pattern.search(said[oid]) for oid, pattern in rule.answers):
                return profile
        return self.by_name[GENERIC]


def of(profiles: Iterable[Profile]) -> Profiles:
    return Profiles({profile.name: profile for profile in profiles})
