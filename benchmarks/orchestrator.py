"""What it costs to poll an orchestrator: a VCO of 1,000, 10,000 and 50,000 edges with two and a half links each.

    benchmarks/orchestrator.py [--quick] [--json]

The simulated VCO runs in a process of its own; each size is polled by a fresh process as the collector does it: asked
over HTTP, read, mapped, told and committed to a journal on disk (TMPDIR). CPU is user + system of that process, the
median of the polls; its peak is the whole process, with the inventory of all edges. A full poll reads HA states too and
tells every state, as each fifth minute does; a steady one tells what changed. "Held" is the longest that the event loop
did nothing else, without what other processes took. `--quick` leaves out the 50,000 edges.

The rows alone are read from the same bodies in three ways beside ours, each time in a fresh process, in turn: msgspec
with the whole body at once, pydantic models, and json's own dictionaries. All give equal rows, but ours alone still
gives them when one row of the body is damaged.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from _store_peers.table import Row, alone, at_most, beside, times_at_least

from collector.orchestrator.velocloud.calls import AGGREGATE_LINK_METRICS, EDGE_LINK_STATUS
from collector.orchestrator.velocloud.rows import METRICS
from config.clock import SystemClock
from service.simulator.vco.big_fleet import draw_big_fleet

ROOT = Path(__file__).parent.parent
PEERS = Path(__file__).parent / "_orchestrator_peers"
SEED, NAME = 1, "vco-simulated"
TOKEN = "simulated-token"
OURS = "ours"
WAYS = (OURS, "msgspec, the whole body at once", "pydantic", "json")
ASKED_EDGES = 10_000


@contextlib.contextmanager
def simulated(edges: int) -> Iterator[str]:
    """The address of a VCO with so many edges."""
    command = [sys.executable, "-m", "service.simulator.vco", "--seed", str(SEED), "--edges", str(edges)]
    command += ["--rate-limit", "off", "--name", NAME]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert server.stdout
    try:
        yield json.loads(server.stdout.readline())["url"]
    finally:
        server.terminate()
        server.wait()


def child(script: str, **options: object) -> dict[str, Any]:
    """What a fresh process prints."""
    arguments = [f"--{name}={value}" for name, value in options.items() if value is not True]
    arguments += [f"--{name}" for name, value in options.items() if value is True]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        [sys.executable, str(PEERS / script), *arguments], stdout=subprocess.PIPE, env=environment, check=True
    )
    return dict(json.loads(done.stdout))


def polled(edges: int, folder: Path, polls: int) -> Iterator[tuple[Row, Mapping[str, Any]]]:
    """Rows of one size, each with all that was measured."""
    inventory = folder / f"inventory-{edges}"
    inventory.write_bytes(pickle.dumps(draw_big_fleet(SEED, edges, edges * 5 // 2, NAME).inventory()))
    with simulated(edges) as url:
        (folder / str(edges)).mkdir()
        found = child("poll.py", url=url, name=NAME, inventory=inventory, folder=folder / str(edges), polls=polls)
        if edges == ASKED_EDGES:
            keep_bodies(url, folder)
    named = {
        "full": f"full state poll, {edges:,} edges, {found['facts']:,} facts",
        "steady": f"steady state poll, {edges:,} edges",
        "statistics": f"statistics, {edges:,} edges, {found['samples']:,} samples",
    }
    for step, name in named.items():
        asked = edges == ASKED_EDGES and step != "steady"
        figures = found[step]
        yield alone(name, figures["cpu_s"], "s CPU", at_most(2, "s CPU") if asked else None), found
        yield alone(f"{name}, peak", figures["peak_mb"], "MB", at_most(300, "MB") if asked else None), found
        yield alone(f"{name}, loop held", figures["held_ms"], "ms"), found


def keep_bodies(url: str, folder: Path) -> None:
    """The two big answers as files."""
    end = int(SystemClock().now().timestamp()) // 300 * 300_000 - 1_800_000
    window = {"interval": {"start": end - 300_000, "end": end}, "metrics": list(METRICS)}
    for kind, method, body in (
        ("states", EDGE_LINK_STATUS, {}),
        ("statistics", AGGREGATE_LINK_METRICS, window),
    ):
        headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{url}/portal/rest/{method}", json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request) as response:
            (folder / kind).write_bytes(response.read())


def read_rows(folder: Path, turns: int) -> Iterator[Row]:
    """Our way to read a body beside others."""
    for kind in ("states", "statistics"):
        found: dict[str, list[dict[str, Any]]] = {way: [] for way in WAYS}
        for turn in range(turns):
            for way in WAYS[turn % len(WAYS) :] + WAYS[: turn % len(WAYS)]:
                found[way].append(child("rows.py", body=folder / kind, kind=kind, way=way))
        if len({each["rows"] for runs in found.values() for each in runs}) != 1:
            raise SystemExit(f"the ways to read {kind} differ in their rows")
        size = (folder / kind).stat().st_size / 1e6
        for figure, unit, what in (("ms", "ms CPU", ""), ("peak_mb", "MB", ", added to the process at most")):
            middle = {way: statistics.median(each[figure] for each in runs) for way, runs in found.items()}
            yield from beside(f"rows of {kind}, {size:.0f} MB of JSON{what}", middle.pop(OURS), unit, middle)


def linear(small: Mapping[str, Any], large: Mapping[str, Any], factor: int) -> Iterator[Row]:
    for step, name in (("full", "full state poll"), ("statistics", "statistics")):
        ours, peer = large[step]["cpu_s"] / factor, small[step]["cpu_s"]
        yield from beside(
            f"{name}, 50,000 edges, CPU for each 10,000", ours, "s CPU", {"10,000 edges": peer},
            {"10,000 edges": times_at_least(0.8)},
        )  # fmt: skip


def rows(folder: Path, *, quick: bool) -> Iterator[Row]:
    sizes = (1_000, 10_000) if quick else (1_000, 10_000, 50_000)
    measured = {}
    for edges in sizes:
        for row, found in polled(edges, folder, 3 if quick else 5):
            measured[edges] = found
            yield row
    if not quick:
        yield from linear(measured[10_000], measured[50_000], 5)
    yield from read_rows(folder, 3 if quick else 7)
    with simulated(100) as url:
        inventory = folder / "inventory-100"
        inventory.write_bytes(pickle.dumps(draw_big_fleet(SEED, 100, 250, NAME).inventory()))
        (folder / "hour").mkdir()
        hour = child("poll.py", url=url, name=NAME, inventory=inventory, folder=folder / "hour", hour=True)
    yield alone("calls in the busiest minute of an hour", hour["calls"], "calls", at_most(12, "calls"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(Path(folder), quick=options.quick):
            found.append(row)
            if not options.json:
                print(row.line(), flush=True)
    if options.json:
        print(json.dumps({"rows": [row.document() for row in found]}))


if __name__ == "__main__":
    main()
