"""SNMP: the message codec, the poller, and what IF-MIB rows mean for a link."""
