"""What measurements, sources and states are called in a report."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, tzinfo

from reports.formatting import local_time

METRIC_WORDS: Mapping[str, str] = {
    "rtt_ms": "round-trip time",
    "jitter_ms": "jitter",
    "loss_pct": "packet loss",
    "sent": "packets sent",
    "lost": "packets lost",
    "latency_rx_ms": "one-way delay, download",
    "latency_tx_ms": "one-way delay, upload",
    "jitter_rx_ms": "jitter, download",
    "jitter_tx_ms": "jitter, upload",
    "loss_rx_pct": "packet loss, download",
    "loss_tx_pct": "packet loss, upload",
    "rx_bps": "download rate",
    "tx_bps": "upload rate",
    "rx_capacity_bps": "measured capacity, download",
    "tx_capacity_bps": "measured capacity, upload",
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
}
"""Every field of `collector.model.FIELDS`, and the facts that findings count."""

SOURCE_WORDS: Mapping[str, str] = {
    "snmp": "SNMP counters of the device",
    "orchestrator": "SD-WAN orchestrator",
    "probe": "active probe",
    "import": "imported measurements",
}

ACCESS_WORDS: Mapping[str, str] = {
    "dia": "dedicated internet",
    "broadband": "broadband",
    "dsl": "DSL",
    "lte": "LTE",
    "5g": "5G",
    "mpls": "MPLS",
    "satellite": "satellite",
}

UNFIT_WORDS: Mapping[str, str] = {
    "down": "it is down itself",
    "degraded": "it is degraded itself",
    "no_data": "nothing was measured on it lately",
    "no_headroom": "it has not enough room for the traffic",
    "capacity_unknown": "its capacity is not known",
    "shared_fate": "it shares its last mile with the line in trouble",
    "data_cap": "its data allowance would not last",
    "consent_needed": "its owner has to agree first",
    "not_live": "it is not in service",
    "nothing_to_relieve": "there is no traffic to move",
}
"""Every `triage.model.UnfitReason`."""


def metric_words(metric: str) -> str:
    return METRIC_WORDS.get(metric, metric)


_CODE_NAMES = sorted((name for name in METRIC_WORDS if "_" in name or ":" in name), key=len, reverse=True)
_METRIC = re.compile(rf"\b({'|'.join(map(re.escape, _CODE_NAMES))})\b")
"""Only names that are no words of the language: "lost" and "sent" stay what they are."""
_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def readable(text: str, zone: tzinfo) -> str:
    """A sentence of the judge for people: metrics by their words, times as they are at the site."""
    in_words = _METRIC.sub(lambda found: metric_words(found.group()), text)
    return _MOMENT.sub(lambda found: local_time(datetime.fromisoformat(found.group()), zone), in_words)


def source_words(source: str) -> str:
    return SOURCE_WORDS.get(source, source)


def action_words(action: str) -> str:
    """An action as the policy names it, readable: "steer_all" -> "steer all"."""
    return action.replace("_", " ")
