"""Actuators: what applies a re-route. The plan is pure; one module per adapter sends it."""
