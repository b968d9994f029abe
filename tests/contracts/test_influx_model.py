"""Random histories of the store in a real InfluxDB against the model in memory: late, repeated and out of order."""

from __future__ import annotations

import asyncio
import itertools
from datetime import datetime
from typing import Any

import hypothesis
import pytest
from aiohttp import ClientSession
from hypothesis import HealthCheck, given, settings
from store_history import DAY, RAW_DAYS, Player, floor, histories

from collector.store import influx_setup
from collector.store.influx import InfluxStore
from collector.store.influx_connection import InfluxConnection
from collector.store.port import MaintenanceReport, MeasurementStore
from config.clock import epoch_ms

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]

numbers = itertools.count()


class Expiring(InfluxStore):
    """The server expires by its own clock, and the histories play in the past: what it would drop is deleted."""

    expire: Any = None

    async def maintain(self, now: datetime) -> MaintenanceReport:
        report = await super().maintain(now)
        for measurement in ("samples", "facts"):
            await self.expire(f'DELETE FROM "{measurement}" WHERE time < {epoch_ms(kept_from(now))}ms')
        return report


def kept_from(now: datetime) -> datetime:
    return floor(now, DAY) - RAW_DAYS * DAY


@settings(
    max_examples=min(50, hypothesis.settings().max_examples),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(histories)
def test_influxdb_answers_as_the_model_whatever_was_written_rolled_up_expired_and_reopened(
    influxd: Any, proxy_before_influxd: Any, history: list[object]
) -> None:
    async def played() -> None:
        database = f"model{next(numbers)}"

        async def expire(query: str) -> None:
            async with (
                ClientSession() as session,
                session.post(influxd.url + "/query", data={"q": query, "db": database}) as answer,
            ):
                assert "error" not in await answer.text()

        async with proxy_before_influxd() as proxy:
            connection = InfluxConnection(proxy.url, proxy.token, "-", 30)
            await influx_setup.create(connection, f"{database}/raw", 3000)
            await connection.close()

            def opened() -> InfluxStore:
                store = Expiring(proxy.url, proxy.token, f"{database}/raw", raw_days=RAW_DAYS, rollup_days=3000)
                store.expire = expire
                return store

            async def reopen(store: MeasurementStore) -> MeasurementStore:
                await store.close()
                return opened()

            player = Player(opened(), reopen)
            await player.play(history)
            await player.store.close()
            await expire(f'DROP DATABASE "{database}"')

    asyncio.run(played())
