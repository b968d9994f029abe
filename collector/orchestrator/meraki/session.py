"""Calls to the Dashboard API: the key, redirects to an organization's shard, pages, limits, and what each kind of
answer means. Nothing here knows what the figures mean."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, urlencode, urljoin, urlsplit

from pydantic import AnyHttpUrl

from collector.http import Answer
from collector.orchestrator.answers import (
    NOT_JSON,
    in_a_circle,
    json_value,
    misshapen,
    not_json,
    own_fault,
)
from collector.orchestrator.host import Host, Request, note_damage
from collector.orchestrator.login import KeyLogin
from collector.orchestrator.meraki.calls import PAGE
from collector.orchestrator.port import OrchestratorError, RateLimitedError, SessionExpiredError
from collector.orchestrator.quota import Quota
from collector.orchestrator.record import Rows
from collector.settings import OrchestratorSettings
from config.errors import Blame

Row = TypeVar("Row")
Query = Sequence[tuple[str, str]]

API = "/api/v1"
DOMAINS = ("meraki.com", "meraki.ca", "meraki.cn", "meraki.in", "gov-meraki.com")
"""Where the vendor serves the dashboard; nothing else may see the key."""
MOST_REDIRECTS = 5
MOST_PAGES = 1000
REDIRECTS = (301, 302, 303, 307, 308)

_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[^,;\"]+(?:\"[^\"]*\")?)*)")
_RELATION = re.compile(r";\s*rel\s*=\s*\"?([^\";,]*)\"?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer: its JSON value and the reference to the following page, or where it redirects to."""

    value: object = None
    following: str | None = None
    moved: str | None = None


def page(host: str, method: str, answer: Answer) -> Page:
    """What an answer says. Pure.

    Raises SessionExpiredError (401: the key), RateLimitedError (429), or OrchestratorError for everything else that is
    not a usable answer.
    """
    call = f"{host} answered {method}"
    if answer.status == 429:
        raise RateLimitedError(
            f"{call} with 429: the organization's calls are used up; asking again after a pause, lower "
            "`calls_per_hour` or see which other applications call it",
            retryable=True,
            blame=Blame.VENDOR,
        )
    if answer.status in REDIRECTS:
        return Page(moved=answer.headers.get("Location", ""))
    value = json_value(answer.body)
    said = _errors(value)
    if answer.status == 401:
        raise SessionExpiredError(f"{call} with 401{said}: the API key is wrong, revoked or expired; make a new one")
    if answer.status == 403:
        raise OrchestratorError(f"{call} with 403{said}: this key may not call it; check its administrator's rights")
    if answer.status == 404:
        raise OrchestratorError(
            f"{call} with 404{said}: not known to this key; check the ids in the inventory, the key's organizations, "
            "and that their API access is enabled"
        )
    if answer.status >= 500:
        raise own_fault(call, str(answer.status))
    if answer.status == 204:
        return Page()
    if answer.status != 200 or said:
        raise OrchestratorError(f"{call} with {answer.status}{said}; check ids and settings", blame=Blame.VENDOR)
    if value is NOT_JSON:
        raise not_json(call, answer.body, "the dashboard's API")
    return Page(value=value, following=following_page(answer.headers.getall("Link", [])))


def _errors(value: object) -> str:
    """What the vendor says is wrong: `{"errors": ["..."]}`, as part of our sentence."""
    errors = value.get("errors") if isinstance(value, dict) else None
    said = "; ".join(map(str, errors)) if isinstance(errors, list) else str(errors or "")
    return f" ({said[:200]})" if said else ""


def following_page(headers: Sequence[str]) -> str | None:
    """The reference with the relation `next` in Link headers (RFC 8288, section 3)."""
    for header in headers:
        for reference, parameters in _LINK.findall(header):
            relations = (word for found in _RELATION.findall(parameters) for word in found.lower().split())
            if "next" in relations:
                return str(reference)
    return None


def led_to(here: str, reference: str) -> str | None:
    """The URL that a redirect or a link at `here` leads to; None where our key must not go.

    Only the same origin, or an https host in one of the vendor's own domains, matched at a label's border.
    """
    try:
        target = urljoin(here, reference)
        now, then = urlsplit(here), urlsplit(target)
        port = then.port
    except ValueError:
        return None
    if (then.scheme, then.netloc) == (now.scheme, now.netloc):
        return target
    host = (then.hostname or "").rstrip(".")
    vendors = any(host == domain or host.endswith("." + domain) for domain in DOMAINS)
    safe = then.scheme == "https" and port in (None, 443) and then.username is None
    return target if vendors and safe else None


class MerakiSession:
    """Calls to one dashboard with one API key. Where an organization's calls are redirected to its shard, later ones
    go there at once; all shards draw on one quota."""

    def __init__(self, name: str, settings: OrchestratorSettings, quota: Quota) -> None:
        self._base = str(settings.url).rstrip("/").removesuffix(API) + API
        self._settings = settings
        self._quota = quota
        self._hosts = {_origin(self._base): Host(name, settings, self._base, quota)}
        self.name, self.host = name, self._hosts[_origin(self._base)].host
        self._shards: dict[str, str] = {}
        key = settings.token.get_secret_value() if settings.token else ""
        self._login = KeyLogin({"Authorization": f"Bearer {key}"})

    async def get(self, method: str, ids: Mapping[str, str], query: Query = (), *, urgent: bool = False) -> object:
        """The JSON value of one operation, None for "no content". Raises OrchestratorError."""
        found, _ = await self._page(method, ids, self._url(method, ids, query), urgent)
        return found.value

    async def list(
        self, method: str, ids: Mapping[str, str], query: Query = (), *, paged: bool = True, urgent: bool = False
    ) -> list[object]:
        """All entries of an operation that answers a list, page by page. Raises OrchestratorError."""
        url = self._url(method, ids, [*query, ("perPage", str(PAGE))] if paged else query)
        entries: list[object] = []
        followed = {url}
        while True:
            found, url = await self._page(method, ids, url, urgent)
            if not isinstance(found.value, list):
                raise misshapen(self.host, method, "a list")
            entries += found.value
            if found.following is None:
                return entries
            url = self._led_to(method, url, found.following)
            if url in followed or len(followed) >= MOST_PAGES:
                raise in_a_circle(self.host, method)
            followed.add(url)

    async def _page(self, method: str, ids: Mapping[str, str], url: str, urgent: bool) -> tuple[Page, str]:
        """One page, and the URL that it was found at after redirects."""
        for _ in range(MOST_REDIRECTS + 1):
            request = Request(verb="GET", path=url, method=method, headers={"Accept": "application/json"})
            found = await self._host_of(url).call(
                request, lambda answer: page(self.host, method, answer), self._login, urgent=urgent
            )
            if found.moved is None:
                return found, url
            url = self._led_to(method, url, found.moved)
            if API in url:
                self._shards[_owner(ids)] = url[: url.index(API) + len(API)]
        raise OrchestratorError(
            f"{self.host} redirects {method} again and again; asking again later", retryable=True, blame=Blame.VENDOR
        )

    def _host_of(self, url: str) -> Host:
        origin = _origin(url)
        if origin not in self._hosts:
            shard = self._settings.model_copy(update={"url": AnyHttpUrl(origin)})
            self._hosts[origin] = Host(self.name, shard, origin, self._quota)
        return self._hosts[origin]

    def _url(self, method: str, ids: Mapping[str, str], query: Query) -> str:
        path = method.format(**{name: quote(value, safe="") for name, value in ids.items()})
        base = self._shards.get(_owner(ids), self._base)
        return f"{base}/{path}" + (f"?{urlencode(query)}" if query else "")

    def _led_to(self, method: str, here: str, reference: str) -> str:
        target = led_to(here, reference)
        if target is None:
            raise OrchestratorError(
                f"{self.host} leads {method} away from the vendor's own hosts: the key is not sent there; check `url`, "
                "and what stands between",
                blame=Blame.VENDOR,
            )
        return target

    def counted(self, method: str, rows: Rows[Row]) -> Sequence[Row]:
        """The rows; what was unusable in the answer is counted."""
        note_damage(self.name, method, rows.damaged)
        return rows.rows

    async def close(self) -> None:
        for host in self._hosts.values():
            await host.close()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _owner(ids: Mapping[str, str]) -> str:
    return next(iter(ids.values()), "")
