"""Ticket systems: the port, and one module per adapter."""
