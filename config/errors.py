"""The root of our errors. Each port has one family below it; every message says what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Blame(StrEnum):
    """Whose fault an error most likely is; decides who is alarmed."""

    OURS = "ours"
    VENDOR = "vendor"
    LINK = "link"


class LineproofError(Exception):
    """Any failure we foresee. `str(error)` is one clear sentence for a person, without secrets."""

    def __init__(self, message: str, *, retryable: bool = False, blame: Blame = Blame.OURS) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.blame = blame


class NotFoundError(LineproofError):
    """Something that was named does not exist (exit code 3)."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a file: where, what stands there, and what was expected.

    `field` is a dotted path such as `links[2].access`; `line` counts from 1 and is None when unknown.
    """

    file: str
    line: int | None
    field: str
    value: str
    expected: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line is not None else self.file
        parts = (where, self.field, repr(self.value) if self.value else "", f"expected {self.expected}")
        return ": ".join(part for part in parts if part)


class ConfigurationError(LineproofError):
    """A settings, policy or inventory file is wrong; carries every fault at once (exit code 2)."""

    def __init__(self, message: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.faults = tuple(faults)
