"""An orchestrator's token or password leaves this machine encrypted or not at all."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from collector.settings import OrchestratorSettings


@pytest.mark.parametrize(
    "url",
    ["https://vco.example.net", "http://127.0.0.1:8443", "http://127.9.9.9", "http://localhost:80", "http://[::1]:80"],
)
def test_a_secret_may_travel_encrypted_or_within_this_machine(url: str) -> None:
    assert OrchestratorSettings(url=url, token="t").url  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    ["http://vco.example.net", "http://192.0.2.1", "http://[2001:db8::1]", "http://localhost.example.net",
     "http://127.0.0.1.example.net"],
)  # fmt: skip
@pytest.mark.parametrize("secret", [{"token": "t"}, {"username": "u", "password": "p"}])
def test_a_secret_is_not_sent_in_the_clear_to_another_machine(url: str, secret: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="a URL with https://, because token and password are sent there"):
        OrchestratorSettings(url=url, **secret)  # type: ignore[arg-type]
