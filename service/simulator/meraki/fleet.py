"""Organizations, networks and appliances drawn from a seed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

TARGETS = ("8.8.8.8", "1.1.1.1")
ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
STREETS = ("Main St", "Oak Ave", "Market St", "2nd Ave", "River Rd")
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """An uplink in use. Rates are kbit/s; `latency` is the usual round trip in milliseconds, `load` the usual share of
    the rate in use. Without a limit set in the dashboard, `limited` is false."""

    interface: str
    down: int
    up: int
    latency: float
    load: float
    limited: bool
    provider: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A store with one appliance, or a warm-spare pair that shares its lines (`serials`, the primary first)."""

    id: str
    name: str
    zone: str
    address: str
    model: str
    serials: tuple[str, ...]
    lines: tuple[Line, ...]
    targets: tuple[str, ...]

    @property
    def paired(self) -> bool:
        return len(self.serials) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    id: str
    name: str
    networks: tuple[Network, ...]

    def appliances(self) -> Iterator[tuple[str, Network]]:
        """Every serial with its network, ascending by serial, as the dashboard pages."""
        return iter(sorted((serial, network) for network in self.networks for serial in network.serials))


def draw_organizations(seed: int, networks: Sequence[int]) -> tuple[Organization, ...]:
    """As many organizations as `networks` has numbers, each with so many networks."""
    random = Random(seed)
    return tuple(
        Organization(
            id=str(549_000 + 17 * place),
            name=f"Example {place + 1}",
            networks=tuple(_network(random, place, number) for number in range(count)),
        )
        for place, count in enumerate(networks)
    )


def _network(random: Random, organization: int, number: int) -> Network:
    """Each fifth network is a pair, two of three have a second line, each third a cellular one."""
    lines = [_line(random, "wan1", number)]
    if number % 3 != 2:
        lines.append(_line(random, "wan2", number))
    if number % 3 == 1:
        lines.append(_line(random, "cellular", number))
    return Network(
        id=f"L_{organization + 1}{number:06d}",
        name=f"Store {organization + 1}-{number + 1:04d}",
        zone=random.choice(ZONES),
        address=f"{random.randint(1, 999)} {random.choice(STREETS)}",
        model="MX68CW" if number % 3 == 1 else "MX68",
        serials=tuple(_serial(random) for _ in range(2 if number % 5 == 0 else 1)),
        lines=tuple(lines),
        targets=TARGETS if number % 4 == 0 else TARGETS[:1],
    )


def _line(random: Random, interface: str, number: int) -> Line:
    cellular = interface == "cellular"
    down = random.choice((20_000, 50_000)) if cellular else random.choice((50_000, 100_000, 300_000, 1_000_000))
    return Line(
        interface=interface,
        down=down,
        up=down // random.choice((1, 5, 10)),
        latency=random.uniform(35, 70) if cellular else random.uniform(6, 30),
        load=random.uniform(0.02, 0.3),
        limited=not cellular and number % 7 != 3,
        provider="Example Mobile" if cellular else "",
    )


def _serial(random: Random) -> str:
    groups = ("".join(random.choice(_LETTERS) for _ in range(4)) for _ in range(2))
    return "-".join(("Q2" + "".join(random.choice(_LETTERS) for _ in range(2)), *groups))
