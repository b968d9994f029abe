"""A ServiceNow instance for tests: Table and Attachment API as they are documented, with what they do silently.

Values longer than their field are cut, unknown fields are dropped, a reference that does not exist is left empty, a
query term that is not understood does not count, and pages leave out records after they were counted.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import uuid
from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from stub_server import losing_answers

USER, PASSWORD = "lineproof.api", "password-of-the-tests"
AUTHORIZATION = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
LENGTHS = {"short_description": 160, "description": 4000, "correlation_id": 100, "correlation_display": 100,
           "close_notes": 4000}  # fmt: skip
WRITABLE = {*LENGTHS, "impact", "urgency", "state", "close_code", "hold_reason", "assigned_to", "assignment_group",
            "caller_id", "category", "parent_incident"}  # fmt: skip
REFERENCES = {
    "assigned_to": "sys_user",
    "caller_id": "sys_user",
    "assignment_group": "sys_user_group",
    "parent_incident": "incident",
}
JOURNALS = ("work_notes", "comments")
LARGEST_PAGE = 2
ENDED = ("7", "8")


def named(field: str, name: str) -> dict[str, str]:
    return {"sys_id": uuid.uuid4().hex, field: name}


class Instance:
    def __init__(self) -> None:
        self.habits: set[str] = set()
        self.requests: list[web.Request] = []
        self.tables: dict[str, list[dict[str, str]]] = {
            "incident": [],
            "sys_journal_field": [],
            "sys_user": [named("user_name", USER), named("user_name", "anna")],
            "sys_user_group": [named("name", "NOC"), named("name", "Field")],
        }
        self.files: list[tuple[dict[str, str], bytes]] = []
        self._numbers = itertools.count(10001)
        self._ticks = itertools.count()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20, middlewares=[losing_answers(self.habits)])
        app.router.add_get("/api/now/table/{table}", self._list)
        app.router.add_post("/api/now/table/{table}", self._insert)
        app.router.add_patch("/api/now/table/{table}/{sys_id}", self._update)
        app.router.add_get("/api/now/attachment", self._attachments)
        app.router.add_post("/api/now/attachment/file", self._attach)
        app.router.add_get("/api/now/attachment/{sys_id}/file", self._content)
        return app

    def sys_id(self) -> str:
        """In the order of their making, so that what was made in one second has an order in the tests."""
        return f"{next(self._ticks):08x}{uuid.uuid4().hex[:24]}"

    def now(self) -> str:
        return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")

    def _refusal(self, request: web.Request) -> web.Response | None:
        self.requests.append(request)
        if request.headers.get("Authorization") != AUTHORIZATION:
            return failure(401, "User Not Authenticated")
        if "is_busy" in self.habits:
            return failure(429, "Rate limit exceeded", {"Retry-After": "17"})
        return None

    async def _list(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        table = request.match_info["table"]
        if table not in self.tables:
            return failure(400, f"Invalid table {table}")
        if table == "sys_journal_field" and "keeps_the_journal_to_itself" in self.habits:
            return failure(403, "User Not Authorized")
        return self._page(request, [self._walked(row) for row in self.tables[table]])

    def _page(self, request: web.Request, rows: list[dict[str, str]]) -> web.Response:
        query = request.query
        found = rows if "understands_no_query" in self.habits else answered(rows, query.get("sysparm_query", ""))
        if not found and "answers_404_for_nothing" in self.habits:
            return failure(404, "No Record found")
        offset = int(query.get("sysparm_offset", 0))
        limit = min(int(query.get("sysparm_limit", 10000)), LARGEST_PAGE)
        page = found[offset : offset + limit]
        wanted = [one for one in query.get("sysparm_fields", "").split(",") if one]
        shown = [{key: row.get(key, "") for key in wanted} if wanted else row for row in page]
        if "hides_some_records" in self.habits:
            shown = [row for number, row in enumerate(shown) if (offset + number) % 2]
        headers = {"X-Total-Count": str(len(found))}
        if offset + limit < len(found):
            following = request.url.update_query(sysparm_offset=str(offset + limit))
            headers["Link"] = f'<{request.url}>;rel="first",<{following}>;rel="next"'
        return web.json_response({"result": shown}, headers=headers)

    def _walked(self, row: dict[str, str]) -> dict[str, str]:
        walked = dict(row)
        for field, table in REFERENCES.items():
            for one in self.tables[table]:
                if row.get(field) == one["sys_id"]:
                    walked |= {f"{field}.{key}": value for key, value in one.items()}
        return walked

    async def _insert(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        now = self.now()
        row = {
            "sys_id": uuid.uuid4().hex, "number": f"INC{next(self._numbers):07}", "state": "1", "active": "true",
            "sys_created_on": now, "sys_created_by": USER, "sys_updated_on": now, "priority": "5",
        }  # fmt: skip
        problem = self.write(row, await request.json(), USER)
        if problem is not None:
            return problem
        self.tables["incident"].append(row)
        if "breaks_off_after_insert" in self.habits:
            self.habits.discard("breaks_off_after_insert")
            return failure(504, "Gateway timeout")
        return web.json_response({"result": self._walked(row)}, status=201)

    async def _update(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        row = next((one for one in self.tables["incident"] if one["sys_id"] == request.match_info["sys_id"]), None)
        if row is None:
            return failure(404, "No Record found")
        body = await request.json()
        if "has_a_rule_that_keeps_the_state" in self.habits:
            body.pop("state", None)
        return self.write(row, body, USER) or web.json_response({"result": self._walked(row)})

    def write(self, row: dict[str, str], body: dict[str, str], user: str) -> web.Response | None:
        after = dict(row)
        for field, value in body.items():
            if field in REFERENCES:
                known = {one["sys_id"] for one in self.tables[REFERENCES[field]]}
                after[field] = value if value in known else ""
            elif field in WRITABLE:
                after[field] = str(value)[: LENGTHS.get(field, 40)]
        if after["state"] in ("6", "7") and not (after.get("close_code") and after.get("close_notes")):
            return failure(403, "Data Policy Exception: the following fields are mandatory: Resolution code, notes")
        if after["state"] == "3" and not after.get("hold_reason"):
            return failure(403, "Data Policy Exception: the following fields are mandatory: On hold reason")
        if after["state"] == "6" != row["state"]:
            after["resolved_at"] = self.now()
        after["priority"] = str(min(5, int(after.get("impact", "3")) + int(after.get("urgency", "3")) - 1))
        after["active"] = "false" if after["state"] in ENDED else "true"
        row.update(after, sys_updated_on=self.now())
        for journal in JOURNALS:
            if body.get(journal):
                self.tables["sys_journal_field"].append(
                    {
                        "sys_id": self.sys_id(), "element_id": row["sys_id"],
                        "element": journal, "value": body[journal][:4000], "name": "incident",
                        "sys_created_on": self.now(), "sys_created_by": user,
                    }
                )  # fmt: skip
        return None

    async def _attachments(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        return refusal if refusal is not None else self._page(request, [record for record, _ in self.files])

    async def _attach(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        where, content = request.query, await request.read()
        known = {one["sys_id"] for one in self.tables["incident"]}
        if where.get("table_name") != "incident" or where.get("table_sys_id") not in known or not where["file_name"]:
            return failure(400, "Failed to create attachment: no such record")
        if request.content_type == "application/octet-stream" and "Content-Type" not in request.headers:
            return failure(415, "Unsupported Media Type")
        record = {
            "sys_id": self.sys_id(), "table_name": "incident", "table_sys_id": where["table_sys_id"],
            "file_name": where["file_name"], "content_type": request.content_type, "size_bytes": str(len(content)),
            "sys_created_on": self.now(), "hash": hashlib.sha256(content).hexdigest(),
        }  # fmt: skip
        if "tells_no_hashes" in self.habits:
            del record["hash"]
        self.files.append((record, content))
        return web.json_response({"result": record}, status=201)

    async def _content(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        for record, content in self.files:
            if record["sys_id"] == request.match_info["sys_id"]:
                return web.Response(body=content, content_type=record["content_type"])
        return failure(404, "No Record found")


def failure(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    body: dict[str, Any] = {"error": {"message": message, "detail": ""}, "status": "failure"}
    return web.json_response(body, status=status, headers=headers)


TERM = re.compile(r"(?P<field>[a-z_.]+)(?P<operator>STARTSWITH|IN|>=|=)(?P<value>.*)", re.DOTALL)


def answered(rows: list[dict[str, str]], query: str) -> list[dict[str, str]]:
    """An encoded query; `^^` is a `^` of a value, and `^OR` joins a term to the one before it."""
    terms = [term.replace("\0", "^") for term in query.replace("^^", "\0").split("^")]
    orders = [term.removeprefix("ORDERBY") for term in terms if term.startswith("ORDERBY")]
    groups: list[list[str]] = []
    for term in terms:
        if term.startswith("ORDERBY"):
            continue
        if term.startswith("OR") and groups:
            groups[-1].append(term.removeprefix("OR"))
        else:
            groups.append([term])
    known = {key for row in rows for key in row}
    found = list(rows)
    for group in groups:
        tests = [match for term in group if (match := TERM.fullmatch(term)) and match["field"] in known]
        if tests:
            found = [row for row in found if any(is_met(row, test) for test in tests)]
    return sorted(found, key=lambda row: [row.get(order, "") for order in orders])


def is_met(row: dict[str, str], test: re.Match[str]) -> bool:
    return holds(row.get(test["field"], ""), test["operator"], test["value"])


def holds(kept: str, operator: str, value: str) -> bool:
    match operator:
        case "=":
            return kept == value
        case "STARTSWITH":
            return kept.startswith(value)
        case "IN":
            return kept in value.split(",")
        case _:
            return kept >= value
