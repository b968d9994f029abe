"""The schema of the records database, migration by migration."""
