"""What causes, verdicts, measurements and sources are called wherever people read: one table of each."""

from __future__ import annotations

from collections.abc import Mapping

from triage.model import Cause, VerdictKind

CAUSE_WORDS: Mapping[Cause, str] = {
    Cause.LINK_DOWN: "line down",
    Cause.SITE_DOWN: "site down",
    Cause.LOSS: "packet loss",
    Cause.LATENCY: "high latency",
    Cause.JITTER: "high jitter",
    Cause.SATURATION: "line filled by the site's own traffic",
    Cause.INSTABILITY: "line going up and down",
    Cause.FAILOVER: "running on the slower line",
    Cause.LAN: "trouble behind the WAN (LAN side)",
    Cause.DEVICE: "trouble of the device itself",
    Cause.MANAGEMENT_LOST: "management contact lost, data flows",
    Cause.NO_DATA: "not measured",
    Cause.NONE: "nothing out of the ordinary",
}

VERDICT_WORDS: Mapping[VerdictKind, str] = {
    VerdictKind.CONFIRMED: "Confirmed",
    VerdictKind.RECOVERED: "Was there, and has ended",
    VerdictKind.NOT_SUBSTANTIATED: "Not substantiated by what was measured",
    VerdictKind.INCONCLUSIVE: "Inconclusive: too little was measured",
}

STATISTIC_WORDS: Mapping[str, str] = {
    "median": "typically",
    "mean": "on average",
    "max": "at most",
    "min": "at least",
    "sum": "in all",
    "last": "at last",
    "changes": "in all",
}

METRIC_WORDS: Mapping[str, str] = {
    "rtt_ms": "round-trip time",
    "jitter_ms": "jitter",
    "loss_pct": "packet loss",
    "sent": "packets sent",
    "lost": "packets lost",
    "latency_rx_ms": "one-way delay (download)",
    "latency_tx_ms": "one-way delay (upload)",
    "jitter_rx_ms": "jitter (download)",
    "jitter_tx_ms": "jitter (upload)",
    "loss_rx_pct": "packet loss (download)",
    "loss_tx_pct": "packet loss (upload)",
    "rx_bps": "download rate",
    "tx_bps": "upload rate",
    "rx_capacity_bps": "measured capacity (download)",
    "tx_capacity_bps": "measured capacity (upload)",
    "oper_up": "port state (1 = up)",
    "flaps": "state changes",
    "errors_rx": "receive errors",
    "errors_tx": "transmit errors",
    "discards_rx": "receive discards",
    "discards_tx": "transmit discards",
    "rssi_dbm": "signal strength (RSSI)",
    "rsrp_dbm": "signal power (RSRP)",
    "rsrq_db": "signal quality (RSRQ)",
    "sinr_db": "signal to noise (SINR)",
    "mos": "estimated MOS",
    "fact:link_state": "reports of the line's state",
    "fact:edge_state": "reports of the device's state",
    "fact:poll_outcome": "polls of the device",
    "fact:reboot": "restarts of the device",
    "fact:ha_state": "reports of the pair's state",
    "fact:event/line": "events of the line",
    "fact:event/port": "events of the port",
    "fact:event/restart": "events of a restarting device",
    "fact:event/load": "events of a device under load",
}
"""Every field of `collector.model.FIELDS`, and the facts that findings count."""

SOURCE_WORDS: Mapping[str, str] = {
    "snmp": "SNMP counters of the device",
    "orchestrator": "SD-WAN orchestrator",
    "probe": "active probe",
    "import": "imported measurements",
}


def metric_words(metric: str) -> str:
    return METRIC_WORDS.get(metric, metric)


def source_words(source: str) -> str:
    return SOURCE_WORDS.get(source, source)
