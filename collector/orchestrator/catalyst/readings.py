"""The manager's bulk statistics as columns of figures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from collector.model import FloatArray, TimeArray
from collector.orchestrator.catalyst.columns import Columns
from collector.orchestrator.catalyst.rows import is_up


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelReadings:
    """App-route statistics as columns of length n, one row for a tunnel and interval that ended at `end` (epoch ms).

    NaN is "not measured". `sent` counts the echo requests of the interval.
    """

    local: Sequence[str]
    local_colour: Sequence[str]
    remote: Sequence[str]
    remote_colour: Sequence[str]
    end: TimeArray
    sent: FloatArray
    loss_pct: FloatArray
    rtt_ms: FloatArray
    jitter_ms: FloatArray

    def __len__(self) -> int:
        return len(self.local)


@dataclass(frozen=True, slots=True, kw_only=True)
class InterfaceReadings:
    """Interface statistics as columns of length n. Rx is what the interface received: at a transport, download."""

    address: Sequence[str]
    interface: Sequence[str]
    end: TimeArray
    rx_bps: FloatArray
    tx_bps: FloatArray

    def __len__(self) -> int:
        return len(self.address)


DEFAULT_PROBES = (None, "default")
"""The probe classes (`app_probe_class`) that measure a tunnel as a whole; others measure with other DSCP marks."""


TUNNEL_KEYS = (
    "local_system_ip",
    "local_color",
    "remote_system_ip",
    "remote_color",
    "entry_time",
    "total",
    "loss",
    "loss_percentage",
    "latency",
    "jitter",
    "app_probe_class",
)


def tunnel_readings(items: Sequence[object]) -> tuple[TunnelReadings, int]:
    """The rows of approutestatsstatistics, and how much of them was unusable.

    An interval without echo requests was not measured, though the manager writes zeros for it; with every request
    lost there is no round trip to tell of.
    """
    columns = Columns(items)
    ends = [columns.text(key) for key in TUNNEL_KEYS[:4]]
    end, sent = columns.time("entry_time"), columns.number("total")
    lost, loss = columns.number("loss"), columns.number("loss_percentage", high=100.0)
    rtt, jitter = columns.number("latency"), columns.number("jitter")
    with np.errstate(divide="ignore", invalid="ignore"):
        counted = np.where((sent > 0) & (lost <= sent), 100.0 * lost / sent, np.nan)
    loss = np.where(np.isnan(loss), counted, loss)
    measured = ~(sent == 0)
    loss = np.where(measured, loss, np.nan)
    answered = measured & ~(loss >= 100.0)
    named = np.array([None not in names for names in zip(*ends, strict=True)], dtype=bool)
    placed = named & (end > 0)
    wanted = np.array([word in DEFAULT_PROBES for word in columns.text("app_probe_class")], dtype=bool)
    keep = np.flatnonzero(placed & wanted)
    local, local_colour, remote, remote_colour = ([str(column[i]) for i in keep] for column in ends)
    readings = TunnelReadings(
        local=local,
        local_colour=local_colour,
        remote=remote,
        remote_colour=remote_colour,
        end=end[keep],
        sent=sent[keep],
        loss_pct=loss[keep],
        rtt_ms=np.where(answered, rtt, np.nan)[keep],
        jitter_ms=np.where(answered, jitter, np.nan)[keep],
    )
    return readings, columns.damaged + int((~placed).sum())


INTERFACE_KEYS = (
    "vdevice_name",
    "interface",
    "entry_time",
    "rx_kbps",
    "tx_kbps",
    "oper_status",
    "af_type",
)


def interface_readings(items: Sequence[object]) -> tuple[InterfaceReadings, int]:
    """The rows of interfacestatistics (kbps of 1,000 bit/s), and how much of them was unusable. A row of IPv6 alone
    repeats the interface."""
    columns = Columns(items)
    address, interface = columns.text("vdevice_name"), columns.text("interface")
    end = columns.time("entry_time")
    rx, tx = columns.number("rx_kbps"), columns.number("tx_kbps")
    # What is down carries nothing, but nobody counted there.
    running = np.array([is_up(word) is not False for word in columns.text("oper_status")], dtype=bool)
    rx, tx = np.where(running, rx, np.nan), np.where(running, tx, np.nan)
    placed = np.array([None not in names for names in zip(address, interface, strict=True)], dtype=bool) & (end > 0)
    wanted = np.array([(word or "").lower() != "ipv6" for word in columns.text("af_type")], dtype=bool)
    keep = np.flatnonzero(placed & wanted)
    readings = InterfaceReadings(
        address=[str(address[i]) for i in keep],
        interface=[str(interface[i]) for i in keep],
        end=end[keep],
        rx_bps=1000.0 * rx[keep],
        tx_bps=1000.0 * tx[keep],
    )
    return readings, columns.damaged + int((~placed).sum())
