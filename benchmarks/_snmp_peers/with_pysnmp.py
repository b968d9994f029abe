"""pysnmp 7, v1arch with ready-made names and one dispatcher: its fastest way."""

from __future__ import annotations

import asyncio
from typing import Any

import client
import fleet
import uvloop
from pysnmp.hlapi.v1arch.asyncio import CommunityData, SnmpDispatcher, UdpTransportTarget, get_cmd
from pysnmp.proto.rfc1902 import Null, ObjectIdentifier


async def main() -> None:
    how = client.arguments()
    dispatcher, community = SnmpDispatcher(), CommunityData(fleet.COMMUNITY, mpModel=1)
    names = [(ObjectIdentifier(oid), Null("")) for oid in fleet.WAN_OIDS]
    targets: dict[int, Any] = {}

    async def poll(number: int) -> list[int] | None:
        if number not in targets:
            where = (fleet.address(number), how.port)
            targets[number] = await UdpTransportTarget.create(where, timeout=2.0, retries=2)
        failed, _, _, got = await get_cmd(dispatcher, community, targets[number], *names)
        return None if failed else [int(value) for _, value in got]

    meter = client.Meter(fleet.is_wrong)
    await client.polled(meter, how, poll)
    meter.report()
    dispatcher.transport_dispatcher.close_dispatcher()


with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
    runner.run(main())
