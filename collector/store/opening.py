"""From settings to the journal and the store that an installation uses."""

from __future__ import annotations

from pathlib import Path

from collector.claim import being_written, holder_of, lock_of
from collector.journal import Journal
from collector.settings import StoreSettings
from collector.store.embedded import EmbeddedStore
from collector.store.manifest import CURSOR as PARTS
from collector.store.port import MeasurementStore, StoreError


def journal_path(settings: StoreSettings, data: Path) -> Path:
    """Where the journal is; `data` is the installation's data folder."""
    return data / settings.folder / "journal.sqlite"


def check_unclaimed(settings: StoreSettings, data: Path) -> None:
    """Raise StoreError, naming it, when another process collects into this data folder."""
    path = journal_path(settings, data)
    process = holder_of(lock_of(path))
    if process is not None:
        raise StoreError(being_written(path, process))


def open_store(
    settings: StoreSettings, data: Path, links: int = 0, *, read_only: bool = False
) -> tuple[Journal, MeasurementStore]:
    """The journal, and the store that answers questions. Raises StoreError.

    Samples and facts are collected by `journal.append`. The embedded store reads the same journal; into InfluxDB they
    come by a `Forwarder`, which the collector's process runs. `links` is how many there are: unless the settings say
    it, that decides how long raw samples are kept. `read_only`: nothing on disk is made or changed.
    """
    journal = Journal(journal_path(settings, data), read_only=read_only)
    raw_days = settings.raw_days_of(links)
    if settings.kind == "embedded":
        _check_never_forwarded(journal, data / settings.folder)
        return journal, EmbeddedStore(journal, data / settings.folder, raw_days, settings.rollup_days)
    if settings.influx is None:
        raise StoreError("the store is set to influx without a section `influx`; add its url and token")
    from collector.store.influx import InfluxStore

    return journal, InfluxStore.of_settings(
        settings.influx, journal, raw_days=raw_days, rollup_days=settings.rollup_days
    )


def _check_never_forwarded(journal: Journal, folder: Path) -> None:
    """What was trimmed from this journal must be in the parts; where it went to InfluxDB it never will be."""
    cursors = journal.cursors()
    if "influx" in cursors and PARTS not in cursors and journal.trimmed():
        journal.close()
        raise StoreError(
            f"what was measured into {folder} went to InfluxDB, and the embedded store would lack it; set `store.kind` "
            "to influx, or `store.folder` to a new folder"
        )
