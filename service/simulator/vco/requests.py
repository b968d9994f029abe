"""The parameters of a call, read as a VCO reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from service.simulator.fleet import Premises
from service.simulator.vco.accounts import Account
from service.simulator.vco.oddities import Json
from service.simulator.vco.statistics import METRICS, Window
from service.simulator.vco.world import World, enterprise_id, logical_id

DEFAULT_SPAN = 12 * 3600
"""Without an interval the vendor takes the last twelve hours."""
PRESENT = 10**11
"""Epoch milliseconds are above this, epoch seconds below it (13 digits are asked for)."""


class BadRequestError(Exception):
    """Parameters that the vendor refuses with code -32600; the text is its message."""


@dataclass(frozen=True, slots=True)
class Request:
    """One call of a method at `now` (epoch seconds), by an account, of a world."""

    method: str
    parameters: Json
    account: Account
    world: World
    now: float

    def integer(self, *names: str) -> int | None:
        """The first of these parameters that is given."""
        for name in names:
            value = self.parameters.get(name)
            if value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool):
                raise BadRequestError(f"invalid {name}")
            return value
        return None

    def listed(self, name: str) -> list[object]:
        value = self.parameters.get(name)
        if value is not None and not isinstance(value, list):
            raise BadRequestError(f"invalid {name}")
        return list(value or [])

    def parts(self) -> frozenset[str]:
        """What is asked for `with` the rows. Words that the vendor does not know are passed over."""
        return frozenset(map(str, self.listed("with")))

    def metrics(self) -> Sequence[str]:
        """The metrics asked for, all when none is named."""
        names = [str(name) for name in self.listed("metrics")]
        unknown = [name for name in names if name not in METRICS]
        if unknown:
            raise BadRequestError(f"invalid metric {unknown[0]}")
        return names or METRICS

    def window(self) -> Window:
        """The interval; the last twelve hours without one."""
        interval = self.parameters.get("interval")
        if interval is not None and not isinstance(interval, dict):
            raise BadRequestError("invalid interval")
        start, end = (interval or {}).get("start"), (interval or {}).get("end")
        window = Window(
            self.now - DEFAULT_SPAN if start is None else moment(start),
            self.now if end is None else moment(end),
            self.now,
            self.world.lateness,
        )
        if window.end < window.start:
            raise BadRequestError("invalid interval")
        return window

    def enterprise(self) -> int:
        """The one enterprise that a call is about. A customer need not name its own; all others must."""
        known = self.account.visible(self.world.register.by_enterprise)
        number = self.integer("enterpriseId", "id")
        if number is None and self.account.enterprises is not None and len(known) == 1:
            return known[0]
        if number not in known:
            raise BadRequestError("invalid enterpriseId")
        return number

    def enterprises(self) -> list[int]:
        """The enterprises that a call over many is about: all that the account sees unless some are named."""
        known = self.account.visible(self.world.register.by_enterprise)
        asked = self.listed("enterprises")
        return [each for each in known if each in asked] if asked else known

    def edge(self) -> Premises:
        """The one edge that a call is about, by its number or its logicalId."""
        number, guid = self.integer("edgeId", "id"), self.parameters.get("logicalId")
        if number is None and guid is not None:
            number = next((each for each in self.world.register.by_edge if logical_id("edge", each) == guid), None)
        premises = None if number is None else self.world.edge(number)
        if premises is None or not self.account.visible([enterprise_id(premises)]):
            raise BadRequestError("invalid edgeId")
        wanted = self.integer("enterpriseId")
        if wanted is not None and wanted != enterprise_id(premises):
            raise BadRequestError("invalid enterpriseId")
        return premises


def moment(value: object) -> float:
    """Epoch seconds of a 13-digit number of milliseconds or an RFC 3339 text."""
    if isinstance(value, int) and not isinstance(value, bool) and value > PRESENT:
        return value / 1000
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except ValueError:
        raise BadRequestError(f"invalid time {value!r}") from None
