"""What went wrong, as a page."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from config.errors import ConfigurationError, LineproofError


@dataclass(frozen=True, slots=True)
class Problem:
    status: int
    sentence: str

    @property
    def title(self) -> str:
        return HTTPStatus(self.status).phrase


def sentence_of(error: LineproofError) -> str:
    """The error's sentence, with what is wrong in which file where it knows."""
    if isinstance(error, ConfigurationError) and error.faults:
        return f"{error}: {'; '.join(str(fault) for fault in error.faults)}"
    return str(error)
