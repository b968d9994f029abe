"""Alembic's environment: every package's tables, on whichever connection `service.migrations` hands over."""

from alembic import context

import collector.tables  # noqa: F401 - declares its tables
import inventory.tables  # noqa: F401 - declares its tables
import triage.tables  # noqa: F401 - declares its tables
from config.database import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
    transaction_per_migration=False,
)
context.run_migrations()
