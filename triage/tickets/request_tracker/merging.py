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
from triage.tickets.request_tracker.wire import field_is, quoted

MERGE_ATTEMPTS = 3


async def settled(connection: Connection, settings: RequestTrackerSettings, key: str) -> str | None:
    """The one ticket with the key, after merging what a process that died left beside it; None when there is none."""
    mine = _with_key(settings, key)
    either = f"{mine} OR ( {_keyless(settings)} AND Status = '__Active__' )"
    seen = await connection.search(either, "looking for our ticket")
    if not seen:
        return None
    found = await connection.search(mine, "looking for our ticket")
    keyless = [ticket for ticket in seen if ticket not in found]
    strays = [ticket for ticket in keyless if await connection.description_ends_with(ticket, mark(key))]
    if found:
        return await _merge(connection, [*found, *strays])
    return await settle(connection, settings, key, strays[0]) if strays else None


async def settle(connection: Connection, settings: RequestTrackerSettings, key: str, made: str) -> str:
    """The ticket that stands for the key, now that we made one: that, or the one that won."""
    query = _with_key(settings, key)
    found = await connection.search(query, "reading back a new ticket")
    said: list[str] = []
    if not found:
        _, etag = await connection.ticket(made)
        said = await connection.change(made, {"CustomFields": {settings.fields.fingerprint: key}}, etag) or []
        found = await connection.search(query, "reading back a new ticket")
    if not found:
        raise TicketError(
            f"RT leaves the custom field {settings.fields.fingerprint!r} of ticket {made} empty "
            f"({'; '.join(said) or 'it says nothing'}): give our user the rights SetInitialCustomField and "
            f"ModifyCustomField; if a deleted ticket still holds the value, see {GUIDE}"
        )
    return await _merge(connection, found if made in found else [*found, made])


def _with_key(settings: RequestTrackerSettings, key: str) -> str:
    return field_is(settings.fields.fingerprint, key)


def _keyless(settings: RequestTrackerSettings) -> str:
    """Our tickets without a key: RT left it out, and whoever was to see that died before."""
    return f"CF.{{{settings.fields.fingerprint}}} IS NULL AND Creator = {quoted(settings.user)}"


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
