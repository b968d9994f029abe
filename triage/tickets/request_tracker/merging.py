"""One ticket for one key, in a system that refuses no duplicate.

The key stands in the custom field Fingerprint. Where that field is set to hold unique values, RT still creates the
second ticket, and leaves its field silently empty; otherwise both have it. Either way the older ticket of those that
have the key wins, every process comes to the same conclusion, and the other one is merged into it, notes and all.
"""

from __future__ import annotations

from collections.abc import Sequence

from triage.tickets.notes import mark
from triage.tickets.port import TicketError
from triage.tickets.request_tracker.connection import GUIDE, Connection
from triage.tickets.request_tracker.settings import RequestTrackerSettings
from triage.tickets.request_tracker.wire import any_status, field_is, quoted

MERGE_ATTEMPTS = 3


async def settled(connection: Connection, settings: RequestTrackerSettings, key: str) -> str | None:
    """The one ticket with the key, after merging what a process that died left beside it; None when there is none."""
    found = await with_key(connection, settings, key)
    if len(found) > 1:
        return await _merge(connection, found)
    if found:
        return found[0]
    for stray in await _keyless(connection, settings, key):
        return await settle(connection, settings, key, stray)
    return None


async def settle(connection: Connection, settings: RequestTrackerSettings, key: str, made: str) -> str:
    """The ticket that stands for the key, now that we made one: that, or the one that won."""
    row, etag = await connection.ticket(made)
    if row.creator.id != settings.user:
        raise TicketError(
            f"RT shows {row.creator.id} as who created ticket {made}; write that login as tickets.system.user in the "
            "settings, or use the token of that user"
        )
    own = row.winner
    found = await with_key(connection, settings, key)
    if own not in found and not found:
        await connection.change(own, {"CustomFields": {settings.fields.fingerprint: key}}, etag)
        found = await with_key(connection, settings, key)
    if not found:
        raise TicketError(
            f"RT leaves the custom field {settings.fields.fingerprint!r} of ticket {made} empty: apply it to the queue "
            f"{settings.queue!r}, and give our user the rights SeeCustomField, SetInitialCustomField and "
            f"ModifyCustomField; see {GUIDE}"
        )
    return await _merge(connection, found if own in found else [*found, own])


async def with_key(connection: Connection, settings: RequestTrackerSettings, key: str) -> list[str]:
    """Tickets with the key, the oldest first, ended and deleted ones too."""
    query = any_status(field_is(settings.fields.fingerprint, key))
    return await connection.search(query, "looking for our ticket")


async def _keyless(connection: Connection, settings: RequestTrackerSettings, key: str) -> Sequence[str]:
    """Our tickets without any key whose text ends with this key's mark: RT left the key out and we died before we saw
    it."""
    query = f"CF.{{{settings.fields.fingerprint}}} IS NULL AND Creator = {quoted(settings.user)}"
    marked = mark(key)
    keyless = await connection.search(f"{query} AND Status = '__Active__'", "looking for a ticket without key")
    return [ticket for ticket in keyless if await connection.description_ends_with(ticket, marked)]


async def _merge(connection: Connection, tickets: Sequence[str]) -> str:
    """Merge all into the first, and read back that they are."""
    winner, *losers = tickets
    for loser in losers:
        said: list[str] = []
        for _ in range(MERGE_ATTEMPTS):
            row, etag = await connection.ticket(loser)
            if row.winner == winner:
                break
            said = await connection.change(loser, {"MergeInto": int(winner)}, etag) or []
        else:
            raise TicketError(
                f"tickets {winner} and {loser} are about one trouble and RT does not merge them "
                f"({'; '.join(said) or 'both are being changed'}); asking again later",
                retryable=True,
            )
    return winner
