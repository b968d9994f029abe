"""How much is measured, and who is asked beside us."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from _store_peers import duck, influxd, table
from _store_peers.table import blocking

BATCH = 5_000
MINUTE_MS, HOUR_MS = 60_000, 3_600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    links: int
    days: int
    days_a_round: int
    asked: int
    together: int
    """Links whose thirty days are asked for at once, at most."""
    slice_batches: int
    """Batches of a round that influxd takes one by one, timed; the rest it loads faster."""
    fleet: int
    year_links: int
    year_days: int
    writer_links: int
    writer_minutes: int
    passes: int
    quiet: float
    """Seconds without compaction after which influxd's files count as final; it compacts fully after ten."""


FULL = Size(
    links=500, days=30, days_a_round=5, asked=200, together=20, slice_batches=144,
    fleet=10_000, year_links=200, year_days=395,
    writer_links=100_000, writer_minutes=35, passes=7, quiet=12.0,
)  # fmt: skip
QUICK = Size(
    links=24, days=30, days_a_round=15, asked=24, together=3, slice_batches=12,
    fleet=2_000, year_links=6, year_days=120,
    writer_links=20_000, writer_minutes=10, passes=2, quiet=2.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Peers:
    """Who is asked beside us; influxd only where it is installed."""

    influx: influxd.Influxd | None
    duck: duck.Duck

    def asked(
        self, of_influx: Callable[[influxd.Influxd], object], of_duck: Callable[[], object]
    ) -> dict[str, table.Question]:
        server, found = self.influx, {duck.NAME: blocking(of_duck)}
        return {influxd.NAME: blocking(lambda: of_influx(server)), **found} if server else found
