"""An inventory in CSV, read into the same document as a YAML file, with the file and line of every value.

A folder holds `clients.csv`, `contacts.csv`, `sites.csv`, `devices.csv`, `links.csv`, `maintenance.csv`, each optional.
Columns are the keys of the YAML file, nested ones with a dot (`contract.end`, `snmp.credential`); lists stand in one
cell as `a | b`; an empty cell is a key left out. A row of `contacts.csv` belongs to the `client` or is the on-site
contact of the `site` it names.

`links.csv`, and a single file of any other name, holds one link a row and may describe the rest beside it: a column
`client` says whose the `site` is, and columns `client.name`, `site.timezone`, `device.role`, ... describe what
`client`, `site` and `device` name. Rows that describe the same thing must agree.

Comma, semicolon and tab are told apart by the header; the text is UTF-8, with or without a byte order mark.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_origin

from pydantic import BaseModel

from config.errors import ConfigurationError, Fault
from config.expected import Place, closest, model_in, one_of
from config.yamlfile import field_name, read_text
from inventory.documents import SECTIONS, ContactDocument
from inventory.model import Inventory

SHEETS = ("clients", "contacts", "sites", "devices", "links", "maintenance")
_DESCRIBED = {"client": "clients", "site": "sites", "device": "devices"}


@dataclass(frozen=True, slots=True)
class _Row:
    """The filled cells of one line, by column."""

    file: str
    line: int
    cells: Mapping[str, str]

    def fault(self, column: str, expected: str) -> Fault:
        return Fault(self.file, self.line, column, self.cells.get(column, ""), expected)


@dataclass(slots=True)
class CsvDocument:
    """What the files say: `document` has the shape of a YAML file, `faults` are those of the CSV itself."""

    document: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {section: [] for section in SECTIONS})
    faults: list[Fault] = field(default_factory=list)
    _origins: dict[Place, tuple[_Row, str]] = field(default_factory=dict)
    _cells: dict[tuple[str, str], tuple[int, dict[str, str]]] = field(default_factory=dict)

    def locate(self, place: Place) -> tuple[str, int | None, str]:
        """The file, line and column of a place of the document."""
        size = next(size for size in range(len(place), -1, -1) if size == 0 or place[:size] in self._origins)
        if size == 0:
            return "", None, field_name(place)
        (row, prefix), rest = self._origins[place[:size]], place[size:]
        if prefix and rest[:1] == ("id",):
            return row.file, row.line, prefix
        above = rest[:1] in (("client",), ("site",))
        return row.file, row.line, field_name(rest if above or not prefix else (prefix, *rest))

    def add(self, section: str, row: _Row) -> None:
        """An item that one row describes."""
        self._put(section, row.cells, row, "")

    def add_contact(self, row: _Row) -> None:
        """A contact of the client, or the on-site contact of the site, that stands in this document."""
        owner = "client" if "client" in row.cells else "site"
        found = self._cells.get((_DESCRIBED[owner], row.cells.get(owner, "")))
        if found is None or {"client", "site"} <= set(row.cells):
            self.faults.append(row.fault(owner, "either a client or a site that is described in these files"))
            return
        contact = _nested({column: cell for column, cell in row.cells.items() if column != owner})
        item = self.document[_DESCRIBED[owner]][found[0]]
        if owner == "site":
            item["on_site_contact"] = contact
            self._origins["sites", found[0], "on_site_contact"] = (row, "")
        else:
            contacts = item.setdefault("contacts", [])
            self._origins["clients", found[0], "contacts", len(contacts)] = (row, "")
            contacts.append(contact)

    def add_link(self, row: _Row, known: Inventory) -> None:
        """A link, and whatever its row says about its client, site and device."""
        beside = {
            name: {
                column.partition(".")[2]: cell for column, cell in row.cells.items() if column.startswith(name + ".")
            }
            for name in _DESCRIBED
        }
        client, site, device = (row.cells.get(name) for name in _DESCRIBED)
        for name, described in beside.items():
            if described and name not in row.cells:
                self.faults.append(row.fault(name, f"the id of what {name}.{next(iter(described))} describes"))
        if client and (beside["client"] or (client not in known.clients and ("clients", client) not in self._cells)):
            self._describe("client", client, beside["client"], row)
        if site and (beside["site"] or (client and site not in known.sites)):
            self._describe("site", site, beside["site"] | ({"client": client} if client else {}), row)
        elif site and client and known.sites[site].client != client:
            self.faults.append(row.fault("client", f"{known.sites[site].client}, whose site {site} is"))
        if device and beside["device"]:
            self._describe("device", device, beside["device"] | ({"site": site} if site else {}), row)
        own = {name: cell for name, cell in row.cells.items() if name != "client" and name.split(".")[0] not in beside}
        own |= {name: cell for name, cell in (("site", site), ("device", device)) if cell}
        self._put("links", own, row, "")

    def _describe(self, name: str, described: str, cells: Mapping[str, str], row: _Row) -> None:
        section = _DESCRIBED[name]
        if (section, described) not in self._cells:
            self._put(section, {"id": described, **cells}, row, name)
            return
        index, present = self._cells[section, described]
        earlier = self._origins[section, index][0]
        for column, cell in cells.items():
            if present.setdefault(column, cell) != cell:
                where = column if column in _DESCRIBED else f"{name}.{column}"
                expected = f"{present[column]}, as {earlier.file}:{earlier.line} says of {described}"
                self.faults.append(Fault(row.file, row.line, where, cell, expected))
        self.document[section][index] |= _nested(present)

    def _put(self, section: str, cells: Mapping[str, str], row: _Row, prefix: str) -> None:
        index = len(self.document[section])
        self.document[section].append(_nested(cells))
        self._origins[section, index] = (row, prefix)
        self._cells.setdefault((section, cells.get("id", "")), (index, dict(cells)))


def read_csv(path: Path, known: Inventory) -> CsvDocument:
    """A CSV file, or a folder of them. Raises ConfigurationError where there is no text to read at all."""
    files = [path / f"{sheet}.csv" for sheet in SHEETS] if path.is_dir() else [path]
    files = [file for file in files if not path.is_dir() or file.exists()]
    if not files:
        raise ConfigurationError(f"{path} holds none of {', '.join(sheet + '.csv' for sheet in SHEETS)}")
    result = CsvDocument()
    contacts: list[_Row] = []
    for file in files:
        sheet = file.stem if file.stem in SHEETS else "links"
        for row in _rows(file, _columns(sheet), result.faults):
            if sheet == "contacts":
                contacts.append(row)
            elif sheet == "links":
                result.add_link(row, known)
            else:
                result.add(sheet, row)
    for row in contacts:
        result.add_contact(row)
    return result


def _rows(file: Path, columns: tuple[str, ...], faults: list[Fault]) -> Iterator[_Row]:
    """Each line with its filled cells in known columns; what is wrong with the CSV goes to `faults`."""
    text = read_text(file)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header, line = None, 1
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                pass
            elif header is None:
                header = [cell.strip() for cell in cells]
                faults += _header_faults(str(file), line, header, columns)
            elif len(cells) != len(header):
                faults.append(Fault(str(file), line, "", f"{len(cells)} cells", f"{len(header)}, as the header has"))
            else:
                filled = [(name, cell.strip()) for name, cell in zip(header, cells, strict=True) if cell.strip()]
                faults += [
                    Fault(str(file), line, "", cell, "a name over its column") for name, cell in filled if not name
                ]
                yield _Row(str(file), line, {name: cell for name, cell in filled if name in columns})
            line = reader.line_num + 1
    except csv.Error as error:
        faults.append(Fault(str(file), line, "", "", f"CSV ({error})"))
    if header is None:
        faults.append(Fault(str(file), 1, "", "", f"a header line such as {', '.join(columns[:4])}"))


def _header_faults(file: str, line: int, header: list[str], columns: tuple[str, ...]) -> Iterator[Fault]:
    for index, name in enumerate(header):
        guess = closest(name, columns)
        if name and name not in columns:
            yield Fault(
                file, line, name, "", f"a known column; did you mean {guess}?" if guess else one_of(name, columns)
            )
        elif name and name in header[:index]:
            yield Fault(file, line, name, "", "each column once")


def _columns(sheet: str) -> tuple[str, ...]:
    """The columns that a sheet may have."""
    if sheet == "contacts":
        return ("client", "site", *_columns_of(ContactDocument))
    own = tuple(_columns_of(SECTIONS[sheet]))
    if sheet != "links":
        return own
    beside = (
        f"{name}.{column}"
        for name, section in _DESCRIBED.items()
        for column in _columns_of(SECTIONS[section])
        if column not in ("id", "client", "site")
    )
    return (*own, "client", *beside)


def _columns_of(document: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, info in document.model_fields.items():
        nested = model_in(info.annotation)
        if nested is None:
            yield prefix + name
        elif get_origin(info.annotation) is not tuple:
            yield from _columns_of(nested, f"{prefix}{name}.")


def _nested(cells: Mapping[str, str]) -> dict[str, Any]:
    """`{"contract.end": x}` as `{"contract": {"end": x}}`."""
    document: dict[str, Any] = {}
    for column, cell in cells.items():
        *outer, last = column.split(".")
        here = document
        for name in outer:
            here = here.setdefault(name, {})
        here[last] = cell
    return document
