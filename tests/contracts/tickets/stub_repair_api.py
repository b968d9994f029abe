"""A repair API for tests, as reports of one in use describe it: codes inside 200, one open ticket a line, lines that
can be read only later, notes of less than 1,500 characters, a reason of severity that becomes a note, parameters in
PascalCase, times with offsets here and without a zone there, and a `total` that is not the number of what is listed."""

from __future__ import annotations

import base64
import itertools
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from aiohttp import web
from stub_server import losing_answers

CLIENT, SECRET = "lineproof", "client-secret-of-the-tests"
BASIC = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
ROBOT = "lineproof@provider.example"
LONGEST_NOTE = 1499
EASTERN = timezone(timedelta(hours=-5))
PARAMETERS = {"ClientId", "ServiceNumber", "TicketTopic", "TicketStatus", "PageSize", "PageNumber", "DetailId"}
TASKS = {7: ("Field repair", "Field Investigate"), 8: ("No Trouble Found - Carrier Issue", "ASR Investigate")}


class RepairTickets:
    def __init__(self) -> None:
        self.tickets: dict[int, dict[str, Any]] = {}
        self.habits: set[str] = set()
        self.calls: list[str] = []
        self.reads_until_readable = 2
        self.resolved_code = 471
        self._numbers = itertools.count(4711)
        self._tokens: set[str] = set()

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._known, losing_answers(self.habits)])
        app.router.add_post("/identity/connect/token", self._token)
        app.router.add_post("/api/Ticket/repair", self._repair)
        app.router.add_get("/api/Ticket/basic", self._basic)
        app.router.add_get("/api/Ticket/{id}/details", self._details)
        app.router.add_get("/api/Ticket/{id}/nextresult", self._next_results)
        app.router.add_post("/api/Ticket/{id}/notes/advanced", self._notes)
        app.router.add_put("/api/Ticket/{id}/details/work", self._work)
        app.router.add_put("/api/Ticket/{id}/details/{detail}/status", self._status)
        app.router.add_put("/api/Ticket/{id}/severity", self._severity)
        app.router.add_post("/api/Ticket/{id}/detail/unpause", self._unpause)
        app.router.add_put("/api/Ticket/{id}/close", self._close)
        return app

    def revoke_tokens(self) -> None:
        self._tokens.clear()

    @web.middleware
    async def _known(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.calls.append(f"{request.method} {request.path}")
        if request.path.startswith("/api/"):
            if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self._tokens:
                return web.json_response({"message": "unauthorized"}, status=401)
            if not set(request.query) <= PARAMETERS:
                return web.json_response({"message": "unknown parameter"}, status=400)
            if "id" in request.match_info and int(request.match_info["id"]) not in self.tickets:
                return web.json_response({"message": "no such ticket"}, status=404)
        response: web.StreamResponse = await handler(request)
        return response

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        if request.headers.get("Authorization") != BASIC or form.get("scope") != "public_api":
            return web.json_response({"error": "invalid_client"}, status=400)
        token = f"token-{len(self.calls)}"
        self._tokens.add(token)
        return web.json_response({"access_token": token, "expires_in": 3600})

    async def _repair(self, request: web.Request) -> web.Response:
        body = await request.json()
        if not isinstance(body.get("ClientID"), int) or not body.get("RequestDescription") or len(body["WTNs"]) != 1:
            return web.json_response({"message": "bad request"}, status=400)
        line = body["WTNs"][0]
        if "creates_nothing" in self.habits:
            item = {"ticketId": 0, "wtn": line, "errorCode": None, "errorMessage": "object reference not set"}
            return web.json_response({"message": "", "items": [item]})
        ticket, code = self._joined(body["ClientID"], line)
        if ticket is None:
            ticket = self.open(body["ClientID"], line, body["RequestDescription"])
        if "breaks_off" in self.habits:
            self.habits.discard("breaks_off")
            return web.json_response({"message": "gateway"}, status=504)
        item = {"ticketId": ticket["ticketID"], "inventoryId": 1, "wtn": line, "errorCode": code, "errorMessage": None}
        return web.json_response({"message": "", ("items" if ticket["ticketID"] % 2 else "assets"): [item]})

    def open(self, client: int, line: str, description: str) -> dict[str, Any]:
        number = next(self._numbers)
        ticket = {
            "ticketID": number, "clientID": client, "clientName": "Acme", "topic": "VOO", "ticketStatus": "New",
            "createDate": american(datetime.now(UTC)), "createdBy": ROBOT, "severity": "2",
            "unreadable": self.reads_until_readable, "description": description,
            "details": [self._line(line)], "notes": [],
        }  # fmt: skip
        self.tickets[number] = ticket
        return ticket

    def _line(self, line: str) -> dict[str, Any]:
        return {"detailID": next(self._numbers), "detailType": "Repair_WTN", "detailValue": line, "detailStatus": "I",
                "currentTaskName": "NOC", "assignedToName": "0", "paused": False}  # fmt: skip

    def _joined(self, client: int, line: str) -> tuple[dict[str, Any] | None, int | None]:
        for ticket in self.tickets.values():
            detail = next((one for one in ticket["details"] if one["detailValue"] == line), None)
            if ticket["clientID"] != client or ticket["ticketStatus"] == "Closed":
                continue
            if detail is None:
                if self.resolved_code == 473 and ticket["ticketStatus"] == "Resolved":
                    ticket["details"].append(self._line(line))
                    ticket |= {"ticketStatus": "InProgress", "unreadable": self.reads_until_readable}
                    return ticket, 473
                continue
            if detail["detailStatus"] != "R":
                return ticket, 409
            if self.resolved_code == 472:
                detail["detailStatus"] = "O"
                ticket["ticketStatus"] = "InProgress"
                return ticket, 472
            return ticket, 471
        return None, None

    async def _basic(self, request: web.Request) -> web.Response:
        query = request.query
        found = [
            {key: one[key] for key in ("clientID", "ticketID", "topic", "ticketStatus", "createDate", "severity")}
            for one in self.tickets.values()
            if str(one["clientID"]) == query.get("ClientId")
            and one["ticketStatus"] in query.getall("TicketStatus")
            and query["ServiceNumber"] in [detail["detailValue"] for detail in one["details"]]
        ]
        size, page = int(query["PageSize"]), int(query["PageNumber"])
        shown = found[(page - 1) * size : page * size]
        if "repeats_its_last_page" in self.habits and not shown:
            shown = found[-size:]
        return web.json_response({"responses": shown, "total": 999, "currentPageSize": len(shown)})

    async def _details(self, request: web.Request) -> web.Response:
        ticket = self.of(request)
        if ticket["unreadable"] > 0:
            ticket["unreadable"] -= 1
            return web.json_response({"ticketDetails": [], "ticketNotes": []})
        shown = {"ticketDetails": ticket["details"], "ticketNotes": list(reversed(ticket["notes"]))}
        return web.json_response(json.loads(json.dumps(shown)))

    async def _notes(self, request: web.Request) -> web.Response:
        notes = (await request.json())["notes"]
        for one in notes:
            if len(one["noteValue"]) > LONGEST_NOTE or one["noteType"] not in ("ADN", "CON"):
                return web.json_response({"message": "note too long, or of no type"}, status=400)
        for one in notes:
            self.note(self.of(request), one["noteValue"], ROBOT)
        return web.json_response({"ticketNotes": [{"noteID": 1}]})

    def note(self, ticket: dict[str, Any], text: str, author: str, at: datetime | None = None) -> None:
        moment = at or datetime.now(EASTERN)
        ticket["notes"].append({"noteId": next(self._numbers), "noteValue": text, "createdBy": author,
                                "createdDate": moment.isoformat(), "serviceNumber": []})  # fmt: skip

    async def _next_results(self, request: web.Request) -> web.Response:
        self.detail(self.of(request), int(request.query["DetailId"]))
        results = [{"resultTypeId": number, "resultName": result} for number, (result, _) in TASKS.items()]
        return web.json_response({"currentTaskName": "NOC", "nextResults": results})

    async def _work(self, request: web.Request) -> web.Response:
        body = await request.json()
        for one in body["details"]:
            detail = self.detail(self.of(request), one["detailId"])
            detail["currentTaskName"] = TASKS[body["resultTypeId"]][1]
        return web.json_response({})

    async def _status(self, request: web.Request) -> web.Response:
        ticket, status = self.of(request), (await request.json())["Status"]
        detail = self.detail(ticket, int(request.match_info["detail"]))
        if status not in ("O", "R") or (status == "R" and detail["paused"]):
            return web.json_response({"message": "a paused line cannot be resolved"}, status=400)
        if "ignores_statuses" not in self.habits:
            detail["detailStatus"] = status
        over = all(one["detailStatus"] == "R" for one in ticket["details"])
        ticket["ticketStatus"] = "Resolved" if over else "InProgress"
        return web.json_response({})

    async def _severity(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.of(request)["severity"] = str(body["Severity"])
        self.note(self.of(request), body["Reason"], ROBOT)
        return web.json_response({})

    async def _unpause(self, request: web.Request) -> web.Response:
        self.detail(self.of(request), (await request.json())["detailId"])["paused"] = False
        return web.json_response({})

    async def _close(self, request: web.Request) -> web.Response:
        assert (await request.json())["CloseNote"]
        self.of(request)["ticketStatus"] = "Closed"
        return web.json_response({})

    def of(self, request: web.Request) -> dict[str, Any]:
        return self.tickets[int(request.match_info["id"])]

    def detail(self, ticket: dict[str, Any], number: int) -> dict[str, Any]:
        return next(one for one in ticket["details"] if one["detailID"] == number)  # type: ignore[no-any-return]


def american(moment: datetime) -> str:
    return f"{moment:%m/%d/%Y %I:%M:%S %p}".lstrip("0")
