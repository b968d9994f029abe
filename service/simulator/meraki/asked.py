"""A call of the Dashboard API v1 as the dashboard takes it: its parameters, and the world that it is about. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from service.simulator.meraki.fleet import Network, Organization
from service.simulator.meraki.happenings import Happenings

Json = dict[str, object]
DAY = 86400.0


class RefusedError(Exception):
    """`{"errors": [...]}` with a status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class World:
    """`missing` serials are in no answer."""

    organizations: Sequence[Organization]
    happenings: Happenings
    missing: set[str]

    def organization(self, id_: str) -> Organization:
        for one in self.organizations:
            if one.id == id_:
                return one
        raise RefusedError(404, "Not found")

    def network(self, id_: str) -> Network:
        for organization in self.organizations:
            for network in organization.networks:
                if network.id == id_:
                    return network
        raise RefusedError(404, "Not found")

    def of_serial(self, serial: str) -> Network:
        for organization in self.organizations:
            for one, network in organization.appliances():
                if one == serial and serial not in self.missing:
                    return network
        raise RefusedError(404, "Not found")


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: its parameters as (name, value) pairs, at `now` (epoch seconds)."""

    world: World
    id: str
    query: Sequence[tuple[str, str]]
    now: float

    def one(self, name: str) -> str | None:
        return next((value for key, value in self.query if key == name), None)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.query if key in (name, f"{name}[]")]

    def span(self, usual: float, longest: float, back: float) -> tuple[float, float]:
        """`t0` and `t1`, or the newest `timespan`."""
        t0, t1, timespan = self.one("t0"), self.one("t1"), self.one("timespan")
        if timespan is not None and (t0 or t1):
            raise RefusedError(400, "timespan cannot be used together with t0 and t1")
        end = self.now if t1 is None else _moment("t1", t1)
        if t0 is not None:
            start = _moment("t0", t0)
        else:
            start = end - (usual if timespan is None else _number("timespan", timespan))
        if end - start > longest + 1e-6:
            raise RefusedError(400, f"t1 can be a maximum of {longest:.0f} seconds after t0")
        if end <= start:
            raise RefusedError(400, "t1 must be after t0")
        if self.now - start > back:
            raise RefusedError(400, "t0 is further back than is kept")
        return start, end

    def appliances(self) -> Iterator[tuple[str, Network]]:
        """Those of the organization that the filters let through."""
        serials, networks, types = self.all("serials"), self.all("networkIds"), self.all("productTypes")
        if types and "appliance" not in types:
            return
        for serial, network in self.world.organization(self.id).appliances():
            wanted = (not serials or serial in serials) and (not networks or network.id in networks)
            if wanted and serial not in self.world.missing:
                yield serial, network

    def resolution(self, allowed: Sequence[int]) -> int:
        value = _number("resolution", self.one("resolution") or "60")
        if value not in allowed:
            raise RefusedError(400, f"resolution must be one of {', '.join(map(str, allowed))}")
        return int(value)


def _moment(name: str, text: str) -> float:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise RefusedError(400, f"{name} must be a valid date") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise RefusedError(400, f"{name} must be a number") from None


def zulu(moment: float) -> str:
    return datetime.fromtimestamp(int(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
