"""What the settings of every ticket system over HTTP have in common: where it is, and how calls identify themselves."""

from __future__ import annotations

import base64
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import (
    AfterValidator,
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from collector.settings import is_loopback

Word = TypeVar("Word", bound=StrEnum)


def _each_has_one(words: dict[Word, str]) -> dict[Word, str]:
    kinds = {type(word) for word in words}
    if len(kinds) != 1 or set(kinds.pop()) != set(words):
        raise ValueError("a word of the system for each of ours")
    return words


Words = Annotated[dict[Word, str], AfterValidator(_each_has_one)]
"""The system's word for each of ours."""


class ServerSettings(BaseModel):
    """Secrets travel encrypted, except to this machine itself, and stand elsewhere: as env:NAME or file:PATH."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: AnyHttpUrl
    ca_file: Path | None = Field(default=None, description="certificates (PEM) to verify the system's own by")
    timeout: float = Field(default=30.0, gt=0, description="real seconds to wait for an answer")

    @field_validator("url", "token_url", check_fields=False)
    @classmethod
    def _secrets_travel_encrypted(cls, url: AnyHttpUrl | None) -> AnyHttpUrl | None:
        if url is None:
            return None
        if url.username is not None or url.password is not None:
            raise ValueError("a URL without user and password; they have keys of their own")
        if url.scheme == "http" and not is_loopback(url.host or ""):
            raise ValueError("a URL with https://, because secrets are sent there; http:// is for loopback")
        return url

    @field_validator("token", "password", "client_secret", mode="before", check_fields=False)
    @classmethod
    def _secrets_stand_elsewhere(cls, value: object, info: ValidationInfo) -> object:
        url = info.data.get("url")
        in_the_open = isinstance(value, str) and not value.startswith(("env:", "file:"))
        if in_the_open and url is not None and not is_loopback(url.host or ""):
            raise ValueError("env:NAME or file:PATH; a secret itself has no place in the settings")
        return value


def basic(user: str, password: SecretStr) -> str:
    """The value of an Authorization header for user and password (RFC 7617)."""
    return "Basic " + base64.b64encode(f"{user}:{password.get_secret_value()}".encode()).decode()
