"""Samples and facts: what every source hands over, whatever it is. Bulk data travels as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
TimeArray = NDArray[np.int64]
"""Milliseconds since 1970-01-01T00:00:00Z."""


class Source(StrEnum):
    """Who measured. Sources never blend: which one speaks for a field is policy."""

    SNMP = "snmp"
    ORCHESTRATOR = "orchestrator"
    PROBE = "probe"
    IMPORT = "import"


FIELDS: Mapping[str, str] = {
    "rtt_ms": "ms",
    "jitter_ms": "ms",
    "loss_pct": "%",
    "sent": "packets",
    "lost": "packets",
    "latency_rx_ms": "ms",
    "latency_tx_ms": "ms",
    "jitter_rx_ms": "ms",
    "jitter_tx_ms": "ms",
    "loss_rx_pct": "%",
    "loss_tx_pct": "%",
    "rx_bps": "bit/s",
    "tx_bps": "bit/s",
    "rx_capacity_bps": "bit/s",
    "tx_capacity_bps": "bit/s",
    "oper_up": "",
    "flaps": "changes",
    "errors_rx": "packets",
    "errors_tx": "packets",
    "discards_rx": "packets",
    "discards_tx": "packets",
    "rssi_dbm": "dBm",
    "rsrp_dbm": "dBm",
    "rsrq_db": "dB",
    "sinr_db": "dB",
    "mos": "",
}
"""Every measurement field and its unit; the same names in the store, the API and files. rx is download."""


@dataclass(frozen=True, slots=True, eq=False)
class SampleBatch:
    """Samples of one source as columns of equal length n, in any order.

    `links` names the link of each row; `time` is the start of its slot, `seconds` the slot's length, so that a
    row measures [time, time + seconds). `fields` holds float64 columns; NaN is "not measured", never zero.
    Identity of a row is (link, source, time): writing it again, later, replaces it.
    """

    source: Source
    links: Sequence[str]
    time: TimeArray
    seconds: NDArray[np.int32]
    received_at: TimeArray
    fields: Mapping[str, FloatArray]

    def __post_init__(self) -> None:
        n = len(self.links)
        unknown = self.fields.keys() - FIELDS.keys()
        if unknown:
            raise ValueError(f"unknown measurement fields: {sorted(unknown)}")
        lengths = {len(self.time), len(self.seconds), len(self.received_at), *map(len, self.fields.values())}
        if lengths != {n}:
            raise ValueError("the columns of a batch differ in length")

    def __len__(self) -> int:
        return len(self.links)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """The samples of one link from one source, ascending in time, one row a slot. A gap is an absent row.

    `seconds` is each row's slot length; aggregated windows hold the bucket's length.
    """

    link: str
    source: Source
    time: TimeArray
    seconds: NDArray[np.int32]
    received_at: TimeArray
    fields: Mapping[str, FloatArray]

    def __len__(self) -> int:
        return len(self.time)

    def column(self, name: str) -> FloatArray:
        """A field's values; all NaN when this source never measured it."""
        values = self.fields.get(name)
        return values if values is not None else np.full(len(self.time), np.nan)


class FactKind(StrEnum):
    EDGE_STATE = "edge_state"
    """Orchestrator's state of a device: `connected | degraded | offline | never_activated | disabled | unknown`.
    Offline is contact lost with management, not proof that the site is down."""
    LINK_STATE = "link_state"
    """`stable | unstable | disconnected | standby | quiet | initial | unknown`. Absent is not healthy."""
    HA_STATE = "ha_state"
    """`unconfigured | pending | ready | failed | unknown`."""
    POLL_OUTCOME = "poll_outcome"
    """Of a device over SNMP: `ok | timeout | auth | error`. Never a statement about a link."""
    REBOOT = "reboot"
    """The device's sysUpTime started again; value is the uptime in seconds."""
    EVENT = "event"
    """An event in the source's own words, for example LINK_DEAD."""
    PART_STATE = "part_state"
    """Of a gateway or controller of an orchestrator (subject = `name/part`): `ok | degraded | down | unknown`."""
    SOURCE_STATE = "source_state"
    """Of a source as a whole (subject = its name): `ok | stale | failing`; our own blindness."""


@dataclass(frozen=True, slots=True, order=True)
class Fact:
    """What a source said about a subject (device, link or source id) other than by measuring.

    Identity is (source, subject, kind, time, value); repeating a fact changes nothing.
    """

    time: datetime
    subject: str
    kind: FactKind
    value: str
    source: Source
    received_at: datetime
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """What a source promises: a slot every `every` seconds, readable at most `late` seconds after the slot's end.

    Until its end + late a slot is *pending*, then *missing*; coverage leaves pending slots out.
    """

    every: int
    late: int
