"""Profiles as people write them: one YAML file each. Every fault is named with its file and line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from collector.model import FIELDS
from collector.snmp import profiles
from collector.snmp.interfaces import READ_COLUMNS, Column
from collector.snmp.profiles import (
    FIELD_RANGES,
    GENERIC,
    By,
    Factors,
    Holds,
    Kind,
    Profile,
    Profiles,
    Relation,
    Rule,
    TableSpec,
    ValueSpec,
)
from config import __file__ as config_file
from config.errors import ConfigurationError, Fault
from config.expected import one_of
from config.yamlfile import line_of, read_model, read_yaml

SHIPPED = Path(config_file).parent / "profiles"
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+")
_SUFFIX = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*")


def _oid(value: object) -> str:
    if not isinstance(value, str) or not _OID.fullmatch(value):
        raise ValueError("an object identifier such as 1.3.6.1.2.1.1.2.0, without a leading dot")
    return value


def _suffix(value: object) -> str:
    text = str(value) if isinstance(value, int) else value
    if not isinstance(text, str) or not _SUFFIX.fullmatch(text):
        raise ValueError('the end of an index in quotes, such as "2.1"')
    return text


def _pattern(value: object) -> re.Pattern[str]:
    if not isinstance(value, str):
        raise ValueError("a regular expression in quotes")
    try:
        return re.compile(value)
    except re.error as error:
        raise ValueError(f"a regular expression ({error})") from None


def _one_group(value: object) -> re.Pattern[str]:
    pattern = _pattern(value)
    if pattern.groups != 1:
        raise ValueError("a regular expression with one group, which is the part that counts")
    return pattern


Oid = Annotated[str, BeforeValidator(_oid)]
Suffix = Annotated[str, BeforeValidator(_suffix)]
Pattern = Annotated[re.Pattern[str], BeforeValidator(_pattern)]
Picking = Annotated[re.Pattern[str], BeforeValidator(_one_group)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class MatchPart(_Part):
    object: Oid | None = None
    description: Pattern | None = None
    answers: dict[Oid, Pattern] = Field(default_factory=dict)

    def rule(self) -> Rule:
        return Rule(object_id=self.object or "", description=self.description, answers=tuple(self.answers.items()))


class RowPart(_Part):
    """`index: ifindex | interface | target`, or `column: OID` with `holds`, or `cellular: single`."""

    index: Literal["ifindex", "interface", "target"] | None = None
    address_at: Annotated[int, Field(ge=0)] | None = None
    column: Oid | None = None
    via: Oid | None = None
    holds: Holds | None = None
    pattern: Picking | None = None
    cellular: Literal["single"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [self.index, self.column, self.cellular]
        if sum(way is not None for way in ways) != 1:
            raise ValueError("exactly one of index, column, cellular")
        if (self.column is None) != (self.holds is None):
            raise ValueError("holds together with column")
        if self.via is not None and self.column is None:
            raise ValueError("via together with column")
        if (self.index == "target") != (self.address_at is not None):
            raise ValueError("address_at together with index: target")
        return self

    def relation(self) -> Relation:
        if self.cellular:
            return Relation(by=By.CELLULAR)
        if self.column:
            holds = self.holds or Holds.INTERFACE
            return Relation(by=By.COLUMN, holds=holds, column=self.column, via=self.via, pattern=self.pattern)
        return Relation(
            by=By.INDEX, holds=Holds(self.index or Holds.IF_INDEX), pattern=self.pattern, address_at=self.address_at
        )


class FactorsPart(_Part):
    column: Oid
    values: dict[int, float] = Field(min_length=1)


class ValuePart(_Part):
    name: str = Field(min_length=1)
    oid: Oid
    field: str | None = None
    unit: str | None = None
    meaning: str = ""
    scale: float = 1.0
    scale_by: FactorsPart | None = None
    offset: float = 0.0
    lowest: float | None = None
    highest: float | None = None
    sentinels: tuple[float | str, ...] = ()
    text: Picking | None = None
    suffix: Suffix = ""
    kind: Kind = Kind.GAUGE
    rows: Pattern | None = None

    @model_validator(mode="after")
    def _of_a_known_field(self) -> Self:
        if self.field is None:
            return self
        if self.field not in FIELDS:
            raise ValueError(f"field: {one_of(self.field, tuple(FIELDS))}")
        if self.unit is not None and self.unit != FIELDS[self.field]:
            raise ValueError(
                f"unit {FIELDS[self.field]!r}, which is that of {self.field}; scale turns the object's into it"
            )
        return self

    def spec(self) -> ValueSpec:
        lowest, highest = FIELD_RANGES.get(self.field or "", (float("-inf"), float("inf")))
        return ValueSpec(
            name=self.name,
            oid=self.oid,
            field=self.field,
            unit=FIELDS[self.field] if self.field else self.unit or "",
            meaning=self.meaning,
            scale=self.scale,
            factors=Factors(column=self.scale_by.column, by_value=self.scale_by.values) if self.scale_by else None,
            offset=self.offset,
            lowest=lowest if self.lowest is None else self.lowest,
            highest=highest if self.highest is None else self.highest,
            sentinels=self.sentinels,
            text=self.text,
            suffix=self.suffix,
            kind=self.kind,
            rows=self.rows,
        )


class TablePart(_Part):
    name: str = Field(min_length=1)
    rows: tuple[RowPart, ...] = ()
    label: Oid | None = None
    index: Literal["number", "text"] = "number"
    values: tuple[ValuePart, ...]

    @model_validator(mode="after")
    def _fields_need_rows(self) -> Self:
        if not self.values:
            raise ValueError("at least one of values")
        if not self.rows and any(value.field for value in self.values):
            raise ValueError("rows, which say whose link a row with a field is")
        return self

    def spec(self) -> TableSpec:
        return TableSpec(
            name=self.name,
            values=tuple(value.spec() for value in self.values),
            relations=tuple(row.relation() for row in self.rows),
            label=self.label,
            index_is_text=self.index == "text",
        )


class ProfilePart(_Part):
    """A file. With `extends` another profile's columns, tables and device facts come first."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    about: str = ""
    extends: str | None = None
    match: tuple[MatchPart, ...] = ()
    columns: tuple[Column, ...] | None = None
    tables: tuple[TablePart, ...] = ()
    device: tuple[ValuePart, ...] = ()

    @model_validator(mode="after")
    def _device_values_are_no_fields(self) -> Self:
        if any(value.field for value in self.device):
            raise ValueError("device values without field; a field belongs to a link, so to a table with rows")
        if self.columns is not None and not 0 < len(set(self.columns) & set(READ_COLUMNS)) == len(self.columns):
            raise ValueError(f"columns out of {', '.join(READ_COLUMNS)}")
        return self

    def profile(self, base: Profile) -> Profile:
        return Profile(
            name=self.name,
            about=self.about,
            rules=tuple(match.rule() for match in self.match),
            columns=base.columns if self.columns is None else self.columns,
            tables=base.tables + tuple(table.spec() for table in self.tables),
            device=base.device + tuple(value.spec() for value in self.device),
        )


def load_profiles(folder: Path | None = None) -> Profiles:
    """The profiles that ship, and over them those of the installation's own `folder`: one of the same name replaces
    ours. Raises ConfigurationError with every fault of every file."""
    if folder is None:
        return _shipped()
    own = _read(folder)
    if not own:
        raise ConfigurationError(f"{folder} holds no profile; put *.yaml files there or leave the setting out")
    return _joined({**_read(SHIPPED), **own})


@lru_cache(maxsize=1)
def _shipped() -> Profiles:
    return _joined(_read(SHIPPED))


def _read(folder: Path) -> dict[str, tuple[Path, ProfilePart]]:
    """Profiles by name, each with its file."""
    if not folder.is_dir():
        raise ConfigurationError(f"{folder} is no folder; name one that holds profiles")
    parts: dict[str, tuple[Path, ProfilePart]] = {}
    faults: list[Fault] = []
    broken: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            part = read_model(path, ProfilePart)
        except ConfigurationError as error:
            faults += error.faults
            broken.append(str(error))
            continue
        if part.name in parts:
            other = parts[part.name][0].name
            expected = f"a name of its own; {other} has this one"
            faults.append(Fault(str(path), _line(path, "name"), "name", part.name, expected))
            broken.append(f"{path} and {other} have one name")
        parts[part.name] = (path, part)
    if broken:
        raise ConfigurationError("; ".join(broken), faults)
    return parts


def _line(path: Path, key: str) -> int | None:
    return line_of(read_yaml(path)[1], (key,))


def _joined(parts: Mapping[str, tuple[Path, ProfilePart]]) -> Profiles:
    done: dict[str, Profile] = {}

    def resolve(name: str, on_the_way: tuple[str, ...]) -> Profile:
        if name not in done:
            path, part = parts[name]
            base = Profile(name=name)
            if part.extends is not None:
                if part.extends not in parts or part.extends in on_the_way:
                    expected = one_of(part.extends, sorted(set(parts) - set(on_the_way)))
                    fault = Fault(str(path), _line(path, "extends"), "extends", part.extends, expected)
                    raise ConfigurationError(f"{path} extends {part.extends}, which it cannot", [fault])
                base = resolve(part.extends, (*on_the_way, part.extends))
            done[name] = part.profile(base)
        return done[name]

    joined = profiles.of(resolve(name, (name,)) for name in sorted(parts))
    if GENERIC not in joined.by_name:
        raise ConfigurationError(f"no profile is called {GENERIC}; it is what any device is read by")
    return joined
