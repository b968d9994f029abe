"""A simulated fleet: SNMP agents, probe reflectors and an orchestrator that answer on loopback.

It shares neither its truth nor a parser with the product; samples reach the product over sockets only.
"""
