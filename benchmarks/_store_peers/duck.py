"""DuckDB beside us: one table in a file. Its questions go to a copy sorted by link and time, which suits it best."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from _store_peers.fleet import FIELDS, SOURCE, Samples

NAME = "DuckDB"
_COLUMNS = "link link, source VARCHAR, time BIGINT, seconds INTEGER, received_at BIGINT, " + ", ".join(
    f"{name} DOUBLE" for name in FIELDS
)
_MEASURED = ", ".join(
    f"CASE WHEN isnan({name}) THEN NULL ELSE {name} END" if name in ("rtt_ms", "jitter_ms", "mos") else name
    for name in FIELDS
)


class Duck:
    """`samples` and `fleet` are sorted tables; `loading` and `loading_fleet` take what is appended."""

    def __init__(self, folder: Path, links: Sequence[str]) -> None:
        folder.mkdir()
        self.path = folder / "samples.duckdb"
        self._db = duckdb.connect(str(self.path), config={"threads": 2, "memory_limit": "4GB"})
        # A link is a number to DuckDB, and written as one: faster and smaller than text.
        self._db.execute("CREATE TYPE link AS ENUM (SELECT unnest($names))", {"names": list(links)})

    def close(self) -> None:
        self._db.close()

    def create(self, table: str) -> None:
        self._db.execute(f"CREATE TABLE loading_{table} ({_COLUMNS})")

    def append(self, table: str, rows: dict[str, np.ndarray[Any, Any]]) -> None:
        """One batch, one durable transaction."""
        self._db.register("batch", rows)
        self._db.execute(
            f"INSERT INTO loading_{table} SELECT link, '{SOURCE}', time, seconds, received_at, {_MEASURED} FROM batch"
        )
        self._db.unregister("batch")

    def sort(self, table: str) -> None:
        self._db.execute(f"CREATE TABLE {table} AS SELECT * FROM loading_{table} ORDER BY link, time")
        self._db.execute(f"DROP TABLE loading_{table}")
        self._db.execute("CHECKPOINT")

    def size(self) -> int:
        """Bytes of the blocks in use: the file keeps those that sorting freed."""
        used, block = self._db.execute("SELECT used_blocks, block_size FROM pragma_database_size()").fetchall()[0]
        return int(used) * int(block)

    def ask(self, query: str, *values: object) -> dict[str, np.ndarray[Any, Any]]:
        return self._db.execute(query, values).fetchnumpy()

    def window(self, links: Sequence[str], fields: Sequence[str], start: int, end: int) -> object:
        return self.ask(
            f"SELECT link::VARCHAR AS link, time, {', '.join(fields)} FROM wan "
            "WHERE link IN (SELECT unnest(?)::link) AND time >= ? AND time < ? ORDER BY ALL"
            if len(links) > 1
            else f"SELECT time, {', '.join(fields)} FROM wan WHERE link = ? AND time >= ? AND time < ?",
            list(links) if len(links) > 1 else links[0],
            start,
            end,
        )

    def summary(self, links: Sequence[str], start: int, end: int) -> object:
        return self.ask(
            "SELECT link::VARCHAR AS link, quantile_disc(rtt_ms, [0.5, 0.95]) AS ranks, avg(oper_up) AS up FROM wan "
            "WHERE link IN (SELECT unnest(?)::link) AND time >= ? AND time < ? GROUP BY link",
            list(links),
            start,
            end,
        )

    def figures(self, link: str, start: int, end: int) -> tuple[float, float, float, float]:
        """p95 of rtt_ms, availability in percent, sum of rx_bps, count of rows."""
        query = (
            "SELECT quantile_disc(rtt_ms, 0.95), 100 * avg(oper_up), sum(rx_bps), count(*) FROM wan "
            "WHERE link = ? AND time >= ? AND time < ?"
        )
        ((rank, up, total, count),) = self._db.execute(query, [link, start, end]).fetchall()
        return float(rank), float(up), float(total), float(count)

    def latest(self, since: int) -> object:
        newest = ", ".join(f"arg_max({name}, time) AS {name}" for name in FIELDS)
        query = f"SELECT link::VARCHAR AS link, max(time) AS time, {newest} FROM fleet WHERE time >= ? GROUP BY link"
        return self.ask(query, since)

    def by_hour(self, link: str, start: int, end: int) -> object:
        return self.ask(
            "SELECT time // 3600000 AS hour, avg(rtt_ms) FROM year WHERE link = ? AND time >= ? AND time < ? "
            "GROUP BY hour ORDER BY hour",
            link,
            start,
            end,
        )


def columns_of(rows: Samples) -> dict[str, np.ndarray[Any, Any]]:
    """As DuckDB scans them without a copy."""
    return {
        "link": np.array(rows.names(), dtype=object),
        "time": rows.time,
        "seconds": np.full(len(rows), rows.seconds, np.int32),
        "received_at": rows.received_at,
        **rows.fields,
    }
