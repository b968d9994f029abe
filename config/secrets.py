"""Secrets in settings: written as `env:NAME`, `file:PATH`, or (for tests and labs) the text itself."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, SecretStr


def _resolved(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if text.startswith("env:"):
        name = text.removeprefix("env:")
        if name not in os.environ:
            raise ValueError(f"the environment variable {name}, which is not set")
        return SecretStr(os.environ[name])
    if text.startswith("file:"):
        path = Path(text.removeprefix("file:"))
        try:
            return SecretStr(path.read_text(encoding="utf-8").strip())
        except OSError as error:
            raise ValueError(f"a readable file: {path}: {error.strerror}") from None
    return secret


Secret = Annotated[SecretStr, AfterValidator(_resolved)]
"""A resolved secret. It prints as asterisks; call `get_secret_value()` only where it is sent."""
