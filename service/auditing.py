"""The audit trail's head, written down outside the records database, and the trail held against it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import select

from config.clock import rfc3339
from config.database import Database
from config.errors import LineproofError
from triage import tables
from triage.audit import Anchor, Checked, head, verify_chain

log = structlog.get_logger()

HEADS = "audit-heads.jsonl"
"""In the data folder; a line a night. Copy it, or the log, to where whoever can write the database cannot."""


async def write_head(database: Database, folder: Path, now: datetime) -> Anchor:
    """Add the chain's head to the file of heads, and say it in the log. Raises LineproofError."""
    async with database.reading() as connection:
        number, digest = await head(connection)
    anchor = Anchor(at=now, number=number, sha256=digest)
    line = json.dumps({"at": rfc3339(now), "number": number, "sha256": digest}) + "\n"
    path = folder / HEADS
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise LineproofError(f"{path} cannot be written: {error.strerror}; free disk space", retryable=True) from error
    log.info("audit_head", number=number, sha256=digest)
    return anchor


def read_heads(folder: Path) -> list[Anchor]:
    """Every head that was written down. Raises LineproofError naming the line that is none; a last one that a crash
    cut short is left out."""
    path = folder / HEADS
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return []
    heads = []
    for place, line in enumerate(lines[:-1], 1):
        try:
            said = json.loads(line)
            anchor = Anchor(at=datetime.fromisoformat(said["at"]), number=said["number"], sha256=said["sha256"])
        except (ValueError, KeyError, TypeError) as error:
            raise LineproofError(f"{path}, line {place} is no head of the audit trail; restore the file") from error
        heads.append(anchor)
    return [anchor for anchor in heads if anchor.number]


async def checked(database: Database, folder: Path) -> Checked:
    """The whole trail, held against the heads in the file. Raises LineproofError."""
    anchors = read_heads(folder)
    async with database.reading() as connection:
        return await verify_chain(connection, anchors)


async def unknown_heads(database: Database, digests: Sequence[str]) -> list[str]:
    """Those digests, which somebody wrote down as the trail's head once, that no row has."""
    async with database.reading() as connection:
        known = set(await connection.scalars(select(tables.audit.c.sha256).where(tables.audit.c.sha256.in_(digests))))
    return [digest for digest in digests if digest not in known]


async def trail_check(database: Database, folder: Path) -> dict[str, Any]:
    """As one of the checks of `case show --verify`."""
    found = await checked(database, folder)
    detail = found.fault or f"{found.rows} rows fit, head sha256 {found.head}"
    return {"verdict": "all", "what": "audit trail", "ok": found.ok, "detail": detail, "used": "records"}
