"""What an announcement of work is about, and what a later one changes: events of calendars, carriers' notices. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from inventory.maintenance import called_off
from inventory.model import Inventory, LifeCycle, Link, MaintenanceStatus, MaintenanceWindow, Notice

LONGEST_SLUG = 80
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def lines_of(links: Iterable[Link], circuit: str, carrier: str = "", account: str = "") -> list[Link]:
    """The lines in use that a circuit id or service number means; with `carrier`, of that carrier's alone.

    Where several have it, the account decides if it can.
    """
    wanted = circuit.strip().casefold()
    found = [
        link
        for link in links
        if link.life_cycle is not LifeCycle.RETIRED
        and wanted in {(link.circuit_id or "").casefold(), (link.service_number or "").casefold()} - {""}
        and (not carrier or carrier.casefold() in carriers_of(link))
    ]
    of_account = [link for link in found if account and link.carrier_account == account]
    return of_account or found


def carriers_of(link: Link) -> frozenset[str]:
    """Whose line it is: who sells it, and on whose network it runs."""
    return frozenset(name.casefold() for name in (link.carrier, link.underlying_carrier) if name)


def named_in(text: str, inventory: Inventory) -> tuple[list[str], list[str]]:
    """The sites and lines whose names stand in a free text as whole words: site ids and aliases, circuit ids, service
    numbers. A name shorter than four characters, or a number shorter than six, may mean anything and is passed over."""
    read = text.casefold()
    sites = [site.id for site in inventory.sites.values() if any(_stands(n, read) for n in (site.id, *site.aliases))]
    names = ((link, (link.id, link.circuit_id, link.service_number)) for link in inventory.links.values())
    return sites, [link.id for link, known in names if any(_stands(name or "", read) for name in known)]


def _stands(name: str, text: str) -> bool:
    word = name.strip().casefold()
    if len(word) < (6 if not re.search(r"[^\W\d_]", word) else 4) or word not in text:
        return False
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


def window_id(*names: str) -> str:
    """An id of a window that is the same for the same announcement; what cannot stand in an id is told by a digest."""
    text = "-".join(filter(None, names))
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-._")[:LONGEST_SLUG]
    if slug == text:
        return slug
    return f"{slug or 'work'}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def announcement(window: MaintenanceWindow) -> tuple[str, str]:
    """What a window came by: provider (empty for a calendar) and the provider's id, or the event's UID."""
    return window.notice.provider.casefold(), window.notice.id


def is_newer(notice: Notice, known: Notice) -> bool:
    """RFC 5546, 2.1.5: the higher sequence; with the same one, the later stamp."""
    return _order(notice) > _order(known)


def _order(notice: Notice) -> tuple[int, datetime]:
    return notice.sequence, notice.stamp or _LONG_AGO


def revised(
    known: Sequence[MaintenanceWindow], fresh: Sequence[MaintenanceWindow], now: datetime
) -> list[MaintenanceWindow] | None:
    """What is to be written when the announcement `fresh` comes after `known`, all of them of one `announcement`.

    None when it says nothing newer. A window that it no longer has is cancelled; one that it cancels or completes
    without naming lines keeps those it had. Work that is said to be completed ends now at the latest.
    """
    if known and not any(is_newer(one.notice, max(known, key=lambda w: _order(w.notice)).notice) for one in fresh):
        return None
    before = {window.id: window for window in known}
    written = [_over(_placed(one, known), before.get(one.id), now) for one in fresh]
    gone = [before[name] for name in before.keys() - {one.id for one in written}]
    return [*written, *_called_off(gone, fresh[0].notice, now)]


def _placed(window: MaintenanceWindow, known: Sequence[MaintenanceWindow]) -> MaintenanceWindow:
    if window.sites or window.links or window.status not in (MaintenanceStatus.CANCELLED, MaintenanceStatus.COMPLETED):
        return window
    return replace(
        window,
        sites=tuple(dict.fromkeys(site for one in known for site in one.sites)),
        links=tuple(dict.fromkeys(link for one in known for link in one.links)),
    )


def _over(window: MaintenanceWindow, before: MaintenanceWindow | None, now: datetime) -> MaintenanceWindow:
    if window.status is MaintenanceStatus.CANCELLED and before is not None and before.recurrence:
        return replace(called_off(before, now), notice=window.notice)
    if window.status is not MaintenanceStatus.COMPLETED or window.recurrence or now >= window.end:
        return window
    ends = max(window.notice.stamp or now, window.start) if (window.notice.stamp or now) <= now else now
    if ends <= window.start:
        return replace(window, status=MaintenanceStatus.CANCELLED)
    return replace(window, end=ends)


def _called_off(windows: Sequence[MaintenanceWindow], by: Notice, now: datetime) -> Iterator[MaintenanceWindow]:
    for window in sorted(windows, key=lambda one: one.id):
        if window.status is not MaintenanceStatus.CANCELLED:
            notice = replace(window.notice, sequence=by.sequence, stamp=by.stamp)
            yield replace(called_off(window, now), notice=notice)
