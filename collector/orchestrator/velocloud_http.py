"""Calls to a VCO: log-in, limits, and what each kind of answer means. Nothing here knows what the figures mean."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote

import aiohttp

from collector.metrics import ORCHESTRATOR_CALLS
from collector.orchestrator.port import OrchestratorError
from collector.settings import OrchestratorSettings
from config.errors import Blame

SESSION_COOKIE = "velocloud.session"
MESSAGE_COOKIE = "velocloud.message"
LOGINS = ("login/operatorLogin", "login/enterpriseLogin")
LIMIT_REPEATS = 3
REFUSED_FOR = 60.0
"""Seconds for which a refused log-in is not tried again: accounts are locked after a few."""


class SessionExpiredError(OrchestratorError):
    """The host no longer (or not yet) knows our session."""


class RateLimitedError(OrchestratorError):
    """The host asks us to be slower."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def document(host: str, method: str, answer: Answer) -> object:
    """The JSON value of an answer. Pure.

    Raises SessionExpiredError (HTTP 200 with `tokenError`, 401, a redirect to the log-in), RateLimitedError (429),
    or OrchestratorError for everything else that is not a usable answer.
    """
    call = f"{host} answered {method}"
    if answer.status == 429:
        raise RateLimitedError(
            f"{call} with 429: too many calls; asking again after a pause, lower `in_flight` or raise the intervals",
            retryable=True,
            blame=Blame.VENDOR,
        )
    if answer.status in (301, 307, 308):
        where = answer.headers.get("Location", "elsewhere")
        raise OrchestratorError(f"{call} with {answer.status} to {where}: set the orchestrator's `url` to that host")
    if answer.status in (302, 303, 401):
        raise SessionExpiredError(f"{call} with {answer.status}: not logged in; check token or password")
    if answer.status in (403, 404):
        said = "this account may not call it; check its rights" if answer.status == 403 else "check `url`"
        raise OrchestratorError(f"{call} with {answer.status}: {said}")
    value = _json(answer.body)
    error = value.get("error") if isinstance(value, dict) else None
    if isinstance(error, dict):
        _raise_vendor_error(call, answer.status, str(error.get("message", ""))[:200])
    if answer.status >= 500:
        raise OrchestratorError(
            f"{call} with {answer.status}, a fault of its own; asking again later",
            retryable=True,
            blame=Blame.VENDOR,
        )
    if answer.status != 200:
        raise OrchestratorError(f"{call} with {answer.status}, which we do not expect; check `url`", blame=Blame.VENDOR)
    if value is _NOT_JSON:
        _raise_not_json(call, answer.body)
    return value


_NOT_JSON = object()


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _NOT_JSON


def _raise_vendor_error(call: str, status: int, message: str) -> NoReturn:
    if message.startswith("tokenError"):
        raise SessionExpiredError(f"{call} with {message!r}: the session has expired; a token must be made anew")
    if status >= 500:
        raise OrchestratorError(
            f"{call} with {status}, {message!r}, a fault of its own; asking again later",
            retryable=True,
            blame=Blame.VENDOR,
        )
    raise OrchestratorError(f"{call} with {status}, {message!r}; check ids and rights")


def _raise_not_json(call: str, body: bytes) -> NoReturn:
    if body.lstrip()[:1] == b"<":
        what = "an HTML page instead of JSON; check that `url` is the orchestrator and no proxy or log-in page"
    elif not body.strip():
        what = "an empty body; asking again later"
    else:
        what = f"{len(body)} bytes that are no JSON, perhaps half an answer; asking again later"
    raise OrchestratorError(f"{call} with {what}", retryable=True, blame=Blame.VENDOR)


class VcoSession:
    """One host's log-in and its limits, shared by all callers. `penalty` is the real pause after a 429, in seconds.

    The vendor limits calls by a leaky bucket over 5 s and asks for a constant back-off of 5 s, in which nothing
    may be sent, and for a handful of calls in flight.
    """

    def __init__(self, name: str, settings: OrchestratorSettings, *, penalty: float = 5.0) -> None:
        self.name = name
        port = "" if settings.url.port in (80, 443) else f":{settings.url.port}"
        self.host = f"{settings.url.host}{port}"
        self._settings = settings
        self._penalty = penalty
        self._base = str(settings.url).rstrip("/").removesuffix("/rest").removesuffix("/portal") + "/portal/rest/"
        self._slots = asyncio.Semaphore(settings.in_flight)
        self._login_lock = asyncio.Lock()
        self._client: aiohttp.ClientSession | None = None
        self._cookie: str | None = None
        self._generation = 0
        self._quiet_until = 0.0
        self._refusal: OrchestratorError | None = None
        self._refused_until = 0.0
        self._logins: tuple[str, ...] = LOGINS

    async def call(self, method: str, parameters: Mapping[str, object]) -> object:
        """POST one method; logs in and repeats the call when the session has expired, waits and repeats on 429.

        Raises OrchestratorError.
        """
        renewed, limited = False, 0
        while True:
            headers, generation = await self._credentials()
            try:
                return document(self.host, method, await self._post(method, parameters, headers))
            except SessionExpiredError:
                if self._settings.token or renewed:
                    raise
                renewed = True
                await self._renew(generation)
            except RateLimitedError:
                if limited == LIMIT_REPEATS:
                    raise
                limited += 1

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _credentials(self) -> tuple[dict[str, str], int]:
        if self._settings.token is not None:
            return {"Authorization": f"Token {self._settings.token.get_secret_value()}"}, 0
        if self._cookie is None:
            await self._renew(0)
        return {"Cookie": f"{SESSION_COOKIE}={self._cookie}"}, self._generation

    async def _renew(self, generation: int) -> None:
        """Log in unless another caller has done so since `generation`."""
        async with self._login_lock:
            if self._generation != generation:
                return
            if self._refusal is not None and asyncio.get_running_loop().time() < self._refused_until:
                raise self._refusal
            self._cookie = await self._log_in()
            self._generation += 1

    async def _log_in(self) -> str:
        """The session cookie. Operators and customers log in at different methods; the one that worked comes first.

        Success is 200 or 302 with a session cookie; a refusal is 302 with a message cookie instead.
        """
        password = self._settings.password
        body = {"username": self._settings.username, "password": password.get_secret_value() if password else ""}
        said = ""
        for method in self._logins:
            answer = await self._post(method, body, {})
            if answer.status not in (200, 302, 401):
                document(self.host, method, answer)
            cookies = _cookies(answer)
            if cookies.get(SESSION_COOKIE):
                self._logins = (method, *(other for other in LOGINS if other != method))
                self._refusal = None
                return cookies[SESSION_COOKIE]
            said = unquote(cookies.get(MESSAGE_COOKIE, "")).strip()[:200] or said
        self._refusal = OrchestratorError(
            f"{self.host} refused the log-in of {self._settings.username!r}"
            f"{f' ({said})' if said else ''}: check username and password"
        )
        self._refused_until = asyncio.get_running_loop().time() + REFUSED_FOR
        raise self._refusal

    async def _post(self, method: str, parameters: Mapping[str, object], headers: Mapping[str, str]) -> Answer:
        async with self._slots:
            await self._wait_out_penalty()
            try:
                answer = await self._exchange(method, parameters, headers)
            except (aiohttp.ClientError, TimeoutError) as error:
                ORCHESTRATOR_CALLS.labels(self.name, method, "no_answer").inc()
                raise _connection_error(self.host, method, error) from error
            ORCHESTRATOR_CALLS.labels(self.name, method, str(answer.status)).inc()
            if answer.status == 429:
                self._quiet_until = asyncio.get_running_loop().time() + max(self._penalty, _retry_after(answer))
            return answer

    async def _wait_out_penalty(self) -> None:
        loop = asyncio.get_running_loop()
        while (pause := self._quiet_until - loop.time()) > 0:  # noqa: ASYNC110 - others move the end while we sleep
            await asyncio.sleep(pause)

    async def _exchange(self, method: str, parameters: Mapping[str, object], headers: Mapping[str, str]) -> Answer:
        if self._client is None:
            timeout = aiohttp.ClientTimeout(total=self._settings.timeout)
            self._client = aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar())
        url = self._base + method
        async with self._client.post(url, json=parameters, headers=headers, allow_redirects=False) as response:
            return Answer(response.status, response.headers, await response.read())


def _cookies(answer: Answer) -> dict[str, str]:
    """Cookies set by an answer, by name."""
    cookies = {}
    getall = getattr(answer.headers, "getall", None)
    for line in getall("Set-Cookie", []) if getall else []:
        name, _, value = line.split(";", 1)[0].partition("=")
        cookies[name.strip()] = value.strip().strip('"')
    return cookies


def _retry_after(answer: Answer) -> float:
    """Seconds in a Retry-After header, at most five minutes; 0 without one."""
    text = answer.headers.get("Retry-After", "")
    return min(float(text), 300.0) if text.isascii() and text.isdigit() else 0.0


def _connection_error(host: str, method: str, error: Exception) -> OrchestratorError:
    if isinstance(error, TimeoutError):
        what = "gave no answer in time; asking again later"
    elif isinstance(error, aiohttp.ClientConnectorCertificateError):
        return OrchestratorError(f"{host} shows a certificate we cannot verify for {method}: check `url` and its CA")
    elif isinstance(error, aiohttp.ClientPayloadError):
        what = "sent half an answer; asking again later"
    elif isinstance(error, aiohttp.ClientConnectorError):
        what = f"cannot be reached ({error.strerror or 'no connection'}); check its address and the way there"
    else:
        what = f"broke off ({type(error).__name__}); asking again later"
    return OrchestratorError(f"{host} {what}: {method}", retryable=True, blame=Blame.LINK)
