"""Random histories of the embedded store, day after day, against the model in memory."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given, settings

sys.path.append(str(Path(__file__).parents[1] / "contracts"))

from store_history import RAW_DAYS, Player, histories

from collector.journal import Journal
from collector.store.embedded import EmbeddedStore
from collector.store.inspect import verify
from collector.store.port import MeasurementStore

pytestmark = [pytest.mark.rim, pytest.mark.slow]

EXAMPLES = max(25, hypothesis.settings().max_examples // 2)
"""Each takes a quarter of a second."""


@settings(max_examples=EXAMPLES, deadline=None)
@given(histories)
def test_a_store_answers_as_the_model_whatever_was_written_maintained_expired_and_reopened(
    history: list[object],
) -> None:
    async def played() -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)

            def opened() -> EmbeddedStore:
                return EmbeddedStore(Journal(folder / "journal.sqlite"), folder / "store", RAW_DAYS)

            async def reopen(store: MeasurementStore) -> MeasurementStore:
                await store.close()
                return opened()

            player = Player(opened(), reopen)
            await player.play(history)
            assert list(verify(player.store)) == []  # type: ignore[arg-type]
            await player.store.close()

    asyncio.run(played())
