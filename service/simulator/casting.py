"""The invented companies, places and lines that a fleet is made of. No name here is a real carrier or client."""

from __future__ import annotations

from dataclasses import dataclass

from inventory.model import Access

MEGABIT = 1_000_000
GIGABYTE = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Company:
    id: str
    name: str
    timezone: str
    people: tuple[tuple[str, str, bool], ...]
    """Name, role, and whether the person may open a repair."""
    monthly_charge: int
    weekend: float
    """Traffic at a weekend as a share of a working day's."""


@dataclass(frozen=True, slots=True)
class Market:
    name: str
    timezone: str
    streets: tuple[str, ...]
    dialling: str


@dataclass(frozen=True, slots=True)
class Carrier:
    """A carrier with what it sells here: one-way latency in ms, jitter in ms, share of minutes with stray losses."""

    name: str
    access: Access
    rates_mbps: tuple[tuple[int, int], ...]
    latency_ms: tuple[float, float]
    jitter_ms: float
    noisy: float
    charge: int


COMPANIES = (
    Company(
        "bramley",
        "Bramley Dental Care",
        "America/New_York",
        (
            ("Ines Falk", "IT manager", True),
            ("Tom Arden", "front office lead", True),
            ("Lou Pratt", "hygienist", False),
        ),
        18_400,
        0.25,
    ),
    Company(
        "northgate",
        "Northgate Grocers",
        "America/Chicago",
        (("Maya Okafor", "network lead", True), ("Dirk Lowe", "store operations", True)),
        41_250,
        1.1,
    ),
    Company(
        "fennimore",
        "Fennimore Tyre & Auto",
        "America/Denver",
        (("Sal Renner", "owner's office", True), ("Petra Voss", "regional manager", True)),
        9_900,
        0.6,
    ),
)

MARKETS = (
    Market("Ohio Valley", "America/New_York", ("Canal St", "Foundry Rd", "Elm Ridge Ave"), "216"),
    Market("Lakeshore", "America/Chicago", ("Wharf Ln", "Prairie Blvd", "Second St"), "312"),
    Market("Piedmont", "America/New_York", ("Mill Creek Rd", "Peachblossom Way", "Depot St"), "404"),
    Market("Front Range", "America/Denver", ("Mesa Dr", "Summit Ave", "Larimer Ct"), "303"),
)

PRIMARY_CARRIERS = (
    Carrier("Larkfield Fiber", Access.DIA, ((100, 100), (50, 50), (200, 200)), (4.0, 9.0), 0.8, 0.010, 640),
    Carrier("Pinewave Cable", Access.BROADBAND, ((300, 30), (200, 20), (500, 50)), (8.0, 15.0), 2.0, 0.020, 189),
    Carrier("Corvane Metro", Access.DIA, ((50, 50), (100, 100), (20, 20)), (5.0, 11.0), 1.0, 0.010, 590),
    Carrier("Tessel Broadband", Access.BROADBAND, ((400, 40), (250, 25), (150, 15)), (9.0, 17.0), 2.4, 0.025, 169),
)
"""Each is at home in the market of the same place in MARKETS."""

SECONDARY_CARRIERS = (
    Carrier("Oldfield Telephone", Access.DSL, ((40, 8), (25, 5), (60, 12)), (13.0, 21.0), 2.5, 0.015, 79),
    Carrier("Skylark Mobile", Access.LTE, ((40, 12), (30, 10)), (24.0, 36.0), 5.0, 0.040, 95),
    Carrier("Quillon Wireless", Access.FIVE_G, ((120, 30), (80, 20)), (14.0, 22.0), 3.5, 0.030, 129),
)

EDGE_MODELS = ("edge510", "edge520", "edge610", "edge640")
ROUTER_MODELS = ("C1111-8P", "ISR4331")
WATCH_SERVICE = "Managed line watch"
