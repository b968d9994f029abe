"""What all calls over HTTP have in common, whoever is called: an answer, read to its end and no further; TLS."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy

from collector.orchestrator.quota import LONGEST_QUIET
from config.errors import ConfigurationError

SHORTEST_HIDDEN = 5
"""Characters. Shorter secrets are parts of ordinary words, and no secrets."""
NO_HEADERS: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came; a header may stand several times."""

    status: int
    headers: CIMultiDictProxy[str]
    body: bytes

    def cookies(self) -> dict[str, str]:
        """Cookies that it sets, by name."""
        pairs = (line.split(";", 1)[0].partition("=") for line in self.headers.getall("Set-Cookie", []))
        return {name.strip(): value.strip().strip('"') for name, _, value in pairs}

    def retry_after(self) -> float:
        """Seconds of a Retry-After header (RFC 9110, 10.2.3), at most five minutes; 0 without a usable one.

        A date there is compared with the answer's own Date: both are of the host's clock, which may differ from ours.
        """
        text = self.headers.get("Retry-After", "").strip()
        if text.isascii() and text.isdigit():
            return min(float(text), LONGEST_QUIET)
        try:
            then, now = (parsedate_to_datetime(each) for each in (text, self.headers.get("Date", "")))
            return min(max(0.0, (then - now).total_seconds()), LONGEST_QUIET)
        except (ValueError, TypeError):
            return 0.0


async def whole_answer(response: aiohttp.ClientResponse, largest: int) -> Answer | None:
    """The answer with its body; None for one of more than `largest` bytes (after decompression), whose rest is left
    unread."""
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > largest:
            return None
    return Answer(response.status, response.headers, bytes(body))


def verified_tls(ca_file: Path | None) -> ssl.SSLContext | bool:
    """Certificates are always verified: against `ca_file` where there is one, else against the system's.

    Raises ConfigurationError for a file that cannot be used.
    """
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"ca_file {ca_file} holds no certificates that can be read: {error}") from None
