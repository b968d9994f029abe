"""Calls to a VCO: log-in, limits, and what each kind of answer means. Nothing here knows what the figures mean."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NoReturn, TypeVar
from urllib.parse import unquote

from collector.http import Answer
from collector.orchestrator.answers import NOT_JSON, json_value, misshapen, not_json, own_fault
from collector.orchestrator.host import Host, Request, note_damage
from collector.orchestrator.login import KeyLogin, Login, LoginRefusedError, SharedLogin
from collector.orchestrator.port import OrchestratorError, RateLimitedError, SessionExpiredError
from collector.orchestrator.quota import Quota
from collector.orchestrator.record import Rows
from collector.settings import OrchestratorSettings
from config.clock import epoch_ms
from config.errors import Blame

Row = TypeVar("Row")

SESSION_COOKIE = "velocloud.session"
MESSAGE_COOKIE = "velocloud.message"
EXPECTED = "the orchestrator"
LOGINS = ("login/operatorLogin", "login/enterpriseLogin")


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
    value = json_value(answer.body)
    error = value.get("error") if isinstance(value, dict) else None
    if isinstance(error, dict):
        _raise_vendor_error(call, answer.status, str(error.get("message", ""))[:200])
    if answer.status >= 500:
        raise own_fault(call, str(answer.status))
    if answer.status != 200:
        raise OrchestratorError(f"{call} with {answer.status}, which we do not expect; check `url`", blame=Blame.VENDOR)
    if value is NOT_JSON:
        raise not_json(call, answer.body, EXPECTED)
    return value


def listed(host: str, method: str, answer: Answer) -> bytes:
    """The body of an answer that begins as a JSON list, unread; everything else raises, as with `document`. Pure.

    The vendor tells errors in objects alone, so that tens of megabytes of rows need not be looked through for one.
    """
    if answer.status == 200 and answer.body[:64].lstrip()[:1] == b"[":
        return answer.body
    document(host, method, answer)
    raise misshapen(host, method, "a list")


def _raise_vendor_error(call: str, status: int, message: str) -> NoReturn:
    if message.startswith("tokenError"):
        raise SessionExpiredError(f"{call} with {message!r}: the session has expired; a token must be made anew")
    if status >= 500 and "does not have privilege" not in message:
        raise own_fault(call, f"{status}, {message!r}")
    raise OrchestratorError(f"{call} with {status}, {message!r}; check ids and rights")


class VcoSession:
    """Calls to one VCO, by its token or by a session cookie that all callers share.

    The vendor limits calls by a leaky bucket over 5 s and asks for a constant back-off of 5 s, in which nothing
    may be sent, and for a handful of calls in flight.
    """

    def __init__(self, name: str, settings: OrchestratorSettings, quota: Quota) -> None:
        base = str(settings.url).rstrip("/").removesuffix("/rest").removesuffix("/portal") + "/portal/rest"
        self._host = Host(name, settings, base, quota)
        self.name, self.host = name, self._host.host
        self._settings = settings
        self._logins: tuple[str, ...] = LOGINS
        self._login: Login = (
            KeyLogin({"Authorization": f"Token {settings.token.get_secret_value()}"})
            if settings.token
            else SharedLogin(self._log_in)
        )

    async def call(self, method: str, parameters: Mapping[str, object], *, urgent: bool = False) -> object:
        """POST one method and its JSON value; logs in and repeats when the session has expired, waits and repeats on
        429. Raises OrchestratorError."""
        request = Request(verb="POST", path=method, method=method, json=parameters)
        return await self._host.call(
            request, lambda answer: document(self.host, method, answer), self._login, urgent=urgent
        )

    async def rows(
        self,
        method: str,
        parameters: Mapping[str, object],
        read: Callable[[bytes], Rows[Row]],
        *,
        urgent: bool = False,
    ) -> Sequence[Row]:
        """As `call`, for a method that answers a list: its rows, read in another thread, what is unusable counted."""
        request = Request(verb="POST", path=method, method=method, json=parameters)
        body = await self._host.call(
            request, lambda answer: listed(self.host, method, answer), self._login, urgent=urgent
        )
        try:
            return self.counted(method, await asyncio.to_thread(read, body))
        except ValueError:
            raise not_json(f"{self.host} answered {method}", body, EXPECTED) from None

    async def list(self, method: str, parameters: Mapping[str, object], *, urgent: bool = False) -> list[object]:
        """As `call`, for a method that answers a list."""
        answer = await self.call(method, parameters, urgent=urgent)
        if not isinstance(answer, list):
            raise self.misshapen(method, "a list")
        return answer

    def counted(self, method: str, rows: Rows[Row]) -> Sequence[Row]:
        """The rows; what was unusable in the answer is counted."""
        note_damage(self.name, method, rows.damaged)
        return rows.rows

    def misshapen(self, method: str, expected: str) -> OrchestratorError:
        return misshapen(self.host, method, expected)

    async def close(self) -> None:
        await self._host.close()

    async def _log_in(self) -> Mapping[str, str]:
        """The header with the session cookie. Operators and customers log in at different methods; the one that worked
        comes first.

        Success is 200 or 302 with a session cookie; a refusal is 302 with a message cookie instead.
        """
        password = self._settings.password
        body = {"username": self._settings.username, "password": password.get_secret_value() if password else ""}
        said = ""
        for method in self._logins:
            # Urgent: every caller waits for it.
            request = Request(verb="POST", path=method, method=method, json=body)
            answer = await self._host.send(request, {}, urgent=True)
            if answer.status not in (200, 302, 401):
                document(self.host, method, answer)
            cookies = answer.cookies()
            if cookies.get(SESSION_COOKIE):
                self._logins = (method, *(other for other in LOGINS if other != method))
                return {"Cookie": f"{SESSION_COOKIE}={cookies[SESSION_COOKIE]}"}
            said = unquote(cookies.get(MESSAGE_COOKIE, "")).strip()[:200] or said
        raise LoginRefusedError(
            f"{self.host} refused the log-in of {self._settings.username!r}"
            f"{f' ({said})' if said else ''}: check username and password"
        )


def interval(start: datetime, end: datetime) -> dict[str, int]:
    """[start, end) as the vendor takes it: 13-digit epoch milliseconds."""
    return {"start": epoch_ms(start), "end": epoch_ms(end)}


def number(identity: str) -> int:
    """A VCO id as the host wants it. Raises OrchestratorError for one that is no number."""
    if not (identity.isascii() and identity.isdigit()):
        raise OrchestratorError(f"a VeloCloud id is a number, not {identity!r}; correct it in the inventory")
    return int(identity)
