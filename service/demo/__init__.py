"""`lineproof demo`: a simulated fleet, the service as `serve` runs it, and clients who complain."""
