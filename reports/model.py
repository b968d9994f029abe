"""What a report says, once: HTML and PDF only lay it out. Every string is final; no view formats a number."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias

from config.errors import LineproofError


class ReportError(LineproofError):
    """A report could not be made; the sentence names what was wrong with its contents or its files."""


class MonthError(ReportError):
    """The month that was asked for is none, or no day of it is over (exit code 2)."""


class Tone(StrEnum):
    """How a statement is coloured. The words carry the meaning; the tone only helps to find them."""

    PLAIN = "plain"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `quote` is somebody's own words, `note` is small print, `code` is to be typed or compared."""

    text: str
    style: Literal["plain", "quote", "note", "code"] = "plain"
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Row:
    """A label and what it says."""

    label: str
    value: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Rows:
    rows: tuple[Row, ...]
    kind: Literal["rows"] = "rows"


@dataclass(frozen=True, slots=True)
class Column:
    """`weight` is the column's share of the width against the others."""

    title: str
    align: Literal["left", "right"] = "left"
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True)
class Table:
    """Each row has as many cells as there are columns; raises ValueError otherwise."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    kind: Literal["table"] = "table"

    def __post_init__(self) -> None:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"a row of the table {self.caption!r} has not {len(self.columns)} cells")


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart as SVG text. `alt` says in words what it shows, for those who do not see it."""

    id: str
    svg: str
    alt: str
    caption: str
    kind: Literal["figure"] = "figure"


Block: TypeAlias = Text | Rows | Table | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """`level` 1 is a chapter, 2 a part of the chapter before it."""

    title: str
    blocks: tuple[Block, ...]
    level: Literal[1, 2] = 1


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that the PDF carries inside. `relationship` (ISO 32000-2, AFRelationship): what the report was made from
    is its source, what restates part of that is data."""

    name: str
    media_type: str
    content: bytes
    description: str
    relationship: Literal["source", "data"] = "source"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`id` names the report in file names; `made_at` dates it, so that the same report always has the same bytes."""

    id: str
    kind: str
    title: str
    subtitle: str
    issuer: str
    headline: str
    tone: Tone
    highlights: tuple[Row, ...]
    """The two to four figures to see first."""
    meta: tuple[Row, ...]
    sections: tuple[Section, ...]
    footnotes: tuple[str, ...]
    footer: str
    made_at: datetime
    attachments: tuple[Attachment, ...] = ()
    """The first is what the report was made from."""
