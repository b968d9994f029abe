"""Our own SNMP engine, which is the authoritative one for informs: its id and its boots outlive the process."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import NamedTuple

from collector.snmp.engine import LAST_CLOCK, LONGEST_ENGINE_ID, SHORTEST_ENGINE_ID
from collector.snmp.trap_admission import TrapError

_PREFIX = bytes.fromhex("80004fb805")
"""RFC 3411, SnmpEngineID: pysnmp's enterprise number 20408, and 5 for "octets, administratively assigned"."""
_RANDOM_OCTETS = 12


class OwnEngine(NamedTuple):
    """`started` is the monotonic time at which snmpEngineTime was 0."""

    id: bytes
    boots: int
    started: float

    def time(self, monotonic: float) -> int:
        """snmpEngineTime in seconds."""
        return int(monotonic - self.started)


def start_engine(path: Path, monotonic: float) -> OwnEngine:
    """The engine of the last start with one boot more, a new one at the first; what is returned is on the disk.

    An engine whose boots have run out is replaced (RFC 3414, 2.2.2). Raises TrapError.
    """
    engine_id, boots = _last(path)
    if boots >= LAST_CLOCK:
        engine_id, boots = _new_id(), 0
    engine = OwnEngine(engine_id, boots + 1, monotonic)
    text = json.dumps({"engine_id": engine.id.hex(), "boots": engine.boots}) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".new")
        with beside.open("w", encoding="ascii") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise TrapError(
            f"the SNMP engine's boots cannot be written to {path}: {error.strerror}; make it writable"
        ) from error
    return engine


def _last(path: Path) -> tuple[bytes, int]:
    try:
        written = json.loads(path.read_text(encoding="ascii"))
        engine_id, boots = bytes.fromhex(written["engine_id"]), int(written["boots"])
    except FileNotFoundError:
        return _new_id(), 0
    except OSError as error:
        raise TrapError(f"the SNMP engine in {path} cannot be read: {error.strerror}; make it readable") from error
    except (ValueError, LookupError, TypeError) as error:
        raise TrapError(
            f"{path} does not hold an SNMP engine's id and boots; remove it, senders of informs find the new engine"
        ) from error
    if not SHORTEST_ENGINE_ID <= len(engine_id) <= LONGEST_ENGINE_ID or boots < 1:
        raise TrapError(
            f"{path} holds an SNMP engine that cannot be; remove it, senders of informs find the new engine"
        )
    return engine_id, boots


def _new_id() -> bytes:
    return _PREFIX + secrets.token_bytes(_RANDOM_OCTETS)
