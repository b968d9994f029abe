"""The same agent (Debian's snmpd), the same objects, three clients: ours, net-snmp's own and gufo-snmp must agree.

Objects that move are not left out: what we read lies between what net-snmp's client reads before and after. Counters,
clocks and dates must do so at once; what may go up and down is asked again until it held still for a moment.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

import pytest
from gufo.snmp import Aes128Key, DesKey, Md5Key, Sha1Key, Sha256Key
from gufo.snmp import User as GufoUser
from gufo.snmp.aio import SnmpSession

from collector.snmp.agent import Agent, AuthProtocol, Community, Credential, PrivProtocol, User
from collector.snmp.ask import Outcome
from collector.snmp.ber import Missing
from collector.snmp.message import VarBind
from collector.snmp.poller import SnmpPoller
from collector.snmp.walk import walk

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("snmpd") is None, reason="net-snmp's snmpd is not installed (Debian: snmpd)"),
    pytest.mark.skipif(shutil.which("snmpget") is None, reason="net-snmp's snmpget is not installed (Debian: snmp)"),
]

SETS, SETS_V3 = 600, 100
"""Random anew in each run."""
BULKS = 150
TRIES = 8
COMMUNITY = "lineproof-lab"
AUTH, PRIV = "an-auth-password", "a-priv-password"
SERVED = (
    "1.3.6.1.2.1.1", "1.3.6.1.2.1.2", "1.3.6.1.2.1.4.20", "1.3.6.1.2.1.5", "1.3.6.1.2.1.7.1", "1.3.6.1.2.1.11",
    "1.3.6.1.2.1.25.1", "1.3.6.1.2.1.25.2", "1.3.6.1.2.1.25.3.2", "1.3.6.1.2.1.31.1", "1.3.6.1.2.1.88.1.1",
    "1.3.6.1.4.1.2021.4", "1.3.6.1.4.1.2021.10", "1.3.6.1.6.3.10.2", "1.3.6.1.6.3.16.1",
)  # fmt: skip
"""With text, IpAddress (4.20), OID, dates (25.1), every width of number, and floats in an Opaque (2021.10)."""
MOST_OF_A_SUBTREE = 150
MONOTONE = ("Counter32", "Counter64", "Timeticks")
MEMORY = "1.3.6.1.4.1.2021.4."
"""Its Counter64 are CounterBasedGauge64 (UCD-SNMP-MIB): they fall as well."""
NOT_THERE = {
    "No Such Object": Missing.NO_SUCH_OBJECT,
    "No Such Instance": Missing.NO_SUCH_INSTANCE,
    "No more variables": Missing.END_OF_MIB_VIEW,
}
KINDS = {
    0x02: "INTEGER", 0x04: "STRING", 0x05: "NULL", 0x06: "OID", 0x40: "IpAddress", 0x41: "Counter32", 0x42: "Gauge32",
    0x43: "Timeticks", 0x44: "Opaque", 0x46: "Counter64", 0x80: "missing", 0x81: "missing", 0x82: "missing",
}  # fmt: skip


@dataclass(frozen=True)
class Printed:
    """A line of net-snmp's client."""

    oid: str
    kind: str
    value: object


@dataclass(frozen=True)
class Way:
    """A credential, as each client takes it."""

    credential: Credential
    options: tuple[str, ...]
    gufo: GufoUser | None = None


def v3(level: str, auth: str = "", priv: str = "") -> Way:
    """As users `<level><auth><priv>` of the agent."""
    name = f"lab{level}{auth}{priv}".replace("-", "").lower()
    options = ("-v3", "-u", name, "-l", level)
    if auth:
        options += ("-a", auth, "-A", AUTH)
    if priv:
        options += ("-x", priv, "-X", PRIV)
    ours = User(
        name=name,
        auth=AUTHS[auth] if auth else None,
        auth_password=AUTH if auth else "",
        priv=PRIVS[priv] if priv else None,
        priv_password=PRIV if priv else "",
    )
    auth_key = GUFO_KEYS[auth](AUTH.encode()) if auth else None
    priv_key = GUFO_KEYS[priv](PRIV.encode()) if priv else None
    return Way(ours, options, GufoUser(name, auth_key=auth_key, priv_key=priv_key))


AUTHS = {"MD5": AuthProtocol.MD5, "SHA": AuthProtocol.SHA1, "SHA-256": AuthProtocol.SHA256}
PRIVS = {"DES": PrivProtocol.DES, "AES": PrivProtocol.AES128}
GUFO_KEYS = {"MD5": Md5Key, "SHA": Sha1Key, "SHA-256": Sha256Key, "DES": DesKey, "AES": Aes128Key}
WAYS = {
    "v2c": Way(Community(COMMUNITY.encode()), ("-v2c", "-c", COMMUNITY)),
    "v3 noAuthNoPriv": v3("noAuthNoPriv"),
    "v3 authNoPriv SHA-256": v3("authNoPriv", "SHA-256"),
    "v3 authPriv SHA-1 AES-128": v3("authPriv", "SHA", "AES"),
    "v3 authPriv MD5 DES": v3("authPriv", "MD5", "DES"),
}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("snmpd")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    lines = [f"rocommunity {COMMUNITY} 127.0.0.1"]
    for way in WAYS.values():
        if isinstance(way.credential, User):
            words = dict(zip(way.options, way.options[1:], strict=False))
            keys = [words[option] for option in ("-a", "-A", "-x", "-X") if option in words]
            level = {0: "noauth", 2: "auth", 4: "priv"}[len(keys)]
            lines += [f"createUser {way.credential.name} {' '.join(keys)}", f"rouser {way.credential.name} {level}"]
    (folder / "snmpd.conf").write_text("\n".join(lines) + "\n")
    process = subprocess.Popen(
        ["snmpd", "-f", "-Lf", str(folder / "log"), "-C", "-c", str(folder / "snmpd.conf"), f"udp:127.0.0.1:{port}"],
        env={**os.environ, "SNMP_PERSISTENT_DIR": str(folder)},
    )
    try:
        for _ in range(100):
            if ran("snmpget", WAYS["v2c"], port, ["1.3.6.1.2.1.1.3.0"], check=False):
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def served(port: int) -> dict[str, list[str]]:
    """The instances of each subtree, as net-snmp's own walk finds them."""
    found = {}
    for subtree in SERVED:
        oids = [
            line.oid for line in printed(ran("snmpbulkwalk", WAYS["v2c"], port, [subtree])) if line.kind != "missing"
        ]
        if oids:
            found[subtree] = oids[:MOST_OF_A_SUBTREE]
    assert sum(map(len, found.values())) > 300
    return found


@pytest.fixture
async def poller() -> AsyncIterator[SnmpPoller]:
    poller = SnmpPoller(timeout=2.0, retries=2)
    yield poller
    poller.close()


def ran(
    command: str, way: Way, port: int, words: Sequence[str], options: Sequence[str] = (), *, check: bool = True
) -> str:
    """What it prints: names and values numeric, octets in hexadecimal, no MIBs, no configuration of this machine."""
    environment = {**os.environ, "SNMPCONFPATH": "/nonexistent", "MIBS": ""}
    whole = [command, *way.options, *options, "-t", "2", "-m", "", "-OnexU", f"127.0.0.1:{port}", *words]
    return subprocess.run(whole, check=check, capture_output=True, text=True, env=environment).stdout


def printed(text: str) -> list[Printed]:
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith(".") and " = " in line:
            lines.append(line)
        elif line:  # long octet strings go over several lines
            lines[-1] += " " + line
    return [parsed(*line.lstrip(".").split(" = ", 1)) for line in lines]


def parsed(oid: str, text: str) -> Printed:
    for words, missing in NOT_THERE.items():
        if text.startswith(words):
            return Printed(oid, "missing", missing)
    if text == '""':
        return Printed(oid, "STRING", b"")
    kind, _, value = text.partition(": ")
    if kind == "Hex-STRING":
        return Printed(oid, "STRING", bytes.fromhex(value))
    if kind == "Timeticks":
        return Printed(oid, kind, int(re.match(r"\((\d+)\)", value)[1]))  # type: ignore[index]
    if kind == "OID":
        return Printed(oid, kind, value.lstrip("."))
    if kind == "Opaque":
        return Printed(oid, kind, value.removeprefix("Float: "))
    return Printed(oid, kind, value if kind == "IpAddress" else int(value))


def of_ours(varbind: VarBind) -> Printed:
    value: object = varbind.value
    if varbind.tag == 0x44 and isinstance(value, bytes):  # net-snmp's float in an Opaque: 9f 78 04, then IEEE 754
        assert value[:3] == b"\x9f\x78\x04"
        value = f"{struct.unpack('>f', value[3:])[0]:.6f}"
    return Printed(varbind.oid, KINDS[varbind.tag], value)


def agrees(before: Printed, ours: Printed, after: Printed) -> bool:
    """Whether ours may have been read between the two."""
    if before == after:
        return ours == before
    if not before.kind == ours.kind == after.kind or before.oid != ours.oid:
        return False
    if is_monotone(ours) or isinstance(before.value, bytes):
        return before.value <= ours.value <= after.value  # type: ignore[operator]
    return ours.value in (before.value, after.value)


def is_monotone(read: Printed) -> bool:
    return read.kind in MONOTONE and not read.oid.startswith(MEMORY)


def must_agree_at_once(before: Printed) -> bool:
    return is_monotone(before) or before.kind in ("OID", "IpAddress", "missing")


def sets_of_oids(served: dict[str, list[str]], count: int, source: random.Random) -> list[list[str]]:
    """Random sets in random order, with duplicates, unknown objects and instances, and columns without an instance."""
    everything = [oid for oids in served.values() for oid in oids]
    found = []
    unknown = ("1.3.6.1.2.1.99.1.0", "1.3.6.1.4.1.4294967295.1", "2.40.1")
    for _ in range(count):
        pool = source.choice((everything, everything, source.choice(list(served.values()))))
        chosen = source.choices(pool, k=source.choice((1, 1, 2, 5, 11, 20, 40)))
        for at in range(len(chosen)):
            if source.random() < 0.05:
                column = chosen[at].rsplit(".", 1)[0]
                odd = (
                    column,
                    f"{column}.{2**32 - 1}",
                    f"{chosen[at]}.{source.randrange(2**32)}",
                    source.choice(chosen),
                )
                chosen[at] = source.choice((*unknown, *odd))
        found.append(chosen)
    return found


async def disagreements(
    oids: Sequence[str], way: Way, port: int, poller: SnmpPoller, gufo: SnmpSession
) -> tuple[list[str], int]:
    """Where the clients disagree on these sets of OIDs, and how many of the values moved meanwhile."""
    agent = Agent("127.0.0.1", port, way.credential)
    wanted, moved, wrong = list(oids), 0, list[str]()
    for attempt in range(TRIES):
        unique = list(dict.fromkeys(wanted))
        before = printed(await asyncio.to_thread(ran, "snmpget", way, port, unique))
        answer = await poller.get(agent, wanted)
        theirs = await gufo.get_many(unique)
        after = printed(await asyncio.to_thread(ran, "snmpget", way, port, unique))
        if answer.outcome is not Outcome.OK or [varbind.oid for varbind in answer.varbinds] != wanted:
            return [f"{answer.outcome} {answer.detail}: {wanted}"], 0
        assert [line.oid for line in before] == [line.oid for line in after] == unique
        bounds = {line.oid: (line, then) for line, then in zip(before, after, strict=True)}
        ours = {varbind.oid: of_ours(varbind) for varbind in answer.varbinds}
        unsettled = []
        for varbind in answer.varbinds:
            first, last = bounds[varbind.oid]
            moved += first != last
            if agrees(first, of_ours(varbind), last) and agrees(first, of_gufo(ours[varbind.oid], theirs), last):
                continue
            if must_agree_at_once(first) or attempt == TRIES - 1:
                wrong.append(f"{first}, ours {of_ours(varbind)}, gufo {theirs.get(varbind.oid)!r}, {last}")
            unsettled.append(varbind.oid)
        if wrong or not unsettled:
            break
        wanted = unsettled
    return wrong, moved


def of_gufo(like: Printed, theirs: dict[str, object]) -> Printed:
    """What gufo-snmp says, which leaves out what is not there and tells no types."""
    if like.oid not in theirs:
        return like if like.kind == "missing" else Printed(like.oid, "missing", None)
    value = theirs[like.oid]
    if like.kind == "Opaque" and isinstance(value, bytes):
        value = f"{struct.unpack('>f', value[3:])[0]:.6f}"
    return Printed(like.oid, like.kind, value)


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Way:
    return WAYS[request.param]


def of(way: Way, port: int) -> SnmpSession:
    if way.gufo is None:
        return SnmpSession("127.0.0.1", port, community=COMMUNITY, timeout=2.0)
    return SnmpSession("127.0.0.1", port, user=way.gufo, timeout=2.0)


async def test_any_set_of_objects_has_the_values_that_others_read(
    way: Way, port: int, served: dict[str, list[str]], poller: SnmpPoller
) -> None:
    sets = sets_of_oids(served, SETS if way.gufo is None else SETS_V3, random.Random(random.randrange(2**32)))
    gufo, compared, moved = of(way, port), 0, 0
    if way.gufo is not None:
        await gufo.refresh()
    wrong: list[str] = []
    for oids in sets:
        found, moving = await disagreements(oids, way, port, poller, gufo)
        wrong += found
        moved += moving
        compared += len(oids)
    assert wrong == []
    assert compared > 5 * len(sets)
    assert moved > len(sets) / 40


async def test_a_getbulk_has_the_rows_that_net_snmps_has(
    port: int, served: dict[str, list[str]], poller: SnmpPoller
) -> None:
    agent, way, source = (
        Agent("127.0.0.1", port, WAYS["v2c"].credential),
        WAYS["v2c"],
        random.Random(random.randrange(2**32)),
    )
    starts = [*served, *(oid for oids in served.values() for oid in oids), "1.3.6.1.6.3.16.1.5.2.1.6", "1.3.7", "2.1"]
    past_the_end = 0
    for _ in range(BULKS):
        oids, repetitions = source.choices(starts, k=source.choice((1, 2, 3))), source.randrange(1, 12)
        if source.random() < 0.2:
            oids.append("1.3.7")  # nothing follows
        for attempt in range(TRIES):
            options = ("-Cn0", f"-Cr{repetitions}")
            before = printed(await asyncio.to_thread(ran, "snmpbulkget", way, port, oids, options))
            answer = await poller.bulk(agent, oids, repetitions)
            after = printed(await asyncio.to_thread(ran, "snmpbulkget", way, port, oids, options))
            assert answer.outcome is Outcome.OK, answer.detail
            ours = [of_ours(varbind) for varbind in answer.varbinds]
            same = len(before) == len(ours) == len(after) and all(map(agrees, before, ours, after))
            if same:
                break
            assert attempt < TRIES - 1, f"{oids} x {repetitions}: {before} {ours} {after}"
        past_the_end += sum(line.value is Missing.END_OF_MIB_VIEW for line in ours)
    assert past_the_end > 20


async def test_a_walked_table_is_the_one_that_others_walk(port: int, poller: SnmpPoller) -> None:
    columns = [f"1.3.6.1.2.1.2.2.1.{n}" for n in (1, 2, 3, 4, 6)] + ["1.3.6.1.2.1.31.1.1.1.1", "1.3.6.1.2.1.25.2.3.1.3"]
    table = await walk(poller, Agent("127.0.0.1", port, WAYS["v2c"].credential), columns)
    assert table.outcome is Outcome.OK
    gufo = of(WAYS["v2c"], port)
    for column in columns:
        ours = {f"{column}.{index}": value for index, value in table.columns[column].items()}
        theirs = {line.oid: line.value for line in printed(ran("snmpbulkwalk", WAYS["v2c"], port, [column]))}
        assert ours == theirs
        assert ours == {oid: value async for oid, value in gufo.getbulk(column)}
        assert len(ours) >= 1


def test_what_net_snmp_prints_is_read_by_hand_made_examples() -> None:
    text = (
        '.1.3.6.1.2.1.1.1.0 = Hex-STRING: 4C 69 6E 75 78 20 76 6D 20 36 2E 31 38 2E 34 34 \n2D 66 \n'
        ".1.3.6.1.2.1.1.3.0 = Timeticks: (1387553) 3:51:15.53\n.1.3.1 = \"\"\n.1.3.2 = INTEGER: -7\n"
        ".1.3.3 = OID: .1.3.6.1\n.1.3.4 = No Such Instance currently exists at this OID\n"
        ".1.3.5 = Opaque: Float: 2.625488\n.1.3.6 = Counter64: 18446744073709551615\n.1.3.7 = IpAddress: 127.0.0.1\n"
    )  # fmt: skip
    assert printed(text) == [
        Printed("1.3.6.1.2.1.1.1.0", "STRING", b"Linux vm 6.18.44-f"),
        Printed("1.3.6.1.2.1.1.3.0", "Timeticks", 1387553),
        Printed("1.3.1", "STRING", b""),
        Printed("1.3.2", "INTEGER", -7),
        Printed("1.3.3", "OID", "1.3.6.1"),
        Printed("1.3.4", "missing", Missing.NO_SUCH_INSTANCE),
        Printed("1.3.5", "Opaque", "2.625488"),
        Printed("1.3.6", "Counter64", 2**64 - 1),
        Printed("1.3.7", "IpAddress", "127.0.0.1"),
    ]


def test_a_value_outside_its_bounds_does_not_agree() -> None:
    def counted(value: int) -> Printed:
        return Printed("1.3.1", "Counter32", value)

    assert agrees(counted(5), counted(5), counted(5))
    assert agrees(counted(5), counted(7), counted(9))
    assert not agrees(counted(5), counted(4), counted(9))
    assert not agrees(counted(5), counted(10), counted(9))
    assert not agrees(counted(5), counted(6), counted(5))
    assert not agrees(counted(5), Printed("1.3.1", "Gauge32", 5), counted(5))
    assert not agrees(counted(5), Printed("1.3.2", "Counter32", 5), counted(5))


def test_memory_that_was_taken_meanwhile_does_not_disagree() -> None:
    def free(value: int) -> Printed:
        return Printed(f"{MEMORY}27.0", "Counter64", value)

    assert agrees(free(9), free(9), free(5))
    assert agrees(free(9), free(5), free(5))
    assert not agrees(free(9), free(4), free(5))
    assert not must_agree_at_once(free(9))
