"""The measurement store: one port, its embedded adapter (journal and Parquet parts) and InfluxDB."""

import os

# Collector, engine and desk each read with polars; more threads in each gain nothing on reads of milliseconds.
os.environ.setdefault("POLARS_MAX_THREADS", "2")
