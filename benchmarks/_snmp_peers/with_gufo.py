"""gufo-snmp (Rust core) on uvloop: a session, thus a socket, for each device; retries are the caller's."""

from __future__ import annotations

import asyncio
import time
from argparse import Namespace
from collections.abc import Callable
from typing import Any

import client
import fleet
import uvloop
from gufo.snmp import Aes128Key, Sha1Key, User
from gufo.snmp.aio import SnmpSession


async def main() -> None:
    how = client.arguments(timeout=2.0, attempts=3, dead_every=0, without_dead=0, reference="")
    kinds = {"get": get, "get-v3": get_v3, "walk": walk, "dead": dead, "silent": silent}
    await kinds[how.what](how)


def sessions(how: Namespace, **more: User) -> Callable[[int], SnmpSession]:
    opened: dict[int, SnmpSession] = {}

    def session(number: int) -> SnmpSession:
        if number not in opened:
            credential = more or {"community": fleet.COMMUNITY}
            opened[number] = SnmpSession(fleet.address(number), how.port, timeout=how.timeout, **credential)
        return opened[number]

    return session


async def values(how: Namespace, session: SnmpSession, names: list[str]) -> list[Any] | None:
    for _ in range(how.attempts):
        try:
            got = await session.get_many(names)
        except TimeoutError:
            continue
        return [got[name] for name in names]
    return None


async def get(how: Namespace) -> None:
    meter, session, names = client.Meter(fleet.is_wrong), sessions(how), list(fleet.WAN_OIDS)
    await client.polled(meter, how, lambda number: values(how, session(number), names))
    meter.report()


async def get_v3(how: Namespace) -> None:
    auth, priv = Sha1Key(fleet.AUTH_PASSWORD.encode()), Aes128Key(fleet.PRIV_PASSWORD.encode())
    session = sessions(how, user=User(fleet.USER, auth_key=auth, priv_key=priv))
    meter, names = client.Meter(client.snmpd_check(how.reference)), list(fleet.SNMPD_OIDS)
    for number in range(how.devices):
        await session(number).refresh()
    await client.polled(meter, how, lambda number: values(how, session(number), names))
    meter.report()


async def walk(how: Namespace) -> None:
    session = sessions(how)

    async def one(number: int) -> list[tuple[str, Any]]:
        return [pair for column in fleet.TABLE_COLUMNS async for pair in session(number).getbulk(column, 25)]

    meter = client.Meter(lambda number, pairs: fleet.is_wrong_table(number, dict(pairs)))
    await client.polled(meter, how, one)
    meter.report()


async def dead(how: Namespace) -> None:
    meter, session, names = client.Meter(fleet.is_wrong), sessions(how), list(fleet.WAN_OIDS)
    numbers = [n for n in range(how.devices) if not (how.without_dead and fleet.is_dead(n, how.dead_every))]
    await client.polled_for(meter, how, numbers, lambda number: values(how, session(number), names))
    meter.report()


async def silent(how: Namespace) -> None:
    """Every device in flight at once, none answers."""
    names, before = list(fleet.WAN_OIDS), client.resident_kib()
    session = sessions(how)
    asked = [asyncio.ensure_future(values(how, session(number), names)) for number in range(how.devices)]
    await asyncio.sleep(how.timeout / 2)
    during, open_ = client.resident_kib(), client.descriptors()
    meter, begun = client.Meter(fleet.is_wrong), time.perf_counter()
    meter.failed = sum(each is None for each in await asyncio.gather(*asked))
    meter.report(kib_a_device=(during - before) / how.devices, descriptors=open_, waited=time.perf_counter() - begun)


with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
