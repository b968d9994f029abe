"""How it runs: command line, repair desk, processes, the Alembic tree. No rule of the domain."""
