"""Random histories of the store in a real InfluxDB against the model in memory: late, repeated and out of order."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings
from store_history import Player, histories

from collector.store.influx import InfluxStore
from collector.store.port import MeasurementStore

pytestmark = [pytest.mark.real, pytest.mark.slow]

FOREVER = 3000
"""Days: the server expires by its own clock, and the histories play in the past."""
numbers = itertools.count()


@settings(
    max_examples=hypothesis.settings().max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(histories)
def test_influxdb_answers_as_the_model_whatever_was_written_rolled_up_and_reopened(
    proxy_before_influxd: Any, history: list[object]
) -> None:
    async def played() -> None:
        async with proxy_before_influxd() as proxy:

            def opened() -> InfluxStore:
                return InfluxStore(proxy.url, proxy.token, bucket, raw_days=FOREVER, rollup_days=FOREVER)

            async def reopen(store: MeasurementStore) -> MeasurementStore:
                await store.close()
                return opened()

            bucket = f"model{next(numbers)}/raw"
            player = Player(opened(), reopen, raw_days=FOREVER)
            # The bucket is there before the first question, as it is once upkeep ran.
            await player.store.maintain(player.now)
            await player.play(history)
            await player.store.close()

    asyncio.run(played())
