"""What was measured: SNMP, orchestrators and probes to samples and facts, to the journal, to the store."""
