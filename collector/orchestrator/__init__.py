"""SD-WAN orchestrators: the port, and one module per vendor."""
