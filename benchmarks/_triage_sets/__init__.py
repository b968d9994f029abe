"""Scenario sets made here: simulated lines of many kinds, faults laid over single probes, and their scorer."""
