"""A simulated VeloCloud orchestrator (VCO)."""
