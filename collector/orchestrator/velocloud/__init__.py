"""VeloCloud Orchestrator (VCO)."""
