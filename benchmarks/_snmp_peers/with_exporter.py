"""Scrapes prometheus-snmp-exporter over HTTP; the CPU is the exporter's, all its threads, from /proc."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import client
import fleet


def exporter_cpu(process: int) -> float:
    """Seconds on a core, all threads (nanoseconds in /proc/PID/task/TID/schedstat)."""
    each = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(path.read_text().split()[0]) for path in each) / 1e9


def numbers(body: str) -> dict[str, int]:
    """OID to value; metrics are named m_ARC_ARC... with an index label where the object has one."""
    found = {}
    for line in body.splitlines():
        if line.startswith("m_"):
            name, value = line.rsplit(" ", 1)
            metric, _, label = name.partition("{")
            found[metric[2:].replace("_", ".") + "." + (label.split('"')[1] if label else "0")] = round(float(value))
    return found


def is_wrong_get(number: int, body: str) -> bool:
    found = numbers(body)
    return fleet.is_wrong(number, [found.get(oid) for oid in fleet.WAN_OIDS])


def is_wrong_table(number: int, body: str) -> bool:
    """Numbers are compared; of texts (labels of metrics with value 1) that they are there."""
    found: dict[str, object] = dict(numbers(body))
    for column, pattern in zip(fleet.TABLE_COLUMNS, ("Gi0/{}", "GigabitEthernet0/{}"), strict=False):
        for row in range(1, fleet.INTERFACES + 1):
            text = pattern.format(row)
            found[f"{column}.{row}"] = text if f'="{text}"' in body else None
    wanted = {f"{column}.{row}" for column in fleet.TABLE_COLUMNS for row in range(1, fleet.INTERFACES + 1)}
    return fleet.is_wrong_table(number, {oid: value for oid, value in found.items() if oid in wanted})


async def main() -> None:
    how = client.arguments(exporter=0, agents=0, objects=0)
    checks = {"wan": is_wrong_get, "table": is_wrong_table, "if_mib": is_wrong_table}
    is_wrong = checks.get(how.what, lambda _, body: len(numbers(body)) < how.objects)
    meter = client.Meter(is_wrong, cpu=lambda: (exporter_cpu(how.exporter), 0.0))
    plain = {"Accept-Encoding": "identity"}  # gzip, which Prometheus asks for, costs it a quarter more
    async with aiohttp.ClientSession(f"http://127.0.0.1:{how.port}", headers=plain) as http:

        async def poll(number: int) -> str | None:
            query = {"target": f"{fleet.address(number)}:{how.agents}", "module": how.what}
            async with http.get("/snmp", params=query) as answer:
                return await answer.text() if answer.status == 200 else None

        await client.polled(meter, how, poll)
    meter.report()


asyncio.run(main())
