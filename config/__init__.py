"""How this installation is set up: settings, the clock, the records database, the root of our errors, data files."""
