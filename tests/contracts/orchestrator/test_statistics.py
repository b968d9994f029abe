"""What every orchestrator's statistics mean, whatever the vendor."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from between import emptied, replaced
from hosts import Case

from collector.journal import Journal
from collector.model import SampleBatch, Source
from collector.orchestrator.port import Orchestrator, OrchestratorError
from collector.store.embedded import EmbeddedStore
from config.clock import epoch_ms

pytestmark = pytest.mark.rim


def rows(batch: SampleBatch) -> dict[tuple[str, int, int], dict[str, float]]:
    """Figures that were measured, by link, start and seconds."""
    found: dict[tuple[str, int, int], dict[str, float]] = {}
    for i, link in enumerate(batch.links):
        identity = (link, int(batch.time[i]), int(batch.seconds[i]))
        assert identity not in found, "an identity stands once in a batch"
        measured = {name: float(column[i]) for name, column in batch.fields.items()}
        found[identity] = {name: value for name, value in measured.items() if value == value}
    return found


async def test_one_sample_a_link_of_the_window_that_was_asked_for(case: Case, orchestrator: Orchestrator):
    await orchestrator.states()
    start, end = case.window
    batch = await orchestrator.statistics(start, end)
    assert len(batch)
    assert batch.source is Source.ORCHESTRATOR
    assert set(batch.links) <= case.inventory.links.keys()
    assert {(time, seconds) for _, time, seconds in rows(batch)} == {(epoch_ms(start), (end - start).seconds)}
    assert set(batch.received_at.tolist()) == {epoch_ms(case.clock.now())}


async def test_rx_is_download_in_the_samples_the_journal_and_the_store(
    case: Case, orchestrator: Orchestrator, tmp_path: Path
):
    case.between.edit = replaced({**case.vendor.received, **case.vendor.sent})
    await orchestrator.states()
    start, end = case.window
    batch = await orchestrator.statistics(start, end)
    wanted = dict.fromkeys(batch.links, (30000000.0, 1000000.0))
    assert {link: (got["rx_bps"], got["tx_bps"]) for (link, *_), got in rows(batch).items()} == wanted

    journal = Journal(tmp_path / "journal.sqlite")
    store = EmbeddedStore(journal, tmp_path, 95)
    await store.write(batch)
    (entry,) = journal.read(0)
    (kept,) = entry.batches
    assert {link: (got["rx_bps"], got["tx_bps"]) for (link, *_), got in rows(kept).items()} == wanted
    series = await store.window(list(wanted), ["rx_bps", "tx_bps"], start, end)
    assert {one.link: (one.column("rx_bps")[0], one.column("tx_bps")[0]) for one in series} == wanted
    await store.close()


async def test_rx_is_download_also_in_the_past_and_in_what_a_person_looks_at(case: Case, orchestrator: Orchestrator):
    case.between.edit = replaced({**case.vendor.received, **case.vendor.sent})
    await orchestrator.states()
    start, end = case.window
    for batch in (
        await orchestrator.history(case.edge.id, start - 3 * (end - start), end),
        (await orchestrator.look(case.edge.id)).samples,
    ):
        rates = [(got["rx_bps"], got["tx_bps"]) for got in rows(batch).values() if "rx_bps" in got]
        assert rates
        assert set(rates) == {(30e6, 1e6)}


async def test_a_second_reading_of_a_window_has_the_same_identities(case: Case, orchestrator: Orchestrator):
    await orchestrator.states()
    start, end = case.window
    first = rows(await orchestrator.statistics(start, end))
    case.clock.move_to(case.clock.now() + timedelta(minutes=30))
    again = rows(await orchestrator.statistics(start, end))
    assert first == again


async def test_what_was_not_measured_is_nothing_and_never_zero(case: Case, orchestrator: Orchestrator):
    await orchestrator.states()
    case.between.edit = replaced(dict.fromkeys(case.vendor.figures))
    batch = await orchestrator.statistics(*case.window)
    figures = [column for name, column in batch.fields.items() if not name.endswith("_capacity_bps")]
    assert all(np.isnan(column).all() for column in figures)


@pytest.mark.parametrize("nonsense", ["many", -1, [], True, 1e300])
async def test_nonsense_is_not_measured_either(case: Case, orchestrator: Orchestrator, nonsense: object):
    await orchestrator.states()
    case.between.edit = replaced(dict.fromkeys(case.vendor.figures, nonsense))
    batch = await orchestrator.statistics(*case.window)
    figures = [column for name, column in batch.fields.items() if not name.endswith("_capacity_bps")]
    assert all(np.isnan(column).all() for column in figures)


async def test_empty_statistics_of_a_known_fleet_are_a_fault(case: Case, orchestrator: Orchestrator):
    await orchestrator.states()
    case.between.edit = emptied
    with pytest.raises(OrchestratorError, match="empty") as caught:
        await orchestrator.statistics(*case.window)
    assert caught.value.retryable


async def test_history_and_statistics_agree(case: Case, orchestrator: Orchestrator):
    await orchestrator.states()
    start, end = case.window
    device = case.edge.id
    now = rows(await orchestrator.statistics(start, end))
    past = rows(await orchestrator.history(device, start - 2 * (end - start), end))
    ours = {identity: got for identity, got in now.items() if identity[0] in case.links_of(device)}
    assert ours
    for identity, got in ours.items():
        then = past[identity]
        assert then.keys() >= {name for name in got if not name.endswith("_capacity_bps")}
        assert {name: then[name] for name in got if name in then} == pytest.approx(
            {name: value for name, value in got.items() if name in then}, rel=1e-3, abs=1e-3
        )
