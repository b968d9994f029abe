"""From settings to the journal and the store that an installation uses."""

from __future__ import annotations

from pathlib import Path

from collector.journal import Journal
from collector.settings import StoreSettings
from collector.store.embedded import EmbeddedStore
from collector.store.port import MeasurementStore, StoreError


def open_journal(settings: StoreSettings, data: Path) -> Journal:
    """The installation's journal, made when absent; `data` is its data folder."""
    return Journal(data / settings.folder / "journal.sqlite")


def open_store(settings: StoreSettings, data: Path) -> tuple[Journal, MeasurementStore]:
    """The journal, and the store that answers questions. Raises StoreError.

    Samples and facts are collected by `journal.append`. The embedded store reads the same journal; into InfluxDB they
    come by a `Forwarder`, which the collector's process runs.
    """
    journal = open_journal(settings, data)
    if settings.kind == "embedded":
        return journal, EmbeddedStore(journal, data / settings.folder, settings.raw_days)
    if settings.influx is None:
        raise StoreError("the store is set to influx without a section `influx`; add its url and token")
    from collector.store.influx import InfluxStore

    return journal, InfluxStore.of_settings(settings.influx, journal)
