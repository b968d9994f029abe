"""What our own polling and probing may take of a metered line in a calendar month, and what it has taken. Pure.

An octet counts with its IP and UDP headers, in both directions, as carriers count; lower layers are not theirs. What
is asked over a metered line is reserved before it is sent, at its largest, and settled when it is over, so that the
budget is never exceeded. What is on disk is always at least what was spent: a crash makes the budget smaller.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path

import structlog

from collector.settings import MeteredSettings
from collector.store.manifest import replace_file, translated
from inventory.model import Device, Inventory, LifeCycle, Link, LinkRole

log = structlog.get_logger()

MEGABYTE = 1_000_000
LARGEST_PACKET = 1_500
"""Octets of an IP packet on an Ethernet (RFC 894); requests are made to fit one, and so that their answers do."""
HEAD_START = 1 / 30
"""Ordinary turns may be ahead of the month by a day's share of the budget; then they wait for the calendar, so that a
line that needs many retries is polled seldom, and not blind at the end of the month. Extra turns may not be ahead."""
WRITTEN_AHEAD, RESERVATIONS_AHEAD = 1 / 200, 4
"""How much more than was spent is put on disk, as a share of the budget, or in the largest reservations: what a crash
costs."""
WRITE_SECONDS = 60.0
SET_BACK_SECONDS = 86_400.0
"""A clock that goes back by less does not take the ledger back into the month before."""
TOLD_SECONDS = 3_600.0
FORMAT = 1


def metered_lines(inventory: Inventory, device: Device) -> tuple[Link, ...]:
    """The metered links to which polling this device is charged; mostly none.

    The inventory does not say over which line a device is reached. Of its own live WAN links, or where none ends at
    it, of its site's: when all are metered, each is charged in full, since any of them may carry it; otherwise the
    metered ones that are primary, because management follows the default route. A metered secondary line beside an
    unmetered primary is not charged: while the primary works, nothing of this goes over it.
    """
    live = [link for link in inventory.links_at(device.site) if link.is_wan and link.life_cycle is LifeCycle.LIVE]
    wan = [link for link in live if link.device == device.id] or live
    metered = [link for link in wan if link.metered]
    if len(metered) < len(wan):
        metered = [link for link in metered if link.role is LinkRole.PRIMARY]
    return tuple(metered)


def budget_octets(link: Link, settings: MeteredSettings) -> int:
    """What a metered link may carry of our own in a month: `budget_mb`, or less where its cap is small."""
    octets = settings.budget_mb * MEGABYTE
    if link.cap_bytes is not None:
        octets = min(octets, link.cap_bytes * settings.cap_percent / 100)
    return int(octets)


def most_octets(datagrams: int, attempts: int) -> int:
    """What a poll of so many datagrams can take at most: each sent and answered at every attempt, in full packets."""
    return datagrams * attempts * 2 * LARGEST_PACKET


class Admission(StrEnum):
    """Whether something may be sent over metered lines, or why not."""

    GRANTED = "granted"
    EXHAUSTED = "exhausted"
    """The month's budget would be exceeded."""
    AHEAD = "ahead"
    """More was spent than the month is old; it may be sent later."""
    UNWRITTEN = "unwritten"
    """What would be spent is not on disk yet; `page` must be written first."""


@dataclass(frozen=True, slots=True)
class Page:
    """What is on disk: the month as YYYY-MM, and for each line the octets that it may have carried by now."""

    month: str
    octets: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Month:
    """A calendar month in UTC, in epoch seconds."""

    name: str
    start: float
    end: float

    @classmethod
    def of(cls, now: float) -> _Month:
        first = datetime.fromtimestamp(now, UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        after = (first + timedelta(days=32)).replace(day=1)
        return cls(f"{first:%Y-%m}", first.timestamp(), after.timestamp())

    def elapsed(self, now: float) -> float:
        """How much of it is over, 0 to 1."""
        return max(0.0, now - self.start) / (self.end - self.start)


class Ledger:
    """Counts the octets of each metered line in the calendar month. `budgets` are octets by link id.

    Nothing is written here: whenever `page` gives one, it is to be written and then told by `written`. A line of which
    nothing is known (the file was lost, or it is metered since today) is taken to have spent its share of the month so
    far. Times are epoch seconds.
    """

    def __init__(self, budgets: Mapping[str, int], page: Page | None) -> None:
        self.refused: dict[Admission, int] = dict.fromkeys(Admission, 0)
        del self.refused[Admission.GRANTED]
        self._budgets = dict(budgets)
        self._page = page
        self._month: _Month | None = None
        self._spent: dict[str, int] = {}
        self._on_disk: dict[str, int] = {}
        self._left_out: dict[str, tuple[int, float]] = {}
        self._largest = 0
        self._is_waited_for = False
        self._paged_at = 0.0

    def reserve(self, lines: Iterable[str], octets: int, now: float, *, extra: bool = False) -> Admission:
        """Ask to send and receive up to so many octets over each of these lines; what is granted is spent.

        `extra` is a turn beyond the ordinary ones: it may only take what the month so far has left over.
        """
        month = self._open(now)
        lines = tuple(lines)
        self._largest = max(self._largest, octets)
        allowed = min(1.0, month.elapsed(now) + (0.0 if extra else HEAD_START))
        for line in lines:
            budget, spent = self._budgets[line], self._spent[line] + octets
            if spent > budget * allowed:
                if not extra:
                    self._left_out[line] = (self._left_out.get(line, (0, now))[0] + 1, now)
                return self._refuse(Admission.EXHAUSTED if spent > budget else Admission.AHEAD)
        for line in lines:
            if self._spent[line] + octets > self._on_disk.get(line, 0):
                self._is_waited_for = True
                return self._refuse(Admission.UNWRITTEN)
        for line in lines:
            self._spent[line] += octets
        return Admission.GRANTED

    def settle(self, lines: Iterable[str], reserved: int, spent: int, reserved_at: float, now: float) -> None:
        """Put what was really sent and received in the place of what was reserved at `reserved_at`, the month of which
        it counts to."""
        if reserved_at < self._open(now).start:
            return
        for line in lines:
            self._spent[line] += spent - reserved

    def page(self, now: float) -> Page | None:
        """What must be written now, at most once a minute; None when what is on disk will do for a while."""
        self._open(now)
        if not any(self._is_low(line) for line in self._budgets) and not self._is_waited_for:
            return None
        if now < self._paged_at + WRITE_SECONDS:
            return None
        self._paged_at, self._is_waited_for = now, False
        return self._page_with({line: self._ahead(line) for line in self._budgets})

    def closing_page(self, now: float) -> Page:
        """What was spent, to be written last; nothing is granted after it."""
        self._open(now)
        self._on_disk = {}
        return self._page_with({})

    def written(self, page: Page) -> None:
        """This page is on disk."""
        if self._month is not None and page.month == self._month.name:
            self._on_disk = dict(page.octets)

    def spent(self, line: str) -> int:
        """Octets of this month, what is reserved among them."""
        return self._spent.get(line, 0)

    def problems(self, now: float) -> list[str]:
        """One sentence for each line over which an ordinary turn was left out within the last hour."""
        return [
            f"metered line {line}: {turns} turns left out this month, with {self._spent[line] / MEGABYTE:.1f} of its "
            f"{self._budgets[line] / MEGABYTE:.1f} MB spent; raise metered.budget_mb, or poll and probe less often"
            for line, (turns, last) in sorted(self._left_out.items())
            if now - last < TOLD_SECONDS
        ]

    def _open(self, now: float) -> _Month:
        """The month of `now`; begins a new one."""
        month = self._month
        if month is not None and month.start - SET_BACK_SECONDS <= now < month.end:
            return month
        new = _Month.of(now)
        if month is None:
            spent = self._known(new)
            self._on_disk = dict(self._page.octets) if self._page and self._page.month == new.name else {}
        else:
            spent = dict.fromkeys(self._budgets, 0) if new.start > month.start else self._at_most(new, now)
            self._on_disk = {}
        self._spent = {line: int(budget * new.elapsed(now)) for line, budget in self._budgets.items()} | spent
        self._month, self._left_out, self._paged_at = new, {}, 0.0
        return new

    def _at_most(self, month: _Month, now: float) -> dict[str, int]:
        """What can have been spent by now in a month whose count is gone, because the clock was set back into it."""
        share = min(1.0, month.elapsed(now) + HEAD_START)
        return {line: min(budget, self._spent[line] + int(budget * share)) for line, budget in self._budgets.items()}

    def _known(self, month: _Month) -> dict[str, int]:
        """What the page on disk says of this month, for the lines that it names."""
        if self._page is None or self._page.month > month.name:
            return {}
        return dict(self._page.octets) if self._page.month == month.name else dict.fromkeys(self._page.octets, 0)

    def _ahead(self, line: str) -> int:
        return max(int(self._budgets[line] * WRITTEN_AHEAD), RESERVATIONS_AHEAD * self._largest)

    def _is_low(self, line: str) -> bool:
        on_disk = self._on_disk.get(line, 0)
        return on_disk < self._budgets[line] and on_disk - self._spent[line] < self._ahead(line) / 2

    def _page_with(self, ahead: Mapping[str, int]) -> Page:
        """Never less than what is on disk of a line, so that what is granted meanwhile stays covered by either page."""
        octets = dict(self._spent)
        for line, more in ahead.items():
            octets[line] = max(octets[line], self._on_disk.get(line, 0), min(self._budgets[line], octets[line] + more))
        return Page(self._month.name if self._month else "", octets)

    def _refuse(self, why: Admission) -> Admission:
        self.refused[why] += 1
        return why


def read_page(path: Path) -> Page | None:
    """The page at `path`; None when there is none, or a damaged one, which is logged. Raises StoreError when the file
    cannot be read."""
    with translated(path):
        try:
            document = json.loads(path.read_bytes())
            if document["format"] == FORMAT:
                return Page(str(document["month"]), {str(line): int(n) for line, n in document["octets"].items()})
            log.error("metered_page_unusable", path=str(path), why=f"format {document['format']} is of another version")
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            log.error("metered_page_unusable", path=str(path), why=f"damaged: {error}")
    return None


def write_page(path: Path, page: Page) -> None:
    """Replace the page at `path`, durably; blocks for an fsync. Raises StoreError."""
    document = {"format": FORMAT, "month": page.month, "octets": dict(page.octets)}
    replace_file(path, json.dumps(document, separators=(",", ":")).encode())
