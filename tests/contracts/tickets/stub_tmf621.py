"""A TMF621 server for tests: keeps the truth, takes what the published descriptions allow, and nothing else.

It patches as RFC 7396 and RFC 6902 say. `habits` are faults of real servers that a test switches on.
"""

from __future__ import annotations

import base64
import itertools
import json
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from published_tmf621 import faults
from stub_server import losing_answers

TOKEN = "token-of-the-tests"
CLIENT, SECRET = "lineproof", "client-secret-of-the-tests"
LARGEST_PAGE = 2
READ_ONLY = ("id", "href", "creationDate", "lastUpdate", "statusChange", "statusChangeDate")
MERGE = {4: ("application/json",), 5: ("application/json", "application/merge-patch+json")}


class TroubleTickets:
    def __init__(self, version: int) -> None:
        self.version = version
        self.tickets: dict[str, dict[str, Any]] = {}
        self.violations: list[str] = []
        self.habits: set[str] = set()
        self.requests: list[str] = []
        self._numbers = itertools.count(1)
        self._valid = {TOKEN}
        self._next_token = itertools.count(1)
        self.on_patch: list[Any] = []
        """Called, once each, before the next PATCH is carried out: somebody is faster."""

    def application(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20, middlewares=[losing_answers(self.habits)])
        base = f"/tmf-api/troubleTicket/v{self.version}/troubleTicket"
        app.router.add_post("/token", self._token)
        app.router.add_get(base, self._list)
        app.router.add_post(base, self._create)
        app.router.add_get(base + "/{id}", self._get)
        app.router.add_patch(base + "/{id}", self._patch)
        return app

    def revoke_tokens(self) -> None:
        self._valid.clear()

    async def _token(self, request: web.Request) -> web.Response:
        wanted = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        form = await request.post()
        if request.headers.get("Authorization") != wanted or form.get("grant_type") != "client_credentials":
            return web.json_response({"error": "invalid_client"}, status=401)
        token = f"{TOKEN}-{next(self._next_token)}"
        self._valid.add(token)
        return web.json_response({"access_token": token, "token_type": "Bearer", "expires_in": 3600})

    def _refusal(self, request: web.Request) -> web.Response | None:
        self.requests.append(f"{request.method} {request.path_qs}")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        return None if token in self._valid else self._error(401, "who are you?")

    def _error(self, status: int, reason: str) -> web.Response:
        body = {"@type": "Error", "code": str(status), "reason": reason, "status": str(status)}
        return self._answer("error", body, status)

    def _answer(self, what: str, body: dict[str, Any], status: int = 200, **headers: str) -> web.Response:
        self.violations += faults(self.version, what, body)
        return web.json_response(body, status=status, headers=headers)

    async def _list(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        query = request.query
        found = list(self.tickets.values())
        if "ignores_filters" not in self.habits:
            found = [one for one in found if self._matches(one, query)]
        offset, limit = int(query.get("offset", 0)), min(int(query.get("limit", 10)), LARGEST_PAGE)
        page = found[offset : offset + limit]
        for ticket in page:
            self.violations += faults(self.version, "ticket", ticket)
        fields = [one for one in query.get("fields", "").split(",") if one]
        if fields:
            page = [{key: one[key] for key in one if key in (*fields, "id", "href", "@type")} for one in page]
        total = {} if "tells_no_total" in self.habits else {"X-Total-Count": str(len(found))}
        partial = len(page) < len(found)
        return web.json_response(
            page, status=206 if partial else 200, headers={"X-Result-Count": str(len(page)), **total}
        )

    def _matches(self, ticket: dict[str, Any], query: Any) -> bool:
        if "externalId" in query and ticket.get("externalId") != query["externalId"]:
            return False
        wanted = query.get("externalIdentifier.id")
        if wanted is not None and wanted not in [one["id"] for one in ticket.get("externalIdentifier", [])]:
            return False
        return "lastUpdate.gte" not in query or ticket["lastUpdate"] >= query["lastUpdate.gte"]

    async def _create(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        body = await request.json()
        wrong = faults(self.version, "create", body)
        self.violations += wrong
        required = ("description", "severity", "ticketType", *(("@type",) if self.version == 5 else ()))
        missing = [name for name in required if not body.get(name)]
        if missing or wrong or "id" in body:
            return self._error(400, f"missing {missing}, wrong {wrong}")
        if "accepts_later" in self.habits:
            self.keep(body)
            return web.Response(status=202)
        ticket = self.keep(body)
        return self._answer("ticket", ticket, 201)

    def keep(self, body: dict[str, Any]) -> dict[str, Any]:
        id_, now = str(next(self._numbers)), moment()
        ticket = {
            **body, "@type": "TroubleTicket", "id": id_, "href": f"/tmf-api/troubleTicket/{id_}", "creationDate": now,
            "lastUpdate": now, "status": "acknowledged", "statusChangeDate": now,
        }  # fmt: skip
        if "keeps_no_keys" in self.habits:
            ticket.pop("externalId", None)
            ticket.pop("externalIdentifier", None)
        self._number_lists(ticket)
        self.tickets[id_] = ticket
        return ticket

    async def _get(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        ticket = self.tickets.get(request.match_info["id"])
        if ticket is None:
            return self._error(404, "no such ticket")
        shown = dict(ticket)
        if "hides_contents" in self.habits and "attachment" in shown:
            hidden = ("content", "size")
            shown["attachment"] = [{k: v for k, v in one.items() if k not in hidden} for one in shown["attachment"]]
        return self._answer("ticket", shown, ETag=etag(ticket))

    async def _patch(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        ticket = self.tickets.get(request.match_info["id"])
        if ticket is None:
            return self._error(404, "no such ticket")
        while self.on_patch:
            self.on_patch.pop()()
        if "If-Match" in request.headers and self.version == 4 and request.headers["If-Match"] != etag(ticket):
            return self._error(412, "changed since")
        body = json.loads(await request.read())
        if request.content_type in MERGE[self.version]:
            self.violations += faults(self.version, "change", body)
            patched = merged(ticket, body)
        elif request.content_type == "application/json-patch+json" and self.version == 5:
            self.violations += faults(self.version, "operations", body)
            try:
                patched = operated(ticket, body)
            except (LookupError, ValueError) as error:
                return self._error(409, str(error))
        else:
            return self._error(415, request.content_type)
        if any(patched.get(name) != ticket.get(name) for name in READ_ONLY):
            return self._error(400, "read-only")
        if patched["status"] not in STATUSES:
            return self._error(400, "no such status")
        if "ignores_changes" not in self.habits:
            self.replace(ticket, patched)
        return self._answer("ticket", ticket)

    def replace(self, ticket: dict[str, Any], patched: dict[str, Any]) -> None:
        now = moment()
        if patched["status"] != ticket["status"]:
            changed = ("statusChange", "changeDate", "changeReason")
            if self.version == 5:
                changed = ("statusChangeHistory", "statusChangeDate", "statusChangeReason")
            name, when, why = changed
            entry = {"@type": "StatusChange", "status": patched["status"], when: now,
                     why: patched.get("statusChangeReason", "")}  # fmt: skip
            patched = {**patched, name: [*ticket.get(name, []), entry], "statusChangeDate": now}
            if patched["status"] == "resolved":
                patched["resolutionDate"] = now
        self._number_lists(patched)
        ticket.update(patched, lastUpdate=now)

    def _number_lists(self, ticket: dict[str, Any]) -> None:
        for name in ("note", "attachment"):
            for item in ticket.get(name, []):
                item.setdefault("id", f"{name}-{next(self._numbers)}")


STATUSES = ("acknowledged", "rejected", "pending", "held", "inProgress", "cancelled", "closed", "resolved")


def moment() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def etag(ticket: dict[str, Any]) -> str:
    return f'"{hash(json.dumps(ticket, sort_keys=True))}"'


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def operated(document: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    """RFC 6902: `test`, `add` and `replace`, all or nothing."""
    result = json.loads(json.dumps(document))
    for operation in operations:
        *path, last = operation["path"].lstrip("/").split("/")
        parent: Any = result
        for part in path:
            parent = parent[int(part)] if isinstance(parent, list) else parent[part]
        match operation["op"]:
            case "test":
                if (parent[int(last)] if isinstance(parent, list) else parent[last]) != operation["value"]:
                    raise ValueError(f"{operation['path']} is something else by now")
            case "add" if isinstance(parent, list):
                parent.insert(len(parent) if last == "-" else int(last), operation["value"])
            case "replace" if isinstance(parent, list):
                parent[int(last)] = operation["value"]
            case "add" | "replace":
                parent[last] = operation["value"]
    return result  # type: ignore[no-any-return]
