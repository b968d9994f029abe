"""Lines drawn by hand: three days of five-minute samples that end at noon, flat but for what a test changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from collector.model import Cadence, Fact, Series, Source
from config.clock import epoch_ms
from inventory.model import Access, Client, Device, DeviceRole, Link, LinkRole, Site
from triage.model import Claim, Measured, Picture
from triage.policy import Policy
from triage.policy_files import load_policy

NOON = datetime(2026, 3, 3, 12, 0, tzinfo=UTC)
STEP = 300
ROWS = 3 * 288
FLAT = {
    "rtt_ms": 20.0, "jitter_ms": 2.0, "loss_pct": 0.0, "sent": 20.0, "rx_bps": 10e6, "oper_up": 1.0, "flaps": 0.0,
}  # fmt: skip


@pytest.fixture
def now() -> datetime:
    return NOON


@pytest.fixture(scope="session")
def policy() -> Policy:
    return load_policy()


@pytest.fixture
def series() -> Callable[..., Series]:
    """`last` gives, per field, the newest values, oldest first; `fields` replaces the flat ones (None: unmeasured)."""

    def make(
        link: str = "wan1",
        last: Mapping[str, Sequence[float]] | None = None,
        fields: Mapping[str, float] | None = None,
        source: Source = Source.PROBE,
        missing: Sequence[int] = (),
        rows: int = ROWS,
    ) -> Series:
        columns = {name: np.full(rows, value) for name, value in (FLAT if fields is None else fields).items()}
        for name, values in (last or {}).items():
            columns.setdefault(name, np.full(rows, np.nan))[rows - len(values) :] = values
        end = epoch_ms(NOON)
        time = np.arange(end - rows * STEP * 1000, end, STEP * 1000)
        kept = np.ones(rows, dtype=bool)
        kept[[rows + index if index < 0 else index for index in missing]] = False
        return Series(
            link=link,
            source=source,
            time=time[kept],
            seconds=np.full(int(kept.sum()), STEP, np.int32),
            received_at=time[kept] + STEP * 1000,
            fields={name: values[kept] for name, values in columns.items()},
        )

    return make


@pytest.fixture
def link() -> Callable[..., Link]:
    def make(name: str = "wan1", role: LinkRole = LinkRole.PRIMARY, **changes: object) -> Link:
        values: dict[str, object] = {
            "site": "store-1", "access": Access.DIA, "carrier": "A",
            "committed_down_bps": 100e6, "committed_up_bps": 100e6,
        }  # fmt: skip
        return Link(id=name, role=role, **{**values, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def picture() -> Callable[..., Picture]:
    """A site of the given links; the probe's slots are due as soon as they are over."""

    def make(
        *links: Measured, peers: Sequence[Measured] = (), device_facts: Sequence[Fact] = (), **changes: object
    ) -> Picture:
        values: dict[str, object] = {
            "site": Site(id="store-1", client="acme"),
            "client": Client(id="acme", name="Acme"),
            "devices": [Device(id="cpe-1", site="store-1", role=DeviceRole.SDWAN_EDGE)],
            "links": links,
            "peers": peers,
            "device_facts": device_facts,
            "cadences": {Source.PROBE: Cadence(every=STEP, late=0)},
        }
        return Picture(**{**values, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def claim() -> Callable[..., Claim]:
    def make(minutes_ago: float = 60, **changes: object) -> Claim:
        values: dict[str, object] = {"since": NOON - timedelta(minutes=minutes_ago), "reported_at": NOON}
        return Claim(site="store-1", client="acme", **{**values, **changes})  # type: ignore[arg-type]

    return make
