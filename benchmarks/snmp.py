"""What SNMP collection costs: CPU of each poll, of the whole collector, of tables; dead devices; memory; growth.

    benchmarks/snmp.py [--quick] [--json] [--only SECTION ...]

Agents answer on loopback from a process of their own, on another core where there are two: responder.c, each address
one device, and net-snmp's snmpd for v3. Every client runs in a process of its own, in turn with its peers (A B C, A B
C, ...), medians. CPU is user + system of the client's process (of snmp_exporter: all its threads) over successful
polls. Every value is compared with what the agent holds; a wrong one ends the run. The floor sends prebuilt octets and
decodes nothing. `ratio` is the peer's figure over ours. A peer that is not installed is named as missing.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from _snmp_peers import fleet
from _snmp_peers.lab import Lab

CPU = "us CPU"
FLOOR, GUFO, EXPORTER, PYSNMP = "raw floor (C, sendmmsg)", "gufo-snmp + uvloop", "snmp_exporter", "pysnmp 7 v1arch"
Figures = dict[str, Any]
Runs = dict[str, Callable[[], Figures]]


@dataclass(frozen=True)
class Row:
    """One figure. `goal` is its limit, `peer_most` the limit of it over the peer's figure."""

    name: str
    value: float | None
    unit: str
    peer: str = ""
    peer_value: float | None = None
    goal: float | None = None
    peer_most: float | None = None

    @property
    def ratio(self) -> float | None:
        return None if not self.value or self.peer_value is None else round(self.peer_value / self.value, 2)

    def as_json(self) -> Figures:
        value, peer_value = (None if v is None else round(v, 3) for v in (self.value, self.peer_value))
        return {"name": self.name, "value": value, "unit": self.unit, "peer": self.peer, "peer_value": peer_value,
                "ratio": self.ratio}  # fmt: skip

    def line(self) -> str:
        value = "-" if self.value is None else f"{self.value:,.2f}"
        peer = self.peer if self.peer_value is None else f"{self.peer}: {self.peer_value:,.2f} ({self.ratio}x)"
        return f"{self.name:<62} {value:>10} {self.unit:<10} {peer:<58} {self.judged()}".rstrip()

    def judged(self) -> str:
        """Whether the goal is met."""
        if self.value is None:
            return ""
        if self.goal is not None:
            return f"goal <= {self.goal:g}: {'met' if self.value <= self.goal else 'MISSED'}"
        if self.peer_most is not None and self.peer_value:
            share = self.value / self.peer_value
            return f"goal <= {self.peer_most:g} of it: {share:.2f}, {'met' if share <= self.peer_most else 'MISSED'}"
        return ""


class Bench:
    def __init__(self, lab: Lab, *, quick: bool) -> None:
        self.lab = lab
        self.quick = quick
        self.rounds = 3 if quick else 5
        self.compiled = importlib.util.find_spec("collector.snmp._wire") is not None

    def count(self, full: int, quick: int) -> int:
        return quick if self.quick else full

    def in_turn(
        self,
        runs: Runs,
        figure: str = "cpu_us",
        rounds: int = 0,
        pick: Callable[[list[float]], float] = statistics.median,
    ) -> dict[str, float]:
        """The median (or another pick) of that figure of each run."""
        found: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(rounds or self.rounds):
            for name, run in runs.items():
                found[name].append(run()[figure])
        return {name: pick(values) for name, values in found.items()}

    def ours(self, name: str, run: Callable[..., Figures]) -> Runs:
        """Our way, compiled where it is built, and pure Python."""
        runs = {f"{name}, pure Python": lambda: run(pure=True)}
        return {f"{name}, compiled": run, **runs} if self.compiled else runs

    def missing(self, name: str, package: str, value: float | None = None, unit: str = CPU) -> Row:
        return Row(name, value, unit, f"{package}: MISSING ({self.lab.missing[package]})")

    def against(self, name: str, middle: dict[str, float], peer: str, package: str, most: float | None = None) -> Row:
        """Our figure beside a peer's, where that was measured."""
        if peer in middle:
            return Row(name, middle[name], CPU, peer, middle[peer], peer_most=most)
        return self.missing(name, package, middle[name])

    def has(self, *packages: str) -> bool:
        return not any(package in self.lab.missing for package in packages)

    def poll(self) -> Iterator[Row]:
        """The poller alone: GET of 11 objects, v2c, timeouts and retries, source check."""
        name, polls = "GET of 11 objects", self.count(40_000, 12_000)
        agents = self.lab.responder().port
        runs = {FLOOR: lambda: self.lab.floor(agents, self.count(200_000, 60_000), 256, 1000)}
        ours = self.ours(name, lambda **how: self.lab.client("with_ours.py", "get", port=agents, polls=polls, **how))
        runs |= ours
        if self.has("gufo-snmp"):
            runs[GUFO] = lambda: self.lab.client("with_gufo.py", "get", port=agents, polls=self.count(20_000, 8_000))
        if self.has("prometheus-snmp-exporter"):
            web = self.lab.exporter({})
            runs[EXPORTER] = lambda: self.scraped("wan", web, agents, self.count(3_000, 1_000))
        if self.has("pysnmp"):
            runs[PYSNMP] = lambda: self.lab.client(
                "with_pysnmp.py", "get", port=agents, polls=self.count(800, 200), in_flight=50
            )
        middle = self.in_turn(runs)
        for each in ours:
            yield self.against(each, middle, FLOOR, "cc", 2.2 if each.endswith("compiled") else 3.5)
            yield self.against(each, middle, GUFO, "gufo-snmp", 0.5)
            yield self.against(each, middle, EXPORTER, "prometheus-snmp-exporter")
            yield self.against(each, middle, PYSNMP, "pysnmp")

    def scraped(self, module: str, web: int, agents: int, polls: int, objects: int = 11) -> Figures:
        return self.lab.client(
            "with_exporter.py", module, core=-1, port=web, exporter=self.lab.exporter_process, agents=agents,
            polls=polls, in_flight=64, objects=objects,
        )  # fmt: skip

    def collector(self) -> Iterator[Row]:
        """Schedule, poll, rates, journal; against the same objects through snmp_exporter."""
        devices, every, slots = self.count(10_000, 2_000), self.count(4, 1), self.count(1, 2)
        fleets = {
            "the 11 objects and names": self.lab.responder("-i", "2", "-t"),
            "all its columns": self.lab.responder("-i", "2"),
        }
        runs: Runs = {}
        for name, agents in fleets.items():
            runs |= self.ours(
                f"whole collector, {name}",
                lambda agents=agents, **how: self.lab.client(
                    "whole_collector.py", "run", port=agents.port, devices=devices, every=every, slots=slots, **how
                ),
            )
        middle = self.in_turn(runs, rounds=1 if self.quick else 3)
        same = {name: agents.asked()["last"] for name, agents in fleets.items()}
        scrapes: Runs = {}
        if self.has("prometheus-snmp-exporter"):
            web = self.lab.exporter({f"same{at}": oids for at, oids in enumerate(same.values())})
            for at, (name, agents) in enumerate(fleets.items()):
                scrapes[name] = lambda at=at, agents=agents, oids=same[name]: self.scraped(
                    f"same{at}", web, agents.port, self.count(3_000, 1_000), len(oids)
                )
        theirs = self.in_turn(scrapes)
        for each, value in middle.items():
            fleet_name = next(name for name in fleets if name in each)
            label = each.replace(fleet_name, f"{fleet_name} ({len(same[fleet_name])} objects)")
            thin = "11" in fleet_name
            if thin:
                yield Row(label, value, CPU, goal=15)
            if fleet_name in theirs:
                yield Row(label, value, CPU, f"{EXPORTER}, same objects", theirs[fleet_name], peer_most=0.1)
            else:
                yield self.missing(label, "prometheus-snmp-exporter", value)

    def v3(self) -> Iterator[Row]:
        """authPriv, SHA-1 and AES-128, snmpd on 50 addresses."""
        name = "GET of 11 objects, v3 authPriv SHA-1 AES-128"
        if not self.has("snmpd"):
            yield self.missing(name, "snmpd")
            return
        agents, polls = self.lab.snmpd(), self.count(6_000, 1_000)
        how = {"port": agents, "devices": 50, "polls": polls, "in_flight": 50}
        before = self.lab.reference(agents)
        runs = self.ours(
            name, lambda **more: self.lab.client("with_ours.py", "get-v3", reference=before, **how, **more)
        )
        ours = list(runs)
        if self.has("gufo-snmp"):
            runs[GUFO] = lambda: self.lab.client("with_gufo.py", "get-v3", reference=before, **how)
        middle = self.in_turn(runs)
        for each in ours:
            yield self.against(each, middle, GUFO, "gufo-snmp", 1.0)

    def table(self) -> Iterator[Row]:
        """20 interfaces, the 8 columns that are needed: found by a walk, then polled by rows that are known."""
        polls = self.count(600, 100)
        agents = self.lab.responder("-i", str(fleet.INTERFACES)).port
        walked, known = "table of 20 interfaces, 8 columns, walked", "table of 20 interfaces, 8 columns, rows known"
        ours = self.ours(walked, lambda **how: self.lab.client("with_ours.py", "walk", port=agents, polls=polls, **how))
        ours |= self.ours(
            known,
            lambda **how: self.lab.client(
                "with_ours.py", "rows", port=agents, polls=4 * polls, devices=200, in_flight=20, **how
            ),
        )
        runs = dict(ours)
        if self.has("gufo-snmp"):
            runs[f"{GUFO}, walk of the same columns"] = lambda: self.lab.client(
                "with_gufo.py", "walk", port=agents, polls=polls
            )
        if self.has("prometheus-snmp-exporter"):
            web = self.lab.exporter({})
            runs[f"{EXPORTER}, walk of the same columns"] = lambda: self.scraped(
                "table", web, agents, self.count(400, 100)
            )
            runs[f"{EXPORTER}, its if_mib walk"] = lambda: self.scraped("if_mib", web, agents, self.count(150, 30))
        middle = self.in_turn(runs)
        for each in ours:
            yield self.against(each, middle, f"{GUFO}, walk of the same columns", "gufo-snmp")
            yield self.against(each, middle, f"{EXPORTER}, walk of the same columns", "prometheus-snmp-exporter")
            yield self.against(each, middle, f"{EXPORTER}, its if_mib walk", "prometheus-snmp-exporter", 0.05)

    def dead(self) -> Iterator[Row]:
        """2,000 devices, each asked again as soon as it answered or was given up; every tenth is dead or left out.

        The best round counts: other work on this machine takes from a throughput and never adds to it.
        """
        agents = self.lab.responder("-i", "2", "-d", "10").port
        how = {"port": agents, "devices": 2000, "timeout": 1.0, "attempts": 2, "dead_every": 10,
               "seconds": 1.5 if self.quick else 3.0}  # fmt: skip
        clients = {"ours": "with_ours.py"} | ({"gufo": "with_gufo.py"} if self.has("gufo-snmp") else {})
        runs: Runs = {}
        for name, script in clients.items():
            for without in (1, 0):
                runs[f"{name}{without}"] = lambda script=script, without=without: self.rate(
                    self.lab.client(script, "dead", without_dead=without, **how)
                )
        best = self.in_turn(runs, "per_second", rounds=2 if self.quick else 3, pick=max)
        said = "healthy devices' throughput, 10 % dead beside them"
        yield Row(said, best["ours0"], "polls/s", "without the dead ones", best["ours1"])
        yield Row("what the dead ones take of it", 100 * (1 - best["ours0"] / best["ours1"]), "%", goal=5)
        if "gufo0" in best:
            yield Row(said, best["ours0"], "polls/s", f"{GUFO}, 10 % dead", best["gufo0"])
        else:
            yield self.missing(said, "gufo-snmp", best["ours0"], "polls/s")
        agents, devices = self.lab.responder("-i", "2", "-d", "10").port, self.count(4_000, 1_000)
        run = self.lab.client(
            "whole_collector.py", "run", port=agents, devices=devices, every=self.count(2, 1), slots=2, dead_every=10
        )
        yield Row("whole collector, 10 % dead: healthy polls of those due", 100 * run["polls"] / run["due"], "%")
        yield Row("whole collector, 10 % dead: a healthy poll", run["cpu_us"], CPU)

    @staticmethod
    def rate(figures: Figures) -> Figures:
        return figures | {"per_second": figures["polls"] / figures["wall_seconds"]}

    def memory(self) -> Iterator[Row]:
        """Every device in flight, none answers."""
        agents = self.lab.responder("-i", "2", "-x").port
        how = {"port": agents, "timeout": 1.0 if self.quick else 4.0, "attempts": 2}
        ours = self.lab.client("with_ours.py", "silent", devices=10_000, **how)
        more = self.lab.client("with_ours.py", "silent", devices=20_000, **how)
        said = "memory of a device in flight, of 10,000"
        if self.has("gufo-snmp"):
            gufo = self.lab.client("with_gufo.py", "silent", devices=10_000, **how)
            peer = GUFO
            yield Row(said, ours["kib_a_device"], "KiB", peer, gufo["kib_a_device"], goal=2)
            yield Row("file descriptors, 20,000 devices", more["descriptors"], "", f"{peer}, 10,000 devices",
                      gufo["descriptors"], goal=16)  # fmt: skip
        else:
            yield Row(said, ours["kib_a_device"], "KiB", goal=2)
            yield Row("file descriptors, 20,000 devices", more["descriptors"], "", goal=16)
            yield self.missing(said, "gufo-snmp", ours["kib_a_device"], "KiB")

    def growth(self) -> Iterator[Row]:
        """The whole collector, from 1,000 to 50,000 devices."""
        agents = self.lab.responder("-i", "2").port
        for devices in (1_000, 3_000) if self.quick else (1_000, 5_000, 20_000, 50_000):
            every = 1 if self.quick else 5 if devices < 20_000 else 10
            run = self.lab.client("whole_collector.py", "run", port=agents, devices=devices, every=every, slots=1)
            said = f"whole collector, {devices:,} devices every {every} s"
            yield Row(f"{said}: a poll", run["cpu_us"], CPU)
            yield Row(f"{said}: share of a core", run["cpu_us"] * run["polls"] / run["wall_seconds"] / 1e4, "%")
            yield Row(f"{said}: resident memory", run["resident_mib"], "MiB")
            yield Row(f"{said}: memory of a device", run["kib_a_device"], "KiB")
            yield Row(f"{said}: polls done of those due", 100 * run["polls"] / run["due"], "%")
            yield Row(f"{said}: wrong rates of {run['rates']:,}, at the start", run["wrong_at_start"], "", goal=0)


SECTIONS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "poll": Bench.poll,
    "collector": Bench.collector,
    "v3": Bench.v3,
    "table": Bench.table,
    "dead": Bench.dead,
    "memory": Bench.memory,
    "growth": Bench.growth,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    how = parser.parse_args()
    rows: list[Row] = []
    for section in how.only:
        with Lab() as lab:
            bench = Bench(lab, quick=how.quick)
            found = SECTIONS[section](bench) if bench.has("cc") else iter([bench.missing(section, "cc")])
            for row in found:
                rows.append(row)
                if not how.json:
                    print(row.line(), flush=True)
    if how.json:
        print(json.dumps({"rows": [row.as_json() for row in rows]}))


if __name__ == "__main__":
    main()
