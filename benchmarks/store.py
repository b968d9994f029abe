"""The embedded store beside Debian's influxd and DuckDB, on the same rows, in one run.

    benchmarks/store.py [--quick] [--json]

Minute samples of 500 links over 30 days, nine fields, noise and gaps as lines have them. Questions are asked in turn,
medians are compared; the ratio says how many times better ours is. influxd gets line protocol that was built before,
over one connection; its percentiles are computed in the server, by its own ranks; DuckDB is asked from a table sorted
by link and time. `--quick` takes a twentieth of the links: its figures say less, the limits are those of the full run.
Needs up to 8 GB under the temporary folder (TMPDIR) and some twelve minutes, with --quick one and a half.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import structlog
from _store_peers import duck, fleet, influxd, month, others, writer
from _store_peers.sizes import FULL, QUICK, Peers, Size
from _store_peers.table import Row

from collector.store.embedded import EmbeddedStore


async def measured(folder: Path, size: Size) -> AsyncIterator[Row]:
    links = fleet.link_names(size.links)
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(influxd.running(folder / "influxd")) if influxd.installed() else None
        peers = Peers(server, duck.Duck(folder / "duckdb", fleet.link_names(max(size.links, size.fleet))))
        stack.callback(peers.duck.close)
        store = writer.opened(folder / "ours")
        assert isinstance(store, EmbeddedStore)
        try:
            for each in await month.ingested(store, peers, links, size):
                yield each
            for each in month.sizes(store, peers):
                yield each
            async for each in month.windows(store, peers, links, size):
                yield each
            async for each in month.summaries(store, peers, links, size):
                yield each
            yield await month.parity(store, peers, [links[0], links[len(links) // 2], links[-1]], size)
        finally:
            await store.close()
        async for each in others.newest(folder / "fleet", peers, size):
            yield each
        async for each in others.by_hour(folder / "year", peers, size):
            yield each
    async for each in others.writing(folder, size):
        yield each


async def run(size: Size, as_json: bool) -> bool:
    """Print the table; whether the stores agree with each other."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="store-bench-") as name:
        async for row in measured(Path(name), size):
            rows.append(row)
            if not as_json:
                print(row.line(), flush=True)
    if as_json:
        print(json.dumps({"rows": [row.document() for row in rows]}))
    return all(row.met for row in rows if row.name.startswith("parity"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a twentieth of the links, two passes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    # The simulated days pass at once: that is no clock that jumped, and the table stands alone on stdout.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    if not influxd.installed():
        print("influxd is not installed (Debian: influxdb): its rows are left out", file=sys.stderr)
    sys.exit(0 if asyncio.run(run(QUICK if options.quick else FULL, options.json)) else 1)


if __name__ == "__main__":
    main()
