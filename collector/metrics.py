"""The collector's own figures for Prometheus."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

SAMPLES = Counter("lineproof_samples_total", "Samples handed to the journal", ["source"])
FACTS = Counter("lineproof_facts_total", "Facts handed to the journal", ["kind"])
POLLS = Counter("lineproof_polls_total", "SNMP polls by outcome", ["outcome"])
DATAGRAMS = Counter("lineproof_snmp_datagrams_total", "SNMP datagrams by what became of them", ["kind"])
TURNS = Counter("lineproof_snmp_turns_total", "Turns of devices that did not go as planned, by how", ["kind"])
DEAD_DEVICES = Gauge("lineproof_snmp_dead_devices", "Devices that are only probed because they do not answer")
TRAPS = Counter("lineproof_traps_total", "Datagrams at the port for traps by what became of them", ["outcome"])
UNKNOWN_TRAPS = Counter("lineproof_unknown_traps_total", "Authentic traps that have no meaning here", ["oid"])
JOURNAL_WAITING = Gauge("lineproof_journal_waiting_rows", "Rows gathered and not yet in the journal")
JOURNAL_OLDEST = Gauge("lineproof_journal_lag_seconds", "Age of the oldest row that is not yet in the journal")
JOURNAL_BYTES = Gauge("lineproof_journal_bytes", "Bytes that the journal's entries take")
JOURNAL_LIMIT = Gauge("lineproof_journal_limit_bytes", "Bytes that the journal's entries may take")
JOURNAL_ALARM = Gauge("lineproof_journal_alarm", "1 while the journal is nearly full")
JOURNAL_SHED = Counter(
    "lineproof_journal_shed_rows", "Samples that went because the journal was full, by the reader they lack", ["reader"]
)
REFUSED = Counter(
    "lineproof_samples_refused",
    "Samples refused before the journal, by reason (infinite: stored, without the infinite values)",
    ["reason", "source"],
)
FACTS_REFUSED = Counter("lineproof_facts_refused", "Facts refused before the journal", ["reason", "source"])
FORWARDED = Counter("lineproof_forwarder_rows", "Samples and facts written into the store elsewhere", ["store"])
FORWARDER_DEPTH = Gauge("lineproof_forwarder_depth_entries", "Journal entries yet to be forwarded", ["store"])
FORWARDER_AGE = Gauge(
    "lineproof_forwarder_age_seconds", "Time since the oldest entry that waits was received", ["store"]
)
FORWARDER_ASIDE = Counter(
    "lineproof_forwarder_set_aside_rows", "Rows that the store refused for themselves, ever", ["store"]
)
STORE_BACKLOG = Gauge("lineproof_store_backlog_entries", "Journal entries that the store has yet to take over")
WATCH_RESTARTS = Counter("lineproof_watch_restarts_total", "Watches started again after an unexpected end", ["watch"])
ORCHESTRATOR_CALLS = Counter(
    "lineproof_orchestrator_calls_total",
    "Calls to orchestrators by method and HTTP status (429: too many calls)",
    ["orchestrator", "method", "status"],
)
ORCHESTRATOR_DAMAGED = Counter(
    "lineproof_orchestrator_damaged_fields_total",
    "Fields of orchestrators' answers that were unusable",
    ["orchestrator", "method"],
)
ORCHESTRATOR_STRETCH = Gauge(
    "lineproof_orchestrator_stretch",
    "Factor by which an orchestrator is read less often because it limited our calls; 1 when all is well",
    ["orchestrator"],
)
