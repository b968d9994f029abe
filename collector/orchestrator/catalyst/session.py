"""Calls to a Catalyst SD-WAN Manager: log-in, log-out, limits, pages, and what each kind of answer means."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import NoReturn, TypeVar

import msgspec
import structlog

from collector.http import Answer
from collector.orchestrator.answers import NOT_JSON, in_a_circle, json_value, misshapen, not_json, own_fault
from collector.orchestrator.catalyst.columns import decoded
from collector.orchestrator.host import Host, Request, note_damage
from collector.orchestrator.login import LoginRefusedError, SharedLogin
from collector.orchestrator.port import OrchestratorError, RateLimitedError, SessionExpiredError
from collector.orchestrator.quota import Quota
from collector.orchestrator.record import Record, Rows
from collector.settings import OrchestratorSettings
from config.errors import Blame

Row = TypeVar("Row")

log = structlog.get_logger()

LOG_IN, TOKEN, LOG_OUT = "j_security_check", "dataservice/client/token", "logout"
SESSION_COOKIE = "JSESSIONID"
LOG_OUT_WITHIN = 10.0
"""Seconds that closing waits for the log-out at most."""
MOST_PAGES = 1000
MOST_AT_ONCE = 2
"""The vendor takes two bulk requests at a time ("Rate Limits on Results" of its API guide)."""


def document(host: str, method: str, answer: Answer, keys: tuple[str, ...] = ()) -> object:
    """The JSON value of an answer; with `keys`, which name what is wanted of each row, as `decoded` gives it. Pure.

    Raises SessionExpiredError (the log-in page with 200, a redirect to it, 401, a 403 for the session's token),
    RateLimitedError (429; 503 that says when to come again), or OrchestratorError for everything else.
    """
    call = f"{host} answered {method}"
    if answer.status == 429 or (answer.status == 503 and answer.retry_after() > 0):
        raise RateLimitedError(
            f"{call} with {answer.status}: too many calls; asking again after a pause, lower `in_flight` or raise the "
            "intervals",
            retryable=True,
            blame=Blame.VENDOR,
        )
    if answer.status in (301, 307, 308):
        where = answer.headers.get("Location", "elsewhere")
        raise OrchestratorError(f"{call} with {answer.status} to {where}: set the orchestrator's `url` to that host")
    page = answer.body.lstrip()[:1] == b"<"
    expired = answer.status in (302, 303, 401) or (page and answer.status in (200, 403))
    if expired or (answer.status == 403 and b"SessionTokenFilter" in answer.body):
        raise SessionExpiredError(
            f"{call} with {answer.status} and its log-in page: not logged in; check username and password, and that "
            "`url` is the manager's",
            retryable=True,
            blame=Blame.VENDOR,
        )
    value = _json(answer.body, keys if answer.status == 200 else ())
    if answer.status != 200:
        _raise_vendor_error(call, answer.status, value)
    if value is NOT_JSON:
        raise not_json(call, answer.body, "the manager")
    return value


def _json(body: bytes, keys: tuple[str, ...]) -> object:
    """The value of a body; of its rows only `keys`, where there are any and the body is as it should be."""
    try:
        return decoded(body, keys) if keys else json_value(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return json_value(body)


def _raise_vendor_error(call: str, status: int, value: object) -> NoReturn:
    error = Record(value).record("error")
    said = " ".join(text for text in (error.text("message"), error.text("details")) if text)[:200]
    quoted = f", {said!r}" if said else ""
    if status in (403, 404):
        meant = "this account may not read it; check its user group" if status == 403 else "check `url`"
        raise OrchestratorError(f"{call} with {status}{quoted}: {meant}")
    if status >= 500:
        raise own_fault(call, f"{status}{quoted}")
    raise OrchestratorError(f"{call} with {status}{quoted}, which we do not expect; check `url`", blame=Blame.VENDOR)


class CatalystSession:
    """Calls to one manager in one session that all callers share. Sessions there are limited in number, so an old one
    is ended before a new one begins, and the last one at the close."""

    def __init__(self, name: str, settings: OrchestratorSettings, quota: Quota) -> None:
        base = str(settings.url).rstrip("/").removesuffix("/dataservice")
        few = settings.model_copy(update={"in_flight": min(MOST_AT_ONCE, settings.in_flight)})
        self._host = Host(name, few, base, quota)
        self.name, self.host = name, self._host.host
        self._settings = settings
        self._login = SharedLogin(self._log_in)
        self._identity: Mapping[str, str] | None = None

    async def call(
        self,
        method: str,
        query: Mapping[str, str] | None = None,
        *,
        keys: tuple[str, ...] = (),
        urgent: bool = False,
    ) -> object:
        """GET a resource below /dataservice, and its JSON value; logs in and repeats when the session has expired,
        waits and repeats when limited. Raises OrchestratorError."""
        request = Request(verb="GET", path=f"dataservice/{method}", method=method, query=query or {})
        return await self._host.call(
            request, lambda answer: document(self.host, method, answer, keys), self._login, urgent=urgent
        )

    async def rows(
        self, method: str, query: Mapping[str, str] | None = None, *, urgent: bool = False
    ) -> Sequence[object]:
        """The list `data` of an answer that has no pages."""
        return self._data(method, await self.call(method, query, urgent=urgent))

    async def pages(
        self, method: str, query: Mapping[str, str], keys: tuple[str, ...] = (), *, urgent: bool = False
    ) -> AsyncIterator[Sequence[object]]:
        """The lists `data` of a bulk answer's pages, one after the other; `keys` name what is wanted of each row.

        `pageInfo` names the next page by `endId` (states) or `scrollId` (statistics; it may stay the same from page to
        page). A host that promises more and gives nothing, or the same page again, is not believed.
        """
        following, first = dict(query), None
        for _ in range(MOST_PAGES):
            answer = await self.call(method, following, keys=keys, urgent=urgent)
            data = self._data(method, answer)
            if data and data[0] == first:
                break
            yield data
            more = _next_page(answer)
            if not more:
                return
            if not data or (more.get("startId") or None) == following.get("startId", ""):
                break
            following, first = {**more, "count": query["count"]}, data[0]
        raise in_a_circle(self.host, method)

    def counted(self, method: str, rows: Rows[Row]) -> Sequence[Row]:
        """The rows; what was unusable in the answer is counted."""
        note_damage(self.name, method, rows.damaged)
        return rows.rows

    async def close(self) -> None:
        """Log out and close; a log-out that fails is told and no error."""
        try:
            async with asyncio.timeout(LOG_OUT_WITHIN):
                await self._log_out()
        except (OrchestratorError, TimeoutError) as error:
            log.warning("session_left_behind", orchestrator=self.name, error=str(error) or "no answer in time")
        finally:
            await self._host.close()

    def _data(self, method: str, answer: object) -> Sequence[object]:
        data = answer.get("data") if isinstance(answer, dict) else None
        if isinstance(data, list):
            return data
        raise misshapen(self.host, method, "an object with a list `data`")

    async def _log_in(self) -> Mapping[str, str]:
        """The headers of a new session: its cookies, and the token against forgery that managers since 19.2 give.

        Success is an empty body with a session cookie; a refusal is 200 with the log-in page.
        """
        await self._log_out()
        password = self._settings.password
        form = {
            "j_username": self._settings.username or "",
            "j_password": password.get_secret_value() if password else "",
        }
        # Urgent: every caller waits for it.
        answer = await self._host.send(Request(verb="POST", path=LOG_IN, method=LOG_IN, form=form), {}, urgent=True)
        cookies = answer.cookies()
        if answer.status not in (200, 302) or not (answer.body.strip() or cookies.get(SESSION_COOKIE)):
            self._raise_unusable(LOG_IN, answer)
        if answer.body.strip() or not cookies.get(SESSION_COOKIE):
            raise LoginRefusedError(
                f"{self.host} refused the log-in of {self._settings.username!r}: check username and password, and that "
                "the account is not locked"
            )
        self._identity = _identity(cookies, "")
        token = await self._host.send(Request(verb="GET", path=TOKEN, method=TOKEN), self._identity, urgent=True)
        if token.status == 404:
            return self._identity
        if token.status != 200 or token.body.lstrip()[:1] == b"<":
            self._raise_unusable(TOKEN, token)
        self._identity = _identity({**cookies, **token.cookies()}, token.body.decode("latin-1").strip())
        return self._identity

    def _raise_unusable(self, method: str, answer: Answer) -> NoReturn:
        document(self.host, method, answer)
        raise OrchestratorError(
            f"{self.host} answered {method} with {answer.status} and nothing usable; check that `url` is the manager's",
            retryable=True,
            blame=Blame.VENDOR,
        )

    async def _log_out(self) -> None:
        """End the present session, if there is one; whatever the host answers, it is not used any more.

        Managers before 20.12 take a GET, later ones a POST as well as, or instead of, it.
        """
        identity, self._identity = self._identity, None
        if identity is None:
            return
        query = {"nocache": secrets.token_hex(4)}
        request = Request(verb="GET", path=LOG_OUT, method=LOG_OUT, query=query)
        answer = await self._host.send(request, identity, urgent=True)
        if answer.status in (404, 405):
            await self._host.send(replace(request, verb="POST"), identity, urgent=True)


def _identity(cookies: Mapping[str, str], token: str) -> Mapping[str, str]:
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    return {**headers, "X-XSRF-TOKEN": token} if token else headers


def _next_page(answer: object) -> dict[str, str]:
    """The query that names the page after this answer; empty when this was the last."""
    info = Record(answer).record("pageInfo")
    if info.flag("moreEntries") and (end := info.identifier("endId")):
        return {"startId": end}
    if info.flag("hasMoreData") and (scroll := info.text("scrollId", longest=10_000)):
        return {"scrollId": scroll}
    return {}
