"""What the tests of the orchestrator's watch share: its moment, the VCO's methods, and answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from collector.model import Fact, FactKind, SampleBatch
from collector.orchestrator.quota import Bucket, Quota
from collector.store.embedded import EmbeddedStore

START = datetime(2026, 3, 3, 14, 3, tzinfo=UTC)
HOUR = 1772546400000
"""The hour that START lies in, 14:00, in epoch milliseconds."""
STATUS = "monitoring/getEnterpriseEdgeLinkStatus"
METRICS = "monitoring/getAggregateEdgeLinkMetrics"
SERIES = "metrics/getEdgeLinkSeries"
EVENTS = "event/getEnterpriseEvents"
AGGREGATE_EVENTS = "monitoring/getAggregateEnterpriseEvents"
GATEWAYS = "network/getNetworkGateways"
ALL = ("edge-117", "edge-118", "store-117-dia", "store-117-lte", "store-118-cable", "vco1")


class StoreSink:
    """Hands everything to the store at once."""

    def __init__(self, store: EmbeddedStore) -> None:
        self.store = store

    async def samples(self, batch: SampleBatch) -> None:
        await self.store.write(batch)

    async def facts(self, facts: Sequence[Fact]) -> None:
        await self.store.write_facts(facts)


async def facts_in(store: EmbeddedStore, *kinds: FactKind) -> Sequence[Fact]:
    return await store.facts(ALL, START - timedelta(days=2), START + timedelta(days=2), kinds)


def failing(*_: object) -> web.Response:
    return web.Response(status=500)


def figures(row: dict[str, Any]) -> dict[str, Any]:
    """A row of METRICS: 100 kbit/s down and 10 kbit/s up over five minutes."""
    return {"linkId": row["linkId"], "bytesRx": 3_750_000, "bytesTx": 375_000, "bestLatencyMsRx": 20, "link": row}


def stretched(quota: Quota, stretch: float) -> None:
    """As after so many 429s just now."""
    quota._own = Bucket(tokens=quota.limits.capacity, at=quota._now(), stretch=stretch, limited_at=quota._now())
