"""What went wrong, as a page."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Problem:
    status: int
    sentence: str

    @property
    def title(self) -> str:
        return HTTPStatus(self.status).phrase
