"""Damaged answers, fed to the poller: none may crash it, hang it, make it grow, or pass for what it is not.

    benchmarks/snmp_fuzz.py [--quick] [--json] [--count N] [--seed N]

A million (`--quick`: 60,000) answers of known content, each damaged in one of many ways, go the way that every datagram
goes, offline. A strict reader of its own (judge.py) says of each that was accepted whether its values may be believed:
only octets of values themselves may differ without notice under v2c, nothing under v3 with authentication.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import resource
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from types import FrameType

from _snmp_peers import damage, damage_v3, judge

from collector.snmp.agent import Agent, AuthProtocol, Community, PrivProtocol, User
from collector.snmp.ask import Answer, Ask, Outcome, Result
from collector.snmp.ber import DecodeError
from collector.snmp.engine import Engine
from collector.snmp.message import bulk_request, decode_pdu
from collector.snmp.poller import SnmpPoller
from collector.snmp.refusals import SecurityError
from collector.snmp.template import Template
from collector.snmp.version3 import Wrapping

BLOCK = 10_000
LONGEST_BLOCK = 60
"""Seconds; a block takes about one."""
MOST_GROWTH_KIB = 8 * 1024
AT_ONCE = 45
FOREIGN = "right answer, wrong source"
OCTETS, PARTS = list(damage.TO_OCTETS.items()), list(damage.TO_PARTS.items())
OUTCOMES = ("refused", "refused and said", "same values", "other values", "FAULT")
MOST_FAULTS_SHOWN = 20


class Wire:
    """A socket that is none: what is put into `arriving` is received, what is sent goes nowhere."""

    def __init__(self) -> None:
        self.arriving: deque[tuple[bytes, tuple[str, int]]] = deque()

    def sendto(self, data: bytes, target: tuple[str, int]) -> int:
        del target
        return len(data)

    def recvfrom_into(self, buffer: bytearray) -> tuple[int, tuple[str, int]]:
        if not self.arriving:
            raise BlockingIOError
        data, source = self.arriving.popleft()
        buffer[: len(data)] = data
        return len(data), source


class Findings:
    """`seen` counts (kind of damage, what became of it)."""

    def __init__(self) -> None:
        self.seen: Counter[tuple[str, str]] = Counter()
        self.faults: list[str] = []

    def fault(self, why: str, kind: str, data: bytes) -> None:
        self.seen[kind, "FAULT"] += 1
        if len(self.faults) < MOST_FAULTS_SHOWN:
            self.faults.append(f"{kind}: {why}: {data[:600].hex()}")


class Version2c:
    """Agents with one question each in flight: a third asked by templates, a third in order, a third by GETBULK."""

    def __init__(self, random: Random, findings: Findings) -> None:
        self.random, self.findings = random, findings
        self.poller = SnmpPoller(timeout=0.05, retries=0, packets_per_second=10**9)
        self.wire = Wire()
        self.good: list[judge.Response] = []
        self.asks: list[Ask] = []
        self.numbers: dict[Ask, int] = {}
        self.idle: list[Ask] = []
        self.results: list[tuple[Ask, Result]] = []
        agent = Agent("127.0.0.1", 161, Community(b"public"))
        for number, (names, good) in enumerate(damage.responses(self.random) * 3):
            questions = (Template(names), Template(names).request, bulk_request(names[:2], 10))
            ask = Ask(agent, questions[number * 3 // AT_ONCE], self.take, in_order=number * 3 // AT_ONCE < 2)
            ask.sock, ask.target = self.wire, ("127.0.0.1", 1000 + number)  # type: ignore[assignment]
            self.good.append(good)
            self.numbers[ask] = number
            self.asks.append(ask)
            self.idle.append(ask)

    def take(self, ask: Ask, result: Result) -> None:
        self.idle.append(ask)
        self.results.append((ask, result))

    async def run(self, count: int) -> None:
        """Feed so many."""
        for _ in range(0, count, AT_ONCE):
            while self.idle:
                for ask in self.idle:
                    self.poller.start(ask)
                self.idle.clear()
                await asyncio.sleep(0)
            self.results.clear()
            fed = [self.feed(ask) for ask in self.asks]
            while self.wire.arriving:
                self.poller._readable(self.wire)  # type: ignore[arg-type]  # noqa: SLF001 - where datagrams come in
            self.judge(fed)

    def feed(self, ask: Ask) -> tuple[str, bytes]:
        number = self.numbers[ask]
        random, source = self.random, ask.target
        good = self.good[number] = replace(self.good[number], request_id=ask.request_id)
        if random.random() < 0.02:
            kind, data, source = (
                FOREIGN,
                good.octets(),
                random.choice((("127.0.0.2", 1000 + number), ("127.0.0.1", 999))),
            )
        elif random.random() < 0.5:
            kind, to_octets = random.choice(OCTETS)
            data = to_octets(random, good.octets())
        else:
            kind, to_parts = random.choice(PARTS)
            data = to_parts(random, good)
        self.wire.arriving.append((data, source))  # type: ignore[arg-type]
        return kind, data

    def judge(self, fed: Sequence[tuple[str, bytes]]) -> None:
        accepted: dict[int, Result] = {}
        for ask, result in self.results:
            number = self.numbers[ask]
            if number in accepted:
                self.findings.fault("two answers to one question", *fed[number])
            accepted[number] = result
        for number, (kind, data) in enumerate(fed):
            result = accepted.get(number)
            if isinstance(result, Answer) and result.outcome is not Outcome.OK:
                self.findings.seen[kind, "refused and said"] += 1
            elif result is None:
                self.findings.seen[kind, "refused"] += 1
                if kind in damage.MUST_PASS:
                    self.findings.fault("refused, though an agent may do so", kind, data)
            else:
                self.passed(number, kind, data, result)

    def passed(self, number: int, kind: str, data: bytes, result: Result) -> None:
        good = self.good[number]
        if isinstance(result, Answer):
            told = [tuple(varbind) for varbind in result.varbinds]
            fault = judge.fault_of_bindings(good, data, told, in_order=self.asks[number].in_order)
            same = told == [(name, tag, judge.meant(tag, octets)) for name, tag, octets in good.bindings]
        else:
            fault = judge.fault_of_values(good, data, result)
            same = result == [judge.meant(tag, octets) for _, tag, octets in good.bindings]
        if kind == FOREIGN:
            fault = "values from another address"
        if fault:
            self.findings.fault(fault, kind, data)
        self.findings.seen[kind, "same values" if same else "other values"] += 1


class Version3:
    """One user at one engine, at each of the three levels of security."""

    def __init__(self, random: Random, findings: Findings) -> None:
        self.random, self.findings = random, findings
        auth = {"auth": AuthProtocol.SHA1, "auth_password": "bench-auth-1234"}
        priv = {"priv": PrivProtocol.AES128, "priv_password": "bench-priv-1234"}
        keys = (damage_v3.local_key(b"bench-auth-1234"), damage_v3.local_key(b"bench-priv-1234"))
        self.engine = Engine(damage_v3.ENGINE_ID, damage_v3.BOOTS, damage_v3.TIME, 0.0)
        self.levels = [
            (damage_v3.Security(b"bench", level, *keys), Wrapping(User(name="bench", **known), damage_v3.ENGINE_ID))
            for level, known in ((0, {}), (1, auth), (3, auth | priv))
        ]
        self.good = [replace(good, request_id=0x4000_0000 + n) for n, (_, good) in enumerate(damage.responses(random))]

    def run(self, count: int) -> None:
        random = self.random
        for _ in range(count):
            security, wrapping = random.choice(self.levels)
            good = random.choice(self.good)
            message = security.message(good, salt=random.randbytes(8))
            kind, data = "v3 undamaged", message
            if random.random() < 0.1 and security.level:
                kind, made = random.choice(FORGERIES)
                data = made(random, security, good)
            elif random.random() < 0.95:
                kind, to_octets = random.choice(OCTETS)
                kind, data = f"v3 {kind}", to_octets(random, message)
            self.judge(kind, message, data, security.level, wrapping)

    def judge(self, kind: str, message: bytes, data: bytes, level: int, wrapping: Wrapping) -> None:
        try:
            opened = wrapping.open(data, self.engine, 0.0)
            told = [tuple(varbind) for varbind in decode_pdu(opened.pdu, 0, len(opened.pdu)).varbinds]
        except (DecodeError, SecurityError):
            told = None
        if told is None:
            self.findings.seen[kind, "refused"] += 1
            if data == message:
                self.findings.fault("refused, though nothing is damaged", kind, data)
            return
        pdu = damage_v3.pdu_of(data) if not level else opened.pdu
        if (level and data != message) or pdu != opened.pdu:
            self.findings.fault("accepted, though its damage can be seen", kind, data)
        self.findings.seen[kind, "same values" if data == message else "other values"] += 1


FORGERIES = [
    ("v3 stripped of its security", damage_v3.stripped),
    ("v3 with another key's digest", damage_v3.forged),
    ("v3 of another time", damage_v3.of_another_time),
]


class HangError(Exception):
    """A block of answers took longer than it can."""


def hung(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise HangError(f"{BLOCK} answers took more than {LONGEST_BLOCK} s")


async def fuzzed(count: int, seed: int) -> tuple[Findings, int, float]:
    """What was found, by how many KiB the process grew after the first fifth, seconds of the slowest block."""
    findings, slowest, settled = Findings(), 0.0, 0
    version_2c, version_3 = Version2c(Random(seed), findings), Version3(Random(seed + 1), findings)
    blocks = max(5, -(-count // BLOCK))
    for block in range(blocks):
        begun = time.perf_counter()
        signal.alarm(LONGEST_BLOCK)
        if block % 5 == 4:
            version_3.run(count // blocks)
        else:
            await version_2c.run(count // blocks)
        signal.alarm(0)
        slowest = max(slowest, time.perf_counter() - begun)
        await asyncio.sleep(0.1)  # what was given up long ago is forgotten
        if block == blocks // 5:
            gc.collect()
            settled = resident_kib()
    gc.collect()
    return findings, resident_kib() - settled, slowest


def resident_kib() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() // 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    how = parser.parse_args()
    signal.signal(signal.SIGALRM, hung)
    print(f"seed {how.seed}", file=sys.stderr)
    begun = time.process_time()
    findings, growth, slowest = asyncio.run(fuzzed(how.count or (60_000 if how.quick else 1_000_000), how.seed))
    fed = sum(findings.seen.values())
    figures = [
        ("damaged answers fed", fed, ""),
        ("accepted that must not be", sum(n for (_, became), n in findings.seen.items() if became == "FAULT"), ""),
        ("growth of the process", growth, "KiB"),
        ("slowest block", slowest, "s"),
        ("CPU of an answer, making and judging it included", (time.process_time() - begun) / fed * 1e6, "us"),
    ]
    if how.json:
        rows = [
            {"name": name, "value": round(value, 2), "unit": unit, "peer": "", "peer_value": None, "ratio": None}
            for name, value, unit in figures
        ]
        print(json.dumps({"rows": rows}))
    else:
        print_table(findings, figures)
    if findings.faults or growth > MOST_GROWTH_KIB:
        sys.exit(1)


def print_table(findings: Findings, figures: list[tuple[str, float, str]]) -> None:
    print(f"{'':<30}" + "".join(f"{became:>18}" for became in OUTCOMES))
    for kind in sorted({kind for kind, _ in findings.seen}):
        print(f"{kind:<30}" + "".join(f"{findings.seen[kind, became]:>18,}" for became in OUTCOMES))
    for fault in findings.faults:
        print(f"FAULT {fault}")
    for name, value, unit in figures:
        print(f"{name:<58} {value:>12,.2f} {unit}")


if __name__ == "__main__":
    main()
