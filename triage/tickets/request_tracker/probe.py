"""Whether a Request Tracker fits the settings, found out without creating anything."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from triage.tickets.request_tracker.connection import GUIDE, Connection
from triage.tickets.request_tracker.settings import RequestTrackerSettings


async def problems_with(connection: Connection, settings: RequestTrackerSettings, queues: Collection[str]) -> list[str]:
    """Each with what to do. `queues` are those that tickets may be handed over to. Raises TicketError when RT cannot be
    reached, or does not know our secret."""
    version = await connection.version()
    found = [] if version.startswith(("5.", "6.")) else [f"RT {version} is not one that {GUIDE} is written for: take 5"]
    user = await connection.named("user", settings.user)
    if user is None:
        found.append(f"RT has no user {settings.user!r}; write the login of our user as tickets.system.user")
    elif _owner_of_token(settings) not in ("", str(user.get("id", ""))):
        found.append(f"the token is another user's than {settings.user!r}; use that user's own, see {GUIDE}")
    elif user.get("Timezone") not in (None, "", "UTC", "Etc/UTC", "GMT"):
        found.append(f"the time zone of RT's user {settings.user!r} is {user['Timezone']}; set it to UTC")
    found += await problems_with_queue(connection, settings)
    for queue in sorted({settings.queues.get(desk, desk) for desk in queues} - {settings.queue}):
        if await connection.named("queue", queue) is None:
            found.append(
                f"RT has no queue {queue!r} that our user may see; create it, or say under "
                f"tickets.system.queues what it is called there"
            )
    return found


async def problems_with_queue(connection: Connection, settings: RequestTrackerSettings) -> list[str]:
    """The same of the queue in which tickets begin: there, ours to create in, and with the custom fields."""
    queue = await connection.named("queue", settings.queue)
    if queue is None:
        return [f"RT has no queue {settings.queue!r} that our user may see; create it, or give the right SeeQueue"]
    found = []
    if not any(link.get("ref") == "create" for link in queue.get("_hyperlinks", [])):
        found.append(f"our user may not create tickets in queue {settings.queue!r}; give it the right CreateTicket")
    there = {field["name"] for field in queue.get("TicketCustomFields", [])}
    for key, name in settings.fields.model_dump().items():
        if name and name not in there:
            found.append(
                f"queue {settings.queue!r} has no custom field {name!r} that our user may see; apply it to the queue "
                f"and give the right SeeCustomField, or write another name as tickets.system.fields.{key}; see {GUIDE}"
            )
    return found


def _owner_of_token(settings: RequestTrackerSettings) -> str:
    """The number of the user whose token it is, which stands in it; empty where it is none of RT's form."""
    parts: list[Any] = settings.token.get_secret_value().split("-") if settings.token is not None else []
    return parts[1] if len(parts) == 3 and parts[1].isdigit() else ""
