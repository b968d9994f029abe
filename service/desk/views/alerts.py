"""What stands on top of every page: our own blindness, a far end that does not take what it is sent, what was given up.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from triage.outbox import GIVEN_UP, TRIED_AGAIN, firsts, reason_of
from triage.reach import FarEnd, far_end
from triage.repository import OutboxRow, OutboxStatus
from triage.sight import Blindness

FAR_ENDS: Mapping[FarEnd, str] = {
    FarEnd.TICKETS: "the ticket system",
    FarEnd.MAIL: "the mail server",
    FarEnd.ACTUATOR: "what acts on the network",
}
STATUS: Mapping[OutboxStatus, str] = {
    OutboxStatus.PENDING: "waiting",
    OutboxStatus.TRYING: "being tried",
    OutboxStatus.DEAD: "dead",
    OutboxStatus.WITHHELD: "withheld",
}


@dataclass(frozen=True, slots=True)
class Alert:
    """`listed`: the page of the outbox has more of it."""

    words: str
    listed: bool = False


@dataclass(frozen=True, slots=True)
class OutboxLine:
    row: OutboxRow
    status: str
    why: str

    @property
    def may_retry(self) -> bool:
        return self.row.status in TRIED_AGAIN

    @property
    def may_give_up(self) -> bool:
        return self.row.status in GIVEN_UP


@dataclass(frozen=True, slots=True)
class OutboxPage:
    """`more`: how many are not listed."""

    lines: tuple[OutboxLine, ...]
    more: int
    dead: int


def alerts(
    blind: Blindness | None, waiting: Sequence[OutboxRow], depths: Mapping[OutboxStatus, tuple[int, datetime | None]]
) -> tuple[Alert, ...]:
    """`waiting`: the oldest rows that wait; `depths`: how many are not done, by status, as `outbox.depths` counts."""
    told = []
    if blind is not None:
        told.append(
            Alert(f"We are blind since {blind.since:%Y-%m-%d %H:%M}Z, nothing of the sites is decided: {blind.why}")
        )
    for end in FarEnd:
        failed = next((row for row in waiting if row.last_error and far_end(row.effect.kind) is end), None)
        if failed is not None:
            told.append(
                Alert(f"{FAR_ENDS[end].capitalize()} has not taken what it was sent: {failed.last_error}", listed=True)
            )
    dead, _ = depths[OutboxStatus.DEAD]
    if dead:
        told.append(
            Alert(
                f"{dead} {'step' if dead == 1 else 'steps'} for tickets, mail or the network "
                f"{'was' if dead == 1 else 'were'} given up: a person decides",
                listed=True,
            )
        )
    return tuple(told)


def outbox_lines(rows: Sequence[OutboxRow]) -> tuple[OutboxLine, ...]:
    """Rows that are not done, oldest first, each with why it stands where it does."""
    known = firsts(rows)
    return tuple(OutboxLine(row, STATUS[row.status], reason_of(row, known)) for row in rows)
