"""One orchestrator host over HTTP: slots, quota, TLS, log-in, and what becomes of a call that got no answer.

Knows no vendor: what an answer means is told by the `read` that each adapter hands over.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import aiohttp
import structlog
from yarl import URL

from collector.http import SHORTEST_HIDDEN, Answer, verified_tls, whole_answer
from collector.metrics import ORCHESTRATOR_CALLS, ORCHESTRATOR_DAMAGED
from collector.orchestrator.login import Login
from collector.orchestrator.port import OrchestratorError, RateLimitedError, SessionExpiredError
from collector.orchestrator.quota import Quota
from collector.settings import OrchestratorSettings
from config.errors import Blame

Result = TypeVar("Result")

log = structlog.get_logger()

LIMIT_REPEATS = 3
LARGEST_ANSWER = 512 << 20
"""Bytes; some three times what a host with 125,000 links answers. One that sends more is broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`path` follows the host's base, or is a whole URL on that host. `method` is the name that metrics and errors
    show: the vendor's own, without ids."""

    verb: str
    path: str
    method: str
    json: object = None
    form: Mapping[str, str] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


class Host:
    """Sends requests to one host: a few at a time, within the quota, never in a pause that the host asked for."""

    def __init__(self, name: str, settings: OrchestratorSettings, base: str, quota: Quota) -> None:
        """`base` is the URL that relative paths follow. Raises ConfigurationError for an unusable `ca_file`."""
        self.name = name
        port = "" if settings.url.port in (80, 443) else f":{settings.url.port}"
        self.host = f"{settings.url.host}{port}"
        self.quota = quota
        self._base = base.rstrip("/") + "/"
        self._timeout = settings.timeout
        self._tls = verified_tls(settings.ca_file)
        given = [secret.get_secret_value() for secret in (settings.token, settings.password) if secret]
        self._secrets = [secret for secret in given if len(secret) >= SHORTEST_HIDDEN]
        self._slots = asyncio.Semaphore(settings.in_flight)
        # Background calls hold all slots but one, which is for calls that somebody waits for.
        self._background = asyncio.Semaphore(max(1, settings.in_flight - 1))
        self._client: aiohttp.ClientSession | None = None

    async def call(
        self, request: Request, read: Callable[[Answer], Result], login: Login, *, urgent: bool = False
    ) -> Result:
        """Send, with a new log-in and a repeat when the session has expired, and waits and repeats after a 429.

        `read` gives the answer's value or raises SessionExpiredError, RateLimitedError or another OrchestratorError,
        which may quote the answer: a host that echoes our secrets does not bring them into the log.
        """
        try:
            return await self._called(request, read, login, urgent)
        except OrchestratorError as error:
            said = str(error)
            hidden = functools.reduce(lambda text, secret: text.replace(secret, "***"), self._secrets, said)
            if hidden == said:
                raise
            raise type(error)(hidden, retryable=error.retryable, blame=error.blame) from None

    async def _called(self, request: Request, read: Callable[[Answer], Result], login: Login, urgent: bool) -> Result:
        renewed, limited = False, 0
        while True:
            headers, generation = await login.headers()
            answer = await self.send(request, headers, urgent=urgent)
            try:
                return read(answer)
            except SessionExpiredError:
                if renewed or not await login.renew(generation):
                    raise
                renewed = True
            except RateLimitedError:
                if answer.status != 429:
                    await self.quota.limited(answer.retry_after())
                if limited == LIMIT_REPEATS:
                    raise
                limited += 1

    async def send(self, request: Request, headers: Mapping[str, str], *, urgent: bool = False) -> Answer:
        """One request and its answer, whatever its status. Raises OrchestratorError when there was none."""
        if urgent:
            return await self._in_turn(request, headers, urgent)
        async with self._background:
            return await self._in_turn(request, headers, urgent)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _in_turn(self, request: Request, headers: Mapping[str, str], urgent: bool) -> Answer:
        """A slot first and then its token, so that no call sets out in a pause that began while it waited for a slot;
        and no slot is held while waiting for a token."""
        while True:
            async with self._slots:
                wait = await self.quota.take(urgent=urgent)
                if wait == 0.0:
                    return await self._answer(request, headers)
            await asyncio.sleep(wait)

    async def _answer(self, request: Request, headers: Mapping[str, str]) -> Answer:
        try:
            answer = await self._exchange(request, headers)
        except (aiohttp.ClientError, TimeoutError) as error:
            ORCHESTRATOR_CALLS.labels(self.name, request.method, "no_answer").inc()
            raise _connection_error(self.host, request.method, error) from error
        ORCHESTRATOR_CALLS.labels(self.name, request.method, str(answer.status)).inc()
        if answer.status == 429:
            await self.quota.limited(answer.retry_after())
        return answer

    async def _exchange(self, request: Request, headers: Mapping[str, str]) -> Answer:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                cookie_jar=aiohttp.DummyCookieJar(),
                connector=aiohttp.TCPConnector(ssl=self._tls),
            )
        async with self._client.request(
            request.verb,
            self._url(request),
            json=request.json,
            data=request.form,
            params=request.query or None,
            headers={**headers, **request.headers},
            allow_redirects=False,
        ) as response:
            answer = await whole_answer(response, LARGEST_ANSWER)
            if answer is None:
                raise OrchestratorError(
                    f"{self.host} answered {request.method} with more than {LARGEST_ANSWER >> 20} MiB; "
                    "it is left unread, check `url`",
                    blame=Blame.VENDOR,
                )
            return answer

    def _url(self, request: Request) -> URL:
        """Where a request goes: to this host and no other, for token and session go with it."""
        whole = request.path.startswith(("http://", "https://"))
        try:
            url = URL(request.path if whole else self._base + request.path)
            if url.origin() == URL(self._base).origin():
                return url
        except ValueError:
            url = None
        raise OrchestratorError(
            f"{self.host} names {url.host if url else 'no usable address'} as the place to go on with "
            f"{request.method}; nothing is sent there, check the orchestrator's `url`",
            blame=Blame.VENDOR,
        )


def note_damage(orchestrator: str, method: str, fields: int) -> None:
    """Count what was unusable in an answer."""
    if fields:
        ORCHESTRATOR_DAMAGED.labels(orchestrator, method).inc(fields)
        log.debug("damaged_answer", orchestrator=orchestrator, method=method, fields=fields)


def _connection_error(host: str, method: str, error: Exception) -> OrchestratorError:
    if isinstance(error, TimeoutError):
        what = "gave no answer in time; asking again later"
    elif isinstance(error, aiohttp.ClientConnectorCertificateError):
        return OrchestratorError(
            f"{host} shows a certificate we cannot verify for {method}: check `url`, or set `ca_file` to your own CA"
        )
    elif isinstance(error, aiohttp.ClientPayloadError):
        what = "sent half an answer; asking again later"
    elif isinstance(error, aiohttp.ClientConnectorError):
        what = f"cannot be reached ({error.strerror or 'no connection'}); check its address and the way there"
    else:
        what = f"broke off ({type(error).__name__}); asking again later"
    return OrchestratorError(f"{host} {what}: {method}", retryable=True, blame=Blame.LINK)
