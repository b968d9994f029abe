"""A journal and a folder of parts that a test maintains by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from collector.journal import Journal
from collector.model import SampleBatch, Source
from collector.store.manifest import Kind, Manifest, Part, read_manifest
from collector.store.parts import read_rollup
from collector.store.port import MaintenanceReport
from collector.store.retention import Retention
from collector.store.rollups import ROLLED, newest_of
from collector.store.sealing import Sealer
from config.clock import epoch_ms

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


class Store:
    """A journal and the sealer's folder."""

    def __init__(self, folder: Path, retention: Retention | None = None, journal: Path | None = None) -> None:
        self.journal, self.folder = Journal(journal or folder / "journal.sqlite"), folder / "store"
        self.parts_folder = self.folder / "parts"
        self.parts_folder.mkdir(parents=True)
        self.retention = retention or Retention()
        self.journal.advance("parts", 0)

    async def write(self, moment: datetime, values: dict[str, float], field: str = "rtt_ms", late: int = 61) -> None:
        """One sample of a minute for each link, received so many seconds after its start."""
        at = np.full(len(values), epoch_ms(moment), np.int64)
        await self.journal.append(
            [
                SampleBatch(
                    Source.PROBE,
                    list(values),
                    at,
                    np.full(len(values), 60, np.int32),
                    at + late * 1000,
                    {field: np.array(list(values.values()))},
                )
            ],
            [],
        )

    def maintain(self, now: datetime) -> MaintenanceReport:
        return Sealer(self.journal, self.folder / "manifest.json", self.parts_folder).run(epoch_ms(now), self.retention)

    @property
    def manifest(self) -> Manifest:
        return read_manifest(self.folder / "manifest.json")

    def parts(self, *kinds: Kind) -> list[Part]:
        """Oldest first."""
        return sorted(
            (part for part in self.manifest.parts if part.kind in kinds), key=lambda part: (part.last, part.slice)
        )

    def hours(self, field: str, links: Sequence[str] = ("wan1", "wan2")) -> dict[tuple[str, datetime], float]:
        """The sum of each hour, as the newest roll-up says."""
        rollups = [read_rollup(self.parts_folder / part.name, links, "", "~") for part in self.parts(Kind.HOURS)]
        rollup = newest_of(rollups)
        return {
            (links[link], datetime.fromtimestamp(time / 1000, UTC)): total
            for link, code, time, total in zip(rollup.link, rollup.field, rollup.time, rollup.total, strict=True)
            if ROLLED[code] == field
        }
