"""Ticket systems over HTTP: one call with its time limit, log-in, TLS, and what an answer's status means.

Knows no system: paths, bodies and what an answer says are each adapter's.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from pydantic import SecretStr
from yarl import URL

from collector.http import SHORTEST_HIDDEN, Answer, verified_tls, whole_answer
from config.errors import Blame
from triage.tickets.paced import next_request
from triage.tickets.port import TicketError

LARGEST_ANSWER = 64 << 20
"""Bytes: a ticket with its embedded attachments. One that sends more is broken."""
LONGEST_QUOTE = 300
"""Characters of an answer that an error quotes."""
TRY_AGAIN = frozenset({401, 408, 409, 412, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same call can succeed later (RFC 9110, 15.5 and 15.6; RFC 8470; RFC 6585): a secret is
renewed in the settings or there, a conflict is read again."""
DIAGNOSES: Mapping[int, str] = {
    400: "it does not take what we sent; compare its fields with the settings",
    401: "it does not know us; check the secret in the settings, asking again later",
    403: "we may not; give our user the right to do this",
    404: "it is not there; check `url` in the settings",
    409: "it conflicts with what is there; reading it again, later",
    412: "somebody changed it meanwhile; reading it again, later",
    413: "it is too large; raise the system's limit or attach it by hand",
    429: "too many calls; asking again later, lower `calls_per_minute` if this goes on",
}

Shape = TypeVar("Shape")


class HttpLogin(Protocol):
    """How calls identify themselves. `renew` after a 401: True when the call is worth repeating."""

    async def headers(self) -> Mapping[str, str]: ...

    async def renew(self, used: Mapping[str, str]) -> bool: ...


class FixedLogin:
    """Headers that stay: a token, or user and password. Nothing to renew."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = dict(headers)

    async def headers(self) -> Mapping[str, str]:
        return self._headers

    async def renew(self, used: Mapping[str, str]) -> bool:  # noqa: ARG002 - as the protocol says
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """`path` follows the base URL, its parts quoted by `path_of`; empty, it is that URL. `what` names the call in
    errors, such as "creating a ticket". `reads` are statuses beside 2xx whose answer the caller reads itself."""

    verb: str
    path: str
    what: str
    json: object = None
    content: bytes | None = None
    form: Mapping[str, str] | None = None
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    reads: frozenset[int] = frozenset()


def path_of(*parts: str) -> str:
    """A path of these parts, each quoted as a whole: an id with a slash leads nowhere else (RFC 3986, 3.3)."""
    return "/".join(quote(part, safe="") for part in parts)


class TicketHost:
    """Calls one ticket system. Every error is a TicketError that names host and call, and holds no secret."""

    def __init__(
        self,
        url: str,
        login: HttpLogin,
        *,
        timeout: float,
        ca_file: Path | None = None,
        secrets: Sequence[SecretStr] = (),
    ) -> None:
        """`timeout` in seconds. Raises ConfigurationError for an unusable `ca_file`."""
        self._whole = URL(url)
        self._base = URL(url.rstrip("/") + "/")
        self.host = self._base.authority.rpartition("@")[2]
        self._login = login
        self._timeout = timeout
        self._tls = verified_tls(ca_file)
        values = [secret.get_secret_value() for secret in secrets]
        self._secrets = [value for value in values if len(value) >= SHORTEST_HIDDEN]
        self._client: aiohttp.ClientSession | None = None

    async def call(self, call: Call) -> Answer:
        """The answer, of a status in 200..299 or `call.reads`; after a 401 once more with a new log-in, for a call that
        was refused so was not carried out. Raises TicketError for all else."""
        identity = await self._login.headers()
        answer = await self._exchange(call, identity)
        if answer.status == 401 and await self._login.renew(identity):
            answer = await self._exchange(call, await self._login.headers())
        if 200 <= answer.status < 300 or answer.status in call.reads:
            return answer
        raise self.refused(call, answer)

    async def read(self, call: Call, kind: type[Shape]) -> Shape:
        """The JSON of the answer as a value of `kind`, a msgspec type; unknown fields are left out. Raises TicketError
        also where it is of another shape."""
        return self.shaped(call, await self.call(call), kind)

    def shaped(self, call: Call, answer: Answer, kind: type[Shape]) -> Shape:
        """The same of an answer that came already."""
        try:
            return msgspec.json.decode(answer.body, type=kind, strict=False)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise TicketError(
                f"{self.host} answered {call.what} with something else than expected ({self._hidden(str(error))}); "
                "asking again later, check that `url` leads to the interface and no log-in page or proxy",
                retryable=True,
                blame=Blame.VENDOR,
            ) from None

    def refused(self, call: Call, answer: Answer) -> TicketError:
        """The error for an answer's status: what was refused, what the system says, and what to do."""
        if 300 <= answer.status < 400:
            todo = "it sends us elsewhere, where our secret does not go; check `url` in the settings"
        elif answer.status >= 500:
            todo = "a fault of its own; asking again later"
        else:
            todo = DIAGNOSES.get(answer.status, "look there, then try it again by `lineproof ticket outbox`")
        said = self._hidden(" ".join(answer.body[: 4 * LONGEST_QUOTE].decode("utf-8", "replace").split()))
        quoted = f" ({said[:LONGEST_QUOTE]})" if said and not said.startswith("<") else ""
        return TicketError(
            f"{self.host} answered {call.what} with {answer.status}{quoted}: {todo}",
            retryable=answer.status in TRY_AGAIN,
            blame=Blame.VENDOR if answer.status >= 500 or answer.status == 429 else Blame.OURS,
            retry_after=answer.retry_after(),
        )

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _hidden(self, text: str) -> str:
        return functools.reduce(lambda said, secret: said.replace(secret, "***"), self._secrets, text)

    async def _exchange(self, call: Call, identity: Mapping[str, str]) -> Answer:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(ssl=self._tls),
            )
        await next_request()
        try:
            async with self._client.request(
                call.verb,
                self._url(call),
                data=_body(call),
                headers={"Accept": "application/json", **_content_type(call), **identity, **call.headers},
                allow_redirects=False,
            ) as response:
                answer = await whole_answer(response, LARGEST_ANSWER)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise self._no_answer(call, error) from error
        if answer is None:
            raise TicketError(
                f"{self.host} answered {call.what} with more than {LARGEST_ANSWER >> 20} MiB; it is left unread, check "
                "`url`",
                blame=Blame.VENDOR,
            )
        return answer

    def _url(self, call: Call) -> URL:
        url = self._base.join(URL(call.path, encoded=True)) if call.path else self._whole
        if url.origin() != self._base.origin():
            raise TicketError(
                f"{self.host} names {url.host} as the place to go on with {call.what}; nothing is sent there, check "
                "`url` in the settings",
                blame=Blame.VENDOR,
            )
        return url.extend_query(list(call.query)) if call.query else url

    def _no_answer(self, call: Call, error: Exception) -> TicketError:
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return TicketError(
                f"{self.host} shows a certificate we cannot verify for {call.what}: check `url`, or set `ca_file` to "
                "your own CA"
            )
        if isinstance(error, TimeoutError):
            what = f"gave no answer in {self._timeout:g} s; it is looked for what came of it before it is tried again"
        elif isinstance(error, aiohttp.ClientConnectorError):
            what = f"cannot be reached ({error.strerror or 'no connection'}); check its address and the way there"
        else:
            what = f"broke off ({type(error).__name__}); asking again later"
        return TicketError(f"{self.host} {what}: {call.what}", retryable=True, blame=Blame.LINK)


def _body(call: Call) -> io.BytesIO | Mapping[str, str] | None:
    """Sent piece by piece: a file of some megabytes in one piece would hold up everything else."""
    if call.json is not None:
        return io.BytesIO(msgspec.json.encode(call.json))
    return io.BytesIO(call.content) if call.content is not None else call.form


def _content_type(call: Call) -> Mapping[str, str]:
    return {"Content-Type": "application/json"} if call.json is not None else {}
