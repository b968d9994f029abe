"""Damaged answers, fed to the poller: none may crash it, hang it, make it grow, or pass for what it is not.

    benchmarks/snmp_fuzz.py [--quick] [--json] [--count N] [--seed N]

A million (`--quick`: 60,000) answers of known content, each damaged in one of many ways, go the way that every datagram
goes, over loopback: in pure Python, and through the compiled part where it is built. A strict reader of its own
(judge.py) says of each that was accepted whether its values may be believed: only octets of values themselves may
differ without notice under v2c, nothing under v3 with authentication.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from types import FrameType

from _snmp_peers import damage, damage_v3, judge

from collector.snmp import poller as of_poller
from collector.snmp.agent import Agent, AuthProtocol, Community, Credential, PrivProtocol, User
from collector.snmp.ask import Answer, Ask, Outcome, Result
from collector.snmp.message import bulk_request
from collector.snmp.poller import SnmpPoller
from collector.snmp.session import Session
from collector.snmp.template import Template
from collector.snmp.wire import pure_pdu_values, pure_receive

try:
    COMPILED = importlib.import_module("collector.snmp._wire")
except ImportError:
    COMPILED = None
Address = tuple[str, int]
BLOCK = 10_000
LONGEST_BLOCK = 60
"""Seconds; a block takes about one."""
MOST_GROWTH_KIB = 8 * 1024
FOREIGN = "right answer, wrong source"
OCTETS, PARTS = list(damage.TO_OCTETS.items()), list(damage.TO_PARTS.items())
OUTCOMES = ("refused", "refused and said", "same values", "other values", "FAULT")
MOST_FAULTS_SHOWN = 20


class Loopback:
    """Agents' sockets: `send` puts a datagram where the poller finds it, what the poller sends is not read."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.sock.bind(("127.0.0.1", 0))
        self._agents: dict[Address, socket.socket] = {}

    def agent(self) -> Address:
        agent = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        agent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        agent.bind(("127.0.0.1", 0))
        self._agents[agent.getsockname()] = agent
        return agent.getsockname()  # type: ignore[no-any-return]

    def send(self, data: bytes, source: Address) -> None:
        self._agents[source].sendto(data, self.sock.getsockname())

    def close(self) -> None:
        for sock in (self.sock, *self._agents.values()):
            sock.close()

    @property
    def arriving(self) -> bool:
        return bool(select.select([self.sock], [], [], 0)[0])


@dataclass(slots=True)
class Question:
    """What is asked of one agent, and a good answer to it. Without `security` by v2c."""

    ask: Ask
    good: judge.Response
    security: damage_v3.Security | None
    knows_the_clock: bool = False
    """Without it any authentic message is taken, as RFC 3414, 2.3 has it."""

    def answer(self, random: Random, now: int) -> bytes:
        """`now` is the engine's time, which a v3 message carries."""
        if self.security is None:
            return self.good.octets()
        return self.security.message(self.good, time=now, salt=random.randbytes(8))

    def fault(self, data: bytes, undamaged: bytes, result: Result) -> str:
        """Why this must not have been accepted from `data`; "" when it may."""
        if self.security is not None:
            pdu = damage_v3.pdu_of(data)
            if self.security.level:
                return "" if data == undamaged else "its damage can be seen by the digest"
            if pdu is None:
                return "values from what is not a v3 response"
            data = judge.as_version_2c(pdu)
        if isinstance(result, Answer):
            told = [tuple(varbind) for varbind in result.varbinds]
            return judge.fault_of_bindings(self.good, data, told, in_order=self.ask.in_order)
        return judge.fault_of_values(self.good, data, result)

    def is_good(self, result: Result) -> bool:
        if isinstance(result, Answer):
            told = [tuple(varbind) for varbind in result.varbinds]
            return told == [(name, tag, judge.meant(tag, octets)) for name, tag, octets in self.good.bindings]
        return result == [judge.meant(tag, octets) for _, tag, octets in self.good.bindings]


class Fuzz:
    """Agents with one question each in flight: by templates, in order, by GETBULK, and by v3 at its three levels."""

    def __init__(self, random: Random, *, compiled: bool) -> None:
        self.random, self.begun = random, time.monotonic()
        self.seen: Counter[tuple[str, str]] = Counter()
        """(kind of damage, what became of it)"""
        self.faults: list[str] = []
        self.poller = SnmpPoller(timeout=0.05, retries=0, packets_per_second=10**9)
        self.poller._receive = COMPILED.receive if compiled else pure_receive  # noqa: SLF001
        self.wire = Loopback()
        self.elsewhere = self.wire.agent()
        self.results: list[tuple[Ask, Result]] = []
        self.version_2c = [
            self.question(names, good, way, Community(b"public"))
            for way in ("template", "in order", "bulk")
            for names, good in damage.responses(random)
        ]
        self.version_3 = [
            self.question(names, good, "template" if at % 3 else "in order", user, security)
            for security, user in users()
            for at, (names, good) in enumerate(damage.responses(random))
        ]
        self.by_ask = {question.ask: question for question in self.version_2c + self.version_3}
        self.idle = list(self.by_ask)

    def question(
        self,
        names: tuple[str, ...],
        good: judge.Response,
        way: str,
        credential: Credential,
        security: damage_v3.Security | None = None,
    ) -> Question:
        typed = Template(names, tags={at: tag for at, (_, tag, _) in enumerate(good.bindings)})
        asked = {"template": typed, "in order": typed.request, "bulk": bulk_request(names[:2], 10)}
        target = self.wire.agent()
        ask = Ask(Agent(*target, credential), asked[way], self.take, in_order=way != "bulk")
        ask.sock, ask.target = self.wire.sock, target
        if isinstance(credential, User):
            ask.session = Session(credential)
        return Question(ask, good, security)

    def take(self, ask: Ask, result: Result) -> None:
        self.idle.append(ask)
        self.results.append((ask, result))

    async def run(self, answers: int) -> None:
        """Feed so many, one in five by v3."""
        turn = 0
        while answers > 0:
            while self.idle:
                for ask in self.idle:
                    self.poller.start(ask)
                self.idle.clear()
                await asyncio.sleep(0)
                self.discover()
            self.results.clear()
            fed = [self.feed(question) for question in (self.version_2c, self.version_3)[turn % 5 == 4]]
            self.receive()
            self.judge(fed)
            answers -= len(fed)
            turn += 1

    def discover(self) -> None:
        """Tell the engine id to whoever asks for it."""
        for question in self.version_3:
            if question.ask.steps is not None and question.ask.steps.discovering:
                told = damage_v3.discovery_report(question.ask.request_id)
                self.wire.send(told, question.ask.target)
                question.knows_the_clock = False
        self.receive()

    def receive(self) -> None:
        while self.wire.arriving:
            self.poller._readable(self.wire.sock)  # noqa: SLF001 - where datagrams come in

    def feed(self, question: Question) -> Fed:
        random, source = self.random, question.ask.target
        question.good = replace(question.good, request_id=question.ask.request_id)
        now = damage_v3.TIME + int(time.monotonic() - self.begun)
        data = undamaged = question.answer(random, now)
        chance = random.random()
        if chance < 0.02:
            kind, source = FOREIGN, self.elsewhere
        elif chance < 0.04 or (question.security and not question.knows_the_clock):
            kind, question.knows_the_clock = "undamaged", True
        elif chance < 0.2 and question.security is not None and question.security.level:
            kind, forged = random.choice(FORGERIES)
            data = forged(random, question.security, question.good, now)
        elif chance < 0.52 or question.security is not None:
            kind, to_octets = random.choice(OCTETS)
            data = to_octets(random, undamaged)
        else:
            kind, to_parts = random.choice(PARTS)
            data = to_parts(random, question.good)
        self.wire.send(data, source)
        return question, f"v3 {kind}" if question.security else kind, data, undamaged

    def judge(self, fed: Sequence[Fed]) -> None:
        accepted: dict[Ask, Result] = {}
        for ask, result in self.results:
            if ask in accepted:
                self.fault("two answers to one question", "-", b"")
            accepted[ask] = result
        for question, kind, data, undamaged in fed:
            result = accepted.pop(question.ask, None)
            if result is None:
                self.seen[kind, "refused"] += 1
                if kind.removeprefix("v3 ") in damage.MUST_PASS:
                    self.fault("refused, though an agent may do so", kind, data)
            elif isinstance(result, Answer) and result.outcome is not Outcome.OK:
                self.seen[kind, "refused and said"] += 1
            else:
                fault = question.fault(data, undamaged, result)
                if FOREIGN in kind:
                    fault = "values from another address"
                if fault:
                    self.fault(fault, kind, data)
                self.seen[kind, "same values" if question.is_good(result) else "other values"] += 1
        for ask, result in accepted.items():
            if not isinstance(result, Answer) or result.outcome is Outcome.OK:
                self.fault(f"values for {ask.target}, which answered nothing", "-", b"")

    def fault(self, why: str, kind: str, data: bytes) -> None:
        self.seen[kind, "FAULT"] += 1
        if len(self.faults) < MOST_FAULTS_SHOWN:
            self.faults.append(f"{kind}: {why}: {data[:600].hex()}")


Fed = tuple[Question, str, bytes, bytes]
"""Who was asked, the kind of damage, the damaged datagram, and the good one."""
FORGERIES = [
    ("stripped of its security", damage_v3.stripped),
    ("with another key's digest", damage_v3.forged),
    ("of another time", damage_v3.of_another_time),
]


def users() -> list[tuple[damage_v3.Security, User]]:
    """The judge's and our idea of one user at each level."""
    auth = {"auth": AuthProtocol.SHA1, "auth_password": "bench-auth-1234"}
    priv = {"priv": PrivProtocol.AES128, "priv_password": "bench-priv-1234"}
    keys = (damage_v3.local_key(b"bench-auth-1234"), damage_v3.local_key(b"bench-priv-1234"))
    levels = ((0, {}), (1, auth), (3, auth | priv))
    return [(damage_v3.Security(b"bench", level, *keys), User(name="bench", **known)) for level, known in levels]


class HangError(Exception):
    """A block of answers took longer than it can."""


def hung(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise HangError(f"{BLOCK} answers took more than {LONGEST_BLOCK} s")


async def fuzzed(answers: int, seed: int, *, compiled: bool = False) -> tuple[Fuzz, int, float]:
    """What was found, by how many KiB the process grew after the first fifth, seconds of the slowest block."""
    fuzz, before = Fuzz(Random(seed), compiled=compiled), of_poller.pdu_values
    of_poller.pdu_values = COMPILED.pdu_values if compiled else pure_pdu_values
    try:
        growth, slowest = await in_blocks(fuzz, answers)
    finally:
        of_poller.pdu_values = before
        fuzz.wire.close()
    return fuzz, growth, slowest


async def in_blocks(fuzz: Fuzz, answers: int) -> tuple[int, float]:
    alarm = signal.alarm if signal.getsignal(signal.SIGALRM) is hung else int  # a test has its own watchdog
    slowest, settled = 0.0, 0
    blocks = max(5, -(-answers // BLOCK))
    for block in range(blocks):
        begun = time.perf_counter()
        alarm(LONGEST_BLOCK)
        await fuzz.run(answers // blocks)
        alarm(0)
        slowest = max(slowest, time.perf_counter() - begun)
        await asyncio.sleep(0.1)  # what was given up long ago is forgotten
        if block == blocks // 5:
            gc.collect()
            settled = resident_kib()
    gc.collect()
    return resident_kib() - settled, slowest


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
    rows, failed = [], False
    for way in ("pure Python", "compiled") if COMPILED else ("pure Python",):
        begun = time.process_time()
        answers = how.count or (60_000 if how.quick else 1_000_000)
        found, growth, slowest = asyncio.run(fuzzed(answers, how.seed, compiled=way == "compiled"))
        fed = sum(found.seen.values())
        figures = [
            (f"damaged answers fed, {way}", fed, ""),
            ("accepted that must not be", sum(n for (_, became), n in found.seen.items() if became == "FAULT"), ""),
            ("growth of the process", growth, "KiB"),
            ("slowest block", slowest, "s"),
            ("CPU of an answer, making and judging it included", (time.process_time() - begun) / fed * 1e6, "us"),
        ]
        rows += [
            {"name": name, "value": round(value, 2), "unit": unit, "peer": "", "peer_value": None, "ratio": None}
            for name, value, unit in figures
        ]
        if not how.json:
            print_table(found, figures)
        failed = failed or bool(found.faults) or growth > MOST_GROWTH_KIB
    if how.json:
        print(json.dumps({"rows": rows}))
    sys.exit(failed)


def print_table(found: Fuzz, figures: list[tuple[str, float, str]]) -> None:
    print(f"{'':<30}" + "".join(f"{became:>18}" for became in OUTCOMES))
    for kind in sorted({kind for kind, _ in found.seen}):
        print(f"{kind:<30}" + "".join(f"{found.seen[kind, became]:>18,}" for became in OUTCOMES))
    for fault in found.faults:
        print(f"FAULT {fault}")
    for name, value, unit in figures:
        print(f"{name:<58} {value:>12,.2f} {unit}")


if __name__ == "__main__":
    main()
