"""Measurements at rest: the port, and one module per adapter."""
